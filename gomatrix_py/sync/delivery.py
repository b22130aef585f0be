"""From the journal to the listeners: here or on threads, in order within a room, each row marked afterwards.

A row that was entered and not left ended the process, or the sync: that counts as a try, and three of them set it
aside. Rows that merely waited, or were handled and not marked yet, are not blamed. Which ones were entered is
noted by stores that have `entered_rows`; for others a row that comes again is counted before it is entered.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import attrs

from ..cancellation import CancelToken
from ..errors import HandlerTimeout, StoreError, UsageError
from ..events import Event
from ..store.base import MAX_TRIES, SyncStorer, is_sync_storer
from ..store.journal import Journal
from ..store.records import InboxRow
from .lanes import Abandoned, LanePool, Runner
from .listeners import Listener

__all__ = ["Delivery", "EnteredRows", "Notify", "Watched", "entered_rows_of"]

log = logging.getLogger("gomatrix_py.sync")

PUMP_S = 0.1
STOP_WAIT_S = 30.0
MOST_IN_FLIGHT = 1000
HERE = 0


class Watched(Protocol):
    """Who is told when a listener begins and ends; either raises where its time was over."""

    def begin_step(self, step: object) -> None:
        """Take in that a listener begins: the step is a pair of event and listener."""

    def end_step(self) -> None:
        """Take in that it ended."""


Notify = Callable[[InboxRow, "Watched | None"], None]
"""Tells the listeners of one row."""


class EnteredRows(Protocol):
    """What a store offers as its attribute `entered_rows` where a killed process can leave notes."""

    def enter(self, place: int, seq: int) -> None:
        """Note that the listeners of a row begin; each place holds one row at a time."""

    def leave(self, place: int) -> None:
        """Note that nobody's listeners run at this place."""

    def interrupted(self) -> Sequence[int]:
        """Return the rows, by `seq`, that were with their listeners when an earlier process ended."""

    def forget_interrupted(self) -> None:
        """Forget those, once they are counted."""


@attrs.define(slots=True)
class _Work:
    """One row, where it is kept, and whether a try is counted before it begins, or only where it ends badly."""

    row: InboxRow
    store: SyncStorer | Journal
    counts_first: bool = False


