"""The file under the store: who may have it open, whether it is sound, and how it is written."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import StoreClosed, StoreCorrupt, StoreError, StoreFull, StoreLocked, StoreTooNew
from .schema import APPLICATION_ID, MIGRATIONS, VERSION

try:
    import fcntl
except ImportError:  # no flock on Windows: the generation check below still notices a second owner
    fcntl = None  # type: ignore[assignment]

__all__ = ["StoreFile"]

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = FAST",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 67108864",
)


class StoreFile:
    """One open SQLite file with one owner.

    Args:
        path: of the file; made with mode 0600 where it is missing.

    Raises:
        StoreLocked: another process, or another store of this one, has it open.
        StoreCorrupt: it is damaged, emptied, or not ours.
        StoreTooNew: a newer version of the package wrote it.
        StoreFull: the disk is full or read-only.
        StoreError: others may read it, it belongs to somebody else, or it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.identity_path = path.with_name(path.name + ".id")
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._lock_fd = self._take_lock()
        try:
            self._open()
        except BaseException:
            self._release()
            raise

    # ------------------------------------------------------------ opening

    def _take_lock(self) -> int:
        lock_path = self.path.with_name(self.path.name + ".lock")
        with self._as_store_errors():
            fd = os.open(lock_path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        if fcntl is not None:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                owner = os.read(fd, 20).decode("ascii", "replace").strip()
                os.close(fd)
                pid = int(owner) if owner.isdigit() else 0
                whose = "this process" if pid == os.getpid() else f"process {pid or 'unknown'}"
                raise StoreLocked(f"{self.path} is open in {whose}; a store has one owner", pid=pid) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        return fd

    def _open(self) -> None:
        with self._as_store_errors():
            is_new = self._prepare()
            self._db = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False, cached_statements=256, timeout=5.0
            )
            self._check_whose()
            for pragma in _PRAGMAS:
                self._db.execute(pragma)
            self._migrate(is_new)
            self._check_soundness()
            self._db.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
            (self._generation,) = self._db.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()

    def _prepare(self) -> bool:
        """Make the file with the right mode, or check the one that is there; tell whether it is new."""
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            about = os.fstat(fd)
        finally:
            os.close(fd)
        if hasattr(os, "geteuid"):
            if about.st_uid != os.geteuid():
                raise StoreError(f"{self.path} belongs to another user")
            if stat.S_IMODE(about.st_mode) & 0o077:
                raise StoreError(f"{self.path} can be read by others; run: chmod 600 {self.path}")
        if about.st_size == 0 and self.identity_path.exists():
            raise StoreCorrupt(
                f"{self.path} is empty, but {self.identity_path.name} says it was in use: restore it from a"
                " backup, or delete both to start over as a new device"
            )
        return about.st_size == 0

    def _check_whose(self) -> None:
        db = self.database
        (application_id,) = db.execute("PRAGMA application_id").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application_id != APPLICATION_ID and (application_id or tables):
            raise StoreCorrupt(f"{self.path} is an SQLite file, but not a store of gomatrix_py")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise StoreTooNew(
                f"{self.path} has schema {version}; this version of gomatrix_py knows up to {VERSION}: upgrade it"
            )
        if application_id == APPLICATION_ID and not tables:
            raise StoreCorrupt(f"{self.path} has lost its tables")

    def _migrate(self, is_new: bool) -> None:
        db = self.database
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if 0 < version < VERSION and not is_new:
            backup = self.path.with_name(f"{self.path.name}.before-{VERSION}")
            backup.unlink(missing_ok=True)
            db.execute("VACUUM INTO ?", (str(backup),))
            backup.chmod(0o600)
        for number, migration in enumerate(MIGRATIONS[version:], start=version + 1):
            with self.transaction(check_owner=False):
                migration(db)
                db.execute(f"PRAGMA user_version = {number:d}")
                db.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")

    def _check_soundness(self) -> None:
        """After an end that was not clean, look at every page before trusting the file."""
        db = self.database
        (was_clean,) = db.execute("SELECT value FROM meta WHERE key = 'closed_cleanly'").fetchone()
        if not was_clean:
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise StoreCorrupt(f"{self.path} is damaged: {verdict}; restore it from a backup")
        else:
            db.execute("UPDATE meta SET value = 0 WHERE key = 'closed_cleanly'")

    # ------------------------------------------------------------ whose it is

    def claim(self, user_id: str, device_id: str) -> None:
        """Say which user and device the file belongs to.

        Raises:
            StoreError: it belongs to another user.
        """
        with self._lock:
            known = self._read_identity()
            if known and known.get("user_id") not in ("", None, user_id):
                raise StoreError(f"{self.path} is the store of {known['user_id']}, not of {user_id}")
            identity = {**known, "user_id": user_id, "device_id": device_id or known.get("device_id", "")}
            if identity == known:
                return
            with self._as_store_errors():
                fresh = self.identity_path.with_name(self.identity_path.name + ".new")
                fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with open(fd, "w", encoding="utf-8") as file:
                    json.dump(identity, file)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(fresh, self.identity_path)

    def _read_identity(self) -> dict[str, str]:
        try:
            known = json.loads(self.identity_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    # ------------------------------------------------------------ using it

    @property
    def database(self) -> sqlite3.Connection:
        """The connection.

        Raises:
            StoreClosed: closed, or inherited by a fork.
        """
        if os.getpid() != self._pid:
            raise StoreClosed(f"{self.path} was opened before a fork: open it again in the child")
        if self._db is None:
            raise StoreClosed(f"{self.path} is closed")
        return self._db

    @contextlib.contextmanager
    def transaction(self, *, is_durable: bool = True, check_owner: bool = True) -> Iterator[sqlite3.Connection]:
        """Run the block in one write transaction: committed at its end, undone if it raises.

        Args:
            is_durable: False where a power cut (not a crash) may undo it; it costs less.
            check_owner: make sure that nobody else opened the file since (a file system without locks).

        Raises:
            StoreError: nothing was written.
        """
        with self._lock, self._as_store_errors():
            db = self.database
            if not is_durable:
                db.execute("PRAGMA synchronous = NORMAL")
            try:
                db.execute("BEGIN IMMEDIATE")
                try:
                    if check_owner:
                        self._check_owner(db)
                    yield db
                    db.execute("COMMIT")
                except BaseException:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    raise
            finally:
                if not is_durable:
                    db.execute("PRAGMA synchronous = FULL")

    def _check_owner(self, db: sqlite3.Connection) -> None:
        (generation,) = db.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
        if generation != self._generation:
            raise StoreLocked(f"{self.path} was opened by another process in the meantime")

    def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Return what a query finds.

        Raises:
            StoreError: the file could not be read.
        """
        with self._lock, self._as_store_errors():
            return self.database.execute(sql, values).fetchall()

    @contextlib.contextmanager
    def _as_store_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._translated(error) from error
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror or error}") from error

    def _translated(self, error: sqlite3.Error) -> StoreError:
        text = str(error)
        if any(sign in text for sign in ("full", "disk I/O", "readonly", "read-only")):
            return StoreFull(f"{self.path} cannot be written: {text}")
        if any(sign in text for sign in ("malformed", "not a database", "corrupt")):
            return StoreCorrupt(f"{self.path} is damaged or not an SQLite file: {text}")
        if "locked" in text or "busy" in text:
            return StoreLocked(f"{self.path} is in use: {text}")
        return StoreError(f"{self.path}: {text}")

    # ------------------------------------------------------------ closing

    def close(self) -> None:
        """Close the file and give it free; closing twice does nothing."""
        with self._lock:
            if self._db is None or os.getpid() != self._pid:
                return
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("UPDATE meta SET value = 1 WHERE key = 'closed_cleanly'")
            self._release()

    def _release(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1
