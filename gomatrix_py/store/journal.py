"""A journal in memory: events on their way to the listeners, and the ids of those that came."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from .records import InboxRow

__all__ = ["Journal"]

IDS_PER_ROOM = 1000


class Journal:
    """Keeps rows until they are marked, and tells new events from those that came before.

    Of each room at least the last IDS_PER_ROOM ids are remembered. Threads may share one.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._open: dict[int, InboxRow] = {}
        self._aside: dict[int, InboxRow] = {}
        self._known: dict[str, _RecentIds] = {}
        self._last_seq = 0

    def append(self, rows: Iterable[InboxRow]) -> list[InboxRow]:
        """Take rows in, and return those that were new, with their `seq`.

        A row stands in the journal before its id is known: an interrupt in between makes it come twice
        rather than never.
        """
        fresh: list[InboxRow] = []
        with self._lock:
            for row in rows:
                ids = self._ids_of(row.room_id)
                if row.event_id and row.event_id in ids:
                    continue
                self._last_seq += 1
                row.seq = self._last_seq
                self._open[row.seq] = row
                if row.event_id:
                    ids.add(row.event_id)
                fresh.append(row)
        return fresh

    def note(self, room_id: str, event_ids: Iterable[str]) -> None:
        """Remember events that nobody waits for."""
        with self._lock:
            ids = self._ids_of(room_id)
            for event_id in event_ids:
                ids.add(event_id)

    def knows(self, room_id: str, event_id: str) -> bool:
        """Tell whether this event came before."""
        ids = self._known.get(room_id)
        return ids is not None and event_id in ids

    def undelivered(self) -> list[InboxRow]:
        """Return the rows not yet marked, in order."""
        with self._lock:
            return list(self._open.values())

    def begin_try(self, row: InboxRow) -> int:
        """Count one more delivery of a row, and return how many that makes."""
        with self._lock:
            kept = self._open.get(row.seq, row)
            kept.tries += 1
            row.tries = kept.tries
            return kept.tries

    def mark_delivered(self, rows: Iterable[InboxRow]) -> None:
        """Take rows out, those set aside as well; their ids stay known."""
        with self._lock:
            for row in rows:
                self._open.pop(row.seq, None)
                self._aside.pop(row.seq, None)

    def set_aside(self, row: InboxRow, reason: str) -> None:
        """Keep a row, but deliver it no more."""
        with self._lock:
            kept = self._open.pop(row.seq, None)
            if kept is not None:
                kept.reason = reason or "no reason was given"
                self._aside[row.seq] = kept

    def quarantined(self) -> list[InboxRow]:
        """Return the rows that were set aside, in order."""
        with self._lock:
            return [self._aside[seq] for seq in sorted(self._aside)]

    def put_back(self, rows: Iterable[InboxRow]) -> None:
        """Let rows that were set aside be delivered again, in their old places; their tries begin anew."""
        with self._lock:
            back = [self._aside.pop(row.seq) for row in rows if row.seq in self._aside]
            for row in back:
                row.reason, row.tries = "", 0
                self._open[row.seq] = row
            if back:
                self._open = dict(sorted(self._open.items()))

    def _ids_of(self, room_id: str) -> _RecentIds:
        ids = self._known.get(room_id)
        if ids is None:
            ids = self._known[room_id] = _RecentIds()
        return ids


class _RecentIds:
    """At least the last IDS_PER_ROOM ids, and at most twice as many."""

    __slots__ = ("_newer", "_older")

    def __init__(self) -> None:
        self._newer: set[str] = set()
        self._older: set[str] = set()

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._newer or event_id in self._older

    def add(self, event_id: str) -> None:
        self._newer.add(event_id)
        if len(self._newer) >= IDS_PER_ROOM:
            self._older, self._newer = self._newer, set()
