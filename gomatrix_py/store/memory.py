"""The store that lives and dies with the process."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from ..rooms import AccountContents, Room
from .journal import Journal
from .key_values import MemoryKeyValues
from .outbox import MemoryOutbox
from .records import Gap, InboxRow, RoomDelta, SyncBatch

__all__ = ["InMemoryStore"]


class InMemoryStore:
    """Keeps everything in dicts; threads may share one.

    Attributes:
        filters, next_batches: by user id.
        rooms: by room id.
        own_user_id: whose store it is, "" where nobody said.
    """

    def __init__(self) -> None:
        self.filters: dict[str, str] = {}
        self.next_batches: dict[str, str] = {}
        self.rooms: dict[str, Room] = {}
        self._lock = threading.RLock()
        self._journal = Journal()
        self._gaps: dict[int, Gap] = {}
        self._account_data: dict[tuple[str, str], bytes] = {}
        self._contents = AccountContents()
        self.own_user_id = ""
        self._last_gap = 0
        self.key_values = MemoryKeyValues()
        self.outbox = MemoryOutbox(self.key_values)

    def bind(self, user_id: str, device_id: str = "") -> None:
        """Say whose store this is; the client calls this."""
        self.own_user_id = user_id

    # ------------------------------------------------------------ gomatrix's six

    def save_filter_id(self, user_id: str, filter_id: str) -> None:
        """Remember a filter id."""
        self.filters[user_id] = filter_id

    def load_filter_id(self, user_id: str) -> str:
        """Return the filter id, or ""."""
        return self.filters.get(user_id, "")

    def save_next_batch(self, user_id: str, next_batch: str) -> None:
        """Remember where the next sync starts."""
        self.next_batches[user_id] = next_batch

    def load_next_batch(self, user_id: str) -> str:
        """Return where the next sync starts, or ""."""
        return self.next_batches.get(user_id, "")

    def save_room(self, room: Room) -> None:
        """Remember a room."""
        room.take_changes()
        room.account = self
        self.rooms[room.id] = room

    def load_room(self, room_id: str) -> Room | None:
        """Return a room, or None."""
        return self.rooms.get(room_id)

    # ------------------------------------------------------------ a sync in one step

    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        """Take a batch in; see `SyncStorer.commit_sync`.

        The token is set last: an interrupt in between makes the server say it all again, and what was
        journalled already is known by its id.
        """
        with self._lock:
            rows = self._journal.append(batch.inbox)
            for delta in batch.rooms:
                self._apply(delta)
            for data in batch.account_data:
                self._account_data[data.room_id, data.type] = data.json
            for gap in batch.gaps:
                self._add_gap(gap)
            if batch.changes:
                self.key_values.write(batch.changes)
            self.own_user_id = batch.user_id
            self.next_batches[batch.position_key or batch.user_id] = batch.next_batch
            return rows

    def _apply(self, delta: RoomDelta) -> None:
        room = self.rooms.get(delta.room_id)
        if room is None:
            room = self.rooms[delta.room_id] = Room(delta.room_id, account=self)
        room.apply(delta)
        if delta.seen:
            self._journal.note(delta.room_id, delta.seen)

    # ------------------------------------------------------------ the journal

    def undelivered(self) -> Sequence[InboxRow]:
        """Return the rows not yet marked, in order."""
        return self._journal.undelivered()

    def begin_try(self, row: InboxRow) -> int:
        """Count one more delivery of a row."""
        return self._journal.begin_try(row)

    def mark_delivered(self, rows: Iterable[InboxRow]) -> None:
        """Take rows out of the journal, those set aside as well."""
        self._journal.mark_delivered(rows)

    def set_aside(self, row: InboxRow, reason: str) -> None:
        """Keep a row, but deliver it no more."""
        self._journal.set_aside(row, reason)

    def quarantined(self) -> Sequence[InboxRow]:
        """Return the rows that were set aside."""
        return self._journal.quarantined()

    def put_back(self, rows: Iterable[InboxRow]) -> None:
        """Let rows that were set aside be delivered again."""
        self._journal.put_back(rows)

    # ------------------------------------------------------------ gaps and the rest

    def _add_gap(self, gap: Gap) -> None:
        self._last_gap += 1
        self._gaps[self._last_gap] = attrs.evolve(gap, id=self._last_gap)

    def gaps(self, room_id: str | None = None) -> Sequence[Gap]:
        """Return the gaps of a room, or of all rooms."""
        with self._lock:
            return [gap for gap in self._gaps.values() if room_id in (None, gap.room_id)]

    def commit_gap(self, gap: Gap, rows: Sequence[InboxRow], rest: Gap | None) -> Sequence[InboxRow]:
        """Journal the events of a gap and replace it by what is left of it."""
        with self._lock:
            fresh = self._journal.append(rows)
            self._gaps.pop(gap.id, None)
            if rest is not None:
                self._add_gap(rest)
            return fresh

    def has_event(self, room_id: str, event_id: str) -> bool:
        """Tell whether this event came before (of the last thousand of its room)."""
        return self._journal.knows(room_id, event_id)

    def load_account_data(self, event_type: str, room_id: str = "") -> bytes | None:
        """Return a piece of account data as the JSON of its event, or None."""
        return self._account_data.get((room_id, event_type))

    def account_content(self, event_type: str, room_id: str = "") -> dict[str, Any]:
        """Return the content of a piece of account data, {} where there is none; not to be changed."""
        return self._contents.of(self.load_account_data(event_type, room_id), event_type, room_id)

    def room_ids(self, membership: str | None = None) -> Sequence[str]:
        """Return the ids of the known rooms to which we stand like that (None: of all)."""
        rooms = list(self.rooms.values())
        return [room.id for room in rooms if membership in (None, room.membership)]
