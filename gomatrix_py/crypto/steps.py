"""One step of the engine: what it reads, and the changes it makes, which are stored together or not at all.

Whatever is read in a step is read as the step left it. Nothing is stored before its owner commits the changes:
with a sync, with rows of the outbox, or alone. A step that is dropped never happened.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from ..codec import dumps_own, loads
from ..errors import BadPickle, DecodeError
from ..store.key_values import Change
from ..store.prefix_map import PrefixMap
from .vault import Vault

__all__ = ["Step"]


class Step:
    """Reads and changes the engine's records.

    Args:
        vault: where they are.
    """

    __slots__ = ("_changed", "vault")

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self._changed: defaultdict[str, PrefixMap[bytes | None]] = defaultdict(PrefixMap)

    # ------------------------------------------------------------ values

    def get(self, space: str, key: str) -> bytes | None:
        """Return a value, or None.

        Raises:
            BadPickle: it is damaged.
        """
        changed = self._changed.get(space)
        if changed is not None and key in changed.values:
            return changed.values[key]
        return self.vault.get(space, key)

    def put(self, space: str, key: str, value: bytes) -> None:
        """Set a value."""
        self._changed[space].put(key, value)

    def remove(self, space: str, key: str) -> None:
        """Remove a value."""
        self._changed[space].put(key, None)

    def scan(self, space: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        """Return the keys that start with `prefix` and their values, in order.

        Raises:
            BadPickle: one of them is damaged.
        """
        stored = self.vault.scan(space, prefix)
        changed = dict(self._changed[space].starting_with(prefix)) if space in self._changed else {}
        if not changed:
            return stored
        found = {key: value for key, value in stored if key not in changed}
        found.update((key, value) for key, value in changed.items() if value is not None)
        return iter(sorted(found.items()))

    # ------------------------------------------------------------ JSON

    def record(self, space: str, key: str) -> dict[str, Any] | None:
        """Return a value that is a JSON object, or None.

        Raises:
            BadPickle: it is damaged.
        """
        value = self.get(space, key)
        return None if value is None else _object(space, value)

    def put_record(self, space: str, key: str, record: dict[str, Any]) -> None:
        """Set a value to a JSON object.

        Raises:
            UsageError: it holds a lone surrogate, which could not be read again.
        """
        self.put(space, key, dumps_own(record))

    def records(self, space: str, prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
        """Return the keys that start with `prefix` and their JSON objects, in order."""
        for key, value in self.scan(space, prefix):
            yield key, _object(space, value)

    # ------------------------------------------------------------ the end

    @property
    def is_empty(self) -> bool:
        """True where nothing was changed."""
        return not self._changed

    def has_changed(self, spaces: Iterable[str]) -> bool:
        """Tell whether something in one of these spaces was changed."""
        return bool(self._changed) and not self._changed.keys().isdisjoint(spaces)

    def changed_keys(self, space: str) -> list[str]:
        """Return the keys of what was changed in a space."""
        return list(self._changed[space].values) if space in self._changed else []

    def changes(self) -> list[Change]:
        """Return what was changed, sealed, to be committed by the owner of the step."""
        return [
            Change(space, key, None if value is None else self.vault.sealed(space, key, value))
            for space, values in self._changed.items()
            for key, value in values.values.items()
        ]

    def commit(self) -> None:
        """Write what was changed, on its own.

        Raises:
            StoreError: nothing was written.
        """
        if self._changed:
            try:
                self.vault.key_values.write(self.changes())
            finally:
                self.end()

    def end(self) -> None:
        """Make an end, whether its owner stored the changes or not: what was worked out before may be old."""
        if self._changed:
            self.vault.note_changed(self._changed)


def _object(space: str, value: bytes) -> dict[str, Any]:
    try:
        record = loads(value)
    except DecodeError:
        record = None
    if not isinstance(record, dict):
        raise BadPickle(f"what is stored under {space} is no record")
    return record
