"""Iterators over what a real Synapse hands out in pages: nothing left out, nothing twice."""

from __future__ import annotations

from itertools import islice

import pytest

from gomatrix_py import Client
from gomatrix_py.api.room_history import Direction
from gomatrix_py.errors import Forbidden
from tests.kit.waiting import wait_until


@pytest.fixture
def said(alice: Client, room_id: str) -> list[str]:
    """The ids of ten messages, in order."""
    return [alice.send_text(room_id, f"tea number {number}").event_id for number in range(10)]


def test_history_in_both_directions(alice: Client, room_id: str, said: list[str]) -> None:
    back = [event.event_id for event in alice.messages_iter(room_id, page_size=3)]
    assert back[:10] == said[::-1]
    assert len(set(back)) == len(back)
    forth = [event.event_id for event in alice.messages_iter(room_id, direction=Direction.FORWARD, page_size=4)]
    assert forth == back[::-1]
    assert [event.event_id for event in alice.messages_iter(room_id, limit=4, page_size=3)] == said[:5:-1]


def test_history_from_a_page_on(alice: Client, room_id: str, said: list[str]) -> None:
    first = next(alice.messages_iter(room_id, page_size=4).pages())
    rest = alice.messages_iter(room_id, from_=first.end, filter={"types": ["m.room.message"]}, page_size=2)
    assert [event.event_id for event in rest] == said[:6][::-1]


def test_relations_and_threads(alice: Client, bob: Client, room_id: str, said: list[str]) -> None:
    def relate(event_id: str, number: int) -> str:
        relation = {"rel_type": "m.thread", "event_id": event_id}
        content = {"msgtype": "m.text", "body": str(number), "m.relates_to": relation}
        return bob.send_message_event(room_id, "m.room.message", content).event_id

    replies = [relate(said[0], number) for number in range(5)]
    assert [event.event_id for event in alice.relations_iter(room_id, said[0], page_size=2)] == replies[::-1]
    forth = alice.relations_iter(room_id, said[0], "m.thread", direction="f", page_size=2)
    assert [event.event_id for event in forth] == replies
    for event_id in said[1:4]:
        relate(event_id, 0)
    found = [event.event_id for event in alice.threads_iter(room_id, page_size=2)]
    assert found == [said[3], said[2], said[1], said[0]]


def test_directories(alice: Client, bob: Client) -> None:
    name = alice.user_id[1:].partition(":")[0]
    rooms = {alice.create_room(f"{name} {n}", preset="public_chat", visibility="public").room_id for n in range(5)}
    assert {room.room_id for room in alice.public_rooms_iter(name, page_size=2)} == rooms
    assert rooms <= {room.room_id for room in alice.public_rooms_iter(page_size=3)}
    bob.join_room(rooms.pop())

    def is_listed() -> bool:
        return bob.user_id in [user.user_id for user in alice.user_directory_iter("bob", page_size=1)]

    wait_until(is_listed, "the user directory lists who shares a room")


def test_a_space(alice: Client) -> None:
    space = alice.create_room("Space", creation_content={"type": "m.space"}).room_id
    children = [alice.create_room(f"Child {number}").room_id for number in range(5)]
    for child in children:
        alice.send_state_event(space, "m.space.child", child, {"via": ["localhost"]})
    found = [room.room_id for room in alice.hierarchy_iter(space, page_size=2)]
    assert found[0] == space
    assert sorted(found[1:]) == sorted(children)


def test_search_and_notifications(alice: Client, bob: Client, room_id: str, said: list[str]) -> None:
    found = alice.search_iter("tea", order_by="recent", page_size=3)
    ours = [one.result.event_id for one in found if one.result is not None and one.result.room_id == room_id]
    assert ours == said[::-1]
    name = bob.user_id[1:].partition(":")[0]
    calls = [alice.send_text(room_id, f"{name}, tea {number}").event_id for number in range(5)]
    told = [one.event.event_id for one in bob.notifications_iter(page_size=2)]
    assert [event_id for event_id in told if event_id in calls] == calls[::-1]
    assert list(alice.mutual_rooms_iter(bob.user_id)) == [room_id]


def test_what_we_may_not_see(alice: Client, bob: Client) -> None:
    room_id = bob.create_room().room_id
    with pytest.raises(Forbidden):
        next(islice(alice.messages_iter(room_id), 1))
