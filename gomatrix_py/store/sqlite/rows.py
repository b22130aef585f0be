"""The rows of the tables: how each is written and read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from ...events import Event, EventSource
from ...rooms import Receipt, Room, merged_summary
from ..records import AccountDataRow, Gap, InboxRow, RoomDelta

__all__ = [
    "INBOX_ROWS",
    "RECEIPTS",
    "ROOM",
    "as_receipt",
    "fill_room",
    "inbox_row",
    "next_place",
    "put_account_data",
    "put_gap",
    "put_in_inbox",
    "put_position",
    "put_receipts",
    "put_room",
    "put_state",
    "put_state_of_all",
    "put_whole_room",
    "state_of",
]

_ROOM_COLUMNS = "membership, summary, thread_counts, notification_count, highlight_count, prev_batch, has_all_members"
ROOM = f"SELECT {_ROOM_COLUMNS} FROM room WHERE room_id = ?"  # noqa: S608 - a constant
INBOX_ROWS = (
    "SELECT seq, room_id, event_id, source, event, tries, ifnull(set_aside_because, '') FROM inbox"
    " WHERE (set_aside_because IS NOT NULL) = ? ORDER BY seq"
)
RECEIPTS = "SELECT user_id, event_id, ts, thread_id, is_private FROM receipt WHERE room_id = ?"
_PUT_WHOLE_ROOM = f"INSERT OR REPLACE INTO room (room_id, {_ROOM_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_PUT_ROOM = (
    "INSERT INTO room (room_id, membership, summary, thread_counts, notification_count, highlight_count,"
    " prev_batch, has_all_members)"
    " VALUES (?1, ?2, ?3, ?4, ifnull(?5, 0), ifnull(?6, 0), ifnull(?7, ''), ifnull(?8, 0))"
    " ON CONFLICT (room_id) DO UPDATE SET membership = ?2,"
    " summary = ifnull(?3, summary), thread_counts = ifnull(?4, thread_counts),"
    " notification_count = ifnull(?5, notification_count), highlight_count = ifnull(?6, highlight_count),"
    " prev_batch = ifnull(?7, prev_batch), has_all_members = ifnull(?8, has_all_members)"
)
_PUT_STATE = "INSERT OR REPLACE INTO state (room_id, type, state_key, event) VALUES (?, ?, ?, ?)"
_PUT_SEEN = "INSERT OR IGNORE INTO seen (room_id, event_id, at) VALUES (?, ?, ?)"
_PUT_INBOX = "INSERT INTO inbox (room_id, event_id, source, event) VALUES (?, ?, ?, ?)"
_PUT_RECEIPT = (
    "INSERT OR REPLACE INTO receipt (room_id, user_id, thread_id, is_private, event_id, ts) VALUES (?, ?, ?, ?, ?, ?)"
)


# ------------------------------------------------------------------ rooms


def fill_room(room: Room, row: Any) -> None:
    """Let a room be what its row says."""
    membership, summary, thread_counts, room.notification_count, room.highlight_count, room.prev_batch, whole = row
    room.has_all_members = bool(whole)
    room.fill(membership, summary, thread_counts)


def put_whole_room(db: sqlite3.Connection, room: Room) -> None:
    """Write all of a room but its state and receipts."""
    db.execute(
        _PUT_WHOLE_ROOM,
        (
            room.id,
            room.membership,
            room.summary_json(),
            room.thread_counts_json(),
            room.notification_count,
            room.highlight_count,
            room.prev_batch,
            room.has_all_members,
        ),
    )


def put_room(db: sqlite3.Connection, delta: RoomDelta) -> None:
    """Write what a batch says of a room, but its state and receipts."""
    summary = delta.summary
    if summary is not None:
        known = db.execute("SELECT summary FROM room WHERE room_id = ?", (delta.room_id,)).fetchone()
        summary = merged_summary(known[0] if known else None, summary)
    db.execute(
        _PUT_ROOM,
        (
            delta.room_id,
            delta.membership,
            summary,
            delta.thread_counts,
            delta.notification_count,
            delta.highlight_count,
            delta.prev_batch,
            delta.has_all_members,
        ),
    )


def state_of(room: Room, changes: Mapping[tuple[str, str], Event] | None) -> list[tuple[str, str, str, bytes]]:
    """Return the state of a room as it is now: what was changed, or all of it."""
    if changes is None:
        events = [(kind, key, event) for kind in room.state for key, event in room.state.of_type(kind).items()]
    else:  # a batch may have brought something newer since
        events = [(kind, key, room.state.event(kind, key) or event) for (kind, key), event in changes.items()]
    return [(room.id, kind, key, event.json) for kind, key, event in events]


def put_state(db: sqlite3.Connection, rows: Iterable[tuple[str, str, str, bytes]]) -> None:
    """Write state."""
    db.executemany(_PUT_STATE, rows)


def put_state_of_all(db: sqlite3.Connection, deltas: list[RoomDelta], at: int) -> None:
    """Write the state of a batch, in the order of the primary key: a large first sync is written front to back.

    Args:
        db: the file.
        deltas: what the batch says of rooms.
        at: the place of the batch in the order of all, for the ids of its events.
    """
    for delta in sorted(deltas, key=attrgetter("room_id")):
        if delta.forgets_state:
            db.execute("DELETE FROM state WHERE room_id = ?", (delta.room_id,))
        pieces = {(kind, key): json for kind, key, json in delta.all_state()}  # the later one wins
        if pieces:
            room_id = delta.room_id
            db.executemany(_PUT_STATE, [(room_id, kind, key, json) for (kind, key), json in sorted(pieces.items())])
    seen = [(delta.room_id, event_id, at) for delta in deltas for event_id in delta.seen]
    if seen:
        db.executemany(_PUT_SEEN, seen)


# ------------------------------------------------------------------ receipts and account data


def put_receipts(db: sqlite3.Connection, receipts: Iterable[tuple[str, Iterable[Receipt]]]) -> None:
    """Write receipts, given by room, each in the place of the one of the same user, thread and kind."""
    values = [
        (room_id, one.user_id, one.thread_id, one.is_private, one.event_id, one.ts)
        for room_id, of_room in receipts
        for one in of_room
    ]
    if values:
        db.executemany(_PUT_RECEIPT, values)


def as_receipt(row: Any) -> Receipt:
    """Return the receipt of a row."""
    user_id, event_id, ts, thread_id, is_private = row
    return Receipt(user_id, event_id, ts, thread_id, bool(is_private))


def put_account_data(db: sqlite3.Connection, rows: Iterable[AccountDataRow]) -> None:
    """Write account data."""
    db.executemany(
        "INSERT OR REPLACE INTO account_data (room_id, type, event) VALUES (?, ?, ?)",
        [(data.room_id, data.type, data.json) for data in rows],
    )


# ------------------------------------------------------------------ the journal and the rest


def next_place(db: sqlite3.Connection) -> int:
    """Return a number greater than that of every id that was seen.

    By it the oldest ids are forgotten first, whatever a clock said when they came. (Once it was the time in
    seconds, which the numbers go on from.)
    """
    return int(db.execute("SELECT ifnull(max(at), 0) FROM seen").fetchone()[0]) + 1


def put_in_inbox(db: sqlite3.Connection, rows: Sequence[InboxRow], at: int) -> list[InboxRow]:
    """Write the rows whose events did not come before, and return them."""
    fresh: list[InboxRow] = []
    for row in rows:
        if row.event_id and not db.execute(_PUT_SEEN, (row.room_id, row.event_id, at)).rowcount:
            continue
        row.seq = db.execute(_PUT_INBOX, (row.room_id, row.event_id, row.source.value, row.json)).lastrowid or 0
        fresh.append(row)
    return fresh


def inbox_row(row: Any) -> InboxRow:
    """Return the event a row is about."""
    seq, room_id, event_id, source, event, tries, reason = row
    return InboxRow(room_id, event_id, EventSource(source), event, seq, tries, reason)


def put_gap(db: sqlite3.Connection, gap: Gap) -> None:
    """Write a gap."""
    db.execute(
        "INSERT INTO gap (room_id, since, prev_batch) VALUES (?, ?, ?)",
        (gap.room_id, gap.since, gap.prev_batch),
    )


def put_position(db: sqlite3.Connection, user_id: str, next_batch: str) -> None:
    """Write where the next sync starts."""
    db.execute(
        "INSERT INTO position (user_id, next_batch) VALUES (?1, ?2)"
        " ON CONFLICT (user_id) DO UPDATE SET next_batch = ?2",
        (user_id, next_batch),
    )
