"""Short strings with matrix-nio 0.26 at the other end, over a real homeserver: what works of it, and what does not.

As it is installed, nothing can be compared with it: it offers only ``hkdf-hmac-sha256``, which we refuse, and knows
neither requests nor ``hkdf-hmac-sha256.v2``. Both sides then say ``m.unknown_method``. Behind that label stand two
more faults: its commitments are hexadecimal instead of base64, and its emoji are taken from numbers that it has
spread to eight bits each. What it sends as a MAC, though, is what ``hkdf-hmac-sha256.v2`` asks for.

With label and commitment mended, all else of it works with us, in both roles: the bare start, the choice of methods,
the agreement on a key and its numbers to compare, the MACs of keys and of their list, and cancellations. Its emoji
stay wrong.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import nio
import pytest
from nio.crypto.sas import Sas, SasState

from gomatrix_py import Crypto, CryptoClient
from gomatrix_py.client.verifying import DeviceVerification
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.crypto.verification import State
from gomatrix_py.testing import DevServer
from tests.kit.encrypting import ENCRYPTION, person, sync_until
from tests.kit.nio_peer import NioPeer
from tests.kit.waiting import wait_until

PASSWORD = "password"


People = tuple[CryptoClient, NioPeer]


@pytest.fixture(scope="module", params=["vodozemac", "olm"])
def people(
    matrix_server: DevServer, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[People]:
    """Alice, and Bob with nio, who know each other's device since they share an encrypted room."""
    library: BackendName = request.param
    name = f"nio-{secrets.token_hex(4)}"
    matrix_server.register(name, PASSWORD).close()
    with (
        person(matrix_server, "alice", crypto=Crypto(trust=BlindTrust(), library=library)) as alice,
        NioPeer(matrix_server.url, name, PASSWORD, tmp_path_factory.mktemp("bob")) as bob,
    ):
        room_id = alice.create_room("Secrets", invite=[bob.client.user_id], initial_state=[ENCRYPTION]).room_id
        bob.join(room_id)
        alice.sync_once()
        yield alice, bob


@pytest.fixture
def bob(people: People) -> NioPeer:
    return people[1]


@pytest.fixture
def alice(people: People, bob: NioPeer) -> Iterator[CryptoClient]:
    alice = people[0]
    yield alice
    alice.crypto.set_trust(alice.crypto.device(bob.client.user_id, bob.client.device_id), "")
    bob.client.unverify_device(bob.client.device_store[alice.user_id][alice.device_id])
    bob.client.key_verifications.clear()


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give nio today's name for the MACs it sends, and its commitments the specified form."""
    started = Sas.from_key_verification_start.__func__

    def from_start(cls: Any, *args: Any) -> Sas:
        made: Sas = started(cls, *args)
        made.commitment = base64_of(made.commitment or "")
        return made

    def check(self: Sas, key: str) -> bool:
        start = nio.Api.to_canonical_json(self.start_verification().content)
        return bool(self.commitment == base64_of(hashlib.sha256(key.encode() + start.encode()).hexdigest()))

    monkeypatch.setattr(Sas, "_mac_normal", "hkdf-hmac-sha256.v2")
    monkeypatch.setattr(Sas, "_mac_v1", ["hkdf-hmac-sha256.v2"])
    monkeypatch.setattr(Sas, "from_key_verification_start", classmethod(from_start))
    monkeypatch.setattr(Sas, "_check_commitment", check)


