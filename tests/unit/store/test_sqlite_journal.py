"""The journal in the file: what is kept, what is forgotten, and for how long."""

from __future__ import annotations

from pathlib import Path

import pytest

from gomatrix_py.store import RoomDelta, SQLiteStore, SyncBatch
from gomatrix_py.store.sqlite import store as sqlite_store
from tests.kit.faultdb import faulty_sqlite
from tests.kit.stores import OTHER, OWN, ROOM, inbox_row


@pytest.fixture
def few_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten ids are kept, and old ones are looked for at every fifth commit."""
    monkeypatch.setattr(sqlite_store, "IDS_KEPT", 10)
    monkeypatch.setattr(sqlite_store, "PRUNE_EVERY", 5)


def _deliver(store: SQLiteStore, number: int) -> None:
    batch = SyncBatch(OWN, f"s{number}", [RoomDelta(OTHER, "join", seen=[f"$seen{number}"])])
    batch.inbox.append(inbox_row(f"${number}"))
    store.mark_delivered(store.commit_sync(batch))


COUNT = {"seen": "SELECT count(*) FROM seen", "inbox": "SELECT count(*) FROM inbox"}


def _count(store: SQLiteStore, table: str) -> int:
    return int(store._open_file.rows(COUNT[table])[0][0])


@pytest.mark.usefixtures("few_kept")
def test_old_ids_are_forgotten_and_new_ones_are_not(tmp_path: Path) -> None:
    with faulty_sqlite(), SQLiteStore(tmp_path / "store") as store:
        for number in range(101):
            _deliver(store, number)
        known = [number for number in range(101) if store.has_event(ROOM, f"${number}")]
        assert known == list(range(known[0], 101)), "a newer id was forgotten before an older one"
        assert 5 <= len(known) <= 15
        assert store.has_event(OTHER, "$seen100")
        assert not store.has_event(OTHER, "$seen0")
        assert _count(store, "seen") <= 25


@pytest.mark.usefixtures("few_kept")
def test_a_script_that_syncs_once_per_process_forgets_too(tmp_path: Path) -> None:
    for number in range(30):
        with faulty_sqlite(), SQLiteStore(tmp_path / "store") as store:
            _deliver(store, number)
            assert _count(store, "seen") <= 15


@pytest.mark.usefixtures("few_kept")
def test_what_is_undelivered_or_set_aside_is_never_forgotten(tmp_path: Path) -> None:
    with faulty_sqlite(), SQLiteStore(tmp_path / "store") as store:
        store.commit_sync(SyncBatch(OWN, "s", inbox=[inbox_row("$waiting"), inbox_row("$poison")]))
        store.set_aside(store.undelivered()[1], "why")
        for number in range(50):
            _deliver(store, number)
        assert [row.event_id for row in store.undelivered()] == ["$waiting"]
        assert [row.event_id for row in store.quarantined()] == ["$poison"]


def test_a_delivered_event_leaves_no_content_behind(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store") as store:
        for number in range(20):
            _deliver(store, number)
        assert _count(store, "inbox") == 0
        assert _count(store, "seen") == 40
    assert b"this is $3" not in (tmp_path / "store").read_bytes(), "secure_delete is off"


def test_the_reason_for_setting_aside_is_kept(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store") as store:
        store.commit_sync(SyncBatch(OWN, "s", inbox=[inbox_row("$1"), inbox_row("$2")]))
        for row, reason in zip(store.undelivered(), ("", "r" * 1000), strict=True):
            store.set_aside(row, reason)
        assert len(store.quarantined()) == 2
        reasons = store._open_file.rows("SELECT set_aside_because FROM inbox ORDER BY seq")
        assert reasons == [("",), ("r" * 500,)]


@pytest.mark.parametrize("jump_s", [10 * 365 * 24 * 3600, -10 * 365 * 24 * 3600])
@pytest.mark.usefixtures("few_kept")
def test_a_clock_that_jumps_changes_nothing_about_what_is_forgotten(
    jump_s: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store"
    for start in (0, 50):  # the clock jumps while nothing runs, too
        monkeypatch.setattr("time.time", lambda start=start: 1_700_000_000 + (jump_s if start else 0))
        with SQLiteStore(path) as store:
            for number in range(start, start + 51):
                _deliver(store, number)
    with SQLiteStore(path) as store:
        known = [number for number in range(101) if store.has_event(ROOM, f"${number}")]
        assert known == list(range(known[0], 101))
        assert 5 <= len(known) <= 15


@pytest.mark.usefixtures("few_kept")
def test_ids_with_a_time_from_before_are_older_than_all_that_comes(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store") as store:
        with store._open_file.transaction() as db:  # as written by a machine whose clock was years ahead
            db.executemany(
                "INSERT INTO seen VALUES (?, ?, ?)", [(ROOM, f"$old{n}", 4_000_000_000) for n in range(99)]
            )
        for number in range(20):
            _deliver(store, number)
        assert all(store.has_event(ROOM, f"${number}") for number in range(16, 20))
        assert not store.has_event(ROOM, "$old1")


@pytest.mark.usefixtures("few_kept")
def test_the_control_by_the_clock_new_ids_are_forgotten_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(1_700_000_000, 1, -1))
    monkeypatch.setattr(SQLiteStore, "_next_place", lambda *_: next(seconds))
    with SQLiteStore(tmp_path / "store") as store:
        for number in range(101):
            _deliver(store, number)
        assert not store.has_event(ROOM, "$99")
