"""The retry policy: what is tried again, and after how long. Nothing here waits."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from gomatrix_py import RetryPolicy
from gomatrix_py.errors import (
    AnswerTooLarge,
    ConnectError,
    DecodeError,
    HTTPError,
    LimitExceeded,
    RedirectRefused,
    RequestCancelled,
    RequestTimeout,
    ServerError,
    TLSError,
    TransportError,
    TruncatedAnswer,
    UsageError,
)
from gomatrix_py.http.retry import retry_after_s

LEAST = RetryPolicy(randomness=lambda: 0.0)
MOST = RetryPolicy(randomness=lambda: 1.0)


def http_error(status: int) -> HTTPError:
    return HTTPError("tried", code=status)


def limited(retry_after: float | None) -> LimitExceeded:
    error = LimitExceeded("tried", code=429)
    error.retry_after_s = retry_after
    return error


# ------------------------------------------------------------------ back-off


@pytest.mark.parametrize("attempt", [1, 2, 3, 6, 7, 8, 100, 10_000])
def test_back_off_is_anything_up_to_a_doubling_ceiling(attempt: int) -> None:
    ceiling = min(60.0, 0.5 * 2 ** (min(attempt, 50) - 1))
    assert LEAST.backoff_s(attempt) == 0.0
    assert MOST.backoff_s(attempt) == ceiling
    assert RetryPolicy(randomness=lambda: 0.25).backoff_s(attempt) == ceiling / 4


def test_the_jitter_differs_from_try_to_try() -> None:
    waits = [RetryPolicy().backoff_s(5) for _ in range(200)]
    assert all(0 <= wait <= 8 for wait in waits)
    assert len(set(waits)) > 100
    assert min(waits) < 2 < 6 < max(waits)  # over the whole of it


# ------------------------------------------------------------------ what is tried again

TRANSIENT = (408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524)
FINAL = (301, 400, 401, 403, 404, 405, 409, 410, 413, 501, 505, 525, 530)

# error, tried again where repeating does no harm, tried again in any case
TABLE: list[tuple[Exception, bool, bool]] = [
    *[(http_error(status), True, False) for status in TRANSIENT],
    *[(http_error(status), False, False) for status in FINAL],
    (ServerError("tried", code=503), True, False),
    (limited(None), True, True),
    (limited(2.0), True, True),
    (ConnectError("refused"), True, True),
    (TLSError("bad certificate"), False, False),
    (RequestTimeout("late"), True, False),
    (TruncatedAnswer("cut"), True, False),
    (TransportError("reset"), True, False),
    (AnswerTooLarge("huge"), False, False),
    (RedirectRefused("elsewhere"), False, False),
    (RequestCancelled("stop"), False, False),
    (UsageError("nonsense"), False, False),
    (DecodeError("garbage"), False, False),
    (OSError("the caller's disk"), False, False),
]


@pytest.mark.parametrize(("error", "if_repeatable", "always"), TABLE, ids=lambda value: repr(value)[:50])
def test_what_is_tried_again(error: Exception, if_repeatable: bool, always: bool) -> None:
    assert (MOST.wait_s(error, 1, may_retry=True) is not None) is if_repeatable
    assert (MOST.wait_s(error, 1, may_retry=False) is not None) is always


@pytest.mark.parametrize("error", [http_error(503), ConnectError("refused"), limited(None)])
def test_attempts_are_counted(error: Exception) -> None:
    policy = RetryPolicy(attempts=3, randomness=lambda: 1.0)
    assert [policy.wait_s(error, attempt, may_retry=True) for attempt in (1, 2, 3, 4)] == [0.5, 1.0, None, None]


def test_never_is_never() -> None:
    never = RetryPolicy.never()
    for error, _, _ in TABLE:
        assert never.wait_s(error, 1, may_retry=True) is None


# ------------------------------------------------------------------ 429


def test_the_servers_word_counts_and_not_the_back_off() -> None:
    assert MOST.wait_s(limited(7.5), 99, may_retry=False, refusals=99) == 7.5  # attempts do not matter


def test_the_servers_word_is_clamped() -> None:
    assert MOST.wait_s(limited(3600.0), 1, may_retry=True) == 60.0
    assert RetryPolicy(cap_s=5).wait_s(limited(6.0), 1, may_retry=True) == 5.0


def test_a_server_that_says_at_once_for_ever_is_asked_less_and_less() -> None:
    waits = [MOST.wait_s(limited(0.0), 1, may_retry=True, refusals=number) for number in (1, 2, 3, 4, 10)]
    assert waits == [0.5, 1.0, 2.0, 4.0, 60.0]
    assert LEAST.wait_s(limited(0.1), 1, may_retry=True, refusals=9) == 0.1  # never sooner than it says


# ------------------------------------------------------------------ Retry-After


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("5", 5.0),
        (" 5 ", 5.0),
        ("007", 7.0),
        ("00000000000000000005", 5.0),
        ("9" * 400, 1e9),
    ],
)
def test_seconds(header: str, seconds: float) -> None:
    assert retry_after_s({"retry-after": header}, 99_000) == seconds


@pytest.mark.parametrize(
    "header",
    [
        "",
        "soon",
        "-5",
        "+5",
        "5.5",
        "1e3",
        "nan",
        "inf",
        "\u0665",
        "²",
        "5, 7",
        "Mon, 99 Foo 2026",
        "Fri, 31 Dec 99999999",
    ],
)
def test_garbage_leaves_it_to_the_body(header: str) -> None:
    assert retry_after_s({"retry-after": header}, 1500) == 1.5
    assert retry_after_s({"retry-after": header}) is None


@pytest.mark.parametrize(
    ("milliseconds", "seconds"),
    [
        (0, 0.0),
        (1500, 1.5),
        (1500.5, 1.5005),
        (10**30, 1e9),
        (1e308, 1e9),
        (math.inf, 1e9),
        (-1, None),
        (math.nan, None),
        (-math.inf, None),
        (None, None),
        (True, None),
        ("1500", None),
        ([1500], None),
    ],
)
def test_milliseconds(milliseconds: Any, seconds: float | None) -> None:
    assert retry_after_s({}, milliseconds) == seconds


NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=timezone.utc)
IN_90_S = format_datetime(NOW + timedelta(seconds=90), usegmt=True)


def test_a_date_is_read_by_the_servers_own_clock() -> None:
    assert retry_after_s({"retry-after": IN_90_S, "date": format_datetime(NOW, usegmt=True)}, 1) == 90.0


def test_a_date_that_is_over_means_at_once() -> None:
    headers = {"retry-after": format_datetime(NOW, usegmt=True), "date": IN_90_S}
    assert retry_after_s(headers, 99_000) == 0.0


@pytest.mark.parametrize("date", [None, "garbage"])
def test_without_the_servers_clock_ours_has_to_do(date: str | None) -> None:
    soon = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=1000), usegmt=True)
    wait = retry_after_s({"retry-after": soon, **({"date": date} if date else {})})
    assert wait is not None
    assert 900 < wait <= 1000


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000", "UTC"])
def test_dates_without_a_zone_are_utc(zone: str) -> None:
    headers = {"retry-after": f"Mon, 04 May 2026 12:01:30 {zone}", "date": format_datetime(NOW, usegmt=True)}
    assert retry_after_s(headers) == 90.0