class Delivery:
    """Hands journalled rows to the listeners, and marks what was handled.

    Args:
        notify: tells the listeners of one row.
        report: called with event, listener and error where a listener took too long.
        workers: how many rooms at the same time; 0 for the thread that asks.
        handler_timeout_s: how long a listener may take, in seconds; None for ever.

    Attributes:
        on_set_aside: called with each row that was set aside, and why.

    Raises:
        UsageError: fewer than no workers, or a time limit without any.
    """

    def __init__(
        self,
        notify: Notify,
        report: Callable[[Event, Listener, Exception], None],
        workers: int = 0,
        handler_timeout_s: float | None = None,
    ) -> None:
        if workers < 0:
            raise UsageError("workers must be 0 or more")
        if handler_timeout_s is not None and (not workers or handler_timeout_s <= 0):
            raise UsageError("handler_timeout_s needs workers, and must be above 0")
        self.workers = workers
        self.handler_timeout_s = handler_timeout_s
        self.on_set_aside: Callable[[InboxRow, str], None] | None = None
        self._notify = notify
        self._report = report
        self._pool = LanePool(workers, self._handle, self._give_up, most=MOST_IN_FLIGHT, limit_s=handler_timeout_s)
        self._lock = threading.Lock()
        self._handled: list[_Work] = []
        self._pumped_at = 0.0
        self._untouched: set[int] = set()
        self._is_in_run = False

    # ------------------------------------------------------------ a run

    @property
    def in_flight(self) -> int:
        """How many rows are with the threads."""
        return self._pool.in_hand

    @contextmanager
    def run(self, cancel: CancelToken) -> Iterator[None]:
        """Let the threads work while the block runs, or until it is cancelled; then wait for what they are at.

        Raises:
            ListenerFailed: a listener raised, and the policy says to stop.
        """
        if not self.workers:
            yield
            return
        self._is_in_run = True
        self._pool.open(cancel.cancel)
        try:
            with cancel.on_cancel(self._pool.close):
                yield
        finally:
            self._is_in_run = False
            self._finish()
        if self._pool.failure is not None:
            raise self._pool.failure

    def _finish(self) -> None:
        self._pool.close()
        self._untouched.update(work.row.seq for work in self._pool.take_back())
        try:
            if not self._pool.wait_for_runners(STOP_WAIT_S):
                names = sorted({work.row.event_id or work.row.source.value for work in self._pool.running()})
                log.warning("listeners still run after %g s, and are left alone: %s", STOP_WAIT_S, names)
        finally:
            self._pump_if_possible()

    def wait_until_delivered(self) -> None:
        """Block until the listeners of all that came have returned, or the run is stopped.

        Raises:
            StoreError: what was handled could not be marked.
        """
        if self.workers:
            self._pool.wait_until_idle()
            self.pump()

    # ------------------------------------------------------------ what is new

    def deliver(self, store: SyncStorer | Journal, rows: Sequence[InboxRow]) -> None:
        """Tell the listeners of rows: by handing them to the threads in a run that has some, otherwise here.

        Raises:
            ListenerFailed: a listener raised, and the policy says to stop.
            StoreError: what was handled could not be marked.
        """
        if not rows:
            return
        if not self._is_in_run or self._pool.works_here():
            self._deliver_here(store, rows)
            return
        self.pump()
        self._hand_over(store, rows)
        if not is_sync_storer(store):  # its token is saved next, and must not be ahead of what it stands for
            self.wait_until_delivered()

    def _deliver_here(self, store: SyncStorer | Journal, rows: Sequence[InboxRow]) -> None:
        done = 0
        entered = entered_rows_of(store)
        try:
            for row in rows:
                if entered is not None:
                    entered.enter(HERE, row.seq)
                self._notify(row, None)
                done += 1
        except BaseException as error:
            for row in rows[done : done + 1]:
                self._count(store, row, error)
            raise
        finally:
            if entered is not None:
                entered.leave(HERE)
            if done:
                store.mark_delivered(rows[:done])

    def _hand_over(
        self, store: SyncStorer | Journal, rows: Sequence[InboxRow], *, counts_first: bool = False
    ) -> None:
        works = [(_lane(row), _Work(row, store, counts_first)) for row in rows]
        taken = self._pool.put(works)
        self._untouched.difference_update(work.row.seq for _, work in works[:taken])
        self._untouched.update(work.row.seq for _, work in works[taken:])
        if self._pool.failure is not None:
            raise self._pool.failure

    # ------------------------------------------------------------ what an earlier run left

    def deliver_again(self, store: SyncStorer | Journal) -> None:
        """Deliver what was journalled and not marked; rows under suspicion one by one, each alone.

        Raises:
            ListenerFailed: a listener raised, and the policy says to stop.
            StoreError: what was handled could not be marked.
        """
        self.pump()
        still_run = self._running_in(store)
        known = [row for row in self._with_tries(store) if row.seq not in still_run]
        rows = self._not_set_aside(store, known)
        is_noted = entered_rows_of(store) is not None
        untouched = set(self._untouched)
        suspects = [row for row in rows if row.tries or not (is_noted or row.seq in untouched)]
        if not self._is_in_run:
            for row in rows:
                self._alone(store, row, is_noted=is_noted)
            return
        last = {_lane(row): row.seq for row in suspects}
        for row in rows:
            if row.seq <= last.get(_lane(row), 0):
                self._alone(store, row, is_noted=is_noted)
        self._hand_over(store, [row for row in rows if row.seq > last.get(_lane(row), 0)])

    def _running_in(self, store: SyncStorer | Journal) -> set[int]:
        """Return what an earlier run of this process left running."""
        return {work.row.seq for work in self._pool.running() if work.store is store}

    def _with_tries(self, store: SyncStorer | Journal) -> Sequence[InboxRow]:
        rows = store.undelivered()
        entered = entered_rows_of(store)
        if entered is not None and (interrupted := set(entered.interrupted())):
            entered.forget_interrupted()
            for row in rows:
                if row.seq in interrupted:
                    row.tries = store.begin_try(row)
        return rows

    def _not_set_aside(self, store: SyncStorer | Journal, rows: Sequence[InboxRow]) -> list[InboxRow]:
        left = []
        for row in rows:
            if row.tries < MAX_TRIES:
                left.append(row)
                continue
            log.error("set aside after %d tries: %s in %s", row.tries, row.event_id, row.room_id)
            self._set_aside(store, row, "its delivery ended the process again and again")
        return left

    def _alone(self, store: SyncStorer | Journal, row: InboxRow, *, is_noted: bool) -> None:
        if self._is_in_run:
            self._hand_over(store, [row], counts_first=not is_noted)
            self.wait_until_delivered()
            return
        if not is_noted:
            store.begin_try(row)
        entered = entered_rows_of(store)
        if entered is not None:
            entered.enter(HERE, row.seq)
        try:
            self._notify(row, None)
        except BaseException as error:
            if is_noted:
                self._count(store, row, error)
            raise
        finally:
            if entered is not None:
                entered.leave(HERE)
        store.mark_delivered([row])

    # ------------------------------------------------------------ on the threads

    def _handle(self, runner: Runner[_Work], work: _Work) -> None:
        if work.counts_first:
            work.store.begin_try(work.row)
        entered = entered_rows_of(work.store)
        if entered is not None:
            entered.enter(runner.place, work.row.seq)
        try:
            self._notify(work.row, runner)
        except Abandoned:
            raise
        except BaseException as error:
            if not work.counts_first:
                self._count(work.store, work.row, error)
            raise
        finally:
            if entered is not None and not runner.is_abandoned:
                entered.leave(runner.place)
        with self._lock:
            self._handled.append(work)
            is_due = self._pool.in_hand <= 1 or time.monotonic() - self._pumped_at >= PUMP_S
        if is_due:
            self._pump_if_possible()

    def _give_up(self, work: _Work, step: Any) -> None:
        event, listener = step
        name = getattr(listener, "__qualname__", repr(listener))
        error = HandlerTimeout(f"listener {name} took longer than {self.handler_timeout_s:g} s")
        try:
            self._report(event, listener, error)
        finally:
            self._set_aside(work.store, work.row, str(error))

    def pump(self) -> None:
        """Mark what the threads have handled, in one commit.

        Raises:
            StoreError: it could not be marked; the next pump tries again.
        """
        with self._lock:
            works, self._handled = self._handled, []
            self._pumped_at = time.monotonic()
        try:
            while works:
                store = works[0].store
                store.mark_delivered([work.row for work in works if work.store is store])
                works = [work for work in works if work.store is not store]
        finally:
            if works:
                with self._lock:
                    self._handled = works + self._handled

    def _pump_if_possible(self) -> None:
        try:
            self.pump()
        except StoreError as error:
            log.warning("events that were handled are not marked yet: %s", error)

    # ------------------------------------------------------------ tries

    def _count(self, store: SyncStorer | Journal, row: InboxRow, error: BaseException) -> None:
        """Count a try that ended the sync; being interrupted from outside is no fault of the event."""
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            return
        try:
            store.begin_try(row)
        except StoreError:
            log.exception("a try of %s in %s could not be counted", row.event_id, row.room_id)

    def _set_aside(self, store: SyncStorer | Journal, row: InboxRow, reason: str) -> None:
        store.set_aside(row, reason)
        if self.on_set_aside is not None:
            self.on_set_aside(row, reason)


def _lane(row: InboxRow) -> str:
    """Return what tells rows that must come in order: those of a room, or of a part of the answer beside rooms."""
    return row.room_id or f"\0{row.source.value}"


def entered_rows_of(store: object) -> EnteredRows | None:
    """Return where a store notes who is with their listeners, None where it has no such place."""
    found: EnteredRows | None = getattr(store, "entered_rows", None)
    return found
