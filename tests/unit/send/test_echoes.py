"""Local and remote echo: what is shown at once, and how it is known again."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from gomatrix_py import Event
from gomatrix_py.codec import dumps
from gomatrix_py.send.echoes import echoes_in, is_same_event, local_echo
from gomatrix_py.store.outbox import OutboxKind, OutboxRow, OutboxState

ROOM, ALICE, BOB = "!a:hs", "@alice:hs", "@bob:hs"


def row(**fields: Any) -> OutboxRow:
    return OutboxRow(ROOM, "m.room.message", b'{"body": "hello"}', "t1", created_ts=1_700_000_000_000, **fields)


def remote(event_id: str, txn_id: str | None = None, sender: str = ALICE, room_id: str = ROOM) -> Event:
    unsigned = {} if txn_id is None else {"transaction_id": txn_id}
    return Event("m.room.message", {"body": "hello"}, event_id, sender, 0, room_id=room_id, unsigned=unsigned)


def test_a_local_echo_is_the_event_without_its_id() -> None:
    event = local_echo(row(), ALICE)
    assert event is not None
    assert (event.type, event.body, event.event_id, event.sender) == ("m.room.message", "hello", "", ALICE)
    assert (event.room_id, event.transaction_id, event.origin_server_ts) == (ROOM, "t1", 1_700_000_000_000)


def test_who_an_application_service_acts_as_is_the_sender() -> None:
    event = local_echo(row(sender=BOB), ALICE)
    assert event is not None
    assert event.sender == BOB


@pytest.mark.parametrize(
    "other",
    [
        row(kind=OutboxKind.REDACTION),
        row(kind=OutboxKind.UPLOAD),
        attrs.evolve(row(), content=b"", state=OutboxState.SENT),
        attrs.evolve(row(), content=b"no JSON"),
    ],
)
def test_what_is_no_message_event_has_no_local_echo(other: OutboxRow) -> None:
    assert local_echo(other, ALICE) is None


def test_a_content_that_is_no_object_does_no_harm() -> None:
    event = local_echo(attrs.evolve(row(), content=b"[1]"), ALICE)
    assert event is not None
    assert event.content == {}


def test_local_and_remote_echo_are_one() -> None:
    local = local_echo(row(), ALICE)
    assert local is not None
    assert is_same_event(local, remote("$1", "t1"))
    assert is_same_event(remote("$1", "t1"), local)
    assert is_same_event(local, local)


def test_what_merely_looks_alike_is_not_one() -> None:
    local = local_echo(row(), ALICE)
    assert local is not None
    for other in (remote("$1", "t2"), remote("$1"), remote("$1", "t1", room_id="!b:hs")):
        assert not is_same_event(local, other)
    # transaction ids may be used again by another device; ids count where both have one
    assert not is_same_event(remote("$1", "t1"), remote("$2", "t1"))
    assert is_same_event(remote("$1"), remote("$1", "t1"))
    assert not is_same_event(remote(""), remote(""))


def array(*events: Event) -> bytes:
    return b"[" + b",".join(event.json for event in events) + b"]"


def test_our_own_echoes_are_found() -> None:
    timeline = array(remote("$0"), remote("$1", "t1"), remote("$2", "t2", sender=BOB), remote("$3", "t3"))
    assert list(echoes_in(timeline, ALICE)) == [("t1", "$1"), ("t3", "$3")]


@pytest.mark.parametrize(
    "timeline", [b"[]", b"null", b"{}", b'["transaction_id"]', b'[{"transaction_id":1}]', b"[7,", b""]
)
def test_what_is_no_echo_is_passed_over(timeline: bytes) -> None:
    assert list(echoes_in(timeline, ALICE)) == []


@pytest.mark.parametrize("txn_id", [None, 7, [], {}, ""])
def test_odd_transaction_ids_are_none(txn_id: object) -> None:
    event = {"type": "m.x", "event_id": "$1", "sender": ALICE, "content": {}, "unsigned": {"transaction_id": txn_id}}
    assert list(echoes_in(dumps([event]), ALICE)) == []


def test_nothing_is_decoded_where_no_transaction_id_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> list[Event]:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("gomatrix_py.send.echoes.sound_events", refuse)
    assert list(echoes_in(array(remote("$0")), ALICE)) == []
    with pytest.raises(AssertionError, match="decoded"):
        list(echoes_in(array(remote("$0", "t1")), ALICE))
