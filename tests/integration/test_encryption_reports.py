"""Every way of sending says how what was sent was encrypted; on a real homeserver."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Crypto, CryptoClient, SQLiteStore
from gomatrix_py.client.in_room import InRoom
from gomatrix_py.client.room_handle import RoomHandle
from gomatrix_py.crypto.sharing import EncryptionReport
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.errors import EncryptionRequired, TransportError
from gomatrix_py.http.retry import RetryPolicy
from gomatrix_py.testing import DevServer
from tests.kit.encrypting import encrypted_room, person
from tests.kit.key_server import KEY

BLIND = Crypto(trust=BlindTrust())
TEXT = {"msgtype": "m.text", "body": "hi"}

# name of the method -> what is sent, given the client or the room's handle, the arguments that name a room or not,
# an event that was sent before, and a poll
Way = Callable[[Any, tuple[str, ...], str, str], Any]
WAYS: dict[str, Way] = {
    "send_text": lambda by, room, event, poll: by.send_text(*room, "hi"),
    "send_notice": lambda by, room, event, poll: by.send_notice(*room, "hi"),
    "send_emote": lambda by, room, event, poll: by.send_emote(*room, "waves"),
    "send_html": lambda by, room, event, poll: by.send_html(*room, "<b>hi</b>"),
    "send_markdown": lambda by, room, event, poll: by.send_markdown(*room, "**hi**"),
    "send_formatted_text": lambda by, room, event, poll: by.send_formatted_text(*room, "hi", "<b>hi</b>"),
    "send_location": lambda by, room, event, poll: by.send_location(*room, "geo:1,2"),
    "send_sticker": lambda by, room, event, poll: by.send_sticker(*room, "hi", "mxc://hs/sticker"),
    "send_message": lambda by, room, event, poll: by.send_message(*room, TEXT),
    "send_message_event": lambda by, room, event, poll: by.send_message_event(*room, "org.example.x", {}),
    "send_attachment": lambda by, room, event, poll: by.send_attachment(*room, b"data", filename="a.bin"),
    "send_file": lambda by, room, event, poll: by.send_file(*room, b"data", filename="a.bin"),
    "send_image": lambda by, room, event, poll: by.send_image(*room, b"data", filename="a.png"),
    "send_audio": lambda by, room, event, poll: by.send_audio(*room, b"data", filename="a.ogg"),
    "send_video": lambda by, room, event, poll: by.send_video(*room, b"data", filename="a.mp4"),
    "send_voice": lambda by, room, event, poll: by.send_voice(*room, b"data", filename="a.ogg", duration=1000),
    "reply": lambda by, room, event, poll: by.reply(event, "hi", **of(room)),
    "edit": lambda by, room, event, poll: by.edit(event, "hi again", **of(room)),
    "start_poll": lambda by, room, event, poll: by.start_poll(*room, "which?", ["this", "that"]),
    "vote_in_poll": lambda by, room, event, poll: by.vote_in_poll(poll, ["0"], **of(room)),
    "end_poll": lambda by, room, event, poll: by.end_poll(poll, **of(room)),
}
# reactions and redactions go in the clear, as everybody's do; state always does
IN_PLAIN = {"react", "redact", "redact_event", "unreact", "send_state_event", "set_room_avatar"}
REFUSED = {"send_sticky_event"}


def of(room: tuple[str, ...]) -> dict[str, str]:
    return {"room_id": room[0]} if room else {}


@pytest.fixture(scope="module")
def alice(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "alice", crypto=BLIND) as client:
        yield client


@pytest.fixture(scope="module")
def bob(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "bob", crypto=BLIND) as client:
        yield client


@pytest.fixture(scope="module")
def room_id(alice: CryptoClient, bob: CryptoClient) -> str:
    return encrypted_room(alice, bob)


@pytest.fixture(scope="module")
def event_id(alice: CryptoClient, room_id: str) -> str:
    return alice.send_text(room_id, "first").event_id


@pytest.fixture(scope="module")
def poll_id(alice: CryptoClient, room_id: str) -> str:
    return alice.start_poll(room_id, "which?", ["this", "that"]).event_id


def senders(of_class: type) -> set[str]:
    """Return the names of all methods that return the id of an event, or several."""
    found = set()
    for name, value in inspect.getmembers(of_class, callable):
        if not name.startswith("_") and "RespSendEvent" in str(inspect.signature(value).return_annotation):
            found.add(name)
    return found


def test_no_way_of_sending_is_left_out() -> None:
    assert senders(CryptoClient) == WAYS.keys() | IN_PLAIN | REFUSED
    of_rooms = {name for name, value in inspect.getmembers(RoomHandle) if isinstance(value, InRoom)}
    assert "send_text" in of_rooms | senders(RoomHandle)


@pytest.mark.parametrize("name", WAYS)
def test_of_the_client(alice: CryptoClient, room_id: str, event_id: str, poll_id: str, name: str) -> None:
    check(alice, room_id, WAYS[name](alice, (room_id,), event_id, poll_id))


@pytest.mark.parametrize("name", [name for name in WAYS if hasattr(RoomHandle, name)])
def test_of_a_room(alice: CryptoClient, room_id: str, event_id: str, poll_id: str, name: str) -> None:
    check(alice, room_id, WAYS[name](alice.room(room_id), (), event_id, poll_id))


def check(alice: CryptoClient, room_id: str, answer: Any) -> None:
    report = answer.encryption
    assert isinstance(report, EncryptionReport)
    with alice.engine.step() as step:
        assert alice.engine.inbound.known(step, room_id, report.session_id) is not None
    assert alice.get_event(room_id, answer.event_id).encryption is not None


def test_what_goes_in_the_clear_says_so(alice: CryptoClient, room_id: str) -> None:
    sent = alice.send_text(room_id, "to react to").event_id
    plain = [
        alice.react(sent, "👍", room_id=room_id),
        *alice.unreact(sent, "👍", room_id=room_id),
        alice.send_state_event(room_id, "m.room.topic", "", {"topic": "plain"}),
        alice.redact(sent, room_id=room_id),
    ]
    assert [answer.encryption for answer in plain] == [None] * 4
    with pytest.raises(EncryptionRequired):
        alice.send_sticky_event(room_id, "org.example.hand", {}, 1000)


# ------------------------------------------------------------------ queued


def test_of_what_was_queued(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id = encrypted_room(alice, bob)
    rows = [alice.queue_text(room_id, str(number)) for number in range(3)]
    assert [alice.encryption_report(row) for row in rows] == [None] * 3
    flushed = alice.outbox.flush()
    reports = [alice.encryption_report(row) for row in flushed.sent]
    assert len(reports) == 3
    assert len({report.session_id for report in reports if report is not None}) == 1
    assert [len(report.shared_with) for report in reports if report is not None] == [1, 0, 0]


def test_of_what_an_earlier_one_in_the_queue_was(alice: CryptoClient, bob: CryptoClient) -> None:
    """What is sent now takes what waits along, and each has its own report."""
    room_id = encrypted_room(alice, bob)
    row = alice.queue_text(room_id, "waits")
    sent = alice.send_text(room_id, "now").encryption
    before = alice.encryption_report(row)
    assert before is not None
    assert (len(before.shared_with), len(sent.shared_with)) == (1, 0)
    assert before.session_id == sent.session_id


def test_of_what_an_earlier_process_encrypted(
    matrix_server: DevServer, bob: CryptoClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crypto, path = Crypto(key=KEY, trust=BlindTrust()), tmp_path / "store"
    never = RetryPolicy.never()
    with person(matrix_server, "carol", crypto=crypto, store=SQLiteStore(path), retry=never) as carol:
        room_id = encrypted_room(carol, bob)
        session_id = carol.send_text(room_id, "before").encryption.session_id
        user_id, token, device_id = carol.user_id, carol.access_token, carol.device_id
        transmit = carol.call

        def lost(endpoint: Any, **options: Any) -> Any:
            if type(endpoint).__name__ == "SendMessageEvent":
                raise TransportError("the line is cut")
            return transmit(endpoint, **options)

        monkeypatch.setattr(carol, "call", lost)
        with pytest.raises(TransportError):
            carol.send_text(room_id, "lost?", txn_id="t1")
    with CryptoClient(
        matrix_server.url, user_id, token, crypto=crypto, store=SQLiteStore(path), device_id=device_id
    ) as again:
        report = again.send_text(room_id, "lost?", txn_id="t1").encryption
        assert (report.session_id, report.shared_with) == (session_id, ())


def test_they_are_not_kept_for_ever(alice: CryptoClient, room_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gomatrix_py.client.encryption.REPORTS", 3)
    rows = [alice.queue_text(room_id, str(number)) for number in range(5)]
    sent = alice.outbox.flush().sent
    assert len(sent) == len(rows)
    known = [alice.encryption_report(row) for row in sent]
    assert [report.session_id == "" for report in known if report is not None] == [True, True, False, False, False]
