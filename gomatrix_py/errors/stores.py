"""What a store could not do."""

from __future__ import annotations

from .base import MatrixError

__all__ = [
    "StoreError",
    "StoreLocked",
    "StoreCorrupt",
    "StoreTooNew",
    "StoreFull",
    "StoreClosed",
]


class StoreError(MatrixError):
    """The store could not do what was asked; nothing was half done."""


class StoreLocked(StoreError):
    """Another process, or another store object, has this file open; `pid` names it (0 if unknown)."""

    def __init__(self, message: str, *, pid: int = 0) -> None:
        super().__init__(message)
        self.pid = pid


class StoreCorrupt(StoreError):
    """The file is damaged, empty where it must not be, or not a store of this package."""


class StoreTooNew(StoreError):
    """The file was written by a newer version of this package."""


class StoreFull(StoreError):
    """The disk has no room, or may not be written; work goes on once it can be."""


class StoreClosed(StoreError):
    """The store was used after it was closed, or in a forked child."""
