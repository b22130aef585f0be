"""Skimming arrays of events: what is an event is found, what is none is left out and said so."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from gomatrix_py.events import Event
from gomatrix_py.events.skim import NO_EVENTS, join_array, skim, state_pieces
from tests.kit.poison import BROKEN_DOCUMENTS, NOT_JSON, POISON

A = b'{"type":"m.a","state_key":"","event_id":"$a","content":{"n": 1}}'
B = b'{"type":"m.b","event_id":"$b"}'


def found(array: bytes) -> list[tuple[str, str | None, str]]:
    return [(head.type, head.state_key, head.event_id) for head, _ in skim(array)]


def test_heads_and_bytes_are_found_in_order() -> None:
    assert found(b"[" + A + b" , " + B + b"]") == [("m.a", "", "$a"), ("m.b", None, "$b")]
    assert [data for _, data in skim(b"[" + A + b" , " + B + b"]")] == [A, B]
    assert [type(data) for _, data in skim(b"[" + A + b"]")] == [bytes]


def test_state_pieces_are_state_only() -> None:
    assert state_pieces(b"[" + B + b"," + A + b"," + A + b"]") == [("m.a", "", A), ("m.a", "", A)]


@pytest.mark.parametrize("array", [NO_EVENTS, b" [ ] ", b"null", b"5", b"{}", b'{"events":[]}', b'"x"'])
def test_there_is_nothing_in_nothing(array: bytes) -> None:
    assert skim(array) == []
    assert state_pieces(array) == []


@pytest.mark.parametrize("array", BROKEN_DOCUMENTS.values(), ids=BROKEN_DOCUMENTS)
def test_a_broken_array_is_left_out_and_said_so(array: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "gomatrix_py.events"):
        assert skim(array) == []
        assert state_pieces(array) == []
    assert "left out" in caplog.text


@pytest.mark.parametrize(
    "bad", [b"5", b"null", b"[]", b"{}", b'{"type":5}', b'{"type":"\\ud800"}', *NOT_JSON.values()]
)
def test_what_is_no_event_is_left_out_and_said_so(bad: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "gomatrix_py.events"):
        assert [head.type for head, _ in skim(b"[" + A + b"," + bad + b"," + B + b"]")] == ["m.a", "m.b"]
    assert "left out something that is no event" in caplog.text


def test_what_was_left_out_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert skim(b'[{"hidden":"syt_hidden"},{"type":"m.x","hidden":NaN,"more":"syt_hidden"}]') == []
    assert caplog.records
    assert "hidden" not in caplog.text


@pytest.mark.parametrize("name", ["state_key", "event_id"])
@pytest.mark.parametrize("value", [5, True, [], {}])
def test_a_head_of_the_wrong_type_is_repaired(name: str, value: Any) -> None:
    array = json.dumps([{"type": "m.x", "state_key": "k", "event_id": "$x", name: value}]).encode()
    expected = ("m.x", None if name == "state_key" else "k", "" if name == "event_id" else "$x")
    assert found(array) == [expected]


@pytest.mark.parametrize("name", POISON)
def test_poison_in_one_event_hides_no_other(name: str) -> None:
    bad = b'{"type":"m.bad","state_key":"","event_id":"$bad","content":{"poison":' + POISON[name] + b"}}"
    types = [head.type for head, _ in skim(b"[" + A + b"," + bad + b"," + B + b"]")]
    assert [one for one in types if one != "m.bad"] == ["m.a", "m.b"]
    assert [kind for kind, _, _ in state_pieces(b"[" + A + b"," + bad + b"]") if kind != "m.bad"] == ["m.a"]


@pytest.mark.parametrize("name", POISON)
def test_what_is_skimmed_can_be_read(name: str) -> None:
    """Or is refused with the documented error: never anything else."""
    bad = b'{"type":"m.bad","content":{"poison":' + POISON[name] + b"}}"
    for head, data in skim(b"[" + bad + b"]"):
        assert Event.from_json(data).type == head.type == "m.bad"


@pytest.mark.parametrize(
    ("events", "array", "joined"),
    [
        ([], NO_EVENTS, []),
        ([A], NO_EVENTS, [A]),
        ([], b"[" + B + b"]", [B]),
        ([A, A], b" [ " + B + b" ] ", [A, A, B]),
        ([A], b"[\n]", [A]),
    ],
)
def test_arrays_are_joined(events: list[bytes], array: bytes, joined: list[bytes]) -> None:
    assert [data for _, data in skim(join_array(events, array))] == joined
