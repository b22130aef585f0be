"""T6: what a hostile homeserver, or a hostile peer, tries against encryption; each with its check taken out.

An attack returns whether it succeeded. It must not, with either library; it must, once the check that refuses it is
gone, so that an attack that could never succeed is found out. The numbers are those of the table of
vulnerability classes.
"""

from __future__ import annotations

import base64
import copy
import signal
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from gomatrix_py.codec import loads
from gomatrix_py.crypto import arrivals, devices, inbound, olm
from gomatrix_py.crypto.backend import BackendName, guards, olm_backend
from gomatrix_py.crypto.devices import Devices
from gomatrix_py.crypto.inbound import Inbound
from gomatrix_py.crypto.olm import OlmMachine
from gomatrix_py.crypto.outbound import Outbound
from gomatrix_py.crypto.signing import sign_json
from gomatrix_py.crypto.trust import BlindTrust, TrustOnFirstUse
from gomatrix_py.errors import BadKey, BadSignature, DecryptionFailed, UnknownMessageIndex
from gomatrix_py.events import Event
from tests.kit.crash import run_python
from tests.kit.forgetful_server import FrozenClock
from tests.kit.key_server import KeyServer, Peer

ROOM, OTHER = "!room:hs", "!other:hs"
ALICE, BOB, CAROL = "@alice:hs", "@bob:hs", "@carol:hs"
ZERO_KEY = "A" * 43
LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")


class World:
    """Alice writes to Bob over a server that cannot be trusted."""

    def __init__(self, library: BackendName, policy: Any) -> None:
        self.server, self.library, self.clock = KeyServer(), library, FrozenClock()
        self.alice = self.peer(ALICE, "A1", policy)
        self.bob = self.peer(BOB, "B1", BlindTrust())

    def peer(self, user_id: str, device_id: str, policy: Any = None, server: KeyServer | None = None) -> Peer:
        options: dict[str, Any] = {"library": self.library, "policy": policy or BlindTrust(), "clock": self.clock}
        return Peer(server or self.server, user_id, device_id, **options)

    def said(self, text: str = "secret") -> Event:
        """Return an event that Bob has the key for."""
        event = self.alice.say(ROOM, [ALICE, BOB], text)
        self.bob.sync()
        return event

    def bob_reads(self, event: Event) -> bool:
        try:
            return bool(self.bob.read(event))
        except DecryptionFailed:
            return False

    def delivered(self, event_type: str, content: Any, sender: str = ALICE) -> bool:
        """Return whether what is put into Bob's inbox is taken in."""
        self.server.inboxes[self.bob.me] = [{"type": event_type, "sender": sender, "content": content}]
        return bool(self.bob.sync()[0])

    def olm_message(self, **lies: Any) -> Any:
        """Return what Alice's device encrypts for Bob's, with what it says of itself or of him changed."""
        self.bob.share(ROOM, [ALICE, BOB])
        self.alice.sync()
        self.said()
        (device,) = self.alice.engine.devices_of(BOB)
        own = attrs.evolve(self.alice.engine.own, **lies.pop("own", {}))
        with self.alice.engine.step() as step:
            if "signed" in lies:
                self.alice.engine.account._device_keys = lies["signed"]
            to = attrs.evolve(device, **lies.get("to", {}))
            return self.alice.engine.olm.encrypt(step, own, to, "org.example", {})

    def changed(self, user_id: str) -> None:
        """Let Alice hear that a user's devices changed, and ask for them."""
        self.alice.sync(changed=(user_id,))
        self.alice.share(ROOM, [ALICE, BOB])


Attack = Callable[[World], bool]
Mutant = Callable[[pytest.MonkeyPatch], None]


# ------------------------------------------------------------------ V5, V8, V9, V10: events of rooms


def another_sender(world: World) -> bool:
    return world.bob_reads(attrs.evolve(world.said(), sender=CAROL))


def nobody_owns_keys(patch: pytest.MonkeyPatch) -> None:
    opened = Inbound._opened

    def unowned(self: Inbound, *args: Any) -> Any:
        found = opened(self, *args)
        return found and found._replace(key=attrs.evolve(found.key, sender=""))

    patch.setattr(Inbound, "_opened", unowned)


