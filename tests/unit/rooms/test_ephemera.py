"""Typing and receipts: read when somebody looks, the newest winning, whatever the server sends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from gomatrix_py.rooms import Receipt
from gomatrix_py.rooms import ephemera as module
from gomatrix_py.rooms.ephemera import RoomEphemera, read_ephemera
from gomatrix_py.testing.conformance.room_news import receipts_json, typing_json
from tests.kit.poison import POISON

A, B = "@a:example.org", "@b:example.org"


def array(*events: bytes) -> bytes:
    return b"[" + b",".join(events) + b"]"


def read(event_id: str, user_id: str = A, **data: Any) -> bytes:
    return receipts_json({event_id: {"m.read": {user_id: {"ts": 1, **data}}}})


# ------------------------------------------------------------------ reading


def test_kinds_and_threads_are_told_apart() -> None:
    content = {
        "$1": {"m.read": {A: {"ts": 1}, B: {"ts": 2, "thread_id": "main"}}, "m.read.private": {A: {"ts": 3}}},
        "$2": {"m.read": {B: {"ts": 4, "thread_id": "$root"}}, "org.example.read": {A: {"ts": 9}}},
    }
    found = read_ephemera(receipts_json(content))
    assert found.typing is None
    assert found.receipts == [
        Receipt(A, "$1", 1),
        Receipt(B, "$1", 2, "main"),
        Receipt(A, "$1", 3, is_private=True),
        Receipt(B, "$2", 4, "$root"),
    ]


def test_of_two_in_one_answer_the_later_stamp_comes_last() -> None:
    found = read_ephemera(receipts_json({"$new": {"m.read": {A: {"ts": 9}}}, "$old": {"m.read": {A: {"ts": 8}}}}))
    assert [one.event_id for one in found.receipts] == ["$old", "$new"]


@pytest.mark.parametrize("strictly", [True, False])
def test_both_roads_read_the_same(strictly: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    data = array(typing_json(A, B), read("$1", thread_id="$r")[1:-1], b'{"type":"org.example.x"}')
    if not strictly:
        monkeypatch.setattr(
            module, "_heads", lambda _: (_ for _ in ()).throw(UnicodeDecodeError("x", b"", 0, 1, "x"))
        )
    assert read_ephemera(data) == ([Receipt(A, "$1", 1, "$r")], (A, B))


@pytest.mark.parametrize("ts", [-1, 2**53, 2**63, -(2**63), 10**30, 1.5, True, "1", None])
def test_a_stamp_that_is_none_counts_as_unknown(ts: Any) -> None:
    (receipt,) = read_ephemera(read("$1", ts=ts)).receipts
    assert receipt == Receipt(A, "$1", 0)


@pytest.mark.parametrize("poison", POISON.values(), ids=list(POISON))
def test_poison_beside_a_receipt_keeps_it_not_out(poison: bytes) -> None:
    whole = array(b'{"type":"m.receipt","content":{"$p":{"m.read":{"@p":' + poison + b"}}}}", read("$1")[1:-1])
    found = read_ephemera(whole)
    assert all(one.user_id.encode() and 0 <= one.ts < 2**53 for one in found.receipts)
    if json_like(whole):
        assert Receipt(A, "$1", 1) in found.receipts


def json_like(data: bytes) -> bool:
    try:
        json.loads(data.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return False
    return True


@pytest.mark.parametrize("data", [b"", b"7", b"{}", b"[", b"[7,null,{}]", b'[{"type":"m.typing"}]', b"\xff"])
def test_what_is_no_list_of_events_says_nothing(data: bytes) -> None:
    assert read_ephemera(data) == ([], None)


# ------------------------------------------------------------------ one room


def test_nothing_is_decoded_until_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bytes] = []

    def look(data: bytes) -> module.Ephemera:
        looked.append(data)
        return read_ephemera(data)

    monkeypatch.setattr(module, "read_ephemera", look)
    room = RoomEphemera("!r")
    for number in range(30):
        room.put_unread(array(typing_json(A)))
        room.put_unread(read(f"${number}"))
    assert looked == []
    assert room.receipts.all() == [Receipt(A, "$29", 1)]
    looked.clear()
    assert room.typing == (A,)
    assert looked == []


def test_what_is_not_looked_at_does_not_pile_up() -> None:
    room = RoomEphemera("!r")
    for number in range(1000):
        room.put_unread(read(f"${number}"))
        room.put_unread(array(typing_json(A)))
    assert len(room._unread) <= module.MAX_UNREAD + 1
    assert room.receipts.all() == [Receipt(A, "$999", 1)]


@pytest.mark.parametrize(
    "arrays",
    [
        [array(typing_json(A)), array(typing_json(B))],
        [array(typing_json(A)), array(typing_json(B), read("$1")[1:-1])],
        [array(typing_json(A), read("$1")[1:-1]), array(typing_json(B))],
        [array(typing_json(A)), read("$1"), array(typing_json(B)), read("$2")],
        [array(typing_json(B)), read("$1")],
        [array(typing_json(B)), array(b'{"type":"org.example.x","content":{}}')],
        [array(typing_json(A)), array(typing_json(B).replace(b"m.typing", rb"m\u002etyping"))],
        [array(typing_json(A).replace(b"m.typing", rb"m\u002etyping")), array(typing_json(B))],
    ],
)
def test_the_last_word_on_typing_counts(arrays: list[bytes]) -> None:
    room = RoomEphemera("!r")
    for one in arrays:
        room.put_unread(one)
    assert room.typing == (B,)


def test_nobody_types_when_we_are_gone() -> None:
    for data in (array(typing_json(A)), array(typing_json(A), read("$1")[1:-1])):
        room = RoomEphemera("!r")
        room.put_unread(data)
        room.nobody_types()
        assert room.typing == ()


class Source:
    def __init__(self) -> None:
        self.asked = 0
        self.receipts = [Receipt(A, "$stored", 5)]

    def receipts_of(self, room_id: str) -> list[Receipt]:
        self.asked += 1
        return self.receipts

    def typing_in(self, room_id: str) -> Sequence[str]:
        return [B]


def test_a_source_is_asked_once_at_the_first_look() -> None:
    source = Source()
    room = RoomEphemera("!r", source)
    room.put_unread(read("$known to the source"))
    assert source.asked == 0
    assert room.receipts.all() == [Receipt(A, "$stored", 5)]
    room.put_unread(read("$later"))
    assert (room.receipts.all(), room.typing) == ([Receipt(A, "$later", 1)], (B,))
    assert source.asked == 1
    room.read_again()
    assert (room.receipts.all(), source.asked) == ([Receipt(A, "$stored", 5)], 2)
