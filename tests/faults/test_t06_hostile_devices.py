"""T6: servers that hide and invent devices, rooms that ask for unsound settings, and floods.

As in `test_t06_hostile_crypto`, an attack must not succeed with either library, and must once its check is taken out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gomatrix_py.crypto import arrivals, devices, inbound, olm, outbound
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.device_info import DeviceInfo, Trust
from gomatrix_py.crypto.devices import Devices
from gomatrix_py.crypto.engine import Engine
from gomatrix_py.crypto.outbound import RoomSettings
from gomatrix_py.crypto.signing import sign_json
from gomatrix_py.crypto.steps import Step
from gomatrix_py.crypto.trust import (
    BLACKLISTED,
    VERIFIED,
    BlindTrust,
    BlindTrustBeforeVerification,
    ManualTrust,
    TrustOnFirstUse,
    TrustPolicy,
    VerifiedOnly,
)
from gomatrix_py.errors import DecryptionFailed
from tests.faults.test_t06_hostile_crypto import (
    ALICE,
    BOB,
    CAROL,
    LIBRARIES,
    ROOM,
    World,
    nobody_is_missed,
    nothing_is_pinned,
)
from tests.faults.test_t06_hostile_members import give
from tests.kit.fault_mixes import of_size
from tests.kit.key_server import Peer

Attack = Callable[[World], bool]
Mutant = Callable[[pytest.MonkeyPatch], None]


# ------------------------------------------------------------------ V15, V16, V19: devices hidden and invented


def ghost_beside(policy: type[TrustPolicy], hides: bool = True, level: str = "", flood: int = 0) -> Attack:
    """The server shows a device of its own as Bob's; without all others, where it hides those."""

    def attack(world: World) -> bool:
        world.said()
        world.alice.engine.set_levels(BOB, {world.bob.engine.own.ed25519: level} if level else {})
        world.clock.at_s += 3600
        if flood:
            _flooded(world, flood)
        ghost = world.peer(BOB, "GHOST")
        if hides:
            world.server.devices[BOB] = {"GHOST": world.server.devices[BOB]["GHOST"]}
        world.alice.sync(changed=(BOB,))
        world.alice.engine.query_for([BOB])
        world.alice.send_all()
        judging: Any = policy()
        world.alice.engine.policy = world.alice.engine.sharing.policy = judging
        trusted = world.alice.engine.recipients([ALICE, BOB]).trusted
        return any(one.ed25519 == ghost.engine.own.ed25519 for one in trusted)

    return attack


def _flooded(world: World, count: int) -> None:
    """Show more devices than are kept, so that those that were there before are forgotten."""
    account = world.bob.engine.backend.new_account()
    world.server.devices[BOB] = {}
    for number in range(count):
        name = f"D{number}"
        keys = {f"ed25519:{name}": account.ed25519_key, f"curve25519:{name}": account.curve25519_key}
        document = {"user_id": BOB, "device_id": name, "algorithms": [inbound.MEGOLM], "keys": keys}
        world.server.devices[BOB][name] = sign_json(document, account, BOB, name)
    for _ in range(2):
        world.alice.sync(changed=(BOB,))
        world.alice.engine.query_for([BOB])
        world.alice.send_all()


def only_those_that_are_shown_count(patch: pytest.MonkeyPatch) -> None:
    for policy in (TrustOnFirstUse, BlindTrustBeforeVerification):
        unset = policy.unset

        def of_active(self: Any, device: DeviceInfo, of_user: Any, unset: Any = unset) -> Trust:
            return Trust(unset(self, device, frozenset(one for one in of_user if one.is_active)))

        patch.setattr(policy, "unset", of_active)


def the_unknown_are_trusted(patch: pytest.MonkeyPatch) -> None:
    for policy in (TrustOnFirstUse, BlindTrustBeforeVerification, ManualTrust, VerifiedOnly):
        patch.setattr(policy, "unset", BlindTrust.unset)


def the_first_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    def forget(self: Devices, step: Step, user_id: str) -> None:
        of_user = sorted(self.of_user(step, user_id), key=lambda one: (one.is_active, one.first_seen_ts))
        for one in of_user[: len(of_user) - devices.DEVICES_PER_USER]:
            step.remove("devices", f"{one.user_id} {one.device_id}")

    patch.setattr(Devices, "_forget_some", forget)


