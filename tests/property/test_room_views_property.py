"""Whatever a server puts into a room, every view of it returns."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gomatrix_py.errors import DecodeError, UsageError
from gomatrix_py.events import Event
from gomatrix_py.rooms.history import HistoricalState
from gomatrix_py.rooms.push_matching import glob_matches, glob_matches_words
from gomatrix_py.rooms.upgrades import current_version_of, first_version_of
from gomatrix_py.rooms.view import RoomView
from tests.kit.poison import POISON, SOUND_BUT_STRANGE
from tests.kit.room_facts import OWN, FactsRoom
from tests.kit.strategies import user_ids, wrong_values

ALICE = "@alice:example.org"
ROOM = "!room:example.org"
USERS = st.sampled_from([OWN, ALICE, "", "@x", "nobody"])

# What contents may hold, by type; each value may be the right one or any other.
MEMBERS = {
    "m.room.aliases": ["aliases"],
    "m.room.avatar": ["url", "info"],
    "m.room.canonical_alias": ["alias", "alt_aliases"],
    "m.room.create": ["creator", "room_version", "type", "predecessor", "additional_creators", "m.federate"],
    "m.room.encryption": ["algorithm", "rotation_period_ms", "rotation_period_msgs"],
    "m.room.guest_access": ["guest_access"],
    "m.room.history_visibility": ["history_visibility"],
    "m.room.join_rules": ["join_rule", "allow"],
    "m.room.member": ["membership", "displayname", "avatar_url", "is_direct", "reason"],
    "m.room.name": ["name"],
    "m.room.pinned_events": ["pinned"],
    "m.room.power_levels": ["users", "events", "notifications", "users_default", "state_default", "ban", "kick"],
    "m.room.tombstone": ["body", "replacement_room"],
    "m.room.topic": ["topic", "m.topic"],
    "m.space.child": ["via", "order", "suggested"],
    "m.space.parent": ["via", "canonical"],
}
sound_values = st.sampled_from(
    [
        *("12", "1", "join", "invite", "restricted", "Alice", "mxc://s/a", "m.space", ALICE, ROOM),
        *(50, 2**63, True, ["s"], [ROOM], {OWN: 100}, {ALICE: "50"}, {"room_id": ROOM}),
        [{"type": "m.room_membership", "room_id": ROOM}],
    ]
)
anything = sound_values | wrong_values


@st.composite
def state_events(draw: st.DrawFn) -> Event:
    event_type = draw(st.sampled_from(sorted(MEMBERS)))
    content = draw(st.dictionaries(st.sampled_from(MEMBERS[event_type]), anything, max_size=4))
    key = draw(st.sampled_from(["", OWN, ALICE, ROOM, "@x", "!other:s"]))
    unsigned = draw(st.fixed_dictionaries({}, optional={"prev_content": st.just(content) | anything}))
    return Event(
        event_type, content, "$e", draw(USERS | user_ids), draw(st.integers(-(2**63), 2**63)), key, "", unsigned
    )


@st.composite
def rooms(draw: st.DrawFn) -> FactsRoom:
    types = st.sampled_from(["m.tag", "m.fully_read", "m.marked_unread", "m.direct", "m.ignored_user_list"])
    names = st.sampled_from(["tags", "event_id", "unread", "ignored_users", ALICE])
    kept = st.dictionaries(types, st.dictionaries(names, anything, max_size=2), max_size=2)
    return FactsRoom(
        *draw(st.lists(state_events(), max_size=8)),
        own_user_id=draw(st.sampled_from([OWN, ""])),
        membership=draw(st.sampled_from(["join", "invite", "leave", "x"])),
        summary=draw(st.dictionaries(st.sampled_from(["m.heroes", "m.joined_member_count"]), anything)),
        has_all_members=draw(st.booleans()),
        account_data=draw(kept),
        user_account_data={**draw(kept), "m.push_rules": draw(push_rules)},
    )


_condition = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(
            ["event_match", "event_property_is", "event_property_contains", "contains_display_name"]
        )
    }
    | {"key": st.sampled_from(["content.body", "type", "content.m\\.x", ""])},
    optional={"pattern": anything, "value": anything, "is": anything},
)
_rule = st.fixed_dictionaries(
    {}, optional={"rule_id": st.just(ROOM) | anything, "actions": anything, "pattern": anything}
    | {"conditions": st.lists(_condition | anything, max_size=3), "default": anything},
)  # fmt: skip
_kinds = st.sampled_from(["override", "content", "room", "sender", "underride"])
push_rules = st.dictionaries(st.just("global"), anything) | st.fixed_dictionaries(
    {"global": st.dictionaries(_kinds, st.lists(_rule | anything, max_size=3))}
)

ARGUMENTS: dict[str, Any] = {
    "user_id": ALICE, "target": OWN, "event_type": "m.room.name", "name": "Alice", "event_id": "$e", "by": ALICE,
}  # fmt: skip


def is_needed(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL


def look_at(room: FactsRoom) -> dict[str, Any]:
    """Return what every public property and method of a view answers."""
    event = Event("m.room.message", {"body": "hello", "m.mentions": 5}, "$m", ALICE)
    given_names: dict[str, Any] = {**ARGUMENTS, "lookup": lambda _: room, "event": event}
    found: dict[str, Any] = {}
    for name in dir(RoomView):
        if name.startswith("_") or name in ("account_data", "user_account_data"):
            continue
        value = getattr(room, name)
        if callable(value):
            parameters = inspect.signature(value).parameters.values()
            value = value(*(given_names[one.name] for one in parameters if is_needed(one)))
        found[name] = value
    return found


@settings(max_examples=100, deadline=None)
@given(rooms())
def test_every_view_returns_whatever_the_state_is(room: FactsRoom) -> None:
    found = look_at(room)
    assert len(found) > 60
    assert isinstance(found["display_name"], str)
    assert found["display_name"]
    for one in found["joined"]:
        assert one.name
    assert isinstance(repr(found), str)
    current_version_of(room, lambda _: room)
    first_version_of(room, lambda _: room)


@settings(max_examples=100, deadline=None)
@given(rooms(), st.lists(state_events(), max_size=8))
def test_walking_through_any_events_returns(room: FactsRoom, events: list[Event]) -> None:
    then = HistoricalState(room)
    for event in then.back(events, events[:2]):
        assert isinstance(then.sender_name(event), str)
    for event in then.forward(events):
        assert isinstance(then.sender_name(event), str)


@settings(max_examples=100, deadline=None)
@given(rooms(), user_ids | st.just(ALICE), st.integers())
def test_an_edit_of_power_levels_is_made_or_refused(room: FactsRoom, user_id: str, level: int) -> None:
    edit = room.edit_power_levels(ALICE)
    levels = room.power
    try:
        content = edit.with_user(user_id, level).content()
    except UsageError:
        content = {}
    is_in_range = -(2**53) < level < 2**53
    assert not content or (is_in_range and content["users"][user_id] == level)
    if not levels.may_edit_levels(ALICE, user_id, level):
        assert content == {} or not levels.is_set


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.sampled_from("ab*? "), max_size=8),
    st.text(st.sampled_from("abA -"), max_size=10),
)
@example("a*", "a")
def test_globs_are_what_the_plain_way_finds(pattern: str, text: str) -> None:
    assert glob_matches(pattern, text) is plainly(pattern.lower(), text.lower())
    places = range(len(text) + 1)
    ends = [at for at in places if at in (0, len(text)) or not (text[at - 1] + text[at]).isalpha()]
    parts = [text[start:end] for start in ends for end in ends if start <= end]
    assert glob_matches_words(pattern, text) is any(plainly(pattern.lower(), part.lower()) for part in parts)


def plainly(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(plainly(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and plainly(pattern[1:], text[1:])


@pytest.mark.parametrize("event_type", sorted(MEMBERS))
def test_poison_in_any_member_of_any_state_is_read(event_type: str) -> None:
    shown = 0
    for poison in [*POISON.values(), *SOUND_BUT_STRANGE.values()]:
        for member in MEMBERS[event_type]:
            key = OWN if event_type == "m.room.member" else ""
            data = b'{"type":"%s","state_key":"%s","content":{"%s":' % tuple(
                text.encode() for text in (event_type, key, member)
            )
            try:
                event = Event.from_json(data + poison + b"}}", ROOM)
            except DecodeError:
                continue
            assert look_at(FactsRoom(event))["display_name"]
            shown += 1
    assert shown > 10
