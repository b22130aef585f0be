"""The state of a room: events by type and state key, read from wherever they are when first asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from ..errors import DecodeError
from ..events import Event
from ..events.skim import state_pieces

__all__ = ["RoomState", "StateSource"]

MAX_UNREAD = 16

_StateByKey = dict[str, "Event | bytes"]


class StateSource(Protocol):
    """Where a room's state can be read that is not in memory yet."""

    def state_event(self, room_id: str, event_type: str, state_key: str) -> bytes | None:
        """Return one piece of state as JSON, or None."""

    def state_of_type(self, room_id: str, event_type: str) -> dict[str, bytes]:
        """Return all state of one type as JSON, by state key."""

    def state_types(self, room_id: str) -> list[str]:
        """Return the types of state there are."""


class RoomState(Mapping[str, Mapping[str, Event]]):
    """State events, as ``state[type][state_key]``; views are snapshots.

    What comes from a source is read one type at a time, and an `Event` is made of its bytes when
    somebody looks at it.

    Args:
        room_id: of the room.
        source: where the rest is; None where all there is has been put in.
    """

    __slots__ = ("_entries", "_lock", "_room_id", "_source", "_unread", "_whole_types", "edition")

    def __init__(self, room_id: str, source: StateSource | None = None) -> None:
        self._room_id = room_id
        self._source = source
        self._entries: dict[str, _StateByKey] = {}
        self._unread: list[bytes | list[tuple[str, str, Event | bytes]]] = []
        self._whole_types: set[str] = set()
        self._lock = threading.RLock()
        self.edition = 0
        """Another number once something was put; whoever keeps what is made of the state looks at it first."""

    def put(self, event_type: str, state_key: str, event: Event | bytes) -> None:
        """Set one piece of state."""
        self.put_all(((event_type, state_key, event),))

    def put_unread(self, array: bytes) -> None:
        """Set state from a JSON array of events, which is decoded when somebody looks at this room."""
        with self._lock:
            self._put_off(array)
            self.edition += 1

    def _put_off(self, pieces: bytes | list[tuple[str, str, Event | bytes]]) -> None:
        self._unread.append(pieces)
        if len(self._unread) > MAX_UNREAD:
            self._read()

    def _read(self) -> None:
        with self._lock:
            for pieces in self._unread:
                self._put(state_pieces(pieces) if isinstance(pieces, bytes) else pieces)
            self._unread = []  # only now: a reader without the lock must not find neither

    def put_all(self, pieces: Iterable[tuple[str, str, Event | bytes]]) -> None:
        """Set pieces of state, each as (type, state key, event or its JSON), the last one winning."""
        with self._lock:
            if self._unread:
                self._put_off(list(pieces))  # after what is not read yet, without reading it
            else:
                self._put(pieces)
            self.edition += 1  # not before: who sees the new number must see what was put

    def forget(self) -> None:
        """Forget all that was put; what a source has is read from there anew."""
        with self._lock:
            self._entries, self._unread, self._whole_types = {}, [], set()
            self.edition += 1

    def put_if_still(self, event_id: str | None, event: Event) -> bool:
        """Set a piece of state if what is there is the event of this id (None: nothing); tell whether it was."""
        key = event.state_key or ""
        with self._lock:
            now = self.event(event.type, key)
            if (now.event_id if now is not None else None) != event_id:
                return False
            self.put(event.type, key, event)
            return True

    def _put(self, pieces: Iterable[tuple[str, str, Event | bytes]]) -> None:
        entries = self._entries
        for event_type, state_key, event in pieces:
            by_key = entries.get(event_type)
            if by_key is None:
                by_key = entries[event_type] = {}
            by_key[state_key] = event

    def event(self, event_type: str, state_key: str) -> Event | None:
        """Return one piece of state, or None."""
        if self._unread:
            self._read()
        by_key = self._entries.get(event_type)
        found = by_key.get(state_key) if by_key is not None else None
        if found is None:
            if self._source is None or event_type in self._whole_types:
                return None
            found = self._source.state_event(self._room_id, event_type, state_key)
            if found is None:
                return None
            with self._lock:
                found = self._entries.setdefault(event_type, {}).setdefault(state_key, found)
        return self._as_event(event_type, state_key, found)

    def of_type(self, event_type: str) -> dict[str, Event]:
        """Return all state of one type, by state key."""
        if self._unread:
            self._read()
        self._read_type(event_type)
        with self._lock:
            entries = list(self._entries.get(event_type, {}).items())
        events = ((key, self._as_event(event_type, key, found)) for key, found in entries)
        return {key: event for key, event in events if event is not None}

    def _read_type(self, event_type: str) -> None:
        if self._source is None or event_type in self._whole_types:
            return
        with self._lock:
            if event_type in self._whole_types:  # another thread was faster
                return
            stored: _StateByKey = dict(self._source.state_of_type(self._room_id, event_type))
            stored.update(self._entries.get(event_type, {}))
            if stored:
                self._entries[event_type] = stored
            self._whole_types.add(event_type)

    def _as_event(self, event_type: str, state_key: str, found: Event | bytes) -> Event | None:
        if isinstance(found, Event):
            return found
        try:
            event = Event.from_json(found, self._room_id)
        except DecodeError:  # what was skimmed only may be no event after all; one must not hide the others
            return None
        with self._lock:
            entries = self._entries.get(event_type, {})
            if entries.get(state_key) is found:
                entries[state_key] = event
        return event

    def __getitem__(self, event_type: str) -> dict[str, Event]:
        found = self.of_type(event_type)
        if not found and event_type not in self._entries:  # a type whose events cannot be read is there, and empty
            raise KeyError(event_type)
        return found

    def __iter__(self) -> Iterator[str]:
        if self._unread:
            self._read()
        types = dict.fromkeys(self._source.state_types(self._room_id) if self._source else ())
        types.update(dict.fromkeys(list(self._entries)))
        return iter(types)

    def __len__(self) -> int:
        return len(list(iter(self)))
