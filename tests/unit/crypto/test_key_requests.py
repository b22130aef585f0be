"""Room keys asked for and given among verified devices of one user, and who is given none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from gomatrix_py.crypto import key_requests, spaces
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.inbound import KeySource
from gomatrix_py.crypto.trust import BLACKLISTED, IGNORED, VERIFIED
from gomatrix_py.errors import BadKey, CryptoError, MissingRoomKey, UnknownMessageIndex
from gomatrix_py.events import Event
from tests.kit.key_devices import ALICE, BOB, ROOM, KeyDevice, verify
from tests.kit.key_server import KeyServer, Peer

LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")


@pytest.fixture
def server() -> KeyServer:
    return KeyServer()


@pytest.fixture
def phone(server: KeyServer) -> KeyDevice:
    return KeyDevice(server, ALICE, "PHONE")


@pytest.fixture
def event(phone: KeyDevice) -> Event:
    """What the phone said before there was another device."""
    return phone.say(ROOM, [ALICE], "long ago")


@pytest.fixture
def laptop(server: KeyServer, event: Event) -> KeyDevice:
    return KeyDevice(server, ALICE, "LAPTOP")


def source_of(device: KeyDevice) -> str:
    with device.engine.step() as step:
        ((_, record),) = step.records(spaces.INBOUND)
    return str(record["source"])


# ------------------------------------------------------------------ among our own


@pytest.mark.parametrize("giver", LIBRARIES)
@pytest.mark.parametrize("taker", LIBRARIES)
def test_a_verified_device_is_given_what_it_asks_for(
    server: KeyServer, giver: BackendName, taker: BackendName
) -> None:
    phone = KeyDevice(server, ALICE, "PHONE", library=giver)
    event = phone.say(ROOM, [ALICE], "long ago")
    laptop = KeyDevice(server, ALICE, "LAPTOP", library=taker)
    verify(phone, laptop)
    with pytest.raises(MissingRoomKey):
        laptop.read(event)
    assert laptop.ask(event) == [], "the reading has asked, and once is enough"
    phone.take()
    (answered,) = phone.answer()
    assert (answered.user_id, answered.device_id, answered.room_id) == (ALICE, "LAPTOP", ROOM)
    assert phone.active() == []
    assert laptop.take() == [(ROOM, event.content["session_id"])]
    assert laptop.read(event) == "long ago"
    assert source_of(laptop) == KeySource.FORWARDED


def test_who_got_it_takes_the_others_requests_back(server: KeyServer, phone: KeyDevice, event: Event) -> None:
    laptop, tablet = (KeyDevice(server, ALICE, name) for name in ("LAPTOP", "TABLET"))
    verify(phone, laptop, tablet)
    laptop.ask(event)
    phone.take()
    phone.answer()
    laptop.take()
    kinds = [one["content"].get("action") for one in server.inboxes[tablet.me]]
    assert kinds == ["request", "request_cancellation"]
    with laptop.engine.step() as step:
        assert laptop.asking.asked(step) == []


def test_a_request_is_taken_back_before_it_is_answered(phone: KeyDevice, laptop: KeyDevice, event: Event) -> None:
    laptop.sync(changed=(ALICE,))
    laptop.engine.set_levels(ALICE, {phone.engine.own.ed25519: VERIFIED})
    laptop.ask(event)
    phone.take()
    assert len(phone.active()) == 1
    with laptop.engine.step() as step:
        assert laptop.asking.asked(step) == [(ROOM, event.content["session_id"])]
        laptop.asking.note_arrived(step, laptop.engine.own, laptop.asking.asked(step))
        assert not laptop.asking.cancel_request(step, laptop.engine.own, ROOM, event.content["session_id"])
    laptop.send_all()
    phone.take()
    assert phone.active() == []


def test_only_verified_devices_are_asked(
    server: KeyServer, phone: KeyDevice, laptop: KeyDevice, event: Event
) -> None:
    laptop.sync(changed=(ALICE,))
    for level in ("", IGNORED, BLACKLISTED, "tofu"):
        laptop.engine.set_levels(ALICE, {phone.engine.own.ed25519: level})
        assert laptop.ask(event) == []
    assert server.inboxes.get(phone.me, []) == []
    laptop.engine.set_levels(ALICE, {phone.engine.own.ed25519: VERIFIED})
    assert laptop.ask(event) == ["PHONE"]
    tablet = KeyDevice(server, ALICE, "TABLET")
    verify(laptop, tablet)
    assert laptop.ask(event) == ["TABLET"]
    ids = {one["content"]["request_id"] for who in (phone, tablet) for one in server.inboxes[who.me]}
    assert len(ids) == 1


def test_verifying_a_device_later_answers_it(phone: KeyDevice, laptop: KeyDevice, event: Event) -> None:
    verify(laptop)
    laptop.engine.set_levels(ALICE, {phone.engine.own.ed25519: VERIFIED})
    laptop.sync(changed=(ALICE,))
    laptop.ask(event)
    phone.take()
    phone.sync(changed=(ALICE,))
    (waiting,) = phone.active()
    assert phone.answer() == []
    with pytest.raises(CryptoError, match="not verified"):
        phone.proceed(waiting)
    phone.engine.set_levels(ALICE, {laptop.engine.own.ed25519: VERIFIED})
    assert phone.answer() == [waiting]
    laptop.take()
    assert laptop.read(event) == "long ago"


def test_answering_by_hand(server: KeyServer, event: Event, phone: KeyDevice, laptop: KeyDevice) -> None:
    phone.requests.is_automatic = False
    verify(phone, laptop)
    laptop.ask(event)
    phone.take()
    assert phone.answer() == []
    (waiting,) = phone.active()
    with phone.engine.step() as step:
        assert phone.requests.lacking_session(step, phone.engine.own) == []
    assert not phone.proceed(waiting), "there is no session yet"
    (approved,) = phone.active()
    assert approved == attrs.evolve(waiting, is_approved=True)
    assert phone.answer() == [approved]
    assert not phone.proceed(waiting), "it was answered"
    laptop.take()
    assert laptop.read(event) == "long ago"


def test_a_request_is_dropped_by_hand(event: Event, phone: KeyDevice, laptop: KeyDevice) -> None:
    phone.requests.is_automatic = False
    verify(phone, laptop)
    laptop.ask(event)
    phone.take()
    (waiting,) = phone.active()
    with phone.engine.step() as step:
        assert phone.requests.cancel_key_share(step, waiting)
        assert not phone.requests.cancel_key_share(step, waiting)
    phone.requests.is_automatic = True
    assert phone.answer() == phone.active() == []


def test_requests_survive_a_restart(phone: KeyDevice, laptop: KeyDevice, event: Event) -> None:
    verify(phone, laptop)
    laptop.ask(event)
    phone.take()
    waiting = phone.active()
    phone.restart()
    assert phone.active() == waiting


def test_whoever_hands_a_key_on_is_named(
    server: KeyServer, phone: KeyDevice, laptop: KeyDevice, event: Event
) -> None:
    tablet = KeyDevice(server, ALICE, "TABLET")
    verify(phone, laptop)
    laptop.ask(event)
    phone.take()
    phone.answer()
    laptop.take()
    verify(laptop, tablet)
    tablet.ask(event)
    laptop.take()
    laptop.answer()
    tablet.take()
    with tablet.engine.step() as step:
        ((_, record),) = step.records(spaces.INBOUND)
    assert record["forwarders"] == [phone.engine.own.curve25519, laptop.engine.own.curve25519]
    assert record["sender_key"] == phone.engine.own.curve25519


# ------------------------------------------------------------------ who is given nothing (V1)


def _request(laptop: KeyDevice, event: Event, **changes: Any) -> dict[str, Any]:
    body = {
        "algorithm": "m.megolm.v1.aes-sha2",
        "room_id": ROOM,
        "session_id": event.content["session_id"],
        "sender_key": "x",
    }
    content = {"action": "request", "requesting_device_id": laptop.me[1], "request_id": "1", "body": body, **changes}
    return {"type": "m.room_key_request", "sender": laptop.me[0], "content": content}


def _keys_for(server: KeyServer, device: Peer) -> int:
    return sum(one["type"] == "m.room.encrypted" for one in server.inboxes.get(device.me, []))


def _from_another_user(server: KeyServer, laptop: KeyDevice, event: Event) -> dict[str, Any]:
    return {**_request(laptop, event), "sender": BOB}


def _in_another_name(server: KeyServer, laptop: KeyDevice, event: Event) -> dict[str, Any]:
    return _request(laptop, event, requesting_device_id="STRANGER")


def _as_ourselves(server: KeyServer, laptop: KeyDevice, event: Event) -> dict[str, Any]:
    return _request(laptop, event, requesting_device_id="PHONE")


@pytest.mark.parametrize("hostile", [_from_another_user, _in_another_name, _as_ourselves])
def test_a_stranger_is_given_nothing(
    server: KeyServer,
    phone: KeyDevice,
    laptop: KeyDevice,
    event: Event,
    hostile: Callable[[KeyServer, KeyDevice, Event], dict[str, Any]],
) -> None:
    verify(phone, laptop)
    bob = KeyDevice(server, BOB, "LAPTOP")
    phone.engine.set_levels(BOB, {bob.engine.own.ed25519: VERIFIED})
    server.inboxes[phone.me] = [hostile(server, laptop, event)]
    phone.take()
    assert [one for one in phone.active() if one.user_id != ALICE] == []
    assert phone.answer() == []
    assert _keys_for(server, laptop) == _keys_for(server, bob) == 0
    server.inboxes[phone.me] = [_request(laptop, event)]
    phone.take()
    assert len(phone.answer()) == 1, "control: the same from the laptop itself"
    assert _keys_for(server, laptop) == 1


@pytest.mark.parametrize("level", ["", IGNORED, BLACKLISTED, "tofu"])
def test_an_unverified_device_is_given_nothing(
    server: KeyServer, phone: KeyDevice, laptop: KeyDevice, event: Event, level: str
) -> None:
    verify(phone, laptop)
    phone.engine.set_levels(ALICE, {laptop.engine.own.ed25519: level})
    server.inboxes[phone.me] = [_request(laptop, event)]
    phone.take()
    assert phone.answer() == []
    with pytest.raises(CryptoError, match="not verified"):
        phone.proceed(phone.active()[0])
    assert _keys_for(server, laptop) == 0


def test_a_device_that_was_given_other_keys_is_given_nothing(
    server: KeyServer, phone: KeyDevice, laptop: KeyDevice, event: Event
) -> None:
    verify(phone, laptop)
    impostor = Peer(KeyServer(), ALICE, "LAPTOP")
    server.devices[ALICE]["LAPTOP"] = impostor.server.devices[ALICE]["LAPTOP"]
    phone.sync(changed=(ALICE,))
    server.inboxes[phone.me] = [_request(laptop, event)]
    phone.take()
    assert phone.answer() == []
    with pytest.raises(CryptoError, match="other keys"):
        phone.proceed(phone.active()[0])


def test_a_device_that_is_gone_is_given_nothing(
    server: KeyServer, phone: KeyDevice, laptop: KeyDevice, event: Event
) -> None:
    verify(phone, laptop)
    del server.devices[ALICE]["LAPTOP"]
    phone.sync(changed=(ALICE,))
    server.inboxes[phone.me] = [_request(laptop, event)]
    phone.take()
    assert phone.answer() == []


def test_an_unknown_device_is_looked_up(server: KeyServer, phone: KeyDevice, laptop: KeyDevice, event: Event) -> None:
    server.inboxes[phone.me] = [_request(laptop, event)]
    phone.take()
    assert [one.device_id for one in phone.engine.devices_of(ALICE)] == ["LAPTOP", "PHONE"]


ODD: list[dict[str, Any]] = [
    {"action": "please"},
    {"action": None},
    {"requesting_device_id": 3},
    {"requesting_device_id": "A B"},
    {"request_id": ""},
    {"request_id": "x" * 300},
    {"body": None},
    {"body": {}},
    {"body": {"algorithm": "m.megolm.v1.aes-sha2", "room_id": "a b", "session_id": "x"}},
    {"body": {"algorithm": "m.megolm.v1.aes-sha2", "room_id": ROOM, "session_id": "unknown"}},
    {"body": {"algorithm": "m.olm", "room_id": ROOM, "session_id": "x"}},
    {"action": "request_cancellation", "request_id": []},
    {"action": "request_cancellation", "request_id": "unknown"},
]


@pytest.mark.parametrize("change", ODD, ids=repr)
def test_odd_requests_are_dropped(
    server: KeyServer, phone: KeyDevice, laptop: KeyDevice, event: Event, change: dict[str, Any]
) -> None:
    verify(phone, laptop)
    server.inboxes[phone.me] = [_request(laptop, event, **change)]
    phone.take()
    assert phone.active() == phone.answer() == []


def test_requests_do_not_pile_up(
    server: KeyServer, phone: KeyDevice, laptop: KeyDevice, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_requests, "REQUESTS_PER_DEVICE", 3)
    monkeypatch.setattr(key_requests, "REQUESTS", 5)
    for at in range(6):
        phone.clock.at_s += 1
        server.inboxes[phone.me] = [_request(laptop, event, request_id=f"{at}")]
        phone.take()
    assert [one.request_id for one in phone.active()] == ["3", "4", "5"]
    for at in range(6):
        phone.clock.at_s += 1
        server.inboxes[phone.me] = [_request(laptop, event, request_id=f"{at}", requesting_device_id=f"D{at}")]
        phone.take()
    assert [one.device_id for one in phone.active()] == ["D1", "D2", "D3", "D4", "D5"]


# ------------------------------------------------------------------ other users, where that is wanted


def test_others_are_given_again_what_they_were_given(server: KeyServer) -> None:
    phone = KeyDevice(server, ALICE, "PHONE", takes_others=True)
    bob = KeyDevice(server, BOB, "B1")
    before = phone.say(ROOM, [ALICE], "not for Bob")
    event = phone.say(ROOM, [ALICE, BOB], "for Bob")
    bob.share(ROOM, [ALICE, BOB])
    bob.sync()
    with bob.engine.step() as step:
        bob.engine.inbound.forget(step, ROOM, event.content["session_id"])
    server.inboxes[phone.me] = [_request(bob, event)]
    phone.take()
    assert phone.answer() == [], "people decide"
    (waiting,) = phone.active()
    assert phone.proceed(waiting)
    with bob.engine.step() as step:  # Bob's client takes it, for the test's sake
        bob.asking.request_key(step, bob.engine.own, ROOM, event.content["session_id"])
    ((arrival,), _) = bob.sync()
    with pytest.raises(BadKey, match="another device of ours"), bob.engine.step() as step:
        bob.asking.take_forwarded(step, bob.engine.own, arrival.message)
    with bob.engine.step() as step:
        own = attrs.evolve(bob.engine.own, user_id=ALICE, device_id="X")
        device = attrs.evolve(arrival.message.device, level=VERIFIED)
        asked = {"devices": {device.device_id: device.curve25519}, "request_id": "1"}
        step.put_record(spaces.REQUESTS, f"out {ROOM} {event.content['session_id']}", asked)
        assert bob.asking.take_forwarded(step, own, attrs.evolve(arrival.message, device=device))
    assert bob.read(event) == "for Bob"
    with pytest.raises(UnknownMessageIndex):
        bob.read(before)


@pytest.mark.parametrize("case", ["never given", "blacklisted", "switched off"])
def test_others_are_given_no_more(server: KeyServer, case: str) -> None:
    phone = KeyDevice(server, ALICE, "PHONE", takes_others=True)
    bob = KeyDevice(server, BOB, "B1")
    event = phone.say(ROOM, [ALICE] if case == "never given" else [ALICE, BOB], "1")
    phone.engine.query_for([BOB])
    phone.send_all()
    bob.sync()
    server.inboxes[phone.me] = [_request(bob, event)]
    phone.take()
    (waiting,) = phone.active()
    if case == "blacklisted":
        phone.engine.set_levels(BOB, {bob.engine.own.ed25519: BLACKLISTED})
    phone.requests.takes_others = case != "switched off"
    with pytest.raises(CryptoError, match="never given" if case == "never given" else "another user"):
        phone.proceed(waiting)
    assert _keys_for(server, bob) == 0
    assert phone.active() == [waiting]
