"""What a plan says of a room besides state and events: ephemeral events, counts of threads, missing members."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.api.sync import SyncResponse
from gomatrix_py.codec import dumps
from gomatrix_py.events import Event, EventSource
from gomatrix_py.store import RoomDelta, SyncBatch
from gomatrix_py.sync.listeners import Listeners
from gomatrix_py.sync.planner import Planner
from gomatrix_py.testing.conformance.room_news import receipts_json, typing_json

OWN, ROOM = "@own:example.org", "!room:example.org"
RECEIPTS = receipts_json({"$1": {"m.read": {OWN: {"ts": 1}}}})


def plan(
    room: dict[str, Any],
    part: str = "join",
    *,
    since: str = "s0",
    known: str = "join",
    is_lazy: bool = True,
    listeners: Listeners | None = None,
) -> SyncBatch:
    answer = dumps({"next_batch": "s1", "rooms": {part: {ROOM: room}}})
    planner = Planner(OWN, listeners or Listeners(), lambda _: known, lazy_load_members=is_lazy)
    return planner.plan(SyncResponse.from_json(answer), since)


def delta_of(room: dict[str, Any], part: str = "join", **how: Any) -> RoomDelta:
    (delta,) = plan(room, part, **how).rooms
    return delta


def events(*of: bytes) -> dict[str, Any]:
    return {"events": [Event.from_json(one).raw for one in of]}


# ------------------------------------------------------------------ ephemeral events


@pytest.mark.parametrize("since", ["", "s0"])
def test_ephemeral_events_go_to_the_store_as_they_came(since: str) -> None:
    room = {"ephemeral": events(typing_json(OWN), RECEIPTS[1:-1])}
    delta = delta_of(room, since=since)
    assert delta.ephemeral == dumps(room["ephemeral"]["events"])


def test_without_ephemeral_events_there_is_no_news_of_them() -> None:
    rooms: list[dict[str, Any]] = [{}, {"ephemeral": {}}, {"ephemeral": {"events": []}}]
    for room in rooms:
        assert not delta_of(room).has_ephemera


def test_only_those_who_listen_hear_of_typing() -> None:
    room = {"ephemeral": events(typing_json(OWN), RECEIPTS[1:-1])}
    assert plan(room).inbox == []
    listeners = Listeners()
    listeners.add(print, "m.receipt", EventSource.EPHEMERAL)
    (row,) = plan(room, listeners=listeners).inbox
    assert (row.source, Event.from_json(row.json).type) == (EventSource.EPHEMERAL, "m.receipt")


# ------------------------------------------------------------------ counts of threads


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        ({}, None),
        ({"unread_notifications": {"notification_count": 1}}, b"{}"),
        ({"unread_thread_notifications": {"$r": {"notification_count": 1}}}, b'{"$r":{"notification_count":1}}'),
        (
            {"unread_notifications": {"highlight_count": 0}, "unread_thread_notifications": {"$r": {}}},
            b'{"$r":{}}',
        ),
    ],
)
def test_threads_that_are_left_out_have_nothing_unread(room: dict[str, Any], expected: bytes | None) -> None:
    assert delta_of(room).thread_counts == expected


# ------------------------------------------------------------------ members

OWN_JOIN = {
    "type": "m.room.member",
    "state_key": OWN,
    "event_id": "$join",
    "sender": OWN,
    "content": {"membership": "join"},
}
LIMITED = {"timeline": {"events": [], "limited": True, "prev_batch": "t"}}
QUIET = {"timeline": {"events": [], "limited": False, "prev_batch": "t"}}
JOINING = {"timeline": {"events": [OWN_JOIN], "limited": False, "prev_batch": "t"}}


@pytest.mark.parametrize(
    ("room", "how", "lazily", "whole"),
    [
        (QUIET, {}, None, None),
        (QUIET, {"since": ""}, False, True),
        (LIMITED, {}, False, None),
        (LIMITED, {"since": ""}, False, True),
        (JOINING, {"known": "leave"}, False, True),
        (JOINING, {"known": "join"}, None, None),
        (LIMITED, {"part": "leave"}, False, None),
        (QUIET, {"part": "leave"}, None, None),
    ],
)
def test_members_may_be_missing_where_a_room_is_new_or_has_a_gap(
    room: dict[str, Any], how: dict[str, Any], lazily: bool | None, whole: bool | None
) -> None:
    assert delta_of(room, **how, is_lazy=True).has_all_members is lazily
    assert delta_of(room, **how, is_lazy=False).has_all_members is whole


@pytest.mark.parametrize(("part", "state"), [("invite", "invite_state"), ("knock", "knock_state")])
def test_a_room_seen_from_outside_says_nothing_of_its_members(part: str, state: str) -> None:
    assert delta_of({state: {"events": [OWN_JOIN]}}, part).has_all_members is None
