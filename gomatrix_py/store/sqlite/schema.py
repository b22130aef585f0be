"""The tables, as ordered migrations: each a named function, each run in one transaction, forward only."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

__all__ = ["APPLICATION_ID", "MIGRATIONS", "VERSION"]

APPLICATION_ID = 0x676D7079  # "gmpy"


def _001_first_tables(db: sqlite3.Connection) -> None:
    """Rooms and state, the inbox, gaps, account data, and where the next sync starts."""
    db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID")
    db.execute("CREATE TABLE filter (user_id TEXT PRIMARY KEY, filter_id TEXT NOT NULL) WITHOUT ROWID")
    db.execute("CREATE TABLE position (user_id TEXT PRIMARY KEY, next_batch TEXT NOT NULL) WITHOUT ROWID")
    db.execute(
        """CREATE TABLE room (
            room_id TEXT PRIMARY KEY,
            membership TEXT NOT NULL,
            summary BLOB,
            notification_count INTEGER NOT NULL DEFAULT 0,
            highlight_count INTEGER NOT NULL DEFAULT 0,
            prev_batch TEXT NOT NULL DEFAULT ''
        ) WITHOUT ROWID"""
    )
    db.execute(
        """CREATE TABLE state (
            room_id TEXT NOT NULL,
            type TEXT NOT NULL,
            state_key TEXT NOT NULL,
            event BLOB NOT NULL,
            PRIMARY KEY (room_id, type, state_key)
        ) WITHOUT ROWID"""
    )
    # status: 0 to be delivered, 1 delivered (only its id is kept), 2 set aside
    db.execute(
        """CREATE TABLE inbox (
            seq INTEGER PRIMARY KEY,
            room_id TEXT NOT NULL,
            event_id TEXT,
            source TEXT,
            event BLOB,
            tries INTEGER NOT NULL DEFAULT 0,
            status INTEGER NOT NULL DEFAULT 0,
            reason TEXT
        )"""
    )
    db.execute("CREATE UNIQUE INDEX inbox_event ON inbox (room_id, event_id) WHERE event_id IS NOT NULL")
    db.execute("CREATE INDEX inbox_open ON inbox (status, seq) WHERE status <> 1")
    db.execute(
        """CREATE TABLE gap (
            id INTEGER PRIMARY KEY,
            room_id TEXT NOT NULL,
            since TEXT NOT NULL,
            prev_batch TEXT NOT NULL
        )"""
    )
    db.execute(
        """CREATE TABLE account_data (
            room_id TEXT NOT NULL,
            type TEXT NOT NULL,
            event BLOB NOT NULL,
            PRIMARY KEY (room_id, type)
        ) WITHOUT ROWID"""
    )
    db.execute("INSERT INTO meta (key, value) VALUES ('generation', 0), ('closed_cleanly', 1)")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_001_first_tables,)
VERSION = len(MIGRATIONS)
