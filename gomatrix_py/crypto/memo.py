"""What was worked out from many records need not be worked out again before one of them changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from .steps import Step

__all__ = ["Memo"]

V = TypeVar("V")


class Memo(Generic[V]):
    """Keeps what was worked out from records, for as long as no step changes any in the same spaces.

    A step that has changed such records itself works it out anew, and leaves nothing here: it may be dropped.

    Args:
        spaces: where all that it is worked out from stands.
        at_most: how many values; those not asked for the longest go first.
    """

    def __init__(self, *spaces: str, at_most: int) -> None:
        self.spaces = spaces
        self.at_most = at_most
        self._kept: OrderedDict[Hashable, tuple[tuple[int, ...], V]] = OrderedDict()

    def of(self, step: Step, key: Hashable, work_out: Callable[[], V]) -> V:
        """Return the value for a key.

        Args:
            step: it is asked in.
            key: all that it depends on beside the records.
            work_out: makes it; nobody may change it afterwards.
        """
        if step.has_changed(self.spaces):
            return work_out()
        editions = step.vault.editions(self.spaces)
        kept = self._kept.get(key)
        if kept is None or kept[0] != editions:
            kept = self._kept[key] = editions, work_out()
        self._kept.move_to_end(key)
        while len(self._kept) > self.at_most:
            self._kept.popitem(last=False)
        return kept[1]
