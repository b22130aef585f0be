"""Paging back through a gap, without a server: a room is a list, a page a slice of it."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py import Event, EventSource
from gomatrix_py.api.room_history import RespMessages
from gomatrix_py.store import Gap
from gomatrix_py.sync.gaps import fetch_gap

ROOM = "!room:x"


class History:
    """A room of numbered events; token n stands just before event n.

    Args:
        size: how many events there are.
        page: how many a page holds at most, whatever is asked for.
        heeds_to: whether it stops at the token to page back to.
    """

    def __init__(self, size: int, *, page: int = 100, heeds_to: bool = True, state: tuple[int, ...] = ()) -> None:
        self.events = [
            Event(
                "m.room.topic" if n in state else "m.room.message", {}, f"${n}", state_key="" if n in state else None
            )
            for n in range(size)
        ]
        self.page = page
        self.heeds_to = heeds_to
        self.asked: list[tuple[str, str, str, int]] = []

    def __call__(self, room_id: str, token: str, to: str, limit: int) -> RespMessages:
        self.asked.append((room_id, token, to, limit))
        end = int(token)
        floor = int(to) if self.heeds_to else 0
        start = max(floor, end - min(limit, self.page))
        return RespMessages(token, self.events[start:end][::-1], str(start) if start > floor else None)


def ids(numbers: range) -> list[str]:
    """Return the ids of these events."""
    return [f"${number}" for number in numbers]


def nothing_known(room_id: str, event_id: str) -> bool:
    """Know nothing."""
    return False


def test_a_gap_is_fetched_whole_and_in_order() -> None:
    history = History(500)
    filled = fetch_gap(Gap(ROOM, "50", "450"), history, nothing_known, None)
    assert [row.event_id for row in filled.rows] == ids(range(50, 450))
    assert filled.rest is None
    assert {row.source for row in filled.rows} == {EventSource.TIMELINE}
    assert {row.room_id for row in filled.rows} == {ROOM}
    assert history.asked[0] == (ROOM, "450", "50", 100)
    assert len(history.asked) == 4


def test_an_empty_gap() -> None:
    assert fetch_gap(Gap(ROOM, "7", "7"), History(10), nothing_known, None) == ([], None)


def test_a_limit_leaves_the_older_part() -> None:
    filled = fetch_gap(Gap(ROOM, "0", "100", id=5), History(100), nothing_known, 30)
    assert [row.event_id for row in filled.rows] == ids(range(70, 100))
    assert filled.rest == Gap(ROOM, "0", "70")
    assert filled.rest is not None
    assert filled.rest.id == 0  # the store gives it one of its own


@pytest.mark.parametrize(("limit", "asked"), [(30, [30]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
def test_no_more_is_asked_for_than_may_be_fetched(limit: int, asked: list[int]) -> None:
    history = History(1000)
    fetch_gap(Gap(ROOM, "0", "1000"), history, nothing_known, limit)
    assert [one[3] for one in history.asked] == asked


def test_what_is_known_is_left_out_and_does_not_end_the_paging() -> None:
    """State in the middle of a gap is known from the answer that left the gap."""
    history = History(20, page=3, state=(4, 9, 10, 11, 12, 13))
    known = {"$9", "$10", "$11", "$12"}
    filled = fetch_gap(Gap(ROOM, "2", "18"), history, lambda room_id, event_id: event_id in known, None)
    assert [row.event_id for row in filled.rows] == [event for event in ids(range(2, 18)) if event not in known]
    assert filled.rest is None


def test_a_server_that_goes_past_the_gap_is_stopped() -> None:
    history = History(1000, page=10, heeds_to=False)
    known = set(ids(range(500)))
    filled = fetch_gap(Gap(ROOM, "500", "600"), history, lambda room_id, event_id: event_id in known, None)
    assert [row.event_id for row in filled.rows] == ids(range(500, 600))
    assert filled.rest is None
    assert len(history.asked) <= 12


def test_a_server_that_repeats_itself_is_stopped() -> None:
    asked: list[str] = []

    def pages(room_id: str, token: str, to: str, limit: int) -> RespMessages:
        asked.append(token)
        return RespMessages(token, [], {"a": "b", "b": "c", "c": "a"}[token])

    assert fetch_gap(Gap(ROOM, "s", "a"), pages, nothing_known, None) == ([], None)
    assert asked == ["a", "b", "c"]


def test_empty_pages_are_no_end() -> None:
    """A server may filter all events of a page, and say where to go on."""
    answers = {
        "a": RespMessages("a", [], "b"),
        "b": RespMessages("b", [Event("m.room.message", event_id="$1")], "c"),
        "c": RespMessages("c", []),
    }
    filled = fetch_gap(Gap(ROOM, "s", "a"), lambda room_id, token, to, limit: answers[token], nothing_known, None)
    assert [row.event_id for row in filled.rows] == ["$1"]


def test_what_goes_wrong_is_passed_on() -> None:
    def pages(room_id: str, token: str, to: str, limit: int) -> RespMessages:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        fetch_gap(Gap(ROOM, "s", "a"), pages, nothing_known, None)


@settings(max_examples=200, deadline=None)
@given(
    size=st.integers(0, 60),
    page=st.integers(1, 25),
    limit=st.none() | st.integers(1, 40),
    known_state=st.sets(st.integers(0, 59)),
)
def test_filling_again_and_again_brings_everything_once(
    size: int, page: int, limit: int | None, known_state: set[int]
) -> None:
    history = History(size, page=page, state=tuple(known_state))
    known = {f"${number}" for number in known_state}
    gap: Gap | None = Gap(ROOM, "0", str(size))
    parts: list[list[str]] = []
    while gap is not None:
        filled = fetch_gap(gap, history, lambda room_id, event_id: event_id in known, limit)
        parts.insert(0, [row.event_id for row in filled.rows])
        assert filled.rest is None or int(filled.rest.prev_batch) < int(gap.prev_batch)
        gap = None if filled.rest is None else attrs.evolve(filled.rest, id=1)
    everything = [event_id for part in parts for event_id in part]
    assert everything == [event_id for event_id in ids(range(size)) if event_id not in known]
