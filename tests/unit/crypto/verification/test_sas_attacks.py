"""A server in between, at each step; and each check taken out, to see that it was what stopped the attack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from gomatrix_py.canonical_json import canonical_json
from gomatrix_py.crypto.backend import BackendName, backend, guards
from gomatrix_py.crypto.steps import Step
from gomatrix_py.crypto.verification import Identities, IdentityKeys, Message, Outgoing, State, Verification
from gomatrix_py.crypto.verification.sas import Exchange, commitment
from tests.kit.verifying import ALICE, BOB, Side, Wire, acquainted, run_to, signed_keys

Changer = Callable[[Side, dict[str, Any]], dict[str, Any]]
ZERO_KEY = "A" * 43


class Attack:
    """What a server does to a verification, where both people are fooled into confirming."""

    def __init__(self, *, bob_knows: int = 0, identities: Identities | None = None, **options: Any) -> None:
        self.alice = Side(ALICE, "A1", options.get("library", "vodozemac"), identities=identities)
        self.bob = Side(BOB, options.get("bobs_id", "B1"), options.get("library", "vodozemac"))
        self.wire: Wire = acquainted(self.alice, self.bob)
        self.options = options

    def change(self, kind: Message, by: str, changer: Changer) -> None:
        """Change the contents of one kind of message of one user."""

        def tampering(sender: Side, message: Outgoing) -> list[Outgoing]:
            if message.event_type == kind.value and sender.me[0] == by:
                return [attrs.evolve(message, content=changer(sender, dict(message.content)))]
            return [message]

        self.wire.tampering = tampering

    def run(self, starter: str = ALICE, meanwhile: Callable[[], None] = lambda: None) -> Verification:
        """Go as far as it goes, and return Alice's verification."""
        tampering = self.wire.tampering
        ours = run_to(State.READY, self.alice, self.bob, self.wire)
        self.wire.tampering = tampering
        side = self.alice if starter == ALICE else self.bob
        side.do(side.only.start_sas)
        self.wire.pump()
        meanwhile()
        for side in (self.alice, self.bob):
            for one in side.verifications.running:
                if one.state in (State.COMPARING, State.MAC_RECEIVED):
                    side.do(one.confirm)
            self.wire.pump()
        return ours


def replaced(**members: object) -> Changer:
    return lambda sender, content: {**content, **members}


def another_key(sender: Side, content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "key": backend("vodozemac").new_sas().public_key}


def its_own_key_back(attack: Attack) -> None:
    """Give Alice, who started, her own key as Bob's, with a commitment that fits."""

    def tampering(sender: Side, message: Outgoing) -> list[Outgoing]:
        own_key = attack.alice.only._exchange.public_key if attack.alice.verifications.running else ""
        return [_fitting(attack, message, sender, own_key)]

    attack.wire.tampering = tampering


def a_zero_key(attack: Attack) -> None:
    """Give Alice, who started, a key of low order, with a commitment that fits."""
    attack.wire.tampering = lambda sender, message: [_fitting(attack, message, sender, ZERO_KEY)]


def _fitting(attack: Attack, message: Outgoing, sender: Side, key: str) -> Outgoing:
    if sender is attack.alice:
        return message
    if message.event_type == Message.KEY.value:
        return attrs.evolve(message, content={**message.content, "key": key})
    if message.event_type == Message.ACCEPT.value:
        start = next(one for _, one in attack.wire.log if one.event_type == Message.START.value)
        fitting = commitment(key, canonical_json(start.content))
        return attrs.evolve(message, content={**message.content, "commitment": fitting})
    return message


class Known(Identities):
    """Bob has a master key."""

    def __init__(self, master: str) -> None:
        self.master = master
        self.verified: list[tuple[str, str]] = []

    def keys_of(self, step: Step, user_id: str) -> IdentityKeys | None:
        return IdentityKeys(self.master) if user_id == BOB else None

    def note_verified(self, step: Step, user_id: str, master_key: str) -> None:
        self.verified.append((user_id, master_key))


