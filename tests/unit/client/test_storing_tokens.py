"""New tokens are stored before they are used, shared with other processes, and forgotten at the end."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest

from gomatrix_py import Client, Session
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import MatrixError, SessionError, UsageError
from gomatrix_py.http.retry import RetryPolicy
from tests.kit.crash import run_python
from tests.kit.rotating_tokens import GONE, Rotating, refreshes, session_of, tokens_used
from tests.kit.scripted_homeserver import USER, Reply, ScriptedHomeserver, Seen


@pytest.fixture
def server() -> Iterator[ScriptedHomeserver]:
    with ScriptedHomeserver() as server:
        yield server


@pytest.fixture
def tokens(server: ScriptedHomeserver) -> Rotating:
    return Rotating(server)


@pytest.fixture
def client(server: ScriptedHomeserver, tokens: Rotating) -> Iterator[Client]:
    """A client with a refresh token."""
    with Client.from_session(session_of(server), retry=RetryPolicy.never()) as client:
        yield client


def test_new_tokens_are_in_the_file_before_they_are_used(
    server: ScriptedHomeserver, tokens: Rotating, tmp_path: Path
) -> None:
    path = tmp_path / "session.json"
    session_of(server).save(path)
    stored: list[str] = []

    def use(seen: Seen) -> Any:
        stored.append(Session.load(path).access_token)
        return tokens.use(seen)

    server.route("GET", "/whoami", use)
    tokens.expire()
    with Client.from_session(path) as client:
        client.whoami()
    assert stored == ["a0", "a1"]
    assert Session.load(path).refresh_token == "r1"


def test_a_listener_has_them_before_they_are_used(
    client: Client, tokens: Rotating, server: ScriptedHomeserver
) -> None:
    changes: list[tuple[str, str, str, int]] = []

    @client.on_tokens_changed
    def note(session: Session) -> None:
        changes.append((session.user_id, session.access_token, session.refresh_token, len(tokens_used(server))))

    tokens.expire()
    client.whoami()
    assert changes == [(USER, "a1", "r1", 1)]


def test_tokens_that_cannot_be_stored_are_not_used(
    client: Client, tokens: Rotating, server: ScriptedHomeserver
) -> None:
    has_room = False

    @client.on_tokens_changed
    def store(session: Session) -> None:
        if not has_room:
            raise OSError("the disk is full")

    tokens.expire()
    with pytest.raises(OSError, match="full"):
        client.whoami()
    assert (client.session.access_token, client.session.refresh_token) == ("a0", "r0")
    has_room = True
    assert client.whoami().user_id == USER
    assert refreshes(server) == ["r0", "r0"]


def test_a_file_that_cannot_be_written_keeps_them_from_being_used(
    server: ScriptedHomeserver, tokens: Rotating, tmp_path: Path
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    session_of(server).save(folder / "session.json")
    with Client.from_session(folder / "session.json") as client:
        for one in folder.iterdir():
            one.unlink()
        folder.rmdir()
        tokens.expire()
        with pytest.raises(SessionError, match="cannot be saved"):
            client.whoami()
        assert tokens_used(server) == ["a0"]


_DIES = """
import os, sys
from gomatrix_py import Client
from gomatrix_py.client.saved_sessions import Session
path, when = sys.argv[1:]
client = Client.from_session(path)
if when == "before the file is written":
    Session.save = lambda *_: os._exit(9)
else:
    client.on_tokens_changed(lambda _: os._exit(9))
client.whoami()
"""


@pytest.mark.parametrize("when", ["before the file is written", "after the file is written"])
def test_a_crash_between_renewing_and_using_loses_nothing(
    when: str, server: ScriptedHomeserver, tokens: Rotating, tmp_path: Path
) -> None:
    path = tmp_path / "session.json"
    session_of(server).save(path)
    tokens.expire()
    ended = run_python(_DIES, path, when)
    assert ended.returncode == 9, ended.stderr
    assert Session.load(path).access_token == ("a0" if "before" in when else "a1")
    with Client.from_session(path) as client:
        assert client.whoami().user_id == USER


# ------------------------------------------------------------------ other processes with the same file


def test_what_another_process_renewed_is_taken_over(
    server: ScriptedHomeserver, tokens: Rotating, tmp_path: Path
) -> None:
    path = tmp_path / "session.json"
    session_of(server).save(path)
    tokens.expire()
    with Client.from_session(path) as one, Client.from_session(path) as other:
        one.whoami()
        assert other.whoami().user_id == USER
        assert other.session == one.session
    assert refreshes(server) == ["r0"]


def test_many_clients_of_one_file_renew_once(server: ScriptedHomeserver, tokens: Rotating, tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    session_of(server).save(path)
    tokens.expire()
    tokens.waits_for = threading.Barrier(4)
    clients = [Client.from_session(path) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert [one.user_id for one in pool.map(lambda client: client.whoami(), clients)] == [USER] * 4
    assert refreshes(server) == ["r0"]
    for client in clients:
        client.close()


def test_a_file_of_somebody_else_is_not_taken_over(
    server: ScriptedHomeserver, tokens: Rotating, tmp_path: Path
) -> None:
    path = tmp_path / "session.json"
    session_of(server).save(path)
    with Client.from_session(path) as client:
        session_of(server, user_id="@eve:scripted", access_token="eve").save(path)
        tokens.expire()
        client.whoami()
        assert (client.user_id, client.session.access_token) == (USER, "a1")


# ------------------------------------------------------------------ logging out


def test_logging_out_forgets_the_refresh_token_and_the_file(server: ScriptedHomeserver, tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    session_of(server).save(path)
    server.route("POST", "/logout", {})
    with Client.from_session(path) as client:
        client.logout()
        assert not path.exists()
        assert (client.session.refresh_token, client.session.access_token) == ("", "a0")


@pytest.mark.parametrize("reply", [Reply(401, GONE), Reply(500, {})])
def test_a_logout_that_fails_forgets_only_what_is_gone(
    reply: Reply, server: ScriptedHomeserver, tmp_path: Path
) -> None:
    path = tmp_path / "session.json"
    session_of(server, refresh_token="").save(path)
    server.route("POST", "/logout", reply)
    with Client.from_session(path) as client, pytest.raises(MatrixError):
        client.logout()
    assert path.exists() is (reply.status == 500)


def test_acting_as_nobody_leaves_the_file(server: ScriptedHomeserver, tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    session_of(server).save(path)
    with Client.from_session(path) as client:
        client.clear_credentials()
        with pytest.raises(UsageError, match="log in"):
            _ = client.session
    assert json.loads(path.read_text())["access_token"] == "a0"


def test_a_login_during_a_renewal_wins(
    client: Client, tokens: Rotating, server: ScriptedHomeserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def renew(session: Session, cancel: CancelToken | None) -> Session:
        client.set_credentials(USER, "fresh", "DEV")
        return attrs.evolve(session, access_token="late")

    monkeypatch.setattr(client._tokens, "_renew", renew)
    assert client._tokens.after("a0") == "fresh"
    assert client.access_token == "fresh"
