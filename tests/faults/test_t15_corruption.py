"""T15: a damaged, swapped, foreign or old file is refused by name or shows what it held; it is never made anew."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from gomatrix_py.errors import StoreCorrupt, StoreError
from gomatrix_py.store import SQLiteStore
from gomatrix_py.store.sqlite import inspection, schema
from tests.kit.crash import run_python
from tests.kit.fault_mixes import of_size
from tests.kit.faultdb import faulty_sqlite
from tests.kit.fuzz import chance
from tests.kit.store_versions import OLD_VERSIONS, store_of_version
from tests.kit.stores import OWN, ROOM, room_of
from tests.kit.whole_stores import fill, whole_batch, whole_snapshot

BATCHES = of_size(8, 40)
CUTS = of_size(40, 800)
PAGE = 4096
ONE_IN = of_size(3, 1)
"""Of all pages and places, so many are damaged."""


@attrs.frozen
class Filled:
    """A store as it was left, and what it showed after each commit.

    Attributes:
        folder: holds ``store`` and what stands beside it.
        shown: from the first commit to the last.
    """

    folder: Path
    shown: list[dict[str, Any]]

    def copied(self, to: Path) -> Path:
        """Copy it, and return where the store is."""
        shutil.copytree(self.folder, to)
        return to / "store"

    def outcome(self, path: Path, *, may_be_older: bool = False) -> str:
        """Open a damaged copy: it must be refused by name, or show what it held."""
        store = _opened(path)
        if store is None:
            return "refused"
        with store:
            try:
                seen = whole_snapshot(store)
            except StoreError as error:
                raise AssertionError("it was opened, damaged as it is") from error
        assert seen in (self.shown if may_be_older else self.shown[-1:]), "it shows what it never held"
        shutil.rmtree(path.parent)
        return "as it was"


def _opened(path: Path) -> SQLiteStore | None:
    """Open a store; None where it is refused by name."""
    try:
        return SQLiteStore(path)
    except StoreError as error:
        if str(path) not in str(error):
            raise
        return None


def _left(folder: Path, copy: Path | None) -> Filled:
    """Fill a store; leave it closed, or (copied while open) as a killed process does."""
    with SQLiteStore(folder / "store") as store:
        store.bind(OWN, "DEVICE")
        fill(store)
        shown: list[dict[str, Any]] = []
        for number in range(2, 2 + BATCHES):
            store.commit_sync(whole_batch(number))
            if copy is not None and number == BATCHES // 2:
                store._open_file.rows("PRAGMA wal_checkpoint(TRUNCATE)")
                shown = []
            shown.append(whole_snapshot(store))
        if copy is None:
            return Filled(folder, shown[-1:])
        for path in folder.iterdir():
            shutil.copy(path, copy / path.name)
    return Filled(copy, shown)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    with faulty_sqlite():
        return _left(tmp_path_factory.mktemp("closed"), None)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Half in the file, half in its journal."""
    with faulty_sqlite():
        return _left(tmp_path_factory.mktemp("open"), tmp_path_factory.mktemp("killed"))


@pytest.fixture(autouse=True)
def _spared_the_disk() -> Iterator[None]:
    with faulty_sqlite():
        yield


def _pages(path: Path) -> range:
    return range(0, path.stat().st_size, PAGE)


def _damaged(filled: Filled, scratch: Path, name: str) -> Iterator[tuple[Path, int]]:
    """Return copies to be damaged: one for every page of a file of the store, or for some of them."""
    first = chance(name).randrange(ONE_IN)
    for number, start in enumerate(_pages(filled.folder / name)):
        if number % ONE_IN == first:
            yield filled.copied(scratch / str(number)).with_name(name), start


def _store_of(path: Path) -> Path:
    return path.with_name("store")


# ------------------------------------------------------------------ pages


def test_a_file_cut_at_any_page_is_refused(closed: Filled, killed: Filled, tmp_path: Path) -> None:
    found = []
    for name, filled in (("closed", closed), ("killed", killed)):
        for path, start in _damaged(filled, tmp_path / name, "store"):
            os.truncate(path, start)
            found.append(filled.outcome(path, may_be_older=True))
            assert not path.exists() or path.stat().st_size <= start, "it was made anew"
    print(len(found), "files,", found.count("refused"), "refused")
    assert found.count("refused") > len(found) / 2, "only what the journal holds is not missed"


