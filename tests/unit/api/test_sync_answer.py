"""The /sync answer: whatever is sound in it is kept, the rest is named, and nothing else ever comes out."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py.api import sync
from gomatrix_py.api.sync import EventList, SyncResponse
from gomatrix_py.codec import repair
from gomatrix_py.errors import DecodeError
from gomatrix_py.events import Event
from tests.kit.poison import BROKEN_DOCUMENTS, POISON, SOUND_BUT_STRANGE
from tests.kit.strategies import places, with_slice, with_value

CORPUS = Path(__file__).parents[2] / "corpus" / "sync"
RICH: dict[str, Any] = json.loads((CORPUS / "rich.json").read_bytes())
PLACES = [path for path in places(RICH) if path]
LARGE = 256 * 1024

WRONG: dict[str, Any] = {
    "nothing": ...,
    "null": None,
    "true": True,
    "an integer": 5,
    "a fraction": 1.5,
    "a text": "x",
    "an empty list": [],
    "a list of lists": [[], [None]],
    "an empty object": {},
    "an object": {"x": {"events": 5}},
}

# What each list of events is called: those of the whole account, and those of a room of each kind.
ACCOUNT_LISTS = ("presence", "account_data", "to_device")
ROOM_LISTS = {
    "join": ("state", "state_after", "timeline", "ephemeral", "account_data"),
    "invite": ("invite_state",),
    "knock": ("knock_state",),
    "leave": ("state", "state_after", "timeline", "account_data"),
}


def body_of(answer: Any) -> bytes:
    return json.dumps(answer).encode()


def event_lists(response: SyncResponse) -> Iterator[EventList]:
    for name in ACCOUNT_LISTS:
        yield getattr(response, name)
    for kind, names in ROOM_LISTS.items():
        for room in getattr(response.rooms, kind).values():
            yield from (one for name in names if (one := getattr(room, name)) is not None)


def events_of(response: SyncResponse) -> list[Event]:
    return [event for events in event_lists(response) for event in events.events]


def marks_of(response: SyncResponse) -> set[Any]:
    """Return the marks of all events; each event of the rich answer has one of its own."""
    marks = (event.content.get("mark") for event in events_of(response))
    return {mark for mark in marks if type(mark) is int and mark in range(1, 100)}


def places_of_marks(answer: Any) -> dict[int, tuple[Any, ...]]:
    """Return, by mark, the path of the event that has it."""
    marks = {}
    for path in places(answer):
        if path[-2:] == ("content", "mark"):
            value = answer
            for key in path:
                value = value[key]
            marks[value] = path[:-2]
    return marks


PLACE_OF_MARK = places_of_marks(RICH)


def marks_elsewhere(path: tuple[Any, ...]) -> set[int]:
    """Return the marks of the events that have nothing to do with a place of the answer."""
    return {
        mark for mark, place in PLACE_OF_MARK.items() if place != path[: len(place)] and path != place[: len(path)]
    }


def decoded(body: bytes) -> SyncResponse | None:
    """Return the answer, or None where the documented error says there is none."""
    try:
        return SyncResponse.from_json(body)
    except DecodeError:
        return None


# ------------------------------------------------------------------ a sound answer


def test_every_part_of_a_rich_answer_is_found() -> None:
    response = SyncResponse.from_json(body_of(RICH))
    assert response.problems == ()
    assert response.next_batch == RICH["next_batch"]
    assert marks_of(response) == set(PLACE_OF_MARK) == set(range(1, len(PLACE_OF_MARK) + 1))
    assert list(response.rooms.join) == ["!joined:example.org", "!nodomain"]
    assert [list(getattr(response.rooms, kind)) for kind in ("invite", "knock", "leave")] == [
        ["!invited:example.org"],
        ["!knocked:example.org"],
        ["!left:example.org"],
    ]
    assert response.device_lists is not None
    assert (response.device_lists.changed, response.device_lists.left) == (
        ["@alice:example.org"],
        ["@bob:example.org"],
    )
    assert response.device_one_time_keys_count == {"signed_curve25519": 20}
    assert response.device_unused_fallback_key_types == ["signed_curve25519"]


def test_the_parts_of_a_joined_room() -> None:
    room = SyncResponse.from_json(body_of(RICH)).rooms.join["!joined:example.org"]
    document = RICH["rooms"]["join"]["!joined:example.org"]
    for name in ("state", "timeline", "ephemeral", "account_data"):
        assert [event.raw for event in getattr(room, name).events] == document[name]["events"]
    assert room.state_after is None
    assert room.timeline is not None
    assert (room.timeline.limited, room.timeline.prev_batch) == (True, "t34")
    for name in ("summary", "unread_notifications", "unread_thread_notifications"):
        assert json.loads(bytes(getattr(room, name))) == document[name]


def test_the_least_an_answer_can_be() -> None:
    response = SyncResponse.from_json(b'{"next_batch":"t"}')
    assert (response.next_batch, response.problems, events_of(response)) == ("t", (), [])
    assert (dict(response.rooms.join), response.device_lists, response.device_one_time_keys_count) == ({}, None, None)
    assert (response.raw, response.extra) == ({"next_batch": "t"}, {})


@pytest.mark.parametrize("poison", ["NaN", '"\\ud800"', "1e400"])
def test_both_roads_read_the_same(poison: str) -> None:
    """Poison in a member we do not declare sends the answer down the tolerant road, and changes nothing."""
    body = body_of(RICH)
    strict = SyncResponse.from_json(body)
    tolerant = SyncResponse.from_json(body.rstrip()[:-1] + f',"poison":{poison}}}'.encode())
    assert [event.raw for event in events_of(tolerant)] == [event.raw for event in events_of(strict)]
    assert tolerant.problems == ()
    names = ("next_batch", "device_lists", "device_one_time_keys_count", "device_unused_fallback_key_types")
    assert [getattr(tolerant, name) for name in names] == [getattr(strict, name) for name in names]


def test_what_is_not_declared_is_kept() -> None:
    response = SyncResponse.from_json(body_of(RICH))
    assert response.extra == {"org.example.more": {"kept": [1, None]}}
    assert response.raw == RICH
    assert response.body == body_of(RICH)


def test_the_repr_counts_and_shows_no_event() -> None:
    shown = repr(SyncResponse.from_json(body_of(RICH)))
    assert "2 joined, 1 invited, 1 knocked, 1 left, 0 problems" in shown
    assert "hello" not in shown


def test_answers_share_nothing() -> None:
    one = SyncResponse.from_json(b'{"next_batch":"t"}')
    one.rooms.join["!planted:example.org"] = sync.JoinedRoom()
    try:
        assert dict(SyncResponse.from_json(b'{"next_batch":"t"}').rooms.join) == {}
    finally:
        one.rooms.join.clear()


def test_events_can_be_put_before_a_timeline() -> None:
    timeline = SyncResponse.from_json(body_of(RICH)).rooms.join["!joined:example.org"].timeline
    assert timeline is not None
    before = [event.raw for event in timeline.events]
    timeline.put_before([b'{"type":"m.a"}', b'{"type":"m.b"}'])
    assert [event.raw for event in timeline.events] == [{"type": "m.a"}, {"type": "m.b"}, *before]


def test_events_can_be_put_before_an_empty_timeline() -> None:
    timeline = sync.Timeline()
    timeline.put_before([])
    assert timeline.events == []
    timeline.put_before([b'{"type":"m.a"}'])
    assert [event.type for event in timeline.events] == ["m.a"]


# ------------------------------------------------------------------ next_batch


@pytest.mark.parametrize("value", [..., "", None, 5, True, [], {}], ids=repr)
def test_without_a_usable_next_batch_there_is_no_answer(value: Any) -> None:
    with pytest.raises(DecodeError) as caught:
        SyncResponse.from_json(body_of(with_value(RICH, ("next_batch",), value)))
    assert "next_batch" in str(caught.value)


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_poison_as_next_batch_gives_no_answer_or_a_text(poison: bytes) -> None:
    response = decoded(with_slice(RICH, ("next_batch",), poison))
    assert response is None or response.next_batch.encode("utf-8")


@pytest.mark.parametrize("body", BROKEN_DOCUMENTS.values(), ids=BROKEN_DOCUMENTS)
def test_what_is_not_json_is_no_answer(body: bytes) -> None:
    with pytest.raises(DecodeError):
        SyncResponse.from_json(body)


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"5", b"NaN", b'[{"next_batch":"t"}]'])
def test_what_is_no_object_is_no_answer(body: bytes) -> None:
    with pytest.raises(DecodeError):
        SyncResponse.from_json(body)


def test_an_answer_cut_short_anywhere_is_no_answer() -> None:
    body = body_of(RICH)
    for end in range(0, len(body), 7):
        assert decoded(body[:end]) is None


# ------------------------------------------------------------------ one place at a time


@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG)
def test_a_wrong_value_anywhere_leaves_the_rest_alone(value: Any) -> None:
    for path in PLACES:
        response = decoded(body_of(with_value(RICH, path, value)))
        if path == ("next_batch",):
            continue
        assert response is not None, path
        assert response.next_batch == RICH["next_batch"], path
        assert marks_elsewhere(path) <= marks_of(response), path


@pytest.mark.parametrize("name", POISON | SOUND_BUT_STRANGE)
def test_poison_anywhere_leaves_the_rest_alone(name: str) -> None:
    poison = {**POISON, **SOUND_BUT_STRANGE}[name]
    for path in PLACES if len(poison) < 20_000 else PLACES[::9]:
        response = decoded(with_slice(RICH, path, poison))
        if path == ("next_batch",):
            continue
        assert response is not None, path
        assert marks_elsewhere(path) <= marks_of(response), path


def test_the_check_above_would_see_a_lost_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tolerant road that gives up on all rooms where one is wrong."""
    real = repair

    def careless(value: Any, shape: Any) -> Any:
        return real({**value, "rooms": {}}, shape)

    monkeypatch.setattr(sync, "repair", careless)
    with pytest.raises(AssertionError):
        test_a_wrong_value_anywhere_leaves_the_rest_alone(5)


