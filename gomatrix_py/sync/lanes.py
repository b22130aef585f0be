"""Threads that work in order within a lane, lanes side by side, and never on more than they were meant to hold."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["Abandoned", "LanePool", "Runner"]

W = TypeVar("W")

MOST_ABANDONED = 64


class Abandoned(BaseException):
    """This thread took too long: another one has its work now."""


class _Job(Generic[W]):
    """A piece of work in a lane."""

    __slots__ = ("lane", "work")

    def __init__(self, lane: str, work: W) -> None:
        self.lane = lane
        self.work = work


class Runner(Generic[W]):
    """One thread of a pool, and what it is at.

    Attributes:
        place: a small number that no other runner has meanwhile.
        job: what it works on.
        step: the part of the job that the time limit is for, None between two.
    """

    __slots__ = ("deadline", "is_abandoned", "job", "place", "pool", "step", "thread")

    def __init__(self, pool: LanePool[W], place: int) -> None:
        self.pool = pool
        self.place = place
        self.job: _Job[W] | None = None
        self.step: object = None
        self.deadline = 0.0
        self.is_abandoned = False
        self.thread = threading.Thread(target=pool.run, args=(self,), name=f"gomatrix_py-worker-{place}", daemon=True)

    def begin_step(self, step: object) -> None:
        """Start the time limit anew.

        Raises:
            Abandoned: it was over before.
        """
        with self.pool.changed:
            if self.is_abandoned:
                raise Abandoned
            self.step = step
            if self.pool.limit_s is not None:
                self.deadline = time.monotonic() + self.pool.limit_s
                self.pool.changed.notify_all()

    def end_step(self) -> None:
        """Stop the time limit.

        Raises:
            Abandoned: it was over before.
        """
        with self.pool.changed:
            if self.is_abandoned:
                raise Abandoned
            self.step = None


class LanePool(Generic[W]):
    """Does jobs on threads: in order within a lane, lanes side by side; open from `open` to `close`.

    Args:
        workers: how many jobs are done at the same time.
        do: does one; called with the runner and its job. What it raises ends the pool's work.
        give_up: called with a job and the step it is at where that took longer than `limit_s`. Python cannot end
            its thread: it is left to itself, and another one takes its place. What this raises ends the pool's work.
        most: of jobs in hand; `put` waits until there are fewer.
        limit_s: for each step, in seconds; None for no limit.

    Attributes:
        changed: guards everything here, and is told of every change.
        failure: what ended the work, None for nothing.
    """

    def __init__(
        self,
        workers: int,
        do: Callable[[Runner[W], W], None],
        give_up: Callable[[W, object], None],
        *,
        most: int = 1000,
        limit_s: float | None = None,
    ) -> None:
        self.workers = workers
        self.most = most
        self.limit_s = limit_s
        self.changed = threading.Condition()
        self.failure: BaseException | None = None
        self._do = do
        self._give_up = give_up
        self._lanes: dict[str, deque[_Job[W]]] = {}
        self._ready: deque[str] = deque()
        self._busy: dict[str, _Job[W]] = {}
        self._runners: set[Runner[W]] = set()
        self._abandoned = 0
        self._waiting = 0
        self._is_open = False
        self._watch: threading.Thread | None = None
        self._on_failure: Callable[[], None] = _nothing

    # ------------------------------------------------------------ from outside

    @property
    def is_open(self) -> bool:
        """True while jobs are taken and begun."""
        return self._is_open

    @property
    def in_hand(self) -> int:
        """How many jobs wait or are being done."""
        return self._waiting + len(self._busy)

    def works_here(self) -> bool:
        """Tell whether this thread is one of the pool's, or was."""
        return getattr(_here, "pool", None) is self

    def open(self, on_failure: Callable[[], None] | None = None) -> None:
        """Take jobs from now on; `on_failure` is called, once, where one ends the work."""
        with self.changed:
            self.failure = None
            self._on_failure = on_failure or _nothing
            self._is_open = True

    def put(self, works: Sequence[tuple[str, W]]) -> int:
        """Take jobs, each with its lane; block while there are too many.

        Returns:
            How many were taken: not all where the pool was closed meanwhile.
        """
        taken = 0
        with self.changed:
            while taken < len(works):
                self.changed.wait_for(lambda: self.in_hand < self.most or not self._is_open)
                if not self._is_open:
                    break
                fitting = works[taken : taken + self.most - self.in_hand]
                for lane, work in fitting:
                    self._add(_Job(lane, work))
                taken += len(fitting)
                self._man()
                self.changed.notify_all()
        return taken

    def _add(self, job: _Job[W]) -> None:
        jobs = self._lanes.setdefault(job.lane, deque())
        jobs.append(job)
        self._waiting += 1
        if job.lane not in self._busy and len(jobs) == 1:
            self._ready.append(job.lane)

    def wait_until_idle(self, timeout_s: float | None = None) -> bool:
        """Block until nothing is in hand, the pool is closed, or the time is over; tell whether nothing is."""
        with self.changed:
            self.changed.wait_for(lambda: not self.in_hand or not self._is_open, timeout_s)
            return not self.in_hand

    def close(self) -> None:
        """Begin nothing more, from any thread; what waits is for `take_back`."""
        with self.changed:
            self._is_open = False
            self.changed.notify_all()

    def take_back(self) -> list[W]:
        """Return what waits in a closed pool, and forget it."""
        with self.changed:
            left = [job.work for jobs in self._lanes.values() for job in jobs]
            self._lanes.clear()
            self._ready.clear()
            self._waiting = 0
            return left

    def running(self) -> list[W]:
        """Return what is being done right now."""
        with self.changed:
            return [job.work for job in self._busy.values()]

    def wait_for_runners(self, timeout_s: float | None = None) -> bool:
        """Block until nothing is being done, or the time is over; tell whether nothing is."""
        with self.changed:
            return self.changed.wait_for(lambda: not self._busy, timeout_s)

    # ------------------------------------------------------------ the threads

    def _man(self) -> None:
        """Let there be threads for what is ready."""
        wanted = min(self.workers, len(self._ready) + len(self._busy))
        while len(self._runners) < wanted:
            places = {runner.place for runner in self._runners}
            runner = Runner(self, next(place for place in range(1, self.workers + 1) if place not in places))
            runner.thread.start()
            self._runners.add(runner)
        if self.limit_s is not None and self._watch is None:
            self._watch = threading.Thread(target=self._watch_over, name="gomatrix_py-watch", daemon=True)
            self._watch.start()

    def run(self, runner: Runner[W]) -> None:
        """Do one job after the other; the work of a runner's thread."""
        _here.pool = self
        while True:
            job = self._next(runner)
            if job is None:
                return
            failure: BaseException | None = None
            try:
                self._do(runner, job.work)
            except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
                failure = error
            with self.changed:
                if runner.is_abandoned:
                    self._abandoned -= 1
                    return
                runner.job = runner.step = None
                self._free(job)
            if failure is not None:
                self._fail(failure)

    def _next(self, runner: Runner[W]) -> _Job[W] | None:
        with self.changed:
            self.changed.wait_for(lambda: self._ready or not self._is_open)
            if not self._is_open:
                self._runners.discard(runner)
                self.changed.notify_all()
                return None
            lane = self._ready.popleft()
            runner.job = job = self._lanes[lane].popleft()
            self._waiting -= 1
            self._busy[lane] = job
            return job

    def _free(self, job: _Job[W]) -> None:
        self._busy.pop(job.lane, None)
        if self._lanes.get(job.lane):
            self._ready.append(job.lane)
        else:
            self._lanes.pop(job.lane, None)
        self.changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self.changed:
            is_first = self.failure is None and self._is_open
            if self.failure is None:
                self.failure = error
            self._is_open = False
            self.changed.notify_all()
        if is_first:
            self._on_failure()

    # ------------------------------------------------------------ the time limit

    def _watch_over(self) -> None:
        while True:
            with self.changed:
                while not (overdue := self._overdue()):
                    if not self._is_open and not self._busy:
                        self._watch = None
                        return
                    self.changed.wait(self._next_deadline_s())
                left = [(runner.job, runner.step) for runner in overdue if runner.job is not None]
                for runner in overdue:
                    runner.is_abandoned = True
                    self._runners.discard(runner)
                    self._abandoned += 1
            for job, step in left:
                self._leave(job, step)

    def _overdue(self) -> list[Runner[W]]:
        now = time.monotonic()
        return [one for one in self._runners if one.step is not None and one.deadline <= now]

    def _next_deadline_s(self) -> float | None:
        deadlines = [runner.deadline for runner in self._runners if runner.step is not None]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _leave(self, job: _Job[W], step: object) -> None:
        failure: BaseException | None = None
        try:
            self._give_up(job.work, step)
            if self._abandoned > MOST_ABANDONED:
                failure = TimeoutError(f"{self._abandoned} threads hang")
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            failure = error
        if failure is not None:
            self._fail(failure)  # first, so that nobody begins what comes next
        with self.changed:
            self._free(job)
            if self._ready and self._is_open:
                self._man()


_here = threading.local()


def _nothing() -> None:
    """Do what there is to do where nobody asked for anything."""