def refused_under_another_name(world: World) -> bool:
    """A device that was refused comes again with the same keys, by another name."""
    world.said()
    own = world.bob.engine.own
    world.alice.engine.set_levels(BOB, {own.ed25519: BLACKLISTED})
    keys = {"ed25519:NEW": own.ed25519, "curve25519:NEW": own.curve25519}
    document = {"user_id": BOB, "device_id": "NEW", "algorithms": [inbound.MEGOLM], "keys": keys}
    with world.bob.engine.step() as step:
        account = world.bob.engine.account.identity(step)
    world.server.devices[BOB]["NEW"] = sign_json(document, account, BOB, "NEW")
    world.changed(BOB)
    return any(one.device_id == "NEW" for one in world.alice.engine.recipients([ALICE, BOB]).trusted)


def levels_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(devices, "level_of", lambda *_: "")


def reads_on(prepare: Callable[[World], None]) -> Attack:
    def attack(world: World) -> bool:
        carol = world.peer(CAROL, "C1")
        world.said()
        world.alice.say(ROOM, [ALICE, BOB, CAROL], "with carol")
        carol.sync()
        prepare(world)
        event = world.alice.say(ROOM, [ALICE, BOB, CAROL], "without")
        carol.sync()
        try:
            return carol.read(event) == "without"
        except DecryptionFailed:
            return False

    return attack


def is_refused(world: World) -> None:
    (carol,) = world.alice.engine.devices_of(CAROL)
    world.alice.engine.set_levels(CAROL, {carol.ed25519: BLACKLISTED})


def is_logged_out(world: World) -> None:
    world.server.devices[CAROL] = {}
    world.changed(CAROL)


def shown_again_with_other_keys(world: World) -> bool:
    world.said()
    world.server.devices[BOB] = {}
    world.changed(BOB)
    stranger = Peer(type(world.server)(), BOB, "B1", library=world.library)
    world.server.devices[BOB] = stranger.server.devices[BOB]
    world.changed(BOB)
    return any(one.ed25519 == stranger.engine.own.ed25519 for one in world.alice.engine.devices_of(BOB))


def one_key_changed(which: str) -> Attack:
    def attack(world: World) -> bool:
        world.said()
        account = world.bob.engine.backend.new_account()
        with world.bob.engine.step() as step:
            own = world.bob.engine.account.identity(step)
        ed25519, curve25519 = own.ed25519_key, own.curve25519_key
        signer = own
        if which == "ed25519":
            ed25519, signer = account.ed25519_key, account
        else:
            curve25519 = account.curve25519_key
        keys = {"ed25519:B1": ed25519, "curve25519:B1": curve25519}
        document = {"user_id": BOB, "device_id": "B1", "algorithms": [inbound.MEGOLM], "keys": keys}
        world.server.devices[BOB]["B1"] = sign_json(document, signer, BOB, "B1")
        world.changed(BOB)
        (found,) = world.alice.engine.devices_of(BOB)
        return (found.ed25519, found.curve25519) == (ed25519, curve25519)

    return attack


# ------------------------------------------------------------------ V18, V33: settings, and floods


def settings_of(encryption: Any, is_unsound: Callable[[RoomSettings], bool]) -> Attack:
    return lambda world: is_unsound(RoomSettings.from_contents(encryption))


def no_bounds_for_settings(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outbound, "_MOST_MESSAGES", 10**12)
    patch.setattr(outbound, "_LEAST_LIFE_MS", 0)
    patch.setattr(outbound, "_is_number", lambda value: value is not None)


def other_settings_later(content: dict[str, Any]) -> Attack:
    def attack(world: World) -> bool:
        world.alice.engine.note_encrypted(ROOM, {"algorithm": inbound.MEGOLM})
        world.alice.engine.note_encrypted(ROOM, content)
        return world.alice.engine.room_settings(ROOM) != {"algorithm": inbound.MEGOLM}

    return attack


def settings_are_replaced(patch: pytest.MonkeyPatch) -> None:
    def replacing(self: Engine, room_id: str, content: dict[str, Any]) -> None:
        with self.step() as step:
            step.put_record("rooms", room_id, content)

    patch.setattr(Engine, "note_encrypted", replacing)


def sessions_without_end(world: World) -> bool:
    carol = world.peer(CAROL, "C1")
    for _ in range(15):
        give(world, carol, {})
        with carol.engine.step() as step:
            (bob,) = carol.engine.devices.of_user(step, BOB)
            carol.engine.olm.drop_sessions(step, bob)
            carol.engine.outbound.invalidate_all(step)
    with world.bob.engine.step() as step:
        return len(list(step.scan("olm", f"{carol.engine.own.curve25519} "))) > 10