def swapped_before(attack: Attack) -> Verification:
    """Bob's keys are the server's from the start; Bob himself sees nothing odd."""
    attack.alice = Side(ALICE, "A1")
    attack.alice.learn(BOB, [signed_keys("vodozemac", BOB, "B1", 1)])
    attack.bob.learn(ALICE, [attack.alice.keys])
    attack.wire = Wire(attack.alice, attack.bob)
    return attack.run()


def swapped_meanwhile(attack: Attack) -> Verification:
    return attack.run(
        meanwhile=lambda: attack.alice.learn(BOB, [signed_keys("vodozemac", BOB, "B1", 1)])
    )


def deleted_meanwhile(attack: Attack) -> Verification:
    return attack.run(meanwhile=lambda: attack.alice.learn(BOB, []))


def changed(kind: Message, by: str, changer: Changer, starter: str = ALICE) -> Callable[[Attack], Verification]:
    def act(attack: Attack) -> Verification:
        attack.change(kind, by, changer)
        return attack.run(starter)

    return act


def by(prepare: Callable[[Attack], None]) -> Callable[[Attack], Verification]:
    def act(attack: Attack) -> Verification:
        prepare(attack)
        return attack.run()

    return act


def more_macs(sender: Side, content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "mac": {**content["mac"], "ed25519:other": "A" * 43}}


def other_id(sender: Side, content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "mac": {"ed25519:other": content["mac"]["ed25519:B1"]}}


DOWNGRADE = {
    "key_agreement_protocols": ["curve25519"],
    "hashes": ["md5"],
    "message_authentication_codes": ["hkdf-hmac-sha256", "hmac-sha256"],
}
NO_CHECK = lambda *args, **more: None  # noqa: E731
ATTACKS: dict[str, tuple[Callable[[Attack], Verification], str, tuple[tuple[object, str], ...]]] = {
    "the accepter's key is swapped": (
        changed(Message.KEY, BOB, another_key),
        "m.mismatched_commitment",
        ((Exchange, "_check_commitment"), (Exchange, "_check_mac")),
    ),
    "the commitment is swapped": (
        changed(Message.ACCEPT, BOB, replaced(commitment=ZERO_KEY)),
        "m.mismatched_commitment",
        ((Exchange, "_check_commitment"),),
    ),
    "the start is changed on its way": (
        changed(Message.START, ALICE, replaced(short_authentication_string=["decimal"])),
        "m.mismatched_commitment",
        ((Exchange, "_check_commitment"),),
    ),
    "the starter's key is swapped": (
        changed(Message.KEY, BOB, another_key, starter=BOB),
        "m.key_mismatch",
        ((Exchange, "_check_mac"),),
    ),
    "we get our own key back": (by(its_own_key_back), "m.invalid_message", ((Exchange, "_check_key"), (Exchange, "_check_mac"))),
    "the other device has other keys": (swapped_before, "m.key_mismatch", ((Exchange, "_check_mac"),)),
    "keys are swapped while we compare": (
        swapped_meanwhile,
        "m.key_mismatch",
        ((__import__("gomatrix_py.crypto.verification.keys", fromlist=["x"]).KeysAtStart, "check_unchanged"),),
    ),
    "the device is deleted while we compare": (
        deleted_meanwhile,
        "m.key_mismatch",
        ((__import__("gomatrix_py.crypto.verification.keys", fromlist=["x"]).KeysAtStart, "check_unchanged"),),
    ),
    "a key is added to those that are vouched for": (
        changed(Message.MAC, BOB, more_macs),
        "m.key_mismatch",
        ((Exchange, "_check_mac"),),
    ),
    "the MAC of the list is wrong": (
        changed(Message.MAC, BOB, replaced(keys=ZERO_KEY)),
        "m.key_mismatch",
        ((Exchange, "_check_mac"),),
    ),
    "weaker methods are offered": (
        changed(Message.START, BOB, replaced(**DOWNGRADE), starter=BOB),
        "m.unknown_method",
        (("gomatrix_py.crypto.verification.sas", "_choose"),),
    ),
    "weaker methods are chosen": (
        changed(Message.ACCEPT, BOB, replaced(message_authentication_code="hkdf-hmac-sha256")),
        "m.unknown_method",
        (("gomatrix_py.crypto.verification.sas", "_choose"),),
    ),
}
