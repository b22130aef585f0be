"""The members of a room."""

from __future__ import annotations

import math

import pytest

from gomatrix_py.rooms.members import RoomMember
from tests.kit.room_facts import OWN, FactsRoom, member, state

ALICE, BOB = "@alice:example.org", "@bob:example.org"


def ids(members: list[RoomMember]) -> list[str]:
    return [one.user_id for one in members]


def test_a_member_tells_what_the_room_knows() -> None:
    levels = state("m.room.power_levels", users={ALICE: 50})
    event = member(ALICE, "Alice", avatar_url="mxc://example.org/a", reason="why not")
    room = FactsRoom(event, member(BOB, "Alice", "invite"), levels)
    alice = room.member(ALICE)
    assert alice is not None
    assert (alice.membership, alice.display_name, alice.power_level) == ("join", "Alice", 50)
    assert (alice.name, alice.disambiguated_name, str(alice)) == (f"Alice ({ALICE})",) * 3
    assert (alice.avatar_url, alice.reason) == ("mxc://example.org/a", "why not")
    assert alice.event is event
    assert (alice.is_joined, alice.is_invited) == (True, False)
    bob = room.member(BOB)
    assert bob is not None
    assert (bob.is_joined, bob.is_invited, bob.avatar_url, bob.reason) == (False, True, None, None)


def test_members_by_membership() -> None:
    names = ["join", "invite", "knock", "ban", "leave", "org.example.new"]
    room = FactsRoom(*(member(f"@{name}:s", membership=name) for name in names), member("@bad:s", membership=7))
    assert ids(room.joined) == ["@join:s"]
    assert ids(room.invited) == ["@invite:s"]
    assert ids(room.knocking) == ["@knock:s"]
    assert ids(room.banned) == ["@ban:s"]
    assert ids(room.members_with("leave", "org.example.new")) == ["@leave:s", "@org.example.new:s", "@bad:s"]
    assert len(room.members_with()) == 7
    assert (room.joined_count, room.invited_count, room.member_count) == (1, 1, 2)


@pytest.mark.parametrize(
    ("summary", "has_all", "counts"),
    [
        ({"m.joined_member_count": 1000, "m.invited_member_count": 5}, False, (1000, 5)),
        ({"m.joined_member_count": 1000, "m.invited_member_count": 5}, True, (2, 1)),
        ({"m.joined_member_count": "1000", "m.invited_member_count": -1}, False, (2, 1)),
        ({"m.joined_member_count": True, "m.invited_member_count": 2**70}, False, (2, 1)),
        ({"m.joined_member_count": 3.0}, False, (2, 1)),
        ({}, False, (2, 1)),
    ],
)
def test_counts_are_the_servers_where_members_are_loaded_lazily(
    summary: dict[str, object], has_all: bool, counts: tuple[int, int]
) -> None:
    people = [member(OWN), member(ALICE), member(BOB, membership="invite")]
    room = FactsRoom(*people, summary=summary, has_all_members=has_all)
    assert (room.joined_count, room.invited_count) == counts


def test_who_invited_us() -> None:
    invite = member(OWN, membership="invite")
    invite.sender = ALICE
    assert FactsRoom(invite, membership="invite").inviter == ALICE
    assert FactsRoom(member(OWN)).inviter is None
    assert FactsRoom().inviter is None


def test_how_somebody_stands_to_the_room_may_be_unknown() -> None:
    assert FactsRoom(member(ALICE, membership="ban")).membership_of(ALICE) == "ban"
    assert FactsRoom().membership_of(ALICE) == "leave"
    assert FactsRoom(has_all_members=False).membership_of(ALICE) is None
    assert FactsRoom(membership="knock").membership_of(OWN) == "knock"


@pytest.mark.parametrize("address", ["https://evil.example/x.png", "mxc://", "mxc://../../x", "mxc://s/a?b", 5, None])
def test_a_picture_is_a_media_address_or_none(address: object) -> None:
    room = FactsRoom(member(ALICE, avatar_url=address))
    assert room.avatar_url(ALICE) is None
    assert FactsRoom(member(ALICE, avatar_url="mxc://s/a")).avatar_url(ALICE) == "mxc://s/a"


def test_a_creator_of_a_new_room_has_infinite_power() -> None:
    room = FactsRoom(state("m.room.create", sender=ALICE, room_version="12"), member(ALICE))
    alice = room.member(ALICE)
    assert alice is not None
    assert alice.power_level == math.inf
