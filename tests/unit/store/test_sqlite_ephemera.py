"""Receipts and typing in the SQLite store: what of them is in the file, and what is in memory only."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py.errors import StoreError
from gomatrix_py.rooms import Receipt, Room
from gomatrix_py.store import AccountDataRow, InMemoryStore, RoomDelta, SQLiteStore, SyncBatch
from gomatrix_py.store.sqlite import live_rooms, rows
from gomatrix_py.testing.conformance.room_news import receipts_json, typing_json
from tests.kit.stores import OTHER, OWN, ROOM, room_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(tmp_path / "store") as store:
        yield store


def read(event_id: str, ts: int = 1) -> bytes:
    return receipts_json({event_id: {"m.read": {OWN: {"ts": ts}}}})


def commit(store: SQLiteStore | InMemoryStore, ephemeral: bytes, room_id: str = ROOM) -> None:
    store.commit_sync(SyncBatch(OWN, "s", [RoomDelta(room_id, "join", ephemeral=ephemeral)]))


def test_typing_is_not_in_the_file(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store") as store:
        commit(store, b"[" + typing_json("@typist") + b"," + read("$1")[1:])
        assert list(room_of(store).typing) == ["@typist"]
    assert b"@typist" not in (tmp_path / "store").read_bytes()
    assert b"$1" in (tmp_path / "store").read_bytes(), "the control: a receipt is there"
    with SQLiteStore(tmp_path / "store") as store:
        assert list(room_of(store).typing) == []


def test_typing_outlives_the_room_in_memory(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_rooms, "ROOMS_KEPT", 1)
    commit(store, b"[" + typing_json(OWN) + b"]")
    assert list(room_of(store).typing) == [OWN]
    commit(store, b"[]", OTHER)
    room_of(store, OTHER)
    gc.collect()
    assert store._live.find(ROOM) is None, "the room is still in memory, so this shows nothing"
    assert list(room_of(store).typing) == [OWN]


def test_those_who_stopped_are_not_remembered(store: SQLiteStore) -> None:
    for users in ((OWN,), ()):
        commit(store, b"[" + typing_json(*users) + b"]")
    assert store._live.typing == {}


def test_a_held_room_takes_what_comes_after_the_first_look(store: SQLiteStore) -> None:
    commit(store, read("$1"))
    room = room_of(store)
    seen = []
    for number in range(2, 5):
        seen.append([one.event_id for one in room.receipts.all()])
        commit(store, read(f"${number}"))
    assert seen == [["$1"], ["$2"], ["$3"]]
    assert room.receipts.all() == [Receipt(OWN, "$4", 1)]


def test_a_batch_that_fails_leaves_the_receipts_as_they_were(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(store, read("$1"))
    room = room_of(store)
    assert len(room.receipts) == 1

    def fail(*_: Any) -> None:
        raise StoreError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(rows, "put_receipts", fail)
        with pytest.raises(StoreError):
            commit(store, read("$2"))
    assert room.receipts.all() == [Receipt(OWN, "$1", 1)]
    assert store.receipts_of(ROOM) == [Receipt(OWN, "$1", 1)]


def test_an_interrupt_after_the_commit_leaves_memory_as_the_file(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(store, read("$1"))
    room = room_of(store)
    assert len(room.receipts) == 1

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Room, "apply", interrupted)
        with pytest.raises(KeyboardInterrupt):
            commit(store, read("$2"))
    assert room.receipts.all() == store.receipts_of(ROOM) == [Receipt(OWN, "$2", 1)]


def test_a_room_from_elsewhere_brings_its_receipts(store: SQLiteStore) -> None:
    elsewhere = InMemoryStore()
    commit(elsewhere, read("$there"))
    commit(store, receipts_json({"$here": {"m.read": {"@other": {"ts": 1}}}}))
    store.save_room(room_of(elsewhere))
    assert store.receipts_of(ROOM) == [Receipt(OWN, "$there", 1)]


def test_no_reader_waits_for_ever_while_syncs_go_on(store: SQLiteStore) -> None:
    commit(store, read("$0"))
    stop = threading.Event()
    seen: list[str] = []

    def look() -> None:
        while not stop.is_set():
            store._live.forget(ROOM)
            seen.extend(one.event_id for one in room_of(store).receipts.all())

    readers = [threading.Thread(target=look, daemon=True) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 60):
        commit(store, b"[" + typing_json(OWN) + b"," + read(f"${number}")[1:])
    stop.set()
    for reader in readers:
        reader.join(30)
    assert not any(reader.is_alive() for reader in readers)
    assert room_of(store).receipts.all() == [Receipt(OWN, "$59", 1)]
    assert set(seen) <= {f"${number}" for number in range(60)}


def test_push_rules_are_decoded_once(store: SQLiteStore) -> None:
    def put(content: bytes) -> None:
        data = AccountDataRow("", "m.push_rules", b'{"type":"m.push_rules","content":' + content + b"}")
        store.commit_sync(SyncBatch(OWN, "s", [RoomDelta(ROOM, "join")], account_data=[data]))

    put(b'{"global":{"a":1}}')
    room = room_of(store)
    first = room.user_account_data("m.push_rules")
    assert room.user_account_data("m.push_rules") is first
    put(b'{"global":{}}')
    assert room.user_account_data("m.push_rules") == {"global": {}}


def test_the_owner_is_known_from_the_file(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store") as store:
        store.bind(OWN, "DEVICE")
        commit(store, b"[]")
    with SQLiteStore(tmp_path / "store") as store:
        assert room_of(store).own_user_id == OWN
