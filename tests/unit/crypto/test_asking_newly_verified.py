"""A device of ours that is verified late is asked for all keys that events wait for, once."""

from __future__ import annotations

import pytest

from gomatrix_py.crypto import key_asking
from gomatrix_py.crypto.key_asking import KeyAsking
from gomatrix_py.errors import MissingRoomKey
from gomatrix_py.events import Event
from tests.kit.key_devices import ALICE, OTHER, ROOM, KeyDevice, verify
from tests.kit.key_server import KeyServer


@pytest.fixture
def server() -> KeyServer:
    return KeyServer()


@pytest.fixture
def phone(server: KeyServer) -> KeyDevice:
    return KeyDevice(server, ALICE, "PHONE")


@pytest.fixture
def events(phone: KeyDevice) -> list[Event]:
    return [phone.say(room_id, [ALICE], "long ago") for room_id in (ROOM, ROOM, OTHER)]


@pytest.fixture
def laptop(server: KeyServer, events: list[Event]) -> KeyDevice:
    """It came late, and has tried to read what was said before."""
    device = KeyDevice(server, ALICE, "LAPTOP")
    for event in events:
        with pytest.raises(MissingRoomKey):
            device.engine.decrypt(event)
    return device


def requests(server: KeyServer, device: KeyDevice) -> int:
    return len([one for one in server.inboxes.get(device.me, []) if one["type"] == "m.room_key_request"])


def asked(device: KeyDevice) -> set[tuple[str, str]]:
    with device.engine.step() as step:
        return set(device.asking.asked(step))


def wanted(events: list[Event]) -> set[tuple[str, str]]:
    return {(event.room_id, event.content["session_id"]) for event in events}


def test_nobody_is_asked_before(laptop: KeyDevice) -> None:
    laptop.sync(changed=(ALICE,))
    assert asked(laptop) == set()


def test_it_is_asked_with_the_next_sync_and_no_more(
    server: KeyServer, phone: KeyDevice, laptop: KeyDevice, events: list[Event]
) -> None:
    verify(phone, laptop)
    laptop.sync()
    assert asked(laptop) == wanted(events)
    for _ in range(3):
        laptop.sync()
        laptop.send_all()
    assert requests(server, phone) == len(wanted(events))


def test_another_one_is_asked_as_well(
    server: KeyServer, phone: KeyDevice, laptop: KeyDevice, events: list[Event]
) -> None:
    verify(phone, laptop)
    laptop.sync()
    tablet = KeyDevice(server, ALICE, "TABLET")
    verify(phone, laptop, tablet)
    laptop.sync()
    with laptop.engine.step() as step:
        key = events[0].content["session_id"]
        new = laptop.asking.request_key(step, laptop.engine.own, ROOM, key)
    assert new == [], "all that are verified were asked"


def test_who_could_not_be_asked_for_want_of_room_is_asked_later(
    phone: KeyDevice, laptop: KeyDevice, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    verify(phone, laptop)
    with monkeypatch.context() as full:
        full.setattr(key_asking, "has_room", lambda _: False)
        laptop.sync()
        assert asked(laptop) == set()
    laptop.sync()
    assert asked(laptop) == wanted(events)


def test_the_control_without_it_nobody_is_asked(
    phone: KeyDevice, laptop: KeyDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KeyAsking, "ask_newly_verified", lambda *_: None)
    verify(phone, laptop)
    laptop.sync()
    assert asked(laptop) == set()
