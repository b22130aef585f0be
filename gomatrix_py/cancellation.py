"""Cancelling blocking work from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["CancelToken"]


class CancelToken:
    """A switch that is thrown once: it wakes waits, and runs what blocking work left to be run.

    One thread works (a long-poll, a back-off); any other may `cancel()`.
    """

    __slots__ = ("_actions", "_event", "_lock")

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.RLock()
        self._actions: list[Callable[[], None]] = []

    @property
    def is_cancelled(self) -> bool:
        """True once `cancel` was called."""
        return self._event.is_set()

    def cancel(self) -> None:
        """Throw the switch; further calls do nothing."""
        with self._lock:
            if self._event.is_set():
                return
            self._event.set()
            actions, self._actions = self._actions, []
            for action in actions:  # under the lock: none may run once its block is left
                action()

    def wait(self, seconds: float) -> bool:
        """Block for up to `seconds`; return True at once when cancelled."""
        return self._event.wait(min(max(0.0, seconds), threading.TIMEOUT_MAX))

    @contextmanager
    def on_cancel(self, action: Callable[[], None]) -> Iterator[None]:
        """Run `action`, which must not block, if the switch is thrown while the block runs (or was before)."""
        with self._lock:
            run_now = self._event.is_set()
            if not run_now:
                self._actions.append(action)
        if run_now:
            action()
        try:
            yield
        finally:
            with self._lock:
                if action in self._actions:
                    self._actions.remove(action)
