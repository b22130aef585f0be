"""What a server can do: asked once, by whichever thread comes first, and told where a call needs more."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gomatrix_py import Client
from gomatrix_py.api.delayed_events import GetDelayedEvents
from gomatrix_py.api.room_history import GetThreads
from gomatrix_py.api.room_membership import BanUser
from gomatrix_py.api.server import GetVersions
from gomatrix_py.api.users import GetMutualRooms
from gomatrix_py.errors import ConnectError, NotFound, ServerError, Unrecognized, UnsupportedByServer
from gomatrix_py.http.messages import HttpRequest, HttpResponse
from gomatrix_py.http.retry import RetryPolicy

VERSIONS = {
    "versions": ["r0.6.1", "v1.1", "v1.11", "future"],
    "unstable_features": {"org.matrix.msc4140": True, "off": False},
}
UNRECOGNIZED = {"errcode": "M_UNRECOGNIZED", "error": "Unrecognized request"}
ROOM = "!room:example.org"


class Server:
    """Answers /versions as it is told, and everything else as a server that lacks it."""

    def __init__(self, versions: Any = None, status: int = 404, body: Any = UNRECOGNIZED) -> None:
        self.versions = VERSIONS if versions is None else versions
        self.answer = HttpResponse(status, {}, json.dumps(body).encode() if body is not None else b"<html>")
        self.asked = 0
        self.gate: Callable[[], object] = lambda: None

    def send(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; the one method of a transport."""
        if not request.url.endswith("/versions"):
            return self.answer
        self.asked += 1
        self.gate()
        if isinstance(self.versions, Exception):
            raise self.versions
        return HttpResponse(200, {}, json.dumps(self.versions).encode())

    def client(self) -> Client:
        return Client("https://example.org", "@a:s", "token", transport=self, retry=RetryPolicy(attempts=1))


@pytest.mark.parametrize(
    ("feature", "is_there"),
    [
        ("v1.11", True),
        ("v1.5", True),
        ("v1.12", False),
        ("v2.0", False),
        ("r0.6.0", True),
        ("r0.7.0", False),
        ("org.matrix.msc4140", True),
        ("off", False),
        ("org.example.unknown", False),
        ("", False),
        (BanUser, True),
        (GetThreads, True),
        (GetDelayedEvents, True),
        (GetVersions, True),
    ],
)
def test_what_a_server_has(feature: Any, is_there: bool) -> None:
    assert Server().client().supports(feature) is is_there


def test_an_operation_may_be_there_before_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GetMutualRooms, "ADDED", "1.99")
    monkeypatch.setattr(GetMutualRooms, "UNSTABLE_FEATURE", "org.example.stable")
    assert not Server().client().supports(GetMutualRooms)
    early = {"versions": ["v1.1"], "unstable_features": {"org.example.stable": True}}
    assert Server(early).client().supports(GetMutualRooms)


def test_it_is_asked_once_and_again_on_demand() -> None:
    server = Server()
    client = server.client()
    assert client.server_versions == ("r0.6.1", "v1.1", "v1.11", "future")
    client.supports("v1.1")
    assert server.asked == 1
    server.versions = {"versions": ["v1.18"]}
    assert not client.supports("v1.18")
    client.server_features(refresh=True)
    assert client.supports("v1.18")
    assert server.asked == 2


def test_another_session_asks_for_itself() -> None:
    """Features may differ by user, and another client has a cache of its own."""
    server = Server()
    client = server.client()
    client.supports("v1.1")
    client.set_credentials("@b:s", "other")
    client.supports("v1.1")
    server.client().supports("v1.1")
    assert server.asked == 3


def test_threads_that_ask_at_once_ask_once() -> None:
    server = Server()
    client = server.client()
    start, held = threading.Barrier(8), threading.Event()
    server.gate = lambda: held.wait(10)

    def ask() -> bool:
        start.wait(10)
        return client.supports("v1.11")

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask) for _ in range(8)]
        held.set()
        assert [one.result(20) for one in asking] == [True] * 8
    assert server.asked == 1


def test_what_could_not_be_read_is_asked_for_again() -> None:
    server = Server(ConnectError("refused"))
    client = server.client()
    with pytest.raises(ConnectError):
        client.supports("v1.1")
    server.versions = VERSIONS
    assert client.supports("v1.1")


# ------------------------------------------------------------------ calls that need more


@pytest.mark.parametrize("body", [UNRECOGNIZED, None])
def test_a_call_that_needs_a_later_version_says_so(body: Any) -> None:
    with pytest.raises(UnsupportedByServer, match=r"v1\.18; the server has versions up to v1\.11") as caught:
        Server(body=body).client().get_well_known_policy_server()
    error = caught.value
    assert isinstance(error, Unrecognized)
    assert (error.code, error.needs, error.versions) == (404, "v1.18", ("r0.6.1", "v1.1", "v1.11", "future"))
    assert "GET /.well-known/matrix/policy_server" in str(error)


def test_a_call_of_a_proposal_names_it() -> None:
    client = Server({"versions": ["v1.1"]}).client()
    with pytest.raises(UnsupportedByServer, match=r"needs MSC4140; the server has versions up to v1\.1") as caught:
        client.get_delayed_events()
    assert caught.value.needs == "MSC4140"
    assert isinstance(caught.value.__cause__, Unrecognized)


@pytest.mark.parametrize(
    ("call", "server", "kind"),
    [
        # the server says that it has it: the answer itself is the news
        (lambda client: client.get_delayed_events(), Server(), Unrecognized),
        (lambda client: client.threads(ROOM), Server(), Unrecognized),
        # it was there from the beginning
        (lambda client: client.ban_user(ROOM, "@b:s"), Server(), Unrecognized),
        # there is no such room, which the server says in its own words
        (lambda client: client.get_lock_status("@b:s"), Server(body={"errcode": "M_NOT_FOUND"}), NotFound),
        # /versions cannot be read, or says nothing of use
        (lambda client: client.get_lock_status("@b:s"), Server(ConnectError("refused")), Unrecognized),
        (lambda client: client.get_lock_status("@b:s"), Server({"versions": 7}), Unrecognized),
        (lambda client: client.get_lock_status("@b:s"), Server(status=502, body=None), ServerError),
    ],
)
def test_every_other_error_stays_what_it_is(call: Callable[[Client], object], server: Server, kind: type) -> None:
    with pytest.raises(kind) as caught:
        call(server.client())
    assert type(caught.value) is kind


def test_a_server_that_lists_nothing_we_know() -> None:
    with pytest.raises(UnsupportedByServer, match="the server has no version we know"):
        Server({"versions": ["x"]}).client().get_lock_status("@b:s")
