"""A Synapse with an administrator, and tests that say which operations of the admin API they show to work."""

from __future__ import annotations

import functools
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

from gomatrix_py import Client, Limits, RetryPolicy
from gomatrix_py.errors import MatrixError
from gomatrix_py.http.endpoint import Endpoint
from gomatrix_py.http.messages import HttpRequest, HttpResponse
from gomatrix_py.synapse import SynapseAdmin
from gomatrix_py.testing import DevServer

__all__ = ["CONFIG", "PASSWORD", "PNG", "World", "named_in", "running_world", "serves"]

F = TypeVar("F", bound=Callable[..., Any])

PASSWORD = "rabbit"
CONFIG: dict[str, Any] = {
    "server_notices": {"system_mxid_localpart": "notices", "room_name": "Notices"},
    "account_validity": {"enabled": True, "period": "52w"},
    "serve_server_wellknown": True,
}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c02"
    "0000000b4944415478da6364f80f00010501012718e3660000000049454e44ae426082"
)


class World:
    """A server, its administrator, and what it answered."""

    def __init__(self, server: DevServer) -> None:
        self.server = server
        self.root = server.register("root", PASSWORD, admin=True)
        self.admin = SynapseAdmin(self.root)
        self.answered: list[str] = []
        self.root.on_response(self._remember)
        self._lent: list[Client] = []

    def _remember(self, request: HttpRequest, outcome: HttpResponse | MatrixError, took_s: float) -> None:
        if isinstance(outcome, HttpResponse) and outcome.is_success:
            self.answered.append(request.route)

    def user(self, name: str = "user", password: str = PASSWORD, **options: Any) -> Client:
        """Make an account with a name of its own."""
        made: Client = self.server.register(f"{name}-{secrets.token_hex(4)}", password, **options)
        return made

    def outsider(self) -> SynapseAdmin:
        """Return the admin API as somebody without rights has it."""
        return SynapseAdmin(self.user("outsider"))

    def impatient(self, **limits: Any) -> SynapseAdmin:
        """Return the admin API over a client that tries nothing twice."""
        client = Client(
            self.server.url,
            self.root.user_id,
            self.root.access_token,
            retry=RetryPolicy.never(),
            limits=Limits(**limits),
        )
        self._lent.append(client)
        return SynapseAdmin(client)

    def close(self) -> None:
        """Close the clients that the server does not know of."""
        for client in self._lent:
            client.close()

    def upload(self, owner: Client, content: bytes = PNG) -> str:
        """Upload a picture, unlike every other, and return its media id: Synapse quarantines equal files together."""
        content += secrets.token_bytes(8)
        return owner.upload_to_content_repo(content, "image/png").content_uri.rpartition("/")[2]

    def plant(self, statement: str, *values: Any) -> None:
        """Put a row into the server's database that only other servers would bring."""
        with closing(sqlite3.connect(self.server.folder / "homeserver.db", timeout=20)) as database, database:
            database.execute(statement, values)


@contextmanager
def running_world(**config: Any) -> Iterator[World]:
    """Run a world for as long as the block runs."""
    with DevServer(config={**CONFIG, **config}) as server, closing(World(server)) as world:
        yield world


def serves(*endpoints: type[Endpoint[Any]]) -> Callable[[F], F]:
    """Mark a test that shows these operations to work; it fails where one was not answered with 2xx."""

    def mark(test: F) -> F:
        @functools.wraps(test)
        def checked(**fixtures: Any) -> None:
            world: World = fixtures["world"]
            del world.answered[:]
            test(**fixtures)
            missing = [one.__name__ for one in endpoints if one.route() not in world.answered]
            assert missing == [], f"not answered: {missing}"

        return checked  # type: ignore[return-value]

    return mark


def named_in(source: str) -> set[str]:
    """Return the operations that the tests of a file are marked with."""
    found: set[str] = set()
    for names in re.findall(r"^@serves\(([^)]*)\)", source, re.MULTILINE):
        found |= {name.strip().rpartition(".")[2] for name in names.split(",") if name.strip()}
    return found
