"""What the suites put in, plain and poisonous, and how they look at what comes out."""
# ruff: noqa: S101 - this is part of tests, though it stands in the package

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ...codec import dumps
from ...events import Event
from ...rooms import Room
from ...store import Storer

__all__ = [
    "ALICE",
    "BOB",
    "NOT_EVENTS",
    "ODD_TEXTS",
    "OTHER",
    "POISONED_EVENTS",
    "ROOM",
    "event_json",
    "in_threads",
    "room_of",
    "state_event",
    "sync_json",
]

ALICE, BOB = "@alice:example.org", "@bob:example.org"
ROOM, OTHER = "!room:example.org", "!other:example.org"

ODD_TEXTS = (
    "!dDWiZ7sPHrtJ7lJxaVkSpEHVqYIfDYxZ",  # room ids of version 12 have no domain
    "$Zm9v/YmFy+x:example.org",
    "x'; DROP TABLE room; --",
    'x" OR 1=1',
    "nul\0inside",
    "ends in nul\0",
    "snow \N{SNOWMAN} and \N{GRINNING FACE}",
    "e\N{COMBINING ACUTE ACCENT} is not \N{LATIN SMALL LETTER E WITH ACUTE}",
    "%_?#[]../\\",
    "Case",
    "case",
    "1",
    "01",
    "é" * 127,
)
"""Texts that a store must keep apart and give back as they were."""

_HEAD = b'"event_id":"$1","sender":"@alice:example.org","origin_server_ts":1700000000000'

POISONED_EVENTS: dict[str, bytes] = {
    "lone surrogate": rb'{"type":"m.room.message",' + _HEAD + rb',"content":{"body":"\ud800 and \udfff"}}',
    "NUL": rb'{"type":"m.room.message",' + _HEAD + rb',"content":{"body":"a\u0000b","\u0000":1}}',
    "2^63": b'{"type":"m.room.message",' + _HEAD + b',"content":{"n":9223372036854775808,"m":-9223372036854775809}}',
    "2^64": b'{"type":"m.room.message",' + _HEAD + b',"content":{"n":18446744073709551616}}',
    "a hundred digits": b'{"type":"m.room.message",' + _HEAD + b',"content":{"n":' + b"9" * 100 + b"}}",
    "floats": b'{"type":"m.room.message",' + _HEAD + b',"content":{"n":[1e308,-0.0,5e-324,1.0]}}',
    "duplicate keys": b'{"type":"m.room.message",' + _HEAD + b',"content":{"a":1,"a":2}}',
    "spaces": b' {\n"type" : "m.room.message" ,\t' + _HEAD + b' , "content" : { } } ',
    "astral": '{"type":"m.room.message","content":{"body":"\N{GRINNING FACE}\u2028"}}'.encode(),
    "deep": b'{"type":"m.room.message","content":{"a":' + b"[" * 100 + b"]" * 100 + b"}}",
    "large": b'{"type":"m.room.message","content":{"body":"' + b"x" * 70_000 + b'"}}',
}
"""JSON of events that a database, or another JSON parser, may stumble over."""

NOT_EVENTS: dict[str, bytes] = {
    "NaN": b'{"type":"m.room.message","content":{"n":NaN}}',
    "too large a number": b'{"type":"m.room.message","content":{"n":1e400}}',
    "not UTF-8": b'{"type":"m.room.message","content":{"body":"\xff\xfe"}}',
    "cut short": b'{"type":"m.room.message","content":{"bo',
    "no type": b'{"content":{}}',
    "a number": b"7",
    "nothing": b"",
}
"""Bytes that are no event; a journal keeps even those as they are."""


def event_json(event_id: str = "$1", event_type: str = "m.room.message", **members: Any) -> bytes:
    """Return the JSON of an event; `members` are added to it or replace what it has."""
    event: dict[str, Any] = {
        "type": event_type,
        "event_id": event_id,
        "sender": "@alice:example.org",
        "origin_server_ts": 1_700_000_000_000,
        "content": {"msgtype": "m.text", "body": f"this is {event_id}"},
        **members,
    }
    return dumps(event, ascii_only=True)


def state_event(event_type: str, state_key: str, content: dict[str, Any], event_id: str = "$state") -> Event:
    """Return a state event."""
    return Event.from_json(event_json(event_id, event_type, state_key=state_key, content=content))


def sync_json(next_batch: str, **members: Any) -> bytes:
    """Return a /sync answer; an event may be given as the bytes of its JSON."""
    return _encoded({"next_batch": next_batch, **members})


def _encoded(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return (
            b"{" + b",".join(dumps(key, ascii_only=True) + b":" + _encoded(one) for key, one in value.items()) + b"}"
        )
    if isinstance(value, (list, tuple)):
        return b"[" + b",".join(map(_encoded, value)) + b"]"
    return dumps(value, ascii_only=True)


def in_threads(work: Callable[[int], None], count: int) -> None:
    """Run `work` in `count` threads at once and raise what the first of them to fail raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            start.wait()
            work(number)
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "the threads wait for each other"
    if errors:
        raise errors[0]


def room_of(store: Storer, room_id: str) -> Room:
    """Return a room that must be in a store."""
    room = store.load_room(room_id)
    assert room is not None, f"{room_id} is not in the store"
    return room
