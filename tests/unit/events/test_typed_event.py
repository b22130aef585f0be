"""An event's content as an object of its class."""

from __future__ import annotations

import pytest

from gomatrix_py import Event, TextMessage
from gomatrix_py.errors import DecodeError
from gomatrix_py.events.contents.members import RoomMemberContent
from gomatrix_py.events.registry import BadContent, UnknownContent


def test_the_content_is_of_the_class_for_its_type() -> None:
    event = Event("m.room.member", {"membership": "join", "displayname": "Alice"}, state_key="@alice:a")
    assert isinstance(event.typed, RoomMemberContent)
    assert event.typed.displayname == "Alice"
    assert event.typed is event.typed, "made once"


def test_an_unknown_type_is_read_as_it_is() -> None:
    assert Event("org.example.thing", {"a": 1}).typed == UnknownContent({"a": 1})


def test_a_malformed_content_does_not_raise() -> None:
    assert isinstance(Event("m.room.member", {"membership": 5}, state_key="@alice:a").typed, BadContent)


def test_state_and_messages_are_not_mixed_up() -> None:
    assert isinstance(Event("m.room.member", {"membership": "join"}).typed, UnknownContent)


def test_a_content_can_be_read_as_a_class_of_choice() -> None:
    assert Event("org.example.text", {"body": "hello"}).content_as(TextMessage) == TextMessage("hello")
    with pytest.raises(DecodeError, match="body"):
        Event("org.example.text", {"body": 5}).content_as(TextMessage)
