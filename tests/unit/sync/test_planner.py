"""From a /sync answer to a batch: pure, so every rule can be shown on a few lines of JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gomatrix_py import EventSource, SyncResponse
from gomatrix_py.store import InboxRow, RoomDelta, SyncBatch
from gomatrix_py.sync.listeners import Listeners
from gomatrix_py.sync.planner import Planner
from tests.kit.scripted_homeserver import ROOM, USER, joined, message, state, sync_answer

T, S = EventSource.TIMELINE, EventSource.STATE


def plan(
    answer: dict[str, Any],
    since: str = "s0",
    *,
    wanted: list[tuple[str | None, EventSource | None]] | None = None,
    membership: str = "join",
    deliver_initial: bool = False,
) -> SyncBatch:
    """Plan an answer for somebody who wants everything, or some things only."""
    listeners = Listeners()
    for event_type, source in [(None, None)] if wanted is None else wanted:
        listeners.add(lambda event: None, event_type, source)
    planner = Planner(USER, listeners, lambda room_id: membership, deliver_initial=deliver_initial)
    return planner.plan(SyncResponse.from_json(json.dumps(answer).encode()), since)


def ids(rows: list[InboxRow]) -> list[str]:
    """Return the event ids of rows."""
    return [row.event_id for row in rows]


def only_room(batch: SyncBatch) -> RoomDelta:
    """Return the one room of a batch."""
    (delta,) = batch.rooms
    return delta


def state_ids(delta: RoomDelta) -> dict[tuple[str, str], str]:
    """Return which event each piece of state comes from, once all apply."""
    return {(kind, key): json.loads(data)["event_id"] for kind, key, data in delta.all_state()}


def own_member(membership: str, event_id: str) -> dict[str, Any]:
    """Return our own membership."""
    return state("m.room.member", {"membership": membership}, USER, event_id)


def topic(event_id: str) -> dict[str, Any]:
    """Return a topic named like its event."""
    return state("m.room.topic", {"topic": event_id}, event_id=event_id)


# ------------------------------------------------------------------ the whole


def test_an_empty_answer_only_moves_on() -> None:
    batch = plan(sync_answer("s1"))
    assert (batch.user_id, batch.next_batch) == (USER, "s1")
    assert [batch.rooms, batch.inbox, batch.account_data, batch.gaps] == [[], [], [], []]


def test_everything_finds_its_place() -> None:
    answer = {
        "next_batch": "s1",
        "to_device": {"events": [{"type": "com.example", "content": {}}]},
        "account_data": {"events": [{"type": "m.direct", "content": {}}]},
        "presence": {"events": [{"type": "m.presence", "sender": "@bob:scripted", "content": {}}]},
        "rooms": {
            "invite": {"!invite:x": {"invite_state": {"events": [state("m.room.name", {"name": "i"})]}}},
            "knock": {"!knock:x": {"knock_state": {"events": [state("m.room.name", {"name": "k"})]}}},
            "leave": {"!leave:x": {"timeline": {"events": [message("$l")]}}},
            "join": {
                ROOM: joined(
                    message("$m"),
                    state={"events": [topic("$t")]},
                    ephemeral={"events": [{"type": "m.typing", "content": {}}]},
                    account_data={"events": [{"type": "m.tag", "content": {}}]},
                    summary={"m.joined_member_count": 2},
                    unread_notifications={"notification_count": 3, "highlight_count": 1},
                    prev_batch="p1",
                )
            },
        },
    }
    batch = plan(answer)
    assert {(row.room_id, row.source): row.event_id for row in batch.inbox} == {
        ("", EventSource.TO_DEVICE): "",
        ("", EventSource.ACCOUNT_DATA): "",
        ("!invite:x", EventSource.INVITE): "$m.room.name-",
        ("!knock:x", EventSource.KNOCK): "$m.room.name-",
        (ROOM, S): "$t",
        (ROOM, T): "$m",
        (ROOM, EventSource.EPHEMERAL): "",
        (ROOM, EventSource.ACCOUNT_DATA): "",
        ("!leave:x", EventSource.LEAVE): "$l",
        ("", EventSource.PRESENCE): "",
    }
    assert [(row.room_id, row.type) for row in batch.account_data] == [("", "m.direct"), (ROOM, "m.tag")]
    deltas = {delta.room_id: delta for delta in batch.rooms}
    assert {room_id: delta.membership for room_id, delta in deltas.items()} == {
        "!invite:x": "invite",
        "!knock:x": "knock",
        ROOM: "join",
        "!leave:x": "leave",
    }
    delta = deltas[ROOM]
    assert json.loads(delta.summary or b"") == {"m.joined_member_count": 2}
    assert (delta.notification_count, delta.highlight_count, delta.prev_batch) == (3, 1, "p1")


def test_what_an_answer_does_not_say_stays_as_it_was() -> None:
    delta = only_room(plan(sync_answer("s1", joined())))
    assert (delta.summary, delta.notification_count, delta.highlight_count, delta.prev_batch) == (None,) * 4
    assert delta.all_state() == []


@pytest.mark.parametrize("counts", ["x", [], {"notification_count": "3"}, {"notification_count": None}, 7])
def test_counts_that_are_none_are_left_alone(counts: Any) -> None:
    delta = only_room(plan(sync_answer("s1", joined(message("$1"), unread_notifications=counts))))
    assert delta.notification_count is None


# ------------------------------------------------------------------ nobody listens


def test_events_nobody_wants_are_seen_and_not_journalled() -> None:
    batch = plan(sync_answer("s1", joined(message("$1"), topic("$2"))), wanted=[("m.room.topic", None)])
    assert ids(batch.inbox) == ["$2"]
    assert only_room(batch).seen == ["$1"]
    assert state_ids(only_room(batch)) == {("m.room.topic", ""): "$2"}
    assert plan(sync_answer("s1", joined(message("$1"))), wanted=[]).inbox == []


def test_account_data_nobody_wants_is_kept() -> None:
    answer = sync_answer("s1", account_data={"events": [{"type": "m.direct", "content": {}}]})
    batch = plan(answer, wanted=[])
    assert (len(batch.account_data), batch.inbox) == (1, [])


# ------------------------------------------------------------------ state


def test_state_of_the_timeline_comes_after_the_state_before_it() -> None:
    answer = sync_answer("s1", joined(topic("$new"), state={"events": [topic("$old"), own_member("join", "$own")]}))
    some: list[tuple[str | None, EventSource | None]] = [(None, T)]
    for wanted in (None, [], some):
        delta = only_room(plan(answer, wanted=wanted))
        assert state_ids(delta) == {("m.room.topic", ""): "$new", ("m.room.member", USER): "$own"}


def test_of_two_changes_in_a_timeline_the_later_one_counts() -> None:
    assert state_ids(only_room(plan(sync_answer("s1", joined(topic("$1"), topic("$2")))))) == {
        ("m.room.topic", ""): "$2"
    }


def test_state_after_is_the_last_word() -> None:
    """The server resolved the state; what the timeline says of it does not count."""
    room = joined(topic("$in timeline"), state_after={"events": [topic("$resolved")]})
    batch = plan(sync_answer("s1", room))
    assert state_ids(only_room(batch)) == {("m.room.topic", ""): "$resolved"}
    assert {(row.event_id, row.source) for row in batch.inbox} == {("$in timeline", T), ("$resolved", S)}


def test_an_empty_state_after_says_that_nothing_changed() -> None:
    batch = plan(sync_answer("s1", joined(topic("$undone"), state_after={"events": []})))
    assert only_room(batch).all_state() == []
    assert ids(batch.inbox) == ["$undone"]


@pytest.mark.parametrize("part", ["state", "state_after"])
def test_what_the_timeline_has_too_is_delivered_from_there(part: str) -> None:
    room = joined(message("$1"), topic("$t"), **{part: {"events": [topic("$t"), own_member("join", "$own")]}})
    batch = plan(sync_answer("s1", room))
    assert [(row.event_id, row.source) for row in batch.inbox] == [("$own", S), ("$1", T), ("$t", T)]


def test_what_is_no_state_is_no_state() -> None:
    batch = plan(sync_answer("s1", joined(state={"events": [message("$1"), topic("$t")]})))
    assert state_ids(only_room(batch)) == {("m.room.topic", ""): "$t"}
    assert ids(batch.inbox) == ["$t"]


# ------------------------------------------------------------------ the first sync

WAITING = {
    "to_device": {"events": [{"type": "com.example", "content": {}}]},
    "rooms": {
        "invite": {"!i:x": {"invite_state": {"events": [state("m.room.name", {}, event_id="$i")]}}},
        "knock": {"!k:x": {"knock_state": {"events": [state("m.room.name", {}, event_id="$k")]}}},
        "join": {
            ROOM: joined(message("$1"), topic("$2"), state={"events": [topic("$0")]}, limited=True, prev_batch="p")
        },
        "leave": {"!l:x": {"timeline": {"events": [message("$3")]}}},
    },
    "presence": {"events": [{"type": "m.presence", "content": {}}]},
    "account_data": {"events": [{"type": "m.direct", "content": {}}]},
}


def test_the_first_sync_delivers_what_waits_for_an_answer() -> None:
    batch = plan({"next_batch": "s1", **WAITING}, since="")
    assert [row.source for row in batch.inbox] == [
        EventSource.TO_DEVICE,
        EventSource.INVITE,
        EventSource.KNOCK,
    ]
    deltas = {delta.room_id: delta for delta in batch.rooms}
    assert state_ids(deltas[ROOM]) == {("m.room.topic", ""): "$2"}
    assert deltas[ROOM].seen == ["$1", "$2"]  # should they come again, they are history still
    assert batch.gaps == []
    assert len(batch.account_data) == 1


def test_the_first_sync_delivers_all_where_it_is_asked_to() -> None:
    batch = plan({"next_batch": "s1", **WAITING}, since="", deliver_initial=True)
    assert {"$0", "$1", "$2", "$3", "$i", "$k"} <= set(ids(batch.inbox))
    assert {row.source for row in batch.inbox} >= {EventSource.PRESENCE, EventSource.ACCOUNT_DATA}
    assert batch.gaps == []  # what came before the first sync is history, no gap


# ------------------------------------------------------------------ our own join

BEFORE, AFTER = message("$before"), message("$after")


@pytest.mark.parametrize("membership", ["leave", "invite", "knock"])
def test_news_begin_at_our_own_join(membership: str) -> None:
    room = joined(BEFORE, own_member("join", "$join"), AFTER)
    batch = plan(sync_answer("s1", room), membership=membership)
    assert ids(batch.inbox) == ["$join", "$after"]
    assert only_room(batch).seen == ["$before"]


def test_a_member_event_that_is_no_join_starts_nothing() -> None:
    room = joined(BEFORE, own_member("join", "$profile"), AFTER)
    assert ids(plan(sync_answer("s1", room), membership="join").inbox) == ["$before", "$profile", "$after"]


def test_the_joins_of_others_start_nothing() -> None:
    other = state("m.room.member", {"membership": "join"}, "@bob:scripted", "$bob")
    assert ids(plan(sync_answer("s1", joined(BEFORE, other)), membership="leave").inbox) == ["$before", "$bob"]


def test_of_several_joins_the_last_counts() -> None:
    room = joined(BEFORE, own_member("leave", "$leave"), message("$while away"), own_member("join", "$again"), AFTER)
    assert ids(plan(sync_answer("s1", room), membership="join").inbox) == ["$again", "$after"]


@pytest.mark.parametrize("content", [{}, [], None, {"membership": 7}, {"membership": "join", "reason": "\ud800"}])
def test_an_own_membership_that_makes_no_sense_stops_nothing(content: Any) -> None:
    room = joined(BEFORE, state("m.room.member", content, USER, "$odd"), AFTER)
    assert "$after" in ids(plan(sync_answer("s1", room), membership="join").inbox)


# ------------------------------------------------------------------ gaps


def gaps(room: dict[str, Any], **options: Any) -> list[tuple[str, str, str]]:
    """Return the gaps that a room's part of an answer leaves."""
    return [(gap.room_id, gap.since, gap.prev_batch) for gap in plan(sync_answer("s1", room), **options).gaps]


