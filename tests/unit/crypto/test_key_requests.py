"""Room keys asked for and given among verified devices of one user, and all that must be neither."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from gomatrix_py.crypto import key_requests, spaces
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.inbound import KeySource
from gomatrix_py.crypto.key_asking import KeyAsking
from gomatrix_py.crypto.key_requests import KeyRequest, KeyRequests
from gomatrix_py.crypto.olm import DecryptedMessage
from gomatrix_py.crypto.trust import BLACKLISTED, IGNORED, VERIFIED, BlindTrust
from gomatrix_py.errors import BadKey, CryptoError, MissingRoomKey, UnknownMessageIndex
from gomatrix_py.events import Event
from tests.kit.forgetful_server import FrozenClock
from tests.kit.key_server import KeyServer, Peer

ROOM, OTHER = "!room:hs", "!other:hs"
ALICE, BOB = "@alice:hs", "@bob:hs"
LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")


class Device(Peer):
    """A device that asks for keys, and answers; it is told by hand when to."""

    def __init__(self, server: KeyServer, user_id: str, device_id: str, **options: Any) -> None:
        switches = {name: options.pop(name) for name in ("is_automatic", "takes_others") if name in options}
        self.clock = FrozenClock()
        super().__init__(server, user_id, device_id, policy=BlindTrust(), clock=self.clock, **options)
        engine = self.engine
        self.asking = KeyAsking(engine.devices, engine.inbound, self.clock)
        parts = (engine.devices, engine.olm, engine.inbound, engine.outbound, engine.policy, self.clock)
        self.requests = KeyRequests(*parts, **switches)
        self.refused: list[str] = []

    def ask(self, event: Event) -> list[str]:
        with self.engine.step() as step:
            asked = self.asking.request_key(step, self.engine.own, event.room_id, event.content["session_id"])
        self.send_all()
        return [one.device_id for one in asked]

    def take(self) -> list[tuple[str, str]]:
        """Take in what came, and return the keys among it."""
        arrivals, _ = self.sync()
        keys: list[tuple[str, str]] = []
        for arrival in arrivals:
            with self.engine.step() as step:
                if arrival.event.type == "m.room_key_request":
                    self.requests.take_request(step, self.engine.own, arrival.event)
                elif arrival.event.type == "m.forwarded_room_key":
                    try:
                        keys += self.asking.take_forwarded(step, self.engine.own, arrival.message)
                    except BadKey as error:
                        self.refused.append(str(error))
        self.send_all()
        return keys

    def start_sessions(self) -> None:
        with self.engine.step() as step:
            lacking = self.requests.lacking_session(step, self.engine.own)
        claim = self.engine.claim_for(lacking)
        if claim is not None:
            assert self.engine.take_claimed(lacking, self.server.answer(self.me, claim)) == {}

    def answer(self) -> list[KeyRequest]:
        self.start_sessions()
        with self.engine.step() as step:
            answered = self.requests.answer(step, self.engine.own)
        self.send_all()
        return answered

    def active(self) -> list[KeyRequest]:
        with self.engine.step() as step:
            return self.requests.active(step)

    def proceed(self, request: KeyRequest) -> bool:
        with self.engine.step() as step:
            done = self.requests.continue_key_share(step, self.engine.own, request)
        self.send_all()
        return done

    def forward(self, to: Device, event: Event, **changes: Any) -> None:
        """Send a key whether it was asked for or not."""
        with self.engine.step() as step:
            key = self.engine.inbound.exported(step, ROOM, event.content["session_id"])
            device = self.engine.devices.device(step, *to.me)
        assert device is not None
        claim = self.engine.claim_for([device])
        self.engine.take_claimed([device], self.server.answer(self.me, claim))
        content = {
            "algorithm": "m.megolm.v1.aes-sha2",
            "room_id": ROOM,
            "session_id": event.content["session_id"],
            "session_key": key,
            "sender_key": "curve",
            "sender_claimed_ed25519_key": "ed",
            "forwarding_curve25519_key_chain": [],
            **changes,
        }
        with self.engine.step() as step:
            encrypted = self.engine.olm.encrypt(step, self.engine.own, device, "m.forwarded_room_key", content)
        event_to_device = {"type": "m.room.encrypted", "sender": self.me[0], "content": encrypted}
        self.server.inboxes.setdefault(to.me, []).append(event_to_device)


def verify(*devices: Device) -> None:
    """Let devices know each other, and be verified by each other."""
    for one in devices:
        one.sync(changed=(ALICE, BOB))
        for other in devices:
            one.engine.set_levels(other.me[0], {other.engine.own.ed25519: VERIFIED})


@pytest.fixture
def server() -> KeyServer:
    return KeyServer()


@pytest.fixture
def phone(server: KeyServer) -> Device:
    return Device(server, ALICE, "PHONE")


@pytest.fixture
def event(phone: Device) -> Event:
    """What the phone said before there was another device."""
    return phone.say(ROOM, [ALICE], "long ago")


@pytest.fixture
def laptop(server: KeyServer, event: Event) -> Device:
    return Device(server, ALICE, "LAPTOP")


def source_of(device: Device) -> str:
    with device.engine.step() as step:
        ((_, record),) = step.records(spaces.INBOUND)
    return str(record["source"])


# ------------------------------------------------------------------ among our own


@pytest.mark.parametrize("giver", LIBRARIES)
@pytest.mark.parametrize("taker", LIBRARIES)
def test_a_verified_device_is_given_what_it_asks_for(
    server: KeyServer, giver: BackendName, taker: BackendName
) -> None:
    phone = Device(server, ALICE, "PHONE", library=giver)
    event = phone.say(ROOM, [ALICE], "long ago")
    laptop = Device(server, ALICE, "LAPTOP", library=taker)
    verify(phone, laptop)
    with pytest.raises(MissingRoomKey):
        laptop.read(event)
    assert laptop.ask(event) == ["PHONE"]
    assert laptop.ask(event) == [], "once is enough"
    phone.take()
    (answered,) = phone.answer()
    assert (answered.user_id, answered.device_id, answered.room_id) == (ALICE, "LAPTOP", ROOM)
    assert phone.active() == []
    assert laptop.take() == [(ROOM, event.content["session_id"])]
    assert laptop.read(event) == "long ago"
    assert source_of(laptop) == KeySource.FORWARDED


def test_who_got_it_takes_the_others_requests_back(server: KeyServer, phone: Device, event: Event) -> None:
    laptop, tablet = (Device(server, ALICE, name) for name in ("LAPTOP", "TABLET"))
    verify(phone, laptop, tablet)
    laptop.ask(event)
    phone.take()
    phone.answer()
    laptop.take()
    kinds = [one["content"].get("action") for one in server.inboxes[tablet.me]]
    assert kinds == ["request", "request_cancellation"]
    with laptop.engine.step() as step:
        assert laptop.asking.asked(step) == []


def test_a_request_is_taken_back_before_it_is_answered(phone: Device, laptop: Device, event: Event) -> None:
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


def test_only_verified_devices_are_asked(server: KeyServer, phone: Device, laptop: Device, event: Event) -> None:
    laptop.sync(changed=(ALICE,))
    for level in ("", IGNORED, BLACKLISTED, "tofu"):
        laptop.engine.set_levels(ALICE, {phone.engine.own.ed25519: level})
        assert laptop.ask(event) == []
    assert server.inboxes.get(phone.me, []) == []
    laptop.engine.set_levels(ALICE, {phone.engine.own.ed25519: VERIFIED})
    assert laptop.ask(event) == ["PHONE"]
    tablet = Device(server, ALICE, "TABLET")
    verify(laptop, tablet)
    assert laptop.ask(event) == ["TABLET"]
    ids = {one["content"]["request_id"] for who in (phone, tablet) for one in server.inboxes[who.me]}
    assert len(ids) == 1


def test_verifying_a_device_later_answers_it(phone: Device, laptop: Device, event: Event) -> None:
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


def test_answering_by_hand(server: KeyServer, event: Event, phone: Device, laptop: Device) -> None:
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


def test_a_request_is_dropped_by_hand(event: Event, phone: Device, laptop: Device) -> None:
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


def test_requests_survive_a_restart(phone: Device, laptop: Device, event: Event) -> None:
    verify(phone, laptop)
    laptop.ask(event)
    phone.take()
    waiting = phone.active()
    phone.restart()
    assert phone.active() == waiting


def test_whoever_hands_a_key_on_is_named(server: KeyServer, phone: Device, laptop: Device, event: Event) -> None:
    tablet = Device(server, ALICE, "TABLET")
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


def _request(laptop: Device, event: Event, **changes: Any) -> dict[str, Any]:
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


def _from_another_user(server: KeyServer, laptop: Device, event: Event) -> dict[str, Any]:
    return {**_request(laptop, event), "sender": BOB}


def _in_another_name(server: KeyServer, laptop: Device, event: Event) -> dict[str, Any]:
    return _request(laptop, event, requesting_device_id="STRANGER")


def _as_ourselves(server: KeyServer, laptop: Device, event: Event) -> dict[str, Any]:
    return _request(laptop, event, requesting_device_id="PHONE")


@pytest.mark.parametrize("hostile", [_from_another_user, _in_another_name, _as_ourselves])
def test_a_stranger_is_given_nothing(
    server: KeyServer,
    phone: Device,
    laptop: Device,
    event: Event,
    hostile: Callable[[KeyServer, Device, Event], dict[str, Any]],
) -> None:
    verify(phone, laptop)
    bob = Device(server, BOB, "LAPTOP")
    phone.engine.set_levels(BOB, {bob.engine.own.ed25519: VERIFIED})
    server.inboxes[phone.me] = [hostile(server, laptop, event)]
    phone.take()
    assert phone.answer() == []
    assert _keys_for(server, laptop) == _keys_for(server, bob) == 0
    server.inboxes[phone.me] = [_request(laptop, event)]
    phone.take()
    assert len(phone.answer()) == 1, "control: the same from the laptop itself"
    assert _keys_for(server, laptop) == 1


@pytest.mark.parametrize("level", ["", IGNORED, BLACKLISTED, "tofu"])
def test_an_unverified_device_is_given_nothing(
    server: KeyServer, phone: Device, laptop: Device, event: Event, level: str
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
    server: KeyServer, phone: Device, laptop: Device, event: Event
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
    server: KeyServer, phone: Device, laptop: Device, event: Event
) -> None:
    verify(phone, laptop)
    del server.devices[ALICE]["LAPTOP"]
    phone.sync(changed=(ALICE,))
    server.inboxes[phone.me] = [_request(laptop, event)]
    phone.take()
    assert phone.answer() == []


def test_an_unknown_device_is_looked_up(server: KeyServer, phone: Device, laptop: Device, event: Event) -> None:
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
    server: KeyServer, phone: Device, laptop: Device, event: Event, change: dict[str, Any]
) -> None:
    verify(phone, laptop)
    server.inboxes[phone.me] = [_request(laptop, event, **change)]
    phone.take()
    assert phone.active() == phone.answer() == []


def test_requests_do_not_pile_up(
    server: KeyServer, phone: Device, laptop: Device, event: Event, monkeypatch: pytest.MonkeyPatch
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
    phone = Device(server, ALICE, "PHONE", takes_others=True)
    bob = Device(server, BOB, "B1")
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
    phone = Device(server, ALICE, "PHONE", takes_others=True)
    bob = Device(server, BOB, "B1")
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


# ------------------------------------------------------------------ what is not taken (V2)


def test_what_nobody_asked_for_is_refused(phone: Device, laptop: Device, event: Event) -> None:
    verify(phone, laptop)
    phone.forward(laptop, event)
    assert laptop.take() == []
    assert laptop.refused == ["nobody asked for it"]
    laptop.ask(event)
    phone.forward(laptop, event)
    assert len(laptop.take()) == 1, "control: the same after it was asked for"


def test_another_device_than_the_one_asked_is_refused(
    server: KeyServer, phone: Device, laptop: Device, event: Event
) -> None:
    verify(phone, laptop)
    laptop.ask(event)
    tablet = Device(server, ALICE, "TABLET")
    verify(phone, laptop, tablet)
    with phone.engine.step() as step:
        key = phone.engine.inbound.exported(step, ROOM, event.content["session_id"])
    tablet.forward(laptop, event, session_key=key)
    assert laptop.take() == []
    assert laptop.refused == ["another device was asked for it"]


def test_another_user_is_refused(server: KeyServer, phone: Device, laptop: Device, event: Event) -> None:
    verify(phone, laptop)
    laptop.ask(event)
    bob = Device(server, BOB, "PHONE")
    verify(laptop, bob)
    bob.engine.query_for([ALICE])
    bob.send_all()
    with phone.engine.step() as step:
        key = phone.engine.inbound.exported(step, ROOM, event.content["session_id"])
    bob.forward(laptop, event, session_key=key)
    assert laptop.take() == []
    assert laptop.refused == ["it is not from another device of ours"]


@pytest.mark.parametrize("level", ["", IGNORED, BLACKLISTED])
def test_a_device_that_is_no_longer_verified_is_refused(
    phone: Device, laptop: Device, event: Event, level: str
) -> None:
    verify(phone, laptop)
    laptop.ask(event)
    laptop.engine.set_levels(ALICE, {phone.engine.own.ed25519: level})
    phone.forward(laptop, event)
    assert laptop.take() == []
    assert laptop.refused == ["the device it is from is not verified"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"room_id": OTHER}, "nobody asked"),
        ({"session_id": "another"}, "nobody asked"),
        ({"session_key": "AAAA"}, "key"),
        ({"session_key": None}, "incomplete"),
        ({"algorithm": "m.olm"}, "algorithm"),
        ({"room_id": "a b"}, "incomplete"),
    ],
)
def test_another_key_is_refused(
    phone: Device, laptop: Device, event: Event, change: dict[str, Any], complaint: str
) -> None:
    verify(phone, laptop)
    laptop.ask(event)
    phone.forward(laptop, event, **change)
    assert laptop.take() == []
    assert len(laptop.refused) == 1
    assert complaint in laptop.refused[0]
    with pytest.raises(MissingRoomKey):
        laptop.read(event)


def test_the_key_of_another_session_is_refused(phone: Device, laptop: Device, event: Event) -> None:
    verify(phone, laptop)
    laptop.ask(event)
    mine = laptop.say(OTHER, [ALICE], "x")
    with laptop.engine.step() as step:
        other = laptop.engine.inbound.exported(step, OTHER, mine.content["session_id"])
    phone.forward(laptop, event, session_key=other)
    assert laptop.take() == []
    assert laptop.refused == ["the key is of another session than it says"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_key_that_reads_less_replaces_nothing(server: KeyServer, library: BackendName) -> None:
    phone = Device(server, ALICE, "PHONE", library=library)
    event = phone.say(ROOM, [ALICE], "first")
    phone.say(ROOM, [ALICE], "second")
    laptop = Device(server, ALICE, "LAPTOP", library=library)
    verify(phone, laptop)
    session_id = event.content["session_id"]
    with phone.engine.step() as step:
        later = phone.engine.inbound.exported(step, ROOM, session_id, 1)
    laptop.ask(event)
    phone.forward(laptop, event)
    assert laptop.take() == [(ROOM, session_id)]
    laptop.ask(event)
    phone.forward(laptop, event, session_key=later)
    assert (laptop.take(), laptop.refused) == ([], [])
    assert laptop.read(event) == "first"


def test_our_own_device_is_no_other_device(phone: Device, event: Event) -> None:
    verify(phone)
    with phone.engine.step() as step:
        device = phone.engine.devices.device(step, *phone.me)
        own = phone.engine.own
        message = DecryptedMessage(ALICE, own.curve25519, own.ed25519, device, "m.forwarded_room_key", {})
        for one in (message, attrs.evolve(message, device=None)):
            with pytest.raises(BadKey, match="another device of ours"):
                phone.asking.take_forwarded(step, own, one)
