"""Telling an event that cannot be read from one that does not say what was looked for."""

from __future__ import annotations

from ..errors import UsageError
from .event import Event

__all__ = ["check_readable"]


def check_readable(event: Event) -> None:
    """Check that an event is not encrypted, or was opened.

    Raises:
        UsageError: it is as it came, and why.
    """
    if event.type != "m.room.encrypted":
        return
    error = event.encryption.error if event.encryption is not None else None
    why = error or ("it was deleted" if not event.content else "it takes CryptoClient to read it")
    raise UsageError(f"{event.event_id} is encrypted, and cannot be read (yet): {why}")
