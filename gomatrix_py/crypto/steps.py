"""One step of the engine: what it reads, and the changes it makes, which are stored together or not at all.

Whatever is read in a step is read as the step left it. Nothing is stored before its owner commits the changes:
with a sync, with rows of the outbox, or alone. A step that is dropped never happened.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..codec import dumps, loads
from ..errors import BadPickle, DecodeError
from ..store.key_values import Change
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
        self._changed: dict[tuple[str, str], bytes | None] = {}

    # ------------------------------------------------------------ values

    def get(self, space: str, key: str) -> bytes | None:
        """Return a value, or None.

        Raises:
            BadPickle: it is damaged.
        """
        if (space, key) in self._changed:
            return self._changed[space, key]
        return self.vault.get(space, key)

    def put(self, space: str, key: str, value: bytes) -> None:
        """Set a value."""
        self._changed[space, key] = value

    def remove(self, space: str, key: str) -> None:
        """Remove a value."""
        self._changed[space, key] = None

    def scan(self, space: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        """Return the keys that start with `prefix` and their values, in order.

        Raises:
            BadPickle: one of them is damaged.
        """
        found = {key: value for key, value in self.vault.scan(space, prefix) if (space, key) not in self._changed}
        for (changed_space, key), value in self._changed.items():
            if changed_space == space and key.startswith(prefix) and value is not None:
                found[key] = value
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
        """Set a value to a JSON object."""
        self.put(space, key, dumps(record, ascii_only=True))

    def records(self, space: str, prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
        """Return the keys that start with `prefix` and their JSON objects, in order."""
        for key, value in self.scan(space, prefix):
            yield key, _object(space, value)

    # ------------------------------------------------------------ the end

    @property
    def is_empty(self) -> bool:
        """True where nothing was changed."""
        return not self._changed

    def changes(self) -> list[Change]:
        """Return what was changed, sealed, to be committed by the owner of the step."""
        return [
            Change(space, key, None if value is None else self.vault.sealed(space, key, value))
            for (space, key), value in self._changed.items()
        ]

    def commit(self) -> None:
        """Write what was changed, on its own.

        Raises:
            StoreError: nothing was written.
        """
        if self._changed:
            self.vault.key_values.write(self.changes())


def _object(space: str, value: bytes) -> dict[str, Any]:
    try:
        record = loads(value)
    except DecodeError:
        record = None
    if not isinstance(record, dict):
        raise BadPickle(f"what is stored under {space} is no record")
    return record
