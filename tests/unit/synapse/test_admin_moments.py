"""Moments: what is taken, what is refused, and what a timedelta means where."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from gomatrix_py.errors import UsageError
from gomatrix_py.synapse import days_ago, days_ahead, format_moment, from_milliseconds
from gomatrix_py.synapse.moments import MomentRule, check_moment
from gomatrix_py.times import in_milliseconds

NOW_MS = 1_700_000_000_000
NOW = datetime.fromtimestamp(NOW_MS / 1000, timezone.utc)


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: NOW_MS * 1_000_000)


@pytest.mark.parametrize("rule", MomentRule)
def test_milliseconds_and_datetimes_are_the_same(rule: MomentRule) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert (
        check_moment(NOW_MS, rule, "x")
        == check_moment(NOW, rule, "x")
        == check_moment(elsewhere, rule, "x")
        == NOW_MS
    )


@pytest.mark.usefixtures("frozen")
def test_a_timedelta_looks_the_way_that_fits() -> None:
    day = 24 * 3600 * 1000
    assert check_moment(timedelta(days=1), MomentRule.PAST, "x") == NOW_MS - day
    assert check_moment(timedelta(days=1), MomentRule.SINCE, "x") == NOW_MS - day
    assert check_moment(timedelta(days=1), MomentRule.FUTURE, "x") == NOW_MS + day
    assert check_moment(timedelta(0), MomentRule.PAST, "x") == NOW_MS


@pytest.mark.parametrize("rule", MomentRule)
@pytest.mark.parametrize(
    "wrong",
    [
        NOW_MS // 1000,
        NOW_MS * 1000,
        NOW_MS * 1_000_000,
        29_999_999_999,
        -1,
        True,
        "now",
        1.5,
        None,
        timedelta(seconds=-1),
        datetime(2024, 1, 1),
        datetime(1970, 1, 2, tzinfo=timezone.utc),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(rule: MomentRule, wrong: Any) -> None:
    with pytest.raises(UsageError):
        check_moment(wrong, rule, "before")


def test_the_beginning_of_all_is_taken_for_counting_only() -> None:
    assert check_moment(0, MomentRule.SINCE, "since") == 0
    for rule in (MomentRule.PAST, MomentRule.FUTURE):
        with pytest.raises(UsageError):
            check_moment(0, rule, "before")


def test_the_first_moment_that_counts_is_synapse_s_own() -> None:
    assert check_moment(30_000_000_000, MomentRule.PAST, "before") == 30_000_000_000


def test_the_message_names_the_parameter_and_the_unit() -> None:
    with pytest.raises(UsageError, match=r"before = 1700000000 .* give milliseconds, not seconds"):
        check_moment(1_700_000_000, MomentRule.PAST, "before")
    with pytest.raises(UsageError, match="time zone"):
        check_moment(datetime(2024, 1, 1), MomentRule.PAST, "before")


def test_days_from_now_are_aware() -> None:
    assert timedelta(days=1.9) < days_ahead(1) - days_ago(1) < timedelta(days=2.1)
    assert days_ago(1).tzinfo is days_ahead(1).tzinfo is timezone.utc


def test_numbers_and_moments_go_both_ways() -> None:
    assert from_milliseconds(NOW_MS + 7) == NOW + timedelta(milliseconds=7)
    assert in_milliseconds(from_milliseconds(NOW_MS + 7)) == NOW_MS + 7
    for beyond in (10**20, -(10**20)):
        with pytest.raises(UsageError):
            from_milliseconds(beyond)


def test_moments_for_people_are_in_utc() -> None:
    assert format_moment(NOW.astimezone(timezone(timedelta(hours=-8)))) == "2023-11-14 22:13:20"
    assert format_moment(None) == ""
    with pytest.raises(UsageError):
        format_moment(datetime(2024, 1, 1))
