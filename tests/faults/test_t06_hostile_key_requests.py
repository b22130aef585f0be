"""T6, room keys that are asked for, and that are brought.

As in `test_t06_hostile_crypto`, an attack must not succeed with either library, and must once its check is taken out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from gomatrix_py.crypto import exported_keys, inbound, key_asking, spaces
from gomatrix_py.crypto.backend import BackendName, olm_backend, vodozemac_backend
from gomatrix_py.crypto.inbound import RoomKey
from gomatrix_py.crypto.key_asking import KeyAsking
from gomatrix_py.crypto.key_requests import KeyRequest, KeyRequests
from gomatrix_py.crypto.olm import DecryptedMessage
from gomatrix_py.crypto.outbound import GIVEN, Outbound
from gomatrix_py.crypto.steps import Step
from gomatrix_py.crypto.trust import BLACKLISTED, IGNORED
from gomatrix_py.errors import CryptoError
from gomatrix_py.events import Event
from tests.faults.test_t06_hostile_crypto import LIBRARIES
from tests.kit.fault_mixes import of_size
from tests.kit.key_devices import ALICE, BOB, OTHER, ROOM, KeyDevice, verify
from tests.kit.key_server import KeyServer, Peer

Attack = Callable[[BackendName], bool]
Mutant = Callable[[pytest.MonkeyPatch], None]


class Anything(str):
    """Equals whatever it is compared with."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


# ------------------------------------------------------------------ V2: keys that are brought


class Bringing:
    """Alice's phone has a key, and her laptop would take it; both are verified."""

    def __init__(self, library: BackendName) -> None:
        self.server, self.library = KeyServer(), library
        self.phone = self.device(ALICE, "PHONE")
        self.event = self.phone.say(ROOM, [ALICE], "long ago")
        self.laptop = self.device(ALICE, "LAPTOP")
        verify(self.phone, self.laptop)
        self.session_id = self.event.content["session_id"]

    def device(self, user_id: str, device_id: str) -> KeyDevice:
        return KeyDevice(self.server, user_id, device_id, library=self.library)

    def key_of(self, device: Peer, room_id: str, event: Event) -> str | None:
        with device.engine.step() as step:
            return device.engine.inbound.exported(step, room_id, event.content["session_id"])

    def is_taken(self, by: KeyDevice | None = None, **changes: Any) -> bool:
        (by or self.phone).forward(self.laptop, self.event, **changes)
        return bool(self.laptop.take())


def acquainted(*devices: KeyDevice) -> None:
    """Let devices of different users know each other, and be verified by each other."""
    for one in devices:
        one.engine.query_for([ALICE, BOB])
        one.send_all()
    verify(*devices)


def brought_unasked(library: BackendName) -> bool:
    return Bringing(library).is_taken()


def brought_after_it_was_taken_back(library: BackendName) -> bool:
    scene = Bringing(library)
    scene.laptop.ask(scene.event)
    with scene.laptop.engine.step() as step:
        scene.laptop.asking.cancel_request(step, scene.laptop.engine.own, ROOM, scene.session_id)
    return scene.is_taken()


def brought_for_another_room(library: BackendName) -> bool:
    scene = Bringing(library)
    scene.laptop.ask(scene.event)
    return scene.is_taken(room_id=OTHER)


def brought_by_another_device_than_was_asked(library: BackendName) -> bool:
    scene = Bringing(library)
    scene.laptop.ask(scene.event)
    tablet = scene.device(ALICE, "TABLET")
    verify(scene.phone, scene.laptop, tablet)
    return scene.is_taken(tablet, session_key=scene.key_of(scene.phone, ROOM, scene.event))


def brought_by_another_user(library: BackendName) -> bool:
    scene = Bringing(library)
    scene.laptop.ask(scene.event)
    bob = scene.device(BOB, "PHONE")
    acquainted(scene.laptop, bob)
    return scene.is_taken(bob, session_key=scene.key_of(scene.phone, ROOM, scene.event))


def brought_by_a_device_of_level(level: str) -> Attack:
    def attack(library: BackendName) -> bool:
        scene = Bringing(library)
        scene.laptop.ask(scene.event)
        scene.laptop.engine.set_levels(ALICE, {scene.phone.engine.own.ed25519: level})
        return scene.is_taken()

    return attack


def brought_by_a_device_that_is_gone(library: BackendName) -> bool:
    scene = Bringing(library)
    scene.laptop.ask(scene.event)
    phone = scene.server.devices[ALICE].pop("PHONE")
    scene.laptop.sync(changed=(ALICE,))
    scene.server.devices[ALICE]["PHONE"] = phone
    return scene.is_taken()


def brought_by_a_device_that_was_given_other_keys(library: BackendName) -> bool:
    scene = Bringing(library)
    scene.laptop.ask(scene.event)
    phone = scene.server.devices[ALICE]["PHONE"]
    scene.server.devices[ALICE]["PHONE"] = signed_by_a_stranger(library, ALICE, "PHONE")
    scene.laptop.sync(changed=(ALICE,))
    scene.server.devices[ALICE]["PHONE"] = phone
    return scene.is_taken()


