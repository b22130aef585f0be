"""A server that went back in time: its database was restored from a copy that is older than our position.

It answers a position of its future with an older one and no events. What happened there since the copy, and
before we asked, would never be shown to us: it is a gap in every room.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..api.sync import JoinedRoom, SyncResponse, Timeline

__all__ = ["is_behind", "open_gaps"]

# Positions are opaque; but those that begin alike, with a number, are counted by every server known. Further
# numbers may count what a server forgets when it is started again.
_POSITION = re.compile(r"([A-Za-z]?)([0-9]{1,18})(?:[_~].*)?\Z", re.DOTALL)


def is_behind(position: str, since: str) -> bool:
    """Tell whether a position certainly comes before another one of the same server."""
    one, other = _POSITION.match(position), _POSITION.match(since)
    if one is None or other is None or one[1] != other[1]:
        return False
    return int(one[2]) < int(other[2])


def open_gaps(response: SyncResponse, room_ids: Iterable[str]) -> None:
    """Let an answer say of rooms that something before it was left out, where it says nothing of them itself.

    Args:
        response: an answer whose `next_batch` is behind.
        room_ids: the rooms we are in.
    """
    for room_id in room_ids:
        if room_id in response.rooms.leave:
            continue
        room = response.rooms.join.setdefault(room_id, JoinedRoom())
        if room.timeline is None or room.timeline.is_empty:
            room.timeline = Timeline(limited=True, prev_batch=response.next_batch)
