"""Values by key, found by how their keys start."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["PrefixMap"]

V = TypeVar("V")


class PrefixMap(Generic[V]):
    """Keeps values by key, and the keys in order: finding those with a prefix looks at no others."""

    __slots__ = ("_keys", "values")

    def __init__(self) -> None:
        self.values: dict[str, V] = {}
        self._keys: list[str] = []

    def __len__(self) -> int:
        return len(self.values)

    def put(self, key: str, value: V) -> None:
        """Set a value."""
        if key not in self.values:
            insort(self._keys, key)
        self.values[key] = value

    def remove(self, key: str) -> None:
        """Remove a value, where there is one."""
        if key in self.values:
            del self.values[key]
            del self._keys[bisect_left(self._keys, key)]

    def starting_with(self, prefix: str) -> Iterator[tuple[str, V]]:
        """Return the keys that start with `prefix` and their values, in order."""
        for at in range(bisect_left(self._keys, prefix), len(self._keys)):
            key = self._keys[at]
            if not key.startswith(prefix):
                return
            yield key, self.values[key]
