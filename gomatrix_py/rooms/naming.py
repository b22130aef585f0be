"""What a room is called, and its picture.

Spec: module "Instant messaging", "Calculating the display name for a room".
"""

from __future__ import annotations

from ..events.contents.room_state import RoomTopicContent
from .members import membership_in
from .personal import PersonalView
from .reading import count_in, media_address, texts_in

__all__ = ["NamingView"]

_MEMBER = "m.room.member"
_MAX_HEROES = 5
_SEEN = ("join", "invite")


class NamingView(PersonalView):
    """The name and the picture of a room, given or made of its members."""

    __slots__ = ()

    @property
    def name(self) -> str | None:
        """The name the room was given, None where it has none."""
        return self._text("m.room.name", "name")

    @property
    def topic(self) -> str | None:
        """The topic as plain text, None where there is none."""
        event = self._state_event("m.room.topic")
        typed = event.typed if event is not None else None
        return typed.text if isinstance(typed, RoomTopicContent) else self._text("m.room.topic", "topic")

    @property
    def canonical_alias(self) -> str | None:
        """The main alias, None where there is none."""
        alias = self._text("m.room.canonical_alias", "alias")
        return alias if alias is not None and alias.startswith("#") and ":" in alias else None

    @property
    def alt_aliases(self) -> list[str]:
        """Other aliases that lead here."""
        return texts_in(self._content("m.room.canonical_alias").get("alt_aliases"))

    # ------------------------------------------------------------ names

    @property
    def display_name(self) -> str:
        """The name to show: the one given, the main alias, or one made of the members' names."""
        return self.named_room_name or self.group_name

    @property
    def named_room_name(self) -> str | None:
        """The name given or the main alias, None where the room has neither."""
        return self.name or self.canonical_alias

    @property
    def group_name(self) -> str:
        """The name made of the members' names, such as "Alice, Bob, and 12 others"."""
        heroes, others = self.heroes, self._other_count()
        table = self.member_names
        names = [table.name_of(user_id) for user_id in heroes[:_MAX_HEROES]]
        if others <= 0:
            return f"Empty room (was {_joined(names)})" if names else "Empty room"
        if not names:
            return f"{others + 1} people"
        is_whole = len(heroes) >= others and len(names) == len(heroes)
        return _joined(names, 0 if is_whole else max(others, len(heroes)) - len(names))

    @property
    def machine_name(self) -> str:
        """A name no other room has: the main alias, or the id."""
        return self.canonical_alias or self.id

    @property
    def is_named(self) -> bool:
        """True where the room has a name or a main alias."""
        return self.named_room_name is not None

    @property
    def is_group(self) -> bool:
        """True where the room is called by its members' names."""
        return not self.is_named

    @property
    def heroes(self) -> list[str]:
        """The ids of the members the room may be named after: as the server says, or the first that are known."""
        own = self.own_user_id
        named = [user_id for user_id in texts_in(self.summary.get("m.heroes")) if user_id != own]
        if self.has_all_members:  # then we know better than a summary that may be of another time
            named = [user_id for user_id in named if self.membership_of(user_id) in _SEEN]
        return named or self._known_heroes()

    # ------------------------------------------------------------ pictures

    @property
    def room_avatar_url(self) -> str | None:
        """The picture the room was given, an ``mxc://`` address, None where it has none."""
        return media_address(self._content("m.room.avatar").get("url"))

    @property
    def display_avatar_url(self) -> str | None:
        """The picture to show: the one given, or that of the other one in a direct chat or a room of two."""
        given = self.room_avatar_url
        if given is not None:
            return given
        partner = self.direct_partner
        if partner is None and self._other_count() == 1:
            partner = next(iter(self.heroes), None)
        return self.avatar_url(partner) if partner is not None else None

    # ------------------------------------------------------------ below

    def _other_count(self) -> int:
        """Return how many besides us are in the room or asked in: as the server counts, or as is known."""
        summary = {} if self.has_all_members else self.summary
        said = [count_in(summary.get(name)) for name in ("m.joined_member_count", "m.invited_member_count")]
        if said[0] is not None:
            return said[0] + (said[1] or 0) - 1
        if self.membership in ("invite", "knock"):  # from outside one sees a few members and no counts
            return len(self._known_heroes())
        events, own = self.state.of_type(_MEMBER), self.own_user_id
        return sum(membership_in(event.content) in _SEEN for key, event in events.items() if key != own)

    def _known_heroes(self) -> list[str]:
        events = self.state.of_type(_MEMBER)
        others = sorted(
            (event.origin_server_ts, user_id, membership_in(event.content))
            for user_id, event in events.items()
            if user_id and user_id != self.own_user_id
        )
        seen = [user_id for _, user_id, membership in others if membership in _SEEN]
        if not seen and self.inviter is not None and self.inviter != self.own_user_id:
            return [self.inviter]
        gone = [user_id for _, user_id, membership in others if membership in ("leave", "ban")]
        return (seen or gone)[:_MAX_HEROES]


def _joined(names: list[str], more: int = 0) -> str:
    parts = [*names, f"{more} other{'' if more == 1 else 's'}"] if more else names
    if len(parts) <= 2:
        return " and ".join(parts)
    return f"{', '.join(parts[:-1])}, and {parts[-1]}"
