"""A damaged file is refused by name or read right; it is never made anew behind its owner's back."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py.errors import StoreCorrupt, StoreError, StoreTooNew
from gomatrix_py.store import SQLiteStore, SyncBatch
from gomatrix_py.store.sqlite import inspection, schema
from tests.kit.stores import OWN, full_batch, snapshot

SEED = int(os.environ.get("GMPY_SEED", "20260101"))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store as its owner closed it."""
    folder = tmp_path_factory.mktemp("sound")
    with SQLiteStore(folder / "store") as store:
        _fill(store)
    return folder


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store as a killed process leaves it: half in the file, half in its journal."""
    folder = tmp_path_factory.mktemp("killed")
    copy = tmp_path_factory.mktemp("copy")
    with SQLiteStore(folder / "store") as store:
        _fill(store)
        store._open_file.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        store.save_filter_id(OWN, "in the journal only")
        for name in ("store", "store-wal", "store.id"):
            shutil.copy(folder / name, copy / name)
    return copy


def _fill(store: SQLiteStore) -> None:
    store.bind(OWN, "DEVICE")
    for number in range(1, 30):
        store.commit_sync(full_batch(number))


def _expected(folder: Path, scratch: Path) -> dict[str, Any]:
    with SQLiteStore(_copy(folder, scratch / "expected")) as store:
        return snapshot(store)


def _copy(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to / "store"


def _is_refused(path: Path, expected: dict[str, Any]) -> bool:
    """Open a store; it must be refused by name, or be what it was."""
    try:
        with SQLiteStore(path) as store:
            seen = snapshot(store)
    except StoreError as error:
        if str(path) not in str(error):
            raise
        return True
    assert seen == expected, "it was opened with something else in it"
    return False


# ------------------------------------------------------------------ cut short


def _page_and_size(path: Path) -> tuple[int, int]:
    return int.from_bytes(path.read_bytes()[16:18], "big"), path.stat().st_size


def test_a_file_cut_short_is_refused(sound: Path, tmp_path: Path) -> None:
    expected = _expected(sound, tmp_path)
    page, whole = _page_and_size(sound / "store")
    for size in (1, 15, 16, 99, 100, 511, 512, page - 1, whole - 1, *range(page, whole, page)):
        path = _copy(sound, tmp_path / str(size))
        os.truncate(path, size)
        assert _is_refused(path, expected), f"cut to {size} bytes"
        assert path.stat().st_size <= size, "it was made anew"


def test_a_file_cut_short_after_a_kill_is_refused(killed: Path, tmp_path: Path) -> None:
    expected = _expected(killed, tmp_path)
    refused = 0
    page, whole = _page_and_size(killed / "store")
    for size in range(page, whole, page):
        path = _copy(killed, tmp_path / str(size))
        os.truncate(path, size)
        refused += _is_refused(path, expected)
    assert refused >= whole // page - 2, "what is in the journal need not be missed"


@pytest.mark.parametrize("is_known", [True, False], ids=["with identity", "never bound"])
def test_an_emptied_file_that_was_in_use_is_refused(is_known: bool, sound: Path, tmp_path: Path) -> None:
    path = _copy(sound, tmp_path / "emptied")
    os.truncate(path, 0)
    if is_known:
        for _ in range(2):
            with pytest.raises(StoreCorrupt, match="store is empty, but what stands beside it says"):
                SQLiteStore(path)
        assert path.stat().st_size == 0
    else:  # without its identity nothing tells it from a new one
        path.with_name("store.id").unlink()
        with SQLiteStore(path) as store:
            assert list(store.room_ids()) == []


def test_a_deleted_file_that_was_in_use_is_refused(sound: Path, tmp_path: Path) -> None:
    path = _copy(sound, tmp_path / "deleted")
    path.unlink()
    with pytest.raises(StoreCorrupt, match="store is empty, but"):
        SQLiteStore(path)
    path.unlink()
    path.with_name("store.id").unlink()
    SQLiteStore(path).close()


def test_a_file_that_lost_its_journal_is_refused_or_as_it_was(tmp_path: Path) -> None:
    """At the first kill all there is may stand in the journal, and the file itself look like a new one."""
    with SQLiteStore(tmp_path / "store") as store:
        store.bind(OWN, "DEVICE")
        store.commit_sync(full_batch(1))
        copy = tmp_path / "copy"
        copy.mkdir()
        for name in ("store", "store.id"):
            shutil.copy(tmp_path / name, copy / name)
    with pytest.raises(StoreCorrupt, match="is empty, but"):
        SQLiteStore(copy / "store")


# ------------------------------------------------------------------ overwritten


def _refused_of_overwritten(folder: Path, scratch: Path) -> list[bool]:
    """Overwrite one page after the other with noise; return which of them were seen."""
    print("seed", SEED)
    chance = random.Random(SEED)
    expected = _expected(folder, scratch)
    page, whole = _page_and_size(folder / "store")
    refused = []
    for number in range(whole // page):
        path = _copy(folder, scratch / str(number))
        with path.open("r+b") as file:
            file.seek(number * page)
            file.write(chance.randbytes(page))
        refused.append(_is_refused(path, expected))
    return refused


def test_an_overwritten_page_is_seen_after_a_kill(killed: Path, tmp_path: Path) -> None:
    refused = _refused_of_overwritten(killed, tmp_path)
    assert refused.count(False) <= 2, "what is in the journal need not be missed, all else must"


def test_an_overwritten_page_is_seen_where_the_journal_is_gone(killed: Path, tmp_path: Path) -> None:
    """The file itself says that nobody closed it."""
    folder = _copy(killed, tmp_path / "without").parent
    (folder / "store-wal").unlink()
    assert all(_refused_of_overwritten(folder, tmp_path))


def test_an_overwritten_page_is_seen_where_a_journal_came_later(sound: Path, tmp_path: Path) -> None:
    """The file says that its owner closed it, but then somebody else wrote to it and was killed."""
    path = _copy(sound, tmp_path / "written")
    folder = tmp_path / "copied"
    folder.mkdir()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("INSERT INTO filter VALUES ('somebody', 'else')")
    for name in ("store", "store-wal", "store.id"):
        shutil.copy(path.with_name(name), folder / name)
    db.close()
    refused = _refused_of_overwritten(folder, tmp_path)
    assert refused.count(False) <= 2


def test_the_control_without_the_check_damage_is_read_as_truth(
    killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "_check_pages", lambda *_: None)
    with pytest.raises(AssertionError):
        test_an_overwritten_page_is_seen_after_a_kill(killed, tmp_path)


@pytest.mark.parametrize("what", ["DELETE FROM meta", "DROP TABLE meta", "DROP TABLE inbox"])
def test_lost_tables_and_marks_are_damage(what: str, sound: Path, tmp_path: Path) -> None:
    path = _copy(sound, tmp_path / "copy")
    _change(path, what)
    with pytest.raises(StoreCorrupt) as refused, SQLiteStore(path) as store:
        store.commit_sync(full_batch(99))
    assert str(path) in str(refused.value)


def test_a_store_that_lost_all_tables_is_refused(sound: Path, tmp_path: Path) -> None:
    path = _copy(sound, tmp_path / "copy")
    with sqlite3.connect(path) as db:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        for (name,) in tables.fetchall():
            db.execute(f"DROP TABLE {name}")
        for (name,) in db.execute("SELECT name FROM sqlite_master").fetchall():
            db.execute("PRAGMA writable_schema = ON")
            db.execute("DELETE FROM sqlite_master WHERE name = ?", (name,))
    db.close()
    with pytest.raises(StoreCorrupt, match="has lost its tables"):
        SQLiteStore(path)


# ------------------------------------------------------------------ not ours


def _change(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        db.execute(statement)
    db.close()


FOREIGN = {
    "a table": ["CREATE TABLE bookmarks (url TEXT)"],
    "an application id": ["PRAGMA application_id = 252006674"],
    "a version": ["PRAGMA user_version = 1"],
    "a newer version of another program": ["PRAGMA user_version = 999", "CREATE TABLE t (x)"],
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_another_programs_database_is_left_alone(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    _change(path, *FOREIGN[kind])
    path.chmod(0o600)
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match=r"places.sqlite is an SQLite file, but not a store"):
        SQLiteStore(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [b"x", b"\0", b"\0" * 512, b"hello\n" * 1000, b"SQLite format 3\0", b"SQLite format 3\0" + b"\xff" * 9000],
)
def test_what_is_no_database_is_left_alone(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StoreError, match=r"notes.txt"):
        SQLiteStore(path)
    assert path.read_bytes() == content


def test_a_newer_schema_is_refused_and_left_alone(sound: Path, tmp_path: Path) -> None:
    path = _copy(sound, tmp_path / "copy")
    _change(path, f"PRAGMA user_version = {schema.VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match=rf"store has schema {schema.VERSION + 1}; .* up to {schema.VERSION}"):
        SQLiteStore(path)
    assert path.read_bytes() == before


def test_a_journal_of_another_store_is_refused_or_does_no_harm(sound: Path, tmp_path: Path) -> None:
    path = _copy(sound, tmp_path / "copy")
    expected = _expected(sound, tmp_path)
    with SQLiteStore(tmp_path / "another") as another:
        another.commit_sync(SyncBatch("@another:example.org", "s1"))
        shutil.copy(tmp_path / "another-wal", path.with_name("store-wal"))
    with pytest.raises(StoreCorrupt, match="was swapped"):
        SQLiteStore(path)
    path.with_name("store-wal").unlink()
    path.with_name("store-shm").unlink(missing_ok=True)
    assert not _is_refused(path, expected), "the refusal spoiled it"


def test_the_file_of_another_store_under_this_name_is_refused(sound: Path, tmp_path: Path) -> None:
    path = _copy(sound, tmp_path / "copy")
    SQLiteStore(tmp_path / "another").close()
    shutil.copy(tmp_path / "another", path)
    with pytest.raises(StoreCorrupt, match=r"was swapped: store.id belongs to another store"):
        SQLiteStore(path)


def test_an_emptied_file_with_a_journal_is_refused(killed: Path, tmp_path: Path) -> None:
    path = _copy(killed, tmp_path / "copy")
    path.with_name("store.id").unlink()
    os.truncate(path, 0)
    with pytest.raises(StoreCorrupt, match="is empty, but what stands beside it"):
        SQLiteStore(path)
    assert path.with_name("store-wal").stat().st_size > 0


def test_a_broken_identity_file_does_not_lock_the_owner_out(sound: Path, tmp_path: Path) -> None:
    path = _copy(sound, tmp_path / "copy")
    for content in (b"", b"[1]", b"{", b"\xff"):
        path.with_name("store.id").write_bytes(content)
        assert not _is_refused(path, _expected(sound, tmp_path / f"{content!r}"))
