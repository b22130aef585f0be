"""A session in a file, in the keyring and from the environment."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyring.errors import KeyringLocked

from gomatrix_py import Client, Crypto, InMemoryStore, SQLiteStore
from gomatrix_py.client import saved_sessions
from gomatrix_py.client.saved_sessions import Session
from gomatrix_py.errors import Forbidden, SessionError, StoreError, UnknownToken, UsageError
from tests.kit.crash import run_python
from tests.kit.memory_keyring import MemoryKeyring, memory_keyring
from tests.kit.scripted_homeserver import USER, Reply, ScriptedHomeserver

SESSION = Session(
    "https://hs.example",
    USER,
    "planted-access",
    "DEV",
    refresh_token="planted-refresh",
    expires_at_ts=1_700_000_000_000,
    oauth_issuer="https://account.example/",
    oauth_client_id="client",
)
LOGGED_IN = {"user_id": USER, "access_token": "t0ken", "device_id": "DEV", "refresh_token": "r0"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.json"


@pytest.fixture
def server() -> Iterator[ScriptedHomeserver]:
    with ScriptedHomeserver() as server:
        server.route("POST", "/login", LOGGED_IN)
        server.route("GET", "/whoami", {"user_id": USER, "device_id": "DEV"})
        yield server


# ------------------------------------------------------------------ the value


def test_its_repr_shows_no_token() -> None:
    assert "planted" not in f"{SESSION!r} {SESSION}"
    assert "planted" not in repr(attrs.evolve(SESSION, refresh_token=""))
    assert USER in repr(SESSION)


def test_a_client_tells_its_session() -> None:
    with Client("https://hs.example/", USER, "t", device_id="D") as client:
        assert client.session == Session("https://hs.example", USER, "t", "D")
        client.device_id = "E"
        assert client.session.device_id == "E"


def test_nobody_has_no_session() -> None:
    with Client("https://hs.example") as client, pytest.raises(UsageError, match="log in first"):
        _ = client.session


# ------------------------------------------------------------------ a file


@pytest.mark.parametrize("session", [SESSION, Session("http://127.0.0.1:8008", USER, "t")])
def test_what_is_saved_is_loaded(session: Session, path: Path) -> None:
    session.save(path)
    assert Session.load(path) == session
    assert Session.load(str(path)) == session


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_its_owner_may_read_it(umask: int, path: Path) -> None:
    before = os.umask(umask)
    try:
        path.write_text("{}")
        path.chmod(0o644)
        SESSION.save(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o606, 0o610])
def test_one_that_others_may_read_is_refused(mode: int, path: Path) -> None:
    SESSION.save(path)
    path.chmod(mode)
    with pytest.raises(SessionError, match="chmod 600") as failure:
        Session.load(path)
    assert "planted" not in str(failure.value)


def test_neither_links_nor_pipes_nor_folders_are_followed(tmp_path: Path) -> None:
    SESSION.save(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", "pipe", ".", "nothing"):
        with pytest.raises(SessionError):
            Session.load(tmp_path / name)


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    SESSION.save(tmp_path / "link")
    assert (tmp_path / "real").read_text() == "precious"
    assert Session.load(tmp_path / "link") == SESSION


def test_a_save_that_fails_leaves_what_was_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SESSION.save(path)

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(SessionError, match="No space"):
        attrs.evolve(SESSION, access_token="new").save(path)
    assert Session.load(path) == SESSION
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_the_folder_is_synced_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    really = os.fsync

    def note(fd: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(fd).st_mode))
        really(fd)

    monkeypatch.setattr(os, "fsync", note)
    SESSION.save(path)
    assert synced == [False, True]


WRITER = """
import itertools, os, sys, threading
from gomatrix_py.client.saved_sessions import Session
threading.Timer(float(sys.argv[2]), lambda: os.kill(os.getpid(), 9)).start()
for number in itertools.count():
    Session("https://hs.example", "@alice:scripted", str(number) * 500).save(sys.argv[1])
