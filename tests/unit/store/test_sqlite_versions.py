"""Files that earlier versions of the schema made: each is brought up to date, and shows what it held."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from gomatrix_py.rooms import Receipt
from gomatrix_py.store import RoomDelta, SQLiteStore, SyncBatch
from gomatrix_py.testing.conformance.room_news import receipts_json
from tests.kit.store_versions import store_of_version
from tests.kit.stores import OTHER, OWN, ROOM, room_of, snapshot


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return store_of_version(1, tmp_path / "store")


def test_a_file_of_the_first_version_shows_what_it_held(first: Path) -> None:
    with SQLiteStore(first) as store:
        shown = snapshot(store)
    assert (shown["next_batch"], shown["filter_id"]) == ("s1", "f1")
    assert sorted(shown["rooms"]) == [OTHER, ROOM]
    room = shown["rooms"][ROOM]
    assert (room["membership"], room["counts"], room["prev_batch"]) == ("join", (1, 1), "t1")
    assert sorted(room["state"]) == ["m.room.member", "m.room.name", "m.room.topic"]
    assert [row[1] for row in shown["undelivered"]] == ["$a1", "$b1", "$a1", ""]
    assert shown["gaps"] == [(ROOM, "s0", "t1")]
    assert shown["account_data"] == [b'{"number":1}', b"1"]


def test_what_the_first_version_did_not_know_is_unknown(first: Path) -> None:
    with SQLiteStore(first) as store:
        room = room_of(store)
        assert (room.receipts.all(), dict(room.thread_counts), room.has_all_members) == ([], {}, False)


def test_a_file_of_the_first_version_keeps_what_is_new(first: Path) -> None:
    receipts = receipts_json({"$1": {"m.read": {OWN: {"ts": 5}}}})
    news = RoomDelta(ROOM, "join", ephemeral=receipts, has_all_members=True, thread_counts=b'{"$r":{}}')
    with SQLiteStore(first) as store:
        store.commit_sync(SyncBatch(OWN, "s2", [news]))
    with SQLiteStore(first) as store:
        room = room_of(store)
        assert room.receipts.all() == [Receipt(OWN, "$1", 5)]
        assert (list(room.thread_counts), room.has_all_members) == (["$r"], True)
        assert room_of(store, OTHER).receipts.all() == []


def test_a_copy_of_the_file_is_kept(first: Path) -> None:
    SQLiteStore(first).close()
    (backup,) = first.parent.glob("store.before-*")
    db = sqlite3.connect(backup)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    db.close()


def test_the_control_the_file_really_is_of_the_first_version(first: Path) -> None:
    db = sqlite3.connect(first)
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    db.close()
    assert "receipt" not in tables
    assert {"room", "state", "inbox"} <= tables
