"""The sync loop had to stop."""

from __future__ import annotations

from .base import MatrixError

__all__ = [
    "SyncError",
    "SyncTokenRejected",
    "ListenerFailed",
    "HandlerTimeout",
]


class SyncError(MatrixError):
    """The sync loop had to stop."""


class SyncTokenRejected(SyncError):
    """The server refused the stored `since` token again and again.

    The store is untouched. Start over knowingly with `store.save_next_batch(user_id, "")`.
    """


class ListenerFailed(SyncError):
    """A listener raised, and the listener policy says to stop; `__cause__` is what it raised.

    The event stays in the journal and is delivered again by the next sync.
    """


class HandlerTimeout(SyncError):
    """A listener took longer than it may; its event is set aside, and its thread, which cannot be ended, goes on."""
