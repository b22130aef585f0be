"""One room as this account knows it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from enum import Enum
from typing import Any

from ..codec import dumps, loads
from ..errors import DecodeError, UsageError
from ..events import Event
from ..events.skim import NO_EVENTS
from .state import RoomState, StateSource

__all__ = ["Membership", "Room", "merged_summary"]


class Membership(str, Enum):
    """How a user stands to a room."""

    JOIN = "join"
    INVITE = "invite"
    KNOCK = "knock"
    LEAVE = "leave"
    BAN = "ban"


class Room:
    """A room: its current state, and what the last syncs said about it.

    Args:
        room_id: opaque.
        source: where state that is not in memory can be read, for stores.

    Attributes:
        id: the room's id.
        membership: how we stand to it ("join", "invite", "knock", "leave").
        summary: heroes and member counts, as the server last sent them.
        notification_count, highlight_count: unread, as the server last counted them.
        prev_batch: where paging back from the newest known event starts, "" if unknown.
    """

    __slots__ = (
        "__weakref__",
        "_changes",
        "_lock",
        "_state",
        "_summary",
        "highlight_count",
        "id",
        "membership",
        "notification_count",
        "prev_batch",
    )

    def __init__(self, room_id: str, source: StateSource | None = None) -> None:
        self.id = room_id
        self._state = RoomState(room_id, source)
        self._changes: dict[tuple[str, str], Event] = {}
        self._lock = threading.Lock()
        self._summary: dict[str, Any] | bytes = {}
        self.membership: str = Membership.LEAVE.value
        self.notification_count = 0
        self.highlight_count = 0
        self.prev_batch = ""

    # ------------------------------------------------------------ state

    @property
    def state(self) -> RoomState:
        """The current state, as ``room.state[type][state_key]``."""
        return self._state

    def update_state(self, event: Event) -> None:
        """Set a piece of state, replacing what had the same type and state key.

        Raises:
            UsageError: the event is no state event.
        """
        if event.state_key is None:
            raise UsageError(f"{event.type} has no state key, so it cannot be state")
        with self._lock:  # a change that is made while a store takes them is in this lot or the next
            self._state.put(event.type, event.state_key, event)
            self._changes[event.type, event.state_key] = event

    def apply(
        self,
        membership: str,
        base_state: bytes,
        state: Iterable[tuple[str, str, bytes]],
        summary: bytes | None = None,
        notification_count: int | None = None,
        highlight_count: int | None = None,
        prev_batch: str | None = None,
    ) -> None:
        """Take in what one /sync answer says; for stores, once it is stored. None means "as before"."""
        self.membership = membership
        if base_state != NO_EVENTS:
            self._state.put_unread(base_state)
        if state:
            self._state.put_all(state)
        if summary is not None:
            self._summary = merged_summary(self.summary_json(), summary)
        if notification_count is not None:
            self.notification_count = notification_count
        if highlight_count is not None:
            self.highlight_count = highlight_count
        if prev_batch is not None:
            self.prev_batch = prev_batch

    def take_changes(self) -> dict[tuple[str, str], Event]:
        """Return what `update_state` set since the last call; for stores."""
        with self._lock:
            changes, self._changes = self._changes, {}
        return changes

    def put_back_changes(self, changes: dict[tuple[str, str], Event]) -> None:
        """Undo `take_changes` for a store that could not save them."""
        with self._lock:
            self._changes = {**changes, **self._changes}

    def get_state_event(self, event_type: str, state_key: str = "") -> Event | None:
        """Return the state event of this type and key, or None."""
        return self._state.event(event_type, state_key)

    def get_membership_state(self, user_id: str) -> str:
        """Return how a user stands to the room, "leave" where nothing is known."""
        event = self._state.event("m.room.member", user_id)
        value = event.content.get("membership") if event is not None else None
        return value if isinstance(value, str) else Membership.LEAVE.value

    # ------------------------------------------------------------ views

    def _text_of(self, event_type: str, key: str) -> str | None:
        event = self._state.event(event_type, "")
        value = event.content.get(key) if event is not None else None
        return value if isinstance(value, str) and value else None

    @property
    def name(self) -> str | None:
        """The name the room was given, None where it has none."""
        return self._text_of("m.room.name", "name")

    @property
    def topic(self) -> str | None:
        """The topic, None where there is none."""
        return self._text_of("m.room.topic", "topic")

    @property
    def canonical_alias(self) -> str | None:
        """The main alias, None where there is none."""
        return self._text_of("m.room.canonical_alias", "alias")

    @property
    def is_encrypted(self) -> bool:
        """True once the room has been told to encrypt."""
        return self._state.event("m.room.encryption", "") is not None

    @property
    def members(self) -> dict[str, Event]:
        """The known member events, by user id, whatever the membership."""
        return self._state.of_type("m.room.member")

    @property
    def joined_members(self) -> dict[str, Event]:
        """The known member events of those who are in the room, by user id."""
        return {
            user_id: event
            for user_id, event in self.members.items()
            if event.content.get("membership") == Membership.JOIN.value
        }

    @property
    def summary(self) -> dict[str, Any]:
        """Heroes and member counts, as the server last sent them."""
        if isinstance(self._summary, bytes):
            try:
                value = loads(self._summary)
            except DecodeError:
                value = {}
            self._summary = value if isinstance(value, dict) else {}
        return self._summary

    @summary.setter
    def summary(self, value: dict[str, Any] | bytes) -> None:
        self._summary = value

    def summary_json(self) -> bytes:
        """Return the summary as JSON, for stores."""
        return self._summary if isinstance(self._summary, bytes) else dumps(self._summary, ascii_only=True)

    def __repr__(self) -> str:
        return f"<Room {self.id} {self.name!r} ({self.membership})>"


def merged_summary(known: bytes | None, changed: bytes) -> bytes:
    """Return a room summary brought up to date: the server sends only the members that changed."""
    try:
        news = loads(changed)
        before = loads(known) if known else {}
    except DecodeError:
        return known or b"{}"
    if not isinstance(news, dict) or not isinstance(before, dict):
        return known or b"{}"
    try:
        return dumps({**before, **news}, ascii_only=True)
    except UsageError:  # nested as deep as can just be read
        return known or b"{}"
