"""Events: read leniently, decoded lazily, kept whole."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import datetime, timezone
from typing import Any

import pytest

from gomatrix_py.codec import RawJSON, decode_shape, loads_tolerant
from gomatrix_py.errors import DecodeError
from gomatrix_py.events import Event, EventSource, event
from tests.kit.poison import BROKEN_DOCUMENTS, NOT_JSON, POISON, SOUND_BUT_STRANGE

MESSAGE: dict[str, Any] = {
    "type": "m.room.message",
    "content": {"msgtype": "m.text", "body": "hello", "m.relates_to": {"rel_type": "m.thread", "event_id": "$0"}},
    "event_id": "$1",
    "sender": "@alice:example.org",
    "origin_server_ts": 1_700_000_000_123,
    "room_id": "!room:example.org",
    "unsigned": {"age": 5, "transaction_id": "m1"},
    "org.example.new": [1, {"kept": None}],
}
MEMBER: dict[str, Any] = {
    "type": "m.room.member",
    "state_key": "@alice:example.org",
    "content": {"membership": "join"},
    "event_id": "$2",
    "sender": "@alice:example.org",
    "unsigned": {"prev_content": {"membership": "invite"}},
}


def read(document: dict[str, Any], **changes: Any) -> Event:
    return Event.from_json(json.dumps({**document, **changes}).encode())


def with_content(content: bytes) -> Event:
    return Event.from_json(b'{"type":"m.x","event_id":"$1","sender":"@a:b","content":' + content + b"}")


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize("road", ["json", "dict"])
def test_the_members_of_a_message(road: str) -> None:
    one = read(MESSAGE) if road == "json" else Event.from_dict(MESSAGE)
    assert one.type == "m.room.message"
    assert one.content == MESSAGE["content"]
    assert (one.event_id, one.sender, one.room_id) == ("$1", "@alice:example.org", "!room:example.org")
    assert one.origin_server_ts == 1_700_000_000_123
    assert one.unsigned == {"age": 5, "transaction_id": "m1"}
    assert (one.state_key, one.is_state, one.source) == (None, False, None)
    assert (one.body, one.message_type, one.transaction_id) == ("hello", "m.text", "m1")
    assert one.relates_to == {"rel_type": "m.thread", "event_id": "$0"}
    assert one.raw == MESSAGE


@pytest.mark.parametrize("state_key", ["", "@alice:example.org"])
def test_an_empty_state_key_is_a_state_key(state_key: str) -> None:
    one = read(MEMBER, state_key=state_key)
    assert (one.state_key, one.is_state) == (state_key, True)


def test_the_least_an_event_can_be() -> None:
    one = Event.from_json(b'{"type":"m.x"}')
    assert (one.content, one.unsigned, one.raw) == ({}, {}, {"type": "m.x"})
    assert (one.event_id, one.sender, one.room_id, one.origin_server_ts, one.state_key) == ("", "", "", 0, None)
    assert (one.body, one.message_type, one.relates_to, one.redacts, one.transaction_id) == (
        None,
        None,
        {},
        None,
        None,
    )


def test_the_room_an_event_came_in_counts_more_than_what_it_says() -> None:
    data = json.dumps(MESSAGE).encode()
    assert Event.from_json(data, "!other:example.org").room_id == "!other:example.org"
    assert Event.from_dict(MESSAGE, "!other:example.org").room_id == "!other:example.org"
    assert Event.from_json(data).room_id == "!room:example.org"


def test_the_source_is_kept() -> None:
    assert Event.from_json(b'{"type":"m.x"}', source=EventSource.TIMELINE).source is EventSource.TIMELINE
    assert Event.from_dict({"type": "m.x"}, source=EventSource.KNOCK).source is EventSource.KNOCK


def test_an_event_can_be_read_from_a_slice_of_a_document() -> None:
    slices = decode_shape(b'[ {"type":"m.a"} , {"type":"m.b","content":{"x":1}} ]', list[RawJSON])
    assert [Event.from_json(one).raw for one in slices] == [{"type": "m.a"}, {"type": "m.b", "content": {"x": 1}}]


@pytest.mark.parametrize("data", BROKEN_DOCUMENTS.values(), ids=BROKEN_DOCUMENTS)
def test_what_is_not_json_is_no_event(data: bytes) -> None:
    with pytest.raises(DecodeError):
        Event.from_json(data)
    if data:
        with pytest.raises(DecodeError):
            with_content(data + b"]}")


@pytest.mark.parametrize(
    "data",
    [b"[]", b"null", b'"x"', b"5", b"{}", b'{"content":{}}', b'{"type":5}', b'{"type":null}', b'{"type":"\\ud800"}'],
)
def test_what_is_no_object_with_a_type_is_no_event(data: bytes) -> None:
    with pytest.raises(DecodeError):
        Event.from_json(data)
    with pytest.raises(DecodeError):
        Event.from_dict(json.loads(data))


def test_a_state_key_that_is_no_text_makes_no_event() -> None:
    """Without it, it would be another event."""
    with pytest.raises(DecodeError):
        Event.from_json(b'{"type":"m.room.member","state_key":"\\ud800"}')


WRONG: list[Any] = [None, 5, 1.5, True, [], {}, ["x"], {"x": 1}]


@pytest.mark.parametrize("value", WRONG, ids=repr)
@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("event_id", ""),
        ("sender", ""),
        ("room_id", ""),
        ("origin_server_ts", 0),
        ("state_key", None),
        ("content", {}),
        ("unsigned", {}),
    ],
)
def test_a_member_of_the_wrong_type_takes_its_default(name: str, default: Any, value: Any) -> None:
    one = read(MESSAGE, **{name: value})
    is_right = (name, type(value)) in {("origin_server_ts", int), ("content", dict), ("unsigned", dict)}
    assert getattr(one, name) == (value if is_right else default)
    assert one.raw == {**MESSAGE, name: value}
    others = {"event_id", "sender", "room_id", "origin_server_ts", "state_key", "content", "unsigned"} - {name}
    assert {other: getattr(one, other) for other in others} == {
        other: MESSAGE.get(other) if other != "state_key" else None for other in others
    }


def test_the_dict_given_is_left_as_it_was() -> None:
    before = copy.deepcopy(MESSAGE)
    one = Event.from_dict(MESSAGE)
    assert (one.content, one.raw) == (MESSAGE["content"], MESSAGE)
    assert before == MESSAGE


@pytest.mark.parametrize("value", [float("nan"), object(), {1, 2}, b"x"], ids=["NaN", "object", "set", "bytes"])
def test_a_dict_that_is_not_json_is_no_event(value: Any) -> None:
    with pytest.raises(DecodeError):
        Event.from_dict({"type": "m.x", "content": {"a": value}})


# ------------------------------------------------------------------ poison

REFUSED = {
    *NOT_JSON,
    "NaN nested 900 deep",
    "lists nested 100,000 deep",
    "objects nested 100,000 deep",
}


@pytest.mark.parametrize("name", [name for name in POISON if name not in REFUSED])
def test_poison_in_the_content_keeps_the_event(name: str) -> None:
    one = with_content(b'{"body":"kept","poison":' + POISON[name] + b"}")
    assert (one.type, one.event_id, one.sender) == ("m.x", "$1", "@a:b")
    assert one.body == "kept"
    assert "poison" in one.content
    assert one.raw["event_id"] == "$1"
    assert one.raw["content"]["body"] == "kept"


@pytest.mark.parametrize("name", SOUND_BUT_STRANGE)
def test_strange_but_sound_content_comes_through(name: str) -> None:
    assert with_content(b'{"x":' + SOUND_BUT_STRANGE[name] + b"}").content == {
        "x": json.loads(SOUND_BUT_STRANGE[name])
    }


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_an_event_that_is_not_json_or_too_deep_is_refused_as_a_whole(name: str) -> None:
    with pytest.raises(DecodeError):
        with_content(b'{"x":' + POISON[name] + b"}")


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
@pytest.mark.parametrize("name", ["content", "unsigned", "sender", "event_id", "origin_server_ts", "unknown"])
def test_poison_anywhere_ends_in_an_event_or_a_decode_error(name: str, poison: bytes) -> None:
    data = b'{"type":"m.x","' + name.encode() + b'":' + poison + b"}"
    try:
        one = Event.from_json(data)
    except DecodeError:
        return
    assert one.type == one.raw["type"] == "m.x"
    assert isinstance(one.content, dict)
    assert isinstance(one.unsigned, dict)
    assert {one: 1}[copy.copy(one)] == 1
    assert loads_tolerant(one.json)["type"] == "m.x"


def test_bytes_that_are_not_utf_8_become_replacement_characters() -> None:
    assert with_content(b'{"body":"caf\xe9"}').body == "caf\ufffd"


def test_numbers_that_nothing_holds_become_none() -> None:
    one = with_content(b'{"body":"kept","a":[1e400,{"b":' + b"9" * 5000 + b"}]}")
    assert one.content == {"body": "kept", "a": [None, {"b": None}]}


def test_integers_of_any_sensible_size_are_kept() -> None:
    assert with_content(b'{"x":18446744073709551617}').content == {"x": 2**64 + 1}


def test_the_last_of_duplicate_keys_counts_everywhere() -> None:
    one = Event.from_json(b'{"type":"m.a","type":"m.b","content":{"x":1},"content":{"x":2}}')
    assert (one.type, one.content, one.raw) == ("m.b", {"x": 2}, {"type": "m.b", "content": {"x": 2}})


# ------------------------------------------------------------------ lazily


def test_content_is_decoded_at_the_first_look_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []
    real = event._lazily

    def counting(data: bytes) -> Any:
        decoded.append(data)
        return real(data)

    monkeypatch.setattr(event, "_lazily", counting)
    one = read(MESSAGE)
    assert (one.type, one.sender, repr(one)) != ("", "", "")
    assert decoded == []
    assert one.content is one.content
    assert len(decoded) == 1
    assert one.unsigned is one.unsigned
    assert len(decoded) == 2


# ------------------------------------------------------------------ what people ask


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_a_body_is_text_or_none(value: Any) -> None:
    one = read(MESSAGE, content={"body": value, "msgtype": value, "m.relates_to": value})
    assert (one.body, one.message_type) == (None, None)
    assert one.relates_to == (value if isinstance(value, dict) else {})


@pytest.mark.parametrize(
    ("members", "redacts"),
    [
        ({"redacts": "$9"}, "$9"),
        ({"content": {"redacts": "$9"}}, "$9"),
        ({"redacts": "$8", "content": {"redacts": "$9"}}, "$8"),
        ({"redacts": 5}, None),
        ({"content": {"redacts": ["$9"]}}, None),
        ({}, None),
    ],
)
def test_what_is_redacted_stands_in_one_of_two_places(members: dict[str, Any], redacts: str | None) -> None:
    assert read({"type": "m.room.redaction"}, **members).redacts == redacts


@pytest.mark.parametrize(
    ("members", "before"),
    [
        ({"unsigned": {"prev_content": {"a": 1}}}, {"a": 1}),
        ({"prev_content": {"a": 2}}, {"a": 2}),
        ({"unsigned": {"prev_content": {"a": 1}}, "prev_content": {"a": 2}}, {"a": 1}),
        ({"unsigned": {"prev_content": [1]}}, {}),
        ({}, {}),
    ],
)
def test_what_a_state_event_replaced(members: dict[str, Any], before: dict[str, Any]) -> None:
    assert read({"type": "m.room.name", "state_key": ""}, **members).prev_content == before


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_a_transaction_id_is_text_or_none(value: Any) -> None:
    assert read(MESSAGE, unsigned={"transaction_id": value}).transaction_id is None


@pytest.mark.parametrize(
    ("stamp", "moment"),
    [
        (1_700_000_000_123, datetime(2023, 11, 14, 22, 13, 20, 123_000, timezone.utc)),
        (0, datetime(1970, 1, 1, tzinfo=timezone.utc)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 999_000, timezone.utc)),
        (2**53, None),
        (-(2**53), None),
        (2**63, None),
        (-(2**63), None),
        (10**399, None),
    ],
)
def test_when_it_was_sent_is_aware_or_none(stamp: int, moment: datetime | None) -> None:
    one = read(MESSAGE, origin_server_ts=stamp)
    assert one.origin_server_ts == stamp
    assert one.sent_at == moment
    assert one.sent_at is None or one.sent_at.utcoffset() is not None


# ------------------------------------------------------------------ whole again


def test_the_json_is_what_was_received() -> None:
    data = b' {"type" : "m.x", "b":1, "a":2} '
    assert Event.from_json(data).json == data


def test_an_event_made_by_hand_has_json_too() -> None:
    one = Event("m.x", {"a": "\ud800"}, "$1", "@a:b", 5, "", "!r:b", {"age": 1})
    expected = {
        "type": "m.x",
        "content": {"a": "\ud800"},
        "event_id": "$1",
        "sender": "@a:b",
        "origin_server_ts": 5,
        "state_key": "",
        "room_id": "!r:b",
        "unsigned": {"age": 1},
    }
    assert one.raw == expected
    assert json.loads(one.json) == expected
    assert Event.from_json(one.json) == one


def test_the_least_event_made_by_hand() -> None:
    assert Event("m.x").raw == {"type": "m.x", "content": {}}


def test_the_json_of_a_repaired_event_can_be_stored_as_ascii() -> None:
    one = Event.from_json(b'{"type":"m.x","sender":5,"content":{"body":"\\ud800\xff"}}')
    assert one.json.isascii()
    assert one.raw == {"type": "m.x", "sender": 5, "content": {"body": "\ud800\ufffd"}}


# ------------------------------------------------------------------ as a value


def test_events_are_equal_where_room_and_json_are() -> None:
    one = read(MESSAGE)
    assert one == Event.from_dict(MESSAGE)
    assert one == Event.from_json(json.dumps(dict(reversed(MESSAGE.items())), indent=1).encode())
    assert one != read(MESSAGE, content={})
    assert one != read(MESSAGE, unsigned={})
    assert one != Event.from_json(json.dumps(MESSAGE).encode(), "!other:example.org")
    assert one != MESSAGE


def test_equal_events_have_equal_hashes() -> None:
    assert len({read(MESSAGE), Event.from_dict(MESSAGE), read(MEMBER)}) == 2


def test_the_repr_names_the_event_and_shows_no_content() -> None:
    assert repr(read(MESSAGE)) == "<Event m.room.message $1 from @alice:example.org in !room:example.org>"
    assert repr(read(MEMBER)) == "<Event m.room.member ['@alice:example.org'] $2 from @alice:example.org>"
    one = read(MESSAGE, content={"body": "hidden"}, unsigned={"x": "hidden"}, new="hidden")
    assert one.body == "hidden"
    assert "hidden" not in repr(one)


@pytest.mark.parametrize("is_looked_at", [False, True])
def test_events_can_be_pickled_and_copied(is_looked_at: bool) -> None:
    one = Event.from_json(json.dumps(MESSAGE).encode(), "!x:y", EventSource.TIMELINE)
    if is_looked_at:
        assert one.content
    for again in (
        pickle.loads(pickle.dumps(one)),  # noqa: S301 - our own bytes
        copy.copy(one),
        copy.deepcopy(one),
    ):
        assert again == one
        assert (again.content, again.source) == (MESSAGE["content"], EventSource.TIMELINE)


@pytest.mark.parametrize("key", ["__class__", "__init__", "_json", "content", "json", "raw"])
def test_a_servers_keys_never_become_attributes(key: str) -> None:
    one = Event.from_json(b'{"type":"m.x","' + key.encode() + b'":{"planted":1}}')
    assert type(one) is Event
    assert one.type == "m.x"
    assert one.raw[key] == {"planted": 1}
    assert isinstance(one.json, bytes)
