"""Who wants to hear of which events."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ..api.sync import SyncResponse
from ..errors import ListenerFailed
from ..events import Event, EventSource

__all__ = ["Listener", "ListenerPolicy", "Listeners", "log_listener_error", "raise_listener_error"]

Listener = Callable[[Event], Any]
"""Called with each event; what it returns does not matter."""

ResponseListener = Callable[[SyncResponse, str], Any]
"""Called with each answer and the `since` it answers."""

ListenerPolicy = Callable[[Event, Listener, Exception], None]
"""Called when a listener raises; whatever it raises itself stops the sync."""

log = logging.getLogger("gomatrix_py.sync")


def log_listener_error(event: Event, listener: Listener, error: Exception) -> None:
    """Log what a listener raised, and go on."""
    name = getattr(listener, "__qualname__", repr(listener))
    log.error("listener %s raised on %s %s", name, event.type, event.event_id, exc_info=error)


def raise_listener_error(event: Event, listener: Listener, error: Exception) -> None:
    """Stop the sync; the event is delivered again by the next one."""
    name = getattr(listener, "__qualname__", repr(listener))
    raise ListenerFailed(f"listener {name} raised {type(error).__name__} on {event.type} {event.event_id}") from error


class Listeners:
    """A table of listeners by event type, by source, and for everything."""

    def __init__(self) -> None:
        self._table: list[tuple[str | None, EventSource | None, Listener]] = []
        self._found: dict[tuple[EventSource, str], tuple[Listener, ...]] = {}

    def add(self, listener: Listener, event_type: str | None, source: EventSource | None) -> None:
        """Let a listener hear of events of a type (None: any) from a source (None: any)."""
        self._table = [*self._table, (event_type, source, listener)]
        self._found = {}

    def remove(self, listener: Listener) -> None:
        """Let a listener hear of nothing any more."""
        self._table = [entry for entry in self._table if entry[2] != listener]
        self._found = {}

    def wanting(self, source: EventSource, event_type: str) -> tuple[Listener, ...]:
        """Return the listeners for such an event, in the order they were added."""
        found = self._found.get((source, event_type))
        if found is None:
            found = tuple(
                listener
                for wanted_type, wanted_source, listener in self._table
                if wanted_type in (None, event_type) and wanted_source in (None, source)
            )
            if len(self._found) < 10_000:  # a server can invent types without end
                self._found[source, event_type] = found
        return found
