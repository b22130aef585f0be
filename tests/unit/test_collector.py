"""The garbage collector is paused for large documents only, and always comes back as it was."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from gomatrix_py.collector import quiet_collector

LARGE = 256 * 1024
LIVENESS_S = 5.0


@pytest.fixture(autouse=True)
def _collector_as_before() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if was_enabled else gc.disable)()


@pytest.mark.parametrize(("size", "runs"), [(0, True), (LARGE - 1, True), (LARGE, False), (10 * LARGE, False)])
def test_it_pauses_for_large_documents_only(size: int, runs: bool) -> None:
    with quiet_collector(size):
        assert gc.isenabled() is runs
    assert gc.isenabled() is True


def test_it_comes_back_after_an_error() -> None:
    with pytest.raises(KeyError), quiet_collector(LARGE):
        raise KeyError
    assert gc.isenabled() is True


@pytest.mark.parametrize("size", [0, LARGE])
def test_a_collector_that_its_owner_switched_off_stays_off(size: int) -> None:
    gc.disable()
    with quiet_collector(size):
        assert gc.isenabled() is False
    assert gc.isenabled() is False


def test_pauses_nest() -> None:
    with quiet_collector(LARGE):
        with quiet_collector(LARGE):
            assert gc.isenabled() is False
        assert gc.isenabled() is False
    assert gc.isenabled() is True


@pytest.mark.parametrize("first_out", ["the first in", "the second in"])
def test_it_comes_back_whichever_of_two_threads_ends_first(first_out: str) -> None:
    second_in, first_may_leave, second_may_leave = threading.Event(), threading.Event(), threading.Event()

    def second() -> None:
        with quiet_collector(LARGE):
            second_in.set()
            second_may_leave.wait(LIVENESS_S)

    other = threading.Thread(target=second)

    def first() -> None:
        with quiet_collector(LARGE):
            other.start()
            second_in.wait(LIVENESS_S)
            first_may_leave.wait(LIVENESS_S)

    one = threading.Thread(target=first)
    one.start()
    assert second_in.wait(LIVENESS_S)
    leavers = [(first_may_leave, one), (second_may_leave, other)]
    for may_leave, thread in leavers if first_out == "the first in" else reversed(leavers):
        may_leave.set()
        thread.join(LIVENESS_S)
    assert gc.isenabled() is True
