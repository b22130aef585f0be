"""Who wants to hear of which events."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from ..api.sync import SyncResponse
from ..codec import dumps
from ..errors import ListenerFailed
from ..events import Event, EventSource

__all__ = [
    "Listener",
    "ListenerPolicy",
    "Listeners",
    "ResponseListener",
    "log_listener_error",
    "raise_listener_error",
]

Listener = Callable[[Event], Any]
"""Called with each event; what it returns does not matter."""

ResponseListener = Callable[[SyncResponse, str], Any]
"""Called with each answer and the `since` it answers."""

ListenerPolicy = Callable[["Event | SyncResponse", "Listener | ResponseListener", Exception], None]
"""Called when a listener raises on an event or a whole answer; whatever it raises itself stops the sync."""

_Entry = tuple["str | None", "EventSource | None", Listener]

log = logging.getLogger("gomatrix_py.sync")


def log_listener_error(told: Event | SyncResponse, listener: Listener | ResponseListener, error: Exception) -> None:
    """Log what a listener raised, and go on."""
    log.error("listener %s raised on %s", _name(listener), _brief(told), exc_info=error)


def raise_listener_error(told: Event | SyncResponse, listener: Listener | ResponseListener, error: Exception) -> None:
    """Stop the sync; an event is delivered again by the next one, a whole answer is not."""
    raise ListenerFailed(f"listener {_name(listener)} raised {type(error).__name__} on {_brief(told)}") from error


def _name(listener: Listener | ResponseListener) -> str:
    name: str = getattr(listener, "__qualname__", repr(listener))
    return name


def _brief(told: Event | SyncResponse) -> str:
    return f"{told.type} {told.event_id}" if isinstance(told, Event) else repr(told)


class _Table:
    """Who listens, and what was found out about it; never changed but replaced, so that no thread finds half."""

    __slots__ = ("entries", "found", "types")

    def __init__(self, entries: tuple[_Entry, ...]) -> None:
        self.entries = entries
        self.found: dict[tuple[EventSource, str], tuple[Listener, ...]] = {}
        self.types: dict[EventSource, list[bytes] | None] = {}


class Listeners:
    """A table of listeners by event type, by source, and for everything; threads may share it."""

    def __init__(self) -> None:
        self._table = _Table(())
        self._lock = threading.Lock()

    def add(self, listener: Listener, event_type: str | None, source: EventSource | None) -> None:
        """Let a listener hear of events of a type (None: any) from a source (None: any)."""
        with self._lock:
            self._table = _Table((*self._table.entries, (event_type, source, listener)))

    def remove(self, listener: Listener) -> None:
        """Let a listener hear of nothing any more."""
        with self._lock:
            self._table = _Table(tuple(entry for entry in self._table.entries if entry[2] != listener))

    def may_want(self, source: EventSource, array: bytes) -> bool:
        """Tell, without decoding, whether anybody could want an event of this JSON array.

        A type that stands nowhere in the array, not even in escapes, is the type of none of its events.
        """
        table = self._table
        if source not in table.types:
            types = {kind for kind, wanted_source, _ in table.entries if wanted_source in (None, source)}
            table.types[source] = None if None in types else [dumps(kind) for kind in sorted(types, key=str)]
        wanted = table.types[source]
        if wanted is None or not wanted:
            return wanted is None
        return b"\\u" in array or b"\\/" in array or any(kind in array for kind in wanted)

    def wanting(self, source: EventSource, event_type: str) -> tuple[Listener, ...]:
        """Return the listeners for such an event, in the order they were added."""
        table = self._table
        found = table.found.get((source, event_type))
        if found is None:
            found = tuple(
                listener
                for wanted_type, wanted_source, listener in table.entries
                if wanted_type in (None, event_type) and wanted_source in (None, source)
            )
            if len(table.found) < 10_000:  # a server can invent types without end
                table.found[source, event_type] = found
        return found
