"""Which event is being handled by which listener, so that what it sends can be known again.

A listener that is run once more for the same event, after a crash, asks for the same transaction ids in the
same order: what it sent before is not sent twice.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from ..store.records import InboxRow

__all__ = ["handled_by", "handling", "next_transaction_id"]


class handling:  # noqa: N801 - it is used as a block
    """Let the block be known as this listener's run for this row, in this thread.

    Args:
        row: what is handled.
        listener: who handles it.
        earlier: who was told of the row before; of listeners with one name each has transaction ids of its own.
    """

    __slots__ = ("_asked", "_token", "earlier", "listener", "row")

    def __init__(
        self, row: InboxRow, listener: Callable[..., Any], earlier: Sequence[Callable[..., Any]] = ()
    ) -> None:
        self.row = row
        self.listener = listener
        self.earlier = earlier
        self._asked = 0

    def __enter__(self) -> handling:
        self._token = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)

    def next_key(self) -> str:
        """Return what names the next thing this run sends, the same for each run."""
        self._asked += 1
        # an event without an id is known again by its place in the journal
        what = self.row.event_id or f"#{self.row.seq}"
        name = _name(self.listener)
        same = sum(_name(one) == name for one in self.earlier)
        who = f"{name}#{same}" if same else name
        return "\0".join((self.row.room_id, self.row.source.value, what, who, str(self._asked)))


_current: ContextVar[handling | None] = ContextVar("gomatrix_py.handling", default=None)


def handled_by() -> InboxRow | None:
    """Return the row that this thread is handling, None outside of listeners."""
    now = _current.get()
    return now.row if now is not None else None


def next_transaction_id(device: str) -> str | None:
    """Return the next transaction id of the running listener, None outside of listeners.

    Args:
        device: what tells our devices from each other.

    Returns:
        An id of lower case letters and digits, the same for the same event, listener and place.
    """
    now = _current.get()
    if now is None:
        return None
    digest = hashlib.sha256(f"{device}\0{now.next_key()}".encode("utf-8", "surrogatepass")).digest()
    return "gmpy-h-" + base64.b32encode(digest).decode().rstrip("=").lower()


def _name(listener: Callable[..., Any]) -> str:
    function = getattr(listener, "__func__", listener)
    module = getattr(function, "__module__", "")
    return f"{module}.{getattr(function, '__qualname__', type(listener).__qualname__)}"
