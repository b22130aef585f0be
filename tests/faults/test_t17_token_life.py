"""T17: tokens expire under twenty threads, processes die while they renew them, sessions end; nothing is lost."""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, PasswordAuth, RetryPolicy, SQLiteStore
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.client.saved_sessions import Session
from gomatrix_py.errors import MatrixError, UnknownToken, UserLocked
from gomatrix_py.testing import DevServer
from tests.kit.crash import run_python
from tests.kit.fault_mixes import of_size
from tests.kit.rotating_tokens import EXPIRED, GONE, Rotating, refreshes, session_of
from tests.kit.scripted_client import Impatient
from tests.kit.scripted_homeserver import USER, Reply, ScriptedHomeserver, joined, message, sync_answer
from tests.kit.waiting import wait_until
from tests.kit.whole_stores import outbox_row, whole_snapshot

THREADS = 20
EXPIRIES = of_size(50, 200)
KILLS = of_size(60, 200)
PASSWORD = "wonderland"


@pytest.fixture
def homeserver() -> Iterator[ScriptedHomeserver]:
    with ScriptedHomeserver() as hs:
        yield hs


@pytest.fixture
def tokens(homeserver: ScriptedHomeserver) -> Rotating:
    return Rotating(homeserver)


# ------------------------------------------------------------------ expiry under twenty threads


def _expire_and_ask(client: Client, tokens: Rotating, expiries: int) -> list[Any]:
    """Let twenty threads ask on, while the token expires so often; return what they were told."""
    is_over = threading.Event()
    answers: list[Any] = []
    counts = [0] * THREADS

    def ask(number: int) -> None:
        while not is_over.is_set():
            answers.append(_outcome(client))
            counts[number] += 1

    def all_asked_twice(before: list[int]) -> bool:
        """The token of a call that is being made again must not expire a second time."""
        return all(now >= then + 2 for now, then in zip(counts, before, strict=True))

    with ThreadPoolExecutor(THREADS) as pool:
        asking = [pool.submit(ask, number) for number in range(THREADS)]
        for _ in range(expiries):
            tokens.expire()
            before = counts.copy()
            wait_until(lambda before=before: all_asked_twice(before), "the token was renewed")  # type: ignore[misc]
        is_over.set()
        for one in asking:
            one.result(20)
    return answers


def test_twenty_threads_renew_once_per_expiry(homeserver: ScriptedHomeserver, tokens: Rotating) -> None:
    with Client.from_session(session_of(homeserver)) as client:
        answers = _expire_and_ask(client, tokens, EXPIRIES)
    assert set(answers) == {USER}
    assert refreshes(homeserver) == [f"r{number}" for number in range(EXPIRIES)], "more or less than once per expiry"
    print(f"{EXPIRIES} expiries, {len(answers)} calls")


def test_the_control_each_thread_for_itself_renews_too_often(
    homeserver: ScriptedHomeserver, tokens: Rotating, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client.from_session(session_of(homeserver)) as client:
        keeper = client._tokens

        def alone(failed: str, cancel: CancelToken | None = None) -> str:
            keeper._renew_and_store(keeper.session, cancel)
            return keeper.session.access_token

        monkeypatch.setattr(keeper, "after", alone)
        tokens.waits_for = threading.Barrier(THREADS)
        tokens.expire()
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda _: _outcome(client), range(THREADS)))
    assert len(refreshes(homeserver)) > 1


def _outcome(client: Client) -> Any:
    try:
        return client.whoami().user_id
    except MatrixError as error:
        return error


# ------------------------------------------------------------------ killed on the way to the file

# Forks a child per kill; each renews its tokens and dies at one of the points between answer and use.
DIES_WHILE_RENEWING = """
import json, os, random, signal, sys, urllib.request
from gomatrix_py import Client
from gomatrix_py.client import saved_sessions
from gomatrix_py.client.saved_sessions import Session
path, expire_url, kills, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
chance = random.Random(seed)
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
save, replace, fsync = Session.save, os.replace, os.fsync

def before_save(*a): die()
def after_save(*a): save(*a); die()
def before_replace(*a): die()
def after_replace(*a): replace(*a); die()
def before_fsync(*a): die()
POINTS = [
    lambda: setattr(Session, "save", before_save), lambda: setattr(Session, "save", after_save),
    lambda: setattr(os, "replace", before_replace), lambda: setattr(os, "replace", after_replace),
    lambda: setattr(os, "fsync", before_fsync),
]
for number in range(kills):
    urllib.request.urlopen(urllib.request.Request(expire_url, method="POST", data=b"{}")).read()
    pid = os.fork()
    if pid == 0:
        client = Client.from_session(path)
        chance.random()
        POINTS[number % len(POINTS)]()
        client.whoami()
        os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code != -signal.SIGKILL:
        sys.exit(f"kill {number} ended with {code}")
    with Client.from_session(path) as client:
        assert client.whoami().user_id == "@alice:scripted", f"the session was lost by kill {number}"
print(kills)
"""


