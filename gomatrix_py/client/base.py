"""The one road every request takes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import IO, Any, TypeVar

import attrs

from ..api.base import Api
from ..api.login import Logout, RespLogin
from ..api.registration import RespRegister
from ..api.sso import auth_fallback_url
from ..cancellation import CancelToken
from ..clock import Clock, SystemClock
from ..codec import dumps, loads, structure, unstructure
from ..errors import HTTPError, NotFound, UnknownToken, Unrecognized, UsageError, UserInteractive
from ..http.endpoint import Empty, Endpoint, Target
from ..http.exchange import Exchange, RequestHook, ResponseHook
from ..http.messages import HttpRequest, HttpResponse, Limits, Transport
from ..http.retry import RetryPolicy
from ..http.streams import Streams
from ..http.transport import RequestsTransport
from ..http.transport import Session as RequestsSession
from ..http.uia import complete_stages
from ..http.urls import build_url, origin
from ..store import InMemoryStore, Storer
from ..sync import DefaultSyncer, StoringSyncer, Syncer
from .oauth_provider import OAuthProvider
from .renewing import Renewer, stamp
from .saved_sessions import Session
from .tokens import TokenKeeper

__all__ = ["BY_HAND", "BaseClient"]

R = TypeVar("R")
BY_HAND = " (by hand)"
"""Ends the route of a request whose path is no template: it may hold ids."""
_REPEATABLE = frozenset({"GET", "PUT", "DELETE"})


class BaseClient(Api):
    """Credentials, URLs and requests; threads may share one client.

    Args:
        homeserver_url: such as ``https://matrix.example.org``.
        user_id: our own, "" before login.
        access_token: "" before login.
        device_id: of the session, "" if unknown.
        store: what the client remembers; in memory where None is given.
        syncer: what processes /sync answers; a `DefaultSyncer` where None is given.
        transport: a `requests.Session`, or any object with the one method of `Transport`.
        proxies: as requests has them; the environment is never read.
        verify: True, False, or the path of a CA bundle.
        block_private_addresses: see `RequestsTransport`.
        retry: when failed calls are tried again.
        limits: times and sizes of calls that have none of their own.
        app_service_user_id: the user to act as, for application services; sent with every call.
        clock: for waits and deadlines.
        allow_plaintext: send plain text even into rooms that are known to be encrypted.

    Raises:
        UsageError: the URL is not one.
    """

    prefix = "/_matrix/client/v3"

    def __init__(
        self,
        homeserver_url: str,
        user_id: str = "",
        access_token: str = "",
        *,
        device_id: str = "",
        store: Storer | None = None,
        syncer: Syncer | None = None,
        transport: Transport | RequestsSession | None = None,
        proxies: Mapping[str, str] | None = None,
        verify: bool | str = True,
        block_private_addresses: bool = False,
        retry: RetryPolicy | None = None,
        limits: Limits | None = None,
        app_service_user_id: str = "",
        clock: Clock | None = None,
        allow_plaintext: bool = False,
    ) -> None:
        self.allow_plaintext = allow_plaintext
        self._set_up()
        self._target = Target(homeserver_url, access_token, app_service_user_id)
        self._user_id = ""
        self.device_id = ""
        self.limits = limits
        self.clock = clock or SystemClock()
        if transport is None or isinstance(transport, RequestsSession):
            transport = RequestsTransport(
                transport, proxies=proxies, verify=verify, block_private_addresses=block_private_addresses
            )
        elif block_private_addresses:
            raise UsageError("a transport of your own must block private addresses by itself")
        self._exchange = Exchange(transport, retry or RetryPolicy(), self.clock)
        self._provider = OAuthProvider(self._exchange, self.homeserver_url)
        renew = Renewer(self._exchange, self._provider, self.clock)
        nobody = Session(self.homeserver_url, "", access_token)
        self._tokens = TokenKeeper(nobody, self.clock, renew, self._act_as)
        self._store: Storer = store if store is not None else InMemoryStore()
        self._syncer: Syncer = syncer if syncer is not None else DefaultSyncer()
        self.set_credentials(user_id, access_token, device_id)

    def _set_up(self) -> None:
        """Make what a mixin needs of its own; each calls the next."""

    # ------------------------------------------------------------ who we are

    @property
    def homeserver_url(self) -> str:
        """The homeserver's base URL, without a trailing slash."""
        return self._target.base_url

    @property
    def user_id(self) -> str:
        """The user this client acts for, "" before login."""
        return self._user_id

    @property
    def access_token(self) -> str:
        """The access token, "" before login. A secret."""
        return self._target.access_token

    @property
    def app_service_user_id(self) -> str:
        """The user an application service acts as, "" for none."""
        return self._target.app_service_user_id

    @app_service_user_id.setter
    def app_service_user_id(self, user_id: str) -> None:
        self._target = attrs.evolve(self._target, app_service_user_id=user_id)

    @property
    def store(self) -> Storer:
        """What the client remembers; may be replaced before the first sync, as in gomatrix.

        Raises:
            StoreError: on replacing it, where the new one belongs to somebody else or cannot be opened.
        """
        return self._store

    @store.setter
    def store(self, store: Storer) -> None:
        _bind(store, self._user_id, self.device_id)
        syncer = self._syncer
        if isinstance(syncer, StoringSyncer) and syncer.store is self._store:
            syncer.store = store
        self._store = store

    @property
    def syncer(self) -> Syncer:
        """What processes /sync answers; may be replaced before the first sync, as in gomatrix."""
        return self._syncer

    @syncer.setter
    def syncer(self, syncer: Syncer) -> None:
        self._syncer = syncer
        self._introduce_syncer()

    def _introduce_syncer(self) -> None:
        syncer = self._syncer
        if isinstance(syncer, StoringSyncer):
            syncer.user_id = self._user_id or syncer.user_id
            if syncer.store is None:
                syncer.store = self._store

    def set_credentials(
        self,
        user_id: str,
        access_token: str,
        device_id: str = "",
        *,
        refresh_token: str = "",
        expires_in_ms: int | None = None,
    ) -> None:
        """Act as this user from now on.

        Args:
            user_id: our own.
            access_token: of the session.
            device_id: of the session, "" if unknown.
            refresh_token: buys a new access token where this one has expired; "" for none.
            expires_in_ms: how long the access token is good, in milliseconds from now; None if unknown.

        Raises:
            StoreError: the store belongs to somebody else, or cannot be opened.
            SessionError: the session is kept in a file, and cannot be stored there.
        """
        self._sign_in_as(
            Session(
                self.homeserver_url,
                user_id,
                access_token,
                device_id,
                refresh_token=refresh_token,
                expires_at_ts=stamp(self.clock, expires_in_ms),
            )
        )

    def _adopt(self, answer: RespLogin | RespRegister) -> None:
        """Act as the session that a server has just made."""
        self.set_credentials(
            answer.user_id,
            answer.access_token or "",
            answer.device_id or "",
            refresh_token=answer.refresh_token or "",
            expires_in_ms=answer.expires_in_ms,
        )

    def _sign_in_as(self, session: Session) -> None:
        _bind(self._store, session.user_id, session.device_id)
        self._tokens.replace(session)

    def _act_as(self, session: Session) -> None:
        self._target = attrs.evolve(self._target, access_token=session.access_token)
        self._user_id = session.user_id
        self.device_id = session.device_id
        self._introduce_syncer()

    def clear_credentials(self) -> None:
        """Act as nobody; the store keeps what it has, and a saved session stays as it is."""
        self._tokens.path = None
        self.set_credentials("", "")

    def own_user_id(self) -> str:
        """Return the user id.

        Raises:
            UsageError: the client is not logged in.
        """
        if not self._user_id:
            raise UsageError("this call needs a user id: log in, or pass user_id to Client")
        return self._user_id

    def new_transaction_id(self) -> str:
        """Return an id no request of this device had before."""
        return f"gmpy-{uuid.uuid4().hex}"

    # ------------------------------------------------------------ declared requests

    def call(
        self,
        endpoint: Endpoint[R],
        *,
        cancel: CancelToken | None = None,
        retry: RetryPolicy | None = None,
        sink: IO[bytes] | None = None,
    ) -> R:
        """Send a declared request and return its parsed answer.

        Args:
            endpoint: such as ``BanUser(room_id, user_id)``.
            cancel: lets another thread end the call.
            retry: instead of the client's own policy.
            sink: where the body of the answer goes, for downloads.

        Raises:
            UsageError: nothing was sent.
            TransportError: no whole answer came.
            HTTPError: the answer was not 2xx.
            DecodeError: the answer is not what the specification says.
            SessionError: the token was renewed, but could not be stored.
        """
        send = partial(self._carry_out, cancel=cancel, retry=retry, sink=sink)
        auth = getattr(endpoint, "auth", None)
        if auth is None or isinstance(auth, dict):
            return send(endpoint)
        return self._authenticated(endpoint, auth, send)

    def _authenticated(self, endpoint: Endpoint[R], auth: Any, send: Callable[[Endpoint[R]], R]) -> R:
        """Send without `auth`, and answer the stages that the server wants first."""
        try:
            return send(attrs.evolve(endpoint, auth=None))  # type: ignore[misc]
        except UserInteractive as error:
            wanted = error
        page = partial(auth_fallback_url, self.homeserver_url)
        stages = complete_stages(auth, wanted, user_id=self._user_id, fallback_url=page)
        answer = next(stages)
        while True:
            try:
                return send(attrs.evolve(endpoint, auth=answer))  # type: ignore[misc]
            except UserInteractive as error:
                answer = stages.send(error)

    def _carry_out(
        self,
        endpoint: Endpoint[R],
        *,
        cancel: CancelToken | None,
        retry: RetryPolicy | None,
        sink: IO[bytes] | None,
    ) -> R:
        request = endpoint.to_request(self._target)
        changes: dict[str, Any] = {}
        if self.limits is not None and endpoint.limits() == Limits():
            changes["limits"] = self.limits
        if cancel is not None:
            changes["cancel"] = cancel
        if sink is not None:
            changes["sink"] = sink
        if changes:
            request = attrs.evolve(request, **changes)
        try:
            return endpoint.parse(self._exchanged(request, retry))
        except (Unrecognized, NotFound) as error:
            explained = self._explained(endpoint, error)
            if explained is error:
                raise
            raise explained from error

    def _exchanged(self, request: HttpRequest, retry: RetryPolicy | None = None) -> HttpResponse:
        """Send a request with a token that is good: it is renewed where it has expired, once for all threads."""
        if not request.access_token:
            return self._exchange.send(request, retry)
        token = self._tokens.token(request.cancel)
        if token and token != request.access_token:
            request = attrs.evolve(request, access_token=token)
        streams = Streams(request)
        try:
            return self._exchange.send(request, retry)
        except UnknownToken as error:
            token = self._tokens.after(request.access_token, request.cancel)
            if not token or not streams.wind_back(error):
                raise
        return self._exchange.send(attrs.evolve(request, access_token=token), retry)

    def _end_session(self, endpoint: Endpoint[Empty]) -> Empty:
        """Log out, and forget what the session leaves behind; the access token stays, as in gomatrix."""
        session = self._tokens.session
        try:
            if session.oauth_client_id and isinstance(endpoint, Logout):
                self._provider.revoke(session)
                answer = Empty()
            else:
                answer = self.call(endpoint)
        except UnknownToken as error:
            if not error.soft_logout:
                self._tokens.discard()
            raise
        self._tokens.discard()
        return answer

    def _explained(self, endpoint: Endpoint[Any], error: HTTPError) -> HTTPError:
        """Return the error to raise where the server does not know an operation."""
        return error

    def on_request(self, hook: RequestHook) -> RequestHook:
        """Call a function before each request is sent; also as a decorator. It sees no credentials."""
        self._exchange.request_hooks.append(hook)
        return hook

    def on_response(self, hook: ResponseHook) -> ResponseHook:
        """Call a function after each try, with request, answer or error, and seconds; also as a decorator."""
        self._exchange.response_hooks.append(hook)
        return hook

    # ------------------------------------------------------------ requests by hand, as in gomatrix

    def build_url(self, *segments: str) -> str:
        """Return the URL of a path under ``/_matrix/client/v3``, each segment quoted.

        Raises:
            UsageError: a segment is empty, ``.``, ``..`` or over 255 bytes.
        """
        return self.build_url_with_query(segments, {})

    def build_base_url(self, *segments: str) -> str:
        """Return the URL of a path, prefix included in the segments.

        Raises:
            UsageError: as `build_url`.
        """
        return build_url(self.homeserver_url, "", segments, self._query_of_everything())

    def build_url_with_query(self, segments: Sequence[str], query: Mapping[str, Any]) -> str:
        """Return the URL of a path under ``/_matrix/client/v3`` with a query.

        Raises:
            UsageError: as `build_url`.
        """
        return build_url(self.homeserver_url, self.prefix, segments, {**self._query_of_everything(), **query})

    def _query_of_everything(self) -> dict[str, str]:
        return {"user_id": self.app_service_user_id} if self.app_service_user_id else {}

    def make_request(self, method: str, url: str, body: Any = None, response_type: Any = None) -> Any:
        """Make a JSON request of your own, by the same road as every declared one.

        Args:
            method: the HTTP verb.
            url: from `build_url`. The token goes along to the homeserver only, and a body goes nowhere else.
            body: a dict, a content class, or None for no body.
            response_type: the class of the answer; None returns plain JSON values.

        Returns:
            The answer; None where it is empty.

        Raises:
            UsageError, TransportError, HTTPError, DecodeError: see `call`.

        Source: gomatrix MakeRequest.
        """
        is_home = origin(url) == origin(self.homeserver_url)
        if not is_home and body is not None:
            raise UsageError("a body is sent to the homeserver only")
        path = url.split("?", 1)[0].removeprefix(self.homeserver_url)
        request = HttpRequest(
            method=method,
            url=url,
            route=f"{method} {path}{BY_HAND}",
            headers={} if body is None else {"Content-Type": "application/json"},
            body=None if body is None else dumps(unstructure(body)),
            access_token=self.access_token if is_home else "",
            may_retry=method in _REPEATABLE,
            limits=self.limits or Limits(),
        )
        answer = self._exchanged(request)
        if not answer.body:
            return None
        document = loads(answer.body)
        return document if response_type is None else structure(document, response_type)

    def close(self) -> None:
        """Close the connections and the store."""
        for part in (self._exchange.transport, self.store):
            close = getattr(part, "close", None)
            if close is not None:
                close()

    def __repr__(self) -> str:
        who = self._user_id or "nobody"
        return f"<{type(self).__name__} {who} at {self.homeserver_url}>"


def _bind(store: Storer, user_id: str, device_id: str) -> None:
    bind = getattr(store, "bind", None)
    if user_id and bind is not None:
        bind(user_id, device_id)
