"""Positions that are behind one another, and what an answer then says of rooms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gomatrix_py.api.room_history import RespMessages
from gomatrix_py.api.sync import JoinedRoom, LeftRoom, SyncResponse, Timeline
from gomatrix_py.codec import structure
from gomatrix_py.store import Gap
from gomatrix_py.sync.gaps import fetch_gap
from gomatrix_py.sync.going_back import is_behind, open_gaps


@pytest.mark.parametrize(
    ("position", "since"),
    [("s9_4_0", "s10_1_0"), ("s13_4_0_1", "s20_4_0_1"), ("7", "8"), ("s7", "s8_1"), ("s5~1.5|2.6", "s6")],
)
def test_a_position_with_a_lower_first_number_is_behind(position: str, since: str) -> None:
    assert is_behind(position, since)
    assert not is_behind(since, position)


@pytest.mark.parametrize(
    ("position", "since"),
    [
        ("s9_4_0", "s9_5_0"),  # the other numbers may count what a restart forgets
        ("s9", "t10"),
        ("t1-9", "t2-10"),
        ("5/s9", "6/s10"),
        ("s9", ""),
        ("", "s9"),
        ("opaque", "more opaque"),
        ("s" + "9" * 19, "s" + "9" * 30),
        ("s\u0661", "s\u0662"),
    ],
)
def test_of_others_nothing_is_known(position: str, since: str) -> None:
    assert not is_behind(position, since)


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_two_positions_are_behind_each_other(one: str, other: str) -> None:
    assert not (is_behind(one, other) and is_behind(other, one))


def test_rooms_without_a_word_of_their_own_get_a_gap() -> None:
    answer = SyncResponse(next_batch="s5")
    spoken = Timeline(prev_batch="t1")
    spoken.put_before([b'{"type": "m.x"}'])
    answer.rooms.join["!spoken:hs"] = JoinedRoom(timeline=spoken)
    answer.rooms.join["!typing:hs"] = JoinedRoom()
    answer.rooms.leave["!left:hs"] = LeftRoom()
    open_gaps(answer, ["!spoken:hs", "!typing:hs", "!silent:hs", "!left:hs"])
    gaps = {
        room_id: room.timeline.prev_batch
        for room_id, room in answer.rooms.join.items()
        if room.timeline is not None and room.timeline.limited
    }
    assert gaps == {"!typing:hs": "s5", "!silent:hs": "s5"}


@pytest.mark.parametrize(("since", "asked"), [("s9_1", ""), ("s2_1", "s2_1"), ("", "")])
def test_a_gap_that_begins_in_the_future_is_filled_without_its_beginning(since: str, asked: str) -> None:
    tos: list[str] = []

    def pages(room_id: str, token: str, to: str, limit: int) -> RespMessages:
        tos.append(to)
        return structure({"start": token, "chunk": []}, RespMessages)

    fetch_gap(Gap("!r:hs", since, "s5_1"), pages, lambda room_id, event_id: False, None)
    assert tos == [asked]
