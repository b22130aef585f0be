"""For how long what the server said of users and devices holds: a job that only sends hears of no changes."""

from __future__ import annotations

from collections.abc import Iterable

from ..clock import Clock

__all__ = ["Freshness"]

FRESH_FOR_S = 60.0


class Freshness:
    """Remembers when the server said something; nothing of this outlives the process.

    Args:
        clock: the monotonic one counts.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._heard_at: float | None = None
        self._queried_at: dict[str, float] = {}

    def note_sync(self) -> None:
        """Take in that a sync said what has changed."""
        self._heard_at = self.clock.monotonic()

    def note_queried(self, user_ids: Iterable[str]) -> None:
        """Take in that the server was asked for the devices of users."""
        self._queried_at.update(dict.fromkeys(user_ids, self.clock.monotonic()))

    @property
    def is_following(self) -> bool:
        """Tell whether a sync said a moment ago what has changed."""
        return self.holds(self._heard_at)

    def holds(self, said_at: float | None) -> bool:
        """Tell whether what the server said still holds without a sync.

        Args:
            said_at: when, on the monotonic clock, in seconds; None for never.
        """
        return said_at is not None and self.clock.monotonic() - said_at < FRESH_FOR_S

    def stale(self, user_ids: Iterable[str]) -> list[str]:
        """Return the users whose devices may have changed unheard of."""
        if self.is_following:
            return []
        return [user_id for user_id in user_ids if not self.holds(self._queried_at.get(user_id))]
