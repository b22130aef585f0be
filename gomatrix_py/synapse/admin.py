"""`SynapseAdmin`: the groups of the admin API over one client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ..cancellation import CancelToken
from ..client import Client
from ..clock import Clock
from ..errors import Unrecognized, UnsupportedByServer, UsageError
from ..http.endpoint import Endpoint
from ..http.retry import RetryPolicy
from ..http.urls import build_url
from .bulk import BulkReport, Outcome, bulk
from .capabilities import AdminCapabilities, keeps_accounts, probe
from .endpoint import AdminEndpoint
from .federation import FederationGroup
from .group import AdminCaller
from .media import MediaGroup
from .registration_tokens import RegistrationTokensGroup
from .reports import ReportsGroup
from .rooms import RoomsGroup
from .server import ServerGroup
from .tasks import TasksGroup
from .users import UsersGroup

__all__ = ["SynapseAdmin"]

R = TypeVar("R")
T = TypeVar("T")


class SynapseAdmin(AdminCaller):
    """The admin API of Synapse, over a client of its own or one that is there already; threads may share it.

    ::

        admin = SynapseAdmin("https://matrix.example.org", "syt_…")
        for user in admin.users.iter_users(deactivated=False):
            print(user.user_id, user.last_seen_at)

    Args:
        client: a `Client` of an administrator, or the URL of the homeserver.
        access_token: where the URL is given; "" for what needs none.
        options: as for `Client`, where the URL is given.

    Attributes:
        client: what the calls go through: retries, errors, hooks and pooling are its own.
        users, rooms, media, registration_tokens, reports, federation, server, tasks: the operations.

    Raises:
        UsageError: the URL is none, or a client is given with a token or options of another.
    """

    def __init__(self, client: Client | str, access_token: str = "", **options: Any) -> None:
        self._owns_client = isinstance(client, str)
        if isinstance(client, str):
            client = Client(client, access_token=access_token, **options)
        elif access_token or options:
            raise UsageError("a client has its own token and options: give them to it")
        self.client = client
        self._who: tuple[str, str] | None = None
        self._delegates_accounts: bool | None = None
        self.users = UsersGroup(self)
        self.rooms = RoomsGroup(self)
        self.media = MediaGroup(self)
        self.registration_tokens = RegistrationTokensGroup(self)
        self.reports = ReportsGroup(self)
        self.federation = FederationGroup(self)
        self.server = ServerGroup(self)
        self.tasks = TasksGroup(self)

    # ------------------------------------------------------------ calls

    def call(
        self, endpoint: Endpoint[R], *, cancel: CancelToken | None = None, retry: RetryPolicy | None = None
    ) -> R:
        """Send a declared request and return its parsed answer.

        Args:
            endpoint: such as ``GetUser(user_id)``.
            cancel: lets another thread end the call.
            retry: instead of the client's own policy; what destroys is not repeated by any.

        Raises:
            UnknownToken, MissingToken: the token is no good.
            Forbidden: we are no administrator, or it is not allowed.
            UnsupportedByServer: this Synapse, this worker, or a server whose accounts are kept elsewhere, lacks it.
            NotFound: there is no such user, room or thing.
            UsageError, TransportError, HTTPError, DecodeError: see `gomatrix_py.errors`.
        """
        try:
            return self.client.call(endpoint, cancel=cancel, retry=retry)
        except Unrecognized as error:
            raise UnsupportedByServer(
                f"{endpoint.route()} failed: {_reason(endpoint)}",
                code=error.code,
                contents=error.contents,
                wrapped_error=error.wrapped_error,
            ) from error

    def make_request(
        self, method: str, *segments: str, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> Any:
        """Make a request of your own below ``/_synapse/admin``, by the same road as every declared one.

        Args:
            method: the HTTP verb.
            segments: of the path, such as ``"v1", "rooms", room_id``; each is quoted.
            query: of the URL.
            body: a JSON value; {} where a POST or PUT has none.

        Returns:
            The answer as plain JSON values.

        Raises:
            UsageError, TransportError, HTTPError, DecodeError: see `call`.
        """
        url = build_url(self.client.homeserver_url, "", ("_synapse", "admin", *segments), query)
        return self.client.make_request(method, url, {} if body is None and method in ("POST", "PUT") else body)

    @property
    def clock(self) -> Clock:
        """The client's clock, for waits and deadlines."""
        return self.client.clock

    def new_transaction_id(self) -> str:
        """Return an id no request of this device had before."""
        return self.client.new_transaction_id()

    # ------------------------------------------------------------ who we are, and what the server can do

    def own_ids(self) -> tuple[str, str]:
        """Return user id and device id of the token, "" where it has no device; asked for once.

        Raises:
            UnknownToken, TransportError, HTTPError, DecodeError: see `gomatrix_py.errors`.
        """
        if self._who is None:
            answer = self.client.whoami()
            self._who = answer.user_id, answer.device_id or ""
        return self._who

    def capabilities(self) -> AdminCapabilities:
        """Ask what this server's admin API can do, by calls that change nothing.

        Raises:
            Forbidden: we are no administrator.
            TransportError, HTTPError, DecodeError: see `gomatrix_py.errors`.
        """
        found = probe(self)
        self._delegates_accounts = found.delegates_accounts
        return found

    def delegates_accounts(self) -> bool:
        """Tell whether an authentication service (MAS) keeps the accounts; asked for once.

        Raises:
            Forbidden: we are no administrator.
            TransportError, HTTPError, DecodeError: see `gomatrix_py.errors`.
        """
        if self._delegates_accounts is None:
            self._delegates_accounts = not keeps_accounts(self)
        return self._delegates_accounts

    # ------------------------------------------------------------ much at once

    def bulk(
        self,
        items: Iterable[T],
        action: Callable[[T], Any],
        *,
        max_workers: int = 4,
        dry_run: bool = False,
        on_progress: Callable[[Outcome[T], int, int], None] | None = None,
        stop_on_error: bool = False,
        cancel: CancelToken | None = None,
    ) -> BulkReport[T]:
        """Do one thing to many; see `gomatrix_py.synapse.bulk.bulk`."""
        return bulk(
            items,
            action,
            max_workers=max_workers,
            dry_run=dry_run,
            on_progress=on_progress,
            stop_on_error=stop_on_error,
            cancel=cancel,
        )

    # ------------------------------------------------------------ the end

    def close(self) -> None:
        """Close the client, where it was made here."""
        if self._owns_client:
            self.client.close()

    def __enter__(self) -> SynapseAdmin:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SynapseAdmin over {self.client!r}>"


def _reason(endpoint: Endpoint[Any]) -> str:
    if isinstance(endpoint, AdminEndpoint) and endpoint.WITHOUT_MAS:
        return "this server does not offer it; it is gone where an authentication service keeps the accounts"
    if "media" in endpoint.PATH:
        return "this server does not offer it here; a worker of its own may serve media"
    return "this version of Synapse does not offer it, or not at this worker"
