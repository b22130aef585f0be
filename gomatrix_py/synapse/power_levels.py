"""Who may do what in the rooms of a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from ..codec import structure
from ..errors import NotFound
from ..events.contents.power_levels import RoomPowerLevelsContent
from .admin import SynapseAdmin
from .room_records import RoomRow

__all__ = ["RoomPower", "report_power_levels"]

CREATOR_LEVEL = 100
FIRST_VERSION_WITH_CREATORS = 12


@attrs.frozen
class RoomPower:
    """Who may do what in one room.

    Attributes:
        room: as the list of rooms has it.
        levels: the content of its ``m.room.power_levels``, {} where it has none.
        users: levels by user, without those who have `users_default`.
        users_default: the level of everybody else.
        creators: who is above all levels (room version 12 and later).
    """

    room: RoomRow
    levels: dict[str, Any]
    users: dict[str, int]
    users_default: int = 0
    creators: tuple[str, ...] = ()

    def level_of(self, user_id: str) -> float:
        """Return the level of a user; infinity for a creator."""
        return float("inf") if user_id in self.creators else self.users.get(user_id, self.users_default)


def report_power_levels(
    admin: SynapseAdmin, rooms: Iterable[RoomRow] | None = None, *, page_size: int | None = None
) -> Iterator[RoomPower]:
    """Yield who may do what, room by room; a room that is gone by then is left out.

    Args:
        admin: the admin API.
        rooms: from `admin.rooms.iter_rooms`; None for all.
        page_size: how many rooms to list at once.

    Raises:
        UsageError: no page size.
        TransportError, HTTPError, DecodeError: see `gomatrix_py.errors`.
    """
    for room in admin.rooms.iter_rooms(page_size=page_size) if rooms is None else rooms:
        try:
            yield _power(admin, room)
        except NotFound:
            continue


def _power(admin: SynapseAdmin, room: RoomRow) -> RoomPower:
    levels = _content(admin, room.room_id, "m.room.power_levels")
    has_creators = _has_creators(room.version)
    creation = _content(admin, room.room_id, "m.room.create") if has_creators or levels is None else None
    creators = _creators(creation or {})
    content = structure(levels or {}, RoomPowerLevelsContent)
    users = dict(content.users or {})
    if levels is None and not has_creators:
        users = dict.fromkeys(creators[:1], CREATOR_LEVEL)
    return RoomPower(room, levels or {}, users, content.users_default or 0, creators if has_creators else ())


def _content(admin: SynapseAdmin, room_id: str, event_type: str) -> dict[str, Any] | None:
    events = admin.rooms.get_state(room_id, event_type).state  # an older Synapse sends all types
    for event in events:
        if event.type == event_type and event.state_key == "":
            return {"creator": event.sender, **event.content} if event_type == "m.room.create" else event.content
    return None


def _creators(creation: dict[str, Any]) -> tuple[str, ...]:
    added = creation.get("additional_creators")
    named = [creation.get("creator"), *(added if isinstance(added, list) else ())]
    return tuple(dict.fromkeys(one for one in named if isinstance(one, str) and one))


def _has_creators(version: str | None) -> bool:
    return (
        version is not None
        and version.isascii()
        and version.isdigit()
        and int(version) >= FIRST_VERSION_WITH_CREATORS
    )