def the_same_again(world: World) -> bool:
    event = world.said()
    world.bob.read(event)
    world.bob.engine.note_readings()
    world.bob.restart()
    return world.bob_reads(attrs.evolve(event, event_id="$again")) or world.bob_reads(
        attrs.evolve(event, origin_server_ts=99)
    )


def places_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Inbound, "_note_index", lambda *_: None)


def another_room(world: World) -> bool:
    event = world.said()
    session_id = event.content["session_id"]
    with world.bob.engine.step() as step:  # as if the key had been brought there
        record = step.record("megolm.in", f"{ROOM} {session_id}")
        assert record is not None
        step.put_record("megolm.in", f"{OTHER} {session_id}", {**record, "room_id": OTHER})
    return world.bob_reads(attrs.evolve(event, room_id=OTHER))


def rooms_are_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(inbound, "_payload", lambda plaintext: {**loads(plaintext), "room_id": OTHER})


def a_key_that_reads_less(world: World) -> bool:
    event = world.said()
    world.said("two")
    with world.alice.engine.step() as step:
        key, index = world.alice.engine.outbound.room_key(step, ROOM)
        assert index > 0
        (device,) = world.alice.engine.devices.of_user(step, BOB)
        content = world.alice.engine.olm.encrypt(step, world.alice.engine.own, device, "m.room_key", key)
    world.delivered("m.room.encrypted", content)
    try:
        world.bob.read(event)
    except UnknownMessageIndex:
        return True
    return False


def every_key_is_better(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Inbound, "_merged", lambda self, step, known, key, session: key)


# ------------------------------------------------------------------ V3, V6: messages between devices


def a_key_in_plain_text(world: World) -> bool:
    event = world.said()
    key = {"algorithm": inbound.MEGOLM, "room_id": ROOM, "session_id": event.content["session_id"]}
    return any(world.delivered(kind, key) for kind in ("m.room_key", "m.forwarded_room_key", "m.secret.send"))


def plain_text_will_do(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(arrivals, "_ONLY_ENCRYPTED", frozenset())


def sent_for_somebody_else(world: World) -> bool:
    return world.delivered("m.room.encrypted", world.olm_message(), CAROL)


def written_by_somebody_else(world: World) -> bool:
    return world.delivered("m.room.encrypted", world.olm_message(own={"user_id": CAROL}))


def the_sender_says_who_it_is(patch: pytest.MonkeyPatch) -> None:
    checked = OlmMachine._checked

    def trusting(self: OlmMachine, step: Any, own: Any, sender: str, key: str, plaintext: bytes) -> Any:
        return checked(self, step, own, loads(plaintext)["sender"], key, plaintext)

    patch.setattr(OlmMachine, "_checked", trusting)
    patch.setattr(OlmMachine, "_sending_device", lambda *_: None)


def for_another_user(world: World) -> bool:
    return world.delivered("m.room.encrypted", world.olm_message(to={"user_id": CAROL}))


def for_another_device(world: World) -> bool:
    return world.delivered("m.room.encrypted", world.olm_message(to={"ed25519": ZERO_KEY}))


def everybody_is_meant(patch: pytest.MonkeyPatch) -> None:
    checked = OlmMachine._checked

    def unchecked(self: OlmMachine, step: Any, own: Any, sender: str, key: str, plaintext: bytes) -> Any:
        said = loads(plaintext)
        own = attrs.evolve(own, user_id=said["recipient"], ed25519=said["recipient_keys"]["ed25519"])
        return checked(self, step, own, sender, key, plaintext)

    patch.setattr(OlmMachine, "_checked", unchecked)


def another_fingerprint(world: World) -> bool:
    return world.delivered("m.room.encrypted", world.olm_message(own={"ed25519": ZERO_KEY}))


def keys_that_nobody_signed(world: World) -> bool:
    keys = copy.deepcopy(world.server.devices[ALICE]["A1"])
    keys["algorithms"].append("m.more")
    return world.delivered("m.room.encrypted", world.olm_message(signed=keys))


def devices_are_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OlmMachine, "_sending_device", lambda *_: None)


