"""Stores with nothing but gomatrix's six methods pass the suite: one in memory, one in a folder of files."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from gomatrix_py.events import Event
from gomatrix_py.rooms import Room
from gomatrix_py.store import Storer, is_sync_storer
from gomatrix_py.testing.conformance import StorerConformance
from tests.conformance.six_methods import SixMethodStore


class TestSixMethodStore(StorerConformance):
    def make_store(self) -> Storer:
        return SixMethodStore()


class FolderStore:
    """A file for each text and each room: slow, forgetful of nothing, and it makes rooms anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def save_filter_id(self, user_id: str, filter_id: str) -> None:
        self._file("filter", user_id).write_bytes(filter_id.encode())

    def load_filter_id(self, user_id: str) -> str:
        return self._read("filter", user_id).decode()

    def save_next_batch(self, user_id: str, next_batch: str) -> None:
        self._file("position", user_id).write_bytes(next_batch.encode())

    def load_next_batch(self, user_id: str) -> str:
        return self._read("position", user_id).decode()

    def save_room(self, room: Room) -> None:
        events = [event.json.decode() for kind in room.state for event in room.state.of_type(kind).values()]
        about = [room.membership, room.summary, room.notification_count, room.highlight_count, room.prev_batch]
        self._file("room", room.id).write_text(json.dumps([about, events]))

    def load_room(self, room_id: str) -> Room | None:
        data = self._read("room", room_id)
        if not data:
            return None
        about, events = json.loads(data)
        room = Room(room_id)
        for event in events:
            room.update_state(Event.from_json(event.encode(), room_id))
        room.membership, room.summary, room.notification_count, room.highlight_count, room.prev_batch = about
        return room

    def _file(self, kind: str, name: str) -> Path:
        return self.folder / f"{kind}-{sha256(name.encode()).hexdigest()}"

    def _read(self, kind: str, name: str) -> bytes:
        file = self._file(kind, name)
        return file.read_bytes() if file.exists() else b""


class TestFolderStore(StorerConformance):
    keeps_identity = False

    def make_store(self) -> Storer:
        return FolderStore(self.folder / "store")

    def reopen(self, store: Any) -> Storer:
        return FolderStore(store.folder)


def test_neither_is_taken_for_more_than_it_is(tmp_path: Path) -> None:
    assert not is_sync_storer(SixMethodStore())
    assert not is_sync_storer(FolderStore(tmp_path))
