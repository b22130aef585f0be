"""The SQLite store: gomatrix's six methods, whole syncs, the journal."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import platformdirs

from ...errors import StoreError, UsageError
from ...rooms import AccountContents, Receipt, Room
from ...rooms.ephemera import read_ephemera
from ..records import Gap, InboxRow, RoomDelta, SyncBatch
from . import rows as table
from .entered_rows import EnteredRows
from .file import StoreFile
from .key_values import SQLiteKeyValues, put_changes
from .live_rooms import LiveRooms
from .maintenance import back_up, compact, verify
from .outbox import SQLiteOutbox

__all__ = ["SQLiteStore"]

IDS_KEPT = 200_000
PRUNE_EVERY = 1000


class SQLiteStore:
    """Keeps everything in one SQLite file that survives the process; threads may share one store.

    Args:
        path: of the file. None means a place of its own per user and device under the user's data
            folder; it is opened once both are known (given here, or by the client that takes the store).
        user_id: whose store it is, where `path` is None.
        device_id: which device's.

    Attributes:
        own_user_id: whose store it is, "" where nobody said.

    Raises:
        StoreError: one of its kinds; see `gomatrix_py.errors`.
    """

    def __init__(self, path: str | Path | None = None, *, user_id: str = "", device_id: str = "") -> None:
        self._file: StoreFile | None = None
        self._opening = threading.Lock()
        self._live = LiveRooms()
        self._contents = AccountContents()
        self.own_user_id = ""
        self._commits = 0
        self._place = 0
        if path is not None:
            self._file = StoreFile(Path(path).absolute())
            self.own_user_id = self._file.user_id
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
        self.own_user_id = user_id

    def backup(self, path: str | Path) -> None:
        """Copy the file while it is in use; see `maintenance.back_up`.

        Raises:
            UsageError: there is such a file already.
            StoreError: it could not be written.
        """
        back_up(self._open_file, Path(path))

    def verify(self) -> list[str]:
        """Read every page of the file and return what is wrong with it, [] for nothing."""
        return verify(self._open_file)

    def compact(self) -> int:
        """Give the space of what was deleted back, and return how many bytes that were."""
        return compact(self._open_file)

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> SQLiteStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def outbox(self) -> SQLiteOutbox:
        """What waits to be sent."""
        return SQLiteOutbox(self._opened)

    @property
    def key_values(self) -> SQLiteKeyValues:
        """Small values, as encryption keeps them."""
        return SQLiteKeyValues(self._opened)

    def _opened(self) -> StoreFile:
        return self._open_file

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
            table.put_position(db, user_id, next_batch)

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
                state = table.state_of(room, changes if is_known else None)
                receipts = [] if is_known else room.receipts.all()
                with file.transaction() as db:
                    if not is_known:
                        db.execute("DELETE FROM state WHERE room_id = ?", (room.id,))
                        db.execute("DELETE FROM receipt WHERE room_id = ?", (room.id,))
                    table.put_whole_room(db, room)
                    table.put_state(db, state)
                    table.put_receipts(db, [(room.id, receipts)])
            except BaseException as error:
                room.put_back_changes(changes)
                if not is_known and not isinstance(error, StoreError):
                    self._live.forget(room.id)  # an interrupt, which may come when all is stored already
                raise
            room.account = self
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
                rows = file.rows(table.ROOM, (room_id,))
                if not rows:
                    return None
                room = Room(room_id, source=self, account=self)
                table.fill_room(room, rows[0])
                self._live.keep(room)
            return room

    # ------------------------------------------------------------ what a room asks for

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

    def receipts_of(self, room_id: str) -> list[Receipt]:
        """Return the receipts of a room."""
        return [table.as_receipt(row) for row in self._open_file.rows(table.RECEIPTS, (room_id,))]

    def typing_in(self, room_id: str) -> Sequence[str]:
        """Return the ids of those who type in a room."""
        return self._live.typing.get(room_id, ())

    # ------------------------------------------------------------ a sync in one transaction

    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        """Store all of a batch or nothing; see `SyncStorer.commit_sync`."""
        file = self._open_file
        ephemera = [(delta.room_id, read_ephemera(delta.ephemeral)) for delta in batch.rooms if delta.has_ephemera]
        typing = [(room_id, news.typing) for room_id, news in ephemera if news.typing is not None]
        receipts = [(room_id, news.receipts) for room_id, news in ephemera if news.receipts]
        with self._live.lock:
            try:
                with file.transaction() as db:
                    rows = self._write(db, batch)
                    table.put_receipts(db, receipts)
                self._live.apply(batch.rooms, typing)
                self.own_user_id = batch.user_id
            except StoreError:
                raise  # nothing was stored
            except BaseException:
                self._read_again(batch.rooms)
                raise
        return rows

    def _write(self, db: sqlite3.Connection, batch: SyncBatch) -> list[InboxRow]:
        at = self._next_place(db)
        rows = table.put_in_inbox(db, batch.inbox, at)
        for delta in batch.rooms:
            table.put_room(db, delta)
        table.put_state_of_all(db, batch.rooms, at)
        if batch.account_data:
            table.put_account_data(db, batch.account_data)
        for gap in batch.gaps:
            table.put_gap(db, gap)
        if batch.changes:
            put_changes(db, batch.changes)
        table.put_position(db, batch.position_key or batch.user_id, batch.next_batch)
        self._prune(db)
        return rows

    def _read_again(self, deltas: list[RoomDelta]) -> None:
        """After an interrupt, which may come when all is stored, let the rooms in memory be what the file says."""
        with contextlib.suppress(StoreError):
            for room, _ in self._live.of(deltas):
                for row in self._open_file.rows(table.ROOM, (room.id,)):
                    table.fill_room(room, row)
                room.state.put_all(
                    self._open_file.rows("SELECT type, state_key, event FROM state WHERE room_id = ?", (room.id,))
                )
                unsaved = room.take_changes()
                room.put_back_changes(unsaved)
                room.state.put_all((kind, key, event) for (kind, key), event in unsaved.items())

    def _next_place(self, db: sqlite3.Connection) -> int:
        """Return the place of a batch in the order of all; looked up once, as the file is ours alone."""
        self._place = self._place + 1 if self._place else table.next_place(db)
        return self._place

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
        return [table.inbox_row(row) for row in self._open_file.rows(table.INBOX_ROWS, (0,))]

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
        return [table.inbox_row(row) for row in self._open_file.rows(table.INBOX_ROWS, (1,))]

    def put_back(self, rows: Iterable[InboxRow]) -> None:
        """Let rows that were set aside be delivered again."""
        with self._open_file.transaction() as db:
            db.executemany(
                "UPDATE inbox SET set_aside_because = NULL, tries = 0"
                " WHERE seq = ? AND set_aside_because IS NOT NULL",
                [(row.seq,) for row in rows],
            )

    @property
    def entered_rows(self) -> EnteredRows:
        """Which rows of the journal are with their listeners right now."""
        return self._open_file.entered_rows

    @property
    def was_rolled_back(self) -> bool:
        """True where this file is an older copy of one that was in use at this place."""
        return self._open_file.was_rolled_back

    @property
    def schema_version(self) -> int:
        """The version of the tables in the file."""
        return int(self._open_file.rows("PRAGMA user_version")[0][0])

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
            fresh = table.put_in_inbox(db, rows, self._next_place(db))
            db.execute("DELETE FROM gap WHERE id = ?", (gap.id,))
            if rest is not None:
                table.put_gap(db, rest)
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

    def account_content(self, event_type: str, room_id: str = "") -> dict[str, Any]:
        """Return the content of a piece of account data, {} where there is none; not to be changed."""
        return self._contents.of(self.load_account_data(event_type, room_id), event_type, room_id)

    def room_ids(self, membership: str | None = None) -> Sequence[str]:
        """Return the ids of the known rooms to which we stand like that (None: of all)."""
        rows = self._open_file.rows("SELECT room_id FROM room WHERE ?1 IS NULL OR membership = ?1", (membership,))
        return [row[0] for row in rows]

    def __repr__(self) -> str:
        return f"<SQLiteStore {self.path or 'not open yet'}>"


def _printable(reason: str) -> str:
    return reason[:500].encode("utf-8", "replace").decode()


def _default_path(user_id: str, device_id: str) -> Path:
    folder = Path(platformdirs.user_data_dir("gomatrix_py"))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error}") from error
    name = quote(f"{user_id} {device_id}".strip(), safe="@:!#$+=~.-_")
    return folder / f"{name[:200]}.sqlite3"
