"""From an answer of sliding sync to one of /sync, so that there is one road into the stores and to listeners."""

from __future__ import annotations

from typing import Any, Protocol

import attrs

from ..api.sliding_sync import SlidingRoom, SlidingSyncResponse
from ..api.sync import EventList, InvitedRoom, JoinedRoom, KnockedRoom, LeftRoom, SyncResponse, SyncRooms, Timeline
from ..codec import RawJSON, dumps
from ..errors import DecodeError
from ..events import Event
from ..events.skim import join_array, skim
from .sliding_position import SlidingPosition

__all__ = ["Known", "SlidingResponse", "translate"]

_MEMBER = "m.room.member"
_MEMBER_JSON = b'"m.room.member"'
_EXTRA = "org.matrix.msc4186."


@attrs.define(slots=True, repr=False, eq=False)
class SlidingResponse(SyncResponse):
    """An answer of sliding sync in the shape of one of /sync.

    Attributes:
        sliding: the answer as it came.
        scenes: rooms that came whole and not by what changed, with the number of events at the beginning of
            their timeline that are history and no news.
    """

    sliding: SlidingSyncResponse = attrs.field(factory=lambda: SlidingSyncResponse(""))
    scenes: dict[str, int] = attrs.field(factory=dict)


class Known(Protocol):
    """What is known of rooms before an answer is processed."""

    user_id: str

    def known_membership(self, room_id: str) -> str:
        """Return how we stood to a room until now, "leave" where it is new."""

    def has_history(self, room_id: str) -> bool:
        """Tell whether any of a room's timeline came before."""

    def has_event(self, room_id: str, event_id: str) -> bool:
        """Tell whether an event came before."""


def translate(
    answer: SlidingSyncResponse, position: SlidingPosition, next_position: SlidingPosition, known: Known
) -> SlidingResponse:
    """Return an answer in the shape of one of /sync.

    Args:
        answer: what came.
        position: what it answers.
        next_position: where to go on from.
        known: what is known of rooms.
    """
    return _Translation(answer, position, known).response(next_position.to_text())


