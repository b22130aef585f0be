"""One action on many things: outcomes, dry runs, progress, and what is begun once something failed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import MatrixError, NotFound, UsageError
from gomatrix_py.synapse import BulkReport, Outcome, OutcomeState, SynapseAdmin, bulk
from tests.kit.admin_script import refusal


def refuse_odd(number: int) -> int:
    if number % 2:
        raise refusal(404, NotFound)
    return number * 10


def test_every_item_has_its_outcome_in_order() -> None:
    report = bulk(range(6), refuse_odd)
    assert [one.item for one in report.outcomes] == list(range(6))
    assert report.done == [0, 2, 4]
    assert [one.result for one in report.outcomes if one.state is OutcomeState.DONE] == [0, 20, 40]
    assert [one.item for one in report.failed] == [1, 3, 5]
    assert all(isinstance(one.error, NotFound) for one in report.failed)
    assert str(report) == "3 done, 3 failed"


def test_a_failure_of_whatever_kind_loses_no_report() -> None:
    report = bulk(["a", "b"], lambda item: {"a": 1}[item])
    assert (report.done, [type(one.error) for one in report.failed]) == (["a"], [KeyError])


def test_a_dry_run_does_nothing() -> None:
    touched: list[int] = []
    told: list[tuple[int, int, int]] = []

    def progress(outcome: Outcome[int], number: int, total: int) -> None:
        told.append((outcome.item, number, total))

    report = bulk(range(3), touched.append, dry_run=True, on_progress=progress)
    assert (touched, report.planned, report.done) == ([], [0, 1, 2], [])
    assert told == [(0, 1, 3), (1, 2, 3), (2, 3, 3)]


def test_the_items_are_read_to_their_end_first() -> None:
    left = list(range(6))

    def shrinking() -> Iterator[int]:
        """Yield as a server's pages do: by position in a list that may have become shorter."""
        position = 0
        while position < len(left):
            yield left[position]
            position += 1

    assert bulk(shrinking(), left.remove, max_workers=1).done == list(range(6))
    assert left == []
    left.extend(range(6))
    for number in shrinking():  # the control: so half of them are passed over
        left.remove(number)
    assert left == [1, 3, 5]


def test_so_many_work_at_once_and_no_more() -> None:
    together = threading.Barrier(3, timeout=20)
    running = threading.Semaphore(3)

    def meet(_: int) -> None:
        assert running.acquire(blocking=False)
        together.wait()
        running.release()

    assert len(bulk(range(6), meet, max_workers=3).done) == 6


def test_nothing_is_begun_after_a_failure_where_that_is_wanted() -> None:
    report = bulk([0, 1, 2, 3], refuse_odd, max_workers=1, stop_on_error=True)
    assert [one.state.value for one in report.outcomes] == ["done", "failed", "not tried", "not tried"]
    assert str(report) == "1 done, 1 failed, 2 not tried"


def test_progress_is_told_in_the_caller_s_thread() -> None:
    threads: set[int] = set()
    numbers: list[int] = []

    def progress(outcome: Outcome[int], number: int, total: int) -> None:
        threads.add(threading.get_ident())
        numbers.append(number)
        assert total == 4

    bulk(range(4), refuse_odd, on_progress=progress)
    assert threads == {threading.get_ident()}
    assert numbers == [1, 2, 3, 4]


def test_what_progress_raises_ends_it_early() -> None:
    touched: list[int] = []

    def progress(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bulk(range(100), touched.append, max_workers=2, on_progress=progress)
    assert len(touched) <= 3


def test_an_interrupted_call_ends_what_waits() -> None:
    cancel = CancelToken()
    ended: list[bool] = []

    def wait_long(item: int) -> None:
        if item:
            ended.append(cancel.wait(120))

    def progress(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bulk(range(9), wait_long, max_workers=3, on_progress=progress, cancel=cancel)
    assert ended
    assert all(ended)


def test_another_thread_can_end_it() -> None:
    cancel = CancelToken()
    report = bulk(range(9), lambda item: cancel.cancel(), max_workers=1, cancel=cancel)
    assert (report.done, len(report.items(OutcomeState.NOT_TRIED))) == ([0], 8)


def test_failures_can_be_raised() -> None:
    bulk([2], refuse_odd).raise_if_failed()
    with pytest.raises(MatrixError, match="2 of 3 failed, first 1: it failed") as failure:
        bulk([1, 2, 3], refuse_odd).raise_if_failed()
    assert isinstance(failure.value.__cause__, NotFound)


def test_nobody_to_work_is_refused() -> None:
    with pytest.raises(UsageError):
        bulk([1], refuse_odd, max_workers=0)


def test_nothing_to_do_is_no_failure() -> None:
    report: BulkReport[int] = SynapseAdmin("https://example.org").bulk([], refuse_odd)
    assert (report.outcomes, str(report)) == ((), "nothing to do")
    report.raise_if_failed()
