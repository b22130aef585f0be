"""Rooms that replace each other. Spec: module "Room Upgrades".

Anybody can make a room that calls itself the successor, or a predecessor, of another: a link counts only where
both rooms state it. Nothing here joins or leaves a room.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import attrs

from .creation import CreationView
from .reading import via_of

__all__ = ["MAX_UPGRADES", "Predecessor", "Tombstone", "UpgradesView", "current_version_of", "first_version_of"]

MAX_UPGRADES = 50
"""How many upgrades are followed at most."""

V = TypeVar("V", bound="UpgradesView")


@attrs.frozen
class Tombstone:
    """What a room says of its end.

    Attributes:
        body: the words to show.
        replacement_room_id: the room that took its place, None where none is named.
        via: servers to join that room through.
    """

    body: str
    replacement_room_id: str | None
    via: list[str]


@attrs.frozen
class Predecessor:
    """What a room says of the one it was made to replace.

    Attributes:
        room_id: of the old room.
        event_id: the last event there, None where it is not said.
        via: servers to join that room through.
    """

    room_id: str
    event_id: str | None
    via: list[str]


class UpgradesView(CreationView):
    """What a room says of the rooms before and after it."""

    __slots__ = ()

    @property
    def tombstone(self) -> Tombstone | None:
        """What the room says of its end, None where it is in use."""
        event = self._state_event("m.room.tombstone")
        if event is None:
            return None
        body = self._text("m.room.tombstone", "body") or ""
        return Tombstone(body, self._text("m.room.tombstone", "replacement_room"), via_of(event.sender))

    @property
    def is_tombstoned(self) -> bool:
        """True where the room is no longer to be used."""
        return self._state_event("m.room.tombstone") is not None

    @property
    def stated_predecessor(self) -> Predecessor | None:
        """What the room says of the one before it, None where it says nothing; see `predecessor`."""
        event = self._state_event("m.room.create")
        said = event.content.get("predecessor") if event is not None else None
        room_id = said.get("room_id") if isinstance(said, dict) else None
        if event is None or not isinstance(said, dict) or not isinstance(room_id, str) or not room_id:
            return None
        event_id = said.get("event_id")
        is_id = isinstance(event_id, str) and bool(event_id)
        return Predecessor(room_id, event_id if is_id else None, via_of(event.sender))

    def successor(self, lookup: Callable[[str], V | None]) -> V | None:
        """Return the room that took this one's place, None where it is unknown or says nothing of this one.

        Args:
            lookup: gives the room of an id, None where it is not known; such as ``client.rooms.get``.
        """
        tombstone = self.tombstone
        room = _other(self, tombstone.replacement_room_id if tombstone is not None else None, lookup)
        back = room.stated_predecessor if room is not None else None
        return room if back is not None and back.room_id == self.id else None

    def predecessor(self, lookup: Callable[[str], V | None]) -> V | None:
        """Return the room that this one replaced, None where it is unknown or does not lead here.

        Args:
            lookup: as for `successor`.
        """
        stated = self.stated_predecessor
        room = _other(self, stated.room_id if stated is not None else None, lookup)
        onward = room.tombstone if room is not None else None
        return room if onward is not None and onward.replacement_room_id == self.id else None


def current_version_of(room: V, lookup: Callable[[str], V | None]) -> V:
    """Return the room in use today that a room was upgraded to, itself where it was not.

    Stops before a link that only one side states, one that leads back, an unknown room, and the 51st upgrade.

    Args:
        room: where to start.
        lookup: gives the room of an id, None where it is not known.
    """
    return _walk(room, lambda one: one.successor(lookup))


def first_version_of(room: V, lookup: Callable[[str], V | None]) -> V:
    """Return the room that a room goes back to, itself where it replaced none; see `current_version_of`."""
    return _walk(room, lambda one: one.predecessor(lookup))


def _walk(room: V, step: Callable[[V], V | None]) -> V:
    seen = {room.id}
    for _ in range(MAX_UPGRADES):
        following = step(room)
        if following is None or following.id in seen:
            break
        seen.add(following.id)
        room = following
    return room


def _other(room: UpgradesView, room_id: str | None, lookup: Callable[[str], V | None]) -> V | None:
    found = lookup(room_id) if room_id is not None and room_id != room.id else None
    return found if found is not None and found.id == room_id else None
