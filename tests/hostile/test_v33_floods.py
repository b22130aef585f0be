"""V33: a server that makes up devices, or that never has keys of ours, costs a bounded amount."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from gomatrix_py.crypto import devices, pacing
from gomatrix_py.crypto.account import UPLOAD_AT_LEAST_EVERY_S, UPLOAD_EVERY_S
from gomatrix_py.crypto.backend.base import Account
from gomatrix_py.crypto.exchanges import SyncChanges
from gomatrix_py.crypto.pacing import Pace
from gomatrix_py.crypto.signing import sign_json
from gomatrix_py.crypto.trust import VERIFIED, BlindTrust
from tests.kit.fault_mixes import of_size
from tests.kit.forgetful_server import FrozenClock
from tests.kit.key_server import KeyServer, Peer

ALICE, BOB = "@alice:hs", "@bob:hs"
CAP = of_size(50, 1_000)
"""The bound itself at full size."""
GENUINE = 2 * CAP
MADE_UP = 100_000
SYNCS = 100


class CountingServer(KeyServer):
    """Counts the uploads; tells of no one-time key, and of no unused fallback key."""

    def __init__(self) -> None:
        super().__init__()
        self.uploads = 0

    def _upload(self, peer: tuple[str, str], request: Any) -> dict[str, Any]:
        self.uploads += 1
        super()._upload(peer, request)
        return {"one_time_key_counts": {}}


def signed(account: Account, device_id: str) -> dict[str, Any]:
    keys = {f"ed25519:{device_id}": account.ed25519_key, f"curve25519:{device_id}": account.curve25519_key}
    document = {"user_id": BOB, "device_id": device_id, "algorithms": [], "keys": keys}
    return sign_json(document, account, BOB, device_id)


def ask_for_bob(peer: Peer) -> None:
    peer.sync(changed=(BOB,))
    while (query := peer.engine.query_for([BOB])) is not None:
        peer.engine.mark_request_as_sent(query.id, peer.server.answer(peer.me, query.request))


# ------------------------------------------------------------------ devices without end


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def alice(monkeypatch: pytest.MonkeyPatch, clock: FrozenClock) -> Peer:
    monkeypatch.setattr(devices, "DEVICES_PER_USER", CAP)
    return Peer(KeyServer(), ALICE, "A1", policy=BlindTrust(), clock=clock)


def flood(alice: Peer, made_up: int = MADE_UP) -> int:
    """Answer for one user with more devices than there can be; return how many were kept."""
    bob = Peer(alice.server, BOB, "B1")
    ask_for_bob(alice)
    account = bob.engine.backend.new_account()
    of_bob = alice.server.devices[BOB]
    alice.server.devices[BOB] = {
        **{f"D{number}": signed(account, f"D{number}") for number in range(GENUINE)},
        **{f"F{number}": {"user_id": BOB, "device_id": f"F{number}", "keys": {}} for number in range(made_up)},
        **of_bob,
    }
    ask_for_bob(alice)
    kept = alice.engine.devices_of(BOB)
    assert any(one.device_id == "B1" and one.is_active for one in kept), "who was known was pushed out"
    return len(kept)


def test_of_a_hundred_thousand_devices_some_are_taken(alice: Peer) -> None:
    assert flood(alice) <= CAP


def test_the_control_without_the_bound_all_are(alice: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "DEVICES_PER_USER", 10 * MADE_UP)
    assert flood(alice, 1_000) == GENUINE + 1


def others_each_time(alice: Peer, clock: FrozenClock) -> list[str]:
    """Answer with other devices again and again; return which are kept, the oldest first."""
    Peer(alice.server, BOB, "B1")
    ask_for_bob(alice)
    (genuine,) = alice.engine.devices_of(BOB)
    alice.engine.set_levels(BOB, {genuine.ed25519: VERIFIED})
    for turn in range(6):
        clock.at_s += 60
        account = alice.engine.backend.new_account()
        names = [f"T{turn}-{number}" for number in range(CAP // 2)]
        alice.server.devices[BOB] = {name: signed(account, name) for name in names}
        ask_for_bob(alice)
    return [one.device_id for one in sorted(alice.engine.devices_of(BOB), key=lambda one: one.first_seen_ts)]


def test_devices_that_went_away_are_not_kept_without_end(alice: Peer, clock: FrozenClock) -> None:
    kept = others_each_time(alice, clock)
    assert len(kept) <= CAP
    assert kept[0] == "B1", "somebody verified it"
    assert {f"T5-{number}" for number in range(CAP // 2)} <= set(kept)


def test_the_control_that_keeps_what_went_away(
    alice: Peer, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices.Devices, "_forget_some", lambda *_: None)
    assert len(others_each_time(alice, clock)) > 2 * CAP


# ------------------------------------------------------------------ keys that the server never has


def syncs_without_keys(clock: FrozenClock, seconds_between: float, syncs: int = SYNCS) -> int:
    """Sync again and again with a server that says it has no key of ours; return how often keys went up."""
    server = CountingServer()
    peer = Peer(server, ALICE, "A1", clock=clock)
    for _ in range(syncs):
        clock.at_s += seconds_between
        news = SyncChanges([], (), (), {"signed_curve25519": 0}, [])
        with peer.engine.receive_sync_changes(news) as taken:
            peer.key_values.write(taken.changes)
        peer.send_all()
    return server.uploads


def test_a_count_that_stays_at_nothing_is_not_answered_at_every_sync(clock: FrozenClock) -> None:
    assert syncs_without_keys(clock, 0.0) == 1
    assert syncs_without_keys(clock, 1.0) == 1 + 3  # after 10, 30 and 70 s
    assert syncs_without_keys(clock, UPLOAD_AT_LEAST_EVERY_S, 10) == 1 + 10, "it gave up"


def test_the_control_without_a_pace_it_is(clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing.Pace, "may_go", lambda _: True)
    assert syncs_without_keys(clock, 0.0, 10) == 1 + 10


def test_two_uploads_are_ten_seconds_apart_whatever_the_server_says(clock: FrozenClock) -> None:
    server = CountingServer()
    peer = Peer(server, ALICE, "A1", clock=clock)
    times = []
    for number in range(SYNCS):
        clock.at_s += 1
        before = server.uploads
        counts = {"signed_curve25519": number % 2}  # as if it had helped, and then again not
        with peer.engine.receive_sync_changes(SyncChanges([], (), (), counts, [])) as taken:
            peer.key_values.write(taken.changes)
        peer.send_all()
        if server.uploads > before:
            times.append(clock.at_s)
    assert len(times) >= 5
    assert min(later - earlier for earlier, later in pairwise(times)) >= UPLOAD_EVERY_S


@pytest.mark.parametrize(
    "counts", [{"signed_curve25519": "many"}, {"signed_curve25519": -1}, {"signed_curve25519": []}]
)
def test_counts_that_are_none_are_taken_for_nothing(counts: Any, clock: FrozenClock) -> None:
    server = CountingServer()
    peer = Peer(server, ALICE, "A1", clock=clock)
    peer.engine.mark_request_as_sent("upload", {"one_time_key_counts": counts})
    with peer.engine.step() as step:
        assert not peer.engine.account.needs_upload(step)
        clock.at_s += UPLOAD_AT_LEAST_EVERY_S
        assert peer.engine.account.needs_upload(step)


def test_a_server_that_never_takes_our_keys_is_not_asked_at_every_sync(clock: FrozenClock) -> None:
    peer = Peer(CountingServer(), ALICE, "A1", clock=clock)
    refused = 0
    for _ in range(SYNCS):
        clock.at_s += 1
        if any(one.id == "upload" for one in peer.engine.outgoing_requests()):
            peer.engine.note_rolled_back()
            refused += 1
    assert refused <= 6


def test_a_pace_grows_to_its_limit_and_starts_anew_once_it_helped(clock: FrozenClock) -> None:
    pace = Pace(clock, 10, 50)
    waits = []
    for number in range(7):
        if number == 5:
            pace.helped()
        pace.went()
        before = clock.at_s
        while not pace.may_go():
            clock.at_s += 1
        waits.append(clock.at_s - before)
    assert waits == [10, 20, 40, 50, 50, 10, 20]
