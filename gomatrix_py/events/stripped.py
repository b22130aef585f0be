"""The state of a room that one is not in: what an invite or a knock tells of it. Spec: "Stripped state".

It is what some server says, signed by nobody: good for showing, not for deciding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from ..codec import Document, field, structure
from ..errors import DecodeError
from .contents.members import Membership, RoomMemberContent
from .contents.room_state import (
    JoinRule,
    RoomAvatarContent,
    RoomCanonicalAliasContent,
    RoomCreateContent,
    RoomJoinRulesContent,
    RoomNameContent,
    RoomTopicContent,
)
from .event import Event
from .registry import Content, parse_content

__all__ = ["InviteState", "KnockState", "StrippedEvent", "StrippedState"]

D = TypeVar("D", bound=Document)


class StrippedEvent(Document):
    """A state event reduced to what it says."""

    type: str
    state_key: str
    sender: str = ""
    content: dict[str, Any] = field(factory=dict, repr=False)

    @property
    def typed(self) -> Content:
        """The content as an object of its class."""
        return parse_content(self.type, self.content, is_state=True)


class StrippedState:
    """What is known of a room from outside; the last event of a type and state key counts.

    Args:
        events: as they came; what is no state event is left out.
    """

    def __init__(self, events: Iterable[Event | StrippedEvent | Any]) -> None:
        self._events: dict[tuple[str, str], StrippedEvent] = {}
        for event in events:
            stripped = _stripped(event)
            if stripped is not None:
                self._events[stripped.type, stripped.state_key] = stripped

    def __iter__(self) -> Iterator[StrippedEvent]:
        return iter(self._events.values())

    def __len__(self) -> int:
        return len(self._events)

    def event(self, event_type: str, state_key: str = "") -> StrippedEvent | None:
        """Return the event of a type and state key, None where there is none."""
        return self._events.get((event_type, state_key))

    def content(self, content_class: type[D], event_type: str, state_key: str = "") -> D | None:
        """Return the content of a type and state key, None where there is none, or it is of another class."""
        event = self.event(event_type, state_key)
        typed = event.typed if event is not None else None
        return typed if isinstance(typed, content_class) else None

    @property
    def name(self) -> str | None:
        """The name the room was given, None where it has none."""
        content = self.content(RoomNameContent, "m.room.name")
        return (content.name or None) if content is not None else None

    @property
    def topic(self) -> str | None:
        """The topic as plain text, None where there is none."""
        content = self.content(RoomTopicContent, "m.room.topic")
        return content.text if content is not None else None

    @property
    def avatar_url(self) -> str | None:
        """The room's picture, None where it has none."""
        content = self.content(RoomAvatarContent, "m.room.avatar")
        return content.url if content is not None else None

    @property
    def canonical_alias(self) -> str | None:
        """The main alias, None where there is none."""
        content = self.content(RoomCanonicalAliasContent, "m.room.canonical_alias")
        return content.alias if content is not None else None

    @property
    def join_rule(self) -> JoinRule | None:
        """How one becomes a member, None where it is not said."""
        content = self.content(RoomJoinRulesContent, "m.room.join_rules")
        return content.join_rule if content is not None else None

    @property
    def room_type(self) -> str | None:
        """Such as ``m.space``; None for an ordinary room, or where it is not said."""
        content = self.content(RoomCreateContent, "m.room.create")
        return content.type if content is not None else None

    @property
    def is_encrypted(self) -> bool:
        """True where the room is said to be encrypted."""
        return self.event("m.room.encryption") is not None


class _AboutUs(StrippedState):
    """Stripped state that holds our own membership.

    Args:
        events: see `StrippedState`.
        user_id: our own.
    """

    MEMBERSHIP: Membership

    def __init__(self, events: Iterable[Event | StrippedEvent | Any], user_id: str) -> None:
        super().__init__(events)
        self.user_id = user_id

    @property
    def member(self) -> RoomMemberContent | None:
        """Our own membership, None where it is not there, or is another than this state is about."""
        content = self.content(RoomMemberContent, "m.room.member", self.user_id)
        return content if content is not None and content.membership == self.MEMBERSHIP else None

    @property
    def reason(self) -> str | None:
        """Why, in words of the one who did it; on an invite better not shown at once, as it may be spam."""
        return self.member.reason if self.member is not None else None


class InviteState(_AboutUs):
    """A room that we are invited to."""

    MEMBERSHIP = Membership.INVITE

    @property
    def inviter(self) -> str | None:
        """The user id of who invited us."""
        event = self.event("m.room.member", self.user_id)
        return (event.sender or None) if event is not None and self.member is not None else None

    @property
    def is_direct(self) -> bool:
        """True where the invite is to a direct chat."""
        return self.member is not None and self.member.is_direct is True


class KnockState(_AboutUs):
    """A room that we knocked on."""

    MEMBERSHIP = Membership.KNOCK


def _stripped(event: Event | StrippedEvent | Any) -> StrippedEvent | None:
    if isinstance(event, StrippedEvent):
        return event
    if isinstance(event, Event):
        if event.state_key is None:
            return None
        return StrippedEvent(event.type, event.state_key, event.sender, event.content)
    try:
        return structure(event, StrippedEvent)
    except DecodeError:
        return None
