"""Rooms in spaces, and spaces of rooms."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.events import Event
from tests.kit.room_facts import FactsRoom, member, state

SPACE = state("m.room.create", sender="@boss:s", room_version="11", type="m.space")
BOSS, ADMIN, NOBODY = "@boss:s", "@admin:s", "@nobody:s"


def child(room_id: str, ts: int = 0, via: Any = ("s",), **more: Any) -> Event:
    return state("m.space.child", room_id, ts=ts, via=list(via) if isinstance(via, tuple) else via, **more)


def parent(room_id: str, sender: str = NOBODY, via: Any = ("s",), **more: Any) -> Event:
    said = list(via) if isinstance(via, tuple) else via
    return state("m.space.parent", room_id, sender=sender, via=said, **more)


def test_the_order_of_the_specification() -> None:
    room = FactsRoom(
        SPACE,
        child("!d:s", 1640741000000),
        child("!e:s", 1640641000000),
        child("!c:s", 1640841000000, order="first"),
        child("!a:s", 1640141000000, order="aaaa"),
        child("!b:s", 1640341000000, order=" "),
    )
    assert [one.room_id for one in room.children] == ["!b:s", "!a:s", "!c:s", "!e:s", "!d:s"]


@pytest.mark.parametrize("order", ["", "a" * 51, "\x1f", "\x7f", "é", "a\n", 5, None, ["a"]])
def test_an_order_that_is_not_valid_counts_as_none(order: Any) -> None:
    room = FactsRoom(SPACE, child("!bad:s", 1, order=order), child("!z:s", 9, order="~" * 50), child("!plain:s", 0))
    assert [(one.room_id, one.order) for one in room.children] == [
        ("!z:s", "~" * 50),
        ("!plain:s", None),
        ("!bad:s", None),
    ]


def test_equal_orders_go_by_time_and_then_by_id() -> None:
    room = FactsRoom(SPACE, child("!c:s", 2, order="a"), child("!b:s", 2, order="a"), child("!a:s", 3, order="a"))
    assert [one.room_id for one in room.children] == ["!b:s", "!c:s", "!a:s"]


@pytest.mark.parametrize("via", [None, [], "s", [5], [""], {"s": 1}, 7])
def test_a_child_without_servers_is_none(via: Any) -> None:
    assert FactsRoom(SPACE, child("!a:s", via=via)).children == []
    assert FactsRoom(parent("!space:s", via=via)).stated_parents == []


def test_children_tell_how_to_join_them() -> None:
    (one,) = FactsRoom(SPACE, child("!a:s", 7, via=["x", 5, "y"], suggested=True)).children
    assert (one.via, one.is_suggested, one.added_ts) == (["x", "y"], True, 7)


def test_a_room_that_is_no_space_has_no_children() -> None:
    assert FactsRoom(child("!a:s")).children == []


# ------------------------------------------------------------------ parents


def space(room_id: str, *events: Event, **levels: Any) -> FactsRoom:
    power = state("m.room.power_levels", users={BOSS: 100, ADMIN: 50})
    return FactsRoom(SPACE, power, member(BOSS), member(ADMIN), *events, room_id=room_id, **levels)


def parents_of(room: FactsRoom, *spaces: FactsRoom) -> list[str]:
    known = {one.id: one for one in spaces}
    return [one.room_id for one in room.parents(known.get)]


def test_a_claim_counts_if_the_space_says_so_too() -> None:
    room = FactsRoom(parent("!p:s"))
    assert parents_of(room, space("!p:s", child(room.id))) == ["!p:s"]
    assert parents_of(room, space("!p:s", child("!other:s"))) == []
    assert parents_of(room, space("!p:s", child(room.id, via=[]))) == []


@pytest.mark.parametrize(("sender", "is_parent"), [(BOSS, True), (ADMIN, True), (NOBODY, False), ("@left:s", False)])
def test_a_claim_counts_if_its_sender_may_change_the_space(sender: str, is_parent: bool) -> None:
    left = member("@left:s", membership="leave")
    assert (parents_of(FactsRoom(parent("!p:s", sender)), space("!p:s", left)) == ["!p:s"]) is is_parent


def test_a_claim_on_an_unknown_room_or_on_no_space_does_not_count() -> None:
    room = FactsRoom(parent("!p:s", BOSS))
    assert parents_of(room) == []
    assert parents_of(room, FactsRoom(member(BOSS), child(room.id), room_id="!p:s")) == []


def test_the_canonical_parent_is_the_lowest_that_counts() -> None:
    room = FactsRoom(
        parent("!a:s", NOBODY, canonical=True),
        parent("!d:s", BOSS, canonical=True),
        parent("!c:s", BOSS, canonical=True),
        parent("!b:s", BOSS, canonical="yes"),
    )
    known = {name: space(name) for name in ("!a:s", "!b:s", "!c:s", "!d:s")}
    found = room.canonical_parent(known.get)
    assert found is not None
    assert found.room_id == "!c:s"
    assert FactsRoom(parent("!b:s", BOSS)).canonical_parent(known.get) is None


def test_a_room_is_not_its_own_parent() -> None:
    assert FactsRoom(parent("!room:example.org", BOSS)).stated_parents == []
