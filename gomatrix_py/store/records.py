"""What goes into a store and comes out of it, as plain records."""

from __future__ import annotations

import attrs

from ..events import EventSource
from ..events.skim import NO_EVENTS, StatePiece, state_pieces
from .key_values import Change

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
        tries: how often the process, or the sync, ended while its listeners ran.
        reason: why it was set aside, "" for one that was not.
    """

    room_id: str
    event_id: str
    source: EventSource
    json: bytes
    seq: int = 0
    tries: int = 0
    reason: str = ""


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
        thread_counts: what is unread in threads, by the id of their root, as JSON; all of it, each time.
        ephemeral: a JSON array of typing and receipts, not looked at yet. A store keeps the last receipt of
            each user, thread and kind; typing is forgotten when the process ends.
        has_all_members: False where members may be missing now, True where all are known.
        forgets_state: True where the state so far came with an invitation, and so from anybody: it counts no
            more, and goes before any other state applies.
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
    thread_counts: bytes | None = None
    ephemeral: bytes = NO_EVENTS
    has_all_members: bool | None = None
    forgets_state: bool = False

    @property
    def has_ephemera(self) -> bool:
        """True where there is news of typing or receipts."""
        return self.ephemeral != NO_EVENTS

    def without_state(self) -> RoomDelta:
        """Return the same, but for the state."""
        return attrs.evolve(self, base_state=NO_EVENTS, state=[], forgets_state=False)

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
        changes: values of the store's `key_values`, written with the rest.
        position_key: under which name to keep the token, for syncers whose tokens are of another kind; ""
            stands for the user id.
    """

    user_id: str
    next_batch: str
    rooms: list[RoomDelta] = attrs.field(factory=list)
    inbox: list[InboxRow] = attrs.field(factory=list)
    account_data: list[AccountDataRow] = attrs.field(factory=list)
    gaps: list[Gap] = attrs.field(factory=list)
    changes: list[Change] = attrs.field(factory=list)
    position_key: str = ""