def _killed(homeserver: ScriptedHomeserver, tokens: Rotating, path: Path, program: str) -> Any:
    def expire(_: Any) -> Any:
        tokens.expire()
        return {}

    homeserver.route("POST", "/expire", expire)
    session_of(homeserver).save(path)
    return run_python(program, path, f"{homeserver.url}/expire", KILLS, "T17", timeout_s=280)


def test_no_kill_between_renewing_and_using_loses_the_session(
    homeserver: ScriptedHomeserver, tokens: Rotating, tmp_path: Path
) -> None:
    ended = _killed(homeserver, tokens, tmp_path / "session.json", DIES_WHILE_RENEWING)
    assert (ended.returncode, ended.stdout) == (0, f"{KILLS}\n"), ended.stderr
    assert Session.load(tmp_path / "session.json").user_id == USER
    for left in tmp_path.iterdir():  # what a kill left half written is for its owner alone, too
        assert stat.S_IMODE(left.stat().st_mode) == 0o600


def test_the_control_tokens_used_before_they_are_saved_are_lost(
    homeserver: ScriptedHomeserver, tokens: Rotating, tmp_path: Path
) -> None:
    careless = DIES_WHILE_RENEWING.replace(
        "def before_save(*a): die()",
        "def before_save(session, *a):\n"
        "    request = urllib.request.Request(expire_url.replace('/expire', '/_matrix/client/v3/account/whoami'))\n"
        "    request.add_header('Authorization', 'Bearer ' + session.access_token)\n"
        "    urllib.request.urlopen(request).read()\n"
        "    die()",
    )
    ended = _killed(homeserver, tokens, tmp_path / "session.json", careless)
    assert ended.returncode != 0
    assert "UnknownToken" in ended.stderr or "lost" in ended.stderr


# ------------------------------------------------------------------ sessions that end, and their stores

ENDS: dict[str, tuple[Any, type[MatrixError], bool]] = {
    "soft": (Reply(401, EXPIRED), UnknownToken, True),
    "hard": (Reply(401, GONE), UnknownToken, False),
}


@pytest.mark.parametrize("kind", ENDS)
def test_the_store_is_kept_when_a_session_ends(kind: str, homeserver: ScriptedHomeserver, tmp_path: Path) -> None:
    reply, error_class, is_soft = ENDS[kind]
    homeserver.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"))), reply)
    with SQLiteStore(tmp_path / "store") as store:
        client = Client(homeserver.url, USER, "t0ken", device_id="DEV", store=store, retry=RetryPolicy.never())
        store.outbox.add(outbox_row("waits"))
        with pytest.raises(error_class) as ended:
            client.sync()
        assert getattr(ended.value, "soft_logout", None) is is_soft
        kept = whole_snapshot(store)
        assert (len(kept["rooms"]), len(kept["outbox"]), store.load_next_batch(USER)) == (1, 1, "s2")
        client.close()
    with SQLiteStore(tmp_path / "store") as store:
        assert whole_snapshot(store) == kept


def test_a_locked_account_is_frozen_and_goes_on(homeserver: ScriptedHomeserver, tmp_path: Path) -> None:
    locked = Reply(401, {"errcode": "M_USER_LOCKED", "error": "locked", "soft_logout": True})
    homeserver.will_answer(sync_answer("s1"), *[locked] * 5, sync_answer("s2"))
    syncer = Impatient()
    with SQLiteStore(tmp_path / "store") as store:
        client = Client(homeserver.url, USER, "t0ken", store=store, syncer=syncer, retry=RetryPolicy.never())
        with client.start_sync() as handle:
            wait_until(lambda: store.load_next_batch(USER) == "s2", "the sync went on")
            assert handle.is_running
        assert client.access_token == "t0ken"
        client.close()
    assert {type(error) for _, error in syncer.failures} == {UserLocked}


def test_a_device_deleted_by_another_ends_its_sync_and_keeps_its_store(server: DevServer, tmp_path: Path) -> None:
    """On a real Synapse: the sync that waits is told, and what the device stored is still there."""
    owner = server.register("alice", PASSWORD)
    room_id = owner.create_room("room").room_id
    with SQLiteStore(tmp_path / "store") as store:
        client = server.login("alice", PASSWORD, store=store)
        client.sync_once()
        device_id = client.device_id
        handle = client.start_sync()
        owner.send_text(room_id, "hello")
        wait_until(lambda: store.load_next_batch(client.user_id) != "", "it syncs")
        owner.delete_device(device_id, auth=PasswordAuth(PASSWORD))
        with pytest.raises(UnknownToken) as ended:
            handle.join(30)
        assert not ended.value.soft_logout
        with pytest.raises(UnknownToken):
            client.send_text(room_id, "too late")
        assert store.load_room(room_id) is not None
        client.close()
    with SQLiteStore(tmp_path / "store") as store:
        assert store.load_room(room_id) is not None
        store.bind(owner.user_id, "ANOTHER")  # the user's next device may go on with it
    owner.close()
