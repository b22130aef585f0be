"""A room that is nothing but its facts, for tests of the views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gomatrix_py.events import Event
from gomatrix_py.rooms.facts import UnreadCounts
from gomatrix_py.rooms.receipts import Receipt, Receipts
from gomatrix_py.rooms.state import RoomState
from gomatrix_py.rooms.view import RoomView

__all__ = ["OWN", "FactsRoom", "member", "message", "state"]

OWN = "@me:example.org"


def state(
    event_type: str, state_key: str = "", sender: str = "@alice:example.org", ts: int = 0, **content: Any
) -> Event:
    """Return a state event."""
    return Event(event_type, content, f"${event_type}{state_key}", sender, ts, state_key)


def member(user_id: str, displayname: Any = None, membership: Any = "join", ts: int = 0, **content: Any) -> Event:
    """Return a member event, sent by the member where nothing else is said."""
    name = {} if displayname is None else {"displayname": displayname}
    whole = {"membership": membership, **name, **content}
    return Event("m.room.member", whole, f"$member{user_id}{ts}", user_id, ts, user_id)


def message(body: str = "hello", sender: str = "@alice:example.org", **content: Any) -> Event:
    """Return a text message."""
    return Event("m.room.message", {"msgtype": "m.text", "body": body, **content}, "$message", sender)


class FactsRoom(RoomView):
    """A room with whatever facts a test gives it; members are all known unless a summary is given."""

    def __init__(
        self,
        *events: Event,
        room_id: str = "!room:example.org",
        own_user_id: str = OWN,
        membership: str = "join",
        summary: dict[str, Any] | None = None,
        has_all_members: bool | None = None,
        counts: tuple[int, int] = (0, 0),
        thread_counts: Mapping[str, UnreadCounts] | None = None,
        receipts: tuple[Receipt, ...] = (),
        account_data: dict[str, dict[str, Any]] | None = None,
        user_account_data: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        self._id, self._own, self._membership = room_id, own_user_id, membership
        self._state = RoomState(room_id)
        for event in events:
            self._state.put(event.type, event.state_key or "", event)
        self._summary = summary or {}
        self._has_all = summary is None if has_all_members is None else has_all_members
        self._counts, self._threads = counts, thread_counts or {}
        self._receipts = Receipts(receipts)
        self._account_data, self._user_account_data = account_data or {}, user_account_data or {}

    @property
    def id(self) -> str:
        """The room's id."""
        return self._id

    @property
    def own_user_id(self) -> str:
        """Whose view it is."""
        return self._own

    @property
    def membership(self) -> str:
        """How we stand to it."""
        return self._membership

    @property
    def state(self) -> RoomState:
        """The current state."""
        return self._state

    @property
    def summary(self) -> dict[str, Any]:
        """Heroes and counts."""
        return self._summary

    @property
    def has_all_members(self) -> bool:
        """True where every member is known."""
        return self._has_all

    @property
    def notification_count(self) -> int:
        """Unread outside of threads."""
        return self._counts[0]

    @property
    def highlight_count(self) -> int:
        """Unread that stands out, outside of threads."""
        return self._counts[1]

    @property
    def thread_counts(self) -> Mapping[str, UnreadCounts]:
        """Unread by thread."""
        return self._threads

    @property
    def receipts(self) -> Receipts:
        """Who read what."""
        return self._receipts

    @property
    def typing(self) -> list[str]:
        """Nobody types."""
        return []

    def account_data(self, event_type: str) -> dict[str, Any]:
        """Our data about the room."""
        return self._account_data.get(event_type, {})

    def user_account_data(self, event_type: str) -> dict[str, Any]:
        """Our data about everything."""
        return self._user_account_data.get(event_type, {})
