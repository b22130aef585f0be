"""The life of a sync with a real homeserver: stopping, retiring, interrupting, failing, going on."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gomatrix_py import Client, DefaultSyncer, Event, SQLiteStore, SyncResponse
from gomatrix_py.errors import SyncTokenRejected, TransportError, UnknownToken, UsageError
from gomatrix_py.http.messages import HttpResponse
from gomatrix_py.testing import DevServer
from gomatrix_py.testing.pytest_plugin import MatrixUser
from tests.kit.poll_watch import PollWatch
from tests.kit.recorder import Recorder
from tests.kit.waiting import wait_until

PROMPTLY_S = 5.0
PASSWORD = "wonderland"


@contextmanager
def syncing(client: Client) -> Iterator[tuple[threading.Thread, list[BaseException | None]]]:
    """Run `client.sync()` in a thread; the list gets how it ended."""
    ended: list[BaseException | None] = []

    def run() -> None:
        try:
            client.sync()
            ended.append(None)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield thread, ended
    finally:
        client.stop_sync()
        thread.join(20)
        assert not thread.is_alive()


# ------------------------------------------------------------------ stopping


def test_stop_ends_a_long_poll_at_once(bob: Client) -> None:
    watch = PollWatch(bob)
    with syncing(bob) as (thread, ended):
        assert watch.is_polling.wait(20)
        thread.join(0.5)
        assert thread.is_alive()  # the server really holds the poll
        began = time.monotonic()
        bob.stop_sync()
        thread.join(PROMPTLY_S)
        print(f"stop_sync ended a 30 s long-poll after {time.monotonic() - began:.3f} s")
        assert not thread.is_alive()
    assert ended == [None]


def test_a_second_sync_retires_the_first(alice: Client, bob: Client, room_id: str) -> None:
    heard = Recorder()
    assert isinstance(bob.syncer, DefaultSyncer)
    bob.syncer.on_event_type("m.room.message", heard)
    watch = PollWatch(bob)
    with syncing(bob) as (first, first_ended):
        assert watch.is_polling.wait(20)
        watch.is_polling.clear()
        with syncing(bob) as (second, second_ended):
            first.join(PROMPTLY_S)
            assert first_ended == [None]
            assert watch.is_polling.wait(20)
            alice.send_text(room_id, "who hears me?")
            heard.wait_for_bodies("who hears me?")
            assert second.is_alive()
        assert second_ended == [None]
    assert heard.bodies == ["who hears me?"]
    assert watch.most_at_once == 1


def test_listeners_cannot_start_a_sync_but_can_stop_it(alice: Client, bob: Client, room_id: str) -> None:
    bob.sync_once()
    refused: list[str] = []
    assert isinstance(bob.syncer, DefaultSyncer)

    @bob.syncer.on_event_type("m.room.message")
    def misbehave(event: Event) -> None:
        for start in (bob.sync, bob.sync_once, bob.start_sync):
            try:
                start()
            except UsageError as error:
                refused.append(str(error))
        bob.stop_sync()

    alice.send_text(room_id, "go on, try")
    bob.sync()  # returns, because the listener stops it
    assert len(refused) == 3
    assert "listener" in refused[0]
    bob.sync_once()  # and nothing is left behind


def test_sync_needs_a_user(matrix_server: DevServer) -> None:
    with Client(matrix_server.url) as nobody:
        for start in (nobody.sync, nobody.sync_once, nobody.start_sync):
            with pytest.raises(UsageError):
                start()


# ------------------------------------------------------------------ Ctrl-C

_BOT = """
import sys
from gomatrix_py import Client, SQLiteStore

