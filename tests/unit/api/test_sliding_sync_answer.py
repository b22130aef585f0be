"""The request of sliding sync and its answer: whatever is sound in it is kept, and the rest is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gomatrix_py.api.sliding_sync import (
    ListFilters,
    RoomSubscription,
    SlidingList,
    SlidingSync,
    SlidingSyncResponse,
)
from gomatrix_py.errors import DecodeError
from gomatrix_py.events.skim import sound_events
from gomatrix_py.http.endpoint import Target
from gomatrix_py.http.messages import HttpResponse
from tests.kit.scripted_homeserver import ROOM, message
from tests.kit.sliding import own_member, sliding_answer, sliding_room

RICH = sliding_answer(
    "p1",
    sliding_room(
        message("$1"),
        name="Wonderland",
        avatar="mxc://x/y",
        heroes=[{"user_id": "@bob:x", "displayname": "Bob", "avatar_url": "mxc://x/b"}],
        is_dm=True,
        initial=True,
        required_state=[own_member()],
        prev_batch="t1",
        limited=True,
        num_live=1,
        bump_stamp=5,
        joined_count=2,
        invited_count=1,
        notification_count=3,
        highlight_count=1,
    ),
    to_device=("7", [{"type": "org.example.note", "content": {}}]),
    e2ee={"device_lists": {"changed": ["@bob:x"], "left": []}, "device_one_time_keys_count": {"a": 5}},
    account_data={"global": [{"type": "m.direct", "content": {}}], "rooms": {ROOM: [{"type": "m.tag"}]}},
    receipts={"rooms": {ROOM: {"type": "m.receipt", "content": {}}}},
    typing={"rooms": {ROOM: {"type": "m.typing", "content": {"user_ids": []}}}},
)


def decoded(answer: Any) -> SlidingSyncResponse:
    return SlidingSyncResponse.from_json(json.dumps(answer).encode())


def test_every_part_of_a_rich_answer_is_found() -> None:
    answer = decoded(RICH)
    assert answer.problems == ()
    assert (answer.pos, answer.lists["all"].count, answer.raw) == ("p1", 1, RICH)
    room, wanted = answer.rooms[ROOM], RICH["rooms"][ROOM]
    for name in ("name", "avatar", "is_dm", "initial", "prev_batch", "limited", "num_live", "bump_stamp",
                 "joined_count", "invited_count", "notification_count", "highlight_count"):  # fmt: skip
        assert getattr(room, name) == wanted[name]
    assert room.heroes is not None
    assert [(hero.user_id, hero.displayname, hero.avatar_url) for hero in room.heroes] == [
        ("@bob:x", "Bob", "mxc://x/b")
    ]
    assert [event.raw for event in sound_events(room.timeline)] == wanted["timeline"]
    assert [event.raw for event in sound_events(room.required_state)] == wanted["required_state"]
    extensions = answer.extensions
    assert extensions.to_device is not None
    assert extensions.to_device.next_batch == "7"
    assert extensions.e2ee is not None
    assert extensions.e2ee.device_one_time_keys_count == {"a": 5}
    assert extensions.account_data is not None
    assert [event.type for event in sound_events(extensions.account_data.of_account)] == ["m.direct"]
    assert (list(extensions.account_data.rooms), extensions.thread_subscriptions) == ([ROOM], None)


def test_the_least_an_answer_can_be() -> None:
    answer = decoded({"pos": "p1"})
    assert (answer.rooms, answer.lists, answer.problems, answer.extensions.to_device) == ({}, {}, (), None)
    assert repr(answer) == "<SlidingSyncResponse to 'p1': 0 rooms, 0 problems>"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"pos":""}', b'{"pos":5}', b'{"pos":"p1"', b"\xff"])
def test_without_a_position_there_is_no_answer(body: bytes) -> None:
    with pytest.raises(DecodeError):
        SlidingSyncResponse.from_json(body)


@pytest.mark.parametrize(
    ("place", "value", "path"),
    [
        (("rooms", ROOM), 5, f"rooms.{ROOM}"),
        (("rooms", ROOM, "num_live"), "x", f"rooms.{ROOM}.num_live"),
        (("rooms", ROOM, "heroes"), [{}], f"rooms.{ROOM}.heroes[0].user_id"),
        (("lists", "all"), [], "lists.all"),
        (("extensions", "to_device"), {"events": []}, "extensions.to_device.next_batch"),
        (("extensions", "account_data", "rooms"), [], "extensions.account_data.rooms"),
    ],
)
def test_what_is_wrong_is_named_and_the_rest_is_kept(place: tuple[str, ...], value: Any, path: str) -> None:
    document = json.loads(json.dumps(RICH))
    document["rooms"]["!sound:x"] = sliding_room(message("$2"))
    target = document
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    answer = decoded(document)
    assert [problem.path for problem in answer.problems] == [path]
    assert [event.event_id for event in sound_events(answer.rooms["!sound:x"].timeline)] == ["$2"]


# ------------------------------------------------------------------ the request


def test_the_request() -> None:
    filters = ListFilters(is_dm=True, room_types=[None, "m.space"])
    listed = SlidingList([("m.room.name", "")], 5, ranges=[(0, 9), (20, 29)], filters=filters)
    endpoint = SlidingSync(
        "p1",
        30_000,
        lists={"top": listed},
        room_subscriptions={ROOM: RoomSubscription([("*", "*")], 50)},
        extensions={"typing": {"enabled": True}},
        conn_id="one",
    )
    request = endpoint.to_request(Target("https://x", "token"))
    assert (request.method, request.may_retry) == ("POST", True)
    assert request.url == (
        "https://x/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?pos=p1&timeout=30000"
    )
    assert isinstance(request.body, bytes)
    assert json.loads(request.body) == {
        "lists": {
            "top": {
                "required_state": [["m.room.name", ""]],
                "timeline_limit": 5,
                "ranges": [[0, 9], [20, 29]],
                "filters": {"is_dm": True, "room_types": [None, "m.space"]},
            }
        },
        "room_subscriptions": {ROOM: {"required_state": [["*", "*"]], "timeline_limit": 50}},
        "extensions": {"typing": {"enabled": True}},
        "conn_id": "one",
    }
    assert SlidingSync.MSC == 4186


def test_a_long_poll_outlives_its_timeout_and_a_first_answer_may_take_longer() -> None:
    first, later = SlidingSync(None, 30_000).limits(), SlidingSync("p1", 30_000).limits()
    assert later.read_s is not None
    assert first.read_s is not None
    assert first.read_s > later.read_s > 30


def test_the_answer_is_read_by_its_endpoint() -> None:
    answer = SlidingSync().parse(HttpResponse(200, {}, json.dumps(RICH).encode()))
    assert answer.pos == "p1"
