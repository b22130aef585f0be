"""The least that is a store: gomatrix's six methods over three dicts."""

from __future__ import annotations

from gomatrix_py.rooms import Room


class SixMethodStore:
    """Knows nothing of batches or journals."""

    def __init__(self) -> None:
        self.filter_ids: dict[str, str] = {}
        self.next_batches: dict[str, str] = {}
        self.rooms: dict[str, Room] = {}

    def save_filter_id(self, user_id: str, filter_id: str) -> None:
        self.filter_ids[user_id] = filter_id

    def load_filter_id(self, user_id: str) -> str:
        return self.filter_ids.get(user_id, "")

    def save_next_batch(self, user_id: str, next_batch: str) -> None:
        self.next_batches[user_id] = next_batch

    def load_next_batch(self, user_id: str) -> str:
        return self.next_batches.get(user_id, "")

    def save_room(self, room: Room) -> None:
        self.rooms[room.id] = room

    def load_room(self, room_id: str) -> Room | None:
        return self.rooms.get(room_id)