MEMBERS_OF_EVENTS = ["sender", "event_id", "origin_server_ts", "room_id", "unsigned"]


@pytest.mark.parametrize("name", MEMBERS_OF_EVENTS)
def test_an_event_with_a_member_of_the_wrong_type_is_kept(name: str) -> None:
    for place in PLACE_OF_MARK.values():
        for value in WRONG.values():
            if value is ...:
                continue
            response = decoded(body_of(with_value(RICH, (*place, name), value)))
            assert response is not None
            assert marks_of(response) == set(PLACE_OF_MARK), (place, value)


@pytest.mark.parametrize("wrong", [b"5", b'"x"', b"[]", b'{"@x:y":1}'], ids=repr)
@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_an_event_wrong_in_two_ways_hides_no_other(wrong: bytes, poison: bytes) -> None:
    """The first is overlooked by whoever skims the list, the second found by whoever reads the event."""
    bad = b'{"type":"m.bad","state_key":"","sender":' + wrong + b',"content":{"poison":' + poison + b"}}"
    events = b'[{"type":"m.a","content":{"mark":1}},' + bad + b',{"type":"m.b","content":{"mark":2}}]'
    response = decoded(b'{"next_batch":"t","to_device":{"events":' + events + b"}}")
    assert response is not None
    assert marks_of(response) == {1, 2}


