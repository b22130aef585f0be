"""Who may come in, who sees what, encryption, pins, and what a room was made as."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.rooms.access import RoomEncryption
from gomatrix_py.rooms.creation import has_privileged_creators, version_number
from tests.kit.room_facts import FactsRoom, state

ALICE, BOB = "@alice:s", "@bob:s"


def test_what_counts_where_nothing_is_said() -> None:
    room = FactsRoom()
    assert (room.join_rule.value, room.history_visibility.value, room.guest_access.value) == (
        "invite",
        "shared",
        "forbidden",
    )
    assert (room.is_public, room.is_knockable, room.allowed_rooms) == (False, False, [])
    assert (room.is_encrypted, room.encryption, room.pinned_event_ids) == (False, None, [])


@pytest.mark.parametrize(
    ("rule", "is_public", "is_knockable", "allowed"),
    [
        ("public", True, False, []),
        ("invite", False, False, []),
        ("knock", False, True, []),
        ("restricted", False, False, ["!a:s", "!b:s"]),
        ("knock_restricted", False, True, ["!a:s", "!b:s"]),
        ("org.example.rule", False, False, []),
        (["public"], False, False, []),
    ],
)
def test_join_rules(rule: Any, is_public: bool, is_knockable: bool, allowed: list[str]) -> None:
    conditions = [
        {"type": "m.room_membership", "room_id": "!a:s"},
        {"type": "org.example.other", "room_id": "!c:s"},
        {"type": "m.room_membership"},
        {"type": "m.room_membership", "room_id": "!b:s"},
        "!d:s",
        {"type": "m.room_membership", "room_id": ["!e:s"]},
    ]
    room = FactsRoom(state("m.room.join_rules", join_rule=rule, allow=conditions))
    assert (room.is_public, room.is_knockable, room.allowed_rooms) == (is_public, is_knockable, allowed)
    assert room.join_rule.value == (rule if isinstance(rule, str) else "invite")


def test_visibility_and_guests() -> None:
    room = FactsRoom(
        state("m.room.history_visibility", history_visibility="world_readable"),
        state("m.room.guest_access", guest_access="can_join"),
    )
    assert (room.history_visibility.value, room.guest_access.value) == ("world_readable", "can_join")


@pytest.mark.parametrize(
    ("content", "encryption"),
    [
        ({"algorithm": "m.a", "rotation_period_ms": 5, "rotation_period_msgs": 6}, RoomEncryption("m.a", 5, 6)),
        ({"algorithm": "m.a"}, RoomEncryption("m.a", 604_800_000, 100)),
        ({"algorithm": 1, "rotation_period_ms": "5", "rotation_period_msgs": -6}, RoomEncryption("")),
        ({"rotation_period_ms": True, "rotation_period_msgs": 2**60}, RoomEncryption("")),
        ({}, RoomEncryption("")),
    ],
)
def test_encryption(content: dict[str, Any], encryption: RoomEncryption) -> None:
    room = FactsRoom(state("m.room.encryption", **content))
    assert (room.is_encrypted, room.encryption) == (True, encryption)


def test_pinned_events_are_ids_each_once() -> None:
    room = FactsRoom(state("m.room.pinned_events", pinned=["$b", "$a", None, "$b", ["$c"], ""]))
    assert room.pinned_event_ids == ["$b", "$a"]
    assert FactsRoom(state("m.room.pinned_events", pinned="$a")).pinned_event_ids == []


# ------------------------------------------------------------------ what a room was made as


def test_what_a_room_was_made_as() -> None:
    plain = FactsRoom(state("m.room.create", sender=ALICE))
    assert (plain.room_version, plain.room_type, plain.is_space, plain.is_federated) == ("1", None, False, True)
    said: dict[str, Any] = {"room_version": "11", "type": "m.space", "m.federate": False}
    space = FactsRoom(state("m.room.create", sender=ALICE, **said))
    assert (space.room_version, space.room_type, space.is_space, space.is_federated) == (
        "11",
        "m.space",
        True,
        False,
    )
    assert FactsRoom().creators == ()


@pytest.mark.parametrize("version", [str(number) for number in range(1, 11)])
def test_the_creator_of_an_old_room_is_named_in_it(version: str) -> None:
    assert FactsRoom(state("m.room.create", sender=ALICE, creator=BOB, room_version=version)).creators == (BOB,)
    assert FactsRoom(state("m.room.create", sender=ALICE, creator=7, room_version=version)).creators == (ALICE,)


@pytest.mark.parametrize(
    ("version", "creators"),
    [("11", (ALICE,)), ("12", (ALICE, BOB)), ("13", (ALICE, BOB)), ("org.matrix.hydra.11", (ALICE, BOB))],
)
def test_creators_of_newer_rooms(version: str, creators: tuple[str, ...]) -> None:
    additional = [BOB, ALICE, 5, None]
    event = state("m.room.create", sender=ALICE, creator=BOB, room_version=version, additional_creators=additional)
    assert FactsRoom(event).creators == creators


@pytest.mark.parametrize(
    ("version", "number", "is_privileged"),
    [
        ("1", 1, False),
        ("11", 11, False),
        ("12", 12, True),
        ("org.matrix.hydra.11", 12, True),
        ("org.matrix.msc3757.11", 11, False),
        ("org.example", None, False),
        ("", None, False),
        ("\u0661\u0662", None, False),
        ("9" * 5000, None, False),
        ("-12", None, False),
    ],
)
def test_versions(version: str, number: int | None, is_privileged: bool) -> None:
    assert (version_number(version), has_privileged_creators(version)) == (number, is_privileged)
