"""Uploads that broke off: what is sent again, and what a server's "there is something already" means."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from gomatrix_py import Client, RetryPolicy
from gomatrix_py.client import uploads
from gomatrix_py.errors import Conflict, ServerError
from gomatrix_py.media.progress import WatchedSource
from tests.kit.media_server import CREATE, NOT_YET, POST, RESERVED, TAKEN, MediaServer
from tests.kit.scripted_homeserver import Reply


@pytest.fixture
def server() -> Iterator[MediaServer]:
    """A homeserver."""
    made = MediaServer()
    with made:
        yield made


@pytest.fixture
def client(server: MediaServer) -> Iterator[Client]:
    """A client that tries three times at once."""
    with Client(server.url, "@a:b", "t0ken", retry=RetryPolicy(attempts=3, base_s=0.0)) as made:
        yield made


def test_a_broken_upload_is_tried_again_from_the_front(server: MediaServer, client: Client) -> None:
    server.put = [Reply(502, b"<html>"), Reply(503, b""), {}]
    stream = io.BytesIO(b"skipped" + b"0123456789")
    stream.seek(7)
    told: list[int] = []
    assert client.upload(stream, progress=lambda done, total: told.append(done)) == RESERVED
    assert server.uploaded == [b"0123456789"] * 3
    assert told == [10, 0, 10, 0, 10]


def test_the_old_way_is_never_tried_twice(server: MediaServer, client: Client) -> None:
    server.route("POST", CREATE, Reply(404, {"errcode": "M_UNRECOGNIZED"}))
    server.route("POST", POST, Reply(502, b""))
    with pytest.raises(ServerError):
        client.upload(b"x")
    assert server.uploaded == [b"x"]


def test_an_upload_whose_answer_was_lost_is_done(server: MediaServer, client: Client) -> None:
    """The second try hears that there is something: a look at the address tells that it is ours."""
    server.put = [Reply(504, b""), TAKEN]
    server.route("GET", "/media/download/server.example/reserved", b"x" * 500)
    assert client.upload(b"x" * 500) == RESERVED
    assert server.roads[-1] == "GET download/server.example/reserved"
    assert int(server.seen[-1].query["timeout_ms"]) > 0


def test_an_upload_that_the_server_was_still_busy_with_is_sent_again(server: MediaServer, client: Client) -> None:
    """Synapse says "there is something" while it reads a first try that will come to nothing."""
    server.put = [Reply(504, b""), TAKEN, {}]
    server.route("GET", "/media/download/", NOT_YET)
    assert client.upload(b"whole") == RESERVED
    assert server.uploaded == [b"whole"] * 3


def test_taking_any_conflict_for_success_would_lose_the_file(server: MediaServer, client: Client) -> None:
    """The control for the look at the address: there is nothing, however often the server says so."""
    server.put = [Reply(504, b""), TAKEN, TAKEN, TAKEN, TAKEN]
    server.route("GET", "/media/download/", NOT_YET)
    with pytest.raises(Conflict):
        client.upload(b"x")
    assert server.roads.count("GET download/server.example/reserved") == 3


def test_a_look_that_cannot_be_taken_is_no_success(server: MediaServer, client: Client) -> None:
    server.put = [Reply(504, b""), TAKEN, TAKEN, TAKEN]
    server.route("GET", "/media/download/", Reply(500, {"errcode": "M_UNKNOWN"}))
    with pytest.raises(Conflict):
        client.upload(b"x")


def test_a_server_with_the_old_paths_only_is_looked_at_there(server: MediaServer, client: Client) -> None:
    server.route("GET", "/client/v1/media/", Reply(404, {"errcode": "M_UNRECOGNIZED"}))
    server.route("GET", "/media/v3/config", {"m.upload.size": 1000})
    server.put = [Reply(504, b""), TAKEN]
    server.route("GET", "/media/v3/download/server.example/reserved", b"")
    assert client.upload(b"x") == RESERVED
    assert "authorization" not in server.seen[-1].headers


def test_a_conflict_is_only_looked_into_after_a_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control for `was_wound_back`: were it always true, a first conflict would pass for success."""
    server = MediaServer()
    with server, Client(server.url, "@a:b", "t0ken", retry=RetryPolicy.never()) as client:
        server.route("GET", "/media/download/", b"somebody else's")
        server.put = [TAKEN]
        with pytest.raises(Conflict):
            client.upload(b"x")

        class Forgetful(WatchedSource):
            @property
            def was_wound_back(self) -> bool:
                return True

            @was_wound_back.setter
            def was_wound_back(self, value: bool) -> None:
                pass

        monkeypatch.setattr(uploads, "WatchedSource", Forgetful)
        server.put = [TAKEN]
        assert client.upload(b"x") == RESERVED
