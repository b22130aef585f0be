"""One room as this account knows it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Protocol

from ..codec import dumps, loads, loads_tolerant
from ..errors import DecodeError, UsageError
from ..events import Event
from ..events.skim import NO_EVENTS, StatePiece
from .account_data import AccountSource
from .ephemera import EphemeraSource, RoomEphemera
from .facts import UnreadCounts
from .receipts import Receipts
from .state import RoomState, StateSource
from .view import RoomView

__all__ = ["Membership", "Room", "RoomChanges", "RoomSource", "merged_summary"]

_JOINED = "join"
_NO_COUNTS = b"{}"
_MOST = 2**53 - 1


class Membership(str, Enum):
    """How a user stands to a room."""

    JOIN = "join"
    INVITE = "invite"
    KNOCK = "knock"
    LEAVE = "leave"
    BAN = "ban"


class RoomSource(StateSource, EphemeraSource, Protocol):
    """Where a store keeps what a room reads when somebody looks."""


class RoomChanges(Protocol):
    """What one /sync answer says about a room; `RoomDelta` of the stores, which says what each part is."""

    @property
    def membership(self) -> str: ...
    @property
    def base_state(self) -> bytes: ...
    @property
    def state(self) -> list[StatePiece]: ...
    @property
    def summary(self) -> bytes | None: ...
    @property
    def notification_count(self) -> int | None: ...
    @property
    def highlight_count(self) -> int | None: ...
    @property
    def prev_batch(self) -> str | None: ...
    @property
    def thread_counts(self) -> bytes | None: ...
    @property
    def ephemeral(self) -> bytes: ...
    @property
    def has_all_members(self) -> bool | None: ...
    @property
    def forgets_state(self) -> bool: ...


class Room(RoomView):
    """A room: its current state, and what the last syncs said about it.

    Args:
        room_id: opaque.
        source: where what is not in memory can be read, for stores.
        account: our own data in the same store.

    Attributes:
        id: the room's id.
        account: our own data, None where nobody keeps it.
        membership: how we stand to it ("join", "invite", "knock", "leave").
        summary: heroes and member counts, as the server last sent them.
        notification_count, highlight_count: unread, as the server last counted them.
        prev_batch: where paging back from the newest known event starts, "" if unknown.
        has_all_members: True where every member is known; see `add_members`.
        member_resets: how often a sync said that members may be missing.
    """

    __slots__ = (
        "__weakref__",
        "_changes",
        "_ephemera",
        "_lock",
        "_state",
        "_summary",
        "_thread_counts",
        "account",
        "has_all_members",
        "highlight_count",
        "id",
        "member_resets",
        "membership",
        "notification_count",
        "prev_batch",
    )
    id: str
    membership: str
    notification_count: int
    highlight_count: int
    has_all_members: bool

    def __init__(self, room_id: str, source: RoomSource | None = None, account: AccountSource | None = None) -> None:
        self.id = room_id
        self.account = account
        self._state = RoomState(room_id, source)
        self._ephemera = RoomEphemera(room_id, source)
        self._changes: dict[tuple[str, str], Event] = {}
        self._lock = threading.Lock()
        self._summary: dict[str, Any] | bytes = {}
        self._thread_counts: Mapping[str, UnreadCounts] | bytes = _NO_COUNTS
        self.membership = Membership.LEAVE.value
        self.notification_count = 0
        self.highlight_count = 0
        self.prev_batch = ""
        self.has_all_members = False
        self.member_resets = 0

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

    def add_members(self, members: Iterable[Event], known_before: Mapping[str, Event], resets_before: int) -> None:
        """Take in all members, as the server listed them while syncs may have gone on.

        What a sync said in the meantime is newer and stays.

        Args:
            members: all member events.
            known_before: those that were known when the list was asked for.
            resets_before: `member_resets` of that moment.
        """
        with self._lock:
            for event in members:
                user_id = event.state_key
                if user_id is not None and event.type == "m.room.member":
                    before = known_before.get(user_id)
                    if self._state.put_if_still(before.event_id if before else None, event):
                        self._changes[event.type, user_id] = event
            if self.member_resets == resets_before:
                self.has_all_members = True

    def apply(self, changes: RoomChanges) -> None:
        """Take in what one /sync answer says; for stores, once it is stored."""
        with self._lock:
            self.membership = changes.membership
            if changes.forgets_state:
                self._state.forget()
                self._changes = {}  # or saving the room would bring it back
            if changes.base_state != NO_EVENTS:
                self._state.put_unread(changes.base_state)
            if changes.state:
                self._state.put_all(changes.state)
            if changes.summary is not None:
                self._summary = merged_summary(self.summary_json(), changes.summary)
            if changes.notification_count is not None:
                self.notification_count = changes.notification_count
            if changes.highlight_count is not None:
                self.highlight_count = changes.highlight_count
            if changes.prev_batch is not None:
                self.prev_batch = changes.prev_batch
            if changes.thread_counts is not None:
                self._thread_counts = changes.thread_counts
            if changes.has_all_members is not None:
                self.has_all_members = changes.has_all_members
                self.member_resets += not changes.has_all_members
            if changes.ephemeral != NO_EVENTS:
                self._ephemera.put_unread(changes.ephemeral)
            if changes.membership != _JOINED:
                self._ephemera.nobody_types()

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

    # ------------------------------------------------------------ what is no state

    @property
    def own_user_id(self) -> str:
        """Whose view of the room this is, "" where nobody said."""
        return self.account.own_user_id if self.account is not None else ""

    @property
    def receipts(self) -> Receipts:
        """Who has read how far."""
        return self._ephemera.receipts

    @property
    def typing(self) -> Sequence[str]:
        """The ids of the users who are typing, as the last sync of this process said."""
        return self._ephemera.typing

    @property
    def thread_counts(self) -> Mapping[str, UnreadCounts]:
        """What is unread in each thread, by the id of its root event."""
        known = self._thread_counts
        if isinstance(known, bytes):
            counts = _read_thread_counts(known)
            with self._lock:
                if self._thread_counts is known:  # and not what a sync has brought since
                    self._thread_counts = counts
            return counts
        return known

    def account_data(self, event_type: str) -> dict[str, Any]:
        """Return the content of our own data about this room (tags, read marker), {} where there is none."""
        return self.account.account_content(event_type, self.id) if self.account is not None else {}

    def user_account_data(self, event_type: str) -> dict[str, Any]:
        """Return the content of our own data about everything (push rules, direct rooms), {} where there is none."""
        return self.account.account_content(event_type) if self.account is not None else {}

    # ------------------------------------------------------------ views

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
        known = self._summary
        if not isinstance(known, bytes):
            return known
        try:
            value = loads(known)
        except DecodeError:
            value = {}
        summary = value if isinstance(value, dict) else {}
        with self._lock:
            if self._summary is known:  # and not what a sync has brought since
                self._summary = summary
        return summary

    @summary.setter
    def summary(self, value: dict[str, Any] | bytes) -> None:
        self._summary = value

    def summary_json(self) -> bytes:
        """Return the summary as JSON, for stores."""
        known = self._summary
        return known if isinstance(known, bytes) else dumps(known, ascii_only=True)

    def thread_counts_json(self) -> bytes:
        """Return what is unread in threads as JSON, for stores."""
        known = self._thread_counts
        if isinstance(known, bytes):
            return known
        counts = {
            thread_id: {"notification_count": one.notifications, "highlight_count": one.highlights}
            for thread_id, one in known.items()
        }
        return dumps(counts, ascii_only=True)

    def fill(self, membership: str, summary: bytes | None, thread_counts: bytes | None) -> None:
        """Be what a store says; for stores, which set the plain attributes themselves."""
        self.membership, self._summary, self._thread_counts = membership, summary or {}, thread_counts or _NO_COUNTS
        self._ephemera.read_again()
        self.member_resets += 1

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


def _read_thread_counts(data: bytes) -> dict[str, UnreadCounts]:
    try:
        threads = loads_tolerant(data)
    except DecodeError:
        return {}
    return {
        thread_id: UnreadCounts(_count(counts.get("notification_count")), _count(counts.get("highlight_count")))
        for thread_id, counts in (threads.items() if isinstance(threads, dict) else ())
        if isinstance(counts, dict)
    }


def _count(value: Any) -> int:
    return max(0, min(value, _MOST)) if isinstance(value, int) and not isinstance(value, bool) else 0
