"""T13: the n-th thing SQLite is asked fails, for every n; what is stored is old or new, and it goes on later."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from gomatrix_py.errors import StoreFull
from gomatrix_py.rooms import Room
from gomatrix_py.store import Gap, SQLiteStore
from gomatrix_py.store.key_values import Change
from gomatrix_py.store.outbox import OutboxState
from gomatrix_py.store.sqlite.file import StoreFile
from gomatrix_py.testing.conformance.specimens import state_event
from tests.kit.crash import run_python
from tests.kit.fault_mixes import of_size
from tests.kit.faultdb import FAULTS, FaultPlan, faulty_sqlite
from tests.kit.stores import OTHER, OWN, ROOM, inbox_row
from tests.kit.whole_stores import fill, outbox_row, whole_batch, whole_snapshot

Write = Callable[[SQLiteStore], object]


def _save_new_room(store: SQLiteStore) -> None:
    room = Room("!new:example.org")
    room.update_state(state_event("m.room.name", "", {"name": "new"}))
    store.save_room(room)


def _send(store: SQLiteStore) -> None:
    """As an encrypted send does: the row and the ratchet go together, or not at all."""
    row = store.outbox.waiting()[0]
    sending = attrs.evolve(row, state=OutboxState.SENDING, tries=9, content=b"ciphertext")
    store.outbox.update([sending], changes=[Change("megolm", "kept", b"advanced"), Change("megolm", "gone", None)])


WRITES: dict[str, Write] = {
    "sync": lambda store: store.commit_sync(whole_batch(2)),
    "room": _save_new_room,
    "gap": lambda store: store.commit_gap(store.gaps()[0], [inbox_row("$old")], Gap(ROOM, "s0", "t0")),
    "marks": lambda store: store.mark_delivered(store.undelivered()[:2]),
    "try": lambda store: store.begin_try(store.undelivered()[0]),
    "aside": lambda store: store.set_aside(store.undelivered()[0], "why"),
    "filter": lambda store: store.save_filter_id(OWN, "f2"),
    "queued": lambda store: store.outbox.add(outbox_row("t9", OTHER)),
    "queued twice": lambda store: store.outbox.add(outbox_row("t0")),
    "sending": _send,
    "sent": lambda store: store.outbox.update(
        [attrs.evolve(row, state=OutboxState.SENT) for row in store.outbox.waiting()], is_durable=False
    ),
    "removed": lambda store: store.outbox.remove([row.id for row in store.outbox.waiting()[:2]]),
    "forgotten": lambda store: store.outbox.forget_sent(99),
    "values": lambda store: store.key_values.write(
        [Change("olm", "account", b"new"), Change("megolm", "kept", None), Change("olm", "new", b"")]
    ),
}
MANNERS: dict[str, dict[str, bool]] = {"once": {}, "until repaired": {"is_lasting": True}}
INTERRUPTED = {"after it ran": {"is_after": True}}
CASES = [
    (fault, manner)
    for fault in FAULTS
    for manner in (MANNERS | INTERRUPTED if fault == "Ctrl-C" else MANNERS)
    if of_size(0, 1) or (fault, manner) != ("I/O error", "once")  # as the full disk
]
LEAST_RUNS = 500


def _filled(path: Path) -> SQLiteStore:
    store = SQLiteStore(path)
    fill(store)
    return store


def _is_struck(plan: FaultPlan, store: SQLiteStore, write: Write, fault: str) -> bool:
    """Run a write under the plan; tell whether something failed, which must have been said as documented."""
    try:
        write(store)
    except StoreFull:
        assert fault != "Ctrl-C"
    except KeyboardInterrupt:
        assert fault == "Ctrl-C"
    else:
        assert not plan.has_struck, "a failed statement went unnoticed"
    plan.disarm()
    return plan.has_struck


def _failing_at_every_statement(write: Write, fault: str, manner: str, folder: Path) -> Iterator[bool]:
    """Let each statement fail in turn; yield whether the store is as before, as after, or neither (then raise)."""
    with _filled(folder / "expected") as store:
        before = whole_snapshot(store)
        write(store)
        after = whole_snapshot(store)
    for number in itertools.count():
        path = folder / f"at-{number}"
        with _filled(path) as store:
            plan = PLANS[-1]
            plan.arm(FAULTS[fault], number, **(MANNERS | INTERRUPTED)[manner])
            is_struck = _is_struck(plan, store, write, fault)
            seen = whole_snapshot(store)
        with SQLiteStore(path) as again:
            on_disk = whole_snapshot(again)
            assert on_disk in (before, after), f"half written when statement {number} failed"
            assert seen == on_disk, "memory and file differ"
            assert is_struck or on_disk == after
            if on_disk == before:
                write(again)
                assert whole_snapshot(again) == after, "it does not work when the fault is gone"
        yield is_struck
        if not is_struck:
            assert number > 2, "nothing was tried"
            return


PLANS: list[FaultPlan] = []


@pytest.fixture(autouse=True)
def _with_a_plan() -> Iterator[None]:
    with faulty_sqlite() as plan:
        PLANS.append(plan)
        yield
        PLANS.pop()


def test_every_statement_may_fail(tmp_path: Path) -> None:
    runs = 0
    for (name, write), (fault, manner) in itertools.product(WRITES.items(), CASES):
        folder = tmp_path / f"{name} {fault} {manner}".replace("/", "-")
        folder.mkdir()
        struck = list(_failing_at_every_statement(write, fault, manner, folder))
        assert any(struck), name
        runs += len(struck)
        shutil.rmtree(folder)
    print(f"{runs} runs")
    assert runs >= LEAST_RUNS


@pytest.mark.parametrize("step", range(4))
def test_an_open_that_fails_is_refused_and_works_later(step: int, tmp_path: Path) -> None:
    """A new file, and one that was in use: each statement of opening it fails."""
    is_new = step % 2 == 0
    fault = ("full disk", "I/O error")[step // 2]
    with _filled(tmp_path / "filled") as store:
        expected = whole_snapshot(store)
    for number in itertools.count():
        path = tmp_path / f"at-{number}"
        if not is_new:
            for suffix in ("", ".id", ".lock"):
                source = tmp_path / f"filled{suffix}"
                if source.exists():
                    path.with_name(path.name + suffix).write_bytes(source.read_bytes())
                    path.with_name(path.name + suffix).chmod(0o600)
        PLANS[-1].arm(FAULTS[fault], number, is_lasting=True)
        with contextlib.suppress(StoreFull):
            SQLiteStore(path).close()
        is_over = not PLANS[-1].has_struck
        PLANS[-1].disarm()
        with SQLiteStore(path) as store:
            if is_new:
                fill(store)
            assert whole_snapshot(store) == expected
        if is_over:
            break
    assert number > 8


# ------------------------------------------------------------------ disks that are really full

# A file may not grow past so many bytes: it is what a full disk looks like, without any rights.
ON_A_FULL_DISK = """
import resource, signal, sys
from gomatrix_py import SQLiteStore
from gomatrix_py.errors import StoreFull
from tests.faults.test_t13_store_faults import WRITES
from tests.kit.whole_stores import fill, whole_snapshot

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
write = WRITES[sys.argv[2]]
with SQLiteStore(sys.argv[1] + "-expected") as store:
    fill(store)
    write(store)
    after = whole_snapshot(store)
