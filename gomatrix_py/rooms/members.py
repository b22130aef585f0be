"""Who is in a room, and what they are called there. Spec: "Room membership"; module "Instant messaging"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from ..events import Event
from .creation import CreationView
from .display_names import NameTable
from .power_levels import Level, PowerLevels
from .reading import count_in, media_address

__all__ = ["MembersView", "RoomMember", "display_name_in", "membership_in", "name_table"]

_SEEN = ("join", "invite")
_MEMBER = "m.room.member"


@attrs.frozen
class RoomMember:
    """A user as one room knows them.

    Attributes:
        user_id: who.
        membership: "join", "invite", "knock", "leave" or "ban".
        display_name: the name as the user wrote it, None where there is none; others may have it too.
        avatar_url: the picture in this room, an ``mxc://`` address.
        power_level: what the user may do; infinite for creators of rooms from version 12 on.
        name: the name to show: with the user id behind it where it could be mistaken for somebody else's.
        event: the member event.
    """

    user_id: str
    membership: str
    display_name: str | None
    avatar_url: str | None
    power_level: Level
    name: str
    event: Event = attrs.field(repr=False)

    @property
    def is_joined(self) -> bool:
        """True for who is in the room."""
        return self.membership == "join"

    @property
    def is_invited(self) -> bool:
        """True for who is asked to come in."""
        return self.membership == "invite"

    @property
    def disambiguated_name(self) -> str:
        """The name and the user id, whether others have the name or not."""
        return f"{self.display_name} ({self.user_id})" if self.display_name else self.user_id

    @property
    def reason(self) -> str | None:
        """Why the membership is what it is, as the one who changed it says."""
        value = self.event.content.get("reason")
        return value if isinstance(value, str) and value else None

    def __str__(self) -> str:
        return self.name


def membership_in(content: Mapping[str, Any]) -> str:
    """Return the membership a content of ``m.room.member`` says, "leave" where it says none."""
    value = content.get("membership")
    return value if isinstance(value, str) else "leave"


def display_name_in(content: Mapping[str, Any]) -> str | None:
    """Return the name a content of ``m.room.member`` says, None where it says none."""
    value = content.get("displayname")
    return value if isinstance(value, str) and value else None


def name_table(events: Mapping[str, Event]) -> NameTable:
    """Return the names of a room's members, from their events by user id."""
    table = NameTable()
    for user_id, event in events.items():
        content = event.content
        table.put(user_id, display_name_in(content), is_seen=membership_in(content) in _SEEN)
    return table


class MembersView(CreationView):
    """The members of a room.

    Where members are loaded lazily (`has_all_members` is False) the lists hold those that are known;
    the counts are the server's.
    """

    __slots__ = ()

    # ------------------------------------------------------------ one member

    def member(self, user_id: str) -> RoomMember | None:
        """Return what the room knows of a user, None where it knows nothing."""
        return next(iter(self._members([user_id])), None)

    def user_name(self, user_id: str) -> str:
        """Return what to call a user in this room: the user id where there is no name.

        It takes looking at all members; for many names, take `member_names` once.

        Source: specification, "Calculating the display name for a user".
        """
        if display_name_in(self._content(_MEMBER, user_id)) is None:
            return user_id
        return self.member_names.name_of(user_id)

    @property
    def member_names(self) -> NameTable:
        """What all members are called, as they stand: to look up many names at the cost of one."""
        return name_table(self.state.of_type(_MEMBER))

    def user_name_clashes(self, name: str) -> list[str]:
        """Return the ids of all in the room, or invited, whose name cannot be told from this one, sorted."""
        return self.member_names.users_called(name)

    def avatar_url(self, user_id: str) -> str | None:
        """Return the picture of a user in this room, an ``mxc://`` address, None where there is none."""
        return media_address(self._content(_MEMBER, user_id).get("avatar_url"))

    def membership_of(self, user_id: str) -> str | None:
        """Return how a user stands to the room; None where that is not known, as members are loaded lazily."""
        if user_id and user_id == self.own_user_id:
            return self.membership
        event = self._state_event(_MEMBER, user_id)
        if event is not None:
            return membership_in(event.content)
        return "leave" if self.has_all_members else None

    @property
    def inviter(self) -> str | None:
        """The id of the user who invited us, None where we are not invited."""
        event = self._state_event(_MEMBER, self.own_user_id)
        if event is None or membership_in(event.content) != "invite":
            return None
        return event.sender or None

    # ------------------------------------------------------------ many members

    def members_with(self, *memberships: str) -> list[RoomMember]:
        """Return the known members who stand so to the room, such as "join"; without any, all of them."""
        events = self.state.of_type(_MEMBER)
        wanted = [
            user_id
            for user_id, event in events.items()
            if user_id and (not memberships or membership_in(event.content) in memberships)
        ]
        return self._members(wanted, events)

    @property
    def joined(self) -> list[RoomMember]:
        """The known members who are in the room."""
        return self.members_with("join")

    @property
    def invited(self) -> list[RoomMember]:
        """The known members who are asked to come in."""
        return self.members_with("invite")

    @property
    def knocking(self) -> list[RoomMember]:
        """The users who ask to be let in."""
        return self.members_with("knock")

    @property
    def banned(self) -> list[RoomMember]:
        """The known users who are banned."""
        return self.members_with("ban")

    @property
    def joined_count(self) -> int:
        """How many are in the room, ourselves included."""
        return self._count("join", "m.joined_member_count")

    @property
    def invited_count(self) -> int:
        """How many are asked to come in."""
        return self._count("invite", "m.invited_member_count")

    @property
    def member_count(self) -> int:
        """How many are in the room or asked to come in."""
        return self.joined_count + self.invited_count

    # ------------------------------------------------------------ below

    @property
    def power(self) -> PowerLevels:
        """Who may do what, by the levels alone."""
        return PowerLevels.of(self._state_event("m.room.power_levels"), self.creators, self.room_version)

    def _members(self, user_ids: Iterable[str], events: Mapping[str, Event] | None = None) -> list[RoomMember]:
        known = self.state.of_type(_MEMBER) if events is None else events
        table, power = name_table(known), self.power
        return [
            RoomMember(
                user_id,
                membership_in(known[user_id].content),
                display_name_in(known[user_id].content),
                media_address(known[user_id].content.get("avatar_url")),
                power.level_of(user_id),
                table.name_of(user_id),
                known[user_id],
            )
            for user_id in user_ids
            if user_id in known
        ]

    def _count(self, membership: str, name: str) -> int:
        said = None if self.has_all_members else count_in(self.summary.get(name))
        if said is not None:
            return said
        events = self.state.of_type(_MEMBER).values()
        return sum(membership_in(event.content) == membership for event in events)
