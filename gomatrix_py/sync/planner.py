"""From a /sync answer to one batch for the store. Pure: nothing is stored, nothing is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ..api.sync import EventList, JoinedRoom, LeftRoom, SyncResponse, Timeline
from ..codec import RawJSON, Shape, shape_decoder
from ..errors import DecodeError
from ..events import Event, EventSource
from ..events.skim import NO_EVENTS, Skimmed, skim, state_pieces
from ..store.records import AccountDataRow, Gap, InboxRow, RoomDelta, SyncBatch

__all__ = ["KnownMembership", "Planner", "Wishes"]

KnownMembership = Callable[[str], str]

# What a first sync delivers: what is waiting for an answer, not what is history.
_DELIVERED_AT_FIRST = frozenset({EventSource.INVITE, EventSource.KNOCK, EventSource.TO_DEVICE})
_MOST = 2**53 - 1
_NO_MEMBERS = RawJSON(b"{}")
_NO_COUNTS = b"{}"
_STRIPPED = ("invite", "knock")


class Wishes(Protocol):
    """Who wants what; `Listeners` is one."""

    def wanting(self, source: EventSource, event_type: str) -> object:
        """Return something true where anybody wants such events."""

    def may_want(self, source: EventSource, array: bytes) -> bool:
        """Tell, without decoding, whether anybody could want an event of this JSON array."""


class _Counts(Shape, gc=False):
    notification_count: int | None = None
    highlight_count: int | None = None


_counts = shape_decoder(_Counts)


class Planner:
    """Plans one answer.

    Args:
        user_id: our own.
        wishes: who wants what.
        known_membership: how we stood to a room before.
        deliver_initial: deliver what a first sync brings, history included.
        lazy_load_members: answers may leave members out.
    """

    def __init__(
        self,
        user_id: str,
        wishes: Wishes,
        known_membership: KnownMembership,
        *,
        deliver_initial: bool = False,
        lazy_load_members: bool = True,
    ) -> None:
        self.user_id = user_id
        self.wishes = wishes
        self.known_membership = known_membership
        self.deliver_initial = deliver_initial
        self.lazy_load_members = lazy_load_members

    def plan(self, response: SyncResponse, since: str) -> SyncBatch:
        """Return all that an answer changes.

        Args:
            response: the answer.
            since: what it answers, "" for a first sync.
        """
        return _Plan(self, response, since).batch


class _Plan:
    """One answer being planned."""

    def __init__(self, planner: Planner, response: SyncResponse, since: str) -> None:
        self.planner = planner
        self.wanting = planner.wishes.wanting
        self.is_first = not since and not planner.deliver_initial
        self.batch = SyncBatch(planner.user_id, response.next_batch)
        self.inbox = self.batch.inbox
        if not response.to_device.is_empty:
            self._loose("", response.to_device, EventSource.TO_DEVICE)
        if not response.account_data.is_empty:
            self._account_data("", response.account_data)
        rooms = response.rooms
        for room_id, invited in rooms.invite.items():
            self._stripped(room_id, invited.invite_state, "invite", EventSource.INVITE)
        for room_id, knocked in rooms.knock.items():
            self._stripped(room_id, knocked.knock_state, "knock", EventSource.KNOCK)
        for room_id, joined in rooms.join.items():
            self._joined(room_id, joined, since)
        for room_id, left in rooms.leave.items():
            self._left(room_id, left, since)
        if not response.presence.is_empty:
            self._loose("", response.presence, EventSource.PRESENCE)

    def _is_quiet(self, source: EventSource) -> bool:
        return self.is_first and source not in _DELIVERED_AT_FIRST

    # ------------------------------------------------------------ rooms

    def _joined(self, room_id: str, room: JoinedRoom, since: str) -> None:
        delta = RoomDelta(room_id, "join")
        # what an invitation says of a room is its sender's word: the room's own state takes its place
        delta.forgets_state = bool(since) and self.planner.known_membership(room_id) in _STRIPPED
        has_own_join = self._state_and_timeline(delta, room, EventSource.STATE, EventSource.TIMELINE)
        timeline = room.timeline
        if timeline is not None and timeline.prev_batch is not None:
            delta.prev_batch = timeline.prev_batch
        if has_own_join or not since:
            delta.has_all_members = not self.planner.lazy_load_members
        if timeline is not None and timeline.limited:
            self._limited(delta, timeline, since, is_since_join=has_own_join)
        if room.ephemeral is not None and not room.ephemeral.is_empty:
            self._ephemeral(delta, room.ephemeral)
        if room.account_data is not None and not room.account_data.is_empty:
            self._account_data(room_id, room.account_data)
        if room.summary != _NO_MEMBERS:
            delta.summary = bytes(room.summary)
        _put_counts(delta, room)
        self.batch.rooms.append(delta)

    def _left(self, room_id: str, room: LeftRoom, since: str) -> None:
        delta = RoomDelta(room_id, "leave")
        self._state_and_timeline(delta, room, EventSource.LEAVE, EventSource.LEAVE)
        if room.timeline is not None and room.timeline.limited:
            self._limited(delta, room.timeline, since, is_since_join=True)
        if room.account_data is not None and not room.account_data.is_empty:
            self._account_data(room_id, room.account_data)
        self.batch.rooms.append(delta)

    def _limited(self, delta: RoomDelta, timeline: Timeline, since: str, *, is_since_join: bool) -> None:
        """Note what a limited timeline left out, unless it only left out what was said before we came.

        Lazily loaded members who came and went in a gap are left out, too.
        """
        if self.planner.lazy_load_members:
            delta.has_all_members = False
        if not timeline.prev_batch or not since:
            return
        if is_since_join and self.planner.known_membership(delta.room_id) != "join":
            return
        self.batch.gaps.append(Gap(delta.room_id, since, timeline.prev_batch))

    def _stripped(self, room_id: str, state: EventList | None, membership: str, source: EventSource) -> None:
        delta = RoomDelta(room_id, membership)
        if state is not None:
            self._state(delta, state, source, ())
        self.batch.rooms.append(delta)

    # ------------------------------------------------------------ state and timeline

    def _state_and_timeline(
        self, delta: RoomDelta, room: JoinedRoom | LeftRoom, state_source: EventSource, source: EventSource
    ) -> bool:
        """`state` is how things stood before the timeline, `state_after` how they stand after it.

        Returns:
            Whether the timeline holds our own join.
        """
        skimmed = [] if room.timeline is None or room.timeline.is_empty else skim(room.timeline.array)
        if room.state is not None and not room.state.is_empty:
            self._state(delta, room.state, state_source, skimmed)
        if room.state_after is None:
            for head, data in skimmed:
                if head.state_key is not None:
                    delta.state.append((head.type, head.state_key, data))
        elif not room.state_after.is_empty:
            self._state(delta, room.state_after, state_source, skimmed)
        return bool(skimmed) and self._timeline(delta, skimmed, source)

    def _state(
        self, delta: RoomDelta, events: EventList, source: EventSource, timeline: Sequence[tuple[Skimmed, bytes]]
    ) -> None:
        """Apply state; what the timeline has as well is delivered from there."""
        array = bytes(events.array)
        is_unwanted = self._is_quiet(source) or not self.planner.wishes.may_want(source, array)
        if is_unwanted and delta.base_state == NO_EVENTS and not delta.state:
            delta.base_state = array
            return
        if is_unwanted:
            delta.state.extend(state_pieces(array))
            return
        in_timeline = {head.event_id for head, _ in timeline if head.event_id}
        for head, data in skim(array):
            if head.state_key is not None:
                delta.state.append((head.type, head.state_key, data))
                if self.wanting(source, head.type) and head.event_id not in in_timeline:
                    self.inbox.append(InboxRow(delta.room_id, head.event_id, source, data))

    def _timeline(self, delta: RoomDelta, skimmed: list[tuple[Skimmed, bytes]], source: EventSource) -> bool:
        room_id, wanting = delta.room_id, self.wanting
        is_quiet = self._is_quiet(source)
        own_join = None if is_quiet else self._own_join(room_id, skimmed)
        deliver_from = len(skimmed) if is_quiet else own_join or 0
        for number, (head, data) in enumerate(skimmed):
            if number >= deliver_from and wanting(source, head.type):
                self.inbox.append(InboxRow(room_id, head.event_id, source, data))
            elif head.event_id:
                delta.seen.append(head.event_id)
        return own_join is not None

    def _own_join(self, room_id: str, skimmed: list[tuple[Skimmed, bytes]]) -> int | None:
        """Return where news begin: what stands before our own join is history we may have seen before."""
        own_id = self.planner.user_id
        own = [
            (number, data)
            for number, (head, data) in enumerate(skimmed)
            if head.state_key == own_id and head.type == "m.room.member"
        ]
        if not own:
            return None
        begin, before = None, self.planner.known_membership(room_id)
        for number, data in own:
            membership = _membership(data)
            if membership == "join" and before != "join":
                begin = number
            before = membership
        return begin

    # ------------------------------------------------------------ what is in no timeline

    def _loose(self, room_id: str, events: EventList, source: EventSource) -> None:
        if not self._is_quiet(source):
            for head, data in skim(events.array):
                if self.wanting(source, head.type):
                    self.inbox.append(InboxRow(room_id, "", source, data))

    def _ephemeral(self, delta: RoomDelta, events: EventList) -> None:
        delta.ephemeral = bytes(events.array)
        if self.planner.wishes.may_want(EventSource.EPHEMERAL, delta.ephemeral):
            self._loose(delta.room_id, events, EventSource.EPHEMERAL)

    def _account_data(self, room_id: str, events: EventList) -> None:
        is_quiet = self._is_quiet(EventSource.ACCOUNT_DATA)
        for head, data in skim(events.array):
            self.batch.account_data.append(AccountDataRow(room_id, head.type, data))
            if not is_quiet and self.wanting(EventSource.ACCOUNT_DATA, head.type):
                self.inbox.append(InboxRow(room_id, "", EventSource.ACCOUNT_DATA, data))


def _put_counts(delta: RoomDelta, room: JoinedRoom) -> None:
    raw, of_threads = room.unread_notifications, room.unread_thread_notifications
    if of_threads != _NO_MEMBERS:
        delta.thread_counts = bytes(of_threads)
    if raw != _NO_MEMBERS:
        if delta.thread_counts is None:  # threads without any are left out, all of them too
            delta.thread_counts = _NO_COUNTS
        try:
            counts: _Counts = _counts(raw)
        except DecodeError:
            return
        delta.notification_count = _saturated(counts.notification_count)
        delta.highlight_count = _saturated(counts.highlight_count)


def _saturated(count: int | None) -> int | None:
    return None if count is None else max(0, min(count, _MOST))


def _membership(data: bytes) -> str:
    try:
        value = Event.from_json(data).content.get("membership")
    except DecodeError:  # skimmed only until now; it is no event after all
        value = None
    return value if isinstance(value, str) else "leave"
