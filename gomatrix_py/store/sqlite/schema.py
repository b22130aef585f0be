"""The tables, as ordered migrations: each a named function, each run in one transaction, forward only."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

__all__ = ["APPLICATION_ID", "MIGRATIONS", "VERSION"]

APPLICATION_ID = 0x676D7079  # "gmpy"

_FIRST_TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "CREATE TABLE filter (user_id TEXT PRIMARY KEY, filter_id TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE position (user_id TEXT PRIMARY KEY, next_batch TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE room (
        room_id TEXT PRIMARY KEY,
        membership TEXT NOT NULL,
        summary BLOB,
        notification_count INTEGER NOT NULL DEFAULT 0,
        highlight_count INTEGER NOT NULL DEFAULT 0,
        prev_batch TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID""",
    """CREATE TABLE state (
        room_id TEXT NOT NULL,
        type TEXT NOT NULL,
        state_key TEXT NOT NULL,
        event BLOB NOT NULL,
        PRIMARY KEY (room_id, type, state_key)
    ) WITHOUT ROWID""",
    # the ids of events that came, so that each counts once; `at` says in which order, for pruning
    """CREATE TABLE seen (
        room_id TEXT NOT NULL,
        event_id TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (room_id, event_id)
    ) WITHOUT ROWID""",
    # events whose listeners have not run yet, and those set aside; small, so that marking is cheap.
    # AUTOINCREMENT: a seq is never given twice, for whoever still holds the old row would mark the new one
    """CREATE TABLE inbox (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        room_id TEXT NOT NULL,
        event_id TEXT NOT NULL,
        source TEXT NOT NULL,
        event BLOB NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0,
        set_aside_because TEXT
    )""",
    """CREATE TABLE gap (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        room_id TEXT NOT NULL,
        since TEXT NOT NULL,
        prev_batch TEXT NOT NULL
    )""",
    """CREATE TABLE account_data (
        room_id TEXT NOT NULL,
        type TEXT NOT NULL,
        event BLOB NOT NULL,
        PRIMARY KEY (room_id, type)
    ) WITHOUT ROWID""",
    """INSERT INTO meta (key, value)
        VALUES ('generation', 0), ('closed_cleanly', 1), ('store_id', lower(hex(randomblob(16))))""",
)

_RECEIPTS_AND_COUNTS = (
    "ALTER TABLE room ADD COLUMN thread_counts BLOB",
    "ALTER TABLE room ADD COLUMN has_all_members INTEGER NOT NULL DEFAULT 0",
    # thread_id: "main" for what is in no thread, "" for the whole room; ts is in milliseconds
    """CREATE TABLE receipt (
        room_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        thread_id TEXT NOT NULL,
        is_private INTEGER NOT NULL,
        event_id TEXT NOT NULL,
        ts INTEGER NOT NULL,
        PRIMARY KEY (room_id, user_id, thread_id, is_private)
    ) WITHOUT ROWID""",
)

_OUTBOX = (
    # what waits to be sent; what was sent stays for some days, so that its transaction id sends nothing new
    """CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        room_id TEXT NOT NULL,
        event_type TEXT NOT NULL,
        content BLOB NOT NULL,
        txn_id TEXT NOT NULL,
        device_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        target TEXT NOT NULL,
        sender TEXT NOT NULL,
        ts INTEGER,
        depends_on INTEGER NOT NULL,
        created_ts INTEGER NOT NULL,
        expires_ts INTEGER NOT NULL,
        state TEXT NOT NULL,
        first_tried_ts INTEGER NOT NULL,
        tries INTEGER NOT NULL,
        refusals INTEGER NOT NULL,
        last_error TEXT NOT NULL,
        event_id TEXT NOT NULL,
        UNIQUE (room_id, device_id, txn_id)
    )""",
    "CREATE INDEX outbox_waiting ON outbox (room_id, id) WHERE state != 'sent'",
)


def _001_first_tables(db: sqlite3.Connection) -> None:
    """Rooms and state, the inbox, gaps, account data, and where the next sync starts."""
    for statement in _FIRST_TABLES:
        db.execute(statement)


def _002_receipts_and_counts(db: sqlite3.Connection) -> None:
    """Who has read how far, what is unread in threads, and whether all members are known."""
    for statement in _RECEIPTS_AND_COUNTS:
        db.execute(statement)


def _003_outbox(db: sqlite3.Connection) -> None:
    """What waits to be sent."""
    for statement in _OUTBOX:
        db.execute(statement)


def _004_key_values(db: sqlite3.Connection) -> None:
    """What encryption keeps: opaque values, encrypted under the caller's key."""
    db.execute(
        "CREATE TABLE key_value (space TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,"
        " PRIMARY KEY (space, key)) WITHOUT ROWID"
    )


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _001_first_tables,
    _002_receipts_and_counts,
    _003_outbox,
    _004_key_values,
)
VERSION = len(MIGRATIONS)
