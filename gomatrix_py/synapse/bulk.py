"""One action on many things: at the same time, with a plan first, and an outcome for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from enum import Enum
from typing import Any, Generic, TypeVar

import attrs

from ..cancellation import CancelToken
from ..errors import MatrixError, UsageError

__all__ = ["BulkReport", "Outcome", "OutcomeState", "bulk"]

T = TypeVar("T")


class OutcomeState(Enum):
    """What became of one thing."""

    DONE = "done"
    FAILED = "failed"
    PLANNED = "planned"
    NOT_TRIED = "not tried"


@attrs.frozen
class Outcome(Generic[T]):
    """What became of one thing.

    Attributes:
        item: the thing.
        state: done, failed, planned in a dry run, or not tried because another one failed.
        result: what the action returned.
        error: what it raised.
    """

    item: T
    state: OutcomeState
    result: Any = None
    error: Exception | None = None


@attrs.frozen
class BulkReport(Generic[T]):
    """The outcomes, in the order of the things."""

    outcomes: tuple[Outcome[T], ...]

    def items(self, state: OutcomeState) -> list[T]:
        """Return the things with this outcome."""
        return [one.item for one in self.outcomes if one.state is state]

    @property
    def done(self) -> list[T]:
        """What it was done to."""
        return self.items(OutcomeState.DONE)

    @property
    def failed(self) -> list[Outcome[T]]:
        """What failed, with the errors."""
        return [one for one in self.outcomes if one.state is OutcomeState.FAILED]

    @property
    def planned(self) -> list[T]:
        """What it would be done to, in a dry run."""
        return self.items(OutcomeState.PLANNED)

    def raise_if_failed(self) -> None:
        """Raise where anything failed.

        Raises:
            MatrixError: the message counts the failures and shows the first, which is its cause.
        """
        if self.failed:
            first = self.failed[0]
            raise MatrixError(
                f"{len(self.failed)} of {len(self.outcomes)} failed, first {first.item!s}: {first.error}"
            ) from first.error

    def __str__(self) -> str:
        counts = {state: len(self.items(state)) for state in OutcomeState}
        return ", ".join(f"{count} {state.value}" for state, count in counts.items() if count) or "nothing to do"


def bulk(
    items: Iterable[T],
    action: Callable[[T], Any],
    *,
    max_workers: int = 4,
    dry_run: bool = False,
    on_progress: Callable[[Outcome[T], int, int], None] | None = None,
    stop_on_error: bool = False,
    cancel: CancelToken | None = None,
) -> BulkReport[T]:
    """Do one thing to many.

    The items are read to their end before anything is done, so that a list that is paged through does not
    shift meanwhile.

    Args:
        items: to what.
        action: what to do; it may raise.
        max_workers: how many at the same time. Synapse works at five background tasks at once.
        dry_run: do nothing, and report everything as planned.
        on_progress: called in this thread with each outcome, how many there are by now, and of how many.
        stop_on_error: begin nothing more once one has failed.
        cancel: once it is thrown nothing more is begun; it is thrown when this call is interrupted, so that an action
            that waits with it ends.

    Raises:
        UsageError: no worker is left to work.
        Exception: what `on_progress` raises; nothing more is begun then.
    """
    if max_workers < 1:
        raise UsageError("max_workers must be 1 or more")
    snapshot = list(items)
    if dry_run:
        outcomes = {number: Outcome(item, OutcomeState.PLANNED) for number, item in enumerate(snapshot)}
        for number, outcome in outcomes.items():
            _tell(on_progress, outcome, number + 1, len(snapshot))
    else:
        outcomes = _carry_out(snapshot, action, max_workers, on_progress, stop_on_error, cancel or CancelToken())
    return BulkReport(
        tuple(outcomes.get(number, Outcome(item, OutcomeState.NOT_TRIED)) for number, item in enumerate(snapshot))
    )


def _carry_out(
    items: list[T],
    action: Callable[[T], Any],
    max_workers: int,
    on_progress: Callable[[Outcome[T], int, int], None] | None,
    stop_on_error: bool,
    cancel: CancelToken,
) -> dict[int, Outcome[T]]:
    outcomes: dict[int, Outcome[T]] = {}
    waiting = iter(enumerate(items))
    running: dict[Future[Outcome[T]], int] = {}
    is_stopping = False
    with ThreadPoolExecutor(max_workers, "synapse-bulk") as threads, _cancelling(cancel):
        while True:
            # one by one, and none ahead of a free worker: whatever ends this loop, little is still begun
            while not (is_stopping or cancel.is_cancelled) and len(running) < max_workers:
                following = next(waiting, None)
                if following is None:
                    break
                number, item = following
                running[threads.submit(_outcome, action, item)] = number
            if not running:
                return outcomes
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                outcome = outcomes[running.pop(future)] = future.result()
                is_stopping = is_stopping or (stop_on_error and outcome.state is OutcomeState.FAILED)
                _tell(on_progress, outcome, len(outcomes), len(items))


@contextmanager
def _cancelling(cancel: CancelToken) -> Iterator[None]:
    """Throw the switch where the block is interrupted: what still runs would be waited for."""
    try:
        yield
    except BaseException:
        cancel.cancel()
        raise


def _outcome(action: Callable[[T], Any], item: T) -> Outcome[T]:
    try:
        return Outcome(item, OutcomeState.DONE, result=action(item))
    except Exception as error:  # noqa: BLE001 - an outcome like any other: the rest must not lose its report
        return Outcome(item, OutcomeState.FAILED, error=error)


def _tell(
    on_progress: Callable[[Outcome[T], int, int], None] | None, outcome: Outcome[T], number: int, total: int
) -> None:
    if on_progress is not None:
        on_progress(outcome, number, total)
