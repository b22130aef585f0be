"""The state of a room: with and without a source behind it, read as late and as little as can be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gomatrix_py.events import Event, event
from gomatrix_py.rooms import RoomState, StateSource
from tests.kit.poison import NOT_JSON

ROOM = "!room:example.org"


def state_json(event_type: str, state_key: str = "", **content: Any) -> bytes:
    return json.dumps({"type": event_type, "state_key": state_key, "content": content}).encode()


class DictSource:
    """A source in a dict, which writes down what it is asked."""

    def __init__(self, *pieces: bytes) -> None:
        self.stored: dict[str, dict[str, bytes]] = {}
        self.asked: list[tuple[str, ...]] = []
        for piece in pieces:
            self.store(piece)

    def store(self, piece: bytes) -> None:
        document = json.loads(piece)
        self.stored.setdefault(document["type"], {})[document["state_key"]] = piece

    def state_event(self, room_id: str, event_type: str, state_key: str) -> bytes | None:
        self.asked.append((room_id, event_type, state_key))
        return self.stored.get(event_type, {}).get(state_key)

    def state_of_type(self, room_id: str, event_type: str) -> dict[str, bytes]:
        self.asked.append((room_id, event_type))
        return dict(self.stored.get(event_type, {}))

    def state_types(self, room_id: str) -> list[str]:
        self.asked.append((room_id,))
        return list(self.stored)


def full_source() -> DictSource:
    return DictSource(
        state_json("m.room.name", name="stored"),
        *(state_json("m.room.member", user_id, membership="join") for user_id in ("@a:b", "@c:d", "@e:f")),
    )


def contents(state: dict[str, Event]) -> dict[str, Any]:
    return {key: one.content for key, one in state.items()}


def test_the_source_of_these_tests_is_one() -> None:
    source: StateSource = DictSource()
    assert source.state_types(ROOM) == []


# ------------------------------------------------------------------ without a source


def test_an_empty_state_has_nothing() -> None:
    state = RoomState(ROOM)
    assert (len(state), list(state), dict(state)) == (0, [], {})
    assert state.event("m.room.name", "") is None
    assert state.of_type("m.room.name") == {}
    assert "m.room.name" not in state
    with pytest.raises(KeyError, match=r"m\.room\.name"):
        state["m.room.name"]


def test_what_was_put_is_found() -> None:
    state = RoomState(ROOM)
    name = Event("m.room.name", {"name": "n"}, state_key="")
    state.put("m.room.name", "", name)
    state.put("m.room.member", "@a:b", state_json("m.room.member", "@a:b", membership="join"))
    assert state["m.room.name"][""] is name
    assert state.event("m.room.name", "") is name
    assert state["m.room.member"]["@a:b"].content == {"membership": "join"}
    assert sorted(state) == ["m.room.member", "m.room.name"]
    assert len(state) == 2
    assert "m.room.member" in state


def test_the_last_piece_for_a_key_wins() -> None:
    state = RoomState(ROOM)
    state.put_all(("m.x", key, state_json("m.x", key, n=n)) for n, key in enumerate(["a", "b", "a"]))
    state.put("m.x", "b", state_json("m.x", "b", n=9))
    assert contents(state.of_type("m.x")) == {"a": {"n": 2}, "b": {"n": 9}}


def test_an_event_belongs_to_this_room_whatever_its_json_says() -> None:
    state = RoomState(ROOM)
    state.put("m.x", "", b'{"type":"m.x","state_key":"","room_id":"!other:example.org"}')
    assert state["m.x"][""].room_id == ROOM


def test_an_event_is_made_once() -> None:
    state = RoomState(ROOM)
    state.put("m.x", "", state_json("m.x", n=1))
    one = state.event("m.x", "")
    assert one is not None
    assert state.event("m.x", "") is one
    assert state["m.x"][""] is one


def test_views_are_snapshots() -> None:
    state = RoomState(ROOM)
    state.put("m.x", "a", state_json("m.x", "a", n=1))
    before = state["m.x"]
    state.put("m.x", "a", state_json("m.x", "a", n=2))
    state.put("m.x", "b", state_json("m.x", "b", n=3))
    assert contents(before) == {"a": {"n": 1}}
    before.clear()
    assert contents(state["m.x"]) == {"a": {"n": 2}, "b": {"n": 3}}


def test_a_view_can_be_walked_while_state_is_put() -> None:
    state = RoomState(ROOM)
    state.put_all(("m.x", str(n), state_json("m.x", str(n))) for n in range(10))
    for key in state["m.x"]:
        state.put("m.x", f"{key}+", state_json("m.x", f"{key}+"))
    for event_type in state:
        state.put(f"{event_type}+", "", state_json(f"{event_type}+"))
    assert len(state["m.x"]) == 20
    assert len(state) == 2


# ------------------------------------------------------------------ with a source


def test_nothing_is_asked_before_somebody_looks() -> None:
    source = full_source()
    RoomState(ROOM, source)
    assert source.asked == []


def test_a_single_look_reads_a_single_piece_once() -> None:
    source = full_source()
    state = RoomState(ROOM, source)
    one = state.event("m.room.member", "@a:b")
    assert one is not None
    assert one.content == {"membership": "join"}
    assert state.event("m.room.member", "@a:b") is one
    assert source.asked == [(ROOM, "m.room.member", "@a:b")]


def test_a_type_is_read_as_a_whole_once() -> None:
    source = full_source()
    state = RoomState(ROOM, source)
    for _ in range(3):
        assert sorted(state["m.room.member"]) == ["@a:b", "@c:d", "@e:f"]
    assert state.event("m.room.member", "@c:d") is not None
    assert state.event("m.room.member", "@nobody:b") is None
    assert source.asked == [(ROOM, "m.room.member")]


def test_a_type_that_is_not_there_is_asked_for_once() -> None:
    source = full_source()
    state = RoomState(ROOM, source)
    for _ in range(3):
        assert state.of_type("m.none") == {}
        assert "m.none" not in state
        assert state.event("m.none", "") is None
    assert source.asked == [(ROOM, "m.none")]


def test_one_type_does_not_make_another_be_read() -> None:
    source = full_source()
    state = RoomState(ROOM, source)
    assert state["m.room.name"]
    assert {asked[1] for asked in source.asked} == {"m.room.name"}


def test_the_types_are_those_of_the_source_and_those_put_in() -> None:
    state = RoomState(ROOM, full_source())
    state.put("m.new", "", state_json("m.new"))
    state.put("m.room.name", "", state_json("m.room.name", name="put"))
    assert sorted(state) == ["m.new", "m.room.member", "m.room.name"]
    assert len(state) == 3


@pytest.mark.parametrize("looks_before", ["at nothing", "at the piece", "at the type"])
def test_what_was_put_wins_over_what_is_stored(looks_before: str) -> None:
    source = full_source()
    state = RoomState(ROOM, source)
    if looks_before == "at the piece":
        assert state.event("m.room.member", "@a:b") is not None
    if looks_before == "at the type":
        assert state["m.room.member"]
    state.put("m.room.member", "@a:b", state_json("m.room.member", "@a:b", membership="leave"))
    one = state.event("m.room.member", "@a:b")
    assert one is not None
    assert one.content == {"membership": "leave"}
    assert contents(state["m.room.member"]) == {
        "@a:b": {"membership": "leave"},
        "@c:d": {"membership": "join"},
        "@e:f": {"membership": "join"},
    }


def test_an_event_that_was_looked_at_stays_the_same_when_its_type_is_read() -> None:
    state = RoomState(ROOM, full_source())
    one = state.event("m.room.member", "@a:b")
    assert state["m.room.member"]["@a:b"] is one


def test_events_of_a_type_are_decoded_when_somebody_looks_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []
    real = event._lazily

    def counting(data: bytes) -> Any:
        decoded.append(data)
        return real(data)

    monkeypatch.setattr(event, "_lazily", counting)
    members = RoomState(ROOM, full_source())["m.room.member"]
    assert decoded == []
    assert members["@a:b"].content == {"membership": "join"}
    assert len(decoded) == 1


# ------------------------------------------------------------------ arrays nobody has looked at


def array(*pieces: bytes) -> bytes:
    return b"[" + b",".join(pieces) + b"]"


def test_an_array_is_read_when_somebody_looks() -> None:
    state = RoomState(ROOM)
    state.put_unread(array(state_json("m.x", "a", n=1), state_json("m.x", "b", n=2), b'{"type":"m.no.state"}'))
    assert contents(state["m.x"]) == {"a": {"n": 1}, "b": {"n": 2}}
    assert list(state) == ["m.x"]


LOOKS: dict[str, Callable[[RoomState], object]] = {
    "event": lambda state: state.event("m.x", ""),
    "of_type": lambda state: state.of_type("m.x"),
    "iter": lambda state: list(state),
    "len": len,
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_every_look_reads_the_arrays(look: Callable[[RoomState], object]) -> None:
    state = RoomState(ROOM)
    state.put_unread(array(state_json("m.x", n=1)))
    assert look(state)


def test_arrays_and_pieces_apply_in_the_order_they_were_put() -> None:
    state = RoomState(ROOM)
    state.put_unread(array(state_json("m.x", "a", n=1), state_json("m.x", "b", n=1), state_json("m.x", "c", n=1)))
    state.put("m.x", "b", state_json("m.x", "b", n=2))
    state.put_unread(array(state_json("m.x", "c", n=3)))
    assert contents(state["m.x"]) == {"a": {"n": 1}, "b": {"n": 2}, "c": {"n": 3}}


def test_many_arrays_apply_in_order_too() -> None:
    state = RoomState(ROOM)
    for n in range(100):
        state.put_unread(array(state_json("m.x", n=n), state_json("m.x", str(n), n=n)))
    assert len(state["m.x"]) == 101
    assert state["m.x"][""].content == {"n": 99}


def test_an_array_wins_over_what_is_stored() -> None:
    state = RoomState(ROOM, full_source())
    state.put_unread(array(state_json("m.room.name", name="array")))
    assert state["m.room.name"][""].content == {"name": "array"}
    assert len(state["m.room.member"]) == 3


@pytest.mark.parametrize("damage", [b"[", b"null", b"5", b'{"a":1}', b"", b"\xff", b'[{"type":"m.x"'])
def test_an_array_that_is_none_is_left_out(damage: bytes) -> None:
    state = RoomState(ROOM)
    state.put_unread(damage)
    state.put_unread(array(state_json("m.x", n=1)))
    assert contents(state["m.x"]) == {"": {"n": 1}}


@pytest.mark.parametrize("bad", [b"5", b"null", b"[]", b"{}", b'{"type":5,"state_key":""}', *NOT_JSON.values()])
def test_a_bad_element_of_an_array_does_not_hide_the_others(bad: bytes) -> None:
    state = RoomState(ROOM)
    state.put_unread(array(state_json("m.x", "a", n=1), bad, state_json("m.x", "b", n=2)))
    assert contents(state["m.x"]) == {"a": {"n": 1}, "b": {"n": 2}}


# ------------------------------------------------------------------ damaged pieces

DAMAGED = {
    "no JSON": b"not json",
    "no event": b'{"state_key":"@bad:b"}',
    "too large a number beside a wrong type": b'{"type":"m.x","state_key":"@bad:b","sender":5,"content":{"n":1e400}}',
}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("road", ["put", "array", "source"])
def test_a_damaged_piece_does_not_hide_the_others(road: str, damaged: bytes) -> None:
    source = DictSource(state_json("m.x", "@good:b", n=1))
    state = RoomState(ROOM, source)
    if road == "put":
        state.put("m.x", "@bad:b", damaged)
    elif road == "array":
        state.put_unread(array(damaged) if damaged != b"not json" else damaged)
    else:
        source.stored["m.x"]["@bad:b"] = damaged
    assert state.event("m.x", "@bad:b") is None
    assert contents(state["m.x"]) == {"@good:b": {"n": 1}}


def test_a_type_whose_events_cannot_be_read_is_empty() -> None:
    state = RoomState("!room:a")
    state.put("m.odd", "", b'{"type":5}')
    state.put("m.room.name", "", b'{"type":"m.room.name","state_key":"","content":{}}')
    assert {kind: list(events) for kind, events in dict(state).items()} == {"m.odd": [], "m.room.name": [""]}
