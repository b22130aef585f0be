"""One sync at a time: runs of the loop, and how a new one retires those before it."""

from __future__ import annotations

import threading
from datetime import datetime

from ..cancellation import CancelToken
from ..errors import UsageError

__all__ = ["SyncRun", "SyncRuns"]


class SyncRun:
    """One run of the loop: who runs it, how to stop it, and how it fares.

    Attributes:
        cancel: stops it.
        thread: the thread that runs it, None before it got one.
        last_sync_at: when the last answer was processed, None before the first.
        failures: tries that failed since.
    """

    def __init__(self) -> None:
        self.cancel = CancelToken()
        self.thread: threading.Thread | None = None
        self.last_sync_at: datetime | None = None
        self.failures = 0


class SyncRuns:
    """The runs of one client that were begun and have not ended, oldest first."""

    def __init__(self) -> None:
        self._runs: list[SyncRun] = []
        self._changed = threading.Condition()

    def begin(self, run: SyncRun) -> None:
        """Put a run last in the queue, and retire those before it.

        Raises:
            UsageError: this thread is in a run already, so a listener asks.
        """
        with self._changed:
            before = list(self._runs)
            if any(one.thread is threading.current_thread() for one in before):
                raise UsageError("a listener cannot start a sync; call stop_sync() and sync after it returns")
            self._runs.append(run)
        for one in before:
            one.cancel.cancel()

    def take_turn(self, run: SyncRun) -> None:
        """Block until every run before this one has ended, or this one was cancelled."""
        run.thread = threading.current_thread()
        with run.cancel.on_cancel(self._wake), self._changed:
            self._changed.wait_for(lambda: run.cancel.is_cancelled or self._runs[0] is run)

    def end(self, run: SyncRun) -> None:
        """Take a run out of the queue."""
        with self._changed:
            if run in self._runs:
                self._runs.remove(run)
            self._changed.notify_all()

    def stop(self) -> None:
        """Cancel every run."""
        with self._changed:
            runs = list(self._runs)
        for run in runs:
            run.cancel.cancel()

    def wait_until_idle(self, timeout_s: float) -> None:
        """Block until no other thread is in a run, at most for `timeout_s` seconds."""
        here = threading.current_thread()
        with self._changed:
            self._changed.wait_for(lambda: all(run.thread is here for run in self._runs), timeout_s)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
