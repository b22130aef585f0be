"""How much is measured: the whole thing, or enough to see that it works."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FULL", "QUICK", "Scale"]


@dataclass(frozen=True)
class Scale:
    """Sizes and repetitions.

    Attributes:
        rooms: in the large first sync.
        small_syncs: incremental answers.
        http_calls: calls over loopback.
        media_mb: size of the upload and download, in MiB.
        rounds: repetitions of each contender.
        slow_rounds: of those that take seconds.
    """

    rooms: int
    small_syncs: int
    http_calls: int
    media_mb: int
    rounds: int
    slow_rounds: int


FULL = Scale(rooms=1000, small_syncs=5000, http_calls=3000, media_mb=256, rounds=5, slow_rounds=2)
QUICK = Scale(rooms=50, small_syncs=500, http_calls=400, media_mb=32, rounds=2, slow_rounds=1)
