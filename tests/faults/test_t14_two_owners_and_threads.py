"""T14: one owner per file, in this process, another one or a fork; and sixteen threads that sync, send and look."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import attrs
import pytest

from gomatrix_py.errors import StoreClosed, StoreLocked
from gomatrix_py.store import Gap, InboxRow, RoomDelta, SQLiteStore, SyncBatch
from gomatrix_py.store.key_values import Change
from gomatrix_py.store.outbox import OutboxState
from gomatrix_py.store.sqlite import lock
from gomatrix_py.testing.conformance.specimens import event_json, in_threads
from tests.kit.crash import Child, run_python
from tests.kit.fault_mixes import of_size
from tests.kit.faultdb import faulty_sqlite
from tests.kit.stores import OWN, ROOM, inbox_row, room_of
from tests.kit.waiting import wait_until
from tests.kit.whole_stores import fill, outbox_row, whole_snapshot

REFUSALS = 100
THREADS = 16
OPERATIONS = of_size(10_000, 50_000)
KILLS = of_size(3, 50)

TRY_OFTEN = """
import sys
from gomatrix_py import SQLiteStore
from gomatrix_py.errors import StoreLocked
refused = 0
for _ in range(int(sys.argv[2])):
    try:
        SQLiteStore(sys.argv[1])
    except StoreLocked:
        refused += 1
print(refused)
"""


# ------------------------------------------------------------------ one owner


def _refusals_here(path: Path, count: int) -> int:
    refused = 0
    for _ in range(count):
        try:
            SQLiteStore(path).close()
        except StoreLocked:
            refused += 1
    return refused


def test_a_second_opener_is_refused_each_time(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with SQLiteStore(path) as store:
        fill(store)
        before = whole_snapshot(store)
        assert _refusals_here(path, REFUSALS) == REFUSALS
        assert run_python(TRY_OFTEN, path, REFUSALS).stdout == f"{REFUSALS}\n"
        assert whole_snapshot(store) == before
        store.save_next_batch(OWN, "still mine")
    with SQLiteStore(path) as store:
        assert store.load_next_batch(OWN) == "still mine"


def test_openers_at_once_have_one_winner(tmp_path: Path) -> None:
    for turn in range(of_size(5, 100)):
        path = tmp_path / f"store-{turn}"
        SQLiteStore(path).close()
        begin = threading.Barrier(8)
        winners: list[SQLiteStore] = []

        def race(_: int, path: Path = path, begin: threading.Barrier = begin, won: list[Any] = winners) -> None:
            begin.wait(20)
            try:
                won.append(SQLiteStore(path))
            except StoreLocked:
                return

        in_threads(race, 8)
        assert len(winners) == 1
        winners[0].close()


def test_a_file_is_free_after_each_kill(tmp_path: Path) -> None:
    """The lock of a killed process is the system's to give back, and it does so before the process is gone."""
    path = tmp_path / "store"
    for _ in range(KILLS):
        with Child("tests.kit.store_owner", path) as owner:
            owner.wait_until_it_says("open")
            with pytest.raises(StoreLocked) as refused:
                SQLiteStore(path)
            assert refused.value.pid == owner.pid
            owner.kill()
            owner.wait()
            SQLiteStore(path).close()


FORKED = """
import os, sys
from gomatrix_py import SQLiteStore
from gomatrix_py.errors import StoreClosed
from tests.kit.stores import OWN, inbox_row
from tests.kit.whole_stores import outbox_row
store = SQLiteStore(sys.argv[1])
store.save_next_batch(OWN, "s1")
pid = os.fork()
if pid == 0:
    refused = 0
    for use in (lambda: store.load_next_batch(OWN), lambda: store.save_filter_id(OWN, "f"),
                lambda: store.outbox.add(outbox_row("t")), lambda: store.key_values.get("a", "b"), store.undelivered):
        try:
            use()
        except StoreClosed:
            refused += 1
    store.close()
    os._exit(refused)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
store.save_next_batch(OWN, "s2")
"""


def test_a_forked_child_may_not_use_what_it_inherited(tmp_path: Path) -> None:
    answer = run_python(FORKED, tmp_path / "store")
    assert (answer.returncode, answer.stdout) == (0, "5\n"), answer.stderr
    with SQLiteStore(tmp_path / "store") as store:
        assert store.load_next_batch(OWN) == "s2"


def test_the_control_without_the_lock_both_would_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock.OwnerLock, "_take", lambda *_: None)
    with SQLiteStore(tmp_path / "store"):
        assert _refusals_here(tmp_path / "store", 3) == 0


# ------------------------------------------------------------------ sixteen threads


