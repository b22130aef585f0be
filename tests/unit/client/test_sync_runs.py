"""The queue behind "one sync at a time", without any sync."""

from __future__ import annotations

import threading

import pytest

from gomatrix_py.client.sync_runs import SyncRun, SyncRuns
from gomatrix_py.errors import UsageError


def test_a_new_run_cancels_those_before_it() -> None:
    runs, first, second = SyncRuns(), SyncRun(), SyncRun()
    runs.begin(first)
    assert not first.cancel.is_cancelled
    runs.begin(second)
    assert (first.cancel.is_cancelled, second.cancel.is_cancelled) == (True, False)


def test_the_first_has_its_turn_at_once() -> None:
    runs, run = SyncRuns(), SyncRun()
    runs.begin(run)
    runs.take_turn(run)
    assert run.thread is threading.current_thread()


def test_a_run_waits_for_all_before_it() -> None:
    runs = SyncRuns()
    first, second, third = SyncRun(), SyncRun(), SyncRun()
    turns: list[SyncRun] = []
    runs.begin(first)
    runs.begin(second)
    runs.begin(third)

    def wait() -> None:
        runs.take_turn(third)
        turns.append(third)

    thread = threading.Thread(target=wait)
    thread.start()
    runs.end(second)  # it gave up, or was interrupted, while the first still runs
    thread.join(0.2)
    assert turns == []
    runs.end(first)
    thread.join(10)
    assert turns == [third]


def test_a_cancelled_run_waits_no_longer() -> None:
    runs, first, second = SyncRuns(), SyncRun(), SyncRun()
    runs.begin(first)
    runs.begin(second)
    thread = threading.Thread(target=runs.take_turn, args=(second,))
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    runs.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_a_thread_in_a_run_begins_no_other() -> None:
    runs, first, second = SyncRuns(), SyncRun(), SyncRun()
    runs.begin(first)
    runs.take_turn(first)
    with pytest.raises(UsageError, match="listener"):
        runs.begin(second)
    assert not first.cancel.is_cancelled
    runs.end(second)  # was never there
    runs.end(first)
    runs.begin(second)


def test_a_thread_that_only_began_a_run_for_another_may_begin_more() -> None:
    """As when `start_sync` has returned and its thread has not run yet."""
    runs, first, second = SyncRuns(), SyncRun(), SyncRun()
    runs.begin(first)
    runs.begin(second)
    assert first.cancel.is_cancelled


def test_waiting_until_idle() -> None:
    runs, run = SyncRuns(), SyncRun()
    runs.wait_until_idle(0.0)
    runs.begin(run)
    runs.take_turn(run)
    runs.wait_until_idle(10)  # one's own run is not waited for
    waited = threading.Thread(target=runs.wait_until_idle, args=(10,))
    waited.start()
    waited.join(0.1)
    assert waited.is_alive()
    runs.end(run)
    waited.join(10)
    assert not waited.is_alive()
