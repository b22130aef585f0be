"""Reading the past on a real homeserver: paging, context, relations."""

from __future__ import annotations

import pytest

from gomatrix_py import Client, Event
from gomatrix_py.errors import Forbidden, NotFound
from gomatrix_py.testing.pytest_plugin import MatrixUser

BODIES = [f"line {number}" for number in range(12)]


@pytest.fixture
def story(alice: Client, room_id: str) -> list[str]:
    """The ids of twelve messages, oldest first."""
    return [alice.send_text(room_id, body).event_id for body in BODIES]


def _bodies(events: list[Event]) -> list[str | None]:
    return [event.body for event in events if event.type == "m.room.message"]


def test_paging_back_to_the_beginning(bob: Client, room_id: str, story: list[str]) -> None:
    events: list[Event] = []
    token: str | None = None
    for _ in range(50):
        page = bob.messages(room_id, token, dir="b", limit=5)
        assert len(page.chunk) <= 5
        events += page.chunk
        token = page.end
        if token is None:
            break
    assert token is None
    assert _bodies(events) == BODIES[::-1]
    assert events[-1].type == "m.room.create"
    assert len({event.event_id for event in events}) == len(events)


def test_paging_forward_from_the_beginning(bob: Client, room_id: str, story: list[str]) -> None:
    events: list[Event] = []
    token: str | None = None
    for _ in range(50):
        page = bob.messages(room_id, token, dir="f", limit=7)
        events += page.chunk
        token = page.end
        if token is None:
            break
    assert events[0].type == "m.room.create"
    assert _bodies(events) == BODIES


def test_paging_between_two_points(bob: Client, alice: Client, room_id: str, story: list[str]) -> None:
    middle = bob.sync_request().next_batch
    alice.send_text(room_id, "after")
    page = bob.messages(room_id, to=middle, dir="b", limit=50)
    assert _bodies(page.chunk) == ["after"]


def test_paging_with_a_filter(bob: Client, room_id: str, story: list[str]) -> None:
    page = bob.messages(room_id, filter={"types": ["m.room.name"]}, limit=50)
    assert [event.type for event in page.chunk] == ["m.room.name"]


def test_strangers_read_nothing(matrix_user: MatrixUser, room_id: str) -> None:
    with pytest.raises(Forbidden):
        matrix_user("stranger").messages(room_id)


def test_context_shows_both_sides(bob: Client, room_id: str, story: list[str]) -> None:
    around = bob.context(room_id, story[5], limit=4)
    assert around.event is not None
    assert around.event.event_id == story[5]
    assert _bodies(around.events_before) == ["line 4", "line 3"]
    assert _bodies(around.events_after) == ["line 6", "line 7"]
    assert "m.room.create" in [event.type for event in around.state]
    older = bob.messages(room_id, around.start, dir="b", limit=2)
    assert _bodies(older.chunk) == ["line 2", "line 1"]


def test_context_of_an_unknown_event_is_not_found(bob: Client, room_id: str) -> None:
    with pytest.raises(NotFound):
        bob.context(room_id, "$nosuchevent")


# ------------------------------------------------------------------ relations


@pytest.fixture
def related(alice: Client, bob: Client, room_id: str) -> dict[str, str]:
    """The ids of a message, two reactions to it and two replies in its thread."""
    parent = alice.send_text(room_id, "parent").event_id
    ids = {"parent": parent}
    for who, key in ((alice, "👍"), (bob, "👎")):
        content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": parent, "key": key}}
        ids[key] = who.send_message_event(room_id, "m.reaction", content).event_id
    for number, event_type in enumerate(("m.room.message", "com.example.other")):
        reply = {
            "msgtype": "m.text",
            "body": f"reply {number}",
            "m.relates_to": {"rel_type": "m.thread", "event_id": parent},
        }
        ids[event_type] = bob.send_message_event(room_id, event_type, reply).event_id
    return ids


def test_everything_that_relates_to_an_event(alice: Client, room_id: str, related: dict[str, str]) -> None:
    found = alice.relations(room_id, related["parent"]).chunk
    assert {event.event_id for event in found} == set(related.values()) - {related["parent"]}
    assert {event.relates_to["event_id"] for event in found} == {related["parent"]}


def test_what_relates_in_one_way(alice: Client, room_id: str, related: dict[str, str]) -> None:
    found = alice.relations_by_type(room_id, related["parent"], "m.annotation").chunk
    assert {event.event_id for event in found} == {related["👍"], related["👎"]}
    assert {event.relates_to["key"] for event in found} == {"👍", "👎"}


def test_what_relates_in_one_way_and_is_of_one_type(alice: Client, room_id: str, related: dict[str, str]) -> None:
    found = alice.relations_by_type_and_event_type(
        room_id, related["parent"], "m.thread", "com.example.other", dir="f", limit=5
    )
    assert [event.event_id for event in found.chunk] == [related["com.example.other"]]


def test_relations_come_in_pages(alice: Client, room_id: str, related: dict[str, str]) -> None:
    parent = related["parent"]
    first = alice.relations(room_id, parent, dir="f", limit=3)
    assert first.next_batch
    rest = alice.relations(room_id, parent, dir="f", limit=3, from_=first.next_batch)
    ids = [event.event_id for page in (first, rest) for event in page.chunk]
    assert ids == [related[key] for key in ("👍", "👎", "m.room.message", "com.example.other")]


def test_what_nothing_relates_to(alice: Client, room_id: str) -> None:
    event_id = alice.send_text(room_id, "lonely").event_id
    assert alice.relations(room_id, event_id).chunk == []
