"""What a homeserver has, asked of itself: the history of rooms, page after page to the very start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from gomatrix_py import Client, Event
from gomatrix_py.api.room_history import GetMessages

__all__ = ["differences", "history", "texts"]


def history(client: Client, room_id: str) -> list[Event]:
    """Return every event of a room, oldest first.

    Args:
        client: a member; one that talks to the server itself, not through anything that fails.
        room_id: of the room.
    """
    newest_first: list[Event] = []
    token: str | None = None
    while True:
        page = client.call(GetMessages(room_id, token, limit=1000))
        newest_first += page.chunk
        if not page.end or page.end == token:
            return newest_first[::-1]
        token = page.end


def texts(client: Client, room_id: str) -> list[str]:
    """Return what was said in a room, oldest first, edits of events included and state left out."""
    return [event.content["body"] for event in history(client, room_id) if event.type == "m.room.message"]


def differences(wanted: Iterable[str], found: Sequence[str]) -> str:
    """Return how two lists of texts differ, "" where they are the same in the same order."""
    expected = list(wanted)
    if expected == list(found):
        return ""
    lost, more = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    if not lost and not more:
        first = next(number for number, (one, other) in enumerate(zip(expected, found, strict=True)) if one != other)
        return f"out of order from number {first}: {found[first]!r} in the place of {expected[first]!r}"
    return f"{lost.total()} lost {sorted(lost)[:5]}, {more.total()} too many {sorted(more)[:5]}"
