"""Rooms are read when somebody looks, stay the same object while somebody holds them, and are never stale."""

from __future__ import annotations

import contextlib
import gc
import threading
import weakref
from pathlib import Path

import pytest

from gomatrix_py.rooms import Room
from gomatrix_py.store import InMemoryStore, RoomDelta, SQLiteStore, SyncBatch
from gomatrix_py.store.sqlite import live_rooms
from gomatrix_py.store.sqlite.file import StoreFile
from gomatrix_py.testing.conformance.specimens import POISONED_EVENTS, event_json, state_event
from tests.kit.stores import OTHER, OWN, ROOM, full_batch, room_of

ROOMS = 1_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of a thousand rooms."""
    path = tmp_path_factory.mktemp("large") / "store"
    with SQLiteStore(path) as store:
        store.commit_sync(SyncBatch(OWN, "s1", [_delta(f"!{number}", f"name {number}") for number in range(ROOMS)]))
    return path


def _delta(room_id: str, name: str) -> RoomDelta:
    named = event_json("$n", "m.room.name", state_key="", content={"name": name})
    members = [
        ("m.room.member", f"@{number}", event_json(f"$m{number}", "m.room.member", state_key=f"@{number}"))
        for number in range(5)
    ]
    return RoomDelta(room_id, "join", state=[("m.room.name", "", named), *members])


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that SQLite runs, as it runs it."""
    seen: list[str] = []
    opening = StoreFile._migrate

    def traced(file: StoreFile, db: object) -> None:
        file._db.set_trace_callback(seen.append)  # type: ignore[union-attr]
        opening(file, db)  # type: ignore[arg-type]

    monkeypatch.setattr(StoreFile, "_migrate", traced)
    return seen


def _reads(statements: list[str], table: str) -> list[str]:
    return [one for one in statements if f"FROM {table}" in one]


def test_opening_a_large_store_reads_no_room(large: Path, statements: list[str]) -> None:
    with SQLiteStore(large) as store:
        assert store.load_next_batch(OWN) == "s1"
        assert _reads(statements, "position")
        assert _reads(statements, "room") + _reads(statements, "state") == []
        assert len(statements) < 10


def test_a_room_is_read_without_its_state_and_the_state_when_looked_at(large: Path, statements: list[str]) -> None:
    with SQLiteStore(large) as store:
        room = room_of(store, "!7")
        assert (len(_reads(statements, "room")), _reads(statements, "state")) == (1, [])
        assert room.name == "name 7"
        assert len(_reads(statements, "state")) == 1
        assert len(room.members) == 5
        for _ in range(3):
            assert (room.name, len(room.members), room_of(store, "!7")) == ("name 7", 5, room)
        assert (len(_reads(statements, "room")), len(_reads(statements, "state"))) == (1, 2)


def test_a_batch_reads_no_room_that_nobody_holds(large: Path, statements: list[str]) -> None:
    with SQLiteStore(large) as store:
        store.commit_sync(SyncBatch(OWN, "s1", [_delta(f"!{number}", f"name {number}") for number in range(20)]))
        assert _reads(statements, "room") + _reads(statements, "state") == []


def test_a_held_room_stays_the_same_object(large: Path) -> None:
    with SQLiteStore(large) as store:
        held = room_of(store, "!0")
        for number in range(2 * live_rooms.ROOMS_KEPT):
            room_of(store, f"!{number}")
        gc.collect()
        assert room_of(store, "!0") is held


def test_rooms_that_nobody_holds_are_let_go(large: Path) -> None:
    with SQLiteStore(large) as store:
        looked_at = [weakref.ref(room_of(store, f"!{number}")) for number in range(3 * live_rooms.ROOMS_KEPT)]
        gc.collect()
        alive = [ref for ref in looked_at if ref() is not None]
        assert alive == looked_at[-live_rooms.ROOMS_KEPT :]


@pytest.mark.parametrize("is_guarded", [True, False], ids=["guarded", "control"])
def test_a_room_loaded_while_a_batch_is_committed_is_not_stale(
    is_guarded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread has read the room as it was; before it makes the object, another commits the next batch."""
    has_read, may_go_on = threading.Event(), threading.Event()
    rows = StoreFile.rows

    def slow_rows(file: StoreFile, sql: str, values: tuple[object, ...] = ()) -> list[object]:
        found = rows(file, sql, values)
        if "FROM room WHERE" in sql:
            has_read.set()
            may_go_on.wait(0.3)
        return found

    with SQLiteStore(tmp_path / "store") as store:
        store.commit_sync(full_batch(1))
        monkeypatch.setattr(StoreFile, "rows", slow_rows)
        if not is_guarded:
            monkeypatch.setattr(store._live, "lock", contextlib.nullcontext())
        loaded: list[Room] = []
        reader = threading.Thread(target=lambda: loaded.append(room_of(store)))
        reader.start()
        assert has_read.wait(10)
        store.commit_sync(full_batch(2))
        may_go_on.set()
        reader.join(10)
        assert loaded[0] is room_of(store)
        assert (loaded[0].membership, loaded[0].prev_batch) == (("leave", "t2") if is_guarded else ("join", "t1"))
        assert loaded[0].name == "name 2"


def test_what_was_set_by_hand_does_not_undo_a_later_batch(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store") as store:
        store.commit_sync(full_batch(1))
        room = room_of(store)
        room.update_state(state_event("m.room.name", "", {"name": "by hand"}))
        store.commit_sync(full_batch(2))
        assert room.name == "name 2"
        store.save_room(room)
        assert room.name == "name 2"
    with SQLiteStore(tmp_path / "store") as store:
        assert room_of(store).name == "name 2"


def test_rooms_move_between_stores_whole(tmp_path: Path) -> None:
    memory = InMemoryStore()
    memory.commit_sync(full_batch(1))
    with SQLiteStore(tmp_path / "one") as one, SQLiteStore(tmp_path / "two") as two:
        for room_id in memory.room_ids():
            one.save_room(room_of(memory, room_id))
        for room_id in one.room_ids():
            two.save_room(room_of(one, room_id))
    with SQLiteStore(tmp_path / "two") as two:
        assert set(two.room_ids()) == {ROOM, OTHER}
        for room_id in (ROOM, OTHER):
            moved, first = room_of(two, room_id), room_of(memory, room_id)
            assert moved.summary == first.summary
            assert set(moved.state) == set(first.state)
            for kind in first.state:
                assert moved.state.of_type(kind) == first.state.of_type(kind)


def test_state_stands_in_the_file_byte_by_byte(tmp_path: Path) -> None:
    """What a room shows is made from JSON; what is stored is the JSON itself."""
    bodies = dict(POISONED_EVENTS)
    state = [("org.example", key, body) for key, body in bodies.items()]
    with SQLiteStore(tmp_path / "store") as store:
        store.commit_sync(SyncBatch(OWN, "s1", [RoomDelta(ROOM, "join", state=state)]))
    with SQLiteStore(tmp_path / "store") as store:
        assert store.state_of_type(ROOM, "org.example") == bodies
        assert [store.state_event(ROOM, "org.example", key) for key in bodies] == list(bodies.values())
        assert store.state_types(ROOM) == ["org.example"]
        assert store.state_event(ROOM, "org.example", "unknown") is None
