"""Whatever fails in the middle of a write: the store is as before or as after it, on disk and in memory."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py.errors import StoreError, StoreFull
from gomatrix_py.rooms import Room
from gomatrix_py.store import Gap, SQLiteStore, SyncStorer
from gomatrix_py.store.sqlite.file import StoreFile
from gomatrix_py.testing.conformance.specimens import state_event
from tests.kit.faultdb import FAULTS, FaultPlan, faulty_sqlite
from tests.kit.stores import OTHER, OWN, ROOM, full_batch, inbox_row, room_of, snapshot


def _commit_sync(store: SyncStorer) -> None:
    store.commit_sync(full_batch(2))


def _save_room(store: SyncStorer) -> None:
    room = room_of(store)
    room.update_state(state_event("m.room.name", "", {"name": "by hand"}))
    store.save_room(room)


def _save_new_room(store: SyncStorer) -> None:
    room = Room(OTHER)
    room.update_state(state_event("m.room.name", "", {"name": "another"}))
    store.save_room(room)


def _commit_gap(store: SyncStorer) -> None:
    store.commit_gap(store.gaps()[0], [inbox_row("$old"), inbox_row("$older")], Gap(ROOM, "s0", "t0"))


def _mark_delivered(store: SyncStorer) -> None:
    store.mark_delivered(store.undelivered()[:2])


def _begin_try(store: SyncStorer) -> None:
    store.begin_try(store.undelivered()[0])


def _set_aside(store: SyncStorer) -> None:
    store.set_aside(store.undelivered()[0], "why")


def _save_texts(store: SyncStorer) -> None:
    store.save_filter_id(OWN, "f2")


WRITES = [
    _commit_sync, _save_room, _save_new_room, _commit_gap, _mark_delivered, _begin_try, _set_aside, _save_texts,
]  # fmt: skip
MANNERS = {
    "once": {},
    "until repaired": {"is_lasting": True},
    "after it ran": {"is_after": True},
}


def _filled(path: Path) -> SQLiteStore:
    store = SQLiteStore(path)
    store.commit_sync(full_batch(1))
    store.save_filter_id(OWN, "f1")
    return store


def _expected(folder: Path, write: Callable[[SyncStorer], None]) -> tuple[dict[str, Any], dict[str, Any]]:
    with _filled(folder / "expected") as store:
        before = snapshot(store)
        write(store)
        return before, snapshot(store)


def _strike(plan: FaultPlan, store: SQLiteStore, write: Callable[[SyncStorer], None], expected: type[Any]) -> None:
    """Run a write that fails; its error must be the documented one."""
    try:
        write(store)
    except (StoreError, KeyboardInterrupt) as error:
        if not isinstance(error, expected):
            raise
    else:
        assert not plan.has_struck, "a failed statement went unnoticed"
    plan.disarm()


# SQLite never reports the failure of what it has done, but a signal comes when it likes
CASES = [(fault, manner) for fault in FAULTS for manner in MANNERS if manner != "after it ran" or fault == "Ctrl-C"]


@pytest.mark.parametrize(("fault", "manner"), CASES)
@pytest.mark.parametrize("write", WRITES)
def test_every_statement_may_fail(
    write: Callable[[SyncStorer], None], fault: str, manner: str, tmp_path: Path
) -> None:
    expected = KeyboardInterrupt if fault == "Ctrl-C" else StoreFull
    before, after = _expected(tmp_path, write)
    with faulty_sqlite() as plan:
        for number in itertools.count():
            path = tmp_path / f"at-{number}"
            store = _filled(path)
            held = [room_of(store, room_id) for room_id in (ROOM, OTHER)]
            plan.arm(FAULTS[fault], number, **MANNERS[manner])
            _strike(plan, store, write, expected)
            seen = snapshot(store)
            store.close()
            with SQLiteStore(path) as again:
                on_disk = snapshot(again)
                assert on_disk in (before, after), f"half written when statement {number} failed"
                assert _without_unsaved(seen, write) == _without_unsaved(on_disk, write), "memory and file differ"
                if not plan.has_struck:
                    assert number > 2, "nothing was tried"
                    assert on_disk == after
                    break
                if on_disk == before:
                    write(again)
                    assert snapshot(again) == after, "it does not work when the fault is gone"
            assert len(held) == 2


def _without_unsaved(seen: dict[str, Any], write: Callable[[SyncStorer], None]) -> dict[str, Any]:
    """A name that was set by hand and could not be saved is in memory only, and is saved next time."""
    if write is not _save_room:
        return seen
    room = {**seen["rooms"][ROOM], "state": {**seen["rooms"][ROOM]["state"], "m.room.name": "unsaved"}}
    return {**seen, "rooms": {**seen["rooms"], ROOM: room}}


@pytest.mark.parametrize("manner", MANNERS)
def test_the_same_store_goes_on_when_the_fault_is_gone(manner: str, tmp_path: Path) -> None:
    _, after = _expected(tmp_path, _commit_sync)
    with faulty_sqlite() as plan:
        for number in itertools.count():
            with _filled(tmp_path / f"at-{number}") as store:
                held = room_of(store)
                plan.arm(FAULTS["Ctrl-C"], number, **MANNERS[manner])
                _strike(plan, store, _commit_sync, KeyboardInterrupt)
                is_stored = store.load_next_batch(OWN) == "s2"
                assert (held.name == "name 2") == is_stored
                if not is_stored:
                    store.commit_sync(full_batch(2))
                assert snapshot(store) == after
                assert held is room_of(store)
                assert held.name == "name 2"
                if not plan.has_struck:
                    break


@pytest.mark.parametrize("is_applied", [False, True])
@pytest.mark.parametrize("nth", [0, 1])
def test_an_interrupt_while_memory_is_brought_up_to_date(
    nth: int, is_applied: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, after = _expected(tmp_path, _commit_sync)
    apply = Room.apply
    calls = itertools.count()

    def interrupted(room: Room, *arguments: Any) -> None:
        is_due = next(calls) == nth
        if is_applied or not is_due:
            apply(room, *arguments)
        if is_due:
            raise KeyboardInterrupt

    with _filled(tmp_path / "store") as store:
        held = [room_of(store, room_id) for room_id in (ROOM, OTHER)]
        held[0].update_state(state_event("m.room.avatar", "", {"url": "mxc://a/unsaved"}))
        monkeypatch.setattr(Room, "apply", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _commit_sync(store)
        assert held == [room_of(store, room_id) for room_id in (ROOM, OTHER)]
        assert held[0].state.event("m.room.avatar", "") is not None, "what was set by hand is gone"
        seen = snapshot(store)
        del seen["rooms"][ROOM]["state"]["m.room.avatar"]
        assert seen == after


@pytest.mark.parametrize("fault", FAULTS)
def test_what_could_not_be_saved_is_saved_next_time(fault: str, tmp_path: Path) -> None:
    with faulty_sqlite() as plan, _filled(tmp_path / "store") as store:
        room = room_of(store)
        room.update_state(state_event("m.room.name", "", {"name": "by hand"}))
        plan.arm(FAULTS[fault], 1, is_lasting=True)
        with pytest.raises((StoreFull, KeyboardInterrupt)):
            store.save_room(room)
        plan.disarm()
        assert room.name == "by hand"
        store.save_room(room)
    with SQLiteStore(tmp_path / "store") as store:
        assert room_of(store).name == "by hand"


def test_a_write_inside_a_write_is_refused_and_spoils_nothing(tmp_path: Path) -> None:
    with _filled(tmp_path / "store") as store:
        with store._open_file.transaction() as db:
            db.execute("UPDATE filter SET filter_id = 'outer'")
            with pytest.raises(StoreError, match="being written"):
                store.save_filter_id(OWN, "inner")
            assert store.load_filter_id(OWN) == "outer"
        assert store.load_filter_id(OWN) == "outer"


def test_every_commit_but_marking_is_durable(tmp_path: Path) -> None:
    """A power cut may have an event delivered twice, never lost; and one fault must not lower the guard."""
    with faulty_sqlite(is_durable=True) as plan, _filled(tmp_path / "store") as store:
        for number, write in enumerate((*WRITES, _mark_delivered, *WRITES)):
            plan.arm(FAULTS["full disk"], number % 3)
            with suppress(StoreFull):
                write(store)
            plan.disarm()
        plan.arm(FAULTS["full disk"], 10_000)
        _mark_delivered(store)
        level_when_marking = store._open_file.rows("PRAGMA synchronous")
        store.save_filter_id(OWN, "f3")
        level_when_saving = store._open_file.rows("PRAGMA synchronous")
        assert (level_when_marking, level_when_saving) == ([(1,)], [(2,)])


def test_the_control_a_store_without_transactions_is_found_out(tmp_path: Path) -> None:
    """Were each statement a transaction of its own, some failures would leave a half written batch."""
    before, after = _expected(tmp_path, _commit_sync)
    halves = 0
    with faulty_sqlite() as plan:
        for number in range(12):
            path = tmp_path / f"at-{number}"
            store = _filled(path)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(StoreFile, "transaction", _one_by_one)
                plan.arm(FAULTS["full disk"], number)
                _strike(plan, store, _commit_sync, StoreFull)
            store.close()
            with SQLiteStore(path) as again:
                halves += snapshot(again) not in (before, after)
    assert halves > 0


@contextmanager
def _one_by_one(file: StoreFile, **_: bool) -> Iterator[sqlite3.Connection]:
    with file.as_store_errors():
        yield file._settled()
