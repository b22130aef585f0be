"""How soon the same may be asked of a server again: never at once, and ever later where it changes nothing."""

from __future__ import annotations

from ..clock import Clock

__all__ = ["Pace"]


class Pace:
    """Spaces out what is repeated because a server keeps saying that it must be.

    Args:
        clock: by whose monotonic time.
        first_s: the least time between two of them, in seconds.
        longest_s: the most.
    """

    def __init__(self, clock: Clock, first_s: float, longest_s: float) -> None:
        self.clock = clock
        self.first_s, self.longest_s = first_s, longest_s
        self._next_at: float | None = None
        self._in_vain = 0

    def may_go(self) -> bool:
        """Tell whether it may be done now."""
        return self._next_at is None or self.clock.monotonic() >= self._next_at

    def went(self) -> None:
        """Note that it was done; until it helped, each further time waits twice as long as the one before."""
        wait_s = min(self.longest_s, self.first_s * 2.0 ** min(self._in_vain, 30))
        self._next_at = self.clock.monotonic() + wait_s
        self._in_vain += 1

    def helped(self) -> None:
        """Note that it changed something: the next time waits no longer than the first."""
        self._in_vain = 0
        if self._next_at is not None:
            self._next_at = min(self._next_at, self.clock.monotonic() + self.first_s)
