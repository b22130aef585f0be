"""Looking after the file: copies that can be opened, damage that is named, space that is given back."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gomatrix_py import SQLiteStore
from gomatrix_py.errors import StoreError, UsageError
from gomatrix_py.store.key_values import Change
from gomatrix_py.store.records import SyncBatch


def filled(store: SQLiteStore, count: int = 200) -> None:
    changes = [Change("s", f"{number:06}", bytes(2000)) for number in range(count)]
    store.commit_sync(SyncBatch("@a:hs", "s1", changes=changes))


def test_a_backup_is_a_store(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store.db") as store:
        filled(store)
        store.backup(tmp_path / "copy.db")
        store.save_next_batch("@a:hs", "s2")
        with SQLiteStore(tmp_path / "copy.db") as copy:
            assert copy.load_next_batch("@a:hs") == "s1"
            assert copy.key_values.count("s") == 200
        assert store.load_next_batch("@a:hs") == "s2"
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_a_backup_overwrites_nothing_and_leaves_nothing_half(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store.db") as store:
        filled(store)
        (tmp_path / "there").write_text("mine")
        with pytest.raises(UsageError):
            store.backup(tmp_path / "there")
        assert (tmp_path / "there").read_text() == "mine"
        with pytest.raises(StoreError):
            store.backup(tmp_path / "missing" / "copy.db")
        assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_verify_finds_damage(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with SQLiteStore(path) as store:
        filled(store)
        assert store.verify() == []
        store.compact()
        data = bytearray(path.read_bytes())
        middle = len(data) // 8192 // 2 * 8192
        path.write_bytes(data[:middle] + bytes(8192) + data[middle + 8192 :])
        try:
            found = store.verify()
        except StoreError as error:
            found = [str(error)]
        assert found
        path.write_bytes(data)


def test_space_is_given_back(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store.db") as store:
        filled(store, 1000)
        store.compact()
        store.key_values.write([Change("s", f"{number:06}", None) for number in range(1000)])
        assert store.compact() > 1_000_000
        assert store.load_next_batch("@a:hs") == "s1"
