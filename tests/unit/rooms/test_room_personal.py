"""What a room is to us: tags, direct chats, what was read."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.rooms.facts import UnreadCounts
from gomatrix_py.rooms.receipts import Receipt
from tests.kit.room_facts import OWN, FactsRoom, member

ROOM, ALICE, BOB = "!room:example.org", "@alice:s", "@bob:s"


def test_tags_and_their_order() -> None:
    tags = {
        "m.favourite": {"order": 0.25},
        "m.lowpriority": {},
        "u.a": {"order": 1},
        "u.b": {"order": "0.5"},
        "u.c": {"order": 1.5},
        "u.d": {"order": True},
        "u.e": None,
        "u.f": {"order": float("nan")},
    }
    room = FactsRoom(account_data={"m.tag": {"tags": tags}})
    orders = list(room.tags.values())
    assert orders == [0.25, None, 1.0, None, None, None, None, None]
    assert (room.is_favourite, room.is_low_priority, room.is_server_notice_room) == (True, True, False)
    plain = FactsRoom(account_data={"m.tag": {"tags": ["m.favourite"]}})
    assert (plain.tags, plain.is_favourite, plain.is_low_priority) == ({}, False, False)


@pytest.mark.parametrize(
    ("direct", "partner"),
    [
        ({ALICE: [ROOM]}, ALICE),
        ({ALICE: ["!other:s"], BOB: [ROOM]}, BOB),
        ({BOB: [ROOM], ALICE: [ROOM]}, ALICE),
        ({"@gone:s": [ROOM]}, "@gone:s"),
        ({"mail@example.org": [ROOM]}, None),
        ({OWN: [ROOM]}, None),
    ],
)
def test_direct_chats_are_those_the_account_keeps(direct: dict[str, Any], partner: str | None) -> None:
    room = FactsRoom(member(ALICE), user_account_data={"m.direct": direct})
    assert (room.is_direct, room.direct_partner) == (True, partner)


@pytest.mark.parametrize("direct", [{}, {ALICE: ROOM}, {ALICE: {ROOM: 1}}, {ALICE: [[ROOM]]}, {ALICE: None}])
def test_rooms_the_account_does_not_keep_as_direct_are_not(direct: dict[str, Any]) -> None:
    room = FactsRoom(member(ALICE), user_account_data={"m.direct": direct})
    assert (room.is_direct, room.direct_partner) == (False, None)


def test_an_invite_to_a_direct_chat_is_one() -> None:
    invite = member(OWN, membership="invite", is_direct=True)
    invite.sender = ALICE
    room = FactsRoom(invite, membership="invite")
    assert (room.is_direct, room.direct_partner) == (True, ALICE)
    assert not FactsRoom(member(OWN, membership="invite", is_direct="yes")).is_direct
    assert not FactsRoom(member(OWN, is_direct=True)).is_direct


def test_unread_counts_threads_and_the_mark() -> None:
    room = FactsRoom(counts=(2, 1), thread_counts={"$t": UnreadCounts(3, 2)})
    assert (room.unread_notifications, room.unread_highlights, room.is_unread) == (5, 3, True)
    assert not FactsRoom().is_unread
    marked = FactsRoom(account_data={"m.marked_unread": {"unread": True}})
    assert (marked.is_marked_unread, marked.is_unread) == (True, True)
    assert FactsRoom(account_data={"com.famedly.marked_unread": {"unread": True}}).is_marked_unread
    assert not FactsRoom(account_data={"m.marked_unread": {"unread": "true"}}).is_marked_unread


def test_the_fully_read_marker_falls_back_to_the_receipt() -> None:
    receipts = (Receipt(OWN, "$old", 1), Receipt(OWN, "$new", 2, "main", True), Receipt(ALICE, "$x", 9))
    assert FactsRoom(receipts=receipts).fully_read_event_id == "$new"
    marked = FactsRoom(receipts=receipts, account_data={"m.fully_read": {"event_id": "$mark"}})
    assert marked.fully_read_event_id == "$mark"
    assert FactsRoom(account_data={"m.fully_read": {"event_id": 5}}).fully_read_event_id is None


def test_who_has_read_an_event() -> None:
    room = FactsRoom(
        receipts=(
            Receipt(ALICE, "$2", 20),
            Receipt(OWN, "$2", 10, is_private=True),
            Receipt(BOB, "$3", 30),
            Receipt("@c:s", "$3", 40, "main"),
            Receipt("@d:s", "$3", 50, "$thread"),
            Receipt("@e:s", "$1", 60),
        )
    )
    assert room.read_by("$2") == [OWN, ALICE]
    assert room.read_by("$2", later=["$3"]) == [OWN, ALICE, BOB, "@c:s"]
    assert room.read_by("$2", later=["$3"], thread_id="$thread") == [OWN, ALICE, BOB, "@d:s"]
    assert [one.is_private for one in room.read_receipts("$2")] == [True, False]
    assert room.read_by("$unknown") == []


def test_one_user_is_named_once() -> None:
    room = FactsRoom(receipts=(Receipt(ALICE, "$1", 5), Receipt(ALICE, "$1", 3, "main"), Receipt(BOB, "$1", 4)))
    assert room.read_by("$1") == [ALICE, BOB]


def test_whom_we_ignore() -> None:
    room = FactsRoom(user_account_data={"m.ignored_user_list": {"ignored_users": {ALICE: {}}}})
    assert (room.is_ignored(ALICE), room.is_ignored(BOB)) == (True, False)
    assert not FactsRoom(user_account_data={"m.ignored_user_list": {"ignored_users": [ALICE]}}).is_ignored(ALICE)
