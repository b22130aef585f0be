"""Whatever the bytes, an event is read whole or refused with a DecodeError."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gomatrix_py.codec import loads_tolerant
from gomatrix_py.errors import DecodeError
from gomatrix_py.events import Event, EventSource
from gomatrix_py.events.skim import join_array, skim, state_pieces
from tests.kit.poison import BROKEN_DOCUMENTS, POISON
from tests.kit.strategies import damaged, events, json_values, mutants, poisoned_json, wrong_values

event_bytes = events().map(lambda event: json.dumps(event).encode())
anything = (
    st.binary(max_size=40)
    | damaged(event_bytes)
    | poisoned_json(events())
    | damaged(poisoned_json(events()))
    | mutants(events()).map(lambda event: json.dumps(event).encode())
)


def look_at_everything(event: Event) -> None:
    """Each of these answers; none raises."""
    assert isinstance(event.type, str)
    assert isinstance(event.content, dict)
    assert isinstance(event.unsigned, dict)
    assert isinstance(event.relates_to, dict)
    assert isinstance(event.prev_content, dict)
    for value in (event.body, event.message_type, event.redacts, event.transaction_id, event.state_key):
        assert value is None or isinstance(value, str)
    for text in (event.type, event.event_id, event.sender, event.room_id, event.state_key or ""):
        text.encode("utf-8")  # such text can be stored, logged and sent
    assert event.sent_at is None or event.sent_at.tzinfo is not None
    assert repr(event).startswith("<Event ")
    assert event.raw["type"] == event.type
    assert isinstance(event.json, bytes)
    assert copy.copy(event) == event
    assert hash(copy.copy(event)) == hash(event)


@settings(max_examples=400, deadline=None)
@given(anything)
@example(b'{"type":"m","content":' + POISON["1e400 nested 900 deep"] + b"}")
@example(BROKEN_DOCUMENTS["a deep list with a string that never ends"])
def test_any_bytes_make_an_event_or_a_decode_error(data: bytes) -> None:
    try:
        event = Event.from_json(data, "!r:example.org", EventSource.TIMELINE)
    except DecodeError:
        return
    look_at_everything(event)
    assert event.room_id == "!r:example.org"


@settings(max_examples=150, deadline=None)
@given(json_values() | mutants(events()))
def test_any_value_makes_an_event_or_a_decode_error(value: Any) -> None:
    try:
        event = Event.from_dict(value)
    except DecodeError:
        assert not isinstance(value, dict) or not isinstance(value.get("type"), str)
        return
    look_at_everything(event)
    assert event.raw == value


@settings(max_examples=150, deadline=None)
@given(events())
def test_a_sound_event_is_kept_whole(document: dict[str, Any]) -> None:
    event = Event.from_json(json.dumps(document).encode())
    look_at_everything(event)
    assert event.raw == document
    assert event == Event.from_dict(document)
    for name in ("type", "content", "event_id", "sender", "origin_server_ts", "state_key", "room_id", "unsigned"):
        empty: Any = {"content": {}, "unsigned": {}, "origin_server_ts": 0, "state_key": None}.get(name, "")
        assert getattr(event, name) == document.get(name, empty)


@settings(max_examples=150, deadline=None)
@given(
    events(),
    st.sampled_from(["event_id", "sender", "origin_server_ts", "state_key", "room_id", "unsigned", "content"]),
    wrong_values,
)
def test_a_wrong_member_costs_only_itself(document: dict[str, Any], name: str, wrong: Any) -> None:
    event = Event.from_json(json.dumps({**document, name: wrong}).encode())
    look_at_everything(event)
    sound = Event.from_dict(document)
    for other in ("type", "content", "event_id", "sender", "origin_server_ts", "state_key", "room_id", "unsigned"):
        if other != name:
            assert getattr(event, other) == getattr(sound, other)


# ------------------------------------------------------------------ arrays of events

arrays = st.lists(anything, max_size=4)
_sound_slices = st.lists(
    event_bytes | json_values(max_leaves=3).map(lambda value: json.dumps(value).encode()), max_size=4
)


@settings(max_examples=150, deadline=None)
@given(arrays)
def test_any_array_is_skimmed(slices: list[bytes]) -> None:
    array = b"[" + b",".join(slices) + b"]"
    for head, data in skim(array):
        assert isinstance(loads_tolerant(data), dict)
        assert isinstance(head.type, str)
    assert all(isinstance(key, str) for _, key, _ in state_pieces(array))


@settings(max_examples=150, deadline=None)
@given(_sound_slices)
def test_what_is_an_event_is_found_in_its_array(slices: list[bytes]) -> None:
    documents = [json.loads(one) for one in slices]
    found = [json.loads(data) for _, data in skim(b"[" + b",".join(slices) + b"]")]
    assert found == [one for one in documents if isinstance(one, dict) and isinstance(one.get("type"), str)]


@settings(max_examples=100, deadline=None)
@given(st.lists(event_bytes, max_size=3), st.lists(event_bytes, max_size=3), st.sampled_from([b"", b" ", b"\n\t"]))
def test_arrays_are_joined(before: list[bytes], after: list[bytes], space: bytes) -> None:
    array = space + b"[" + space + b",".join(after) + space + b"]" + space
    assert json.loads(join_array(before, array)) == [json.loads(one) for one in [*before, *after]]
