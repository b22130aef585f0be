"""The state of a room at other moments, such as who an event's sender was then.

Spec: module "Instant messaging", "Displaying membership information with messages".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from ..events import Event
from .display_names import NameTable
from .facts import RoomFacts
from .members import display_name_in, membership_in, name_table
from .reading import media_address

__all__ = ["HistoricalState", "SenderThen"]

_MEMBER = "m.room.member"
_SEEN = ("join", "invite")


@attrs.frozen
class SenderThen:
    """Who sent an event, as the room knew them at that moment.

    Attributes:
        user_id: who.
        name: the name to show, with the user id behind it where others had it too.
        display_name: the name as the user wrote it, None where there was none, or where it is not known.
        avatar_url: the picture, an ``mxc://`` address.
    """

    user_id: str
    name: str
    display_name: str | None = None
    avatar_url: str | None = None


class HistoricalState:
    """Walks through the events of a room, and takes its state along.

    It starts at the state as it is, and remembers of each event it came past who the sender was::

        then = HistoricalState(room)
        for event in then.back(page.chunk, page.state or ()):
            print(then.sender_name(event), event.body)

    While `back` hands out an event, the state is the one before it; while `forward` does, the one after it.
    What a state event replaced is read from its ``unsigned``; where a server leaves that out, what stood there
    before is not known, and counts as nothing until a page brings it.

    Args:
        room: whose state to start from; later changes of the room do not reach the walk.
    """

    def __init__(self, room: RoomFacts) -> None:
        state = room.state
        self._room_id = room.id
        self._state: dict[tuple[str, str], Event] = {}
        for event_type in list(state):
            self._state.update(((event_type, key), event) for key, event in state.of_type(event_type).items())
        self._names: NameTable = name_table(state.of_type(_MEMBER))
        self._senders: dict[str, SenderThen] = {}

    # ------------------------------------------------------------ walking

    def back(self, events: Iterable[Event], state: Iterable[Event] = ()) -> Iterator[Event]:
        """Go back through events and hand each out; the state is then the one before it.

        Args:
            events: the newest first, as ``/messages`` gives them with ``dir=b``.
            state: what the answer gives besides: the members it brings are those of the moment at which the
                page starts, where members are loaded lazily.
        """
        self._take_all(state)
        for event in events:
            if event.state_key is not None:
                self._put(event.type, event.state_key, event)  # the walk may have started at another moment
                self._put(event.type, event.state_key, _replaced(event, self._room_id))
            self._remember(event)
            yield event

    def forward(self, events: Iterable[Event], state: Iterable[Event] = ()) -> Iterator[Event]:
        """Go on through events and hand each out; the state is then the one after it.

        Args:
            events: the oldest first, as ``/messages`` gives them with ``dir=f``.
            state: as for `back`.
        """
        self._take_all(state)
        for event in events:
            if event.state_key is not None and self._is_news(event):
                self._put(event.type, event.state_key, _replaced(event, self._room_id))
            self._remember(event)
            if event.state_key is not None:
                self._put(event.type, event.state_key, event)
            yield event

    # ------------------------------------------------------------ asking

    def event(self, event_type: str, state_key: str = "") -> Event | None:
        """Return a piece of state where the walk is, None where there is none, or where it is not known."""
        return self._state.get((event_type, state_key))

    def user_name(self, user_id: str) -> str:
        """Return what to call a user where the walk is."""
        return self._names.name_of(user_id)

    def sender(self, event: Event) -> SenderThen:
        """Return who sent an event, as the room knew them then; for one not walked past, where the walk is."""
        return self._senders.get(event.event_id) or self._sender_now(event)

    def sender_name(self, event: Event) -> str:
        """Return what to call the sender of an event; see `sender`."""
        return self.sender(event).name

    def sender_avatar_url(self, event: Event) -> str | None:
        """Return the picture of the sender of an event; see `sender`."""
        return self.sender(event).avatar_url

    # ------------------------------------------------------------ below

    def _remember(self, event: Event) -> None:
        if event.event_id:
            self._senders[event.event_id] = self._sender_now(event)

    def _sender_now(self, event: Event) -> SenderThen:
        """Return the sender by the state before the event; by the event itself, where it brings the sender in."""
        user_id = event.sender
        member = self._state.get((_MEMBER, user_id))
        is_own = event.type == _MEMBER and event.state_key == user_id
        if is_own and (member is None or membership_in(member.content) not in _SEEN):
            name = self._name_with(user_id, event, member)
            return SenderThen(user_id, name, *_profile(event))
        return SenderThen(user_id, self._names.name_of(user_id), *_profile(member))

    def _name_with(self, user_id: str, event: Event, before: Event | None) -> str:
        self._name(user_id, event)
        try:
            return self._names.name_of(user_id)
        finally:
            self._name(user_id, before)

    def _take_all(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.state_key is not None:
                self._put(event.type, event.state_key, event)

    def _is_news(self, event: Event) -> bool:
        """Tell whether an event says of what it replaces something else than the walk does."""
        known = self._state.get((event.type, event.state_key or ""))
        return bool(event.prev_content) and (known is None or known.content != event.prev_content)

    def _put(self, event_type: str, state_key: str, event: Event | None) -> None:
        if event is None:
            self._state.pop((event_type, state_key), None)
        else:
            self._state[event_type, state_key] = event
        if event_type == _MEMBER:
            self._name(state_key, event)

    def _name(self, user_id: str, event: Event | None) -> None:
        content: dict[str, Any] = event.content if event is not None else {}
        self._names.put(user_id, display_name_in(content), is_seen=membership_in(content) in _SEEN)


def _profile(event: Event | None) -> tuple[str | None, str | None]:
    content = event.content if event is not None else {}
    return display_name_in(content), media_address(content.get("avatar_url"))


def _replaced(event: Event, room_id: str) -> Event | None:
    if not event.prev_content:
        return None
    said = event.unsigned
    event_id, sender = said.get("replaces_state"), said.get("prev_sender")
    return Event(
        event.type,
        event.prev_content,
        event_id if isinstance(event_id, str) else "",
        sender if isinstance(sender, str) else "",
        state_key=event.state_key,
        room_id=event.room_id or room_id,
    )
