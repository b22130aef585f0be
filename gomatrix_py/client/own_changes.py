"""Rooms that this client changed itself: until a sync tells of it, what the store says of them is old."""

from __future__ import annotations

from typing import Any

from ..api.room_events import SendStateEvent
from ..api.room_membership import BanUser, InviteUser, InviteUserByThirdParty, KickUser, UnbanUser
from ..http.endpoint import Endpoint

__all__ = ["OwnChanges", "room_changed_by"]

_MEMBERSHIP = (BanUser, InviteUser, InviteUserByThirdParty, KickUser, UnbanUser)
_STATE = frozenset({"m.room.encryption", "m.room.member"})


def room_changed_by(endpoint: Endpoint[Any]) -> str:
    """Return the room in which a request changes who may read what is sent, "" for none."""
    if isinstance(endpoint, _MEMBERSHIP) or (isinstance(endpoint, SendStateEvent) and endpoint.event_type in _STATE):
        return endpoint.room_id
    return ""


class OwnChanges:
    """Knows which rooms were changed since the last sync was asked for."""

    def __init__(self) -> None:
        self._rooms: dict[str, int] = {}
        self._changes = self._known_to_sync = 0

    def note(self, room_id: str) -> None:
        """Take in that a room was changed."""
        self._changes += 1
        self._rooms[room_id] = self._changes

    def note_asked(self) -> None:
        """Take in that a sync is asked for; its answer tells of all changes made before."""
        self._known_to_sync = self._changes

    def note_answered(self) -> None:
        """Take in that its answer was processed."""
        for room_id, change in list(self._rooms.items()):
            if change <= self._known_to_sync:
                del self._rooms[room_id]

    def unheard_of(self, room_id: str) -> int:
        """Return the number of the last change to a room that no sync told of, 0 where there is none."""
        return self._rooms.get(room_id, 0)
