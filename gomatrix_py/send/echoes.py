"""Local and remote echo: what we send is shown at once, and known again when it comes back in a sync."""

from __future__ import annotations

from collections.abc import Iterator

from ..codec import loads
from ..errors import DecodeError
from ..events import Event
from ..events.skim import sound_events
from ..store.outbox import OutboxKind, OutboxRow

__all__ = ["echoes_in", "is_same_event", "local_echo"]


def local_echo(row: OutboxRow, user_id: str) -> Event | None:
    """Return the event that a row is going to be; None where it is not going to be a message event.

    Its id is empty until the server gave it one, and its `transaction_id` is that of the remote echo.

    Args:
        row: from the outbox.
        user_id: our own.
    """
    if row.kind is not OutboxKind.EVENT or not row.content:
        return None
    try:
        content = loads(row.content)
    except DecodeError:
        return None
    return Event(
        row.event_type,
        content if isinstance(content, dict) else {},
        row.event_id,
        row.sender or user_id,
        row.created_ts,
        room_id=row.room_id,
        unsigned={"transaction_id": row.txn_id},
    )


def is_same_event(one: Event, other: Event) -> bool:
    """Tell whether two events are one: the same id, or local and remote echo of the same sending."""
    if one.room_id != other.room_id:
        return False
    if one.event_id and other.event_id:
        return one.event_id == other.event_id
    return one.transaction_id is not None and one.transaction_id == other.transaction_id


def echoes_in(array: bytes, user_id: str) -> Iterator[tuple[str, str]]:
    """Return (transaction id, event id) of our own events in a JSON array of events.

    Args:
        array: as it came; it is not decoded where no transaction id stands in it.
        user_id: our own.
    """
    if b'"transaction_id"' not in array:
        return
    for event in sound_events(array):
        if event.transaction_id and event.event_id and event.sender == user_id:
            yield event.transaction_id, event.event_id
