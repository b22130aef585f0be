"""The rooms in memory: one object per room, brought up to date with every commit."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from ...rooms import Room
from ..records import RoomDelta

__all__ = ["LiveRooms"]

ROOMS_KEPT = 128


class LiveRooms:
    """Every room that somebody holds, and the last ones that were loaded whether held or not.

    Attributes:
        lock: hold it from reading or changing a room in the file to doing so here, so that nobody gets
            to see a room as it was before. It is taken before the file's own lock.
        typing: the ids of those who type, by room; of all rooms, for no file has it.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.typing: dict[str, tuple[str, ...]] = {}
        self._alive: weakref.WeakValueDictionary[str, Room] = weakref.WeakValueDictionary()
        self._recent: OrderedDict[str, Room] = OrderedDict()

    def find(self, room_id: str) -> Room | None:
        """Return a room that is in memory, or None."""
        return self._alive.get(room_id)

    def keep(self, room: Room) -> None:
        """Let this object stand for its room from now on."""
        with self.lock:
            self._alive[room.id] = room
            self._recent[room.id] = room
            self._recent.move_to_end(room.id)
            if len(self._recent) > ROOMS_KEPT:
                self._recent.popitem(last=False)

    def forget(self, room_id: str) -> None:
        """Let no object stand for this room, so that it is read from the file again."""
        with self.lock:
            self._alive.pop(room_id, None)
            self._recent.pop(room_id, None)

    def of(self, deltas: Iterable[RoomDelta]) -> list[tuple[Room, RoomDelta]]:
        """Return the rooms in memory that a batch changes, each with its changes."""
        if not self._alive:
            return []
        found = ((self._alive.get(delta.room_id), delta) for delta in deltas)
        return [(room, delta) for room, delta in found if room is not None]

    def apply(self, deltas: Sequence[RoomDelta], typing: Sequence[tuple[str, tuple[str, ...]]]) -> None:
        """Bring what is in memory up to date with a batch that is stored."""
        self.typing.update(typing)
        if self.typing:
            gone = [one.room_id for one in deltas if one.membership != "join"]
            for room_id in [*gone, *(room_id for room_id, user_ids in typing if not user_ids)]:
                self.typing.pop(room_id, None)
        for room, delta in self.of(deltas):
            room.apply(delta)
