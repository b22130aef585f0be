"""What cross-signing and backups need has its place: signatures of devices, levels of any key, sources of keys."""

from __future__ import annotations

import pytest

from gomatrix_py.crypto.backend import backend
from gomatrix_py.crypto.device_info import DeviceInfo, Trust
from gomatrix_py.crypto.inbound import KeySource
from gomatrix_py.crypto.signing import sign_json, verify_json
from gomatrix_py.crypto.trust import VERIFIED, VerifiedOnly, level_of
from gomatrix_py.errors import BadSignature
from tests.kit.key_server import KeyServer, Peer

ALICE, BOB, ROOM = "@alice:hs", "@bob:hs", "!room:hs"
SELF_SIGNING = backend().new_account()
BOBS_KEY = SELF_SIGNING.ed25519_key


class CrossSignedOnly(VerifiedOnly):
    """Trusts what a user's self-signing key has signed; no more than today's policies are told."""

    def evaluate(self, device: DeviceInfo, of_user: frozenset[DeviceInfo]) -> Trust:
        try:
            verify_json(device.signed_keys, backend(), BOBS_KEY, device.user_id, BOBS_KEY)
        except BadSignature:
            return super().evaluate(device, of_user)
        return Trust.TRUSTED


@pytest.fixture
def server() -> KeyServer:
    server = KeyServer()
    for name in ("B1", "B2"):
        Peer(server, BOB, name).sync()
    return server


def sign(server: KeyServer, device_id: str) -> None:
    server.devices[BOB][device_id] = sign_json(server.devices[BOB][device_id], SELF_SIGNING, BOB, BOBS_KEY)


def readers(alice: Peer) -> list[str]:
    return [one.device_id for one in alice.engine.recipients([ALICE, BOB]).trusted]


def test_signatures_by_other_keys_reach_the_policy(server: KeyServer) -> None:
    sign(server, "B1")
    alice = Peer(server, ALICE, "A1", policy=CrossSignedOnly())
    alice.share(ROOM, [ALICE, BOB])
    assert readers(alice) == ["B1"]
    alice.restart()
    assert readers(alice) == ["B1"]


def test_signatures_that_come_later_count_and_those_taken_away_do_not(server: KeyServer) -> None:
    alice = Peer(server, ALICE, "A1", policy=CrossSignedOnly())
    alice.share(ROOM, [ALICE, BOB])
    unsigned = server.devices[BOB]["B2"]
    assert readers(alice) == []
    sign(server, "B2")
    alice.sync(changed=(BOB,))
    assert readers(alice) == ["B2"]
    server.devices[BOB]["B2"] = unsigned
    alice.sync(changed=(BOB,))
    assert readers(alice) == []


def test_any_key_of_a_user_can_have_a_level(server: KeyServer) -> None:
    """The master key that was verified is pinned like a device's fingerprint."""
    alice = Peer(server, ALICE, "A1")
    alice.engine.set_levels(BOB, {BOBS_KEY: VERIFIED})
    alice.restart()
    with alice.engine.step() as step:
        assert level_of(step, BOB, BOBS_KEY) == VERIFIED


def test_keys_of_a_backup_have_a_source_of_least_worth() -> None:
    names = {name: value for name, value in vars(KeySource).items() if name.isupper()}
    assert names == {"OLM": "olm", "FORWARDED": "forwarded", "IMPORTED": "imported"}