url, user_id, token, path = sys.argv[1:]
client = Client(url, user_id, token, store=SQLiteStore(path))
client.syncer.on_event_type("m.room.message", lambda event: print("heard", event.body, flush=True))
client.on_request(lambda request: print("polling", flush=True) if "since=" in request.url else None)
client.sync()
"""


def test_control_c_leaves_the_store_whole(alice: Client, bob: Client, room_id: str, tmp_path: Path) -> None:
    path = tmp_path / "bob.sqlite3"
    arguments = [bob.homeserver_url, bob.user_id, bob.access_token, str(path)]
    bot = subprocess.Popen([sys.executable, "-c", _BOT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with bot:
        assert bot.stdout is not None
        assert bot.stdout.readline() == b"polling\n"
        alice.send_text(room_id, "last words")
        lines = [bot.stdout.readline() for _ in range(2)]
        assert lines == [b"heard last words\n", b"polling\n"]
        began = time.monotonic()
        bot.send_signal(signal.SIGINT)
        _, errors = bot.communicate(timeout=PROMPTLY_S)
        print(f"Ctrl-C ended a 30 s long-poll after {time.monotonic() - began:.3f} s")
    assert b"KeyboardInterrupt" in errors
    assert bot.returncode == -signal.SIGINT
    with SQLiteStore(path) as store:
        room = store.load_room(room_id)
        assert room is not None
        assert room.name == "Wonderland"
        assert room.get_membership_state(bob.user_id) == "join"
        assert store.undelivered() == []
        since = store.load_next_batch(bob.user_id)
    assert alice.messages(room_id, since, dir="b", limit=1).chunk[0].body == "last words"


# ------------------------------------------------------------------ in a thread of its own


def test_a_handle_shows_how_the_sync_fares(alice: Client, bob: Client, room_id: str) -> None:
    heard = Recorder()
    assert isinstance(bob.syncer, DefaultSyncer)
    bob.syncer.on_event_type("m.room.message", heard)
    watch = PollWatch(bob)
    with bob.start_sync() as handle:
        assert watch.is_polling.wait(20)
        alice.send_text(room_id, "through the thread")
        heard.wait_for_bodies("through the thread")
        assert (handle.is_running, handle.is_healthy, handle.error) == (True, True, None)
        assert handle.last_sync_at is not None
        with pytest.raises(TimeoutError):
            handle.join(0.05)
    assert (handle.is_running, handle.is_healthy, handle.error) == (False, False, None)
    handle.stop()  # twice does nothing
    handle.join()


def test_a_handle_raises_what_ended_the_sync(matrix_user: MatrixUser, matrix_server: DevServer) -> None:
    bob = matrix_user("bob", PASSWORD)
    watch = PollWatch(bob)
    handle = bob.start_sync()
    assert watch.is_polling.wait(20)
    matrix_server.login(bob.user_id, PASSWORD).logout_all()
    with pytest.raises(UnknownToken):
        handle.join(20)
    assert isinstance(handle.error, UnknownToken)
    assert not handle.is_healthy
    with pytest.raises(UnknownToken):
        handle.stop()
    with pytest.raises(UnknownToken), bob.start_sync() as handle:
        wait_until(lambda: not handle.is_running, "the sync ended")
    with pytest.raises(KeyError), bob.start_sync():  # what the block raised is not hidden
        raise KeyError("of the block")


def test_a_token_that_ends_in_the_middle(matrix_user: MatrixUser, matrix_server: DevServer) -> None:
    bob = matrix_user("bob", PASSWORD)
    watch = PollWatch(bob)
    with syncing(bob) as (thread, ended):
        assert watch.is_polling.wait(20)
        matrix_server.login(bob.user_id, PASSWORD).logout_all()
        thread.join(20)
    assert [type(error) for error in ended] == [UnknownToken]
    assert bob.store.load_next_batch(bob.user_id) != ""  # what was synced stays


# ------------------------------------------------------------------ a position the server refuses


class Impatient(DefaultSyncer):
    """Waits for nothing, and remembers what failed."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[tuple[SyncResponse | None, Exception]] = []

    def on_failed_sync(self, response: SyncResponse | None, error: Exception) -> float:
        self.failures.append((response, error))
        return min(super().on_failed_sync(response, error), 0.05)


def test_a_garbage_position_is_reported_and_left_alone(matrix_user: MatrixUser) -> None:
    bob = matrix_user("bob", syncer=Impatient())
    bob.sync_once()
    bob.store.save_next_batch(bob.user_id, "garbage")
    with pytest.raises(SyncTokenRejected, match="save_next_batch"):
        bob.sync()
    assert bob.store.load_next_batch(bob.user_id) == "garbage"
    assert isinstance(bob.syncer, Impatient)
    assert len(bob.syncer.failures) == 4  # and at the fifth time it is over
    bob.store.save_next_batch(bob.user_id, "")  # starting over is the user's own decision
    bob.sync_once()
    assert bob.store.load_next_batch(bob.user_id) not in ("", "garbage")


# ------------------------------------------------------------------ a server that goes away


def test_a_server_that_is_killed_and_comes_back(tmp_path: Path) -> None:
    with DevServer(keep_in=tmp_path / "server") as server:
        alice = server.register("alice", PASSWORD)
        bob = server.register("bob", PASSWORD, syncer=Impatient(), store=SQLiteStore(tmp_path / "bob.sqlite3"))
        room_id = alice.create_room(invite=[bob.user_id]).room_id
        bob.join_room(room_id)
        heard = Recorder()
        assert isinstance(bob.syncer, Impatient)
        bob.syncer.on_event_type("m.room.message", heard)
        watch = PollWatch(bob)
        failed = threading.Event()
        bob.on_response(lambda request, outcome, seconds: failed.set() if _is_failure(outcome) else None)
        expected: list[str] = []
        with bob.start_sync() as handle:
            assert watch.is_polling.wait(20)
            for crash in range(2):
                for number in range(3):
                    expected.append(f"before crash {crash}, {number}")
                    alice.send_text(room_id, expected[-1])
                failed.clear()
                server.kill()
                assert failed.wait(20)
                assert not handle.is_healthy
                server.start()
                expected.append(f"after crash {crash}")
                alice.send_text(room_id, expected[-1])
            heard.wait_for_bodies(*expected)
            assert handle.is_running
        assert heard.bodies == expected
        assert len(set(heard.ids)) == len(expected)
        assert bob.syncer.failures
        assert all(isinstance(error, TransportError) for _, error in bob.syncer.failures)


def _is_failure(outcome: object) -> bool:
    return not (isinstance(outcome, HttpResponse) and outcome.is_success)


def test_the_process_has_no_thread_left_over(bob: Client) -> None:
    before = threading.active_count()
    for _ in range(3):
        with bob.start_sync():
            pass
    assert threading.active_count() <= before + 1  # the one watchdog of the process
