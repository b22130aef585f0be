"""What waits to be sent: its rows, what a store must be able to do with them, and the one in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Protocol

import attrs

from .key_values import Change, KeyValueStorer, MemoryKeyValues

__all__ = ["MemoryOutbox", "OutboxKind", "OutboxRow", "OutboxState", "OutboxStorer", "outbox_of"]


class OutboxKind(str, Enum):
    """What a row sends."""

    EVENT = "event"
    REDACTION = "redaction"
    UPLOAD = "upload"


class OutboxState(str, Enum):
    """How far a row is."""

    QUEUED = "queued"
    """Nobody tried to send it yet, or the server certainly did not take it."""

    SENDING = "sending"
    """It may have reached the server; trying again with the same transaction id is the same event."""

    PARKED = "parked"
    """As `SENDING`, but its caller was told and gave up; it is tried again by a flush, and keeps nobody waiting."""

    WEDGED = "wedged"
    """The server refuses it again and again; it is tried no more unless somebody asks."""

    SENT = "sent"
    """The server has it; kept for a while so that the same transaction id sends nothing new."""


@attrs.define(slots=True)
class OutboxRow:
    """Something to be sent, once.

    Attributes:
        room_id: where to; rows of one room are sent in the order of their ids.
        kind: what is sent.
        event_type: of the event.
        content: its content as JSON; of an upload, what is uploaded.
        txn_id: the transaction id, which makes every repetition the same event.
        device_id: for which device the transaction id means something.
        target: the event that a redaction redacts.
        sender: the user an application service acts as, "" for ourselves.
        ts: origin_server_ts an application service asks for, in milliseconds; None for now.
        depends_on: the id of the row that must be sent first, 0 for none.
        created_ts: when it was put here, in milliseconds.
        expires_ts: when it is no longer worth sending, in milliseconds; 0 for never.
        id: given by the store.
        state: how far it is.
        first_tried_ts: when it first may have reached the server, in milliseconds; 0 for never.
        tries: how often it was sent.
        refusals: how often in a row the server refused it in the same words.
        last_error: why it is not sent yet.
        event_id: what it became; of an upload, its ``mxc://`` address.
    """

    room_id: str
    event_type: str
    content: bytes = attrs.field(repr=False)
    txn_id: str
    device_id: str = ""
    kind: OutboxKind = OutboxKind.EVENT
    target: str = ""
    sender: str = ""
    ts: int | None = None
    depends_on: int = 0
    created_ts: int = 0
    expires_ts: int = 0
    id: int = 0
    state: OutboxState = OutboxState.QUEUED
    first_tried_ts: int = 0
    tries: int = 0
    refusals: int = 0
    last_error: str = ""
    event_id: str = ""

    @property
    def is_sent(self) -> bool:
        """True once the server has it."""
        return self.state is OutboxState.SENT


class OutboxStorer(Protocol):
    """Where rows are kept; a store offers one as its attribute `outbox`."""

    def add(self, row: OutboxRow) -> tuple[OutboxRow, bool]:
        """Keep a row, durably.

        Returns:
            The row with its id, and True; or, where this device has used the transaction id in this room
            before, the row of then, and False.
        """

    def get(self, row_id: int) -> OutboxRow | None:
        """Return a row, or None."""

    def find(self, room_id: str, device_id: str, txn_id: str) -> OutboxRow | None:
        """Return the row of a transaction id, or None."""

    def waiting(self, room_id: str | None = None) -> Sequence[OutboxRow]:
        """Return the rows that are not sent, of a room or of all rooms, in order of id."""

    def count_waiting(self) -> int:
        """Return how many rows are not sent."""

    def due_ids(self, room_id: str | None = None) -> Sequence[tuple[int, str]]:
        """Return id and room of all rows that are neither sent nor wedged, in order of id."""

    def update(self, rows: Iterable[OutboxRow], *, is_durable: bool = True, changes: Sequence[Change] = ()) -> None:
        """Write rows back, all or none.

        Args:
            rows: as they are now; one that was removed in the meantime stays removed, and one that was sent
                stays sent. Room, device and transaction id never change.
            changes: values of the store's `key_values` that are written together with the rows.
            is_durable: False where losing the change to a power failure does no harm.
        """

    def remove(self, row_ids: Iterable[int]) -> None:
        """Forget rows."""

    def forget_sent(self, before_ts: int, keep: int = 0) -> None:
        """Forget what was sent and put here before a moment, in milliseconds.

        Args:
            before_ts: the moment.
            keep: so many of the last rows that were sent stay in any case, as the clock may be wrong.
        """


class MemoryOutbox:
    """Keeps rows for the life of the process; threads may share one.

    Args:
        key_values: where the changes go that come with rows.
        sent_kept: how many rows that were sent are kept, the last ones.
    """

    def __init__(self, key_values: KeyValueStorer | None = None, *, sent_kept: int = 10_000) -> None:
        self._key_values = key_values or MemoryKeyValues()
        self._sent_kept = sent_kept
        self._waiting: dict[int, OutboxRow] = {}
        self._sent: dict[int, OutboxRow] = {}
        self._ids: dict[tuple[str, str, str], int] = {}
        self._last_id = 0
        self._lock = threading.Lock()

    def add(self, row: OutboxRow) -> tuple[OutboxRow, bool]:
        """Keep a row; see `OutboxStorer.add`."""
        with self._lock:
            known = self._row(self._ids.get(_key(row), 0))
            if known is not None:
                return attrs.evolve(known), False
            self._last_id += 1
            kept = attrs.evolve(row, id=self._last_id)
            self._ids[_key(row)] = kept.id
            self._put(kept)
            return attrs.evolve(kept), True

    def _row(self, row_id: int) -> OutboxRow | None:
        return self._waiting.get(row_id) or self._sent.get(row_id)

    def _put(self, row: OutboxRow) -> None:
        if not row.is_sent:
            self._waiting[row.id] = row
            return
        self._waiting.pop(row.id, None)
        self._sent[row.id] = row
        if len(self._sent) > self._sent_kept:
            self._drop(next(iter(self._sent)))

    def _drop(self, row_id: int) -> None:
        row = self._waiting.pop(row_id, None) or self._sent.pop(row_id, None)
        if row is not None:
            del self._ids[_key(row)]

    def get(self, row_id: int) -> OutboxRow | None:
        """Return a row, or None."""
        with self._lock:
            row = self._row(row_id)
            return attrs.evolve(row) if row is not None else None

    def find(self, room_id: str, device_id: str, txn_id: str) -> OutboxRow | None:
        """Return the row of a transaction id, or None."""
        return self.get(self._ids.get((room_id, device_id, txn_id), 0))

    def waiting(self, room_id: str | None = None) -> Sequence[OutboxRow]:
        """Return the rows that are not sent, in order."""
        with self._lock:
            return [attrs.evolve(row) for row in self._waiting.values() if room_id in (None, row.room_id)]

    def count_waiting(self) -> int:
        """Return how many rows are not sent."""
        with self._lock:
            return len(self._waiting)

    def due_ids(self, room_id: str | None = None) -> Sequence[tuple[int, str]]:
        """Return id and room of all rows that are neither sent nor wedged, in order."""
        with self._lock:
            due = [row for row in self._waiting.values() if row.state is not OutboxState.WEDGED]
        return [(row.id, row.room_id) for row in due if room_id in (None, row.room_id)]

    def update(self, rows: Iterable[OutboxRow], *, is_durable: bool = True, changes: Sequence[Change] = ()) -> None:
        """Write rows back."""
        self._key_values.write(changes)
        with self._lock:
            for row in rows:
                if row.id in self._waiting or (row.is_sent and row.id in self._sent):
                    self._put(attrs.evolve(row))

    def remove(self, row_ids: Iterable[int]) -> None:
        """Forget rows."""
        with self._lock:
            for row_id in row_ids:
                self._drop(row_id)

    def forget_sent(self, before_ts: int, keep: int = 0) -> None:
        """Forget what was sent and put here before a moment, but for the last ones."""
        with self._lock:
            ids = sorted(self._sent)
            old = [one for one in ids[: max(0, len(ids) - keep)] if self._sent[one].created_ts < before_ts]
        self.remove(old)


def _key(row: OutboxRow) -> tuple[str, str, str]:
    return row.room_id, row.device_id, row.txn_id


def outbox_of(store: object) -> OutboxStorer | None:
    """Return where a store keeps what waits to be sent, None where it has no such place."""
    found: OutboxStorer | None = getattr(store, "outbox", None)
    return found
