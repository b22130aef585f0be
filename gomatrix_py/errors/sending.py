"""Something could not even be tried to be sent."""

from __future__ import annotations

from .base import MatrixError

__all__ = [
    "SendError",
    "OutboxFull",
    "SendBlocked",
]


class SendError(MatrixError):
    """Something could not even be tried to be sent."""


class OutboxFull(SendError):
    """Too many messages wait to be sent already; nothing was kept."""


class SendBlocked(SendError):
    """An earlier message of the room, or what this one needs, cannot be sent; this one was not tried."""