def brought_instead_of_another(library: BackendName) -> bool:
    scene = Bringing(library)
    scene.laptop.ask(scene.event)
    other = scene.phone.say(OTHER, [ALICE], "elsewhere")
    scene.laptop.take()
    return scene.is_taken(session_key=scene.key_of(scene.phone, OTHER, other))


def brought_as_if_by_its_maker(library: BackendName) -> bool:
    scene = Bringing(library)
    scene.laptop.ask(scene.event)
    scene.is_taken(sender=ALICE)
    with scene.laptop.engine.step() as step:
        known = scene.laptop.engine.inbound.known(step, ROOM, scene.session_id)
    assert known is not None
    return bool(known.sender)


def signed_by_a_stranger(library: BackendName, user_id: str, device_id: str) -> Any:
    return Peer(KeyServer(), user_id, device_id, library=library).server.devices[user_id][device_id]


def all_were_asked(patch: pytest.MonkeyPatch) -> None:
    class Everyone(dict[str, str]):
        def get(self, *_: Any) -> Any:
            return Anything()

    record = Step.record

    def always(self: Step, space: str, key: str) -> Any:
        if space == spaces.REQUESTS and key.startswith("out "):
            return {"request_id": "x", "devices": Everyone()}
        return record(self, space, key)

    patch.setattr(Step, "record", always)


def everybody_is_me(patch: pytest.MonkeyPatch) -> None:
    all_were_asked(patch)
    take = KeyAsking.take_forwarded

    def as_mine(self: KeyAsking, step: Step, own: Any, message: DecryptedMessage) -> Any:
        assert message.device is not None
        device = attrs.evolve(message.device, user_id=own.user_id, device_id="MINE")
        return take(self, step, own, attrs.evolve(message, sender=own.user_id, device=device))

    patch.setattr(KeyAsking, "take_forwarded", as_mine)


