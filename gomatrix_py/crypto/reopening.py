"""What was pickled a moment ago need not be unpickled: the object is kept beside the text it was written as."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

__all__ = ["Reopening"]

T = TypeVar("T")


class Reopening(Generic[T]):
    """Keeps objects by their pickles. Whoever takes one has it alone, so that none changes under an old pickle.

    A step that is dropped leaves the old pickle in the store, and no object for it here.

    Args:
        at_most: how many; the oldest go first.
    """

    def __init__(self, at_most: int) -> None:
        self.at_most = at_most
        self._kept: OrderedDict[str, T] = OrderedDict()

    def take(self, pickle: str) -> T | None:
        """Return the object that was written as this text, and keep it no longer."""
        return self._kept.pop(pickle, None)

    def look(self, pickle: str) -> T | None:
        """Return the object that was written as this text, for a look; it stays where it is."""
        return self._kept.get(pickle)

    def keep(self, pickle: str, thing: T) -> None:
        """Keep an object as it was written."""
        self._kept[pickle] = thing
        while len(self._kept) > self.at_most:
            self._kept.popitem(last=False)
