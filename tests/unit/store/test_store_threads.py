"""Sixteen threads on one store: no error, no deadlock, no two objects for one room."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gomatrix_py.api.sync import SyncResponse
from gomatrix_py.events import Event
from gomatrix_py.rooms import Room
from gomatrix_py.store import InMemoryStore, RoomDelta, SQLiteStore, SyncBatch, SyncStorer
from gomatrix_py.sync import DefaultSyncer
from gomatrix_py.testing.conformance.specimens import event_json, in_threads, state_event, sync_json
from tests.kit.faultdb import faulty_sqlite
from tests.kit.stores import OWN, ROOM, full_batch, inbox_row, room_of

THREADS = 16


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SyncStorer]:
    if request.param == "memory":
        yield InMemoryStore()
    else:
        with faulty_sqlite(), SQLiteStore(tmp_path / "store") as store:
            yield store


def _name(text: str) -> tuple[str, str, bytes]:
    return ("m.room.name", "", event_json("$n", "m.room.name", state_key="", content={"name": text}))


def test_sixteen_threads_do_everything_at_once(store: SyncStorer) -> None:
    store.commit_sync(full_batch(1))
    for row in store.undelivered():
        store.mark_delivered([row])
    objects: list[set[int]] = [set() for _ in range(THREADS)]
    held = [room_of(store, ROOM)]

    def work(number: int) -> None:
        own_room = f"!of-{number}"
        for turn in range(15):
            event_id = f"${number}/{turn}"
            deltas = [RoomDelta(room_id, "join", state=[_name(event_id)]) for room_id in (ROOM, own_room)]
            rows = store.commit_sync(SyncBatch(f"@{number}", f"s{turn}", deltas, [inbox_row(event_id)]))
            assert [row.event_id for row in rows] == [event_id]
            room = room_of(store, ROOM)
            objects[number].add(id(room))
            assert room.name is not None
            assert room_of(store, own_room).name == event_id
            assert event_id in [row.event_id for row in store.undelivered()]
            if turn % 5 == 0:
                own = room_of(store, own_room)
                own.update_state(state_event("m.room.topic", "", {"topic": event_id}))
                store.save_room(own)
                assert room_of(store, own_room).topic == event_id
            store.begin_try(rows[0])
            store.mark_delivered(rows)
            assert store.load_next_batch(f"@{number}") == f"s{turn}"

    in_threads(work, THREADS)
    assert set.union(*objects) == {id(held[0])}, "a room had two objects"
    assert list(store.undelivered()) == []
    assert len(store.room_ids()) == THREADS + 2
    name = room_of(store, ROOM).name
    assert name is not None
    assert name.endswith("/14")


def test_threads_that_load_a_room_at_once_get_the_same(store: SyncStorer) -> None:
    for turn in range(20):
        store.commit_sync(SyncBatch(OWN, "s", [RoomDelta(f"!{turn}", "join", state=[_name("x")])]))
        assert len(set(map(id, _loaded_by_threads(store, f"!{turn}")))) == 1


def _loaded_by_threads(store: SyncStorer, room_id: str) -> list[Room]:
    found: list[Room] = []
    in_threads(lambda _: found.append(room_of(store, room_id)), 8)
    return found


def test_an_event_that_many_threads_bring_counts_once(store: SyncStorer) -> None:
    new: list[str] = []
    in_threads(
        lambda number: new.extend(
            row.event_id for row in store.commit_sync(SyncBatch(f"@{number}", "s", inbox=[inbox_row("$same")]))
        ),
        THREADS,
    )
    assert new == ["$same"]


def test_a_listener_may_use_the_store_from_its_own_and_other_threads(store: SyncStorer) -> None:
    """Were a lock held while listeners run, a listener that waits for another thread would wait for ever."""
    seen: list[str | None] = []

    def listen(event: Event) -> None:
        store.save_filter_id(OWN, "from the listener")
        assert [row.event_id for row in store.undelivered()] == ["$1"]

        def look() -> None:
            room = room_of(store, event.room_id)
            seen.append(room.name)
            room.update_state(state_event("m.room.topic", "", {"topic": store.load_next_batch(OWN)}))
            store.save_room(room)

        other = threading.Thread(target=look, daemon=True)
        other.start()
        other.join(10)
        assert not other.is_alive(), "another thread waits for the store while a listener runs"

    syncer = DefaultSyncer(OWN, store)
    syncer.on_event_type("m.room.message", listen)
    name = event_json("$n", "m.room.name", state_key="", content={"name": "seen"})
    joined = {"state": {"events": [name]}, "timeline": {"events": [event_json("$1")]}}
    syncer.process_response(SyncResponse.from_json(sync_json("s1", rooms={"join": {ROOM: joined}})), "s0")
    assert seen == ["seen"]
    assert room_of(store, ROOM).topic == "s1"
    assert list(store.undelivered()) == []


def test_state_read_while_it_is_committed_is_one_or_the_other(store: SyncStorer) -> None:
    store.commit_sync(SyncBatch(OWN, "s0", [RoomDelta(ROOM, "join", state=[_name("0")])]))
    is_over = threading.Event()

    def work(number: int) -> None:
        if number == 0:
            for turn in range(1, 60):
                store.commit_sync(SyncBatch(OWN, f"s{turn}", [RoomDelta(ROOM, "join", state=[_name(str(turn))])]))
            is_over.set()
            return
        last = 0
        while not is_over.is_set():
            now = int(room_of(store, ROOM).name or "-1")
            assert now >= last, "time went backwards"
            last = now

    in_threads(work, 4)
    assert room_of(store, ROOM).name == "59"
