"""What a redaction leaves, by room version."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from gomatrix_py.codec import unstructure
from gomatrix_py.events.contents.members import RoomMemberContent
from gomatrix_py.events.contents.redaction import RedactedContent, redacted_content, redacted_event
from gomatrix_py.events.registry import BadContent, parse_content

VERSIONS = [str(number) for number in range(1, 13)]

LEVELS = ["ban", "events", "events_default", "kick", "redact", "state_default", "users", "users_default"]
CONTENTS: dict[str, dict[str, Any]] = {
    "m.room.member": {
        "membership": "join",
        "displayname": "A",
        "join_authorised_via_users_server": "@b:s",
        "third_party_invite": {"display_name": "a", "signed": {"mxid": "@a:s"}},
    },
    "m.room.create": {"creator": "@a:s", "m.federate": False, "room_version": "1", "predecessor": {"room_id": "!o"}},
    "m.room.join_rules": {"join_rule": "restricted", "allow": [], "other": 1},
    "m.room.power_levels": {**dict.fromkeys(LEVELS, 5), "invite": 5, "notifications": {"room": 5}},
    "m.room.history_visibility": {"history_visibility": "shared", "other": 1},
    "m.room.aliases": {"aliases": ["#a:s"], "other": 1},
    "m.room.redaction": {"redacts": "$x", "reason": "spam"},
    "m.room.message": {"msgtype": "m.text", "body": "secret"},
    "m.room.name": {"name": "A room"},
}

# Per type: the members that stay, from each version on that changed something.
LEFT: dict[str, dict[int, list[str]]] = {
    "m.room.member": {
        1: ["membership"],
        9: ["membership", "join_authorised_via_users_server"],
        11: ["membership", "join_authorised_via_users_server", "third_party_invite"],
    },
    "m.room.create": {1: ["creator"], 11: ["creator", "m.federate", "room_version", "predecessor"]},
    "m.room.join_rules": {1: ["join_rule"], 8: ["join_rule", "allow"]},
    "m.room.power_levels": {1: LEVELS, 11: [*LEVELS, "invite"]},
    "m.room.history_visibility": {1: ["history_visibility"]},
    "m.room.aliases": {1: ["aliases"], 6: []},
    "m.room.redaction": {1: [], 11: ["redacts"]},
    "m.room.message": {1: []},
    "m.room.name": {1: []},
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("event_type", CONTENTS)
def test_what_stays_of_a_content(event_type: str, version: str) -> None:
    since = max(number for number in LEFT[event_type] if number <= int(version))
    left = redacted_content(event_type, CONTENTS[event_type], version)
    assert sorted(left) == sorted(LEFT[event_type][since])
    for name, value in left.items():
        if name != "third_party_invite":
            assert value == CONTENTS[event_type][name]


def test_only_what_was_signed_stays_of_an_invite() -> None:
    left = redacted_content("m.room.member", CONTENTS["m.room.member"], "11")
    assert left["third_party_invite"] == {"signed": {"mxid": "@a:s"}}
    assert redacted_content("m.room.member", {"third_party_invite": 5}, "11") == {}


@pytest.mark.parametrize("version", ["", "13", "0", "org.example.v99", "1.5", "-1", "\u0661", "9" * 5000])
def test_a_version_that_is_not_known_is_read_as_the_latest(version: str) -> None:
    for event_type, content in CONTENTS.items():
        assert redacted_content(event_type, content, version) == redacted_content(event_type, content, "12")


@pytest.mark.parametrize("content", [None, 5, [], "x"])
def test_what_is_no_object_leaves_nothing(content: Any) -> None:
    assert redacted_content("m.room.create", content, "11") == {}


EVENT: dict[str, Any] = {
    "type": "m.room.message",
    "event_id": "$e",
    "room_id": "!" + "r" * 43,
    "sender": "@a:s",
    "state_key": "",
    "origin_server_ts": 1,
    "content": {"body": "x"},
    "hashes": {"sha256": "aGFzaA"},
    "signatures": {},
    "depth": 1,
    "prev_events": [],
    "auth_events": [],
    "prev_state": [],
    "origin": "s",
    "membership": "join",
    "unsigned": {"age": 5},
    "redacts": "$other",
    "org.example": 1,
}


@pytest.mark.parametrize(("version", "also"), [("10", {"prev_state", "origin", "membership"}), ("11", set())])
def test_what_stays_of_an_event(version: str, also: set[str]) -> None:
    left = redacted_event(EVENT, version)
    assert (
        set(EVENT) - set(left) == {"unsigned", "redacts", "org.example", "prev_state", "origin", "membership"} - also
    )
    assert left["content"] == {}
    assert EVENT["content"] == {"body": "x"}


def test_the_redaction_is_put_where_a_server_puts_it() -> None:
    because = {"type": "m.room.redaction", "content": {"reason": "spam"}}
    assert redacted_event(EVENT, "12", because)["unsigned"] == {"redacted_because": because}


@pytest.mark.parametrize("event", [{}, {"type": 5}, {"content": []}, {"type": "m.room.create", "content": None}])
def test_a_malformed_event_becomes_an_empty_one(event: dict[str, Any]) -> None:
    assert redacted_event(event, "11")["content"] == {}


ODD_INVITES: list[Any] = [{}, {"x": 1}, {"signed": None}, {"signed": 3, "x": 1}, 5, None, []]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_leaves_the_same(version: str) -> None:
    pytest.importorskip("synapse", reason="the devserver extra is not installed: no server to compare with")
    known = importlib.import_module("synapse.api.room_versions").KNOWN_ROOM_VERSIONS
    make = importlib.import_module("synapse.events").make_event_from_dict
    prune = importlib.import_module("synapse.events.utils").prune_event
    event = {name: value for name, value in EVENT.items() if name != "event_id" or version in ("1", "2")}
    contents = [*CONTENTS.items(), *(("m.room.member", {"third_party_invite": odd}) for odd in ODD_INVITES)]
    for event_type, content in contents:
        whole = {**event, "type": event_type, "content": content}
        if event_type == "m.room.create" and version == "12":
            del whole["room_id"]
        theirs = prune(make(whole, known[version])).get_dict()
        theirs.pop("unsigned", None)
        assert redacted_event(whole, version) == theirs, event_type


# ------------------------------------------------------------------ reading what is left


def test_an_empty_content_of_a_redacted_event_is_said_to_be_that() -> None:
    for event_type, is_state in (("m.room.message", False), ("m.room.name", True), ("org.example", False)):
        assert parse_content(event_type, {}, is_state=is_state, is_redacted=True) == RedactedContent()
    assert isinstance(parse_content("m.room.message", {}, is_state=False), BadContent)


def test_what_is_left_of_a_membership_is_a_membership() -> None:
    left = redacted_content("m.room.member", CONTENTS["m.room.member"], "11")
    made = parse_content("m.room.member", left, is_state=True, is_redacted=True)
    assert isinstance(made, RoomMemberContent)
    assert made.membership == "join"


def test_what_is_too_little_for_the_class_is_kept() -> None:
    made = parse_content(
        "m.room.member", {"join_authorised_via_users_server": "@b:s"}, is_state=True, is_redacted=True
    )
    assert isinstance(made, RedactedContent)
    assert unstructure(made) == {"join_authorised_via_users_server": "@b:s"}
