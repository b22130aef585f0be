"""What waits to be sent, in the file of the SQLite store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs

from ..key_values import Change
from ..outbox import OutboxKind, OutboxRow, OutboxState
from .file import StoreFile
from .key_values import put_changes

__all__ = ["SQLiteOutbox"]

_NAMES = tuple(field.name for field in attrs.fields(OutboxRow))
_COLUMNS = ", ".join(_NAMES)
_NEW = tuple(name for name in _NAMES if name != "id")
_SELECT = f"SELECT {_COLUMNS} FROM outbox"  # noqa: S608 - names of our own class
_INSERT = (
    f"INSERT OR IGNORE INTO outbox ({', '.join(_NEW)})"  # noqa: S608
    f" VALUES ({', '.join(f':{name}' for name in _NEW)})"
)
_UPDATE = (
    f"UPDATE outbox SET {', '.join(f'{name} = :{name}' for name in _NEW)}"  # noqa: S608
    " WHERE id = :id AND (state != 'sent' OR :state = 'sent')"
)
_BY_TXN = f"{_SELECT} WHERE room_id = ? AND device_id = ? AND txn_id = ?"
# what was sent may be a hundred times as much as what waits
_WAITING = f"{_SELECT} INDEXED BY outbox_waiting WHERE state != 'sent' ORDER BY id"
_WAITING_IN_ROOM = f"{_SELECT} WHERE state != 'sent' AND room_id = ? ORDER BY id"
_COUNT_WAITING = "SELECT COUNT(*) FROM outbox INDEXED BY outbox_waiting WHERE state != 'sent'"
_IS_DUE = "state != 'sent' AND state != 'wedged'"
_DUE_IDS = f"SELECT id, room_id FROM outbox INDEXED BY outbox_waiting WHERE {_IS_DUE} ORDER BY id"  # noqa: S608
_DUE_IDS_IN_ROOM = f"SELECT id, room_id FROM outbox WHERE {_IS_DUE} AND room_id = ? ORDER BY id"  # noqa: S608


class SQLiteOutbox:
    """Keeps rows in the store's file, so that they survive the process; see `OutboxStorer`.

    Args:
        open_file: returns the file, opened.
    """

    def __init__(self, open_file: Callable[[], StoreFile]) -> None:
        self._open_file = open_file

    def add(self, row: OutboxRow) -> tuple[OutboxRow, bool]:
        """Keep a row; see `OutboxStorer.add`."""
        with self._open_file().transaction() as db:
            added = db.execute(_INSERT, _values(row))
            if added.rowcount:
                return attrs.evolve(row, id=added.lastrowid or 0), True
            return _row(db.execute(_BY_TXN, (row.room_id, row.device_id, row.txn_id)).fetchone()), False

    def get(self, row_id: int) -> OutboxRow | None:
        """Return a row, or None."""
        return self._first(f"{_SELECT} WHERE id = ?", row_id)

    def find(self, room_id: str, device_id: str, txn_id: str) -> OutboxRow | None:
        """Return the row of a transaction id, or None."""
        return self._first(_BY_TXN, room_id, device_id, txn_id)

    def _first(self, sql: str, *values: Any) -> OutboxRow | None:
        rows = self._open_file().rows(sql, values)
        return _row(rows[0]) if rows else None

    def waiting(self, room_id: str | None = None) -> Sequence[OutboxRow]:
        """Return the rows that are not sent, in order."""
        found = self._open_file().rows(
            _WAITING if room_id is None else _WAITING_IN_ROOM, () if room_id is None else (room_id,)
        )
        return [_row(row) for row in found]

    def count_waiting(self) -> int:
        """Return how many rows are not sent."""
        return int(self._open_file().rows(_COUNT_WAITING, ())[0][0])

    def due_ids(self, room_id: str | None = None) -> Sequence[tuple[int, str]]:
        """Return id and room of all rows that are neither sent nor wedged, in order."""
        file = self._open_file()
        found = file.rows(_DUE_IDS, ()) if room_id is None else file.rows(_DUE_IDS_IN_ROOM, (room_id,))
        return [(row[0], row[1]) for row in found]

    def update(self, rows: Iterable[OutboxRow], *, is_durable: bool = True, changes: Sequence[Change] = ()) -> None:
        """Write rows back, all or none."""
        with self._open_file().transaction(is_durable=is_durable, check_owner=is_durable) as db:
            db.executemany(_UPDATE, [_values(row) for row in rows])
            put_changes(db, changes)

    def remove(self, row_ids: Iterable[int]) -> None:
        """Forget rows."""
        with self._open_file().transaction() as db:
            db.executemany("DELETE FROM outbox WHERE id = ?", [(row_id,) for row_id in row_ids])

    def forget_sent(self, before_ts: int, keep: int = 0) -> None:
        """Forget what was sent and put here before a moment, but for the last ones."""
        with self._open_file().transaction(is_durable=False) as db:
            db.execute(
                "DELETE FROM outbox WHERE state = 'sent' AND created_ts < ?"
                " AND id <= (SELECT id FROM outbox WHERE state = 'sent' ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (before_ts, keep),
            )


def _values(row: OutboxRow) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in _NAMES}
    values["kind"], values["state"] = row.kind.value, row.state.value
    return values


def _row(values: Any) -> OutboxRow:
    row = OutboxRow(**dict(zip(_NAMES, values, strict=True)))
    row.kind, row.state = OutboxKind(row.kind), OutboxState(row.state)
    return row
