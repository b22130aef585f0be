"""What waits to be sent to devices does not grow for ever, and no room key is lost for that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from gomatrix_py.api.to_device import SendToDevice
from gomatrix_py.client.crypto_checkup import encryption_findings
from gomatrix_py.client.crypto_requests import CryptoRequests
from gomatrix_py.client.diagnosis import Level
from gomatrix_py.crypto import engine as engine_module
from gomatrix_py.crypto import key_asking, key_requests, olm, spaces, to_device_queue
from gomatrix_py.crypto.outbound import RoomSettings
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.errors import MissingRoomKey, ServerError
from gomatrix_py.events import Event
from tests.kit.key_devices import KeyDevice, verify
from tests.kit.key_server import KeyServer, Peer

ROOM, ALICE, BOB = "!room:hs", "@alice:hs", "@bob:hs"
BOTH = [ALICE, BOB]
MANY = 12


@pytest.fixture(autouse=True)
def _few_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(to_device_queue, "BATCHES", 3)


@pytest.fixture
def server() -> KeyServer:
    return KeyServer()


@pytest.fixture
def phone(server: KeyServer) -> KeyDevice:
    return KeyDevice(server, ALICE, "PHONE")


def waiting(peer: Peer) -> list[str]:
    """Return the types of what waits."""
    requests: list[Any] = [one.request for one in peer.engine.queued_messages()]
    return [one.event_type for one in requests]


def has_always_room(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (engine_module, key_asking, key_requests):
        monkeypatch.setattr(module, "has_room", lambda step: True)


def take(peer: Peer, *events: dict[str, Any]) -> None:
    """Let a device hear something, and send nothing."""
    send_all, peer.send_all = peer.send_all, lambda: None  # type: ignore[method-assign]
    peer.server.inboxes.setdefault(peer.me, []).extend(events)
    peer.sync()
    peer.send_all = send_all  # type: ignore[method-assign]


# ------------------------------------------------------------------ what others make us say


@pytest.fixture
def laptop(server: KeyServer, phone: KeyDevice) -> KeyDevice:
    laptop = KeyDevice(server, ALICE, "LAPTOP")
    verify(phone, laptop)
    return laptop


def unreadable(phone: KeyDevice, number: int) -> Event:
    content = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x", "session_id": f"session{number}"}
    return Event("m.room.encrypted", content, f"${number}", BOB, room_id=ROOM)


def ask_for_many(phone: KeyDevice) -> None:
    for number in range(MANY):
        with pytest.raises(MissingRoomKey):
            phone.engine.decrypt(unreadable(phone, number))


def test_events_nobody_can_read_make_us_ask_only_while_there_is_room(phone: KeyDevice, laptop: KeyDevice) -> None:
    ask_for_many(phone)
    assert waiting(phone) == ["m.room_key_request"] * 3
    with phone.engine.step() as step:
        assert len(phone.asking.asked(step)) == 3, "what was not asked for is not said to be"
    phone.send_all()
    assert waiting(phone) == []
    assert phone.ask(unreadable(phone, MANY - 1)) == ["LAPTOP"]


def test_without_a_limit_we_ask_for_all(phone: KeyDevice, laptop: KeyDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    has_always_room(monkeypatch)
    ask_for_many(phone)
    assert len(waiting(phone)) == MANY


def test_requests_for_keys_wait_for_room(server: KeyServer, phone: KeyDevice) -> None:
    events = [phone.say(f"!{number}:hs", [ALICE], f"said {number}") for number in range(MANY)]
    laptop = KeyDevice(server, ALICE, "LAPTOP")
    verify(phone, laptop)
    for event in events:
        laptop.ask(event)
    phone.take()
    phone.start_sessions()
    rounds = []
    while phone.active():
        with phone.engine.step() as step:
            answered = len(phone.requests.answer(step, phone.engine.own))
        assert answered > 0
        rounds.append(answered)
        phone.send_all()
        for event in events[len(rounds) :]:  # between the rounds others may ask as well
            laptop.ask(event)
    laptop.take()
    assert [laptop.read(event) for event in events] == [f"said {number}" for number in range(MANY)]


def test_an_answer_by_hand_waits_for_room(phone: KeyDevice, laptop: KeyDevice) -> None:
    phone.requests.is_automatic = False
    event = phone.say("!other:hs", [BOB], "not for all")
    laptop.ask(attrs.evolve(event, room_id="!other:hs"))
    phone.take()
    phone.start_sessions()
    ask_for_many(phone)
    (request,) = phone.active()
    with phone.engine.step() as step:
        assert not phone.requests.continue_key_share(step, phone.engine.own, request)
    assert waiting(phone) == ["m.room_key_request"] * 3
    phone.send_all()
    assert [one.request_id for one in phone.answer()] == [request.request_id]


def test_lost_sessions_are_healed_once_there_is_room(phone: KeyDevice, laptop: KeyDevice) -> None:
    phone.share(ROOM, [ALICE])
    laptop.sync()
    own = phone.engine.own
    ciphertext = {own.curve25519: {"type": 1, "body": "AwogZZZZ"}}
    garbled = {
        "algorithm": "m.olm.v1.curve25519-aes-sha2",
        "sender_key": laptop.engine.own.curve25519,
        "ciphertext": ciphertext,
    }
    ask_for_many(phone)
    take(phone, {"type": "m.room.encrypted", "sender": ALICE, "content": garbled})
    assert phone.engine.wedged_devices() == []
    phone.send_all()
    assert [device.device_id for device in phone.engine.wedged_devices()] == ["LAPTOP"]


def verification_request(number: int) -> dict[str, Any]:
    content = {
        "from_device": "LAPTOP",
        "methods": ["m.sas.v1"],
        "transaction_id": f"t{number}",
        "timestamp": 1_000_000_000,
    }
    start = {**content, "method": "m.sas.v1", "key_agreement_protocols": ["what is this"]}
    return {"type": "m.key.verification.start", "sender": ALICE, "content": start}


@pytest.mark.parametrize("is_limited", [True, False])
def test_verifications_fill_no_store(
    is_limited: bool, phone: KeyDevice, laptop: KeyDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_limited:
        has_always_room(monkeypatch)
    for number in range(MANY):
        take(phone, verification_request(number))
    assert (len(waiting(phone)) <= 3) is is_limited


@pytest.mark.parametrize("is_limited", [True, False])
def test_long_talks_fill_no_store(
    is_limited: bool, phone: KeyDevice, laptop: KeyDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(olm, "HEARTBEAT_AFTER", 1)
    if not is_limited:
        has_always_room(monkeypatch)
    for number in range(MANY):
        laptop.say(f"!{number}:hs", [ALICE], "hello")
        take(phone)
    assert (len(waiting(phone)) <= 3) is is_limited


# ------------------------------------------------------------------ room keys


class Refusing(SimpleNamespace):
    """A client on a server that takes no messages to devices, and says that Bob has one device more each time."""

    def __init__(self, peer: Peer) -> None:
        super().__init__(peer=peer, is_refusing=True, refused=0)

    def call(self, request: Any, **_: Any) -> Any:
        if isinstance(request, SendToDevice) and self.is_refusing:
            self.refused += 1
            raise ServerError("oops", code=500)
        return SimpleNamespace(raw=self.peer.server.answer(self.peer.me, request))


class Requests(CryptoRequests):
    """Knows who is in the room; `is_naive` does not send first what waits already."""

    is_naive = False
    _calls = 0

    def _members(self, *_: Any) -> list[str]:
        return BOTH

    def _settings(self, *_: Any) -> RoomSettings:
        return RoomSettings()

    def send_queue(self, *args: Any) -> None:
        self._calls += 1
        if self._calls % 2 and self.is_naive:
            return
        super().send_queue(*args)


def refused_sendings(server: KeyServer, *, is_naive: bool) -> tuple[Peer, Requests, Refusing, list[Peer]]:
    alice = Peer(server, ALICE, "A1", policy=BlindTrust())
    client = Refusing(alice)
    requests = Requests(client, alice.engine)  # type: ignore[arg-type]
    requests.is_naive = is_naive
    bobs = []
    for number in range(MANY):
        bobs.append(Peer(server, BOB, f"B{number}", policy=BlindTrust()))
        with alice.engine.step() as step:
            alice.engine.devices.changed(step, BOTH)
        with pytest.raises(ServerError):
            requests.share_key(ROOM, {})
    return alice, requests, client, bobs


def test_while_keys_cannot_be_sent_no_more_are_given_out(server: KeyServer) -> None:
    alice, requests, client, bobs = refused_sendings(server, is_naive=False)
    assert waiting(alice) == ["m.room.encrypted"]
    assert client.refused == MANY
    client.is_refusing = False
    report = requests.share_key(ROOM, {})
    assert waiting(alice) == []
    event = alice.say(ROOM, BOTH, "for all of them")
    assert event.content["session_id"] == report.session_id
    for bob in bobs:
        bob.sync(changed=(ALICE,))
        assert bob.read(event) == "for all of them"


def test_who_does_not_send_first_what_waits_gives_out_ever_more(server: KeyServer) -> None:
    """The control."""
    alice, *_ = refused_sendings(server, is_naive=True)
    assert len(waiting(alice)) == MANY


def test_a_full_queue_loses_no_room_key(phone: KeyDevice, laptop: KeyDevice) -> None:
    phone.share("!before:hs", [ALICE])
    ask_for_many(phone)
    report = phone.engine.share(ROOM, RoomSettings(), phone.engine.recipients([ALICE]))
    assert [device.device_id for device in report.shared_with] == ["LAPTOP"]
    assert waiting(phone) == [*["m.room_key_request"] * 3, "m.room.encrypted"]
    said = phone.say(ROOM, [ALICE], "read by all")
    laptop.take()
    assert laptop.read(said) == "read by all"


# ------------------------------------------------------------------ being told


def test_it_is_said(phone: KeyDevice, laptop: KeyDevice, caplog: pytest.LogCaptureFixture) -> None:
    client: Any = SimpleNamespace(call=lambda request, **_: SimpleNamespace(raw=server_answer(phone, request)))
    requests = CryptoRequests(client, phone.engine)
    with pytest.raises(MissingRoomKey):
        phone.engine.decrypt(unreadable(phone, 0))
    said = [(one.level, one.what) for one in encryption_findings(requests) if "to devices" in one.what]
    assert said == [(Level.WARNING, "1 messages to devices wait")]
    assert caplog.records == []
    ask_for_many(phone)
    ((level, message),) = [(one.level, one.what) for one in encryption_findings(requests) if "to devices" in one.what]
    assert level is Level.PROBLEM
    assert message.startswith("3 messages to devices wait, too many")
    assert len([one for one in caplog.records if "3 batches of messages to devices wait" in one.message]) == 1
    assert phone.key_values.count(spaces.QUEUE) == 3


def server_answer(peer: Peer, request: Any) -> Any:
    return peer.server.answer(peer.me, request)
