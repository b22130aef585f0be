"""Bad answers to /sync: the next good one is processed, and what is good in a bad one is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gomatrix_py import Client, InMemoryStore, Storer
from gomatrix_py.errors import (
    DecodeError,
    Forbidden,
    HTTPError,
    ServerError,
    TransportError,
)
from tests.kit.recorder import Recorder
from tests.kit.scripted_client import Impatient, make_client, sinces
from tests.kit.scripted_homeserver import (
    ROOM,
    USER,
    Cut,
    Reply,
    ScriptedHomeserver,
    joined,
    message,
    state,
    sync_answer,
)

# ------------------------------------------------------------------ a handful of trouble, then good news

GZIP_CUT = bytes.fromhex("1f8b08000000000000ffab56ca4b2c29")

TROUBLE: dict[str, tuple[Any, type[Exception]]] = {
    "no JSON": (Reply(body=b"<html>welcome</html>"), DecodeError),
    "nothing": (Reply(body=b""), DecodeError),
    "half a document": (Reply(body=b'{"next_batch": "s9", "rooms": {"join": {'), DecodeError),
    "a list": (Reply(body=b"[]"), DecodeError),
    "null": (Reply(body=b"null"), DecodeError),
    "no position": ({}, DecodeError),
    "an empty position": ({"next_batch": ""}, DecodeError),
    "a position of the wrong type": ({"next_batch": 7}, DecodeError),
    "nested without end": (Reply(body=b'{"next_batch": "s9", "x": ' + b"[" * 100_000), DecodeError),
    "UTF-16": (Reply(body='{"next_batch": "s9"}'.encode("utf-16")), DecodeError),
    "gzip that breaks off": (Reply(body=GZIP_CUT, headers={"Content-Encoding": "gzip"}), TransportError),
    "gzip that is none": (Reply(body=b"plain", headers={"Content-Encoding": "gzip"}), TransportError),
    "too large": (Reply(headers={"Content-Length": str(600 * 1024 * 1024)}), TransportError),
    "a proxy's error page": (Reply(502, b"<html>bad gateway</html>"), ServerError),
    "an error without a code": (Reply(500, {}), ServerError),
    "an error that is no object": (Reply(400, b"[]"), HTTPError),
    "a limit": (Reply(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1}), HTTPError),
    "forbidden": (Reply(403, {"errcode": "M_FORBIDDEN"}), Forbidden),
    "a redirect": (Reply(302, headers={"Location": "https://elsewhere.example/"}), TransportError),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_the_next_good_answer_is_processed(
    server: ScriptedHomeserver, client: Client, syncer: Impatient, heard: Recorder, trouble: str
) -> None:
    answer, kind = TROUBLE[trouble]
    server.will_answer(sync_answer("s1"), answer, answer, sync_answer("s2", joined(message("$1"))))
    with client.start_sync() as handle:
        heard.wait_for_bodies("$1")
        server.wait_for("/sync", 5)
        assert handle.is_healthy
    assert sinces(server)[1:] == ["s1", "s1", "s1", "s2"]
    assert [isinstance(error, kind) for _, error in syncer.failures] == [True, True]
    assert heard.bodies == ["$1"]


def test_an_answer_cut_short_is_asked_for_again(
    server: ScriptedHomeserver, client: Client, syncer: Impatient, heard: Recorder
) -> None:
    """Were its start taken for the whole, the rest would be lost for good."""

    whole = sync_answer("s2", joined(message("$1"), message("$2")))
    server.will_answer(sync_answer("s1"), Cut(body=whole, missing=1), whole)
    with client.start_sync():
        heard.wait_for_bodies("$1", "$2")
    assert len(syncer.failures) == 1
    assert heard.bodies == ["$1", "$2"]


# ------------------------------------------------------------------ answers that are wrong in places

NAN = b'{"type":"m.room.message","event_id":"$nan","content":{"body":"x","n":NaN}}'
DEEP = b'{"type":"m.room.message","event_id":"$deep","content":{"x":' + b"[" * 900 + b"]" * 900 + b"}}"
TOO_DEEP = b'{"type":"m.room.message","event_id":"$deeper","content":{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}}"
SURROGATE = b'{"type":"m.room.message","event_id":"$surrogate","content":{"body":"\\ud800"}}'
HUGE_NUMBER = b'{"type":"m.room.message","event_id":"$huge","origin_server_ts":1' + b"0" * 30 + b',"content":{}}'
TWICE_A_KEY = b'{"type":"m.room.message","type":"m.room.message","event_id":"$twice","content":{}}'
NOT_UTF8 = b'{"type":"m.room.message","event_id":"$utf8","content":{"body":"\xff"}}'
OWN_JOIN = (
    b'{"type":"m.room.member","state_key":"@alice:scripted","event_id":"$own","sender":"@alice:scripted",'
    b'"content":{"membership":"join","reason":"\\ud800"}}'
)

DAMAGE: dict[str, bytes] = {
    "a number": b"7",
    "null": b"null",
    "a text": b'"$1"',
    "a list": b"[]",
    "an empty object": b"{}",
    "a type that is a number": b'{"type": 7, "event_id": "$7", "content": {}}',
    "a state key that is a list": b'{"type": "com.example", "state_key": [], "event_id": "$k", "content": {}}',
    "an id that is a number": b'{"type": "m.room.message", "event_id": 7, "content": {}}',
    "an empty id": b'{"type": "m.room.message", "event_id": "", "content": {}}',
    "an id of two dots": b'{"type": "m.room.message", "event_id": "..", "content": {}}',
    "an endless id": b'{"type": "m.room.message", "event_id": "$' + b"x" * 5000 + b'", "content": {}}',
    "content that is a list": b'{"type": "m.room.message", "event_id": "$c", "content": []}',
    "no content": b'{"type": "m.room.message", "event_id": "$n"}',
    "NaN": NAN,
    "deep nesting": DEEP,
    "nesting without end": TOO_DEEP,
    "a lone surrogate": SURROGATE,
    "a number past 2^63": HUGE_NUMBER,
    "a key twice": TWICE_A_KEY,
    "bytes that are not UTF-8": NOT_UTF8,
    "an own membership with a lone surrogate": OWN_JOIN,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_event_in_a_timeline_keeps_nothing_else_back(
    server: ScriptedHomeserver, any_store: Storer, damage: str
) -> None:
    _deliver_around(server, any_store, "timeline", DAMAGE[damage])


@pytest.mark.parametrize("place", ["state", "ephemeral", "account_data"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_event_elsewhere_keeps_nothing_else_back(
    server: ScriptedHomeserver, damage: str, place: str
) -> None:
    _deliver_around(server, InMemoryStore(), place, DAMAGE[damage])


def _deliver_around(server: ScriptedHomeserver, store: Storer, place: str, damage: bytes) -> None:
    """Sync an answer with something damaged between two good events, and look for all else."""
    before, after = state("m.room.topic", {"topic": "before"}), state("m.room.name", {"name": "after"})
    if place == "ephemeral":
        before, after = {"type": "m.typing", "content": {}}, {"type": "m.receipt", "content": {}}
    answer = sync_answer(
        "s2", joined(message("$1"), prev_batch="p", **{place: {"events": [before, "DAMAGE", after]}})
    )
    if place == "timeline":
        answer = sync_answer("s2", joined(message("$1"), before, "DAMAGE", after, message("$2")))  # type: ignore[arg-type]
    body = json.dumps(answer).encode().replace(b'"DAMAGE"', damage)
    server.will_answer(sync_answer("s1", joined()), body, sync_answer("s3", joined(message("$3"))))
    heard = Recorder()
    syncer = Impatient()
    syncer.on_event(heard)
    with make_client(server, store=store, syncer=syncer) as client:
        for _ in range(3):
            client.sync_once()
        assert client.store.load_next_batch(USER) == "s3"
        types = [event.type for event in heard.events]
        assert types.count(str(before["type"])) == types.count(str(after["type"])) == 1
        expected = {"$1", "$3"} | ({"$2"} if place == "timeline" else set())
        assert expected <= set(heard.ids)
        if place in ("timeline", "state"):
            assert client.load_room(ROOM).topic == "before"
            assert client.load_room(ROOM).name == "after"


WRONG_PLACES: dict[str, Any] = {
    "rooms": {"rooms": []},
    "join": {"rooms": {"join": 7}},
    "a room": {"rooms": {"join": {ROOM: [], "!good:scripted": joined(message("$good"))}}},
    "a timeline": {"rooms": {"join": {ROOM: {"timeline": "x"}, "!good:scripted": joined(message("$good"))}}},
    "events": {"rooms": {"join": {ROOM: {"timeline": {"events": {}}}, "!good:scripted": joined(message("$good"))}}},
    "limited": {"rooms": {"join": {ROOM: {"timeline": {"limited": "yes", "prev_batch": 7, "events": []}}}}},
    "a summary": {"rooms": {"join": {ROOM: {"summary": "x", "unread_notifications": 7}}}},
    "an invite": {"rooms": {"invite": {ROOM: {"invite_state": {"events": 7}}}}},
    "presence": {"presence": [], "to_device": {"events": "x"}, "account_data": 7},
    "devices": {"device_lists": {"changed": 7}, "device_one_time_keys_count": [], "x": {"unknown": 1}},
}


@pytest.mark.parametrize("place", WRONG_PLACES)
def test_wrong_types_leave_out_what_they_spoil(
    server: ScriptedHomeserver, client: Client, heard: Recorder, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = {"next_batch": "s2", **WRONG_PLACES[place]}
    server.will_answer(sync_answer("s1"), wrong, sync_answer("s3", joined(message("$3"))))
    for _ in range(3):
        client.sync_once()
    assert client.store.load_next_batch(USER) == "s3"
    assert heard.bodies == (["$good", "$3"] if "$good" in str(wrong) else ["$3"])


def test_ids_of_any_kind_are_only_names(server: ScriptedHomeserver, any_store: Storer) -> None:
    odd = ["!", "..", "!a/b?c#d%e:x", "!" + "y" * 300, "!ü☕", "'; DROP TABLE room; --", "!no-domain"]
    rooms = {room_id: joined(message(f"${number}", room_id)) for number, room_id in enumerate(odd)}
    server.will_answer(sync_answer("s1"), {"next_batch": "s2", "rooms": {"join": rooms}}, sync_answer("s3"))
    heard = Recorder()
    syncer = Impatient()
    syncer.on_event_type("m.room.message", heard)
    with make_client(server, store=any_store, syncer=syncer) as client:
        for _ in range(3):
            client.sync_once()
        assert [event.room_id for event in heard.events] == odd
        assert [client.load_room(room_id).membership for room_id in odd] == ["join"] * len(odd)
