"""Push rules and power levels, against what Synapse itself makes of them."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gomatrix_py.errors import UsageError
from gomatrix_py.events import Event
from gomatrix_py.rooms import power_edit, push
from gomatrix_py.rooms.power_edit import PowerLevelsEdit
from tests.kit.room_facts import OWN, FactsRoom, member, state

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries beneath Synapse
    from synapse.api.errors import SynapseError
    from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
    from synapse.event_auth import _check_power_levels
    from synapse.push.bulk_push_rule_evaluator import _flatten_dict
    from synapse.synapse_rust.push import PushRuleEvaluator

ALICE, BOB, CREATOR = "@alice:example.org", "@bob:example.org", "@creator:example.org"

# ------------------------------------------------------------------ conditions of push rules

_texts = st.text(st.sampled_from("abA -_.?*@"), max_size=8)
_names = st.text(st.sampled_from("abA -_.@"), max_size=8)
"""Display names; Synapse takes stars and question marks in them for wildcards, which the specification does not."""

_plain = st.none() | st.booleans() | st.integers(0, 2) | _texts
_keys = st.sampled_from(
    ["type", "content.body", "content.a", "content.m\\.x.y", "content.list", "state_key", "room_id"]
)
conditions = st.one_of(
    st.builds(lambda key, pattern: {"kind": "event_match", "key": key, "pattern": pattern}, _keys, _texts),
    st.builds(lambda key, value: {"kind": "event_property_is", "key": key, "value": value}, _keys, _plain),
    st.builds(lambda key, value: {"kind": "event_property_contains", "key": key, "value": value}, _keys, _plain),
    st.builds(
        lambda prefix, number: {"kind": "room_member_count", "is": f"{prefix}{number}"},
        st.sampled_from(["", "==", "<", ">", "<=", ">=", "!"]),
        st.integers(0, 4),
    ),
    st.just({"kind": "contains_display_name"}),
    st.just({"kind": "org.example.unknown"}),
    st.builds(
        lambda key: {"kind": "sender_notification_permission", "key": key},
        st.sampled_from(["room", "org.example.low"]),
    ),
)
contents = st.fixed_dictionaries(
    {},
    optional={
        "body": _texts | _plain,
        "a": _plain,
        "m.x": st.fixed_dictionaries({"y": _plain}),
        "list": st.lists(_plain, max_size=3),
    },
)


def both_say(
    condition: dict[str, Any], content: dict[str, Any], state_key: str | None, name: str, level: int
) -> tuple[bool, bool]:
    """Return whether a condition holds, as we say and as Synapse says."""
    event = Event("m.x", content, "$e", ALICE, 0, state_key, "!room:example.org")
    notifications = {"org.example.low": 0}
    rules = {"override": [{"rule_id": "r", "conditions": [condition], "actions": ["notify"]}]}
    room = FactsRoom(
        member(OWN, name),
        member(ALICE),
        state("m.room.power_levels", users={ALICE: level}, notifications=notifications),
        user_account_data={"m.push_rules": {"global": rules}},
    )
    flat = _flatten_dict(event.raw)
    levels = {"room": 50, **notifications}
    evaluator = PushRuleEvaluator(flat, False, 2, level, levels, {}, False, [], False, False, False)
    return bool(room.notification_for(event)), evaluator.matches(condition, OWN, name or None, None)


@settings(max_examples=200, deadline=None)
@given(conditions, contents, st.sampled_from([None, "", "k"]), _names, st.sampled_from([0, 50]))
@example({"kind": "event_match", "key": "content.body", "pattern": "a*b"}, {"body": "a- b"}, None, "a", 0)
@example({"kind": "event_match", "key": "content.body", "pattern": ""}, {"body": "ab"}, None, "a", 0)
@example({"kind": "contains_display_name"}, {"body": "-a.b- a"}, None, "a.b", 0)
def test_conditions_hold_where_synapse_says_so(
    condition: dict[str, Any], content: dict[str, Any], state_key: str | None, name: str, level: int
) -> None:
    ours, theirs = both_say(condition, content, state_key, name, level)
    assert ours is theirs


def test_a_matcher_without_word_boundaries_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    condition = {"kind": "event_match", "key": "content.body", "pattern": "cake"}
    assert both_say(condition, {"body": "cakes"}, None, "", 0) == (False, False)
    monkeypatch.setattr(push, "glob_matches_words", lambda pattern, text: pattern in text)
    assert both_say(condition, {"body": "cakes"}, None, "", 0) == (True, False)


# ------------------------------------------------------------------ changes of power levels

VERSIONS = ["1", "5", "6", "9", "10", "11", "12"]
_level = st.sampled_from([0, 49, 50, 51, 100, 101])
_users = st.sampled_from([ALICE, BOB, OWN, CREATOR])
_singles = st.sampled_from(["ban", "kick", "invite", "redact", "users_default", "events_default", "state_default"])
levels = st.builds(
    lambda users, events, notifications, single: {
        "users": users,
        "events": events,
        "notifications": notifications,
        **single,
    },
    st.dictionaries(_users, _level),
    st.dictionaries(st.sampled_from(["m.room.name", "m.room.power_levels"]), _level),
    st.dictionaries(st.just("room"), _level),
    st.dictionaries(_singles, _level, max_size=3),
)
changes = st.lists(
    st.one_of(
        st.builds(lambda user, level: ("with_user", (user, level), {}), _users, _level),
        st.builds(lambda user: ("without_user", (user,), {}), _users),
        st.builds(lambda level: ("with_event", ("m.room.name", level), {}), _level),
        st.builds(lambda: ("without_event", ("m.room.name",), {})),
        st.builds(lambda level: ("with_notification", ("room", level), {}), _level),
        st.builds(lambda level: ("with_actions", (), {"ban": level}), _level),
        st.builds(lambda level: ("with_defaults", (), {"users": level}), _level),
    ),
    min_size=1,
    max_size=3,
)


def synapse_takes(version: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Tell whether Synapse lets us change power levels so; who may send them at all is asked elsewhere."""
    rules = KNOWN_ROOM_VERSIONS[version]

    def event(event_type: str, sender: str, content: dict[str, Any]) -> Any:
        return SimpleNamespace(
            type=event_type, state_key="", sender=sender, content=content, room_version=rules, event_id="$e"
        )

    create = event("m.room.create", CREATOR, {"room_version": version, "creator": CREATOR})
    before = event("m.room.power_levels", CREATOR, old)
    auth = {("m.room.create", ""): create, ("m.room.power_levels", ""): before}
    try:
        _check_power_levels(rules, event("m.room.power_levels", OWN, new), auth)
    except SynapseError:
        return False
    return True


