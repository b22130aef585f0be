"""Edits that count, and those that break one of the rules."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.events import Event
from gomatrix_py.events.edits import edit_fault, edited_content, latest_edit

ORIGINAL: dict[str, Any] = {
    "type": "m.room.message",
    "event_id": "$original",
    "room_id": "!r",
    "sender": "@a:s",
    "origin_server_ts": 1,
    "content": {
        "msgtype": "m.text",
        "body": "cake",
        "formatted_body": "cake",
        "m.relates_to": {"rel_type": "m.thread", "event_id": "$root"},
    },
}
EDIT: dict[str, Any] = {
    "type": "m.room.message",
    "event_id": "$edit",
    "room_id": "!r",
    "sender": "@a:s",
    "origin_server_ts": 2,
    "content": {
        "msgtype": "m.text",
        "body": "* pie",
        "m.new_content": {"msgtype": "m.emote", "body": "pie", "m.relates_to": {"event_id": "$other"}, "x": 1},
        "m.relates_to": {"rel_type": "m.replace", "event_id": "$original"},
    },
}


def event(base: dict[str, Any], **changes: Any) -> Event:
    content = {**base["content"], **changes.pop("content", {})}
    return Event.from_dict({**base, **changes, "content": content})


def test_a_sound_edit() -> None:
    assert edit_fault(event(ORIGINAL), event(EDIT)) is None
    for was, is_now in ((False, False), (False, True), (True, True)):
        assert edit_fault(event(ORIGINAL), event(EDIT), was_encrypted=was, edit_was_encrypted=is_now) is None


RULES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "it does not replace this event": (
        {},
        {"content": {"m.relates_to": {"rel_type": "m.replace", "event_id": "$other"}}},
    ),
    "it is in another room": ({}, {"room_id": "!other"}),
    "it is from another sender": ({}, {"sender": "@b:s"}),
    "it is of another type": ({}, {"type": "m.sticker"}),
    "state cannot be edited": ({}, {"state_key": ""}),
    "an edit cannot be edited": (
        {"content": {"m.relates_to": {"rel_type": "m.replace", "event_id": "$x"}}},
        {},
    ),
    "it has no new content": ({}, {"content": {"m.new_content": None}}),
}


@pytest.mark.parametrize("fault", RULES)
def test_one_broken_rule_is_enough(fault: str) -> None:
    of_original, of_edit = RULES[fault]
    assert edit_fault(event(ORIGINAL, **of_original), event(EDIT, **of_edit)) == fault


def test_what_was_encrypted_is_not_edited_in_clear() -> None:
    fault = edit_fault(event(ORIGINAL), event(EDIT), was_encrypted=True, edit_was_encrypted=False)
    assert fault == "the original was encrypted, and it was not"


@pytest.mark.parametrize(
    ("of_original", "of_edit"),
    [
        ({"state_key": ""}, {}),
        ({"sender": ""}, {"sender": ""}),
        ({"event_id": ""}, {"content": {"m.relates_to": {"rel_type": "m.replace", "event_id": ""}}}),
        ({"event_id": ""}, {"content": {"m.relates_to": {}}}),
        ({}, {"content": {"m.relates_to": None}}),
        ({}, {"content": {"m.relates_to": "m.replace"}}),
        ({}, {"content": {"m.relates_to": {"rel_type": "m.thread", "event_id": "$original"}}}),
        ({}, {"content": {"m.relates_to": {"rel_type": "m.replace", "event_id": ["$original"]}}}),
        ({}, {"content": {"m.new_content": "pie"}}),
    ],
)
def test_nothing_wrong_passes_for_an_edit(of_original: dict[str, Any], of_edit: dict[str, Any]) -> None:
    assert edit_fault(event(ORIGINAL, **of_original), event(EDIT, **of_edit)) is not None


def test_the_new_content_replaces_all_but_the_relation() -> None:
    assert edited_content(event(ORIGINAL), event(EDIT)) == {
        "msgtype": "m.emote",
        "body": "pie",
        "x": 1,
        "m.relates_to": {"rel_type": "m.thread", "event_id": "$root"},
    }
    alone = {**ORIGINAL, "content": {"body": "cake"}}
    assert "m.relates_to" not in edited_content(event(alone), event(EDIT))


def test_the_latest_counts() -> None:
    old, new = event(EDIT, origin_server_ts=5, event_id="$b"), event(EDIT, origin_server_ts=6, event_id="$a")
    twin = event(EDIT, origin_server_ts=6, event_id="$z")
    assert latest_edit([]) is None
    assert latest_edit([new, old]) is new
    assert latest_edit([old, new]) is new
    assert latest_edit([twin, new]) is latest_edit([new, twin]) is twin
