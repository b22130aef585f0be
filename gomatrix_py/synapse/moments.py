"""Moments as an administrator names them: aware, plausible, and never seconds for milliseconds."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

from ..errors import UsageError
from ..times import in_milliseconds

__all__ = ["MomentRule", "When", "check_moment", "days_ago", "days_ahead", "format_moment", "from_milliseconds"]

When = int | datetime | timedelta
"""A moment: milliseconds since the epoch, an aware `datetime`, or how far from now it is."""

# Synapse's own line: what is below stands in 1970, and was meant to be seconds.
_EARLIEST_MS = 30_000_000_000
_LATEST_MS = 253_402_300_799_999  # the last millisecond of the year 9999; micro- and nanoseconds are above
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class MomentRule(Enum):
    """What a parameter takes a moment for."""

    PAST = "up to then something is removed: 0 and 1970 are refused, a timedelta is that long ago"
    SINCE = "from then on something is counted: 0 is the beginning, a timedelta is that long ago"
    FUTURE = "then something ends: a timedelta is that far ahead"


def check_moment(value: Any, rule: MomentRule, what: str) -> int:
    """Return a moment in milliseconds.

    Args:
        value: a `When`.
        rule: what it is taken for.
        what: the name of the parameter, for the message.

    Raises:
        UsageError: a naive datetime, a timedelta below zero, seconds or microseconds instead of
            milliseconds, or no moment at all.
    """
    if isinstance(value, timedelta):
        if value < timedelta():
            raise UsageError(f"{what}: a timedelta says how far from now; it must not be below zero")
        distance = in_milliseconds(value)
        value = time.time_ns() // 1_000_000 + (distance if rule is MomentRule.FUTURE else -distance)
    moment = in_milliseconds(value)
    if not isinstance(moment, int) or isinstance(moment, bool):
        raise UsageError(f"{what} is a moment: milliseconds, an aware datetime or a timedelta, not {moment!r}")
    if moment == 0 and rule is MomentRule.SINCE:
        return moment
    if moment < _EARLIEST_MS:
        raise UsageError(f"{what} = {moment} lies before {_EARLIEST_MS}, in 1970: give milliseconds, not seconds")
    if moment > _LATEST_MS:
        raise UsageError(f"{what} = {moment} lies after the year 9999: milliseconds are meant")
    return moment


def days_ago(days: float) -> datetime:
    """Return the moment this many days ago, in UTC."""
    return datetime.now(timezone.utc) - timedelta(days=days)


def days_ahead(days: float) -> datetime:
    """Return the moment in this many days, in UTC."""
    return datetime.now(timezone.utc) + timedelta(days=days)


def from_milliseconds(milliseconds: int) -> datetime:
    """Return a moment from milliseconds since the epoch, in UTC.

    Raises:
        UsageError: it lies outside of the years 1 to 9999.
    """
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise UsageError(f"{milliseconds} ms is no moment of the years 1 to 9999") from None


def format_moment(moment: datetime | None) -> str:
    """Return a moment for people, in UTC, such as ``2024-05-01 12:00:00``; "" for None.

    Raises:
        UsageError: it has no time zone.
    """
    if moment is None:
        return ""
    in_milliseconds(moment)  # refuses what has no time zone
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
