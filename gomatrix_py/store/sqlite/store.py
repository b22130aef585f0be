"""The SQLite store: gomatrix's six methods, whole syncs, the journal."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import platformdirs

from ...errors import StoreError, UsageError
from ...events import EventSource
from ...rooms import Room, merged_summary
from ..records import Gap, InboxRow, RoomDelta, SyncBatch
from .file import StoreFile

__all__ = ["SQLiteStore"]

ROOMS_KEPT = 128
IDS_KEPT = 200_000
PRUNE_EVERY = 1000

_PUT_STATE = "INSERT OR REPLACE INTO state (room_id, type, state_key, event) VALUES (?, ?, ?, ?)"
_PUT_SEEN = "INSERT OR IGNORE INTO inbox (room_id, event_id, status) VALUES (?, ?, 1)"
_PUT_INBOX = "INSERT OR IGNORE INTO inbox (room_id, event_id, source, event) VALUES (?, ?, ?, ?)"
_OPEN_ROWS = "SELECT seq, room_id, event_id, source, event, tries FROM inbox WHERE status = ? ORDER BY seq"


class SQLiteStore:
    """Keeps everything in one SQLite file that survives the process; threads may share one store.

    Args:
        path: of the file. None means a place of its own per user and device under the user's data
            folder; it is opened once both are known (given here, or by the client that takes the store).
        user_id: whose store it is, where `path` is None.
        device_id: which device's.

    Raises:
        StoreError: one of its kinds; see `gomatrix_py.errors`.
    """

    def __init__(self, path: str | Path | None = None, *, user_id: str = "", device_id: str = "") -> None:
        self._file: StoreFile | None = None
        self._opening = threading.Lock()
        self._alive: weakref.WeakValueDictionary[str, Room] = weakref.WeakValueDictionary()
        self._recent: OrderedDict[str, Room] = OrderedDict()
        self._rooms_lock = threading.RLock()
        self._commits = 0
        if path is not None:
            self._file = StoreFile(Path(path))
        elif user_id:
            self.bind(user_id, device_id)

    @property
    def path(self) -> Path | None:
        """Where the file is; None before it is opened."""
        return self._file.path if self._file else None

    def bind(self, user_id: str, device_id: str = "") -> None:
        """Say whose store this is, and open it if that was all that was missing; the client calls this.

        Raises:
            StoreError: it is another user's store, or it cannot be opened.
        """
        with self._opening:
            if self._file is None:
                self._file = StoreFile(_default_path(user_id, device_id))
        self._file.claim(user_id, device_id)

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> SQLiteStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _open_file(self) -> StoreFile:
        if self._file is None:
            raise UsageError("the store has no path yet: give one, or a user_id, or log in first")
        return self._file

    # ------------------------------------------------------------ gomatrix's six

    def save_filter_id(self, user_id: str, filter_id: str) -> None:
        """Remember a filter id."""
        with self._open_file.transaction() as db:
            db.execute("INSERT OR REPLACE INTO filter (user_id, filter_id) VALUES (?, ?)", (user_id, filter_id))

    def load_filter_id(self, user_id: str) -> str:
        """Return the filter id, or ""."""
        return self._text("SELECT filter_id FROM filter WHERE user_id = ?", user_id)

    def save_next_batch(self, user_id: str, next_batch: str) -> None:
        """Remember where the next sync starts."""
        with self._open_file.transaction() as db:
            _put_position(db, user_id, next_batch)

    def load_next_batch(self, user_id: str) -> str:
        """Return where the next sync starts, or ""."""
        return self._text("SELECT next_batch FROM position WHERE user_id = ?", user_id)

    def _text(self, sql: str, key: str) -> str:
        rows = self._open_file.rows(sql, (key,))
        return str(rows[0][0]) if rows else ""

    def save_room(self, room: Room) -> None:
        """Remember a room: the state that was set since it was loaded or saved."""
        changes = room.take_changes()
        try:
            with self._open_file.transaction() as db:
                db.execute(
                    "INSERT OR REPLACE INTO room (room_id, membership, notification_count, highlight_count,"
                    " prev_batch, summary) VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        room.id,
                        room.membership,
                        room.notification_count,
                        room.highlight_count,
                        room.prev_batch,
                        room.summary_json(),
                    ),
                )
                db.executemany(
                    _PUT_STATE, [(room.id, kind, key, event.json) for (kind, key), event in changes.items()]
                )
        except BaseException:
            room.put_back_changes(changes)
            raise
        self._keep(room)

    def load_room(self, room_id: str) -> Room | None:
        """Return a room, or None; its state is read when it is looked at."""
        room = self._alive.get(room_id)
        if room is not None:
            return room
        rows = self._open_file.rows(
            "SELECT membership, summary, notification_count, highlight_count, prev_batch FROM room WHERE room_id = ?",
            (room_id,),
        )
        if not rows:
            return None
        with self._rooms_lock:
            room = self._alive.get(room_id)
            if room is None:
                room = Room(room_id, source=self)
                room.membership, summary, room.notification_count, room.highlight_count, room.prev_batch = rows[0]
                room.summary = summary or {}
                self._keep(room)
            return room

    def _keep(self, room: Room) -> None:
        with self._rooms_lock:
            self._alive[room.id] = room
            self._recent[room.id] = room
            self._recent.move_to_end(room.id)
            if len(self._recent) > ROOMS_KEPT:
                self._recent.popitem(last=False)

    # ------------------------------------------------------------ state, as a room asks for it

    def state_event(self, room_id: str, event_type: str, state_key: str) -> bytes | None:
        """Return one piece of state as JSON, or None."""
        rows = self._open_file.rows(
            "SELECT event FROM state WHERE room_id = ? AND type = ? AND state_key = ?",
            (room_id, event_type, state_key),
        )
        return rows[0][0] if rows else None

    def state_of_type(self, room_id: str, event_type: str) -> dict[str, bytes]:
        """Return all state of one type as JSON, by state key."""
        return dict(
            self._open_file.rows(
                "SELECT state_key, event FROM state WHERE room_id = ? AND type = ?", (room_id, event_type)
            )
        )

    def state_types(self, room_id: str) -> list[str]:
        """Return the types of state there are."""
        rows = self._open_file.rows("SELECT DISTINCT type FROM state WHERE room_id = ?", (room_id,))
        return [row[0] for row in rows]

    # ------------------------------------------------------------ a sync in one transaction

    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        """Store all of a batch or nothing; see `SyncStorer.commit_sync`."""
        with self._open_file.transaction() as db:
            rows = _journal(db, batch.inbox)
            for delta in batch.rooms:
                _put_room(db, delta)
            _put_all_state(db, batch.rooms)
            if batch.account_data:
                db.executemany(
                    "INSERT OR REPLACE INTO account_data (room_id, type, event) VALUES (?, ?, ?)",
                    [(data.room_id, data.type, data.json) for data in batch.account_data],
                )
            for gap in batch.gaps:
                _put_gap(db, gap)
            _put_position(db, batch.user_id, batch.next_batch)
            self._prune(db)
        self._refresh(batch.rooms)
        return rows

    def _refresh(self, deltas: list[RoomDelta]) -> None:
        """Bring rooms that are in memory up to what was committed."""
        if not self._alive:
            return
        for delta in deltas:
            room = self._alive.get(delta.room_id)
            if room is None:
                continue
            try:
                room.apply(
                    delta.membership,
                    delta.state,
                    delta.summary,
                    delta.notification_count,
                    delta.highlight_count,
                    delta.prev_batch,
                )
            except BaseException:
                room.state.forget()
                raise

    def _prune(self, db: sqlite3.Connection) -> None:
        self._commits += 1
        if self._commits % PRUNE_EVERY == 0:
            db.execute("DELETE FROM inbox WHERE status = 1 AND seq < (SELECT max(seq) FROM inbox) - ?", (IDS_KEPT,))

    # ------------------------------------------------------------ the journal

    def undelivered(self) -> Sequence[InboxRow]:
        """Return the rows not yet marked, in order."""
        return [_inbox_row(row) for row in self._open_file.rows(_OPEN_ROWS, (0,))]

    def begin_try(self, row: InboxRow) -> int:
        """Count one more delivery of a row, durably."""
        with self._open_file.transaction() as db:
            db.execute("UPDATE inbox SET tries = tries + 1 WHERE seq = ?", (row.seq,))
        row.tries += 1
        return row.tries

    def mark_delivered(self, rows: Iterable[InboxRow]) -> None:
        """Take rows out of the journal; their event ids stay known."""
        with_id = [(row.seq,) for row in rows if row.event_id]
        without_id = [(row.seq,) for row in rows if not row.event_id]
        # not durable: should the power fail, an event is delivered once more rather than lost
        with self._open_file.transaction(is_durable=False) as db:
            if with_id:
                db.executemany("UPDATE inbox SET status = 1, event = NULL, source = NULL WHERE seq = ?", with_id)
            if without_id:
                db.executemany("DELETE FROM inbox WHERE seq = ?", without_id)

    def set_aside(self, row: InboxRow, reason: str) -> None:
        """Keep a row, but deliver it no more."""
        with self._open_file.transaction() as db:
            db.execute("UPDATE inbox SET status = 2, reason = ? WHERE seq = ?", (reason[:500], row.seq))

    def quarantined(self) -> Sequence[InboxRow]:
        """Return the rows that were set aside."""
        return [_inbox_row(row) for row in self._open_file.rows(_OPEN_ROWS, (2,))]

    # ------------------------------------------------------------ gaps and the rest

    def gaps(self, room_id: str | None = None) -> Sequence[Gap]:
        """Return the gaps of a room, or of all rooms."""
        rows = self._open_file.rows(
            "SELECT room_id, since, prev_batch, id FROM gap WHERE ?1 IS NULL OR room_id = ?1 ORDER BY id",
            (room_id,),
        )
        return [Gap(*row) for row in rows]

    def commit_gap(self, gap: Gap, rows: Sequence[InboxRow], rest: Gap | None) -> Sequence[InboxRow]:
        """Journal the events of a gap and replace it by what is left of it."""
        with self._open_file.transaction() as db:
            fresh = _journal(db, rows)
            db.execute("DELETE FROM gap WHERE id = ?", (gap.id,))
            if rest is not None:
                _put_gap(db, rest)
        return fresh

    def has_event(self, room_id: str, event_id: str) -> bool:
        """Tell whether this event came before."""
        return bool(
            self._open_file.rows("SELECT 1 FROM inbox WHERE room_id = ? AND event_id = ?", (room_id, event_id))
        )

    def load_account_data(self, event_type: str, room_id: str = "") -> bytes | None:
        """Return a piece of account data as the JSON of its event, or None."""
        rows = self._open_file.rows(
            "SELECT event FROM account_data WHERE room_id = ? AND type = ?", (room_id, event_type)
        )
        return rows[0][0] if rows else None

    def room_ids(self) -> Sequence[str]:
        """Return the ids of all known rooms."""
        return [row[0] for row in self._open_file.rows("SELECT room_id FROM room")]

    def __repr__(self) -> str:
        return f"<SQLiteStore {self.path or 'not open yet'}>"


# ------------------------------------------------------------------ single rows


def _put_position(db: sqlite3.Connection, user_id: str, next_batch: str) -> None:
    db.execute("INSERT OR REPLACE INTO position (user_id, next_batch) VALUES (?, ?)", (user_id, next_batch))


def _put_room(db: sqlite3.Connection, delta: RoomDelta) -> None:
    summary = delta.summary
    if summary is not None:
        known = db.execute("SELECT summary FROM room WHERE room_id = ?", (delta.room_id,)).fetchone()
        summary = merged_summary(known[0] if known else None, summary)
    db.execute(
        "INSERT INTO room (room_id, membership, summary, notification_count, highlight_count, prev_batch)"
        " VALUES (?1, ?2, ?3, ifnull(?4, 0), ifnull(?5, 0), ifnull(?6, ''))"
        " ON CONFLICT (room_id) DO UPDATE SET membership = ?2,"
        " summary = ifnull(?3, summary), notification_count = ifnull(?4, notification_count),"
        " highlight_count = ifnull(?5, highlight_count), prev_batch = ifnull(?6, prev_batch)",
        (
            delta.room_id,
            delta.membership,
            summary,
            delta.notification_count,
            delta.highlight_count,
            delta.prev_batch,
        ),
    )


def _put_all_state(db: sqlite3.Connection, deltas: list[RoomDelta]) -> None:
    """In the order of the primary key, so that a large first sync is written front to back."""
    pieces = [(delta.room_id, *piece) for delta in deltas for piece in delta.state]
    if pieces:
        pieces.sort(key=lambda piece: piece[:3])  # stable: of two pieces for one key the later one wins
        db.executemany(_PUT_STATE, pieces)
    seen = [(delta.room_id, event_id) for delta in deltas for event_id in delta.seen]
    if seen:
        db.executemany(_PUT_SEEN, seen)


def _journal(db: sqlite3.Connection, rows: Sequence[InboxRow]) -> list[InboxRow]:
    fresh: list[InboxRow] = []
    for row in rows:
        cursor = db.execute(_PUT_INBOX, (row.room_id, row.event_id or None, row.source.value, row.json))
        if cursor.rowcount:
            row.seq = cursor.lastrowid or 0
            fresh.append(row)
    return fresh


def _put_gap(db: sqlite3.Connection, gap: Gap) -> None:
    db.execute(
        "INSERT INTO gap (room_id, since, prev_batch) VALUES (?, ?, ?)",
        (gap.room_id, gap.since, gap.prev_batch),
    )


def _inbox_row(row: Any) -> InboxRow:
    seq, room_id, event_id, source, event, tries = row
    return InboxRow(room_id, event_id or "", EventSource(source), event, seq, tries)


def _default_path(user_id: str, device_id: str) -> Path:
    folder = Path(platformdirs.user_data_dir("gomatrix_py"))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error}") from error
    name = quote(f"{user_id} {device_id}".strip(), safe="@:!#$+=~.-_")
    return folder / f"{name[:200]}.sqlite3"