def test_a_limited_timeline_leaves_a_gap() -> None:
    assert gaps(joined(message("$1"), limited=True, prev_batch="p1")) == [(ROOM, "s0", "p1")]


@pytest.mark.parametrize(
    ("room", "options"),
    [
        (joined(message("$1"), prev_batch="p1"), {}),
        (joined(message("$1"), limited=False, prev_batch="p1"), {}),
        (joined(message("$1"), limited=True), {}),
        (joined(message("$1"), limited=True, prev_batch=""), {}),
        (joined(message("$1"), limited=True, prev_batch="p1"), {"since": ""}),
        (joined(own_member("join", "$j"), limited=True, prev_batch="p1"), {"membership": "leave"}),
    ],
    ids=["not limited", "said not to be", "no way back", "an empty way back", "first sync", "just joined"],
)
def test_no_gap(room: dict[str, Any], options: dict[str, Any]) -> None:
    assert gaps(room, **options) == []


def test_a_join_that_is_not_in_the_timeline_leaves_a_gap() -> None:
    """More was said since we came than the answer holds."""
    assert gaps(joined(message("$1"), limited=True, prev_batch="p1"), membership="leave") == [(ROOM, "s0", "p1")]


def test_who_left_and_came_back_missed_what_was_said_before() -> None:
    room = joined(own_member("leave", "$l"), own_member("join", "$j"), limited=True, prev_batch="p1")
    assert gaps(room, membership="join") == [(ROOM, "s0", "p1")]


@pytest.mark.parametrize(("membership", "leaves_a_gap"), [("join", True), ("invite", False), ("leave", False)])
def test_a_room_we_were_removed_from(membership: str, leaves_a_gap: bool) -> None:
    left = {"timeline": {"events": [own_member("leave", "$l")], "limited": True, "prev_batch": "p1"}}
    batch = plan({"next_batch": "s1", "rooms": {"leave": {ROOM: left}}}, membership=membership)
    assert bool(batch.gaps) is leaves_a_gap
    assert [row.source for row in batch.inbox] == [EventSource.LEAVE]
