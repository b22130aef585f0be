"""Small values by space and key, as encryption keeps them: opaque bytes, written together or not at all."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from .prefix_map import PrefixMap

__all__ = ["Change", "KeyValueStorer", "MemoryKeyValues", "key_values_of"]


class Change(NamedTuple):
    """One value to be written, or to be removed where it is None."""

    space: str
    key: str
    value: bytes | None


class KeyValueStorer(Protocol):
    """Where values are kept; a store offers one as its attribute `key_values`.

    Changes also go along with a whole sync (`SyncBatch.changes`) and with rows of the outbox
    (`OutboxStorer.update`), so that they are stored with what they belong to, or not at all.
    """

    def get(self, space: str, key: str) -> bytes | None:
        """Return a value, or None."""

    def scan(self, space: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        """Return the keys that start with `prefix` and their values, in order of the keys."""

    def count(self, space: str) -> int:
        """Return how many values a space holds."""

    def write(self, changes: Iterable[Change]) -> None:
        """Write values durably, all or none; the last change of a key wins.

        Raises:
            StoreError: nothing was written.
        """


class MemoryKeyValues:
    """Keeps values for the life of the process; threads may share one."""

    def __init__(self) -> None:
        self._spaces: defaultdict[str, PrefixMap[bytes]] = defaultdict(PrefixMap)
        self._lock = threading.Lock()

    def get(self, space: str, key: str) -> bytes | None:
        """Return a value, or None."""
        values = self._spaces.get(space)  # made by nobody who only asks: two threads might make two
        return None if values is None else values.values.get(key)

    def scan(self, space: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        """Return the keys that start with `prefix` and their values, in order."""
        with self._lock:
            return iter(list(self._spaces[space].starting_with(prefix)))

    def count(self, space: str) -> int:
        """Return how many values a space holds."""
        return len(self._spaces.get(space, ()))

    def write(self, changes: Iterable[Change]) -> None:
        """Write values."""
        changes = list(changes)
        with self._lock:
            for space, key, value in changes:
                if value is None:
                    self._spaces[space].remove(key)
                else:
                    self._spaces[space].put(key, value)


def key_values_of(store: object) -> KeyValueStorer | None:
    """Return where a store keeps values, None where it has no such place."""
    found: KeyValueStorer | None = getattr(store, "key_values", None)
    return found
