"""What a room is called, and its picture."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.events import Event
from tests.kit.room_facts import OWN, FactsRoom, member, state

ALICE, BOB, CAROL = "@alice:s", "@bob:s", "@carol:s"
ME = member(OWN, "Me")


def name(text: Any) -> Event:
    return state("m.room.name", name=text)


def alias(text: Any) -> Event:
    return state("m.room.canonical_alias", alias=text)


def summary(joined: Any = 0, invited: Any = 0, *heroes: Any) -> dict[str, Any]:
    return {"m.joined_member_count": joined, "m.invited_member_count": invited, "m.heroes": list(heroes)}


@pytest.mark.parametrize(
    ("events", "shown"),
    [
        ([name("Tea"), alias("#tea:s")], "Tea"),
        ([name(""), alias("#tea:s")], "#tea:s"),
        ([name(None), alias("#tea:s")], "#tea:s"),
        ([name(["Tea"]), alias("#tea:s")], "#tea:s"),
        ([alias("tea"), member(ALICE, "Alice")], "Alice"),
        ([alias(5), member(ALICE, "Alice")], "Alice"),
        ([state("m.room.canonical_alias", alt_aliases=["#tea:s"]), member(ALICE, "Alice")], "Alice"),
    ],
)
def test_a_name_counts_more_than_an_alias_and_that_more_than_members(events: list[Event], shown: str) -> None:
    assert FactsRoom(ME, *events).display_name == shown


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        (summary(2, 0, ALICE), "Alice"),
        (summary(1, 1, ALICE), "Alice"),
        (summary(2, 1, ALICE, BOB), "Alice and Bob"),
        (summary(4, 0, ALICE, BOB, CAROL), "Alice, Bob, and @carol:s"),
        (summary(3, 0, ALICE), "Alice and 1 other"),
        (summary(1000, 237, ALICE, BOB), "Alice, Bob, and 1234 others"),
        (summary(1, 0, ALICE), "Empty room (was Alice)"),
        (summary(1, 0, ALICE, BOB), "Empty room (was Alice and Bob)"),
        (summary(2, 0, OWN, ALICE, ALICE, 7), "Alice"),
        (summary(2, 0, "@stranger:s"), "@stranger:s"),
        (summary(9, 0, *(f"@{n}:s" for n in range(8))), "@0:s, @1:s, @2:s, @3:s, @4:s, and 3 others"),
        (summary(3, 0, *(f"@{n}:s" for n in range(8))), "@0:s, @1:s, @2:s, @3:s, @4:s, and 3 others"),
        ({"m.joined_member_count": 3, "m.heroes": ALICE}, "Alice and Bob"),
        (summary("2", None, ALICE), "Alice and 1 other"),
        (summary(2**80, 0, ALICE), "Alice and 1 other"),
    ],
)
def test_a_room_is_named_after_its_heroes(counts: dict[str, Any], shown: str) -> None:
    people = [ME, member(ALICE, "Alice", ts=1), member(BOB, "Bob", ts=2)]
    room = FactsRoom(*people, summary=counts)
    assert (room.display_name, room.group_name, room.is_group, room.is_named) == (shown, shown, True, False)


@pytest.mark.parametrize("counts", [summary(1, 0), summary(0, 0), summary(1, 0, OWN)])
def test_a_room_without_others_or_heroes_is_empty(counts: dict[str, Any]) -> None:
    assert FactsRoom(ME, summary=counts).display_name == "Empty room"


def test_a_room_of_many_of_whom_none_is_known_says_how_many() -> None:
    assert FactsRoom(summary=summary(12, 0)).display_name == "12 people"


def test_names_in_a_room_name_are_told_apart() -> None:
    room = FactsRoom(ME, member(ALICE, "Al"), member(BOB, "Al"), summary=summary(3, 0, ALICE, BOB))
    assert room.display_name == f"Al ({ALICE}) and Al ({BOB})"


def test_without_a_summary_the_known_members_name_the_room() -> None:
    room = FactsRoom(ME, member(BOB, "Bob", ts=5), member(ALICE, "Alice", ts=9), member(CAROL, "C", "leave"))
    assert (room.display_name, room.heroes) == ("Bob and Alice", [BOB, ALICE])
    alone = FactsRoom(ME, member(BOB, "Bob", "leave"), member(CAROL, "Carol", "ban", ts=3))
    assert alone.display_name == "Empty room (was Bob and Carol)"
    assert FactsRoom(ME).display_name == "Empty room"
    assert FactsRoom().display_name == "Empty room"


def test_heroes_who_have_left_are_no_heroes_where_all_members_are_known() -> None:
    people = [ME, member(ALICE, "Alice", "leave"), member(BOB, "Bob")]
    assert FactsRoom(*people, summary=summary(3, 0, ALICE), has_all_members=True).display_name == "Bob"


def invited(*events: Event, sender: str = ALICE) -> FactsRoom:
    invite = member(OWN, "Me", "invite")
    invite.sender = sender
    return FactsRoom(invite, *events, membership="invite", has_all_members=False)


def test_an_invited_room_is_named_by_what_the_invite_tells() -> None:
    assert invited(name("Tea")).display_name == "Tea"
    assert invited(alias("#tea:s")).display_name == "#tea:s"
    assert invited(member(ALICE, "Alice")).display_name == "Alice"
    assert invited().display_name == ALICE
    assert FactsRoom(membership="invite").display_name == "Empty room"


def test_machine_name_is_the_alias_or_the_id() -> None:
    assert FactsRoom(alias("#tea:s")).machine_name == "#tea:s"
    assert FactsRoom(name("Tea")).machine_name == "!room:example.org"


def test_named_room_name_topic_and_aliases() -> None:
    both: dict[str, Any] = {"topic": "old", "m.topic": {"m.text": [{"body": "new"}]}}
    room = FactsRoom(state("m.room.topic", **both))
    assert (room.named_room_name, room.topic) == (None, "new")
    assert FactsRoom(state("m.room.topic", topic="old")).topic == "old"
    assert FactsRoom(state("m.room.topic", topic=5)).topic is None
    assert FactsRoom().topic is None
    assert FactsRoom(state("m.room.canonical_alias", alt_aliases=["#a:s", 5, "#a:s"])).alt_aliases == ["#a:s"]


# ------------------------------------------------------------------ pictures

AVATAR = state("m.room.avatar", url="mxc://s/room")
DIRECT = {"m.direct": {ALICE: ["!room:example.org"]}}
WITH_FACE = member(ALICE, "Alice", avatar_url="mxc://s/alice")


@pytest.mark.parametrize(
    ("room", "shown"),
    [
        (FactsRoom(ME, WITH_FACE, AVATAR), "mxc://s/room"),
        (FactsRoom(ME, WITH_FACE), "mxc://s/alice"),
        (FactsRoom(ME, WITH_FACE, state("m.room.avatar", url="https://s/x")), "mxc://s/alice"),
        (FactsRoom(ME, WITH_FACE, member(BOB)), None),
        (FactsRoom(ME, WITH_FACE, member(BOB), user_account_data=DIRECT), "mxc://s/alice"),
        (FactsRoom(ME), None),
        (invited(WITH_FACE), "mxc://s/alice"),
    ],
)
def test_the_picture_is_the_rooms_or_the_others_in_a_direct_chat(room: FactsRoom, shown: str | None) -> None:
    assert room.display_avatar_url == shown
