"""Whatever a server answers to /sync, it is an answer with all its sound events, or a DecodeError."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py.api.sync import EventList, SyncResponse
from gomatrix_py.errors import DecodeError
from tests.kit.poison import POISON
from tests.kit.strategies import damaged, json_values, marked_answers, mutants, places, sync_answers, with_slice

answer_bytes = sync_answers.map(lambda answer: json.dumps(answer).encode())


def event_lists(response: SyncResponse) -> list[EventList]:
    found = [response.presence, response.account_data, response.to_device]
    for kind in ("join", "invite", "knock", "leave"):
        for room in getattr(response.rooms, kind).values():
            members = [getattr(room, name) for name in room.__struct_fields__]
            found += [member for member in members if isinstance(member, EventList)]
    return found


def marks_of(response: SyncResponse) -> list[int]:
    contents = [event.content for events in event_lists(response) for event in events.events]
    return sorted(content["mark"] for content in contents if type(content.get("mark")) is int)


def look_at_everything(response: SyncResponse) -> None:
    assert response.next_batch
    response.next_batch.encode("utf-8")
    assert isinstance(response.raw, dict)
    assert isinstance(response.extra, dict)
    assert repr(response).startswith("<SyncResponse ")
    assert all(isinstance(problem.path, str) for problem in response.problems)
    for kind in ("join", "invite", "knock", "leave"):
        for room_id in getattr(response.rooms, kind):
            room_id.encode("utf-8")
    for events in event_lists(response):
        for event in events.events:
            assert event.raw["type"] == event.type


@settings(max_examples=250, deadline=None)
@given(
    st.binary(max_size=40)
    | json_values().map(lambda value: json.dumps(value).encode())
    | damaged(answer_bytes)
    | mutants(sync_answers).map(lambda answer: json.dumps(answer).encode())
)
def test_any_bytes_make_an_answer_or_a_decode_error(body: bytes) -> None:
    try:
        response = SyncResponse.from_json(body)
    except DecodeError:
        return
    look_at_everything(response)


@settings(max_examples=100, deadline=None)
@given(marked_answers())
def test_every_event_of_a_sound_answer_is_found(answer: dict[str, Any]) -> None:
    response = SyncResponse.from_json(json.dumps(answer).encode())
    look_at_everything(response)
    assert response.problems == ()
    assert response.raw == answer
    assert marks_of(response) == _marks(answer)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_poison_in_one_place_costs_no_event_elsewhere(data: st.DataObject) -> None:
    answer = data.draw(marked_answers())
    path = data.draw(st.sampled_from([path for path in places(answer) if path and path != ("next_batch",)] or [()]))
    poison = data.draw(st.sampled_from([one for one in POISON.values() if len(one) < 20_000]))
    if not path:
        return
    response = SyncResponse.from_json(with_slice(answer, path, poison))
    look_at_everything(response)
    assert set(_marks_elsewhere(answer, path)) <= set(marks_of(response))


def _places_of_marks(answer: Any) -> dict[int, tuple[Any, ...]]:
    return {
        _at(answer, path): path[:-2]
        for path in places(answer)
        if path[-2:] == ("content", "mark") and path[0] != "org.example.more"
    }


def _marks(answer: Any) -> list[int]:
    return sorted(_places_of_marks(answer))


def _marks_elsewhere(answer: Any, path: tuple[Any, ...]) -> list[int]:
    return [
        mark
        for mark, place in _places_of_marks(answer).items()
        if place != path[: len(place)] and path != place[: len(path)]
    ]


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value
