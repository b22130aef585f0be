"""One sync at a time, and stopping it wherever it is."""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, DefaultSyncer, Event, SQLiteStore, SyncResponse
from gomatrix_py.client import SyncHandle
from gomatrix_py.errors import (
    RequestCancelled,
)
from tests.kit.poll_watch import PollWatch
from tests.kit.recorder import Recorder
from tests.kit.scripted_client import Impatient, make_client
from tests.kit.scripted_homeserver import (
    USER,
    Reply,
    ScriptedHomeserver,
    Seen,
    joined,
    message,
    sync_answer,
)
from tests.kit.waiting import wait_until

PROMPTLY_S = 5.0


# ------------------------------------------------------------------ one at a time


def _interrupt_main_in_its_wait() -> threading.Thread:
    """Send SIGINT to the main thread once it blocks; before, it would be noticed too late."""
    main_id = threading.main_thread().ident or 0

    def is_waiting() -> bool:
        code = sys._current_frames()[main_id].f_code
        return (code.co_name, code.co_filename) == ("wait", threading.__file__)

    def interrupt() -> None:
        wait_until(is_waiting, "the main thread waits")
        time.sleep(0.1)  # from the frame of wait() to the lock itself
        signal.pthread_kill(main_id, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="only the main thread can be interrupted"
)
@pytest.mark.timeout(60)
def test_a_sync_interrupted_while_it_waits_for_the_one_before_leaves_nothing_behind(
    server: ScriptedHomeserver, client: Client, syncer: Impatient
) -> None:
    blocks, go_on = threading.Event(), threading.Event()

    @syncer.on_event_type("m.room.message")
    def block(event: Event) -> None:
        blocks.set()
        assert go_on.wait(20)

    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"))))
    handle = client.start_sync()
    assert blocks.wait(20)
    interrupter = _interrupt_main_in_its_wait()
    with pytest.raises(KeyboardInterrupt):
        client.sync()  # cancels the one before, and waits for its listener
    interrupter.join()
    assert handle.is_running
    go_on.set()
    handle.join(PROMPTLY_S)
    server.will_answer(sync_answer("s3"))
    assert client.sync_once().next_batch == "s3"


def test_a_handle_can_be_stopped_the_moment_it_is_there(server: ScriptedHomeserver, client: Client) -> None:
    for _ in range(20):
        handle = client.start_sync()
        client.stop_sync()
        handle.join(PROMPTLY_S)
        client.start_sync().stop(PROMPTLY_S)


def test_the_thread_that_started_a_handle_may_sync_itself(server: ScriptedHomeserver, client: Client) -> None:
    for number in range(20):
        handle = client.start_sync()
        server.will_answer(sync_answer(f"s{number}"))
        client.sync_once(20)  # retires the handle, whether its thread runs by now or not
        handle.join(PROMPTLY_S)
        assert handle.error is None


def test_of_many_syncs_begun_at_once_only_one_is_left(
    server: ScriptedHomeserver, client: Client, heard: Recorder
) -> None:
    watch = PollWatch(client)
    server.will_answer(*[sync_answer(f"s{n}", joined(message(f"${n}"))) for n in range(20)])
    handles: list[SyncHandle] = [client.start_sync() for _ in range(8)]
    heard.wait_until(lambda heard: len(heard.events) >= 6)
    for handle in handles[:-1]:
        handle.join(PROMPTLY_S)
    assert handles[-1].is_running
    handles[-1].stop()
    assert watch.most_at_once == 1
    assert len(set(heard.ids)) == len(heard.ids)


def test_closing_the_client_waits_for_the_listener_that_runs(server: ScriptedHomeserver, tmp_path: Path) -> None:
    """Were the store closed under it, what it handled could not be marked as handled."""
    inside, go_on = threading.Event(), threading.Event()
    syncer, store = Impatient(), SQLiteStore(tmp_path / "store.sqlite3")

    @syncer.on_event_type("m.room.message")
    def block(event: Event) -> None:
        inside.set()
        assert go_on.wait(20)

    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"))))
    client = make_client(server, store=store, syncer=syncer)
    handle = client.start_sync()
    assert inside.wait(20)
    closing = threading.Thread(target=client.close)
    closing.start()
    closing.join(0.2)
    assert closing.is_alive()
    go_on.set()
    closing.join(PROMPTLY_S)
    handle.join(PROMPTLY_S)  # raises what the thread died of, a closed store for one
    assert not handle.is_running
    with SQLiteStore(tmp_path / "store.sqlite3") as again:
        assert again.undelivered() == []


def test_a_client_may_be_closed_by_its_own_listener(
    server: ScriptedHomeserver, client: Client, syncer: Impatient
) -> None:
    closed = threading.Event()

    @syncer.on_event_type("m.room.message")
    def close(event: Event) -> None:
        client.close()
        closed.set()

    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"))))
    handle = client.start_sync()
    assert closed.wait(PROMPTLY_S)
    handle.join(PROMPTLY_S)


# ------------------------------------------------------------------ stopping, wherever it is


@pytest.mark.parametrize("where", ["/sync", "/filter", "/messages"])
def test_stop_ends_whatever_request_is_under_way(
    server: ScriptedHomeserver, client: Client, syncer: Impatient, where: str
) -> None:
    answered = threading.Event()

    def hold(seen: Seen) -> Any:
        answered.wait(20)
        return {}

    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"), limited=True, prev_batch="p1")))
    syncer.fill_gaps = 10
    server.route("POST" if where == "/filter" else "GET", where, hold)
    handle = client.start_sync()
    server.wait_for(where, 1)
    handle.stop(PROMPTLY_S)
    answered.set()
    assert handle.error is None
    assert client.store.load_next_batch(USER) == ("s1" if where == "/messages" else "")


def test_stop_ends_the_wait_after_a_failure(server: ScriptedHomeserver) -> None:
    waiting = threading.Event()

    class Patient(DefaultSyncer):
        def on_failed_sync(self, response: SyncResponse | None, error: Exception) -> float:
            waiting.set()
            return 60.0

    server.will_answer(Reply(502, b""))
    with make_client(server, syncer=Patient()) as client:
        handle = client.start_sync()
        assert waiting.wait(20)
        assert not handle.is_healthy
        handle.stop(PROMPTLY_S)


def test_stopping_a_single_sync(server: ScriptedHomeserver, client: Client) -> None:
    ended: list[BaseException] = []

    def once() -> None:
        try:
            client.sync_once(30_000)
        except RequestCancelled as error:
            ended.append(error)

    thread = threading.Thread(target=once)
    thread.start()
    server.wait_for("/sync", 1)
    client.stop_sync()
    thread.join(PROMPTLY_S)
    assert len(ended) == 1


def test_stopping_what_does_not_run_does_nothing(server: ScriptedHomeserver, client: Client) -> None:
    client.stop_sync()
    server.will_answer(sync_answer("s1"))
    assert client.sync_once().next_batch == "s1"
