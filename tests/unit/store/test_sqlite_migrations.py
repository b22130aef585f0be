"""Migrations: forward only, each whole or not at all, and never without a copy of what was before."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from gomatrix_py.errors import StoreFull, StoreTooNew
from gomatrix_py.store import SQLiteStore
from gomatrix_py.store.sqlite import schema
from tests.kit.crash import run_python
from tests.kit.stores import full_batch, snapshot

Migration = Callable[[sqlite3.Connection], None]
FIRST = schema.VERSION


def _002_add_a_table(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE second (x)")
    db.execute("INSERT INTO second VALUES ('2')")


def _003_add_a_column(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE room ADD COLUMN third TEXT NOT NULL DEFAULT '3'")


def _set(patch: pytest.MonkeyPatch, *more: Migration) -> None:
    patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS[:FIRST], *more))
    patch.setattr(schema, "VERSION", FIRST + len(more))


def _about(path: Path) -> tuple[int, set[str]]:
    db = sqlite3.connect(path)
    (version,) = db.execute("PRAGMA user_version").fetchone()
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    db.close()
    return version, tables


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store of the first schema, with something of everything in it."""
    with SQLiteStore(tmp_path / "store") as store:
        store.commit_sync(full_batch(1))
    return tmp_path / "store"


def test_each_step_is_taken_once_and_nothing_is_lost(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SQLiteStore(old) as store:
        before = snapshot(store)
    _set(monkeypatch, _002_add_a_table, _003_add_a_column)
    for _ in range(3):
        with SQLiteStore(old) as store:
            assert snapshot(store) == before
            assert store._open_file.rows("SELECT x FROM second") == [("2",)]
            assert store._open_file.rows("SELECT DISTINCT third FROM room") == [("3",)]
    assert _about(old)[0] == FIRST + 2


def test_a_new_store_takes_all_steps_and_needs_no_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, _002_add_a_table, _003_add_a_column)
    with SQLiteStore(tmp_path / "store") as store:
        store.commit_sync(full_batch(1))
    assert _about(tmp_path / "store")[0] == FIRST + 2
    assert list(tmp_path.glob("*.before-*")) == []


def test_the_backup_is_the_store_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SQLiteStore(old) as store:
        before = snapshot(store)
    with monkeypatch.context() as patch:
        _set(patch, _002_add_a_table)
        with SQLiteStore(old) as store:
            store.commit_sync(full_batch(2))
    backup = old.with_name(f"store.before-{FIRST + 1}")
    assert _about(backup)[0] == FIRST
    with pytest.raises(StoreTooNew):
        SQLiteStore(old)
    with SQLiteStore(backup) as store:
        assert snapshot(store) == before


@pytest.mark.parametrize("error", [sqlite3.OperationalError("database or disk is full"), KeyboardInterrupt()])
def test_a_step_that_fails_leaves_the_version_before_it(
    error: BaseException, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE half (x)")
        db.execute("DROP TABLE account_data")
        raise error

    with SQLiteStore(old) as store:
        before = snapshot(store)
    with monkeypatch.context() as patch:
        _set(patch, _002_add_a_table, fail)
        with pytest.raises((StoreFull, KeyboardInterrupt)):
            SQLiteStore(old)
    version, tables = _about(old)
    assert version == FIRST + 1
    assert "half" not in tables
    assert {"second", "account_data"} <= tables
    _set(monkeypatch, _002_add_a_table, _003_add_a_column)
    with SQLiteStore(old) as store:
        assert snapshot(store) == before


KILLED_IN_A_STEP = """
import os, signal, sys
from gomatrix_py import SQLiteStore
from gomatrix_py.store.sqlite import schema
def step(db):
    db.execute("CREATE TABLE half (x)")
    db.execute("DROP TABLE account_data")
    if sys.argv[2] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
schema.MIGRATIONS = (*schema.MIGRATIONS, step)
schema.VERSION += 1
store = SQLiteStore(sys.argv[1])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_in_a_step_leaves_one_version_or_the_other(moment: str, old: Path) -> None:
    assert run_python(KILLED_IN_A_STEP, old, moment).returncode == -9
    version, tables = _about(old)
    assert (version, "half" in tables) == ((FIRST, False) if moment == "before" else (FIRST + 1, True))
    assert _about(old.with_name(f"store.before-{FIRST + 1}"))[0] == FIRST


def test_a_damaged_store_is_not_migrated(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = sqlite3.connect(old, isolation_level=None)
    db.execute("DELETE FROM meta WHERE key = 'generation'")
    db.close()
    before = old.read_bytes()
    _set(monkeypatch, _002_add_a_table)
    with pytest.raises(Exception, match="damaged"):
        SQLiteStore(old)
    assert old.read_bytes() == before
    assert list(old.parent.glob("*.before-*")) == []


def test_the_schema_is_a_list_of_steps_that_say_what_they_do() -> None:
    for number, migration in enumerate(schema.MIGRATIONS, start=1):
        assert migration.__name__.startswith(f"_{number:03d}_")
        assert migration.__doc__
    assert len(schema.MIGRATIONS) == schema.VERSION
