"""Durations and moments become milliseconds; a time that may be any of several is refused."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from gomatrix_py.errors import UsageError
from gomatrix_py.times import in_milliseconds


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (timedelta(seconds=1.5), 1500),
        (timedelta(days=1, microseconds=1999), 86_400_001),
        (timedelta(), 0),
        (datetime(1970, 1, 1, tzinfo=timezone.utc), 0),
        (datetime(2024, 2, 29, 12, 0, 0, 1999, tzinfo=timezone.utc), 1_709_208_000_001),
        (datetime(2024, 2, 29, 14, tzinfo=timezone(timedelta(hours=2))), 1_709_208_000_000),
        (1500, 1500),
        (None, None),
        ("text", "text"),
    ],
)
def test_what_is_sent(given: object, sent: object) -> None:
    assert in_milliseconds(given) == sent
    assert type(in_milliseconds(given)) is type(sent)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(UsageError, match="time zone"):
        in_milliseconds(datetime(2024, 2, 29))
