"""Stores: what a client remembers. `base` and `records` say what a store is; the others are stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import Storer, SyncStorer, is_sync_storer
from .memory import InMemoryStore
from .records import AccountDataRow, Gap, InboxRow, RoomDelta, SyncBatch

if TYPE_CHECKING:
    from .sqlite import SQLiteStore

__all__ = [
    "AccountDataRow",
    "Gap",
    "InMemoryStore",
    "InboxRow",
    "RoomDelta",
    "SQLiteStore",
    "SyncBatch",
    "Storer",
    "SyncStorer",
    "is_sync_storer",
]


def __getattr__(name: str) -> Any:
    """Import the SQLite store when it is first asked for: many scripts do without."""
    if name == "SQLiteStore":
        from .sqlite import SQLiteStore

        return SQLiteStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
