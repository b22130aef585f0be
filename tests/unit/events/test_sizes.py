"""How large an event may be, and how that is said."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.errors import UsageError
from gomatrix_py.events import TextMessage
from gomatrix_py.events.sizes import (
    MAX_ENCRYPTED_BYTES,
    MAX_EVENT_BYTES,
    MAX_PLAIN_BYTES,
    check_event_size,
    event_size,
)

ROOM = "!" + "r" * 43
NAME = "m.room.message"
# what a server was seen to take of one text message, as bytes of the body
SEEN_PLAIN, SEEN_ENCRYPTED = 64_927, 48_348


def text(size: int, character: str = "a") -> dict[str, Any]:
    return {"msgtype": "m.text", "body": character * size}


def largest(character: str = "a", **options: Any) -> int:
    """Return the longest body that is let through."""
    low, high = 0, MAX_EVENT_BYTES
    while low < high - 1:
        middle = (low + high) // 2
        try:
            check_event_size(ROOM, NAME, text(middle, character), **options)
            low = middle
        except UsageError:
            high = middle
    return low


def test_the_size_is_that_of_the_json_we_send() -> None:
    assert event_size("!r", "m.x", {}) == len('{"type":"m.x","room_id":"!r","content":{}}')
    assert event_size("!r", "m.x", {}, "") == event_size("!r", "m.x", {}) + len(',"state_key":""')
    assert event_size("!r", "m.x", {"a": "ü"}) == event_size("!r", "m.x", {"a": ""}) + 2
    assert event_size("!r", "m.x", {"a": '"'}) == event_size("!r", "m.x", {"a": ""}) + 2
    assert event_size("!r", NAME, TextMessage("x")) == event_size("!r", NAME, {"body": "x", "msgtype": "m.text"})


def test_what_is_let_through_was_seen_to_be_taken() -> None:
    assert SEEN_PLAIN - 1024 < largest() < SEEN_PLAIN
    assert SEEN_ENCRYPTED - 1024 < largest(will_be_encrypted=True) < SEEN_ENCRYPTED


def test_bytes_count_and_not_characters() -> None:
    assert largest("€") == largest() // 3
    assert largest("🎉") == largest() // 4
    assert largest('"') == largest() // 2


@pytest.mark.parametrize(
    ("options", "limit"), [({}, MAX_PLAIN_BYTES), ({"will_be_encrypted": True}, MAX_ENCRYPTED_BYTES)]
)
def test_the_limit_is_exact_and_named(options: dict[str, Any], limit: int) -> None:
    frame = event_size(ROOM, NAME, text(0))
    check_event_size(ROOM, NAME, text(limit - frame), **options)
    with pytest.raises(UsageError, match=rf"{limit + 1} bytes long .*; {limit} fit in the {MAX_EVENT_BYTES}"):
        check_event_size(ROOM, NAME, text(limit - frame + 1), **options)


def test_state_is_never_encrypted() -> None:
    check_event_size(ROOM, "org.example", text(MAX_ENCRYPTED_BYTES), "", will_be_encrypted=True)
    with pytest.raises(UsageError, match="before it is encrypted"):
        check_event_size(ROOM, "org.example", text(MAX_ENCRYPTED_BYTES), will_be_encrypted=True)


def test_long_names_leave_less_for_the_content() -> None:
    body = text(MAX_PLAIN_BYTES - event_size(ROOM, "t", text(0)))
    check_event_size(ROOM, "t", body)
    with pytest.raises(UsageError, match="bytes long"):
        check_event_size(ROOM, "t" * 255, body)


@pytest.mark.parametrize("character", ["a", "ü", "€", "🎉"])
@pytest.mark.parametrize("which", ["the room id", "the event type", "the state key"])
def test_a_name_may_take_255_bytes(which: str, character: str) -> None:
    width = len(character.encode())
    fits = (character * 255)[: 255 // width] + "x" * (255 % width)
    names = {"the room id": ROOM, "the event type": NAME, "the state key": "k"}

    def check(name: str) -> None:
        given = {**names, which: name}
        check_event_size(given["the room id"], given["the event type"], {}, given["the state key"])

    check(fits)
    with pytest.raises(UsageError, match=f"{which} is 256 bytes long; Matrix allows 255"):
        check(fits + "x")


def test_empty_names() -> None:
    check_event_size(ROOM, NAME, {}, "")
    with pytest.raises(UsageError, match="the event type is empty"):
        check_event_size(ROOM, "", {})
    with pytest.raises(UsageError, match="the room id is empty"):
        check_event_size("", NAME, {})


@pytest.mark.parametrize("content", [{"x": float("nan")}, {"x": "\ud800"}, {"x": object()}, {"x": {1, object()}}])
def test_what_is_no_json_has_no_size(content: Any) -> None:
    with pytest.raises(UsageError):
        check_event_size(ROOM, NAME, content)
