"""The state of a room against a dict of dicts, whatever is put and looked at, in whatever order."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py.rooms import RoomState

ROOM = "!room:example.org"
Model = dict[str, dict[str, int]]


class ModelSource:
    """A source that holds what was stored before."""

    def __init__(self, stored: Model) -> None:
        self.stored = stored

    def state_event(self, room_id: str, event_type: str, state_key: str) -> bytes | None:
        number = self.stored.get(event_type, {}).get(state_key)
        return None if number is None else piece(event_type, state_key, number)

    def state_of_type(self, room_id: str, event_type: str) -> dict[str, bytes]:
        return {key: piece(event_type, key, number) for key, number in self.stored.get(event_type, {}).items()}

    def state_types(self, room_id: str) -> list[str]:
        return list(self.stored)


def piece(event_type: str, state_key: str, number: int) -> bytes:
    return json.dumps({"type": event_type, "state_key": state_key, "content": {"n": number}}).encode()


types = st.sampled_from(["m.a", "m.b", "m.c"])
keys = st.sampled_from(["", "k", "@u:s"])
triples = st.tuples(types, keys, st.integers(0, 9))
stored = st.dictionaries(types, st.dictionaries(keys, st.integers(0, 9), min_size=1))
steps = st.lists(
    st.tuples(st.just("put"), triples)
    | st.tuples(st.just("put_all"), st.lists(triples, max_size=4))
    | st.tuples(st.just("put_unread"), st.lists(triples, max_size=4))
    | st.tuples(st.just("event"), st.tuples(types, keys))
    | st.tuples(st.just("of_type"), types)
    | st.tuples(st.just("types"), st.none()),
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(st.none() | stored, steps)
def test_state_behaves_like_a_dict_of_dicts(before: Model | None, series: list[tuple[str, Any]]) -> None:
    state = RoomState(ROOM, None if before is None else ModelSource(before))
    model: Model = {event_type: dict(by_key) for event_type, by_key in (before or {}).items()}
    for name, value in series:
        take_step(state, model, name, value)
    assert {event_type: numbers(state, event_type) for event_type in state} == model
    assert len(state) == len(model)


def take_step(state: RoomState, model: Model, name: str, value: Any) -> None:
    if name in ("put", "put_all", "put_unread"):
        put(state, name, [value] if name == "put" else value)
        for event_type, key, number in [value] if name == "put" else value:
            model.setdefault(event_type, {})[key] = number
    elif name == "event":
        found = state.event(*value)
        assert (found.content["n"] if found else None) == model.get(value[0], {}).get(value[1])
    elif name == "of_type":
        assert numbers(state, value) == model.get(value, {})
        assert (value in state) is (value in model)
    else:
        assert set(state) == set(model)


def put(state: RoomState, name: str, pieces: list[tuple[str, str, int]]) -> None:
    if name == "put_unread":
        state.put_unread(b"[" + b",".join(piece(*one) for one in pieces) + b"]")
    elif name == "put_all":
        state.put_all((event_type, key, piece(event_type, key, number)) for event_type, key, number in pieces)
    else:
        ((event_type, key, number),) = pieces
        state.put(event_type, key, piece(event_type, key, number))


def numbers(state: RoomState, event_type: str) -> dict[str, int]:
    return {key: event.content["n"] for key, event in state.of_type(event_type).items()}
