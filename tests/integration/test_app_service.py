"""Acting as the users of an application service, on a homeserver that knows one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gomatrix_py import Client, TextMessage
from gomatrix_py.errors import Forbidden
from gomatrix_py.testing import DevServer

TOKEN = "application-service-token"
GHOST = "@ghost_hatter:localhost"
LONG_AGO = 1_000_000_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """A homeserver with an application service that owns the users ghost_…."""
    path: Path = tmp_path_factory.mktemp("app-service") / "registration.yaml"
    registration = {
        "id": "ghosts",
        "url": None,
        "as_token": TOKEN,
        "hs_token": "homeserver-token",
        "sender_localpart": "ghost_master",
        "rate_limited": False,
        "namespaces": {"users": [{"exclusive": True, "regex": "@ghost_.*"}], "rooms": [], "aliases": []},
    }
    path.write_text(json.dumps(registration), encoding="utf-8")
    with DevServer(config={"app_service_config_files": [str(path)]}) as server:
        yield server


@pytest.fixture
def ghost(server: DevServer) -> Iterator[Client]:
    """The application service, acting as one of its users."""
    with Client(server.url, GHOST, TOKEN, app_service_user_id=GHOST) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def registered(server: DevServer) -> None:
    """The user exists."""
    with Client(server.url, "@ghost_master:localhost", TOKEN) as master:
        account = {"type": "m.login.application_service", "username": "ghost_hatter", "inhibit_login": True}
        assert master.make_request("POST", master.build_url("register"), account)["user_id"] == GHOST


def test_every_call_is_made_as_that_user(ghost: Client) -> None:
    assert ghost.whoami().user_id == GHOST
    url = ghost.build_url("account", "whoami")
    assert ghost.make_request("GET", url)["user_id"] == GHOST
    ghost.app_service_user_id = ""
    assert ghost.whoami().user_id == "@ghost_master:localhost"


def test_events_may_be_given_a_time(server: DevServer, ghost: Client) -> None:
    room_id = ghost.create_room("The past").room_id
    event_id = ghost.send_message_event(room_id, "m.room.message", TextMessage("old news"), ts=LONG_AGO).event_id
    event = ghost.get_event(room_id, event_id)
    assert (event.sender, event.origin_server_ts) == (GHOST, LONG_AGO)
    assert event.sent_at is not None
    assert event.sent_at.isoformat() == "2001-09-09T01:46:40+00:00"
    event_id = ghost.send_state_event(room_id, "com.example", "", {"n": 1}, ts=LONG_AGO).event_id
    assert ghost.get_event(room_id, event_id).origin_server_ts == LONG_AGO


def test_it_syncs_as_that_user(ghost: Client) -> None:
    room_id = ghost.create_room("A room of its own").room_id
    ghost.sync_once()
    assert ghost.load_room(room_id).name == "A room of its own"


def test_others_are_not_ours_to_be(server: DevServer) -> None:
    alice = "@alice:localhost"
    with Client(server.url, alice, TOKEN, app_service_user_id=alice) as client, pytest.raises(Forbidden):
        client.whoami()
