"""Power levels as numbers: who has which, and what each allows. Spec: "Permissions"; room versions."""

from __future__ import annotations

import math
from enum import Enum
from typing import Any, Final

import attrs

from ..codec import structure
from ..errors import DecodeError
from ..events import Event
from ..events.contents.power_levels import RoomPowerLevelsContent
from ..events.registry import content_class
from .creation import has_privileged_creators, version_number

__all__ = ["CREATOR_LEVEL", "Level", "PowerLevels", "PowerRole"]

Level = int | float
"""A power level; a float only where it is infinite."""

CREATOR_LEVEL: Final = math.inf
"""The level of creators in rooms of version 12 and later: above every other, and not to be given."""

_POWER_LEVELS = "m.room.power_levels"
_LEVEL_OF_CREATOR_WITHOUT_EVENT = 100
_LAST_VERSION_WITH_ALIASES = 5


class PowerRole(str, Enum):
    """What a level may be called. Source: specification, "Permissions"."""

    USER = "user"
    MODERATOR = "moderator"
    ADMINISTRATOR = "administrator"
    CREATOR = "creator"


@attrs.frozen
class PowerLevels:
    """The levels of a room at one moment.

    What is said here follows from levels alone: a user also has to be in the room, which `RoomView.may_send`
    and its like look at too.

    Attributes:
        content: what the event says.
        creators: ids of the room's creators.
        room_version: of the room.
        raw: the content as it came, {} where there is none.
        is_set: False where the room has no power levels; the specification's defaults hold then.
    """

    content: RoomPowerLevelsContent
    creators: tuple[str, ...] = ()
    room_version: str = "1"
    raw: dict[str, Any] = attrs.field(factory=dict, repr=False)
    is_set: bool = True

    @classmethod
    def of(cls, event: Event | None, creators: tuple[str, ...] = (), room_version: str = "1") -> PowerLevels:
        """Read an ``m.room.power_levels`` event; what is wrong in it counts as not said."""
        if event is None:
            return cls(RoomPowerLevelsContent(), creators, room_version, {}, is_set=False)
        typed = event.typed
        if not isinstance(typed, RoomPowerLevelsContent):  # redacted to nothing, or read by a class of the user's own
            typed = _read(event.content)
        return cls(typed, creators, room_version, event.content)

    @classmethod
    def of_content(cls, content: dict[str, Any], creators: tuple[str, ...], room_version: str) -> PowerLevels:
        """Read a content of ``m.room.power_levels``; what is wrong in it counts as not said."""
        return cls(_read(content), creators, room_version, content)

    # ------------------------------------------------------------ the levels

    @property
    def users(self) -> dict[str, int]:
        """The level of each user who has one of their own."""
        return dict(self.content.users or {})

    @property
    def events(self) -> dict[str, int]:
        """The level needed to send each type of event that has one of its own."""
        return dict(self.content.events or {})

    @property
    def notifications(self) -> dict[str, int]:
        """The level needed for each kind of notification that is named."""
        return dict(self.content.notifications or {})

    @property
    def users_default(self) -> int:
        """The level of those who have none of their own."""
        return self.content.users_default or 0

    @property
    def events_default(self) -> int:
        """The level needed to send a message."""
        return self.content.events_default or 0

    @property
    def state_default(self) -> int:
        """The level needed to send state."""
        return _or(self.content.state_default, 50)

    @property
    def invite(self) -> int:
        """The level needed to invite."""
        return self.content.invite or 0

    @property
    def kick(self) -> int:
        """The level needed to kick."""
        return _or(self.content.kick, 50)

    @property
    def ban(self) -> int:
        """The level needed to ban."""
        return _or(self.content.ban, 50)

    @property
    def redact(self) -> int:
        """The level needed to redact what others sent."""
        return _or(self.content.redact, 50)

    def is_privileged_creator(self, user_id: str) -> bool:
        """True for creators in rooms of version 12 and later, who stand above all levels."""
        return user_id in self.creators and has_privileged_creators(self.room_version)

    def level_of(self, user_id: str) -> Level:
        """Return the level of a user, `CREATOR_LEVEL` for creators in rooms of version 12 and later."""
        if self.is_privileged_creator(user_id):
            return CREATOR_LEVEL
        if not self.is_set:
            return _LEVEL_OF_CREATOR_WITHOUT_EVENT if user_id in self.creators else 0
        return (self.content.users or {}).get(user_id, self.users_default)

    def required_for(self, event_type: str, *, is_state: bool | None = None) -> int:
        """Return the level needed to send events of a type.

        Args:
            event_type: such as ``m.room.name``.
            is_state: True for state; where it is left out, types that the specification, or a registered
                class, knows as state are state.
        """
        if event_type == "m.room.third_party_invite":
            return self.invite
        if is_state is None:
            is_state = content_class(event_type, is_state=True) is not None
        default = self.state_default if is_state else self.events_default
        return (self.content.events or {}).get(event_type, default)

    def required_for_notification(self, kind: str = "room") -> int:
        """Return the level needed for a kind of notification; "room" is @room."""
        return (self.content.notifications or {}).get(kind, 50)

    def role_of(self, user_id: str) -> PowerRole:
        """Return what a user's level may be called. Source: specification, "Permissions"."""
        level = self.level_of(user_id)
        if level == CREATOR_LEVEL:
            return PowerRole.CREATOR
        if level >= self.required_for(_POWER_LEVELS):
            return PowerRole.ADMINISTRATOR
        return PowerRole.MODERATOR if level >= self.state_default else PowerRole.USER

    # ------------------------------------------------------------ what they allow

    def may_send(self, user_id: str, event_type: str, is_state: bool | None = None) -> bool:
        """Tell whether a user's level suffices to send a type of event; `is_state` as in `required_for`.

        Members may change their own ``m.room.member`` at any level; nobody makes a room a second time.
        """
        if event_type == "m.room.create":
            return False
        number = version_number(self.room_version)
        if event_type == "m.room.aliases" and number is not None and number <= _LAST_VERSION_WITH_ALIASES:
            return True
        return event_type == "m.room.member" or self._has(user_id, self.required_for(event_type, is_state=is_state))

    def may_change_state(self, user_id: str, event_type: str, state_key: str = "") -> bool:
        """Tell whether a user may set a piece of state; what stands under another user's id only that one may."""
        is_of_another = state_key.startswith("@") and state_key != user_id
        return self.may_send(user_id, event_type, True) and not is_of_another

    def may_redact(self, user_id: str, *, own: bool = False) -> bool:
        """Tell whether a user may redact events: of others, or, with `own`, those they sent themselves."""
        return self.may_send(user_id, "m.room.redaction", False) and (own or self._has(user_id, self.redact))

    def may_invite(self, user_id: str) -> bool:
        """Tell whether a user may invite."""
        return self._has(user_id, self.invite)

    def may_kick(self, user_id: str, target: str) -> bool:
        """Tell whether a user may kick another, who has to have a lower level."""
        return self._has(user_id, self.kick) and self._is_above(user_id, target)

    def may_ban(self, user_id: str, target: str) -> bool:
        """Tell whether a user may ban another, who has to have a lower level."""
        return self._has(user_id, self.ban) and self._is_above(user_id, target)

    def may_unban(self, user_id: str, target: str) -> bool:
        """Tell whether a user may lift a ban; that takes the level to kick too."""
        return self.may_ban(user_id, target) and self.may_kick(user_id, target)

    def may_notify(self, user_id: str, kind: str = "room") -> bool:
        """Tell whether a user may cause a kind of notification."""
        return self._has(user_id, self.required_for_notification(kind))

    def may_notify_room(self, user_id: str) -> bool:
        """Tell whether a user may notify everybody by @room."""
        return self.may_notify(user_id, "room")

    def may_edit_levels(self, user_id: str, target: str | None = None, level: int | None = None) -> bool:
        """Tell whether a user may change power levels at all, or those of one user, or to one level.

        Args:
            user_id: who would change them.
            target: whose level, None for any.
            level: what it would be, None for any.

        Source: room version 12, authorisation rules, ``m.room.power_levels``.
        """
        own = self.level_of(user_id)
        if not self.may_send(user_id, _POWER_LEVELS, True) or (level is not None and level > own):
            return False
        if target is None or target == user_id:
            return not (target is not None and self.is_privileged_creator(target))
        entry = (self.content.users or {}).get(target)
        return not self.is_privileged_creator(target) and (entry is None or entry < own)

    def _has(self, user_id: str, level: int) -> bool:
        return self.level_of(user_id) >= level

    def _is_above(self, user_id: str, target: str) -> bool:
        return self.level_of(user_id) > self.level_of(target)


def _or(level: int | None, default: int) -> int:
    return default if level is None else level


def _read(content: dict[str, Any]) -> RoomPowerLevelsContent:
    try:
        return structure(content, RoomPowerLevelsContent)
    except DecodeError:
        return RoomPowerLevelsContent()