def edited(version: str, old: dict[str, Any], steps: list[Any]) -> PowerLevelsEdit:
    create = state("m.room.create", sender=CREATOR, creator=CREATOR, room_version=version)
    edit = FactsRoom(create, state("m.room.power_levels", **old), member(OWN)).edit_power_levels()
    for name, positional, named in steps:
        edit = getattr(edit, name)(*positional, **named)
    return edit


def agrees(version: str, old: dict[str, Any], steps: list[Any]) -> bool:
    edit = edited(version, old, steps)
    if not edit.before.may_send(OWN, "m.room.power_levels", True):
        return True
    try:
        edit.content(allow_lockout=True)
    except UsageError:
        is_made = False
    else:
        is_made = True
    return is_made is synapse_takes(version, old, edit._new)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(VERSIONS), levels, changes)
def test_an_edit_is_refused_where_synapse_refuses_it(version: str, old: dict[str, Any], steps: list[Any]) -> None:
    if version == "12":
        old = {**old, "users": {user: level for user, level in old["users"].items() if user != CREATOR}}
        steps = [step for step in steps if CREATOR not in step[1]]
    assert agrees(version, {**old, "users": {**old["users"], OWN: 100}}, steps)


def test_a_missing_check_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    old: dict[str, Any] = {"users": {OWN: 100, BOB: 100}}
    steps: list[Any] = [("with_user", (BOB, 0), {})]
    assert agrees("11", old, steps)
    monkeypatch.setattr(power_edit, "_over", lambda *_: iter(()))
    monkeypatch.setattr(PowerLevelsEdit, "_refusals_in", lambda *_: iter(()))
    assert not agrees("11", old, steps)