@attrs.define
class Work:
    """What one thread does to a store, over and over; it remembers what must be there in the end."""

    store: Any
    number: int
    turn: int = 0
    queued: list[str] = attrs.field(factory=list)

    @property
    def room_id(self) -> str:
        return f"!of-{self.number}:example.org"

    def sync(self) -> None:
        """Take an answer with an event, deliver and mark it."""
        event_id = f"${self.number}/{self.turn}"
        name = event_json(f"$n{self.turn}", "m.room.name", state_key="", content={"name": event_id})
        deltas = [RoomDelta(one, "join", state=[("m.room.name", "", name)]) for one in (self.room_id, ROOM)]
        gaps = [Gap(self.room_id, "a", "b")] if self.turn % 10 == 0 else []
        rows = [inbox_row(event_id, self.room_id), InboxRow(ROOM, event_id, inbox_row("").source, b"{}")]
        changes = [Change("threads", str(self.number), b"%d" % self.turn)]
        batch = SyncBatch(f"@{self.number}", f"s{self.turn}", deltas, rows, gaps=gaps, changes=changes)
        fresh = self.store.commit_sync(batch)
        assert [row.event_id for row in fresh] == [event_id, event_id]
        assert self.store.begin_try(fresh[0]) == 1
        self.store.mark_delivered(fresh)

    def send(self) -> None:
        """Queue a row and send the oldest one of the room."""
        txn_id = f"{self.number}-{self.turn}"
        _row, is_new = self.store.outbox.add(outbox_row(txn_id, self.room_id))
        assert is_new
        self.queued.append(txn_id)
        oldest = self.store.outbox.waiting(self.room_id)[0]
        sent = attrs.evolve(oldest, state=OutboxState.SENT, event_id=f"$sent-{oldest.txn_id}")
        self.store.outbox.update([sent], changes=[Change("ratchet", self.room_id, oldest.txn_id.encode())])
        assert oldest.txn_id == self.queued.pop(0), "not in order"

    def look(self) -> None:
        """Read what this thread wrote last, and what others did."""
        if self.turn:
            assert self.store.load_next_batch(f"@{self.number}") == f"s{self.turn - 1}"
            assert room_of(self.store, self.room_id).name == f"${self.number}/{self.turn - 1}"
            assert self.store.key_values.get("threads", str(self.number)) == b"%d" % (self.turn - 1)
            assert room_of(self.store, ROOM).name is not None

    def run(self, operations: int) -> None:
        """Do it all, so often."""
        while operations > 0:
            for step in (self.look, self.sync, self.send):
                step()
                operations -= 3
            self.turn += 1


@pytest.mark.parametrize("is_patient", [False, True], ids=["all at once", "with a clerk"])
def test_sixteen_threads_sync_send_and_look(is_patient: bool, tmp_path: Path) -> None:
    """The clerk is a thread that verifies and backs the store up all the while."""
    with faulty_sqlite(), SQLiteStore(tmp_path / "store") as store:
        works = [Work(store, number) for number in range(THREADS)]
        is_over = threading.Event()
        copies: list[Path] = []

        def clerk() -> None:
            while not is_over.wait(0.05):
                assert store.verify() == []
                copies.append(tmp_path / f"copy-{len(copies)}")
                store.backup(copies[-1])

        helper = threading.Thread(target=clerk)
        if is_patient:
            helper.start()
        in_threads(lambda number: works[number].run(OPERATIONS // THREADS), THREADS)
        is_over.set()
        if is_patient:
            wait_until(lambda: bool(copies), "a copy was made")
            helper.join(60)
        _check(store, works)
    with SQLiteStore(tmp_path / "store") as store:
        _check(store, works)
    for copy in copies[-1:]:
        with SQLiteStore(copy) as store:
            assert store.verify() == []


def _check(store: SQLiteStore, works: list[Work]) -> None:
    assert list(store.undelivered()) == []
    assert list(store.outbox.waiting()) == []
    for work in works:
        assert store.load_next_batch(f"@{work.number}") == f"s{work.turn - 1}"
        assert store.key_values.get("ratchet", work.room_id) == f"{work.number}-{work.turn - 1}".encode()
        for turn in range(work.turn):
            assert store.has_event(work.room_id, f"${work.number}/{turn}")
            row = store.outbox.find(work.room_id, "DEVICE", f"{work.number}-{turn}")
            assert row is not None
            assert row.event_id == f"$sent-{work.number}-{turn}"


def test_the_control_without_a_lock_threads_spoil_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoLock:
        def __enter__(self) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            pass

    with faulty_sqlite(), SQLiteStore(tmp_path / "store") as store:
        monkeypatch.setattr(store._open_file, "_lock", NoLock())
        troubles: list[BaseException] = []

        def work(number: int) -> None:
            try:
                Work(store, number).run(300)
            except Exception as error:  # noqa: BLE001 - of any kind
                troubles.append(error)

        in_threads(work, THREADS)
        assert troubles


def test_a_store_that_is_closed_under_threads_says_so(tmp_path: Path) -> None:
    with faulty_sqlite():
        store = SQLiteStore(tmp_path / "store")
    begun = threading.Barrier(THREADS + 1)
    ends: list[type[BaseException]] = []

    def work(number: int) -> None:
        begun.wait(20)
        try:
            Work(store, number).run(10**9)
        except StoreClosed as error:
            ends.append(type(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    begun.wait(20)
    wait_until(lambda: bool(store.load_next_batch("@0")), "they work")
    store.close()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert ends == [StoreClosed] * THREADS
