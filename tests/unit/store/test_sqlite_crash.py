"""The process is killed, or the disk is full for real, in the middle of a write."""

from __future__ import annotations

import shutil
from pathlib import Path

from gomatrix_py.store import SQLiteStore
from tests.kit.crash import run_python
from tests.kit.faultdb import faulty_sqlite
from tests.kit.stores import OWN, full_batch, snapshot

# Forks a child for every statement of a batch; each kills itself after running it. A kill leaves what was
# written to the system: no child needs to wait for the disk.
KILLED_AT_EVERY_STATEMENT = """
import os, shutil, signal, sqlite3, sys
folder = sys.argv[1]
from gomatrix_py import SQLiteStore
from tests.kit.stores import full_batch

countdown = -1
connect = sqlite3.connect

class Connection(sqlite3.Connection):
    def execute(self, sql, *arguments):
        sql = "PRAGMA synchronous = OFF" if sql.startswith("PRAGMA synchronous") else sql
        return self.counted(super().execute, sql, *arguments)

    def executemany(self, *arguments):
        return self.counted(super().executemany, *arguments)

    def counted(self, run, *arguments):
        global countdown
        is_last = countdown == 0
        countdown -= 1
        found = run(*arguments)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

sqlite3.connect = lambda *arguments, **options: connect(*arguments, factory=Connection, **options)

for number in range(200):
    shutil.copytree(f"{folder}/filled", f"{folder}/{number}")
    pid = os.fork()
    if pid == 0:
        store = SQLiteStore(f"{folder}/{number}/store")
        countdown = number
        store.commit_sync(full_batch(2))
        os._exit(0)
    if os.waitpid(pid, 0)[1] == 0:
        print(number)
        break
"""


def test_a_kill_after_any_statement_leaves_the_old_state_or_the_new(tmp_path: Path) -> None:
    (tmp_path / "filled").mkdir()
    with SQLiteStore(tmp_path / "filled" / "store") as store:
        store.commit_sync(full_batch(1))
        before = snapshot(store)
    shutil.copytree(tmp_path / "filled", tmp_path / "expected")
    with SQLiteStore(tmp_path / "expected" / "store") as store:
        store.commit_sync(full_batch(2))
        after = snapshot(store)
    answer = run_python(KILLED_AT_EVERY_STATEMENT, tmp_path)
    assert answer.returncode == 0, answer.stderr
    statements = int(answer.stdout)
    assert statements > 10
    found = []
    for number in range(statements + 1):
        with faulty_sqlite(), SQLiteStore(tmp_path / str(number) / "store") as store:
            found.append(snapshot(store))
            if found[-1] == before:
                store.commit_sync(full_batch(2))
            assert snapshot(store) == after, "half written, or it cannot go on"
    olds = sum(one == before for one in found)
    assert found == [before] * olds + [after] * (len(found) - olds)
    assert 0 < olds < len(found)


# A file may not grow past so many bytes: the nearest thing to a full disk that needs no rights.
ON_A_FULL_DISK = """
import resource, signal, sys
from gomatrix_py import SQLiteStore
from gomatrix_py.errors import StoreFull
from tests.kit.stores import OWN, full_batch, room_of, snapshot

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = SQLiteStore(sys.argv[1])
store.commit_sync(full_batch(1))
room = room_of(store)
refused = 0
for limit in range(0, 400_000, 2_000):
    before = snapshot(store)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        store.commit_sync(full_batch(2))
    except StoreFull as error:
        assert sys.argv[1] in str(error), error
        assert snapshot(store) == before, "half written"
        assert room.name == "name 1", "memory is ahead of the file"
        refused += 1
    else:
        break
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.commit_sync(full_batch(3))
assert (store.load_next_batch(OWN), room.name) == ("s3", "name 3")
store.close()
print(refused)
"""

OPENED_ON_A_FULL_DISK = """
import resource, signal, sys
from gomatrix_py import SQLiteStore
from gomatrix_py.errors import StoreFull

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
refused = 0
for limit in range(0, 400_000, 3_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        SQLiteStore(sys.argv[1]).close()
    except StoreFull as error:
        assert sys.argv[1] in str(error), error
        refused += 1
    else:
        break
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
SQLiteStore(sys.argv[1]).close()
print(refused)
"""


def test_a_full_disk_refuses_a_batch_whole_and_is_gone_again(tmp_path: Path) -> None:
    answer = run_python(ON_A_FULL_DISK, tmp_path / "store")
    assert answer.returncode == 0, answer.stderr
    assert int(answer.stdout) > 3
    with SQLiteStore(tmp_path / "store") as store:
        assert store.load_next_batch(OWN) == "s3"


def test_a_full_disk_at_the_start_is_a_full_disk(tmp_path: Path) -> None:
    answer = run_python(OPENED_ON_A_FULL_DISK, tmp_path / "store")
    assert answer.returncode == 0, answer.stderr
    assert int(answer.stdout) > 3
