"""Ending a blocking exchange from outside: at its deadline, or when its `CancelToken` is thrown.

A read on a socket can only be ended early by shutting the socket down. So each exchange has a `Watch`
that knows its socket, and one daemon thread per process shuts down those whose deadline has passed.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
from collections.abc import Iterator

__all__ = ["Watch", "current_watch", "watched"]

_active = threading.local()


class Watch:
    """The socket of one exchange, and whether somebody ended it."""

    __slots__ = ("_lock", "_socket", "deadline", "ended_by")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.ended_by = ""
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def adopt(self, sock: socket.socket) -> None:
        """Take a duplicate of the socket in use; it is shut down at once if the exchange was ended."""
        with self._lock:
            self._socket = sock
            if self.ended_by:
                self._shut_down()

    def end(self, why: str) -> None:
        """Make every blocked read or write of the exchange return now."""
        with self._lock:
            if not self.ended_by:
                self.ended_by = why
                self._shut_down()

    def _shut_down(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def current_watch() -> Watch | None:
    """Return the watch of the exchange this thread is in."""
    watch: Watch | None = getattr(_active, "watch", None)
    return watch


@contextlib.contextmanager
def watched(total_s: float) -> Iterator[Watch]:
    """Run one exchange under a deadline of `total_s` seconds."""
    watch = Watch(time.monotonic() + total_s)
    _active.watch = watch
    _watchdog.add(watch)
    try:
        yield watch
    finally:
        _watchdog.remove(watch)
        _active.watch = None


class _Watchdog:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watches: set[Watch] = set()
        self._wakes_at = math.inf
        self._thread: threading.Thread | None = None

    def add(self, watch: Watch) -> None:
        with self._changed:
            self._watches.add(watch)
            if self._thread is None or not self._thread.is_alive():  # not alive: a forked child
                self._wakes_at = math.inf
                self._thread = threading.Thread(target=self._run, name="gomatrix_py-watchdog", daemon=True)
                self._thread.start()
            elif watch.deadline < self._wakes_at:
                self._changed.notify()

    def remove(self, watch: Watch) -> None:
        with self._changed:
            self._watches.discard(watch)

    def _run(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                late = [watch for watch in self._watches if watch.deadline <= now]
                self._watches.difference_update(late)
                if not late:
                    self._wakes_at = min((watch.deadline for watch in self._watches), default=math.inf)
                    self._changed.wait(None if self._wakes_at == math.inf else self._wakes_at - now)
            for watch in late:
                watch.end("deadline")


_watchdog = _Watchdog()