def no_bound_for_sessions(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(olm, "SESSIONS_PER_DEVICE", 10**6)


def healing_without_end(world: World) -> bool:
    """Each message that cannot be read would cost a one-time key of the device that it says it is from."""
    world.bob.share(ROOM, [ALICE, BOB])
    garbage = {"type": 1, "body": "AwogAAAA"}
    sender_key = world.alice.engine.own.curve25519
    healed = 0
    for _ in range(5):
        content: dict[str, Any] = {"algorithm": olm.OLM, "sender_key": sender_key, "ciphertext": {}}
        content["ciphertext"] = {world.bob.engine.own.curve25519: garbage}
        world.server.inboxes[world.bob.me] = [{"type": "m.room.encrypted", "sender": ALICE, "content": content}]
        world.bob.sync()
        wedged = world.bob.engine.wedged_devices()
        healed += len(wedged)
        with world.bob.engine.step() as step:
            for device in wedged:
                world.bob.engine.arrivals.note_unwedged(step, device.user_id, device.device_id)
        world.clock.at_s += 60
    return healed > 1


def healing_is_not_slowed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(arrivals, "HOUR_MS", 0)


def _far(settings: RoomSettings) -> bool:
    return settings.rotation_msgs > 10_000


def _busy(settings: RoomSettings) -> bool:
    return settings.rotation_ms < 3_600_000


def _odd(settings: RoomSettings) -> bool:
    return type(settings.rotation_msgs) is not int


ATTACKS: list[tuple[str, Attack, Mutant]] = [
    ("V16 first use, others hidden", ghost_beside(TrustOnFirstUse), only_those_that_are_shown_count),
    (
        "V16 before verification, others hidden",
        ghost_beside(BlindTrustBeforeVerification, level=VERIFIED),
        only_those_that_are_shown_count,
    ),
    ("V16 first use, others forgotten", ghost_beside(TrustOnFirstUse, flood=30), the_first_is_forgotten),
    (
        "V19 before verification, beside one",
        ghost_beside(BlindTrustBeforeVerification, hides=False, level=VERIFIED),
        the_unknown_are_trusted,
    ),
    ("V19 verified only", ghost_beside(VerifiedOnly), the_unknown_are_trusted),
    ("V19 by hand only", ghost_beside(ManualTrust), the_unknown_are_trusted),
    ("V19 refused, by another name", refused_under_another_name, levels_are_forgotten),
    ("V19 refused, and reads on", reads_on(is_refused), nobody_is_missed),
    ("V19 logged out, and reads on", reads_on(is_logged_out), nobody_is_missed),
    ("V15 hidden, and other keys", shown_again_with_other_keys, nothing_is_pinned),
    ("V15 another fingerprint", one_key_changed("ed25519"), nothing_is_pinned),
    ("V15 another identity key", one_key_changed("curve25519"), nothing_is_pinned),
    ("V18 a key for ever", settings_of({"rotation_period_msgs": 10**9}, _far), no_bounds_for_settings),
    ("V18 a key for no time", settings_of({"rotation_period_ms": 0}, _busy), no_bounds_for_settings),
    ("V18 a key for less", settings_of({"rotation_period_ms": -(2**53)}, _busy), no_bounds_for_settings),
    ("V18 a number that is none", settings_of({"rotation_period_msgs": 1.5}, _odd), no_bounds_for_settings),
    ("V18 nothing later", other_settings_later({}), settings_are_replaced),
    ("V18 another way later", other_settings_later({"algorithm": "m.none"}), settings_are_replaced),
    ("V33 sessions", sessions_without_end, no_bound_for_sessions),
    ("V33 healing", healing_without_end, healing_is_not_slowed),
]
BY_NAME = pytest.mark.parametrize(("attack", "mutant"), [one[1:] for one in ATTACKS], ids=[one[0] for one in ATTACKS])


@pytest.fixture
def few_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "DEVICES_PER_USER", 20)


@BY_NAME
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.usefixtures("few_devices")
def test_it_is_refused(library: BackendName, attack: Attack, mutant: Mutant) -> None:
    assert attack(World(library, BlindTrust())) is False


@BY_NAME
@pytest.mark.parametrize("library", LIBRARIES[: of_size(1, 2)])
@pytest.mark.usefixtures("few_devices")
def test_without_its_check_it_is_not(
    library: BackendName, attack: Attack, mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    assert attack(World(library, BlindTrust())) is True