def every_device_is_sound(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(key_asking, "_is_sound", lambda _: True)


def any_session_will_do(patch: pytest.MonkeyPatch) -> None:
    for library in (vodozemac_backend, olm_backend):
        patch.setattr(library._InboundGroup, "id", property(lambda _: Anything("any")))


def bringers_are_believed(patch: pytest.MonkeyPatch) -> None:
    def believed(room_id: str, session_id: str, _: str, *rest: Any, **more: Any) -> RoomKey:
        return RoomKey(room_id, session_id, ALICE, *rest, **more)

    patch.setattr(exported_keys, "RoomKey", believed)


# ------------------------------------------------------------------ V1: keys that are asked for


class Asking(Bringing):
    """The laptop, or somebody else, asks the phone."""

    def request(self, sender: str = ALICE, **changes: Any) -> None:
        body = {"algorithm": inbound.MEGOLM, "room_id": ROOM, "session_id": self.session_id, "sender_key": "x"}
        content = {"action": "request", "requesting_device_id": "LAPTOP", "request_id": "1", "body": body, **changes}
        self.server.inboxes[self.phone.me] = [{"type": "m.room_key_request", "sender": sender, "content": content}]

    def is_given(self) -> bool:
        """Return whether a key left, to whomever."""
        self.phone.take()
        self.phone.answer()
        return any(one["type"] == "m.room.encrypted" for waiting in self.server.inboxes.values() for one in waiting)

    def sharing_with(self, bob: KeyDevice) -> None:
        """Let the phone give Bob the key from its second message on."""
        self.phone.requests.takes_others = True
        self.phone.sync(changed=(BOB,))
        self.phone.say(ROOM, [ALICE, BOB], "for bob, too")
        bob.take()


def asked_by_another_user(library: BackendName) -> bool:
    scene = Asking(library)
    bob = scene.device(BOB, "LAPTOP")
    acquainted(scene.phone, bob)
    scene.request(BOB)
    return scene.is_given()


def asked_by_a_device_of_level(level: str) -> Attack:
    def attack(library: BackendName) -> bool:
        scene = Asking(library)
        scene.phone.engine.set_levels(ALICE, {scene.laptop.engine.own.ed25519: level})
        scene.request()
        return scene.is_given()

    return attack


def asked_by_a_device_that_is_gone(library: BackendName) -> bool:
    scene = Asking(library)
    del scene.server.devices[ALICE]["LAPTOP"]
    scene.phone.sync(changed=(ALICE,))
    scene.request()
    return scene.is_given()


def asked_by_a_device_that_was_given_other_keys(library: BackendName) -> bool:
    scene = Asking(library)
    scene.server.devices[ALICE]["LAPTOP"] = signed_by_a_stranger(library, ALICE, "LAPTOP")
    scene.phone.sync(changed=(ALICE,))
    scene.request()
    return scene.is_given()


def asked_by_one_who_was_never_given_it(library: BackendName) -> bool:
    scene = Asking(library)
    scene.phone.requests.takes_others = True
    bob = scene.device(BOB, "LAPTOP")
    acquainted(scene.phone, bob)
    scene.request(BOB)
    return _approved(scene)


def asked_by_one_who_is_no_longer_trusted(library: BackendName) -> bool:
    scene = Asking(library)
    bob = scene.device(BOB, "LAPTOP")
    scene.sharing_with(bob)
    scene.phone.engine.set_levels(BOB, {bob.engine.own.ed25519: BLACKLISTED})
    scene.request(BOB)
    return _approved(scene)


def asked_by_another_user_where_nobody_wants_that(library: BackendName) -> bool:
    scene = Asking(library)
    bob = scene.device(BOB, "LAPTOP")
    scene.sharing_with(bob)
    scene.request(BOB)
    scene.phone.take()
    scene.phone.requests.takes_others = False
    return _approved(scene)


def asked_for_more_than_was_given(library: BackendName) -> bool:
    scene = Asking(library)
    bob = scene.device(BOB, "LAPTOP")
    scene.phone.requests.takes_others = True
    acquainted(scene.phone, bob)
    for text in "1234567":
        scene.phone.say(ROOM, [ALICE], text)
    with scene.phone.engine.step() as step:
        (device,) = scene.phone.engine.devices.of_user(step, BOB)
        scene.phone.engine.outbound.note_told(step, scene.session_id, device, GIVEN, 7)
        request = KeyRequest(BOB, "LAPTOP", "1", ROOM, scene.session_id)
        key = scene.phone.requests._key(step, scene.phone.engine.own, request, device)
    return scene.phone.engine.backend.imported_inbound_group(key.session_key).first_known_index < 7


def _approved(scene: Asking) -> bool:
    """Let a person say yes to all requests: what must not leave does not, even so."""
    scene.phone.take()
    for request in scene.phone.active():
        for _ in range(2):
            try:
                scene.phone.proceed(request)
            except CryptoError:
                return False
            scene.phone.start_sessions()
    return scene.is_given()


def whoever_asks_is_given(patch: pytest.MonkeyPatch) -> None:
    def known(self: KeyRequests, step: Step, own: Any, request: KeyRequest) -> Any:
        return self.devices.device(step, request.user_id, request.device_id)

    patch.setattr(KeyRequests, "_receiver", known)


def everybody_is_family(patch: pytest.MonkeyPatch) -> None:
    whoever_asks_is_given(patch)
    begin = KeyRequests.__init__

    def open_to_all(self: KeyRequests, *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        self.takes_others = True

    patch.setattr(KeyRequests, "__init__", open_to_all)
    patch.setattr(KeyRequests, "_answerable", lambda self, step, own: self.active(step))
    all_were_given_everything(patch)


def all_were_given_everything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outbound, "shared_index", lambda *_: 0)


LEVELS = ("", IGNORED, BLACKLISTED, "tofu", "trusted", "VERIFIED", "verified ")
ATTACKS: list[tuple[str, Attack, Mutant]] = [
    ("V2 unasked", brought_unasked, all_were_asked),
    ("V2 after it was taken back", brought_after_it_was_taken_back, all_were_asked),
    ("V2 for another room", brought_for_another_room, all_were_asked),
    ("V2 by another device", brought_by_another_device_than_was_asked, all_were_asked),
    ("V2 by another user", brought_by_another_user, everybody_is_me),
    *(
        (f"V2 by a device of level {level!r}", brought_by_a_device_of_level(level), every_device_is_sound)
        for level in LEVELS
    ),
    ("V2 by a device that is gone", brought_by_a_device_that_is_gone, every_device_is_sound),
    ("V2 by a device with other keys", brought_by_a_device_that_was_given_other_keys, every_device_is_sound),
    ("V2 of another session", brought_instead_of_another, any_session_will_do),
    ("V2 as if by its maker", brought_as_if_by_its_maker, bringers_are_believed),
    ("V1 by another user", asked_by_another_user, everybody_is_family),
    *(
        (f"V1 by a device of level {level!r}", asked_by_a_device_of_level(level), whoever_asks_is_given)
        for level in LEVELS
    ),
    ("V1 by a device that is gone", asked_by_a_device_that_is_gone, whoever_asks_is_given),
    ("V1 by a device with other keys", asked_by_a_device_that_was_given_other_keys, whoever_asks_is_given),
    ("V1 by one who was never given it", asked_by_one_who_was_never_given_it, all_were_given_everything),
    ("V1 by one no longer trusted", asked_by_one_who_is_no_longer_trusted, whoever_asks_is_given),
    ("V1 where nobody wants that", asked_by_another_user_where_nobody_wants_that, whoever_asks_is_given),
    ("V1 for more than was given", asked_for_more_than_was_given, all_were_given_everything),
]
BY_NAME = pytest.mark.parametrize(("attack", "mutant"), [one[1:] for one in ATTACKS], ids=[one[0] for one in ATTACKS])


@BY_NAME
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_key_stays_where_it_is(library: BackendName, attack: Attack, mutant: Mutant) -> None:
    assert attack(library) is False


@BY_NAME
@pytest.mark.parametrize("library", LIBRARIES[: of_size(1, 2)])
def test_without_its_check_the_key_moves(
    library: BackendName, attack: Attack, mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    assert attack(library) is True
