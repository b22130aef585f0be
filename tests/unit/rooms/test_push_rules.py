"""Which events notify, by the predefined rules and by others."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.events import Event
from gomatrix_py.rooms.push import Notification
from tests.kit.room_facts import OWN, FactsRoom, member, message, state

ALICE, BOB = "@alice:example.org", "@bob:example.org"
PEOPLE = (member(OWN, "Me Myself"), member(ALICE, "Alice"), member(BOB, "Bob"))
Rules = dict[str, list[dict[str, Any]]]


def room(rules: Rules | None = None, *events: Event, **facts: Any) -> FactsRoom:
    kept = {} if rules is None else {"m.push_rules": {"global": rules}}
    return FactsRoom(*PEOPLE, *events, user_account_data=kept, **facts)


def mentioning(whom: Any) -> dict[str, Any]:
    return {"m.mentions": whom}


def decision(notification: Notification) -> tuple[str, bool, bool, str | None]:
    rule = notification.rule
    return (
        rule.rule_id if rule is not None else "",
        notification.should_notify,
        notification.is_highlight,
        notification.sound,
    )


def event(event_type: str, sender: str = ALICE, state_key: str | None = None, **content: Any) -> Event:
    return Event(event_type, content, "$event", sender, 0, state_key)


def rule(rule_id: str = "mine", actions: Any = ("notify",), **more: Any) -> dict[str, Any]:
    return {"rule_id": rule_id, "default": False, "enabled": True, "actions": list(actions), **more}


def when(**condition: Any) -> Rules:
    return {"override": [rule(conditions=[condition])]}


# ------------------------------------------------------------------ predefined rules

EDIT: dict[str, Any] = {"m.relates_to": {"rel_type": "m.replace", "event_id": "$x"}, "m.new_content": {"body": "new"}}


@pytest.mark.parametrize(
    ("happening", "rule_id", "should_notify", "is_highlight", "sound"),
    [
        (message(), ".m.rule.message", True, False, None),
        (message(msgtype="m.notice"), ".m.rule.suppress_notices", False, False, None),
        (message(**EDIT), ".m.rule.suppress_edits", False, False, None),
        (message(**EDIT, **mentioning({"user_ids": [OWN]})), ".m.rule.is_user_mention", True, True, "default"),
        (message(**mentioning({"user_ids": [BOB, OWN]})), ".m.rule.is_user_mention", True, True, "default"),
        (message(**mentioning({"user_ids": [BOB]})), ".m.rule.message", True, False, None),
        (message(**mentioning({"user_ids": OWN})), ".m.rule.message", True, False, None),
        (message(**mentioning({"room": True})), ".m.rule.message", True, False, None),
        (message(**mentioning({"room": True}), sender=BOB), ".m.rule.is_room_mention", True, True, None),
        (message(**mentioning({"room": 1}), sender=BOB), ".m.rule.message", True, False, None),
        (message(**mentioning("all"), sender=BOB), ".m.rule.message", True, False, None),
        (event("m.room.encrypted"), ".m.rule.encrypted", True, False, None),
        (event("m.reaction"), ".m.rule.reaction", False, False, None),
        (event("m.call.invite"), ".m.rule.call", True, False, "ring"),
        (event("m.room.tombstone", state_key=""), ".m.rule.tombstone", True, True, None),
        (event("m.room.tombstone"), "", False, False, None),
        (event("m.room.server_acl", state_key=""), ".m.rule.room.server_acl", False, False, None),
        (event("m.room.member", state_key=OWN, membership="invite"), ".m.rule.invite_for_me", True, False, "default"),
        (event("m.room.member", state_key=BOB, membership="invite"), ".m.rule.member_event", False, False, None),
        (event("m.room.topic", state_key="", topic="x"), "", False, False, None),
        (event("org.example.x"), "", False, False, None),
    ],
)
def test_the_predefined_rules(
    happening: Event, rule_id: str, should_notify: bool, is_highlight: bool, sound: str | None
) -> None:
    here = room(None, state("m.room.power_levels", users={BOB: 50}))
    assert decision(here.notification_for(happening)) == (rule_id, should_notify, is_highlight, sound)


def test_rooms_of_two_make_a_sound() -> None:
    here = FactsRoom(member(OWN), member(ALICE), member(BOB, membership="invite"))
    assert decision(here.notification_for(message())) == (".m.rule.room_one_to_one", True, False, "default")
    encrypted = here.notification_for(event("m.room.encrypted"))
    assert decision(encrypted) == (".m.rule.encrypted_room_one_to_one", True, False, "default")
    lazily = FactsRoom(member(ALICE), summary={"m.joined_member_count": 2})
    assert decision(lazily.notification_for(message()))[0] == ".m.rule.room_one_to_one"


def test_what_we_sent_never_notifies() -> None:
    everything: Rules = {"override": [rule(conditions=[])]}
    assert decision(room(everything).notification_for(message(sender=OWN))) == ("", False, False, None)
    assert room(everything).notification_for(message())
    assert not room(everything).notification_for(message(sender=OWN))


def test_what_users_sent_whom_we_ignore_never_notifies() -> None:
    ignoring = FactsRoom(user_account_data={"m.ignored_user_list": {"ignored_users": {ALICE: {}}}})
    assert not ignoring.notification_for(message())
    assert ignoring.notification_for(message(sender=BOB))


def test_nobody_is_mentioned_where_we_do_not_know_who_we_are() -> None:
    here = FactsRoom(member(ALICE), own_user_id="")
    mention = message(**mentioning({"user_ids": ["", "@"]}))
    assert decision(here.notification_for(mention))[0] == ".m.rule.message"


# ------------------------------------------------------------------ kinds and their order


def test_kinds_are_tried_in_order_and_the_first_match_decides() -> None:
    kinds: Rules = {
        "override": [rule("o", conditions=[])],
        "content": [rule("c", pattern="hello")],
        "room": [rule("!room:example.org")],
        "sender": [rule(ALICE)],
        "underride": [rule("u", conditions=[])],
    }
    expected = ["override", "content", "room", "sender", "underride"]
    while expected:
        found = room(kinds).notification_for(message())
        assert (found.kind, bool(found)) == (expected[0], True)
        del kinds[expected.pop(0)]
    assert decision(room(kinds).notification_for(message())) == ("", False, False, None)


def test_rules_that_are_not_for_the_event() -> None:
    rules: Rules = {
        "content": [rule("c", pattern="goodbye"), rule("without")],
        "room": [rule("!other:example.org")],
        "sender": [rule(BOB)],
    }
    assert room(rules).notification_for(message()) == Notification()


def test_switched_off_rules_never_match_and_the_master_switch_silences() -> None:
    assert not room({"override": [{**rule(conditions=[]), "enabled": False}]}).notification_for(message())
    assert not room({"override": [{**rule(conditions=[]), "enabled": "yes"}]}).notification_for(message())
    master: Rules = {
        "override": [rule(".m.rule.master", (), conditions=[])],
        "underride": [rule(conditions=[])],
    }
    assert decision(room(master).notification_for(message())) == (".m.rule.master", False, False, None)


def test_an_account_with_rules_of_its_own_has_no_others() -> None:
    assert not room({}).notification_for(message())


# ------------------------------------------------------------------ conditions


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ({"kind": "event_match", "key": "content.body", "pattern": "HELLO"}, True),
        ({"kind": "event_match", "key": "content.body", "pattern": "hell"}, False),
        ({"kind": "event_match", "key": "content.msgtype", "pattern": "m.t*"}, True),
        ({"kind": "event_match", "key": "room_id", "pattern": "!room:example.org"}, True),
        ({"kind": "event_match", "key": "sender", "pattern": ALICE}, True),
        ({"kind": "event_match", "key": "content.number", "pattern": "*"}, False),
        ({"kind": "event_match", "key": "content.absent", "pattern": "*"}, False),
        ({"kind": "event_match", "key": "content.body"}, False),
        ({"kind": "event_match", "pattern": "*"}, False),
        ({"kind": "event_match", "key": 5, "pattern": "*"}, False),
        ({"kind": "event_match", "key": "state_key", "pattern": ""}, False),
        ({"kind": "event_property_is", "key": "content.number", "value": 1}, True),
        ({"kind": "event_property_is", "key": "content.number", "value": True}, False),
        ({"kind": "event_property_is", "key": "content.nothing", "value": None}, True),
        ({"kind": "event_property_is", "key": "content.nothing"}, False),
        ({"kind": "event_property_is", "key": "content.absent", "value": None}, False),
        ({"kind": "event_property_contains", "key": "content.list", "value": "x"}, True),
        ({"kind": "event_property_contains", "key": "content.list", "value": None}, True),
        ({"kind": "event_property_contains", "key": "content.list", "value": 1}, False),
        ({"kind": "event_property_contains", "key": "content.body", "value": "h"}, False),
        ({"kind": "event_property_contains", "key": "content.list"}, False),
        ({"kind": "contains_display_name"}, False),
        ({"kind": "room_member_count", "is": "3"}, True),
        ({"kind": "room_member_count", "is": ">3"}, False),
        ({"kind": "room_member_count", "is": 3}, False),
        ({"kind": "room_member_count"}, False),
        ({"kind": "sender_notification_permission", "key": "room"}, False),
        ({"kind": "sender_notification_permission", "key": "org.example.low"}, True),
        ({"kind": "sender_notification_permission"}, False),
        ({"kind": "org.example.unknown"}, False),
        ({"kind": ["event_match"]}, False),
        ({}, False),
    ],
)
def test_conditions(condition: dict[str, Any], matches: bool) -> None:
    here = room(when(**condition), state("m.room.power_levels", notifications={"org.example.low": 0}))
    heard = message(number=1, nothing=None, list=["x", None, True, [1]])
    assert bool(here.notification_for(heard)) is matches


@pytest.mark.parametrize("conditions", ["all", [None], [5], {"kind": "event_match"}, [[]]])
def test_conditions_that_are_none_never_match(conditions: Any) -> None:
    assert not room({"override": [rule(conditions=conditions)]}).notification_for(message())


def test_all_conditions_have_to_hold() -> None:
    held = {"kind": "event_match", "key": "type", "pattern": "m.room.message"}
    assert room({"override": [rule(conditions=[held, held])]}).notification_for(message())
    assert not room({"override": [rule(conditions=[held, {"kind": "unknown"}])]}).notification_for(message())
    assert room({"override": [rule()]}).notification_for(message())


@pytest.mark.parametrize(
    ("body", "matches"),
    [("hello me myself!", True), ("hello ME MYSELF", True), ("some myselfs", False), ("hello", False)],
)
def test_our_name_in_the_body(body: str, matches: bool) -> None:
    assert bool(room(when(kind="contains_display_name")).notification_for(message(body))) is matches


def test_nobody_without_a_name_is_named() -> None:
    for name in (None, "", 5):
        here = FactsRoom(
            member(OWN, name),
            user_account_data={"m.push_rules": {"global": when(kind="contains_display_name")}},
        )
        assert not here.notification_for(message(""))


@pytest.mark.parametrize(
    ("kind", "rule_id"),
    [
        ("override", ".m.rule.contains_display_name"),
        ("content", ".m.rule.contains_user_name"),
        ("override", ".m.rule.roomnotif"),
    ],
)
def test_older_rules_for_mentions_leave_events_alone_that_name_whom_they_mention(kind: str, rule_id: str) -> None:
    rules: Rules = {kind: [rule(rule_id, conditions=[], pattern="hello")]}
    assert room(rules).notification_for(message())
    assert not room(rules).notification_for(message(**mentioning({})))


# ------------------------------------------------------------------ actions


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["notify"], (True, False, None)),
        ([], (False, False, None)),
        (["dont_notify"], (False, False, None)),
        (["coalesce"], (False, False, None)),
        (["dont_notify", "notify"], (True, False, None)),
        (["notify", {"set_tweak": "highlight"}], (True, True, None)),
        (["notify", {"set_tweak": "highlight", "value": False}], (True, False, None)),
        (["notify", {"set_tweak": "highlight", "value": "yes"}], (True, False, None)),
        (["notify", {"set_tweak": "sound", "value": "beer.wav"}], (True, False, "beer.wav")),
        (["notify", {"set_tweak": "sound"}], (True, False, None)),
        (["notify", {"set_tweak": "sound", "value": 5}], (True, False, None)),
        ([{"set_tweak": "highlight"}, {"set_tweak": "sound", "value": "x"}], (False, False, None)),
        (["notify", {"set_tweak": 5}, 7, None, ["x"]], (True, False, None)),
    ],
)
def test_actions(actions: list[Any], expected: tuple[bool, bool, str | None]) -> None:
    found = room({"override": [rule(actions=actions)]}).notification_for(message())
    assert (found.should_notify, found.is_highlight, found.sound) == expected


def test_a_notification_tells_which_rule_decided_and_all_it_sets() -> None:
    light = {"set_tweak": "org.example.light", "value": "red"}
    found = room({"override": [rule("mine", ["notify", light])]}).notification_for(message())
    assert found.rule is not None
    assert (found.kind, found.rule.rule_id, found.tweaks) == ("override", "mine", {"org.example.light": "red"})


@pytest.mark.parametrize("rules", ["x", [], {"override": "x"}, {"override": [5, None, {}, {"rule_id": 7}]}])
def test_strange_rules_match_nothing_or_are_taken_as_none(rules: Any) -> None:
    found = room(rules).notification_for(message())
    assert decision(found)[0] == ("" if isinstance(rules, dict) else ".m.rule.message")


def test_a_rule_with_strange_members_is_still_told_of() -> None:
    strange = {"rule_id": "mine", "default": "no", "actions": "notify", "conditions": None, "pattern": 5}
    found = room({"override": [strange]}).notification_for(message())
    assert found.rule is not None
    assert (found.rule.rule_id, found.should_notify) == ("mine", False)