class _Translation:
    """One answer being translated."""

    def __init__(self, answer: SlidingSyncResponse, position: SlidingPosition, known: Known) -> None:
        self.answer = answer
        self.position = position
        self.known = known
        self.rooms = SyncRooms({}, {}, {}, {})
        self.scenes: dict[str, int] = {}
        extensions = answer.extensions
        self.account_data = dict(extensions.account_data.rooms) if extensions.account_data else {}
        self.ephemeral: dict[str, list[bytes]] = {}
        for extension in (extensions.receipts, extensions.typing):
            for room_id, event in (extension.rooms if extension else {}).items():
                self.ephemeral.setdefault(room_id, []).append(bytes(event))
        for room_id, room in answer.rooms.items():
            self._room(room_id, room)
        for room_id in sorted((self.account_data.keys() | self.ephemeral.keys()) - answer.rooms.keys()):
            self._room_without_news(room_id)

    def response(self, next_batch: str) -> SlidingResponse:
        answer, extensions = self.answer, self.answer.extensions
        encryption, account_data = extensions.e2ee, extensions.account_data
        return SlidingResponse(
            next_batch,
            self.rooms,
            account_data=_list(account_data.of_account if account_data else None),
            to_device=_list(extensions.to_device.events if extensions.to_device else None),
            device_lists=encryption.device_lists if encryption else None,
            device_one_time_keys_count=encryption.device_one_time_keys_count if encryption else None,
            device_unused_fallback_key_types=encryption.device_unused_fallback_key_types if encryption else None,
            problems=answer.problems,
            body=answer.body,
            sliding=answer,
            scenes=self.scenes,
        )

    # ------------------------------------------------------------ rooms

    def _room(self, room_id: str, room: SlidingRoom) -> None:
        membership = self._membership(room_id, room)
        if membership in ("invite", "knock"):
            stripped = _list(room.invite_state or room.stripped_state)
            if room.initial:
                self.scenes[room_id] = 0
            if membership == "invite":
                self.rooms.invite[room_id] = InvitedRoom(stripped)
            else:
                self.rooms.knock[room_id] = KnockedRoom(stripped)
            return
        is_limited = room.limited
        if room.initial or room.expanded_timeline or room.unstable_expanded_timeline:
            history = self.scenes[room_id] = self._history(room_id, room)
            is_limited = room.limited and history == 0
        told = Timeline(room.timeline, is_limited, room.prev_batch)
        state, account_data = EventList(room.required_state), self._account_data_of(room_id)
        if membership != "join":
            self.rooms.leave[room_id] = LeftRoom(None, state, told, account_data)
            return
        self.rooms.join[room_id] = JoinedRoom(
            None, state, told, self._ephemeral_of(room_id), account_data, _summary(room), _counts(room)
        )

    def _room_without_news(self, room_id: str) -> None:
        ephemeral, account_data = self._ephemeral_of(room_id), self._account_data_of(room_id)
        membership = self.known.known_membership(room_id)
        if membership == "join":
            self.rooms.join[room_id] = JoinedRoom(ephemeral=ephemeral, account_data=account_data)
        elif membership not in ("invite", "knock"):
            self.rooms.leave[room_id] = LeftRoom(account_data=account_data)

    def _account_data_of(self, room_id: str) -> EventList | None:
        array = self.account_data.get(room_id)
        return None if array is None else EventList(array)

    def _ephemeral_of(self, room_id: str) -> EventList | None:
        events = self.ephemeral.get(room_id)
        return None if events is None else EventList(RawJSON(join_array(events)))

    # ------------------------------------------------------------ how we stand to a room

    def _membership(self, room_id: str, room: SlidingRoom) -> str:
        """Return how we stand to a room: what the answer says, or else what is known."""
        if room.membership is not None:
            return room.membership
        stripped = room.invite_state or room.stripped_state
        if stripped is not None:
            said = self._own_memberships(stripped)
            return "knock" if said and said[-1][1] == "knock" else "invite"
        said = self._own_memberships(room.required_state) or self._own_memberships(room.timeline)
        if said:
            return "join" if said[-1][1] == "join" else "leave"
        if room.initial and EventList(room.required_state).is_empty:
            return "leave"  # our own membership was asked for, and there is none any more
        before = self.known.known_membership(room_id)
        return before if before == "join" or not room.initial else "join"

    def _own_memberships(self, array: RawJSON) -> list[tuple[int, str]]:
        """Return where in a list of events our own membership stands, and what it is there."""
        text = bytes(array)
        if _MEMBER_JSON not in text and b"\\" not in text:  # not even in escapes
            return []
        own_id = self.known.user_id
        return [
            (number, _membership_in(data))
            for number, (head, data) in enumerate(skim(text))
            if head.type == _MEMBER and head.state_key == own_id
        ]

    # ------------------------------------------------------------ what is news

    def _history(self, room_id: str, room: SlidingRoom) -> int:
        """Return how many events at the beginning of a whole timeline are history.

        News is what the server calls live. After a lost connection it is also what follows the last event that
        is known, and in a room that is new what follows our own join.
        """
        ids = [head.event_id for head, _ in skim(room.timeline)]
        live_from = max(0, len(ids) - max(0, room.num_live or 0))
        if self.known.known_membership(room_id) == "join":
            for number in range(len(ids), 0, -1):
                if ids[number - 1] and self.known.has_event(room_id, ids[number - 1]):
                    return min(number, live_from)
            is_all_new = room.initial and self.known.has_history(room_id)
            return 0 if is_all_new else live_from
        if self.position.is_catching_up:
            return min(_last_arrival(self._own_memberships(room.timeline), len(ids)), live_from)
        return live_from


def _last_arrival(memberships: list[tuple[int, str]], otherwise: int) -> int:
    """Return where we came for the last time."""
    begin, before = otherwise, "leave"
    for number, membership in memberships:
        if membership == "join" and before != "join":
            begin = number
        before = membership
    return begin


def _membership_in(data: bytes) -> str:
    try:
        value = Event.from_json(data).content.get("membership")
    except DecodeError:  # skimmed only until now; it is no event after all
        value = None
    return value if isinstance(value, str) else "leave"


def _list(array: RawJSON | None) -> EventList:
    return EventList() if array is None else EventList(array)


def _summary(room: SlidingRoom) -> RawJSON:
    """Return what /sync calls the summary, and beside it what sliding sync says besides."""
    heroes = room.heroes
    said: dict[str, Any] = {
        "m.heroes": None if heroes is None else [hero.user_id for hero in heroes],
        "m.joined_member_count": room.joined_count,
        "m.invited_member_count": room.invited_count,
        f"{_EXTRA}heroes": None if heroes is None else [
            {name: value for name in hero.__struct_fields__ if (value := getattr(hero, name)) is not None}
            for hero in heroes
        ],
        f"{_EXTRA}name": room.name,
        f"{_EXTRA}avatar": room.avatar,
        f"{_EXTRA}is_dm": room.is_dm,
        f"{_EXTRA}bump_stamp": room.bump_stamp,
    }  # fmt: skip
    return RawJSON(dumps({name: value for name, value in said.items() if value is not None}, ascii_only=True))


def _counts(room: SlidingRoom) -> RawJSON:
    said = {"notification_count": room.notification_count, "highlight_count": room.highlight_count}
    return RawJSON(dumps({name: value for name, value in said.items() if value is not None}))
