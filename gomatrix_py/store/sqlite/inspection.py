"""Looking at a file before it is trusted: whose it is, and whether it is whole. What is refused stays as it is."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Mapping
from pathlib import Path

from ...errors import StoreCorrupt, StoreError, StoreTooNew
from . import schema

__all__ = ["NO_FOLLOW", "is_new_store"]

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)

_HEADER = b"SQLite format 3\0"


def is_new_store(path: Path, identity: Mapping[str, str] | None) -> bool:
    """Make the file where there is none, or look at the one that is there.

    Args:
        path: of the file.
        identity: what stands beside it about who used it; None where nothing does.

    Returns:
        True where it is to be filled.

    Raises:
        StoreCorrupt, StoreTooNew, StoreError: it is not to be used.
        OSError, sqlite3.Error: it cannot be read.
    """
    size = _made_or_checked(path)
    journal = path.with_name(path.name + "-wal")
    has_journal = journal.exists() and journal.stat().st_size > 0
    if size and not _looks_like_sqlite(path, size, is_at_rest=not has_journal):
        raise StoreCorrupt(f"{path} is damaged or not an SQLite file")
    is_filled = size > 0 and _is_sound_store(path, identity or {}, was_closed=not has_journal)
    if not is_filled and (identity is not None or (has_journal and not size)):
        raise StoreCorrupt(
            f"{path} is empty, but what stands beside it says it was in use: restore it from a backup, or delete"
            " it and what is named after it, to start over as a new device"
        )
    return not is_filled


def _made_or_checked(path: Path) -> int:
    """Return the size of the file, which is for its owner alone."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o600)
    try:
        about = os.fstat(fd)
    finally:
        os.close(fd)
    if not stat.S_ISREG(about.st_mode):
        raise StoreError(f"{path} is not a regular file")
    if hasattr(os, "geteuid"):
        if about.st_uid != os.geteuid():
            raise StoreError(f"{path} belongs to another user")
        if stat.S_IMODE(about.st_mode) & 0o077:
            raise StoreError(f"{path} can be read by others; run: chmod 600 {path}")
    return about.st_size


def _looks_like_sqlite(path: Path, size: int, *, is_at_rest: bool) -> bool:
    """Tell what SQLite itself would not: it takes a file of one byte for a new one, and half a page for a whole."""
    with path.open("rb") as file:
        header = file.read(18)
    page = int.from_bytes(header[16:18], "big")
    return header.startswith(_HEADER) and not (is_at_rest and size % (65536 if page == 1 else page or 1))


def _is_sound_store(path: Path, identity: Mapping[str, str], *, was_closed: bool) -> bool:
    """Refuse what is not ours or not whole; tell whether there is anything in it."""
    uri = f"{path.as_uri()}?mode=ro"  # a connection that may write would take over a journal by closing
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as db:
        db.execute("PRAGMA trusted_schema = OFF")
        if not _is_ours(db, path):
            return False
        marks = dict(db.execute("SELECT key, value FROM meta").fetchall())
        if not marks.keys() >= {"generation", "closed_cleanly", "store_id"}:
            raise StoreCorrupt(f"{path} is damaged: its marks are gone; restore it from a backup")
        if identity.get("store_id", marks["store_id"]) != marks["store_id"]:
            raise StoreCorrupt(f"{path} or its journal was swapped: {path.name}.id belongs to another store")
        if not (was_closed and marks["closed_cleanly"]):
            _check_pages(db, path)
    return True


def _check_pages(db: sqlite3.Connection, path: Path) -> None:
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StoreCorrupt(f"{path} is damaged: {verdict}; restore it from a backup")


def _is_ours(db: sqlite3.Connection, path: Path) -> bool:
    (application_id,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application_id != schema.APPLICATION_ID and (application_id or version or tables):
        raise StoreCorrupt(f"{path} is an SQLite file, but not a store of gomatrix_py")
    if version > schema.VERSION:
        raise StoreTooNew(
            f"{path} has schema {version}; this version of gomatrix_py knows up to {schema.VERSION}: upgrade it"
        )
    if application_id and not tables:
        raise StoreCorrupt(f"{path} has lost its tables; restore it from a backup")
    return bool(tables)