def test_what_was_left_out_is_named() -> None:
    answer = with_value(RICH, ("rooms", "join", "!joined:example.org", "timeline", "limited"), "yes")
    answer = with_value(answer, ("device_one_time_keys_count", "signed_curve25519"), "many")
    response = SyncResponse.from_json(body_of(answer))
    assert sorted(problem.path for problem in response.problems) == [
        "device_one_time_keys_count.signed_curve25519",
        "rooms.join.!joined:example.org.timeline.limited",
    ]
    assert marks_of(response) == set(PLACE_OF_MARK)


# ------------------------------------------------------------------ keys


def test_the_last_of_duplicate_keys_counts() -> None:
    body = b'{"next_batch":5,"rooms":[],"next_batch":"a","rooms":{"join":{"!r":5,"!r":{}}},"next_batch":"b"}'
    response = SyncResponse.from_json(body)
    assert response.next_batch == "b"
    assert list(response.rooms.join) == ["!r"]


@pytest.mark.parametrize(
    "key", ["__class__", "__proto__", "{0.__init__}", "%s", "", ".", "..", "a/b?c#d", "x" * 300, "é"]
)
def test_strange_room_ids_are_ids_like_any_other(key: str) -> None:
    response = SyncResponse.from_json(body_of({"next_batch": "t", "rooms": {"join": {key: {}, "!good": {}}}}))
    assert set(response.rooms.join) == {key, "!good"}


def test_a_room_id_that_is_no_text_costs_its_room_only() -> None:
    response = SyncResponse.from_json(b'{"next_batch":"t","rooms":{"join":{"!\\ud800":{},"!good":{}}}}')
    assert list(response.rooms.join) == ["!good"]
    assert len(response.problems) == 1


# ------------------------------------------------------------------ the garbage collector


@pytest.mark.parametrize(
    "tail", [b'"t"}', b'"t","x":NaN}', b"5}", b""], ids=["strict road", "tolerant road", "wrong", "cut short"]
)
@pytest.mark.parametrize("is_large", [True, False])
def test_the_collector_rests_while_a_large_answer_is_decoded(
    monkeypatch: pytest.MonkeyPatch, is_large: bool, tail: bytes
) -> None:
    was_running: list[bool] = []
    real = sync._decode

    def watching(body: bytes) -> Any:
        was_running.append(gc.isenabled())
        return real(body)

    monkeypatch.setattr(sync, "_decode", watching)
    padding = "x" * (LARGE if is_large else 10)
    assert gc.isenabled()
    decoded(f'{{"padding":"{padding}","next_batch":'.encode() + tail)
    assert was_running == [not is_large]
    assert gc.isenabled()


# ------------------------------------------------------------------ answers that once hurt


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*")), ids=lambda path: path.name)
def test_answers_that_once_hurt_end_in_an_answer_or_a_decode_error(path: Path) -> None:
    response = decoded(path.read_bytes())
    assert response is None or events_of(response) is not None
