"""From a /sync answer to one batch for the store. Pure: nothing is stored, nothing is sent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ..api.sync import EventList, InvitedRoom, JoinedRoom, KnockedRoom, LeftRoom, SyncResponse, Timeline
from ..codec import RawJSON, Shape, as_bytes, loads, shape_decoder
from ..errors import DecodeError
from ..events import Event, EventSource
from ..store.records import AccountDataRow, Gap, InboxRow, RoomDelta, SyncBatch

__all__ = ["Planner"]

log = logging.getLogger("gomatrix_py.sync")

Wants = Callable[[EventSource, str], Any]
KnownMembership = Callable[[str], str]


class _Head(Shape, gc=False):
    type: str
    state_key: str | None = None
    event_id: str = ""


class _Counts(Shape, gc=False):
    notification_count: int | None = None
    highlight_count: int | None = None


_strict_head = shape_decoder(_Head)
_counts = shape_decoder(_Counts)

_NO_TIMELINE = Timeline()
_NO_EVENTS = EventList()
_EMPTY = b"{}"

# What a first sync delivers: what is waiting for an answer, not what is history.
_DELIVERED_AT_FIRST = frozenset({EventSource.INVITE, EventSource.KNOCK, EventSource.TO_DEVICE})


def _head(raw: RawJSON) -> tuple[_Head, bytes] | None:
    """Return the envelope of an event and its JSON; None for what is no event, which is then left out."""
    data = as_bytes(raw)
    try:
        return _strict_head(data), data
    except DecodeError:
        pass
    try:
        event = Event.from_json(data)
    except DecodeError as error:
        log.warning("left out something that is no event: %s", error)
        return None
    return _Head(event.type, event.state_key, event.event_id), event.json


class Planner:
    """Plans one answer.

    Args:
        user_id: our own.
        wants: tells whether anybody listens to such events.
        known_membership: how we stood to a room before.
        deliver_initial: deliver what a first sync brings, history included.
    """

    def __init__(
        self, user_id: str, wants: Wants, known_membership: KnownMembership, *, deliver_initial: bool = False
    ) -> None:
        self.user_id = user_id
        self.wants = wants
        self.known_membership = known_membership
        self.deliver_initial = deliver_initial

    def plan(self, response: SyncResponse, since: str) -> SyncBatch:
        """Return all that an answer changes.

        Args:
            response: the answer.
            since: what it answers, "" for a first sync.
        """
        batch = SyncBatch(self.user_id, response.next_batch)
        is_first = not since and not self.deliver_initial
        if response.to_device.raw_events:
            self._inbox(batch, "", response.to_device, EventSource.TO_DEVICE, is_first)
        if response.account_data.raw_events:
            self._account_data(batch, "", response.account_data, is_first)
        rooms = response.rooms
        for room_id, invited in rooms.invite.items():
            self._stripped(batch, room_id, invited, is_first)
        for room_id, knocked in rooms.knock.items():
            self._stripped(batch, room_id, knocked, is_first)
        for room_id, joined in rooms.join.items():
            self._joined(batch, room_id, joined, since, is_first)
        for room_id, left in rooms.leave.items():
            self._left(batch, room_id, left, is_first)
        if response.presence.raw_events:
            self._inbox(batch, "", response.presence, EventSource.PRESENCE, is_first)
        return batch

    # ------------------------------------------------------------ rooms

    def _joined(self, batch: SyncBatch, room_id: str, room: JoinedRoom, since: str, is_first: bool) -> None:
        delta = RoomDelta(room_id, "join")
        timeline = room.timeline or _NO_TIMELINE
        self._room_state(batch, delta, room, EventSource.STATE, is_first)
        self._timeline(batch, delta, room, EventSource.TIMELINE, is_first)
        if timeline.prev_batch is not None:
            delta.prev_batch = timeline.prev_batch
            if timeline.limited and since:
                batch.gaps.append(Gap(room_id, since, timeline.prev_batch))
        if room.ephemeral is not None and room.ephemeral.raw_events:
            self._inbox(batch, room_id, room.ephemeral, EventSource.EPHEMERAL, is_first)
        if room.account_data is not None and room.account_data.raw_events:
            self._account_data(batch, room_id, room.account_data, is_first)
        summary = as_bytes(room.summary)
        if summary != _EMPTY:
            delta.summary = summary
        self._unread(delta, room.unread_notifications)
        batch.rooms.append(delta)

    def _unread(self, delta: RoomDelta, raw: RawJSON) -> None:
        if len(memoryview(raw)) > 2:
            try:
                counts: _Counts = _counts(raw)
            except DecodeError:
                return
            delta.notification_count, delta.highlight_count = (
                counts.notification_count,
                counts.highlight_count,
            )

    def _left(self, batch: SyncBatch, room_id: str, room: LeftRoom, is_first: bool) -> None:
        delta = RoomDelta(room_id, "leave")
        self._room_state(batch, delta, room, EventSource.LEAVE, is_first)
        self._timeline(batch, delta, room, EventSource.LEAVE, is_first)
        if room.account_data is not None:
            self._account_data(batch, room_id, room.account_data, is_first)
        batch.rooms.append(delta)

    def _stripped(self, batch: SyncBatch, room_id: str, room: InvitedRoom | KnockedRoom, is_first: bool) -> None:
        if isinstance(room, InvitedRoom):
            delta, source, events = RoomDelta(room_id, "invite"), EventSource.INVITE, room.invite_state
        else:
            delta, source, events = RoomDelta(room_id, "knock"), EventSource.KNOCK, room.knock_state
        self._state(batch, delta, events or _NO_EVENTS, source, is_first)
        batch.rooms.append(delta)

    def _room_state(
        self,
        batch: SyncBatch,
        delta: RoomDelta,
        room: JoinedRoom | LeftRoom,
        source: EventSource,
        is_first: bool,
    ) -> None:
        """Apply the state before the timeline, or the one after it, where the server sends that."""
        if room.state is not None and room.state.raw_events:
            self._state(batch, delta, room.state, source, is_first)
        if room.state_after is not None:
            in_timeline = set()
            for raw in (room.timeline or _NO_TIMELINE).raw_events if room.state_after.raw_events else ():
                found = _head(raw)
                in_timeline.add(found[0].event_id if found else "")
            self._state(batch, delta, room.state_after, source, is_first, in_timeline)

    def _state(
        self,
        batch: SyncBatch,
        delta: RoomDelta,
        events: EventList,
        source: EventSource,
        is_first: bool,
        delivered_elsewhere: set[str] | None = None,
    ) -> None:
        is_quiet = is_first and source not in _DELIVERED_AT_FIRST
        room_id, state, wants = delta.room_id, delta.state, self.wants
        for raw in events.raw_events:
            found = _head(raw)
            if found is None:
                continue
            head, data = found
            if head.state_key is None:
                continue
            state.append((head.type, head.state_key, data))
            if is_quiet or not wants(source, head.type):
                continue
            if delivered_elsewhere is None or head.event_id not in delivered_elsewhere:
                batch.inbox.append(InboxRow(room_id, head.event_id, source, data))

    def _timeline(
        self,
        batch: SyncBatch,
        delta: RoomDelta,
        room: JoinedRoom | LeftRoom,
        source: EventSource,
        is_first: bool,
    ) -> None:
        if room.timeline is None or not room.timeline.raw_events:
            return
        heads = [found for found in map(_head, room.timeline.raw_events) if found is not None]
        if room.state_after is None:
            delta.state.extend(
                (head.type, head.state_key, data) for head, data in heads if head.state_key is not None
            )
        deliver_from = len(heads) if is_first else self._after_own_join(delta.room_id, heads)
        room_id, inbox, wants = delta.room_id, batch.inbox, self.wants
        for number, (head, data) in enumerate(heads):
            if number >= deliver_from and wants(source, head.type):
                inbox.append(InboxRow(room_id, head.event_id, source, data))
            elif head.event_id:
                delta.seen.append(head.event_id)

    def _after_own_join(self, room_id: str, heads: list[tuple[_Head, bytes]]) -> int:
        """Return where news begin: what stands before our own join is history we may have seen before."""
        own: list[tuple[int, bytes]] = [
            (number, data)
            for number, (head, data) in enumerate(heads)
            if head.state_key == self.user_id and head.type == "m.room.member"
        ]
        if not own:
            return 0
        begin, before = 0, self.known_membership(room_id)
        for number, data in own:
            membership = _membership(data)
            if membership == "join" and before != "join":
                begin = number
            before = membership
        return begin

    # ------------------------------------------------------------ what is in no timeline

    def _inbox(self, batch: SyncBatch, room_id: str, events: EventList, source: EventSource, is_first: bool) -> None:
        if is_first and source not in _DELIVERED_AT_FIRST:
            return
        for raw in events.raw_events:
            found = _head(raw)
            if found is not None and self.wants(source, found[0].type):
                batch.inbox.append(InboxRow(room_id, "", source, found[1]))

    def _account_data(self, batch: SyncBatch, room_id: str, events: EventList, is_first: bool) -> None:
        for raw in events.raw_events:
            found = _head(raw)
            if found is not None:
                batch.account_data.append(AccountDataRow(room_id, found[0].type, found[1]))
        self._inbox(batch, room_id, events, EventSource.ACCOUNT_DATA, is_first)


def _membership(data: bytes) -> str:
    content = loads(data).get("content")
    value = content.get("membership") if isinstance(content, dict) else None
    return value if isinstance(value, str) else "leave"
