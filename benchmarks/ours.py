"""gomatrix_py at the sync rows: from the bytes of an answer into a store, with one listener."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gomatrix_py import DefaultSyncer, Event, InMemoryStore, SQLiteStore, SyncResponse

from .corpora import FOLDER, OWN_USER
from .measure import Meter

Facts = dict[str, Any]


class Listener:
    """Reads what it is told, as a bot would."""

    def __init__(self) -> None:
        self.messages = 0
        self.characters = 0

    def __call__(self, event: Event) -> None:
        """Count a message and its text."""
        self.messages += 1
        self.characters += len(event.body or "")


def _open(kind: str, stack: ExitStack) -> InMemoryStore | SQLiteStore:
    if kind == "memory":
        return InMemoryStore()
    # beside the corpora: a temporary folder may be a RAM disk, which would flatter fsync
    folder = stack.enter_context(tempfile.TemporaryDirectory(dir=FOLDER))
    return stack.enter_context(SQLiteStore(Path(folder) / "store.sqlite3"))


def _listening(store: InMemoryStore | SQLiteStore) -> tuple[DefaultSyncer, Listener]:
    syncer, listener = DefaultSyncer(OWN_USER, store), Listener()
    syncer.on_event_type("m.room.message", listener)
    return syncer, listener


def sync_large(meter: Meter, store: str, body_path: str, since: str, looks_at_rooms: bool = False) -> Facts:
    """Process one large answer; with `since` its timelines are news and are delivered.

    State is decoded when somebody looks, so `looks_at_rooms` then reads name and members of every room.
    """
    with ExitStack() as stack:
        keeper = _open(store, stack)
        syncer, listener = _listening(keeper)
        meter.note_memory()
        body = Path(body_path).read_bytes()
        with meter.timed():
            response = SyncResponse.from_json(body)
            syncer.process_response(response, since)
            members = _look_at_rooms(keeper) if looks_at_rooms else 0
        assert keeper.load_next_batch(OWN_USER) == response.next_batch
        facts = {"rooms": len(keeper.room_ids()), "messages": listener.messages, "characters": listener.characters}
        return {**facts, "members": members}


def _look_at_rooms(store: InMemoryStore | SQLiteStore) -> int:
    rooms = [store.load_room(room_id) for room_id in store.room_ids()]
    return sum(len(room.joined_members) + bool(room.name) for room in rooms if room is not None)


def sync_small(meter: Meter, store: str, body_path: str, first_path: str) -> Facts:
    """Process many small answers, after a first one that makes the rooms known."""
    bodies = Path(body_path).read_bytes().splitlines()
    with ExitStack() as stack:
        keeper = _open(store, stack)
        syncer, listener = _listening(keeper)
        syncer.process_response(SyncResponse.from_json(Path(first_path).read_bytes()), "")
        since = keeper.load_next_batch(OWN_USER)
        with meter.timed():
            for body in bodies:
                response = SyncResponse.from_json(body)
                syncer.process_response(response, since)
                since = response.next_batch
        assert keeper.load_next_batch(OWN_USER) == since
        return {"rooms": len(keeper.room_ids()), "messages": listener.messages, "characters": listener.characters}
