"""When to try again, and how long to wait first. Pure: nothing here sleeps."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import attrs

from ..errors import (
    AddressRefused,
    ConnectError,
    HTTPError,
    LimitExceeded,
    RequestTimeout,
    TLSError,
    TransportError,
    TruncatedAnswer,
)

__all__ = ["RetryPolicy", "retry_after_s"]

_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})


@attrs.frozen
class RetryPolicy:
    """How a failed call is tried again: full-jitter back-off, and the server's own word on 429.

    Attributes:
        attempts: how often a call is sent at most; 1 means never again. A 429 that says how long to wait
            does not count.
        base_s: the first back-off is up to this long, each further one up to twice the last.
        cap_s: no single wait is longer, whatever the server asks for.
        statuses: which answers are worth another try.
        randomness: a number in [0, 1), for tests.
    """

    attempts: int = 5
    base_s: float = 0.5
    cap_s: float = 60.0
    statuses: frozenset[int] = _TRANSIENT
    randomness: Callable[[], float] = attrs.field(default=random.random, repr=False, eq=False)

    @classmethod
    def never(cls) -> RetryPolicy:
        """Return the policy that sends everything once."""
        return cls(attempts=1, statuses=frozenset())

    def backoff_s(self, attempt: int) -> float:
        """Return the wait in seconds after this many failed attempts (1 or more)."""
        ceiling: float = min(self.cap_s, self.base_s * 2.0 ** min(attempt - 1, 30))
        return self.randomness() * ceiling

    def wait_s(self, error: Exception, attempt: int, *, may_retry: bool, refusals: int = 1) -> float | None:
        """Return how long to wait before the next try, in seconds, or None to give up.

        Args:
            error: how this try ended.
            attempt: how many tries counted so far, this one included.
            may_retry: whether the server may see this request twice. A 429 was not acted on, and what
                was not sent was not seen: they may be tried again in any case.
            refusals: how many tries ended in a 429 that said how long to wait, this one included.
        """
        if isinstance(error, LimitExceeded) and 429 in self.statuses and error.retry_after_s is not None:
            asked = min(error.retry_after_s, self.cap_s)
            # a server that says "at once" again and again must not be asked in a tight loop
            return asked if asked >= self.base_s else max(asked, self.backoff_s(refusals))
        if attempt >= self.attempts or not self._is_transient(error, may_retry):
            return None
        return self.backoff_s(attempt)

    def _is_transient(self, error: Exception, may_retry: bool) -> bool:
        if isinstance(error, LimitExceeded):
            return 429 in self.statuses
        if isinstance(error, HTTPError):
            return may_retry and error.code in self.statuses
        if isinstance(error, ConnectError):
            return not isinstance(error, (TLSError, AddressRefused)) and (may_retry or not error.was_sent)
        return may_retry and (isinstance(error, _BROKEN) or type(error) is TransportError)


_BROKEN = (RequestTimeout, TruncatedAnswer)


def retry_after_s(headers: Mapping[str, str], retry_after_ms: Any = None) -> float | None:
    """Return the wait a 429 asks for, in seconds, never negative; None where it says nothing sound.

    Args:
        headers: of the answer, names in lower case.
        retry_after_ms: the member of the error object, used where the header is absent or garbage.

    Source: specification, client-server API, "Rate limiting"; RFC 9110, 10.2.3.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value.lstrip("0")[:12] or "0"), 10**9))
    moment = _date(value)
    if moment is not None:
        # by the server's own clock where it tells the time: ours may be wrong
        now = _date(headers.get("date", "")) or datetime.now(timezone.utc)
        return max(0.0, (moment - now).total_seconds())
    if isinstance(retry_after_ms, (int, float)) and not isinstance(retry_after_ms, bool):
        milliseconds = float(min(retry_after_ms, 1e12))
        if math.isfinite(milliseconds) and milliseconds >= 0:
            return milliseconds / 1000
    return None


def _date(value: str) -> datetime | None:
    if not value:
        return None
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
