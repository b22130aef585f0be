"""Who may do what in a room. Spec: "Room Events"; room versions, "m.room.power_levels events accept values"."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final

from ...codec import Document, register_type
from ...errors import DecodeError

__all__ = ["MAX_LEVEL", "PowerLevel", "RoomPowerLevelsContent"]

MAX_LEVEL: Final = 2**53 - 1
_MANY_DIGITS = 16

PowerLevel = Annotated[int, "a power level"]
"""An integer in ±(2**53 - 1); older rooms write it as text or with a fraction too, and both are read."""


def _read(value: Any) -> int:
    if isinstance(value, str):
        value = _read_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DecodeError("expected an integer")
    if isinstance(value, float) and not math.isfinite(value):
        raise DecodeError("expected an integer")
    return max(-MAX_LEVEL, min(MAX_LEVEL, int(value)))


def _read_text(text: str) -> int:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not digits.isascii() or not digits.isdigit():
        raise DecodeError("expected an integer")
    digits = digits.lstrip("0")
    level = int(digits or "0") if len(digits) <= _MANY_DIGITS else MAX_LEVEL
    return -level if text[0] == "-" else level


register_type(PowerLevel, load=_read, dump=int)


class RoomPowerLevelsContent(Document):
    """Content of ``m.room.power_levels``; what is not said has the default named here.

    Attributes:
        users: the level of each user who has one of their own.
        users_default: the level of everybody else (0).
        events: the level needed to send events of a type.
        events_default: the level needed to send a message (0).
        state_default: the level needed to send state (50).
        invite: the level needed to invite (0).
        kick: the level needed to kick (50).
        ban: the level needed to ban (50).
        redact: the level needed to redact what others sent (50).
        notifications: the level needed for a kind of notification; ``room`` is for @room (50).
    """

    users: dict[str, PowerLevel] | None = None
    users_default: PowerLevel | None = None
    events: dict[str, PowerLevel] | None = None
    events_default: PowerLevel | None = None
    state_default: PowerLevel | None = None
    invite: PowerLevel | None = None
    kick: PowerLevel | None = None
    ban: PowerLevel | None = None
    redact: PowerLevel | None = None
    notifications: dict[str, PowerLevel] | None = None
