"""A sync in a thread of its own, whose failure cannot go unseen."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from types import TracebackType

from .sync_runs import SyncRun

__all__ = ["SyncHandle"]

log = logging.getLogger("gomatrix_py.sync")

GRACE_S = 30.0


class SyncHandle:
    """A sync that runs in a thread of its own; also a context manager that stops it.

    Its failure cannot go unseen: it is logged, kept in `error`, and raised by `stop` and `join`.
    """

    def __init__(self, run: SyncRun, sync: Callable[[], None], poll_ms: int) -> None:
        self._run = run
        self._sync = sync
        self._poll_s = poll_ms / 1000
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="gomatrix_py-sync", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._sync()
        except BaseException as error:  # noqa: BLE001 - kept, and raised in the thread that asks
            self._error = error
            log.error("the sync thread ended: %s", error)

    @property
    def error(self) -> BaseException | None:
        """What ended the sync, None while it runs or after it was stopped."""
        return self._error

    @property
    def is_running(self) -> bool:
        """True while the thread lives."""
        return self._thread.is_alive()

    @property
    def last_sync_at(self) -> datetime | None:
        """When the last answer was processed; None before the first."""
        return self._run.last_sync_at

    @property
    def is_healthy(self) -> bool:
        """True while it runs, its last try worked, and that was no longer ago than three polls."""
        last = self.last_sync_at
        if not self.is_running or self._run.failures or last is None:
            return False
        return (datetime.now(timezone.utc) - last).total_seconds() <= 3 * self._poll_s + GRACE_S

    def join(self, timeout_s: float | None = None) -> None:
        """Wait until the sync ends.

        Raises:
            TimeoutError: it still runs after `timeout_s` seconds.
            MatrixError: what ended it.
        """
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise TimeoutError(f"the sync still runs after {timeout_s} s")
        if self._error is not None:
            raise self._error

    def stop(self, timeout_s: float | None = 60.0) -> None:
        """End the sync and wait for it; listeners that run are waited for.

        Raises:
            TimeoutError: a listener still runs after `timeout_s` seconds.
            MatrixError: what had ended it before.
        """
        self._run.cancel.cancel()
        if threading.current_thread() is not self._thread:
            self.join(timeout_s)

    def __enter__(self) -> SyncHandle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except Exception:
            if error is None:  # what the block raised is not to be hidden
                raise
