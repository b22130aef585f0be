"""A world on a real Synapse in which every operation that it serves can be called, and the table of those calls.

A check is a function that calls one operation, and asserts what came back. `serves` enters it in `CHECKS`.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gomatrix_py import Client
from gomatrix_py.http.endpoint import Endpoint
from gomatrix_py.testing import DevServer

__all__ = ["CHECKS", "GHOST", "PASSWORD", "Calling", "Check", "World", "serves", "small_world"]

PASSWORD = "wonderland"
GHOST = "@ghost_hatter:localhost"
_TOKEN = "application-service-token"

Check = Callable[["World"], None]
CHECKS: dict[str, Check] = {}


def serves(*operations: str) -> Callable[[Check], Check]:
    """Enter a check that calls these operations."""

    def enter(check: Check) -> Check:
        for operation in operations:
            assert operation not in CHECKS, operation
            CHECKS[operation] = check
        return check

    return enter


class Calling(Client):
    """A client that remembers which operations were answered."""

    def _set_up(self) -> None:
        super()._set_up()
        self.answered: list[type[Endpoint[Any]]] = []

    def call(self, endpoint: Endpoint[Any], **options: Any) -> Any:
        """Go on as any client, and remember what was answered."""
        answer = super().call(endpoint, **options)
        self.answered.append(type(endpoint))
        return answer


class World:
    """People, rooms and a bridge on one homeserver."""

    def __init__(self, server: DevServer, bridge: Bridge) -> None:
        self.server = server
        self.bridge = bridge
        self.clients: list[Calling] = []
        self._numbers = itertools.count()
        self.admin = self.person("admin", admin=True)
        self.alice = self.person("alice")
        self.bob = self.person("bob")
        self.ghost = self._client(GHOST, _TOKEN, app_service_user_id=GHOST)
        account = {"type": "m.login.application_service", "username": "ghost_hatter", "inhibit_login": True}
        master = self._client("@ghost_master:localhost", _TOKEN)
        master.make_request("POST", master.build_url("register"), account)

    def name(self) -> str:
        """Return a name that nothing had before."""
        return f"n{next(self._numbers)}"

    def person(self, name: str = "", *, admin: bool = False) -> Calling:
        """Return a client of a new user."""
        made = self.server.register(name or self.name(), PASSWORD, admin=admin)
        return self._client(made.user_id, made.access_token, device_id=made.device_id)

    def nobody(self) -> Calling:
        """Return a client without a session."""
        return self._client("", "")

    def _client(self, user_id: str, token: str, **options: Any) -> Calling:
        client = Calling(self.server.url, user_id, token, **options)
        self.clients.append(client)
        return client

    def room(self, **options: Any) -> str:
        """Return a room that Alice made and Bob joined."""
        room_id = self.alice.create_room("Wonderland", invite=[self.bob.user_id], **options).room_id
        self.bob.join_room_by_id(room_id)
        return room_id

    def answered(self) -> set[type[Endpoint[Any]]]:
        """Return the operations that were answered since the last time."""
        found = {one for client in self.clients for one in client.answered}
        for client in self.clients:
            client.answered.clear()
        return found


class Bridge:
    """The application service's own server, on loopback: it is pinged, and knows one network."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._answer()

            def do_PUT(self) -> None:
                self.do_POST()

            def _answer(self) -> None:
                path = urlsplit(self.path).path
                outer.paths.append(path)
                content = json.dumps(_bridged(path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _bridged(path: str) -> Any:
    fields = {"channel": "#tea"}
    if "/thirdparty/protocol/" in path:
        kinds = {"channel": {"regexp": ".*", "placeholder": "#room"}}
        network = {"desc": "Tea", "network_id": "tea", "fields": {}}
        return {
            "user_fields": ["nick"],
            "location_fields": ["channel"],
            "icon": "mxc://localhost/icon",
            "field_types": kinds,
            "instances": [network],
        }
    if "/thirdparty/location" in path:
        return [{"alias": "#tea:localhost", "protocol": "irc", "fields": fields}]
    if "/thirdparty/user" in path:
        return [{"userid": GHOST, "protocol": "irc", "fields": {"nick": "hatter"}}]
    return {}


@contextmanager
def small_world(folder: Path) -> Iterator[World]:
    """A homeserver, its bridge, and those who live there, for as long as a block runs."""
    bridge = Bridge()
    registration = {
        "id": "ghosts",
        "url": bridge.url,
        "as_token": _TOKEN,
        "hs_token": "homeserver-token",
        "sender_localpart": "ghost_master",
        "rate_limited": False,
        "protocols": ["irc"],
        "namespaces": {"users": [{"exclusive": True, "regex": "@ghost_.*"}], "rooms": [], "aliases": []},
    }
    (folder / "registration.yaml").write_text(json.dumps(registration), encoding="utf-8")
    config = {
        "app_service_config_files": [str(folder / "registration.yaml")],
        "login_via_existing_session": {"enabled": True, "require_ui_auth": False},
    }
    try:
        with DevServer(config=config) as server:
            yield World(server, bridge)
    finally:
        bridge.stop()