"""


@pytest.mark.parametrize("seconds", [0.01, 0.03])
def test_a_writer_that_is_killed_leaves_a_whole_session(seconds: float, path: Path) -> None:
    SESSION.save(path)
    assert run_python(WRITER, path, seconds).returncode == -9
    assert Session.load(path).user_id == USER


SOUND = json.loads(SESSION._to_json())


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {**SOUND, "version": 2},
        {**SOUND, "version": "1"},
        {**SOUND, "user_id": ""},
        {**SOUND, "access_token": ""},
        {**SOUND, "access_token": 7},
        {**SOUND, "expires_at_ts": "soon"},
        {**SOUND, "expires_at_ts": True},
        {**SOUND, "homeserver_url": "ftp://planted"},
        {**SOUND, "homeserver_url": "https://me:planted@hs"},
        {**SOUND, "padding": "x" * 70_000},
    ],
)
def test_what_is_no_session_is_refused(document: Any, path: Path) -> None:
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    with pytest.raises(SessionError) as failure:
        Session.load(path)
    assert "planted" not in str(failure.value)


def test_members_of_later_versions_do_no_harm(path: Path) -> None:
    path.write_text(json.dumps({**SOUND, "new": 1}))
    path.chmod(0o600)
    assert Session.load(path) == SESSION


_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.dictionaries(st.sampled_from([*SOUND, "x"]), _JSON).map(
            lambda some: json.dumps({**SOUND, **some}).encode()
        ),
    )
)
def test_any_bytes_are_a_session_or_a_session_error(text: bytes) -> None:
    try:
        session = Session._from_json(text, "a file")
    except SessionError:
        return
    assert session.user_id
    assert Session._from_json(session._to_json(), "a file") == session


# ------------------------------------------------------------------ the keyring


@pytest.fixture
def memory() -> Iterator[MemoryKeyring]:
    with memory_keyring() as made:
        yield made


def test_the_keyring_keeps_a_session(memory: MemoryKeyring) -> None:
    SESSION.save_to_keyring()
    SESSION.save_to_keyring("my bot", "main")
    assert set(memory.kept) == {("gomatrix_py", USER), ("my bot", "main")}
    assert Session.load_from_keyring(USER) == Session.load_from_keyring("main", "my bot") == SESSION
    Session.delete_from_keyring(USER)
    Session.delete_from_keyring(USER)
    with pytest.raises(SessionError, match="no session"):
        Session.load_from_keyring(USER)


def test_new_tokens_go_to_the_keyring(memory: MemoryKeyring, server: ScriptedHomeserver) -> None:
    server.route("POST", "/refresh", {"access_token": "new", "refresh_token": "newer"})
    with Client.from_session(Session(server.url, USER, "t", "DEV", refresh_token="r")) as client:
        client.on_tokens_changed(Session.save_to_keyring)
        client.renew_session()
    assert Session.load_from_keyring(USER).refresh_token == "newer"


def test_a_keyring_that_cannot_be_used(memory: MemoryKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: str) -> None:
        raise KeyringLocked("locked")

    memory.set_password("gomatrix_py", "broken", "planted")
    with pytest.raises(SessionError) as failure:
        Session.load_from_keyring("broken")
    assert "planted" not in str(failure.value)
    for name in ("get_password", "set_password"):
        monkeypatch.setattr(memory, name, locked)
    with pytest.raises(SessionError, match="locked"):
        Session.load_from_keyring(USER)
    with pytest.raises(SessionError, match="locked"):
        SESSION.save_to_keyring()


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(UsageError, match=r"gomatrix_py\[keyring\]"):
        SESSION.save_to_keyring()


def test_the_keyring_keeps_the_key_of_a_store(memory: MemoryKeyring) -> None:
    crypto = Crypto.with_keyring("my bot's store")
    assert isinstance(crypto.key, bytes)
    assert len(crypto.key) == 32
    assert Crypto.with_keyring("my bot's store").key == crypto.key != Crypto.with_keyring("another").key
    memory.set_password("gomatrix_py", "odd", "no key")
    with pytest.raises(SessionError):
        Crypto.with_keyring("odd")


# ------------------------------------------------------------------ clients that go on


def test_a_client_goes_on_with_a_session(server: ScriptedHomeserver, path: Path) -> None:
    session = Session(server.url, USER, "t", "DEV")
    session.save(path)
    for given_session in (session, path, str(path)):
        store = InMemoryStore()
        with Client.from_session(given_session, store=store) as client:
            assert client.store is store
            assert client.session == session
            client.whoami()
    assert {seen.headers["authorization"] for seen in server.seen} == {"Bearer t"}


def test_a_session_and_a_store_of_somebody_else_do_not_go_together(path: Path, tmp_path: Path) -> None:
    SESSION.save(path)
    with SQLiteStore(tmp_path / "store") as store:
        store.bind("@eve:scripted", "E")
        with pytest.raises(StoreError, match="@eve:scripted"):
            Client.from_session(path, store=store)


def test_a_session_that_is_saved_goes_on_to_be(server: ScriptedHomeserver, path: Path) -> None:
    with Client(server.url) as client:
        client.login_with_password("alice", "pw")
        assert server.seen[-1].json.get("refresh_token") is None
        client.save_session(path)
        client.login_again("pw")
        assert server.seen[-1].json["refresh_token"] is True
        assert Session.load(path) == client.session


def test_saving_needs_a_session(path: Path) -> None:
    with Client("https://hs.example") as client, pytest.raises(UsageError):
        client.save_session(path)
    assert not path.exists()


# ------------------------------------------------------------------ log in, or go on


def bot(server: ScriptedHomeserver, path: Path, user: str = "alice") -> Client:
    return Client.login_or_restore(path, server.url, user, "pw", device_name="bot")


def test_the_first_run_logs_in_and_the_second_goes_on(server: ScriptedHomeserver, path: Path) -> None:
    with bot(server, path) as first, bot(server, path) as second, bot(server, path, USER) as third:
        assert first.session == second.session == third.session
    (login,) = server.asked("/login")
    assert login.json["refresh_token"] is True
    assert login.json["initial_device_display_name"] == "bot"


def test_after_a_soft_logout_it_is_the_same_device(server: ScriptedHomeserver, path: Path) -> None:
    Session(server.url, USER, "old", "DEV").save(path)
    server.route("GET", "/whoami", Reply(401, {"errcode": "M_UNKNOWN_TOKEN", "soft_logout": True}))
    with bot(server, path) as client:
        assert client.access_token == "t0ken"
    assert server.asked("/login")[0].json["device_id"] == "DEV"
    assert Session.load(path).access_token == "t0ken"


def test_a_session_that_ended_for_good_is_not_replaced(server: ScriptedHomeserver, path: Path) -> None:
    Session(server.url, USER, "old", "DEV").save(path)
    server.route("GET", "/whoami", Reply(401, {"errcode": "M_UNKNOWN_TOKEN"}))
    with pytest.raises(UnknownToken):
        bot(server, path)
    assert server.asked("/login") == []
    assert path.exists()


def test_the_session_of_another_user_is_refused(server: ScriptedHomeserver, path: Path) -> None:
    Session(server.url, "@eve:scripted", "old", "DEV").save(path)
    with pytest.raises(SessionError, match="@eve:scripted"):
        bot(server, path)


def test_a_login_that_fails_saves_nothing(server: ScriptedHomeserver, path: Path) -> None:
    server.route("POST", "/login", Reply(403, {"errcode": "M_FORBIDDEN"}))
    with pytest.raises(Forbidden):
        bot(server, path)
    assert not path.exists()


# ------------------------------------------------------------------ the environment


def test_a_token_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATRIX_HOMESERVER", "https://hs.example")
    monkeypatch.setenv("MATRIX_ACCESS_TOKEN", "t")
    monkeypatch.setenv("MATRIX_USER_ID", USER)
    monkeypatch.setenv("MATRIX_DEVICE_ID", "DEV")
    monkeypatch.delenv("MATRIX_SESSION_FILE", raising=False)
    with Client.from_env() as client:
        assert client.session == Session("https://hs.example", USER, "t", "DEV")


def test_whose_token_it_is_is_asked(server: ScriptedHomeserver) -> None:
    with Client.from_env({"MATRIX_HOMESERVER": server.url, "MATRIX_ACCESS_TOKEN": "t"}) as client:
        assert client.session == Session(server.url, USER, "t", "DEV")


def test_a_password_in_the_environment(server: ScriptedHomeserver) -> None:
    given_env = {
        "MATRIX_HOMESERVER": server.url,
        "MATRIX_USER_ID": USER,
        "MATRIX_PASSWORD": "pw",
        "MATRIX_DEVICE_ID": "DEV",
    }
    with Client.from_env(given_env) as client:
        assert client.access_token == "t0ken"
    assert server.seen[0].json["device_id"] == "DEV"


def test_a_session_file_in_the_environment(path: Path) -> None:
    SESSION.save(path)
    with Client.from_env({"MATRIX_SESSION_FILE": str(path)}) as client:
        assert client.session == SESSION


@pytest.mark.parametrize(
    ("given_env", "missing"),
    [
        ({}, "MATRIX_HOMESERVER is missing"),
        ({"MATRIX_ACCESS_TOKEN": "planted"}, "MATRIX_HOMESERVER is missing"),
        ({"MATRIX_HOMESERVER": "https://hs"}, "MATRIX_ACCESS_TOKEN, or MATRIX_USER_ID and MATRIX_PASSWORD"),
        ({"MATRIX_HOMESERVER": "https://hs", "MATRIX_USER_ID": USER}, "MATRIX_PASSWORD is missing"),
        ({"MATRIX_HOMESERVER": "https://hs", "MATRIX_PASSWORD": "planted"}, "MATRIX_USER_ID is missing"),
    ],
)
def test_what_is_missing_is_named(given_env: dict[str, str], missing: str) -> None:
    with pytest.raises(UsageError, match=missing) as failure:
        Client.from_env(given_env)
    assert "planted" not in str(failure.value)


def test_a_file_is_used_by_one_process_at_a_time(path: Path) -> None:
    order: list[str] = []
    with saved_sessions.sole_use_of(path):
        with saved_sessions.sole_use_of(path, wait_s=0.05):  # waits in vain, and goes on
            order.append("second")
        order.append("first")
    with saved_sessions.sole_use_of(path.parent / "no such folder" / "file"):
        order.append("where nothing can be locked")
    assert len(order) == 3
