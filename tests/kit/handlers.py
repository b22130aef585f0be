"""Listeners that are slow or fail as they were told, and notes on what ran when."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import attrs

from gomatrix_py import Event

__all__ = ["Handlers"]


@attrs.define
class Handlers:
    """A listener that keeps notes; threads may share it.

    Attributes:
        naps_s: how long to take, by event id.
        failures: how often to raise, by event id; counted down.
        stops_at: the event at which `stop` is called.
        heard: room and event of each run that began, in order.
        most_at_once: how many ran at the same time at most.
        overlaps: rooms in which two ran at the same time.
    """

    naps_s: Mapping[str, float] = attrs.field(factory=dict)
    failures: dict[str, int] = attrs.field(factory=dict)
    heard: list[tuple[str, str]] = attrs.field(factory=list)
    returned: list[str] = attrs.field(factory=list)
    most_at_once: int = 0
    overlaps: list[str] = attrs.field(factory=list)
    _running: list[str] = attrs.field(factory=list)
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    def __call__(self, event: Event) -> None:
        room_id = event.room_id
        with self._lock:
            self.heard.append((room_id, event.event_id))
            if room_id in self._running:
                self.overlaps.append(room_id)
            self._running.append(room_id)
            self.most_at_once = max(self.most_at_once, len(self._running))
        time.sleep(self.naps_s.get(event.event_id, 0))
        with self._lock:
            self._running.remove(room_id)
            if self.failures.get(event.event_id, 0):
                self.failures[event.event_id] -= 1
                raise LookupError(event.event_id)
            self.returned.append(event.event_id)

    def of(self, room_id: str) -> list[str]:
        """Return the events of a room, as they began."""
        return [event_id for one, event_id in self.heard if one == room_id]