def test_noise_in_any_page_after_a_kill_is_refused(killed: Filled, tmp_path: Path) -> None:
    print(len(_noise_in_pages(killed, tmp_path)), "files")


def _noise_in_pages(filled: Filled, scratch: Path) -> list[str]:
    decider, found = chance("noise"), []
    for path, start in _damaged(filled, scratch, "store"):
        _overwrite(path, start, decider.randbytes(PAGE))
        found.append(filled.outcome(path))
    assert found.count("refused") >= 3, "nothing but what the journal holds was damaged"
    return found


def test_noise_in_a_file_that_was_closed_is_found_by_looking(closed: Filled, tmp_path: Path) -> None:
    """Not every open reads every page; `verify` does."""
    decider, missed = chance("noise in closed"), 0
    for path, start in _damaged(closed, tmp_path, "store"):
        _overwrite(path, start, decider.randbytes(PAGE))
        store = _opened(path)
        if store is not None:
            with store, contextlib.suppress(StoreCorrupt):
                assert store.verify(), f"noise at {start} went unnoticed"
            missed += 1
    print(missed, "were found by verify only")


def test_a_flipped_bit_or_a_damaged_journal_undoes_whole_commits_at_most(killed: Filled, tmp_path: Path) -> None:
    decider, found = chance("journal"), []
    for path, start in _damaged(killed, tmp_path, "store-wal"):
        if decider.random() < 0.5:
            os.truncate(path, start)
        else:
            _flip(path, start + decider.randrange(min(PAGE, path.stat().st_size - start)), decider)
        found.append(killed.outcome(_store_of(path), may_be_older=True))
    print(len(found), "journals")
    assert "as it was" in found


def _overwrite(path: Path, start: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(data)


def _flip(path: Path, at: int, decider: random.Random) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << decider.randrange(8)]))


def test_the_control_without_the_check_noise_is_read_as_truth(
    killed: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "_check_pages", lambda *_: None)
    with pytest.raises(AssertionError):
        _noise_in_pages(killed, tmp_path)


def test_a_file_cut_anywhere_is_refused(closed: Filled, killed: Filled, tmp_path: Path) -> None:
    decider = chance("cuts")
    for number in range(CUTS):
        filled = decider.choice((closed, killed))
        path = filled.copied(tmp_path / str(number))
        size = decider.randrange(1, path.stat().st_size)
        os.truncate(path, size)
        filled.outcome(path, may_be_older=True)
        assert not path.exists() or path.stat().st_size <= size, "it was made anew"
        shutil.rmtree(path.parent, ignore_errors=True)


# ------------------------------------------------------------------ other files in its place


def _zeroed(store: Path, other: Path) -> None:
    store.write_bytes(bytes(store.stat().st_size))


def _emptied(store: Path, other: Path) -> None:
    os.truncate(store, 0)


def _removed(store: Path, other: Path) -> None:
    store.unlink()


def _replaced(store: Path, other: Path) -> None:
    shutil.copy(other, store)


def _journal_of_another(store: Path, other: Path) -> None:
    shutil.copy(other.with_name("store-wal"), store.with_name("store-wal"))


def _foreign(store: Path, other: Path) -> None:
    store.unlink()
    db = sqlite3.connect(store)
    db.execute("CREATE TABLE bookmarks (url)")
    db.commit()
    db.close()
    store.chmod(0o600)


def _text(store: Path, other: Path) -> None:
    store.write_bytes(b"to do: milk\n" * 999)


SWAPS = [_zeroed, _emptied, _removed, _replaced, _journal_of_another, _foreign, _text]


