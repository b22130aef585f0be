"""Room keys that another device sends: taken from the very one that was asked, and otherwise refused (V2)."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.olm import DecryptedMessage
from gomatrix_py.crypto.trust import BLACKLISTED, IGNORED
from gomatrix_py.errors import BadKey, MissingRoomKey
from gomatrix_py.events import Event
from tests.kit.key_devices import ALICE, BOB, OTHER, ROOM, KeyDevice, verify
from tests.kit.key_server import KeyServer

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


def test_what_nobody_asked_for_is_refused(phone: KeyDevice, laptop: KeyDevice, event: Event) -> None:
    verify(phone, laptop)
    phone.forward(laptop, event)
    assert laptop.take() == []
    assert laptop.refused == ["nobody asked for it"]
    laptop.ask(event)
    phone.forward(laptop, event)
    assert len(laptop.take()) == 1, "control: the same after it was asked for"


def test_another_device_than_the_one_asked_is_refused(
    server: KeyServer, phone: KeyDevice, laptop: KeyDevice, event: Event
) -> None:
    verify(phone, laptop)
    laptop.ask(event)
    tablet = KeyDevice(server, ALICE, "TABLET")
    verify(phone, laptop, tablet)
    with phone.engine.step() as step:
        key = phone.engine.inbound.exported(step, ROOM, event.content["session_id"])
    tablet.forward(laptop, event, session_key=key)
    assert laptop.take() == []
    assert laptop.refused == ["another device was asked for it"]


def test_another_user_is_refused(server: KeyServer, phone: KeyDevice, laptop: KeyDevice, event: Event) -> None:
    verify(phone, laptop)
    laptop.ask(event)
    bob = KeyDevice(server, BOB, "PHONE")
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
    phone: KeyDevice, laptop: KeyDevice, event: Event, level: str
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
    phone: KeyDevice, laptop: KeyDevice, event: Event, change: dict[str, Any], complaint: str
) -> None:
    verify(phone, laptop)
    laptop.ask(event)
    phone.forward(laptop, event, **change)
    assert laptop.take() == []
    assert len(laptop.refused) == 1
    assert complaint in laptop.refused[0]
    with pytest.raises(MissingRoomKey):
        laptop.read(event)


def test_the_key_of_another_session_is_refused(phone: KeyDevice, laptop: KeyDevice, event: Event) -> None:
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
    phone = KeyDevice(server, ALICE, "PHONE", library=library)
    event = phone.say(ROOM, [ALICE], "first")
    phone.say(ROOM, [ALICE], "second")
    laptop = KeyDevice(server, ALICE, "LAPTOP", library=library)
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


def test_our_own_device_is_no_other_device(phone: KeyDevice, event: Event) -> None:
    verify(phone)
    with phone.engine.step() as step:
        device = phone.engine.devices.device(step, *phone.me)
        own = phone.engine.own
        message = DecryptedMessage(ALICE, own.curve25519, own.ed25519, device, "m.forwarded_room_key", {})
        for one in (message, attrs.evolve(message, device=None)):
            with pytest.raises(BadKey, match="another device of ours"):
                phone.asking.take_forwarded(step, own, one)
