"""Time as a value that can be replaced: waits by the monotonic clock, stamps by the wall clock."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """What the package needs of time."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards, for waits and deadlines."""

    def now_ms(self) -> int:
        """Return milliseconds since the epoch, for stamps that are stored or compared with a server's."""


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Return `time.monotonic()`."""
        return time.monotonic()

    def now_ms(self) -> int:
        """Return the wall clock in milliseconds."""
        return time.time_ns() // 1_000_000