# ------------------------------------------------------------------ V14, V15, V19, V33: devices


def other_keys_for_a_device(world: World) -> bool:
    world.said()
    impostor = world.peer(BOB, "B1", server=KeyServer())
    world.server.devices[BOB]["B1"] = impostor.server.devices[BOB]["B1"]
    world.changed(BOB)
    return any(one.ed25519 == impostor.engine.own.ed25519 for one in world.alice.engine.devices_of(BOB))


def nothing_is_pinned(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Devices, "device", lambda *_: None)


def a_device_that_signed_nothing(world: World) -> bool:
    ghost = copy.deepcopy(world.server.devices[BOB]["B1"])
    ghost["keys"]["curve25519:B1"] = world.alice.engine.own.curve25519
    world.server.devices[BOB]["B1"] = ghost
    world.alice.share(ROOM, [ALICE, BOB])
    return bool(world.alice.engine.devices_of(BOB))


def signatures_of_devices_are_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(devices, "verify_json", lambda *_: None)


def a_one_time_key_of_the_server(world: World) -> bool:
    theirs = world.peer(CAROL, "C1", server=KeyServer()).server.one_time_keys[CAROL, "C1"]
    world.server.one_time_keys[world.bob.me] = theirs
    report = world.alice.share(ROOM, [ALICE, BOB])
    return bool(report.shared_with)


def signatures_of_keys_are_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(olm, "verify_json", lambda *_: None)


def a_device_out_of_nowhere(world: World) -> bool:
    world.alice.engine.policy = world.alice.engine.sharing.policy = TrustOnFirstUse()
    world.said()
    world.clock.at_s += 3600
    ghost = world.peer(BOB, "GHOST")
    world.changed(BOB)
    event = world.alice.say(ROOM, [ALICE, BOB], "not for ghosts")
    ghost.sync()
    try:
        return ghost.read(event) == "not for ghosts"
    except DecryptionFailed:
        return False


def whoever_comes_is_trusted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TrustOnFirstUse, "unset", BlindTrust.unset)


def who_left_reads_on(world: World) -> bool:
    carol = world.peer(CAROL, "C1")
    world.alice.say(ROOM, [ALICE, BOB, CAROL], "with carol")
    event = world.alice.say(ROOM, [ALICE, BOB], "without")
    carol.sync()
    try:
        return carol.read(event) == "without"
    except DecryptionFailed:
        return False


def nobody_is_missed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outbound, "_must_rotate", lambda *_: False)


def devices_without_end(world: World) -> bool:
    account = world.bob.engine.backend.new_account()
    for number in range(40):
        name = f"D{number}"
        keys = {f"ed25519:{name}": account.ed25519_key, f"curve25519:{name}": account.curve25519_key}
        document = {"user_id": BOB, "device_id": name, "algorithms": [], "keys": keys}
        world.server.devices[BOB][name] = sign_json(document, account, BOB, name)
    world.alice.share(ROOM, [ALICE, BOB])
    return len(world.alice.engine.devices_of(BOB)) > 20


