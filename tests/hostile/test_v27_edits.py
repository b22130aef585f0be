"""V27: an edit that breaks one of the rules changes nothing, by whichever road it comes; each rule alone does it.

More of them, rule by rule, are in tests/unit/events/test_edits.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from gomatrix_py import Client, Event
from gomatrix_py.client import conversations
from gomatrix_py.events.edits import edit_fault
from gomatrix_py.events.encryption_info import EncryptionInfo
from tests.kit.scripted_client import make_client
from tests.kit.scripted_homeserver import ROOM, USER, ScriptedHomeserver

EVE = "@eve:scripted"


def message(event_id: str, body: str, **further: Any) -> dict[str, Any]:
    content = {"msgtype": "m.text", "body": body, **further.pop("content", {})}
    event = {"type": "m.room.message", "event_id": event_id, "room_id": ROOM, "sender": USER, "origin_server_ts": 1}
    return {**event, "content": content, **further}


def edit_of(target: str, **further: Any) -> dict[str, Any]:
    relation = {"m.relates_to": {"rel_type": "m.replace", "event_id": target}}
    new = {"m.new_content": {"msgtype": "m.text", "body": "forged"}}
    return message("$edit", "* forged", **{"content": {**relation, **new, **further.pop("content", {})}, **further})


RULES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "it is from another sender": ({}, {"sender": EVE}),
    "it is in another room": ({}, {"room_id": "!other:scripted"}),
    "it is of another type": ({}, {"type": "m.sticker"}),
    "state cannot be edited": ({}, {"state_key": ""}),
    "an edit cannot be edited": (
        {"content": {"m.relates_to": {"rel_type": "m.replace", "event_id": "$older"}}},
        {},
    ),
    "it has no new content": ({}, {"content": {"m.new_content": "forged"}}),
    "the original was encrypted, and it was not": ({}, {}),
    "it does not replace this event": (
        {},
        {"content": {"m.relates_to": {"rel_type": "m.replace", "event_id": "$another"}}},
    ),
}


@pytest.fixture
def server() -> Iterator[ScriptedHomeserver]:
    with ScriptedHomeserver() as server:
        yield server


@pytest.fixture
def client(server: ScriptedHomeserver) -> Iterator[Client]:
    with make_client(server) as client:
        yield client


def original_and_edit(rule: str) -> tuple[Event, dict[str, Any]]:
    of_original, of_edit = RULES[rule]
    original = Event.from_dict(message("$e", "as it was", **of_original), ROOM)
    if "encrypted" in rule:
        original = attrs.evolve(original, encryption=EncryptionInfo("session"))
    return original, edit_of("$e", **of_edit)


def shown(server: ScriptedHomeserver, client: Client, original: Event, edit: dict[str, Any]) -> set[str]:
    """Return what each road says that the event is now."""
    server.route("GET", "/relations/", {"chunk": [edit]})
    bundled = Event.from_dict({**original.raw, "unsigned": {"m.relations": {"m.replace": edit}}}, ROOM)
    bundled = attrs.evolve(bundled, encryption=original.encryption)
    said = {str(client._with_latest_edit(bundled).content["body"])}
    if original.relates_to.get("rel_type") != "m.replace":  # of which the edited event would be asked for
        said |= {
            str(client.latest_version(original).content["body"]),
            *(one.event_id for one in client.edits(original)),
        }
    return said


def test_a_sound_edit_is_shown(server: ScriptedHomeserver, client: Client) -> None:
    original = Event.from_dict(message("$e", "as it was"), ROOM)
    assert shown(server, client, original, edit_of("$e")) == {"forged", "$edit"}


@pytest.mark.parametrize("rule", RULES)
def test_one_broken_rule_keeps_it_off(rule: str, server: ScriptedHomeserver, client: Client) -> None:
    assert shown(server, client, *original_and_edit(rule)) == {"as it was"}


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "it has no new content"])
def test_the_control_without_that_rule_it_is_shown(
    rule: str, server: ScriptedHomeserver, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(original: Event, edit: Event, **more: Any) -> str | None:
        fault = edit_fault(original, edit, **more)
        return None if fault == rule else fault

    monkeypatch.setattr(conversations, "edit_fault", without)
    said = shown(server, client, *original_and_edit(rule))
    assert "forged" in said, said


def test_the_control_without_new_content_there_is_nothing_to_show(
    server: ScriptedHomeserver, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "edit_fault", lambda *_, **more: None)
    with pytest.raises((AttributeError, TypeError)):
        shown(server, client, *original_and_edit("it has no new content"))
