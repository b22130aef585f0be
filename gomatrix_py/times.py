"""Durations and moments as callers give them, and the milliseconds that Matrix counts in."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from .errors import UsageError

__all__ = ["Duration", "Moment", "in_milliseconds"]

Duration = int | timedelta
"""How long: milliseconds, or a `timedelta`."""

Moment = int | datetime
"""When: milliseconds since the epoch, or a `datetime` with a time zone."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)


def in_milliseconds(value: Any) -> Any:
    """Return a `timedelta` or an aware `datetime` in milliseconds; anything else as it is.

    What is less than a millisecond is cut off.

    Raises:
        UsageError: a `datetime` without a time zone, which may be any of some forty moments.
    """
    if isinstance(value, timedelta):
        return value // _MILLISECOND
    if isinstance(value, datetime):
        if value.tzinfo is None or value.utcoffset() is None:
            raise UsageError(f"{value!r} has no time zone: use datetime.now(timezone.utc) or milliseconds")
        return (value - _EPOCH) // _MILLISECOND
    return value