def base64_of(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode().rstrip("=")


def their_start(alice: CryptoClient, bob: NioPeer) -> Sas:
    """Let nio start, and return its side of it."""
    device = bob.client.device_store[alice.user_id][alice.device_id]
    bob.run(bob.client.start_key_verification(device))
    (found,) = bob.client.key_verifications.values()
    return found


def our_start(alice: CryptoClient, bob: NioPeer) -> DeviceVerification:
    return alice.crypto.start_verification(alice.crypto.device(bob.client.user_id, bob.client.device_id))


def until_at_bob(bob: NioPeer, found: Callable[[], Any]) -> None:
    def look() -> bool:
        if not found():
            bob.sync()
        return bool(found())

    wait_until(look, "what nio should have heard")


def is_verified_by_bob(alice: CryptoClient, bob: NioPeer) -> bool:
    return bool(bob.client.device_store[alice.user_id][alice.device_id].verified)


# ------------------------------------------------------------------ as it is


def test_as_it_is_nio_starts_in_vain(alice: CryptoClient, bob: NioPeer) -> None:
    theirs = their_start(alice, bob)
    alice.sync_once()
    until_at_bob(bob, lambda: theirs.canceled)
    assert alice.crypto.verifications == []
    assert alice.crypto.device(bob.client.user_id, bob.client.device_id).level == ""


def test_as_it_is_we_start_in_vain(alice: CryptoClient, bob: NioPeer) -> None:
    ours = our_start(alice, bob)
    sync_and_answer(alice, bob, lambda: ours.is_finished)
    assert (ours.state, ours.cancel_code) == (State.CANCELLED, "m.unknown_method")


def sync_and_answer(alice: CryptoClient, bob: NioPeer, found: Callable[[], Any]) -> None:
    def look() -> Any:
        bob.sync()
        return found()

    sync_until(alice, look)


# ------------------------------------------------------------------ mended


def agree(ours: DeviceVerification, theirs: Sas) -> None:
    assert ours.decimals == theirs.get_decimals()
    assert ours.decimals != ()


def confirm_both(alice: CryptoClient, bob: NioPeer, ours: DeviceVerification, theirs: Sas) -> None:
    ours.confirm()
    bob.run(bob.client.confirm_short_auth_string(theirs.transaction_id))
    sync_and_answer(alice, bob, lambda: ours.is_finished and theirs.verified)
    assert ours.is_verified
    assert alice.crypto.device(bob.client.user_id, bob.client.device_id).level == "verified"
    assert is_verified_by_bob(alice, bob)


@pytest.mark.usefixtures("mended")
def test_mended_nio_starts(alice: CryptoClient, bob: NioPeer) -> None:
    theirs = their_start(alice, bob)
    sync_until(alice, lambda: alice.crypto.verifications)
    (ours,) = alice.crypto.verifications
    ours.accept()
    sync_and_answer(alice, bob, lambda: ours.state is State.COMPARING and theirs.established_sas)
    agree(ours, theirs)
    confirm_both(alice, bob, ours, theirs)


@pytest.mark.usefixtures("mended")
def test_mended_we_start(alice: CryptoClient, bob: NioPeer) -> None:
    ours = our_start(alice, bob)
    until_at_bob(bob, lambda: bob.client.key_verifications)
    (theirs,) = bob.client.key_verifications.values()
    bob.run(bob.client.accept_key_verification(theirs.transaction_id))
    sync_and_answer(alice, bob, lambda: ours.state is State.COMPARING and theirs.established_sas)
    agree(ours, theirs)
    emoji_are_those_of_another_string(ours, theirs)
    confirm_both(alice, bob, ours, theirs)


def emoji_are_those_of_another_string(ours: DeviceVerification, theirs: Sas) -> None:
    assert theirs.established_sas is not None
    numbers = [*theirs.established_sas.bytes(theirs._extra_info).emoji_indices]
    assert numbers == [one.number for one in ours.emoji], "the numbers are the same"
    spread = "".join(f"{number:08b}" for number in numbers)[:42]
    assert theirs.get_emoji() == [Sas.emoji[int(spread[at : at + 6], 2)] for at in range(0, 42, 6)]


@pytest.mark.usefixtures("mended")
def test_mended_each_hears_that_the_other_cancels(alice: CryptoClient, bob: NioPeer) -> None:
    theirs = their_start(alice, bob)
    sync_until(alice, lambda: alice.crypto.verifications)
    (ours,) = alice.crypto.verifications
    ours.cancel()
    until_at_bob(bob, lambda: theirs.canceled)
    assert theirs.state is SasState.canceled
    again = our_start(alice, bob)
    until_at_bob(bob, lambda: again.verification.transaction_id in bob.client.key_verifications)
    bob.run(bob.client.cancel_key_verification(again.verification.transaction_id))
    sync_until(alice, lambda: again.is_finished)
    assert again.cancel_code == "m.user"
