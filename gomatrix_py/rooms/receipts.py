"""Who has read how far in a room. Spec: module "Receipts"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

__all__ = ["MAIN_TIMELINE", "Receipt", "Receipts"]

MAIN_TIMELINE = "main"


@attrs.frozen
class Receipt:
    """How far a user has read.

    Attributes:
        user_id: who.
        event_id: the last event read.
        ts: when, in milliseconds since the epoch; 0 if unknown.
        thread_id: the root of a thread, "main" for what is in no thread, "" for the whole room.
        is_private: True where only we can see it (``m.read.private``).
    """

    user_id: str
    event_id: str
    ts: int = 0
    thread_id: str = ""
    is_private: bool = False


class Receipts:
    """The receipts of one room; each replaces the one of the same user, thread and kind."""

    __slots__ = ("_by_key",)

    def __init__(self, receipts: Iterable[Receipt] = ()) -> None:
        self._by_key: dict[tuple[str, str, bool], Receipt] = {}
        for one in receipts:
            self.put(one)

    def put(self, receipt: Receipt) -> None:
        """Take in one receipt."""
        self._by_key[receipt.user_id, receipt.thread_id, receipt.is_private] = receipt

    def all(self) -> list[Receipt]:
        """Return every receipt."""
        return list(self._by_key.values())

    def of(self, user_id: str, thread_id: str = "") -> Receipt | None:
        """Return how far a user has read a thread (or the whole room), the newer of public and private."""
        found = [self._by_key.get((user_id, thread_id, is_private)) for is_private in (False, True)]
        return max((one for one in found if one is not None), key=lambda one: one.ts, default=None)

    def __len__(self) -> int:
        return len(self._by_key)

    def __eq__(self, other: Any) -> bool:
        return self._by_key == other._by_key if isinstance(other, Receipts) else NotImplemented

    __hash__ = None  # type: ignore[assignment]
