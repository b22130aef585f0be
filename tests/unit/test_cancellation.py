"""The switch that ends blocking work from another thread."""

from __future__ import annotations

import contextlib
import math
import threading

import pytest

from gomatrix_py.cancellation import CancelToken

LIVENESS_S = 5.0


def test_a_new_switch_is_not_thrown() -> None:
    token = CancelToken()
    assert token.is_cancelled is False
    assert token.wait(0) is False


def test_a_thrown_switch_stays_thrown() -> None:
    token = CancelToken()
    token.cancel()
    token.cancel()
    assert token.is_cancelled is True


@pytest.mark.parametrize("seconds", [0.0, -1.0, 3600.0, math.inf, 1e300])
def test_waiting_on_a_thrown_switch_returns_at_once(seconds: float) -> None:
    token = CancelToken()
    token.cancel()
    assert token.wait(seconds) is True


def test_a_negative_wait_is_none_at_all() -> None:
    assert CancelToken().wait(-3600.0) is False


@pytest.mark.parametrize("seconds", [3600.0, math.inf])
def test_cancelling_wakes_a_thread_that_waits(seconds: float) -> None:
    token = CancelToken()
    answers: list[bool] = []
    sleeper = threading.Thread(target=lambda: answers.append(token.wait(seconds)))
    sleeper.start()
    token.cancel()
    sleeper.join(LIVENESS_S)
    assert answers == [True]


# ------------------------------------------------------------------ actions


def test_the_action_runs_once_when_the_switch_is_thrown_inside_the_block() -> None:
    token, ran = CancelToken(), []
    with token.on_cancel(lambda: ran.append("now")):
        assert ran == []
        token.cancel()
        token.cancel()
        assert ran == ["now"]
    assert ran == ["now"]


def test_the_action_runs_at_once_where_the_switch_was_thrown_before() -> None:
    token, ran = CancelToken(), []
    token.cancel()
    with token.on_cancel(lambda: ran.append("now")):
        assert ran == ["now"]
    assert ran == ["now"]


def test_the_action_does_not_run_once_the_block_is_left() -> None:
    token, ran = CancelToken(), []
    with token.on_cancel(lambda: ran.append("late")):
        pass
    token.cancel()
    assert ran == []


def test_a_block_that_raises_takes_its_action_with_it() -> None:
    token, ran = CancelToken(), []
    with contextlib.suppress(KeyError), token.on_cancel(lambda: ran.append("late")):
        raise KeyError
    token.cancel()
    assert ran == []


def test_an_action_of_two_blocks_runs_for_the_one_that_is_left_over() -> None:
    token, ran = CancelToken(), []

    def action() -> None:
        ran.append("now")

    with token.on_cancel(action):
        with token.on_cancel(action):
            pass
        token.cancel()
    assert ran == ["now"]


def test_all_actions_run() -> None:
    token, ran = CancelToken(), []
    with token.on_cancel(lambda: ran.append(1)), token.on_cancel(lambda: ran.append(2)):
        token.cancel()
    assert ran == [1, 2]


def test_an_action_may_use_the_switch_itself() -> None:
    token, seen = CancelToken(), []

    def action() -> None:
        token.cancel()
        with token.on_cancel(lambda: seen.append("inner")):
            seen.append(f"cancelled: {token.is_cancelled}")

    canceller = threading.Thread(target=token.cancel, daemon=True)
    with token.on_cancel(action):
        canceller.start()
        canceller.join(LIVENESS_S)
        assert not canceller.is_alive()
    assert seen == ["inner", "cancelled: True"]


class NoLock:
    """What the switch would be without its lock."""

    def __enter__(self) -> NoLock:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def runs_past_its_block(token: CancelToken) -> bool:
    """Leave a block while its action is running; tell whether the action was still running afterwards."""
    started, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def action() -> None:
        started.set()
        may_end.wait(LIVENESS_S)
        ended.set()

    def leave() -> bool:
        with token.on_cancel(action):
            threading.Thread(target=token.cancel, daemon=True).start()
            started.wait(LIVENESS_S)
            threading.Timer(0.05, may_end.set).start()
        return not ended.is_set()

    was_running = leave()
    assert ended.wait(LIVENESS_S)
    return was_running


def test_a_block_is_not_left_while_its_action_runs() -> None:
    """The action shuts down a socket; after the block that socket may serve another request."""
    assert runs_past_its_block(CancelToken()) is False


def test_without_its_lock_a_block_would_be_left_while_its_action_runs() -> None:
    token = CancelToken()
    token._lock = NoLock()  # type: ignore[assignment]
    assert runs_past_its_block(token) is True