def no_bound(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(devices, "DEVICES_PER_USER", 10**6)


ATTACKS: list[tuple[str, Attack, Mutant]] = [
    ("V5", another_sender, nobody_owns_keys),
    ("V8", the_same_again, places_are_forgotten),
    ("V9", another_room, rooms_are_not_compared),
    ("V10", a_key_that_reads_less, every_key_is_better),
    ("V3", a_key_in_plain_text, plain_text_will_do),
    ("V6", sent_for_somebody_else, the_sender_says_who_it_is),
    ("V6", written_by_somebody_else, the_sender_says_who_it_is),
    ("V6", for_another_user, everybody_is_meant),
    ("V6", for_another_device, everybody_is_meant),
    ("V6", another_fingerprint, devices_are_not_compared),
    ("V6", keys_that_nobody_signed, devices_are_not_compared),
    ("V15", other_keys_for_a_device, nothing_is_pinned),
    ("V15", a_device_that_signed_nothing, signatures_of_devices_are_not_checked),
    ("V15", a_one_time_key_of_the_server, signatures_of_keys_are_not_checked),
    ("V19", a_device_out_of_nowhere, whoever_comes_is_trusted),
    ("V19", who_left_reads_on, nobody_is_missed),
    ("V33", devices_without_end, no_bound),
]
NAMES = [f"{number}-{attack.__name__}" for number, attack, _ in ATTACKS]


@pytest.fixture(params=LIBRARIES)
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(devices, "DEVICES_PER_USER", 20)
    return World(request.param, BlindTrust())


@pytest.mark.parametrize(("number", "attack", "mutant"), ATTACKS, ids=NAMES)
def test_the_attack_is_refused(world: World, number: str, attack: Attack, mutant: Mutant) -> None:
    assert attack(world) is False


@pytest.mark.parametrize(("number", "attack", "mutant"), ATTACKS, ids=NAMES)
def test_without_its_check_it_succeeds(
    world: World, number: str, attack: Attack, mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    assert attack(world) is True


# ------------------------------------------------------------------ V14: keys of low order


@pytest.mark.parametrize("library", LIBRARIES)
def test_no_session_with_a_key_of_low_order(library: BackendName) -> None:
    world = World(library, BlindTrust())
    account = world.bob.engine.backend.new_account()
    keys = {"ed25519:Z": account.ed25519_key, "curve25519:Z": ZERO_KEY}
    document = {"user_id": BOB, "device_id": "Z", "algorithms": [inbound.MEGOLM], "keys": keys}
    world.server.devices[BOB] = {"Z": sign_json(document, account, BOB, "Z")}
    key = sign_json({"key": ZERO_KEY}, account, BOB, "Z")
    world.server.one_time_keys[BOB, "Z"] = {"signed_curve25519:AAAA": key}
    report = world.alice.share(ROOM, [ALICE, BOB])
    assert report.shared_with == ()
    assert [one.code for one in report.errors] == ["m.no_olm"]


def test_libolm_alone_would_make_one(monkeypatch: pytest.MonkeyPatch) -> None:
    account = olm_backend.OlmBackend().new_account()
    with pytest.raises(BadKey):
        account.create_outbound_session(ZERO_KEY, ZERO_KEY)
    monkeypatch.setattr(olm_backend, "check_curve25519_key", lambda _: None)
    assert account.create_outbound_session(ZERO_KEY, ZERO_KEY).id


def test_libolm_alone_would_take_a_malleable_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    library = olm_backend.OlmBackend()
    account = library.new_account()
    signature = guards.decode(account.sign(b"said"), 64)
    order = 2**252 + 27742317777372353535851937790883648493
    other = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    malleable = base64.b64encode(other).decode().rstrip("=")
    with pytest.raises(BadSignature):
        library.verify(account.ed25519_key, b"said", malleable)
    monkeypatch.setattr(olm_backend, "check_signature", lambda _: None)
    library.verify(account.ed25519_key, b"said", malleable)


def test_a_message_without_its_identity_key_would_end_the_process() -> None:
    def program(is_guarded: bool) -> str:
        return f"""
import base64
from gomatrix_py.crypto.backend import olm_backend
from gomatrix_py.crypto.backend.base import OlmMessage
from gomatrix_py.errors import DecryptionFailed
if not {is_guarded}:
    olm_backend.check_pre_key_message = lambda _: None
library = olm_backend.OlmBackend()
alice, bob = library.new_account(), library.new_account()
bob.generate_one_time_keys(1)
session = alice.create_outbound_session(bob.curve25519_key, next(iter(bob.one_time_keys().values())))
body = session.encrypt(b"hello").body
data = bytearray(base64.b64decode(body + "=" * (-len(body) % 4)))
assert data[69] == 0x1A
data[69] = 0x0A
try:
    bob.create_inbound_session(alice.curve25519_key, OlmMessage(0, base64.b64encode(data).decode().rstrip("=")))
except DecryptionFailed:
    print("refused")
"""

    assert run_python(program(True)).stdout == "refused\n"
    assert run_python(program(False)).returncode == -signal.SIGSEGV