refused = 0
store = SQLiteStore(sys.argv[1])
fill(store)
before = whole_snapshot(store)
for limit in range(0, 8_000_000, int(sys.argv[3])):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        write(store)
    except StoreFull:
        assert whole_snapshot(store) == before, "half written"
        refused += 1
    else:
        break
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert whole_snapshot(store) == after
store.close()
with SQLiteStore(sys.argv[1]) as again:
    assert whole_snapshot(again) == after
print(refused)
"""


@pytest.mark.parametrize("name", ["sync", "queued", "sending", "values"])
def test_a_file_that_cannot_grow_refuses_a_write_whole(name: str, tmp_path: Path) -> None:
    answer = run_python(ON_A_FULL_DISK, tmp_path / "store", name, of_size(20_000, 1_000))
    assert answer.returncode == 0, answer.stderr
    assert int(answer.stdout) > 3


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """Mount a disk of one megabyte; without the right to do so there is none."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_stops_writes_and_they_go_on_when_it_has_room(tmp_path: Path) -> None:
    with _small_disk(tmp_path / "disk") as disk, SQLiteStore(disk / "store") as store:
        fill(store)
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        before = whole_snapshot(store)
        refused = 0
        for number in range(2, 200):
            try:
                store.commit_sync(whole_batch(number))
                store.outbox.add(outbox_row(f"full-{number}"))
                before = whole_snapshot(store)
            except StoreFull:
                refused += 1
                assert store.load_next_batch(OWN) in (before["next_batch"], f"s{number}")
                if refused == 5:
                    break
                before = whole_snapshot(store)
        assert refused == 5
        ballast.unlink()
        store.commit_sync(whole_batch(500))
        store.outbox.add(outbox_row("later"))
        expected = whole_snapshot(store)
        store.close()
        with SQLiteStore(disk / "store") as again:
            assert whole_snapshot(again) == expected
            assert again.load_next_batch(OWN) == "s500"


# ------------------------------------------------------------------ the control


def test_the_control_without_transactions_some_failures_leave_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def one_by_one(file: StoreFile, **_: bool) -> Iterator[sqlite3.Connection]:
        with file.as_store_errors():
            yield file._settled()

    monkeypatch.setattr(StoreFile, "transaction", one_by_one)
    for name in ("sync", "sending"):
        folder = tmp_path / name
        folder.mkdir()
        with pytest.raises(AssertionError, match=r"half written|it does not work"):
            list(_failing_at_every_statement(WRITES[name], "full disk", "until repaired", folder))
