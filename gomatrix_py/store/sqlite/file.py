"""The file under the store: who may have it open, whether it is sound, and how it is written."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...errors import StoreClosed, StoreCorrupt, StoreError, StoreFull, StoreLocked
from . import schema
from .entered_rows import EnteredRows
from .inspection import NO_FOLLOW, is_new_store
from .lock import OwnerLock

__all__ = ["StoreFile"]

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
_SIGNS_OF_NO_ROOM = ("full", "disk I/O", "readonly", "read-only")
_SIGNS_OF_DAMAGE = ("malformed", "not a database", "corrupt", "no such table", "no such column")

_PRAGMAS = (
    "PRAGMA page_size = 8192",
    "PRAGMA cache_size = -16384",
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
        self._is_writing = False
        self._is_durable = True
        with self.as_store_errors():
            self._owner = OwnerLock(path)
        try:
            self._open()
        except BaseException:
            self._release()
            raise

    # ------------------------------------------------------------ opening

    def _open(self) -> None:
        with self.as_store_errors():
            is_new_store(self.path, self._read_identity())
            self._db = db = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False, cached_statements=256, timeout=5.0
            )
            for pragma in _PRAGMAS:
                db.execute(pragma)
            self._migrate(db)
            db.execute(
                "UPDATE meta SET value = CASE key WHEN 'generation' THEN value + 1 ELSE 0 END"
                " WHERE key IN ('generation', 'closed_cleanly')"
            )
            marks = dict(db.execute("SELECT key, value FROM meta").fetchall())
            self._generation, self._store_id = marks["generation"], marks["store_id"]
            self.entered_rows = EnteredRows(self._owner)
            self.was_rolled_back: bool = self.entered_rows.generation_of(self._store_id) >= self._generation
            self.entered_rows.note_generation(self._store_id, self._generation)

    def begin_generation(self, db: sqlite3.Connection) -> None:
        """Make copies taken until now show their age."""
        db.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
        self._generation += 1
        self.entered_rows.note_generation(self._store_id, self._generation)

    def _migrate(self, db: sqlite3.Connection) -> None:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if 0 < version < schema.VERSION:
            self._back_up(db, self.path.with_name(f"{self.path.name}.before-{schema.VERSION}"))
        for number, migration in enumerate(schema.MIGRATIONS[version:], start=version + 1):
            with self.transaction(check_owner=False):
                migration(db)
                db.execute(f"PRAGMA user_version = {number:d}")
                db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID:d}")

    def _back_up(self, db: sqlite3.Connection, backup: Path) -> None:
        backup.unlink(missing_ok=True)
        os.close(os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW, 0o600))
        db.execute("VACUUM INTO ?", (str(backup),))

    # ------------------------------------------------------------ whose it is

    def claim(self, user_id: str, device_id: str) -> None:
        """Say which user and device the file belongs to.

        Raises:
            StoreError: it belongs to another user.
        """
        self.check_usable()
        with self._lock:
            known = self._read_identity() or {}
            if known.get("user_id") not in ("", None, user_id):
                raise StoreError(f"{self.path} is the store of {known['user_id']}, not of {user_id}")
            identity = {
                **known,
                "user_id": user_id,
                "device_id": device_id or known.get("device_id", ""),
                "store_id": self._store_id,
            }
            if identity == known:
                return
            with self.as_store_errors():
                fresh = self.identity_path.with_name(self.identity_path.name + ".new")
                fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | NO_FOLLOW, 0o600)
                with open(fd, "w", encoding="utf-8") as file:
                    json.dump(identity, file)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(fresh, self.identity_path)

    @property
    def user_id(self) -> str:
        """The user it belongs to, "" where nobody has said so yet."""
        return str((self._read_identity() or {}).get("user_id") or "")

    def _read_identity(self) -> dict[str, str] | None:
        """Return who used the file, None where nobody has said so yet."""
        try:
            known = json.loads(self.identity_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    # ------------------------------------------------------------ using it

    def check_usable(self) -> None:
        """Refuse a file that is closed, or that a fork has copied; ask before waiting for any lock of it.

        Raises:
            StoreClosed: it is to be opened again.
        """
        if os.getpid() != self._pid:
            raise StoreClosed(f"{self.path} was opened before a fork: open it again in the child")
        if self._db is None:
            raise StoreClosed(f"{self.path} is closed")

    def _settled(self) -> sqlite3.Connection:
        """Return the connection; what an interrupt left half written is undone."""
        self.check_usable()
        db = self._db
        assert db is not None  # noqa: S101 - check_usable has just seen it, and the lock is held
        if db.in_transaction and not self._is_writing:
            db.execute("ROLLBACK")
        return db

    @contextlib.contextmanager
    def transaction(self, *, is_durable: bool = True, check_owner: bool = True) -> Iterator[sqlite3.Connection]:
        """Run the block in one write transaction: committed at its end, undone if it raises.

        Args:
            is_durable: False where a power cut (not a crash) may undo it; it costs less.
            check_owner: make sure that nobody else opened the file since (a file system without locks).

        Raises:
            StoreError: nothing was written.
        """
        self.check_usable()
        with self._lock, self.as_store_errors():
            db = self._settled()
            if self._is_writing:
                raise StoreError(f"{self.path} is being written by this very thread")
            if is_durable != self._is_durable:
                db.execute(f"PRAGMA synchronous = {'FULL' if is_durable else 'NORMAL'}")
                self._is_durable = is_durable
            self._is_writing = True
            try:
                db.execute("BEGIN IMMEDIATE")
                if check_owner:
                    self._check_owner(db)
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    with contextlib.suppress(sqlite3.Error):  # then the next one to come undoes it
                        db.execute("ROLLBACK")
                raise
            finally:
                self._is_writing = False

    @contextlib.contextmanager
    def unlocked_connection(self) -> Iterator[sqlite3.Connection]:
        """Let the block use the connection outside of any transaction; others wait meanwhile.

        Raises:
            StoreError: of the block's own statements.
        """
        self.check_usable()
        with self._lock, self.as_store_errors():
            db = self._settled()
            self._check_owner(db)
            yield db

    @contextlib.contextmanager
    def read_only(self) -> Iterator[sqlite3.Connection]:
        """Let the block read the file by a connection of its own, while others go on."""
        self.check_usable()
        db = sqlite3.connect(f"file:{quote(str(self.path))}?mode=ro", uri=True, timeout=5.0)
        try:
            yield db
        finally:
            db.close()

    def _check_owner(self, db: sqlite3.Connection) -> None:
        (generation,) = db.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
        if generation != self._generation:
            raise StoreLocked(f"{self.path} was opened by another process in the meantime")

    def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Return what a query finds.

        Raises:
            StoreError: the file could not be read.
        """
        self.check_usable()
        with self._lock, self.as_store_errors():
            return self._settled().execute(sql, values).fetchall()

    @contextlib.contextmanager
    def as_store_errors(self) -> Iterator[None]:
        """Let what goes wrong in the block be an error of this package."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._translated(error) from error
        except (UnicodeEncodeError, OverflowError) as error:
            raise StoreError(f"{self.path} cannot hold such a value: {error}") from error
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise StoreError(
                    f"{self.path} or a file beside it is a symbolic link; name the file itself"
                ) from error
            kind = StoreFull if error.errno in _NO_ROOM else StoreError
            raise kind(f"{self.path}: {error.strerror or error}") from error

    def _translated(self, error: sqlite3.Error) -> StoreError:
        text = str(error)
        if any(sign in text for sign in _SIGNS_OF_NO_ROOM):
            return StoreFull(f"{self.path} cannot be written: {text}")
        if any(sign in text for sign in _SIGNS_OF_DAMAGE):
            return StoreCorrupt(f"{self.path} is damaged or not an SQLite file: {text}")
        if "locked" in text or "busy" in text:
            return StoreLocked(f"{self.path} is in use: {text}")
        return StoreError(f"{self.path}: {text}")

    # ------------------------------------------------------------ closing

    def close(self) -> None:
        """Close the file and give it free; closing twice does nothing."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            if self._db is None:
                return
            with contextlib.suppress(sqlite3.Error):
                self._settled().execute("UPDATE meta SET value = 1 WHERE key = 'closed_cleanly'")
            self._release()

    def _release(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()
        self._owner.release()
