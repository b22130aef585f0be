"""The notes beside the lock: who was with its listeners, and which generation of the store was open."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gomatrix_py import DefaultSyncer, Event, SQLiteStore
from gomatrix_py.store import SyncBatch
from gomatrix_py.store.sqlite.lock import OwnerLock
from tests.kit.crash import run_python
from tests.kit.stores import OWN, inbox_row

PROGRAM = """
import os, signal, sys
from gomatrix_py import DefaultSyncer, SQLiteStore
store = SQLiteStore(sys.argv[1])
syncer = DefaultSyncer("@own:example.org", store)
def kill(event):
    if event.event_id == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
syncer.on_event(kill)
syncer.deliver(store, store.undelivered()) if sys.argv[3] == "new" else syncer.deliver_again()
"""


def _with_rows(path: Path, *event_ids: str) -> None:
    with SQLiteStore(path) as store:
        store.commit_sync(SyncBatch(OWN, "s", inbox=[inbox_row(event_id) for event_id in event_ids]))


def _tries(path: Path) -> dict[str, int]:
    with SQLiteStore(path) as store:
        return {row.event_id: row.tries for row in store.undelivered()}


def test_only_the_row_that_was_entered_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "store"
    _with_rows(path, "$1", "$2", "$3")
    assert run_python(PROGRAM, path, "$2", "new").returncode == -9
    with SQLiteStore(path) as store:
        noted = [row.event_id for row in store.undelivered() if row.seq in store.entered_rows.interrupted()]
        assert (noted, [row.tries for row in store.undelivered()]) == (["$2"], [0, 0, 0])
    with SQLiteStore(path) as store:  # the notes outlive an owner who delivers nothing
        syncer = DefaultSyncer(OWN, store)
        heard: list[tuple[str, list[int]]] = []
        syncer.on_event(lambda event: heard.append((event.event_id, [row.tries for row in store.undelivered()])))
        syncer.deliver_again()
        assert heard == [("$1", [0, 1, 0]), ("$2", [1, 0]), ("$3", [0])]


def test_kills_elsewhere_never_set_an_innocent_row_aside(tmp_path: Path) -> None:
    """Between its handlers, or while another row is handled: neither is the fault of the rows that wait."""
    path = tmp_path / "store"
    _with_rows(path, "$1", "$2", "$3")
    for _ in range(2):
        assert run_python(PROGRAM, path, "$2", "again").returncode == -9
    assert _tries(path) == {"$2": 1, "$3": 0}  # the second kill is counted by the next delivery
    for _ in range(3):
        assert run_python(PROGRAM + "\nos.kill(os.getpid(), 9)", path, "$none", "nothing").returncode == -9
    assert _tries(path) == {}
    with SQLiteStore(path) as store:
        assert list(store.quarantined()) == []


def test_a_delivery_that_ends_well_leaves_no_note(tmp_path: Path) -> None:
    _with_rows(tmp_path / "store", "$1")
    with SQLiteStore(tmp_path / "store") as store:
        syncer = DefaultSyncer(OWN, store)
        entered: list[bytes] = []
        lock = store._open_file._owner
        syncer.on_event(lambda event: entered.append(lock.read_notes(4096)))
        syncer.deliver(store, store.undelivered())
        assert lock.read_notes(4096)[16:] == bytes(4080)
        assert entered[0][16:24] == b"\1" + bytes(7)
    with SQLiteStore(tmp_path / "store") as store:
        assert list(store.entered_rows.interrupted()) == []


@pytest.mark.parametrize("content", [b"", b"123", b"\xff" * 5000, b"4711\n" + bytes(20)])
def test_a_lock_file_that_says_something_else_does_no_harm(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store"
    _with_rows(path, "$1")
    (tmp_path / "store.lock").write_bytes(content)
    heard: list[Event] = []
    with SQLiteStore(path) as store:
        assert not store.was_rolled_back
        syncer = DefaultSyncer(OWN, store)
        syncer.on_event(heard.append)
        syncer.deliver_again()
    assert [event.event_id for event in heard] == ["$1"]


def test_places_without_end_are_not_noted(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store") as store:
        store.entered_rows.enter(10_000, 5)
    assert (tmp_path / "store.lock").stat().st_size < 10_000


def test_a_lock_that_was_released_notes_nothing(tmp_path: Path) -> None:
    lock = OwnerLock(tmp_path / "store")
    lock.release()
    lock.write_note(0, b"x")
    assert lock.read_notes(4) == bytes(4)


# ------------------------------------------------------------------ older copies


def test_a_backup_that_is_restored_is_known_as_older(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with SQLiteStore(path) as store:
        store.backup(tmp_path / "backup")
        assert not store.was_rolled_back
        store.save_next_batch(OWN, "s1")
    with SQLiteStore(path) as store:
        assert not store.was_rolled_back
    shutil.copy(tmp_path / "backup", path)
    with SQLiteStore(path) as store:
        assert store.was_rolled_back
        assert store.load_next_batch(OWN) == ""
    with SQLiteStore(path) as store:
        assert not store.was_rolled_back, "it was told already"


def test_a_copied_file_that_is_put_back_is_known_as_older(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with SQLiteStore(path):
        pass
    shutil.copy(path, tmp_path / "copy")
    with SQLiteStore(path):
        pass
    shutil.copy(tmp_path / "copy", path)
    with SQLiteStore(path) as store:
        assert store.was_rolled_back


def test_another_store_at_the_same_place_is_not_older(tmp_path: Path) -> None:
    path = tmp_path / "store"
    for _ in range(5):
        SQLiteStore(path).close()
    path.unlink()
    with SQLiteStore(path) as store:
        assert not store.was_rolled_back
