"""The store that lives and dies with the process."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

import attrs

from ..rooms import Room
from .records import Gap, InboxRow, RoomDelta, SyncBatch

__all__ = ["InMemoryStore"]

SEEN_PER_ROOM = 1000


class InMemoryStore:
    """Keeps everything in dicts; threads may share one.

    Attributes:
        filters, next_batches: by user id.
        rooms: by room id.
    """

    def __init__(self) -> None:
        self.filters: dict[str, str] = {}
        self.next_batches: dict[str, str] = {}
        self.rooms: dict[str, Room] = {}
        self._lock = threading.RLock()
        self._inbox: dict[int, InboxRow] = {}
        self._aside: dict[int, InboxRow] = {}
        self._seen: dict[str, dict[str, None]] = {}
        self._gaps: dict[int, Gap] = {}
        self._account_data: dict[tuple[str, str], bytes] = {}
        self._last_seq = 0

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
            rows = self._journal(batch.inbox)
            for delta in batch.rooms:
                self._apply(delta)
            for data in batch.account_data:
                self._account_data[data.room_id, data.type] = data.json
            for gap in batch.gaps:
                self._add_gap(gap)
            self.next_batches[batch.user_id] = batch.next_batch
            return rows

    def _apply(self, delta: RoomDelta) -> None:
        room = self.rooms.get(delta.room_id)
        if room is None:
            room = self.rooms[delta.room_id] = Room(delta.room_id)
        room.apply(
            delta.membership,
            delta.state,
            delta.summary,
            delta.notification_count,
            delta.highlight_count,
            delta.prev_batch,
        )
        if delta.seen:
            seen = self._seen.setdefault(delta.room_id, {})
            seen.update(dict.fromkeys(delta.seen))
            _forget_oldest(seen)

    def _journal(self, rows: Iterable[InboxRow]) -> list[InboxRow]:
        fresh: list[InboxRow] = []
        for row in rows:
            seen = self._seen.get(row.room_id)
            if seen is None:
                seen = self._seen[row.room_id] = {}
            elif row.event_id in seen:
                continue
            self._last_seq += 1
            row.seq = self._last_seq
            self._inbox[row.seq] = row
            if row.event_id:
                seen[row.event_id] = None
                if len(seen) > SEEN_PER_ROOM:
                    _forget_oldest(seen)
            fresh.append(row)
        return fresh

    # ------------------------------------------------------------ the journal

    def undelivered(self) -> Sequence[InboxRow]:
        """Return the rows not yet marked, in order."""
        with self._lock:
            return list(self._inbox.values())

    def begin_try(self, row: InboxRow) -> int:
        """Count one more delivery of a row."""
        row.tries += 1
        return row.tries

    def mark_delivered(self, rows: Iterable[InboxRow]) -> None:
        """Take rows out of the journal."""
        with self._lock:
            for row in rows:
                self._inbox.pop(row.seq, None)

    def set_aside(self, row: InboxRow, reason: str) -> None:
        """Keep a row, but deliver it no more."""
        with self._lock:
            self._inbox.pop(row.seq, None)
            self._aside[row.seq] = row

    def quarantined(self) -> Sequence[InboxRow]:
        """Return the rows that were set aside."""
        with self._lock:
            return list(self._aside.values())

    # ------------------------------------------------------------ gaps and the rest

    def _add_gap(self, gap: Gap) -> None:
        self._last_seq += 1
        self._gaps[self._last_seq] = attrs.evolve(gap, id=self._last_seq)

    def gaps(self, room_id: str | None = None) -> Sequence[Gap]:
        """Return the gaps of a room, or of all rooms."""
        with self._lock:
            return [gap for gap in self._gaps.values() if room_id in (None, gap.room_id)]

    def commit_gap(self, gap: Gap, rows: Sequence[InboxRow], rest: Gap | None) -> Sequence[InboxRow]:
        """Journal the events of a gap and replace it by what is left of it."""
        with self._lock:
            fresh = self._journal(rows)
            self._gaps.pop(gap.id, None)
            if rest is not None:
                self._add_gap(rest)
            return fresh

    def has_event(self, room_id: str, event_id: str) -> bool:
        """Tell whether this event came before (of the last thousand of its room)."""
        return event_id in self._seen.get(room_id, ())

    def load_account_data(self, event_type: str, room_id: str = "") -> bytes | None:
        """Return a piece of account data as the JSON of its event, or None."""
        return self._account_data.get((room_id, event_type))

    def room_ids(self) -> Sequence[str]:
        """Return the ids of all known rooms."""
        return list(self.rooms)


def _forget_oldest(seen: dict[str, None]) -> None:
    while len(seen) > SEEN_PER_ROOM:
        del seen[next(iter(seen))]
