"""Nobody else can read a store, and nothing is followed to where it does not belong."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gomatrix_py.errors import StoreError, StoreFull
from gomatrix_py.store import SQLiteStore
from gomatrix_py.store.sqlite import schema
from tests.kit.crash import run_python
from tests.kit.stores import OWN, full_batch

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes and owners are POSIX's")


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=lambda mask: f"umask {mask:03o}")
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def _modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_every_file_is_for_its_owner_alone(umask: int, tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store") as store:
        store.bind(OWN, "DEVICE")
        store.commit_sync(full_batch(1))
        while_open = _modes(tmp_path)
    assert set(while_open) == {"store", "store-wal", "store-shm", "store.lock", "store.id"}
    assert set(while_open.values()) == {0o600}
    assert set(_modes(tmp_path).values()) == {0o600}


def test_the_backup_of_a_migration_is_for_its_owner_alone(
    umask: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SQLiteStore(tmp_path / "store").close()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, lambda db: None))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    SQLiteStore(tmp_path / "store").close()
    assert f"store.before-{schema.VERSION}" in _modes(tmp_path)
    assert set(_modes(tmp_path).values()) == {0o600}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o602, 0o777])
def test_a_file_that_others_may_use_is_refused(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "store"
    SQLiteStore(path).close()
    path.chmod(mode)
    before = path.read_bytes()
    with pytest.raises(StoreError) as refused:
        SQLiteStore(path)
    assert f"chmod 600 {path}" in str(refused.value)
    assert path.read_bytes() == before
    path.chmod(0o600)
    SQLiteStore(path).close()


def test_a_file_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SQLiteStore(tmp_path / "store").close()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(StoreError, match="store belongs to another user"):
        SQLiteStore(tmp_path / "store")


@pytest.mark.parametrize("suffix", ["", ".lock"])
def test_a_symbolic_link_is_refused(suffix: str, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("precious")
    target.chmod(0o600)
    (tmp_path / f"store{suffix}").symlink_to(target)
    with pytest.raises(StoreError, match="is a symbolic link"):
        SQLiteStore(tmp_path / "store")
    assert target.read_text() == "precious"


def test_a_dangling_symbolic_link_makes_no_file(tmp_path: Path) -> None:
    (tmp_path / "store").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="symbolic link"):
        SQLiteStore(tmp_path / "store")
    assert not (tmp_path / "elsewhere").exists()


def test_who_it_belongs_to_is_not_written_through_a_link(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("precious")
    (tmp_path / "store.id.new").symlink_to(target)
    with SQLiteStore(tmp_path / "store") as store:
        with pytest.raises(StoreError, match="symbolic link"):
            store.bind(OWN, "DEVICE")
        (tmp_path / "store.id.new").unlink()
        store.bind(OWN, "DEVICE")
    assert target.read_text() == "precious"
    identity = json.loads((tmp_path / "store.id").read_text())
    assert (identity["user_id"], identity["device_id"]) == (OWN, "DEVICE")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("folder", "pipe"):
        with pytest.raises(StoreError, match=name):
            SQLiteStore(tmp_path / name)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere/store: No such file or directory"):
        SQLiteStore(tmp_path / "nowhere" / "store")


NOT_WRITABLE = """
import os, sys, tempfile
from gomatrix_py import SQLiteStore
from gomatrix_py.errors import StoreError
with tempfile.TemporaryDirectory() as folder:
    if os.geteuid() == 0:  # root may write anywhere: be nobody
        os.chown(folder, 65534, 65534)
        os.setuid(65534)
    path = os.path.join(folder, "store")
    SQLiteStore(path).close()
    os.chmod(path, 0o400)
    try:
        SQLiteStore(path)
    except StoreError as error:
        print(str(error).removeprefix(folder))
"""


def test_a_file_that_cannot_be_written_is_refused_at_once() -> None:
    answer = run_python(NOT_WRITABLE)
    assert answer.stdout == "/store: Permission denied\n", answer.stderr


def test_a_read_only_file_system_is_a_full_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreFull, match="store: Read-only file system"):
        SQLiteStore(tmp_path / "store")