@pytest.mark.parametrize("manner", ["closed", "killed"])
@pytest.mark.parametrize("swap", SWAPS, ids=lambda swap: swap.__name__.strip("_"))
def test_another_file_in_its_place_is_refused(
    swap: Any, manner: str, closed: Filled, killed: Filled, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    filled = {"closed": closed, "killed": killed}[manner]
    path = filled.copied(tmp_path / "mine")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs-copied").mkdir()
    other = _left(tmp_path / "theirs", tmp_path / "theirs-copied")
    swap(path, other.folder / "store")
    before = path.read_bytes() if path.exists() else b""
    for _ in range(2):
        outcome = filled.outcome(path)
        if outcome == "as it was" and swap is _journal_of_another:
            return  # SQLite itself saw that it belongs to something else
        assert outcome == "refused"
    assert (path.read_bytes() if path.exists() else b"") == before, "the refusal changed it"


# ------------------------------------------------------------------ old schemas, and kills on the way from them

# Forks a child for every statement of opening an old file; each kills itself after running it.
KILLED_WHILE_MIGRATING = """
import os, shutil, signal, sqlite3, sys
from pathlib import Path
from gomatrix_py import SQLiteStore
old, folder = Path(sys.argv[1]), Path(sys.argv[2])
countdown = -1
connect = sqlite3.connect

class Connection(sqlite3.Connection):
    def execute(self, sql, *values):
        global countdown
        is_last = countdown == 0
        countdown -= 1
        found = super().execute("PRAGMA synchronous = OFF" if sql.startswith("PRAGMA synchronous") else sql, *values)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

sqlite3.connect = lambda *values, **options: connect(*values, **options | {"factory": Connection})
for number in range(300):
    (folder / str(number)).mkdir()
    path = folder / str(number) / "store"
    shutil.copy(old, path)
    pid = os.fork()
    if pid == 0:
        countdown = number
        SQLiteStore(path)
        os._exit(0)
    if os.waitpid(pid, 0)[1] == 0:
        print(number)
        break
"""


@pytest.mark.parametrize("version", OLD_VERSIONS)
def test_an_old_file_shows_what_it_held_and_takes_what_is_new(version: int, tmp_path: Path) -> None:
    path = store_of_version(version, tmp_path / "store")
    with SQLiteStore(path) as store:
        shown = whole_snapshot(store)
        assert (shown["next_batch"], len(shown["undelivered"]), len(shown["rooms"])) == ("s1", 4, 2)
        assert room_of(store).has_all_members == (version >= 2)
        assert len(room_of(store).receipts.all()) == (1 if version >= 2 else 0)
        assert [row["txn_id"] for row in shown["outbox"]] == (["t0"] if version >= 3 else [])
        store.commit_sync(whole_batch(2))
    with SQLiteStore(path) as store:
        assert store.load_next_batch(OWN) == "s2"
        assert store.key_values.get("olm", "account") == b"account 2"
        assert store.verify() == []
    assert path.with_name(f"store.before-{schema.VERSION}").exists()


@pytest.mark.parametrize("version", OLD_VERSIONS)
def test_a_kill_at_any_step_of_a_migration_loses_nothing(version: int, tmp_path: Path) -> None:
    old = store_of_version(version, tmp_path / "old")
    (tmp_path / "migrated").mkdir()
    shutil.copy(old, tmp_path / "migrated" / "store")
    with SQLiteStore(tmp_path / "migrated" / "store") as store:
        expected = whole_snapshot(store)
    (tmp_path / "kills").mkdir()
    answer = run_python(KILLED_WHILE_MIGRATING, old, tmp_path / "kills")
    assert answer.returncode == 0, answer.stderr
    kills = int(answer.stdout)
    assert kills > 10
    print(kills, "kills")
    for number in range(kills + 1):
        with SQLiteStore(tmp_path / "kills" / str(number) / "store") as store:
            assert whole_snapshot(store) == expected, f"lost by a kill after statement {number}"
            assert store._open_file.rows("PRAGMA user_version") == [(schema.VERSION,)]


def test_there_is_a_file_of_every_version() -> None:
    assert list(range(1, schema.VERSION)) == OLD_VERSIONS, "dump a store before the schema moves on"


def test_the_control_a_migration_that_drops_what_it_should_move_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = schema.MIGRATIONS[1]

    def lossy(db: Any) -> None:
        second(db)
        db.execute("DELETE FROM inbox")

    monkeypatch.setattr(schema, "MIGRATIONS", (schema.MIGRATIONS[0], lossy, *schema.MIGRATIONS[2:]))
    with pytest.raises(AssertionError):
        test_an_old_file_shows_what_it_held_and_takes_what_is_new(1, tmp_path)


def test_the_control_an_empty_file_would_be_a_new_account(closed: Filled, tmp_path: Path) -> None:
    """What keeps it from being one stands beside it."""
    path = closed.copied(tmp_path / "copy")
    os.truncate(path, 0)
    with pytest.raises(StoreCorrupt):
        SQLiteStore(path)
    path.with_name("store.id").unlink()
    path.with_name("store.lock").unlink()
    with SQLiteStore(path) as store:
        assert store.load_room(ROOM) is None
