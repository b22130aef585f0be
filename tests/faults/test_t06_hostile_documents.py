"""T6, documents that were changed on their way: device keys, one-time keys, and what a message says of its ends.

As in `test_t06_hostile_crypto`, an attack must not succeed with either library, and must once its check is taken out.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from gomatrix_py.crypto import devices, olm
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.trust import BlindTrust
from tests.faults.test_t06_hostile_crypto import (
    ALICE,
    BOB,
    CAROL,
    LIBRARIES,
    OTHER,
    ROOM,
    ZERO_KEY,
    World,
    devices_are_not_compared,
    everybody_is_meant,
    nobody_owns_keys,
    places_are_forgotten,
    plain_text_will_do,
    rooms_are_not_compared,
    the_sender_says_who_it_is,
)
from tests.kit.fault_mixes import of_size
from tests.kit.key_server import KeyServer

Document = dict[str, Any]
Change = Callable[[Document], Document]
Attack = Callable[[World], bool]
Mutant = Callable[[pytest.MonkeyPatch], None]


def with_(**members: Any) -> Change:
    return lambda document: {**document, **members}


def with_key(name: str, key: str) -> Change:
    return lambda document: {**document, "keys": {**document["keys"], name: key}}


def signed_by(user_id: str, key_id: str) -> Change:
    """Say that the signature is somebody else's."""

    def change(document: Document) -> Document:
        ((signature,),) = (of_user.values() for of_user in document["signatures"].values())
        return {**document, "signatures": {user_id: {key_id: signature}}}

    return change


def with_signature(edit: Callable[[str], Any]) -> Change:
    def change(document: Document) -> Document:
        signatures = {
            user_id: {key_id: edit(signature) for key_id, signature in of_user.items()}
            for user_id, of_user in document["signatures"].items()
        }
        return {**document, "signatures": signatures}

    return change


SIGNATURES: dict[str, Change] = {
    "no signatures": lambda document: {name: value for name, value in document.items() if name != "signatures"},
    "empty signatures": with_(signatures={}),
    "signatures that are none": with_(signatures=[]),
    "signatures of nobody": with_(signatures={BOB: {}, ALICE: {}}),
    "signed by another user": signed_by(CAROL, "ed25519:B1"),
    "signed by another device": signed_by(BOB, "ed25519:OTHER"),
    "signed in another way": signed_by(BOB, "hmac:B1"),
    "a signature cut": with_signature(lambda signature: signature[:-4]),
    "a signature turned round": with_signature(lambda signature: signature[::-1]),
    "a signature of zeros": with_signature(lambda signature: "A" * len(signature)),
    "a signature that is no text": with_signature(lambda signature: 1),
    "an empty signature": with_signature(lambda signature: ""),
    "something more": with_(more=True),
}
DEVICE_KEYS: dict[str, Change] = {
    **SIGNATURES,
    "another way to encrypt": lambda document: {**document, "algorithms": [*document["algorithms"], "m.more"]},
    "fewer ways to encrypt": lambda document: {**document, "algorithms": document["algorithms"][1:]},
    "a key more": with_key("curve25519:OTHER", ZERO_KEY),
    "a fingerprint more": with_key("ed25519:OTHER", ZERO_KEY),
}
ONE_TIME_KEYS: dict[str, Change] = {
    **SIGNATURES,
    "made a fallback key": with_(fallback=True),
    "another key": with_(key="DUTeLX1cNsvj3LRm0xSRYUPNsRgxzzEuWUNfoxJpiyo"),
}


# ------------------------------------------------------------------ V15: keys of devices, and one-time keys


def changed_device_keys(change: Change) -> Attack:
    def attack(world: World) -> bool:
        of_bob = world.server.devices[BOB]
        of_bob["B1"] = change(copy.deepcopy(of_bob["B1"]))
        world.alice.share(ROOM, [ALICE, BOB])
        return bool(world.alice.engine.devices_of(BOB))

    return attack


def changed_one_time_keys(change: Change) -> Attack:
    def attack(world: World) -> bool:
        keys = world.server.one_time_keys[world.bob.me]
        for name in keys:
            keys[name] = change(copy.deepcopy(keys[name]))
        return bool(world.alice.share(ROOM, [ALICE, BOB]).shared_with)

    return attack


def signatures_of_devices_are_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(devices, "verify_json", lambda *_: None)


def signatures_of_keys_are_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(olm, "verify_json", lambda *_: None)


# ------------------------------------------------------------------ V6: what a message says of its ends

NAMES_LIKE: dict[str, Callable[[str], str]] = {
    "another user": lambda name: CAROL,
    "capitals": lambda name: name.upper(),
    "a blank more": lambda name: f"{name} ",
    "a line more": lambda name: f"{name}\n",
    "another server": lambda name: f"{name}.example",
    "without its sign": lambda name: name[1:],
    "nobody": lambda name: "",
}
NO_NAMES: dict[str, Any] = {"null": None, "a number": 0, "a list": [], "an object": {}, "true": True}
KEYS_LIKE: dict[str, Callable[[str], str]] = {
    "another key": lambda key: ZERO_KEY,
    "capitals": lambda key: key.upper(),
    "padded": lambda key: f"{key}=",
    "cut": lambda key: key[:-1],
    "no key": lambda key: "",
}


def saying(**lies: Any) -> Attack:
    return lambda world: world.delivered("m.room.encrypted", world.olm_message(**lies))


