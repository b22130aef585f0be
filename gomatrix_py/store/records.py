"""What goes into a store and comes out of it, as plain records."""

from __future__ import annotations

import attrs

from ..events import EventSource
from ..events.skim import NO_EVENTS, StatePiece, state_pieces

__all__ = ["AccountDataRow", "Gap", "InboxRow", "RoomDelta", "SyncBatch"]


@attrs.define(slots=True, repr=False)
class InboxRow:
    """One event on its way to the listeners.

    Attributes:
        room_id: "" outside of rooms.
        event_id: "" where the kind of event has none; otherwise a room's inbox holds it once.
        source: the part of the answer it came in.
        json: the event.
        seq: its place in the order of delivery, given by the store.
        tries: how often it was handed to the listeners before.
    """

    room_id: str
    event_id: str
    source: EventSource
    json: bytes
    seq: int = 0
    tries: int = 0


@attrs.define(slots=True)
class RoomDelta:
    """What one /sync answer changes in one room; None means "as before".

    Attributes:
        room_id: of the room.
        membership: how we stand to it now.
        base_state: a JSON array of state events that apply first, not looked at yet.
        state: pieces of state that apply after those, in order.
        seen: ids of timeline events that nobody waits for.
        summary: heroes and counts, as JSON.
        notification_count, highlight_count: unread.
        prev_batch: where the timeline of this answer starts.
    """

    room_id: str
    membership: str
    base_state: bytes = NO_EVENTS
    state: list[StatePiece] = attrs.field(factory=list)
    seen: list[str] = attrs.field(factory=list)
    summary: bytes | None = None
    notification_count: int | None = None
    highlight_count: int | None = None
    prev_batch: str | None = None

    def all_state(self) -> list[StatePiece]:
        """Return every piece of state, in the order they apply."""
        return [*state_pieces(self.base_state), *self.state] if self.base_state != NO_EVENTS else self.state


@attrs.define(slots=True)
class AccountDataRow:
    """A piece of account data; `room_id` is "" for the whole account."""

    room_id: str
    type: str
    json: bytes


@attrs.frozen
class Gap:
    """Events of a room that a /sync answer left out.

    Attributes:
        room_id: of the room.
        since: the sync token before the gap; paging back ends here.
        prev_batch: where paging back starts: just before the first event after the gap.
        id: given by the store.
    """

    room_id: str
    since: str
    prev_batch: str
    id: int = 0


@attrs.define(slots=True)
class SyncBatch:
    """All that one /sync answer changes, to be stored whole or not at all.

    Attributes:
        user_id: whose sync it is.
        next_batch: the token to go on from.
        rooms: changes of rooms.
        inbox: events for the listeners, in order.
        account_data: new pieces of account data.
        gaps: what was left out.
    """

    user_id: str
    next_batch: str
    rooms: list[RoomDelta] = attrs.field(factory=list)
    inbox: list[InboxRow] = attrs.field(factory=list)
    account_data: list[AccountDataRow] = attrs.field(factory=list)
    gaps: list[Gap] = attrs.field(factory=list)
