"""The SQLite store: gomatrix's six methods, whole syncs, the journal."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import platformdirs

from ...errors import StoreError, UsageError
from ...events import Event, EventSource
from ...rooms import Room, merged_summary
from ..records import Gap, InboxRow, RoomDelta, SyncBatch
from .file import StoreFile
from .live_rooms import LiveRooms

__all__ = ["SQLiteStore"]

IDS_KEPT = 200_000
PRUNE_EVERY = 1000

_ROOM_COLUMNS = "membership, summary, notification_count, highlight_count, prev_batch"
_ROOM = f"SELECT {_ROOM_COLUMNS} FROM room WHERE room_id = ?"  # noqa: S608 - a constant
_PUT_STATE = "INSERT OR REPLACE INTO state (room_id, type, state_key, event) VALUES (?, ?, ?, ?)"
_PUT_SEEN = "INSERT OR IGNORE INTO seen (room_id, event_id, at) VALUES (?, ?, ?)"
_PUT_INBOX = "INSERT INTO inbox (room_id, event_id, source, event) VALUES (?, ?, ?, ?)"
_INBOX_ROWS = (
    "SELECT seq, room_id, event_id, source, event, tries FROM inbox"
    " WHERE (set_aside_because IS NOT NULL) = ? ORDER BY seq"
)


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
        self._live = LiveRooms()
        self._commits = 0
        if path is not None:
            self._file = StoreFile(Path(path).absolute())
        elif user_id:
            try:
                self.bind(user_id, device_id)
            except BaseException:
                self.close()
                raise

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
        self._file.check_usable()  # before any lock is waited for: a fork may have copied it locked
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
        """Remember a room: one that came from here by what was set since, any other one whole."""
        file = self._open_file
        with self._live.lock:
            is_known = self._live.find(room.id) is room
            changes = room.take_changes()
            try:
                state = _state_of(room, changes if is_known else None)
                with file.transaction() as db:
                    if not is_known:
                        db.execute("DELETE FROM state WHERE room_id = ?", (room.id,))
                    db.execute(
                        f"INSERT OR REPLACE INTO room (room_id, {_ROOM_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608
                        (
                            room.id,
                            room.membership,
                            room.summary_json(),
                            room.notification_count,
                            room.highlight_count,
                            room.prev_batch,
                        ),
                    )
                    db.executemany(_PUT_STATE, state)
            except BaseException as error:
                room.put_back_changes(changes)
                if not is_known and not isinstance(error, StoreError):
                    self._live.forget(room.id)  # an interrupt, which may come when all is stored already
                raise
            self._live.keep(room)

    def load_room(self, room_id: str) -> Room | None:
        """Return a room, or None; its state is read when it is looked at."""
        file = self._open_file
        room = self._live.find(room_id)
        if room is not None:
            return room
        with self._live.lock:
            room = self._live.find(room_id)
            if room is None:
                rows = file.rows(_ROOM, (room_id,))
                if not rows:
                    return None
                room = Room(room_id, source=self)
                _fill(room, rows[0])
                self._live.keep(room)
            return room

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
        file = self._open_file
        with self._live.lock:
            try:
                with file.transaction() as db:
                    rows = self._write(db, batch)
                for room, delta in self._live.of(batch.rooms):
                    room.apply(
                        delta.membership,
                        delta.base_state,
                        delta.state,
                        delta.summary,
                        delta.notification_count,
                        delta.highlight_count,
                        delta.prev_batch,
                    )
            except StoreError:
                raise  # nothing was stored
            except BaseException:
                self._read_again(batch.rooms)
                raise
        return rows

    def _write(self, db: sqlite3.Connection, batch: SyncBatch) -> list[InboxRow]:
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
        return rows

    def _read_again(self, deltas: list[RoomDelta]) -> None:
        """After an interrupt, which may come when all is stored, let the rooms in memory be what the file says."""
        with contextlib.suppress(StoreError):
            for room, _ in self._live.of(deltas):
                for row in self._open_file.rows(_ROOM, (room.id,)):
                    _fill(room, row)
                room.state.put_all(
                    self._open_file.rows("SELECT type, state_key, event FROM state WHERE room_id = ?", (room.id,))
                )
                unsaved = room.take_changes()
                room.put_back_changes(unsaved)
                room.state.put_all((kind, key, event) for (kind, key), event in unsaved.items())

    def _prune(self, db: sqlite3.Connection) -> None:
        """Forget old ids at the first commit, for scripts that make but one, and every so often."""
        if self._commits % PRUNE_EVERY == 0:
            db.execute(
                "DELETE FROM seen WHERE at < (SELECT at FROM seen ORDER BY at DESC LIMIT 1 OFFSET ?)", (IDS_KEPT,)
            )
        self._commits += 1

    # ------------------------------------------------------------ the journal

    def undelivered(self) -> Sequence[InboxRow]:
        """Return the rows not yet marked, in order."""
        return [_inbox_row(row) for row in self._open_file.rows(_INBOX_ROWS, (0,))]

    def begin_try(self, row: InboxRow) -> int:
        """Count one more delivery of a row, durably."""
        with self._open_file.transaction() as db:
            db.execute("UPDATE inbox SET tries = tries + 1 WHERE seq = ?", (row.seq,))
            found = db.execute("SELECT tries FROM inbox WHERE seq = ?", (row.seq,)).fetchone()
        row.tries = found[0] if found else row.tries + 1
        return row.tries

    def mark_delivered(self, rows: Iterable[InboxRow]) -> None:
        """Take rows out of the journal; their event ids stay known."""
        # not durable: should the power fail, an event is delivered once more rather than lost
        with self._open_file.transaction(is_durable=False, check_owner=False) as db:
            db.executemany("DELETE FROM inbox WHERE seq = ?", [(row.seq,) for row in rows])

    def set_aside(self, row: InboxRow, reason: str) -> None:
        """Keep a row, but deliver it no more."""
        with self._open_file.transaction() as db:
            db.execute("UPDATE inbox SET set_aside_because = ? WHERE seq = ?", (_printable(reason), row.seq))

    def quarantined(self) -> Sequence[InboxRow]:
        """Return the rows that were set aside."""
        return [_inbox_row(row) for row in self._open_file.rows(_INBOX_ROWS, (1,))]

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
            self._open_file.rows("SELECT 1 FROM seen WHERE room_id = ? AND event_id = ?", (room_id, event_id))
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


def _fill(room: Room, row: Any) -> None:
    room.membership, summary, room.notification_count, room.highlight_count, room.prev_batch = row
    room.summary = summary or {}


def _state_of(room: Room, changes: Mapping[tuple[str, str], Event] | None) -> list[tuple[str, str, str, bytes]]:
    """Return the state of a room as it is now: what was changed, or all of it."""
    if changes is None:
        events = [(kind, key, event) for kind in room.state for key, event in room.state.of_type(kind).items()]
    else:  # a batch may have brought something newer since
        events = [(kind, key, room.state.event(kind, key) or event) for (kind, key), event in changes.items()]
    return [(room.id, kind, key, event.json) for kind, key, event in events]


def _put_position(db: sqlite3.Connection, user_id: str, next_batch: str) -> None:
    db.execute(
        "INSERT INTO position (user_id, next_batch) VALUES (?1, ?2)"
        " ON CONFLICT (user_id) DO UPDATE SET next_batch = ?2",
        (user_id, next_batch),
    )


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
    for delta in sorted(deltas, key=attrgetter("room_id")):
        pieces = {(kind, key): json for kind, key, json in delta.all_state()}  # the later one wins
        if pieces:
            room_id = delta.room_id
            db.executemany(_PUT_STATE, [(room_id, kind, key, json) for (kind, key), json in sorted(pieces.items())])
    now_s = int(time.time())
    seen = [(delta.room_id, event_id, now_s) for delta in deltas for event_id in delta.seen]
    if seen:
        db.executemany(_PUT_SEEN, seen)


def _journal(db: sqlite3.Connection, rows: Sequence[InboxRow]) -> list[InboxRow]:
    fresh: list[InboxRow] = []
    now_s = int(time.time())
    for row in rows:
        if row.event_id and not db.execute(_PUT_SEEN, (row.room_id, row.event_id, now_s)).rowcount:
            continue
        row.seq = db.execute(_PUT_INBOX, (row.room_id, row.event_id, row.source.value, row.json)).lastrowid or 0
        fresh.append(row)
    return fresh


def _put_gap(db: sqlite3.Connection, gap: Gap) -> None:
    db.execute(
        "INSERT INTO gap (room_id, since, prev_batch) VALUES (?, ?, ?)",
        (gap.room_id, gap.since, gap.prev_batch),
    )


def _printable(reason: str) -> str:
    return reason[:500].encode("utf-8", "replace").decode()


def _inbox_row(row: Any) -> InboxRow:
    seq, room_id, event_id, source, event, tries = row
    return InboxRow(room_id, event_id, EventSource(source), event, seq, tries)


def _default_path(user_id: str, device_id: str) -> Path:
    folder = Path(platformdirs.user_data_dir("gomatrix_py"))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error}") from error
    name = quote(f"{user_id} {device_id}".strip(), safe="@:!#$+=~.-_")
    return folder / f"{name[:200]}.sqlite3"