def claiming_a_key(edit: Callable[[str], str]) -> Attack:
    return lambda world: saying(own={"ed25519": edit(world.alice.engine.own.ed25519)})(world)


def for_a_key(edit: Callable[[str], Any]) -> Attack:
    return lambda world: saying(to={"ed25519": edit(world.bob.engine.own.ed25519)})(world)


def bringing_changed_keys(change: Change) -> Attack:
    def attack(world: World) -> bool:
        keys = change(copy.deepcopy(world.server.devices[ALICE]["A1"]))
        return world.delivered("m.room.encrypted", world.olm_message(signed=keys))

    return attack


def bringing_keys_of_another(world: World) -> bool:
    theirs = world.peer(ALICE, "A2", server=KeyServer()).server.devices[ALICE]["A2"]
    return world.delivered("m.room.encrypted", world.olm_message(signed=theirs))


# ------------------------------------------------------------------ V3, V5, V8, V9: messages and keys


def in_plain_text(event_type: str) -> Attack:
    def attack(world: World) -> bool:
        session_id = world.said().content["session_id"]
        content = {"algorithm": "m.megolm.v1.aes-sha2", "room_id": ROOM, "session_id": session_id, "secret": "x"}
        return world.delivered(event_type, content)

    return attack


def read_again(**changes: Any) -> Attack:
    """Show a message as another event, in the same life and after a restart."""

    def attack(world: World) -> bool:
        event = world.said()
        world.bob.read(event)
        again = attrs.evolve(event, **changes)
        succeeded = world.bob_reads(again)
        world.bob.engine.note_readings()
        world.bob.restart()
        return world.bob_reads(again) or succeeded

    return attack


def read_as(**changes: Any) -> Attack:
    return lambda world: world.bob_reads(attrs.evolve(world.said(), **changes))


def from_another_room(world: World) -> bool:
    event = world.said()
    with world.bob.engine.step() as step:
        record = step.record("megolm.in", f"{ROOM} {event.content['session_id']}")
        assert record is not None
        step.put_record("megolm.in", f"{OTHER} {event.content['session_id']}", {**record, "room_id": OTHER})
    return world.bob_reads(attrs.evolve(event, room_id=OTHER, event_id="$elsewhere"))


def attacks() -> list[tuple[str, Attack, Mutant]]:
    """Return all attacks, each with what lets it through."""
    found: list[tuple[str, Attack, Mutant]] = []
    for name, change in DEVICE_KEYS.items():
        found.append((f"V15 device keys: {name}", changed_device_keys(change), signatures_of_devices_are_not_checked))
        found.append((f"V6 brought keys: {name}", bringing_changed_keys(change), devices_are_not_compared))
    for name, change in ONE_TIME_KEYS.items():
        found.append((f"V15 one-time key: {name}", changed_one_time_keys(change), signatures_of_keys_are_not_checked))
    for name, edit in NAMES_LIKE.items():
        found.append((f"V6 sender: {name}", saying(own={"user_id": edit(ALICE)}), the_sender_says_who_it_is))
        found.append((f"V6 recipient: {name}", saying(to={"user_id": edit(BOB)}), everybody_is_meant))
        found.append((f"V5 sender: {name}", read_as(sender=edit(ALICE)), nobody_owns_keys))
    for name, value in NO_NAMES.items():
        found.append((f"V6 sender: {name}", saying(own={"user_id": value}), the_sender_says_who_it_is))
        found.append((f"V6 recipient: {name}", saying(to={"user_id": value}), everybody_is_meant))
        found.append((f"V6 recipient's key: {name}", saying(to={"ed25519": value}), everybody_is_meant))
    for name, edit_key in KEYS_LIKE.items():
        found.append((f"V6 sender's key: {name}", claiming_a_key(edit_key), devices_are_not_compared))
        found.append((f"V6 recipient's key: {name}", for_a_key(edit_key), everybody_is_meant))
    for value in (0, [], "keys", True):
        found.append((f"V6 brought keys: {value!r}", saying(signed=value), devices_are_not_compared))
    found.append(("V6 brought keys: of another device", bringing_keys_of_another, devices_are_not_compared))
    for kind in ("m.room_key", "m.forwarded_room_key", "m.secret.send", "m.dummy"):
        found.append((f"V3 in plain text: {kind}", in_plain_text(kind), plain_text_will_do))
    for changes in ({"event_id": "$again"}, {"origin_server_ts": 99}, {"event_id": "$again", "origin_server_ts": 99}):
        found.append((f"V8 again: {sorted(changes)}", read_again(**changes), places_are_forgotten))
    found.append(("V5 sender: who it was for", read_as(sender=BOB), nobody_owns_keys))
    found.append(("V9 from another room", from_another_room, rooms_are_not_compared))
    return found


ATTACKS = attacks()


@pytest.fixture(params=LIBRARIES)
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param, BlindTrust())


@pytest.mark.parametrize(("attack", "mutant"), [one[1:] for one in ATTACKS], ids=[one[0] for one in ATTACKS])
def test_the_change_is_refused(world: World, attack: Attack, mutant: Mutant) -> None:
    assert attack(world) is False


@pytest.mark.parametrize("library", LIBRARIES[: of_size(1, 2)])
@pytest.mark.parametrize(("attack", "mutant"), [one[1:] for one in ATTACKS], ids=[one[0] for one in ATTACKS])
def test_without_its_check_it_is_taken(
    library: BackendName, attack: Attack, mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    assert attack(World(library, BlindTrust())) is True
