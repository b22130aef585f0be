"""The clocks of the machine."""

from __future__ import annotations

import time

from gomatrix_py.clock import Clock, SystemClock


def test_the_monotonic_clock_never_runs_backwards() -> None:
    clock: Clock = SystemClock()
    stamps = [clock.monotonic() for _ in range(1000)]
    assert stamps == sorted(stamps)
    assert stamps[-1] <= time.monotonic()


def test_the_wall_clock_counts_whole_milliseconds_since_the_epoch() -> None:
    before = time.time_ns() // 1_000_000
    now = SystemClock().now_ms()
    assert type(now) is int
    assert before <= now <= time.time_ns() // 1_000_000
