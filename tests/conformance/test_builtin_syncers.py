"""Our syncers pass the suite over every kind of store, and so does a syncer of forty lines."""

from __future__ import annotations

from typing import Any

from gomatrix_py.api.sync import SyncResponse
from gomatrix_py.events import Event
from gomatrix_py.rooms import Room
from gomatrix_py.store import InMemoryStore, SQLiteStore, Storer
from gomatrix_py.sync import DefaultSyncer, SlidingSyncer, Syncer
from gomatrix_py.sync.listeners import Listener
from gomatrix_py.testing.conformance import SyncerConformance
from tests.conformance.six_methods import SixMethodStore

OWN = "@own:example.org"


class TestDefaultSyncer(SyncerConformance):
    def make_syncer(self, store: Storer, heard: Listener) -> Syncer:
        syncer = DefaultSyncer(OWN, store)
        syncer.on_event(heard)
        return syncer

    def make_store(self) -> Storer:
        return InMemoryStore()


class TestDefaultSyncerOverSQLite(TestDefaultSyncer):
    def make_store(self) -> Storer:
        return SQLiteStore(self.folder / "store.sqlite3")


class TestDefaultSyncerOverSixMethods(TestDefaultSyncer):
    def make_store(self) -> Storer:
        return SixMethodStore()


class TestSlidingSyncer(SyncerConformance):
    """With the answers of /sync, which it takes as well; its own are in test_sliding_syncer.py."""

    def make_syncer(self, store: Storer, heard: Listener) -> Syncer:
        syncer = SlidingSyncer(OWN, store)
        syncer.on_event(heard)
        return syncer

    def make_store(self) -> Storer:
        return InMemoryStore()


class TestSlidingSyncerOverSQLite(TestSlidingSyncer):
    def make_store(self) -> Storer:
        return SQLiteStore(self.folder / "store.sqlite3")


class TestSlidingSyncerOverSixMethods(TestSlidingSyncer):
    def make_store(self) -> Storer:
        return SixMethodStore()


class MinimalSyncer:
    """The three methods and nothing else."""

    def __init__(self, store: Storer, heard: Listener) -> None:
        self.store, self.heard = store, heard

    def process_response(self, response: SyncResponse, since: str) -> None:
        for room_id, joined in response.rooms.join.items():
            room = self.store.load_room(room_id) or Room(room_id)
            room.membership = "join"
            before = joined.state.events if joined.state is not None else []
            timeline = joined.timeline.events if joined.timeline is not None else []
            for event in (*before, *timeline):
                if event.is_state:
                    room.update_state(event)
            self.store.save_room(room)
            for event in timeline:
                self.heard(Event.from_json(event.json, room_id))

    def on_failed_sync(self, response: SyncResponse | None, error: Exception) -> float:
        if isinstance(error, OSError):
            raise error
        return 10.0

    def get_filter_json(self, user_id: str) -> dict[str, Any]:
        return {}


class TestMinimalSyncer(SyncerConformance):
    drops_duplicates = False

    def make_syncer(self, store: Storer, heard: Listener) -> Syncer:
        return MinimalSyncer(store, heard)

    def make_store(self) -> Storer:
        return SixMethodStore()
