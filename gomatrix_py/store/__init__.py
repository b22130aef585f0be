"""Stores: what a client remembers. `base` and `records` say what a store is; the others are stores."""

from .base import Storer, SyncStorer, is_sync_storer
from .memory import InMemoryStore
from .records import AccountDataRow, Gap, InboxRow, RoomDelta, SyncBatch
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
