"""Small values by space and key, in the file of the SQLite store."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator

from ..key_values import Change
from .file import StoreFile

__all__ = ["SQLiteKeyValues", "put_changes"]

_PUT = "INSERT OR REPLACE INTO key_value (space, key, value) VALUES (?, ?, ?)"
# comparing reads a text to its end; functions on texts stop at a NUL
_FROM = "SELECT key, value FROM key_value WHERE space = ? AND key >= ? ORDER BY key"
_BETWEEN = "SELECT key, value FROM key_value WHERE space = ? AND key >= ? AND key < ? ORDER BY key"
_SURROGATES, _AFTER_SURROGATES = range(0xD800, 0xE000), 0xE000  # no text of SQLite holds them
_REMOVE = "DELETE FROM key_value WHERE space = ? AND key = ?"


class SQLiteKeyValues:
    """Keeps values in the store's file; see `KeyValueStorer`.

    Args:
        open_file: returns the file, opened.
    """

    def __init__(self, open_file: Callable[[], StoreFile]) -> None:
        self._open_file = open_file

    def get(self, space: str, key: str) -> bytes | None:
        """Return a value, or None."""
        rows = self._open_file().rows("SELECT value FROM key_value WHERE space = ? AND key = ?", (space, key))
        return rows[0][0] if rows else None

    def scan(self, space: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        """Return the keys that start with `prefix` and their values, in order."""
        end = _end_of(prefix)
        if end is None:
            return iter(self._open_file().rows(_FROM, (space, prefix)))
        return iter(self._open_file().rows(_BETWEEN, (space, prefix, end)))

    def count(self, space: str) -> int:
        """Return how many values a space holds."""
        return int(self._open_file().rows("SELECT count(*) FROM key_value WHERE space = ?", (space,))[0][0])

    def write(self, changes: Iterable[Change]) -> None:
        """Write values durably, all or none."""
        with self._open_file().transaction() as db:
            put_changes(db, changes)


def _end_of(prefix: str) -> str | None:
    """Return the first text after all that start with a prefix, None where nothing comes after them."""
    for at in range(len(prefix) - 1, -1, -1):
        following = ord(prefix[at]) + 1
        if following <= sys.maxunicode:
            return prefix[:at] + chr(_AFTER_SURROGATES if following in _SURROGATES else following)
    return None


def put_changes(db: sqlite3.Connection, changes: Iterable[Change]) -> None:
    """Write changes inside a transaction that is under way."""
    for space, key, value in changes:
        if value is None:
            db.execute(_REMOVE, (space, key))
        else:
            db.execute(_PUT, (space, key, value))
