"""A server in between, at each step; and each check taken out, to see that it was what stopped the attack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from gomatrix_py.canonical_json import canonical_json
from gomatrix_py.crypto.backend import BackendName, backend
from gomatrix_py.crypto.steps import Step
from gomatrix_py.crypto.verification import Identities, IdentityKeys, Message, Outgoing, State, Verification
from gomatrix_py.crypto.verification.sas import commitment
from gomatrix_py.errors import VerificationFailed
from tests.kit.verifying import ALICE, BOB, Side, Wire, acquainted, run_to, signed_keys

Changer = Callable[[Side, dict[str, Any]], dict[str, Any]]
ZERO_KEY = "A" * 43
LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")


class Attack:
    """What a server does to a verification, where both people are fooled into confirming."""

    def __init__(self, *, identities: Identities | None = None, **options: Any) -> None:
        self.library: BackendName = options.get("library", "vodozemac")
        self.alice = Side(ALICE, "A1", self.library, identities=identities)
        self.bob = Side(BOB, options.get("bobs_id", "B1"), self.library)
        self.wire: Wire = acquainted(self.alice, self.bob)

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
    attack.alice = Side(ALICE, "A1", attack.library)
    attack.alice.learn(BOB, [signed_keys(attack.library, BOB, "B1", 1)])
    attack.bob.learn(ALICE, [attack.alice.keys])
    attack.wire = Wire(attack.alice, attack.bob)
    return attack.run()


def swapped_meanwhile(attack: Attack) -> Verification:
    return attack.run(meanwhile=lambda: attack.alice.learn(BOB, [signed_keys(attack.library, BOB, "B1", 1)]))


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


SAS, KEYS = "gomatrix_py.crypto.verification.sas", "gomatrix_py.crypto.verification.keys"
COMMITMENT, MAC, KEY, CHOICE = (
    f"{SAS}.Exchange._check_commitment",
    f"{SAS}.Exchange._check_mac",
    f"{SAS}.Exchange._check_key",
    f"{SAS}._choose",
)
UNCHANGED = f"{KEYS}.KeysAtStart.check_unchanged"
DOWNGRADE = {
    "key_agreement_protocols": ["curve25519"],
    "hashes": ["md5"],
    "message_authentication_codes": ["hkdf-hmac-sha256", "hmac-sha256"],
}


@attrs.frozen
class Case:
    """An attack, the code that it is answered with, and the check that stops it."""

    act: Callable[[Attack], Verification]
    code: str
    check: str


CASES = {
    "their key is swapped": Case(changed(Message.KEY, BOB, another_key), "m.mismatched_commitment", COMMITMENT),
    "the commitment is swapped": Case(
        changed(Message.ACCEPT, BOB, replaced(commitment=ZERO_KEY)), "m.mismatched_commitment", COMMITMENT
    ),
    "our start is changed on its way": Case(
        changed(Message.START, ALICE, replaced(short_authentication_string=["decimal"])),
        "m.mismatched_commitment",
        COMMITMENT,
    ),
    "the key of the one who started is swapped": Case(
        changed(Message.KEY, BOB, another_key, starter=BOB), "m.key_mismatch", MAC
    ),
    "we get our own key back": Case(by(its_own_key_back), "m.invalid_message", KEY),
    "their keys were swapped before": Case(swapped_before, "m.key_mismatch", MAC),
    "their keys are swapped meanwhile": Case(swapped_meanwhile, "m.key_mismatch", UNCHANGED),
    "their device is deleted meanwhile": Case(deleted_meanwhile, "m.key_mismatch", UNCHANGED),
    "they vouch for one key more": Case(changed(Message.MAC, BOB, more_macs), "m.key_mismatch", MAC),
    "the MAC of the list is wrong": Case(changed(Message.MAC, BOB, replaced(keys=ZERO_KEY)), "m.key_mismatch", MAC),
    "weaker methods are offered": Case(
        changed(Message.START, BOB, replaced(**DOWNGRADE), starter=BOB), "m.unknown_method", CHOICE
    ),
    "a weaker MAC is chosen": Case(
        changed(Message.ACCEPT, BOB, replaced(message_authentication_code="hkdf-hmac-sha256")),
        "m.unknown_method",
        CHOICE,
    ),
    "a weaker agreement is chosen": Case(
        changed(Message.ACCEPT, BOB, replaced(key_agreement_protocol="curve25519")), "m.unknown_method", CHOICE
    ),
}


def is_noticed(case: Case, library: BackendName) -> bool:
    """Tell whether an attack ends with its code and nothing is verified."""
    attack = Attack(library=library)
    ours = case.act(attack)
    return (
        case.code in attack.wire.codes()
        and ours.state is State.CANCELLED
        and not attack.alice.has_verified(attack.bob)
    )


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", CASES)
def test_an_attack_is_noticed(name: str, library: BackendName) -> None:
    assert is_noticed(CASES[name], library)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", CASES)
def test_it_is_the_check_that_notices(name: str, library: BackendName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CASES[name].check, lambda *args: None)
    assert not is_noticed(CASES[name], library)


def test_without_an_attack_all_is_well() -> None:
    attack = Attack()
    attack.run()
    assert attack.alice.has_verified(attack.bob)
    assert attack.bob.has_verified(attack.alice)


# Where nothing else is wrong, one missing check is enough to verify what was swapped.
@pytest.mark.parametrize(
    ("name", "checks"),
    [
        ("their keys were swapped before", (MAC,)),
        ("their keys are swapped meanwhile", (UNCHANGED,)),
        ("their device is deleted meanwhile", (UNCHANGED,)),
        ("the commitment is swapped", (COMMITMENT,)),
        ("their key is swapped", (COMMITMENT, MAC)),
    ],
)
def test_the_attack_succeeds_without_the_check(
    name: str, checks: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for check in checks:
        monkeypatch.setattr(check, lambda *args: None)
    attack = Attack()
    assert CASES[name].act(attack).is_verified


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_key_of_low_order_is_refused(library: BackendName) -> None:
    attack = Attack(library=library)
    a_zero_key(attack)
    ours = attack.run()
    assert ours.cancel_code == "m.invalid_message"
    assert not attack.alice.has_verified(attack.bob)


def test_libolm_would_agree_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gomatrix_py.crypto.backend.olm_backend.check_curve25519_key", lambda key: None)
    attack = Attack(library="olm")
    a_zero_key(attack)
    assert attack.run().cancel_code != "m.invalid_message"


def test_somebody_in_between_makes_the_strings_differ() -> None:
    """The server poses as Bob to Alice and as Alice to Bob, with keys of its own: only people can notice."""
    shown = []
    for user_id, device_id, other_id, other_device in ((ALICE, "A1", BOB, "B1"), (BOB, "B1", ALICE, "A1")):
        honest, posing = Side(user_id, device_id), Side(other_id, other_device, number=1)
        wire = acquainted(honest, posing)
        shown.append(run_to(State.COMPARING, honest, posing, wire))
    assert shown[0].emoji != shown[1].emoji
    assert shown[0].decimals != shown[1].decimals


# ------------------------------------------------------------------ keys of identities


MASTER = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08"


def test_a_device_that_poses_as_an_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    attack = Attack(identities=Known(MASTER), bobs_id=MASTER)
    with pytest.raises(VerificationFailed) as failed:
        attack.alice.request(attack.bob)
    assert failed.value.cancel_code == "m.key_mismatch"
    theirs = attack.bob.request(attack.alice)
    attack.wire.pump()
    assert theirs.cancel_code == "m.key_mismatch"
    monkeypatch.setattr(f"{KEYS}._check_names", lambda *args: None)
    attack = Attack(identities=Known(MASTER), bobs_id=MASTER)
    assert attack.alice.request(attack.bob).state is State.REQUESTED


def test_another_device_of_theirs_poses_as_their_identity() -> None:
    attack = Attack(identities=Known(MASTER))
    attack.alice.learn(BOB, [attack.bob.keys, signed_keys("vodozemac", BOB, MASTER)])
    with pytest.raises(VerificationFailed):
        attack.alice.request(attack.bob)


def _vouching(attack: Attack, vouched: dict[str, str]) -> Verification:
    """Let Bob vouch for keys."""
    ours = run_to(State.COMPARING, attack.alice, attack.bob, attack.wire)
    exchange = attack.bob.only._exchange
    honest = exchange.mac
    exchange.mac = lambda keys: honest(vouched)  # type: ignore[method-assign]
    for side in (attack.alice, attack.bob):
        side.do(side.only.confirm)
        attack.wire.pump()
    return ours


def test_a_master_key_is_verified_where_it_is_known() -> None:
    for known, expected in ((MASTER, [(BOB, MASTER)]), ("other", [])):
        identities = Known(known)
        attack = Attack(identities=identities)
        keys = {"ed25519:B1": attack.bob.own.ed25519, f"ed25519:{MASTER}": MASTER}
        assert _vouching(attack, keys).is_verified
        assert identities.verified == expected
        assert attack.alice.has_verified(attack.bob)


def test_a_master_key_alone_does_not_verify_the_device() -> None:
    identities = Known(MASTER)
    attack = Attack(identities=identities)
    assert _vouching(attack, {f"ed25519:{MASTER}": MASTER}).is_verified
    assert identities.verified == [(BOB, MASTER)]
    assert not attack.alice.has_verified(attack.bob)


@pytest.mark.parametrize("keys", [{}, {"ed25519:other": MASTER}, {f"ed25519:{MASTER}": "another"}])
def test_they_must_vouch_for_a_key_that_we_know(keys: dict[str, str]) -> None:
    attack = Attack(identities=Known(MASTER))
    assert _vouching(attack, keys).cancel_code == "m.key_mismatch"
    assert not attack.alice.has_verified(attack.bob)


def test_a_master_key_that_changes_meanwhile() -> None:
    identities = Known(MASTER)
    attack = Attack(identities=identities)

    def swap() -> None:
        identities.master = "another"

    assert attack.run(meanwhile=swap).cancel_code == "m.key_mismatch"
    assert identities.verified == []


def test_our_own_master_key_is_vouched_for() -> None:
    class Ours(Identities):
        def vouched_master_key(self, step: Step) -> str:
            return MASTER

    attack = Attack(identities=Ours())
    run_to(State.CONFIRMED, attack.alice, attack.bob, attack.wire)
    (mac,) = (one for _, one in attack.wire.log if one.event_type == Message.MAC.value)
    assert set(mac.content["mac"]) == {"ed25519:A1", f"ed25519:{MASTER}"}
