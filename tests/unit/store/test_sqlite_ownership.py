"""One owner per file: whoever comes second is refused at once, and told who was first."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gomatrix_py.errors import StoreClosed, StoreError, StoreLocked, UsageError
from gomatrix_py.rooms import Room
from gomatrix_py.store import SQLiteStore
from tests.kit.crash import ROOT, run_python
from tests.kit.stores import OWN, ROOM, full_batch, room_of, snapshot

OPEN_AND_WAIT = """
import sys
from gomatrix_py import SQLiteStore
store = SQLiteStore(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""

OPEN_AND_FORK = """
import os, sys
from gomatrix_py import SQLiteStore
store = SQLiteStore(sys.argv[1])
if os.fork() == 0:
    sys.stdin.read()
    os._exit(0)
print("open", flush=True)
sys.stdin.read()
"""

TRY_TO_OPEN = """
import sys
from gomatrix_py import SQLiteStore
from gomatrix_py.errors import StoreLocked
try:
    SQLiteStore(sys.argv[1])
except StoreLocked as error:
    print(error.pid)
"""


@contextlib.contextmanager
def _owner(program: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


# ------------------------------------------------------------------ the second one


def test_a_second_store_in_this_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with SQLiteStore(path) as first:
        for _ in range(3):
            with pytest.raises(StoreLocked, match="is open in this process") as refused:
                SQLiteStore(path)
            assert refused.value.pid == os.getpid()
            assert str(path) in str(refused.value)
        first.save_next_batch(OWN, "s1")
    with SQLiteStore(path) as second:
        assert second.load_next_batch(OWN) == "s1"


def test_another_process_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store"):
        answer = run_python(TRY_TO_OPEN, tmp_path / "store")
    assert (answer.stdout, answer.returncode) == (f"{os.getpid()}\n", 0), answer.stderr


def test_the_file_is_free_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with _owner(OPEN_AND_WAIT, path) as process:
        with pytest.raises(StoreLocked) as refused:
            SQLiteStore(path)
        assert refused.value.pid == process.pid
        process.kill()
        assert process.wait(10) == -signal.SIGKILL
        SQLiteStore(path).close()


def test_a_forked_child_that_lives_on_does_not_hold_the_file(tmp_path: Path) -> None:
    """As the workers of a process pool do when their parent is killed."""
    path = tmp_path / "store"
    with _owner(OPEN_AND_FORK, path) as process:
        process.kill()
        process.wait(10)
        SQLiteStore(path).close()


def test_a_store_that_could_not_be_opened_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store"
    path.write_bytes(b"no database at all" * 100)
    path.chmod(0o600)
    for _ in range(2):
        with pytest.raises(StoreError, match="damaged or not an SQLite file"):
            SQLiteStore(path)
    path.unlink()
    SQLiteStore(path).close()


def test_a_forgotten_store_gives_its_file_free(tmp_path: Path) -> None:
    SQLiteStore(tmp_path / "store").save_next_batch(OWN, "s1")
    with SQLiteStore(tmp_path / "store") as again:
        assert again.load_next_batch(OWN) == "s1"


def test_an_owner_that_no_lock_could_stop_is_noticed(tmp_path: Path) -> None:
    """A network file system without locks: the second opener wins, and the first one writes no more."""
    path = tmp_path / "store"
    with SQLiteStore(path) as first:
        first.commit_sync(full_batch(1))
        (tmp_path / "store.lock").unlink()
        with SQLiteStore(path) as second:
            second.save_next_batch(OWN, "theirs")
            with pytest.raises(StoreLocked, match="opened by another process"):
                first.commit_sync(full_batch(2))
            assert second.load_next_batch(OWN) == "theirs"


# ------------------------------------------------------------------ whose it is


def test_a_store_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with SQLiteStore(path) as store:
        store.bind("@alice:example.org", "ALICES")
        store.bind("@alice:example.org", "")
        with pytest.raises(StoreError, match=r"is the store of @alice:example.org, not of @bob:example.org"):
            store.bind("@bob:example.org", "BOBS")
    with SQLiteStore(path) as store, pytest.raises(StoreError, match="alice"):
        store.bind("@bob:example.org", "BOBS")


def test_a_store_without_a_path_is_found_by_user_and_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_data_dir", lambda name: str(tmp_path / name))
    with SQLiteStore(user_id=OWN, device_id="ONE") as one, SQLiteStore(user_id=OWN, device_id="TWO") as two:
        one.save_next_batch(OWN, "one")
        two.save_next_batch(OWN, "two")
        assert one.path is not None
        assert two.path is not None
        assert one.path.parent == two.path.parent == tmp_path / "gomatrix_py"
        assert one.path.parent.stat().st_mode & 0o777 == 0o700
    late = SQLiteStore()
    assert late.path is None
    with pytest.raises(UsageError, match="no path yet"):
        late.load_next_batch(OWN)
    with late:
        late.bind(OWN, "TWO")
        assert late.load_next_batch(OWN) == "two"


def test_a_store_that_turns_out_to_be_anothers_is_closed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_data_dir", lambda name: str(tmp_path / name))
    with SQLiteStore(user_id=OWN, device_id="ONE") as store:
        assert store.path is not None
        identity = store.path.with_name(store.path.name + ".id")
    identity.write_text('{"user_id": "@other:example.org"}')
    for _ in range(2):
        with pytest.raises(StoreError, match="is the store of @other"):
            SQLiteStore(user_id=OWN, device_id="ONE")


# ------------------------------------------------------------------ closed, or forked


def _uses(store: SQLiteStore) -> dict[str, str]:
    """Use each public method and say what error it raised."""
    row = full_batch(1).inbox[0]
    gap = full_batch(1).gaps[0]
    calls: dict[str, Callable[[], object]] = {
        "save_filter_id": lambda: store.save_filter_id(OWN, "f"),
        "load_filter_id": lambda: store.load_filter_id(OWN),
        "save_next_batch": lambda: store.save_next_batch(OWN, "s"),
        "load_next_batch": lambda: store.load_next_batch(OWN),
        "save_room": lambda: store.save_room(Room(ROOM)),
        "load_room": lambda: store.load_room(ROOM),
        "load_room, unknown": lambda: store.load_room("!unknown"),
        "commit_sync": lambda: store.commit_sync(full_batch(2)),
        "undelivered": store.undelivered,
        "begin_try": lambda: store.begin_try(row),
        "mark_delivered": lambda: store.mark_delivered([row]),
        "set_aside": lambda: store.set_aside(row, "why"),
        "quarantined": store.quarantined,
        "gaps": store.gaps,
        "commit_gap": lambda: store.commit_gap(gap, [], None),
        "has_event": lambda: store.has_event(ROOM, "$1"),
        "load_account_data": lambda: store.load_account_data("m.direct"),
        "room_ids": store.room_ids,
        "bind": lambda: store.bind(OWN, "D"),
    }
    raised = {}
    for name, call in calls.items():
        try:
            call()
            raised[name] = "nothing"
        except Exception as error:  # noqa: BLE001 - it is the answer
            raised[name] = type(error).__name__
    return raised


def test_a_closed_store_refuses_everything(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "store")
    store.commit_sync(full_batch(1))
    room = room_of(store)
    store.close()
    store.close()
    assert set(_uses(store).values()) == {"StoreClosed"}, _uses(store)
    with pytest.raises(StoreClosed, match="store is closed"):
        room.get_state_event("m.room.create")
    assert "store" in repr(store)


def _in_fork(work: Callable[[], object]) -> str:
    """Return what a function returns in a forked child, which ends without any cleaning up."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that a process with threads forks is the point
        pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, repr(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as answer:
        said = answer.read()
    os.waitpid(pid, 0)
    return said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_is_refused_and_the_parent_goes_on(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store") as store:
        store.commit_sync(full_batch(1))
        room_of(store)
        before = snapshot(store)
        assert _in_fork(lambda: set(_uses(store).values())) == "{'StoreClosed'}"
        assert _in_fork(store.close) == "None"
        with pytest.raises(StoreLocked):
            SQLiteStore(tmp_path / "store")
        assert snapshot(store) == before
        store.commit_sync(full_batch(2))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_child_forked_in_the_middle_of_a_write_does_not_wait_for_ever(tmp_path: Path) -> None:
    """The thread that holds the store's locks does not exist in the child."""
    is_inside, may_end = threading.Event(), threading.Event()
    with SQLiteStore(tmp_path / "store") as store:

        def write() -> None:
            with store._live.lock, store._open_file.transaction():
                is_inside.set()
                may_end.wait(30)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            assert is_inside.wait(10)
            said = _in_fork(lambda: signal.alarm(10) or set(_uses(store).values()))
        finally:
            may_end.set()
            writer.join()
        assert said == "{'StoreClosed'}", "the child was killed waiting for a lock"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_child_that_ends_as_python_does_leaves_the_file_alone(tmp_path: Path) -> None:
    answer = run_python(
        "import os, sys\n"
        "from gomatrix_py import SQLiteStore\n"
        "store = SQLiteStore(sys.argv[1])\n"
        "store.save_next_batch('@a', 's1')\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    sys.exit(0)\n"
        "os.waitpid(pid, 0)\n"
        "store.save_next_batch('@a', 's2')\n"
        "print(store.load_next_batch('@a'), os.path.getsize(sys.argv[1] + '-wal') > 0)\n",
        tmp_path / "store",
    )
    assert answer.stdout == "s2 True\n", answer.stderr
    with SQLiteStore(tmp_path / "store") as store:
        assert store.load_next_batch("@a") == "s2"


def test_the_journal_mode_is_what_the_rules_say(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store") as store:
        names = ("journal_mode", "synchronous", "foreign_keys", "trusted_schema", "secure_delete")
        found = {name: store._open_file.rows(f"PRAGMA {name}")[0][0] for name in names}
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "secure_delete": 2,
    }
    assert sqlite3.threadsafety > 0
