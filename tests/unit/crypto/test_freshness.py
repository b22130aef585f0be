"""What holds without a sync, and for how long."""

from __future__ import annotations

from gomatrix_py.crypto.freshness import FRESH_FOR_S, Freshness
from tests.kit.exchange_bench import FakeClock

ALICE, BOB = "@alice:hs", "@bob:hs"


def test_nothing_is_known_to_hold_at_first() -> None:
    fresh = Freshness(FakeClock())
    assert fresh.stale([ALICE, BOB]) == [ALICE, BOB]
    assert not fresh.holds(None)


def test_a_sync_vouches_for_all_for_a_while() -> None:
    clock = FakeClock()
    fresh = Freshness(clock)
    fresh.note_sync()
    assert fresh.stale([ALICE, BOB]) == []
    clock.at += FRESH_FOR_S
    assert fresh.stale([ALICE, BOB]) == [ALICE, BOB]


def test_a_question_vouches_for_those_it_was_about() -> None:
    clock = FakeClock()
    fresh = Freshness(clock)
    fresh.note_queried([ALICE])
    assert fresh.stale([ALICE, BOB]) == [BOB]
    clock.at += FRESH_FOR_S / 2
    fresh.note_queried([BOB])
    clock.at += FRESH_FOR_S / 2
    assert fresh.stale([ALICE, BOB]) == [ALICE]
