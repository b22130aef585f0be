"""What state says of a room, of its members and of who may do what."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.codec import Document, structure, unstructure
from gomatrix_py.events.contents.members import Membership, RoomMemberContent
from gomatrix_py.events.contents.policy import PolicyRuleContent, PolicyRuleUserContent
from gomatrix_py.events.contents.power_levels import MAX_LEVEL, RoomPowerLevelsContent
from gomatrix_py.events.contents.room_state import (
    HistoryVisibility,
    JoinRule,
    PreviousRoom,
    RoomCreateContent,
    RoomNameContent,
    RoomTopicContent,
)
from gomatrix_py.events.contents.spaces import SpaceChildContent
from gomatrix_py.events.registry import BadContent, parse_content


def state(event_type: str, **content: Any) -> Any:
    return parse_content(event_type, content, is_state=True)


def test_a_membership() -> None:
    made = RoomMemberContent(Membership.JOIN, displayname="A")
    assert unstructure(made) == {"membership": "join", "displayname": "A"}
    assert state("m.room.member", membership="join", displayname="A", avatar_url=None) == made


def test_what_a_redaction_left_of_an_invite() -> None:
    signed = {"mxid": "@a:s", "signatures": {"id.s": {"ed25519:0": "sig"}}, "token": "t"}
    made = state("m.room.member", membership="invite", third_party_invite={"signed": signed})
    assert made.problems == ()
    assert made.third_party_invite.signed.token == "t"


@pytest.mark.parametrize(
    ("content", "is_space"), [({"type": "m.space"}, True), ({}, False), ({"type": "m.spaces"}, False)]
)
def test_a_space_is_a_room_of_a_type(content: dict[str, Any], is_space: bool) -> None:
    assert state("m.room.create", **content).is_space is is_space


def test_a_room_before_this_one() -> None:
    made = RoomCreateContent(room_version="12", predecessor=PreviousRoom("!old"), additional_creators=["@b:s"])
    assert state("m.room.create", **unstructure(made)) == made
    assert state("m.room.create", predecessor={"event_id": "$e"}).predecessor is None


@pytest.mark.parametrize("content", [{}, {"name": None}, {"name": ""}, {"name": 5}])
def test_a_room_without_a_name(content: dict[str, Any]) -> None:
    made = state("m.room.name", **content)
    assert isinstance(made, RoomNameContent)
    assert not made.name


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"topic": "t"}, "t"),
        ({"topic": "t", "m.topic": {"m.text": [{"body": "<b>n</b>", "mimetype": "text/html"}, {"body": "n"}]}}, "n"),
        ({"topic": "t", "m.topic": {"m.text": [{"body": "<b>n</b>", "mimetype": "text/html"}]}}, "t"),
        ({"topic": "t", "m.topic": {"m.text": [{"body": ""}]}}, "t"),
        ({"topic": "t", "m.topic": {}}, "t"),
        ({"topic": "t", "m.topic": 5}, "t"),
        ({"m.topic": {"m.text": [{"body": "n"}]}}, "n"),
        ({"topic": ""}, None),
        ({}, None),
    ],
)
def test_a_topic_as_plain_text(content: dict[str, Any], text: str | None) -> None:
    made = state("m.room.topic", **content)
    assert isinstance(made, RoomTopicContent)
    assert made.text == text


def test_rules_are_named_and_open() -> None:
    assert state("m.room.join_rules", join_rule="knock_restricted").join_rule is JoinRule.KNOCK_RESTRICTED
    assert state("m.room.join_rules", join_rule="org.example").join_rule == "org.example"
    visibility = state("m.room.history_visibility", history_visibility="shared").history_visibility
    assert visibility is HistoryVisibility.SHARED


# ------------------------------------------------------------------ power levels


@pytest.mark.parametrize(
    ("written", "level"),
    [
        (50, 50),
        (-1, -1),
        ("100", 100),
        ("000100", 100),
        ("+100", 100),
        ("-100", -100),
        (" 100 ", 100),
        (" +00100\t", 100),
        ("0", 0),
        ("-0", 0),
        (50.57, 50),
        (-50.57, -50),
        (5.114698e4, 51146),
        (2**53, MAX_LEVEL),
        (-(2**63), -MAX_LEVEL),
        (10**400, MAX_LEVEL),
        (1e300, MAX_LEVEL),
        ("9" * 5000, MAX_LEVEL),
        ("-" + "9" * 5000, -MAX_LEVEL),
        ("0" * 5000 + "7", 7),
        (str(MAX_LEVEL), MAX_LEVEL),
    ],
)
def test_levels_are_read_as_servers_read_them(written: Any, level: int) -> None:
    made = state("m.room.power_levels", ban=written, users={"@a:s": written})
    assert made.problems == ()
    assert (made.ban, made.users) == (level, {"@a:s": level})
    assert type(made.ban) is int
    assert unstructure(made) == {"ban": level, "users": {"@a:s": level}}


NO_LEVELS = ["", " ", "1.5", "1e3", "0x10", "1_000", "+-1", "--1", "\u0661", "\xb2", "ten", "0" * 70_000 + "x"]


@pytest.mark.parametrize("wrong", [*NO_LEVELS, True, [], {}, float("inf"), float("nan")])
def test_what_is_no_level_is_left_out(wrong: Any) -> None:
    made = state("m.room.power_levels", ban=wrong, users={"@a:s": wrong, "@b:s": 5})
    assert (made.ban, made.users) == (None, {"@b:s": 5})
    assert {problem.path for problem in made.problems} == {"ban", "users.@a:s"}


def test_levels_that_are_not_said_are_not_written() -> None:
    assert unstructure(RoomPowerLevelsContent()) == {}
    assert unstructure(RoomPowerLevelsContent(users={}, ban=0)) == {"users": {}, "ban": 0}


# ------------------------------------------------------------------ spaces, policy


@pytest.mark.parametrize(
    ("order", "key"),
    [
        ("a", "a"),
        (" ~", " ~"),
        ("x" * 50, "x" * 50),
        ("x" * 51, None),
        ("", None),
        ("ü", None),
        ("a\n", None),
        ("\x7f", None),
        (5, None),
        (None, None),
    ],
)
def test_an_order_counts_where_it_is_sound(order: Any, key: str | None) -> None:
    made = state("m.space.child", via=["s"], order=order)
    assert isinstance(made, SpaceChildContent)
    assert made.sort_key == key


def test_a_child_without_servers_is_none() -> None:
    assert state("m.space.child").via is None
    assert state("m.space.child", via="s").via is None


def test_rules_of_lists() -> None:
    made = state("m.policy.rule.user", entity="@*:spam.example", recommendation="m.ban")
    assert made == PolicyRuleUserContent("@*:spam.example", "m.ban")
    assert made.is_ban
    assert isinstance(made, PolicyRuleContent)
    assert not state("m.policy.rule.server", entity="*", recommendation="org.example").is_ban
    assert isinstance(state("m.policy.rule.room"), BadContent)  # an empty one lifts the rule


def test_a_policy_server_without_keys_is_none() -> None:
    assert isinstance(state("m.room.policy", via="s"), BadContent)


def test_a_level_is_read_alone_too() -> None:
    class Rule(Document):
        level: int

    assert structure({"level": 5}, Rule).level == 5
    assert RoomPowerLevelsContent.__annotations__["ban"] == "PowerLevel | None"
