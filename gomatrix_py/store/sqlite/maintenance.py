"""Looking after a store's file while it is in use: copies, checks, and giving space back."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ...errors import UsageError
from .file import StoreFile

__all__ = ["back_up", "compact", "verify"]


def back_up(file: StoreFile, to: Path) -> None:
    """Copy a store's file, whole and as it is now; the copy appears under its name only once it is whole.

    Restored later, encryption must begin anew: what was sent from it since would be encrypted twice.

    Args:
        file: to be copied; others may go on using it.
        to: where to; must not exist.

    Raises:
        UsageError: there is such a file already.
        StoreError: it could not be written.
    """
    to = to.absolute()
    if to.exists():
        raise UsageError(f"{to} exists already")
    fresh = to.with_name(f".{to.name}.new")
    with file.unlocked_connection() as db:
        fresh.unlink(missing_ok=True)
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            db.execute("VACUUM INTO ?", (str(fresh),))
            with open(fresh, "rb") as written:
                os.fsync(written.fileno())
            os.replace(fresh, to)
            file.begin_generation(db)
        except BaseException:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise


def verify(file: StoreFile) -> list[str]:
    """Read every page of a store's file and return what is wrong with it, [] for nothing.

    Raises:
        StoreError: it could not be read.
    """
    with file.as_store_errors(), file.read_only() as db:  # what this process has in memory is not what is on disk
        found = [str(row[0]) for row in db.execute("PRAGMA integrity_check")]
        found += [f"a row of {row[0]} points nowhere" for row in db.execute("PRAGMA foreign_key_check")]
    return [one for one in found if one != "ok"]


def compact(file: StoreFile) -> int:
    """Give the space of what was deleted back to the file system, and return how many bytes that were.

    Raises:
        StoreFull: there is no room for the copy this takes.
        StoreError: it could not be done; nothing was lost.
    """
    before = file.path.stat().st_size
    with file.unlocked_connection() as db:
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before - file.path.stat().st_size
