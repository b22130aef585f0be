"""Engines of encryption over a server of keys: our own keys, who is trusted, and what must not get lost."""

from __future__ import annotations

import contextlib

import pytest

from gomatrix_py.crypto import spaces, vault
from gomatrix_py.crypto.outbound import Outbound
from gomatrix_py.crypto.trust import BLACKLISTED, VERIFIED, BlindTrust, ManualTrust, VerifiedOnly
from gomatrix_py.errors import MissingRoomKey, NoEligibleDevices, ReplayedMessage, StillUndecided
from gomatrix_py.store.key_values import Change, MemoryKeyValues
from tests.kit.forgetful_server import FrozenClock
from tests.kit.key_server import KeyServer, Peer

ROOM = "!room:hs"
ALICE, BOB = "@alice:hs", "@bob:hs"


@pytest.fixture
def server() -> KeyServer:
    return KeyServer()


@pytest.fixture
def alice(server: KeyServer) -> Peer:
    return Peer(server, ALICE, "A1", policy=BlindTrust())


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def bob(server: KeyServer, clock: FrozenClock) -> Peer:
    return Peer(server, BOB, "B1", policy=BlindTrust(), clock=clock)


# ------------------------------------------------------------------ own keys


def test_keys_are_topped_up_when_half_are_used(server: KeyServer, bob: Peer, clock: FrozenClock) -> None:
    keys = server.one_time_keys[bob.me]
    assert len(keys) == 50
    for _ in range(25):
        keys.popitem()
    bob.sync()
    assert len(keys) == 25, "one more may be used before it is worth a request"
    keys.popitem()
    bob.sync()
    assert len(keys) == 24, "they went up a moment ago"
    clock.at_s += 10
    bob.sync()
    assert len(keys) == 50


def test_the_same_keys_go_up_again_after_a_crash(server: KeyServer) -> None:
    clock = FrozenClock()
    peer = Peer(KeyServer(), BOB, "B1", clock=clock)
    clock.at_s += 10
    for _ in range(26):
        peer.server.one_time_keys[peer.me].popitem()
    with peer.engine.step() as step:
        peer.engine.account.note_counts(step, {"signed_curve25519": 24}, None)
    (first, *_) = peer.engine.outgoing_requests()
    peer.restart()
    (asking, *_) = peer.engine.outgoing_requests()
    assert asking.request.one_time_keys is None  # type: ignore[attr-defined]
    peer.engine.mark_request_as_sent(asking.id, peer.server.answer(peer.me, asking.request))
    (second, *_) = peer.engine.outgoing_requests()
    assert first.request.one_time_keys.keys() == second.request.one_time_keys.keys()  # type: ignore[attr-defined]


def test_keys_that_had_arrived_before_a_crash_are_not_offered_again(server: KeyServer) -> None:
    clock = FrozenClock()
    peer = Peer(server, BOB, "B1", clock=clock)
    clock.at_s += 10
    keys = server.one_time_keys[peer.me]
    for _ in range(26):
        keys.popitem()
    with peer.engine.step() as step:
        peer.engine.account.note_counts(step, {"signed_curve25519": 24}, None)
    (first, *_) = peer.engine.outgoing_requests()
    server.answer(peer.me, first.request)
    given_away, _ = keys.popitem()
    peer.restart()
    for _ in range(3):
        peer.send_all()
    assert (given_away in keys, len(keys)) == (False, 49)


def _asked_for_own_devices(peer: Peer) -> None:
    with peer.engine.step() as step:
        peer.engine.devices.changed(step, [peer.me[0]])
    query = peer.engine.query_for([peer.me[0]])
    assert query is not None
    peer.engine.mark_request_as_sent(query.id, peer.server.answer(peer.me, query.request))


def test_a_server_that_has_lost_our_device_is_given_it_again(
    server: KeyServer, bob: Peer, clock: FrozenClock
) -> None:
    clock.at_s += 10
    _asked_for_own_devices(bob)
    assert bob.engine.outgoing_requests() == [], "it is there"
    lost = server.devices.pop(BOB)
    _asked_for_own_devices(bob)
    bob.send_all()
    assert server.devices == {BOB: lost}


def test_a_server_that_hides_our_device_is_given_it_ever_more_seldom(
    server: KeyServer, bob: Peer, clock: FrozenClock
) -> None:
    server.tampering = lambda answer: {"device_keys": {user_id: {} for user_id in answer["device_keys"]}}
    uploads: list[str] = []
    for _ in range(100):
        clock.at_s += 10
        _asked_for_own_devices(bob)
        wanted = bob.engine.outgoing_requests()
        uploads += [one.id for one in wanted if one.id == "upload"]
        for one in wanted:
            bob.engine.mark_request_as_sent(one.id, server.answer(bob.me, one.request))
        bob.sync()  # says that the one-time keys are there
    assert 1 <= len(uploads) <= 10


def test_a_server_that_says_nothing_of_us_has_lost_nothing(server: KeyServer, bob: Peer) -> None:
    server.tampering = lambda answer: {"failures": {"hs": {}}}
    _asked_for_own_devices(bob)
    assert [one.id for one in bob.engine.outgoing_requests() if one.id == "upload"] == []


def test_a_used_fallback_key_is_replaced(server: KeyServer, bob: Peer, clock: FrozenClock) -> None:
    before = server.fallback_keys[bob.me]
    clock.at_s += 10
    bob.sync(unused_fallback=False)
    after = server.fallback_keys[bob.me]
    assert before.keys() != after.keys()
    assert all(key["fallback"] is True for key in after.values())


# ------------------------------------------------------------------ trust


def test_blacklisted_devices_get_nothing_and_are_told(server: KeyServer, alice: Peer, bob: Peer) -> None:
    tablet = Peer(server, BOB, "B2", policy=BlindTrust())
    alice.engine.set_levels(BOB, {tablet.engine.own.ed25519: BLACKLISTED})
    event = alice.say(ROOM, [ALICE, BOB], "secret")
    bob.sync()
    tablet.sync()
    assert bob.read(event) == "secret"
    with pytest.raises(MissingRoomKey) as missing:
        tablet.read(event)
    assert missing.value.withheld == "m.blacklisted"
    report = alice.share(ROOM, [ALICE, BOB])
    assert [(one.device_id, one.code) for one in report.errors] == [("B2", "m.blacklisted")]
    assert tablet.server.inboxes.get(tablet.me, []) == [], "told once is enough"


def test_undecided_devices_stop_the_sending(server: KeyServer, bob: Peer) -> None:
    alice = Peer(server, ALICE, "A1", policy=ManualTrust())
    alice.share(ROOM, [ALICE, BOB])
    with pytest.raises(StillUndecided) as undecided:
        alice.engine.recipients([ALICE, BOB]).check_decided()
    assert undecided.value.devices == ((BOB, "B1"),)
    alice.engine.set_levels(BOB, {bob.engine.own.ed25519: VERIFIED})
    event = alice.say(ROOM, [ALICE, BOB], "now")
    bob.sync()
    assert bob.read(event) == "now"


def test_only_verified_devices(server: KeyServer, bob: Peer) -> None:
    alice = Peer(server, ALICE, "A1", policy=VerifiedOnly())
    report = alice.share(ROOM, [ALICE, BOB])
    assert [(one.device_id, one.code) for one in report.errors] == [("B1", "m.unverified")]
    with pytest.raises(NoEligibleDevices) as nobody:
        alice.engine.recipients([ALICE, BOB]).check_somebody(ALICE, [ALICE, BOB])
    assert nobody.value.user_ids == (BOB,)


def test_a_device_without_keys_does_not_stop_the_others(server: KeyServer, alice: Peer, bob: Peer) -> None:
    tablet = Peer(server, BOB, "B2", policy=BlindTrust())
    server.one_time_keys[tablet.me].clear()
    del server.fallback_keys[tablet.me]
    report = alice.share(ROOM, [ALICE, BOB])
    assert [one.device_id for one in report.shared_with] == ["B1"]
    assert [(one.device_id, one.code) for one in report.errors] == [("B2", "m.no_olm")]


def test_a_step_that_fails_never_happened(alice: Peer, bob: Peer) -> None:
    session_id = alice.share(ROOM, [ALICE, BOB]).session_id
    ciphertexts = []
    for _ in range(2):
        encrypting = alice.engine.encrypt(ROOM, session_id, "m.x", {})
        with pytest.raises(ZeroDivisionError), encrypting as (content, _):  # noqa: PT012
            ciphertexts.append(content["ciphertext"])
            raise ZeroDivisionError
    assert ciphertexts[0] == ciphertexts[1]  # the same place of the ratchet, and it never left


def test_one_goes_on_with_the_other_library(server: KeyServer) -> None:
    alice = Peer(server, ALICE, "A1", library="olm", policy=BlindTrust())
    bob = Peer(server, BOB, "B1", library="olm", policy=BlindTrust())
    before = alice.say(ROOM, [ALICE, BOB], "by libolm")
    bob.sync()
    fingerprint = alice.engine.own.ed25519
    for peer in (alice, bob):
        peer.options["library"] = "vodozemac"
        peer.restart()
    assert alice.engine.own.ed25519 == fingerprint
    assert bob.read(before) == "by libolm"
    after = alice.say(ROOM, [ALICE, BOB], "by vodozemac")
    assert after.content["session_id"] != before.content["session_id"]
    bob.sync()
    assert bob.read(after) == "by vodozemac"
    answer = bob.say(ROOM, [ALICE, BOB], "yes")
    alice.sync()
    assert alice.read(answer) == "yes"


def test_a_store_that_was_rolled_back_uses_no_ratchet_again(server: KeyServer, alice: Peer, bob: Peer) -> None:
    before = alice.say(ROOM, [ALICE, BOB], "before")
    bob.sync()
    alice.engine.note_rolled_back()
    after = alice.say(ROOM, [ALICE, BOB], "after")
    bob.sync()
    assert before.content["session_id"] != after.content["session_id"]
    assert (bob.read(before), bob.read(after)) == ("before", "after")


@pytest.mark.parametrize("is_noticed", [True, False])
def test_an_old_copy_of_a_store_meets_a_message_it_never_wrote(
    server: KeyServer, alice: Peer, bob: Peer, monkeypatch: pytest.MonkeyPatch, is_noticed: bool
) -> None:
    """The control goes on from where the copy was taken: two texts at one place of the ratchet."""
    alice.say(ROOM, [ALICE, BOB], "before")
    copy = MemoryKeyValues()
    for space in (vault.SPACE, vault.SALT_SPACE, *spaces.ALL):
        copy.write(Change(space, *entry) for entry in alice.key_values.scan(space))
    lost = alice.say(ROOM, [ALICE, BOB], "of which the copy knows nothing")
    if not is_noticed:
        monkeypatch.setattr(Outbound, "is_behind", lambda *_: False)
    old = Peer(server, ALICE, "A1", policy=BlindTrust(), key_values=copy)
    warned: list[bool] = []
    old.engine.on_rolled_back = lambda: warned.append(True)
    assert old.read(lost) == "of which the copy knows nothing"
    anew = old.say(ROOM, [ALICE, BOB], "and goes on")
    assert warned == [True] * is_noticed
    bob.sync()
    assert bob.read(lost) == "of which the copy knows nothing"
    with contextlib.nullcontext() if is_noticed else pytest.raises(ReplayedMessage):
        assert bob.read(anew) == "and goes on"


def test_messages_of_our_own_do_not_look_like_that(alice: Peer, bob: Peer) -> None:
    alice.engine.on_rolled_back = lambda: pytest.fail("nothing was rolled back")
    events = [alice.say(ROOM, [ALICE, BOB], text) for text in "123"]
    alice.restart()
    alice.engine.on_rolled_back = lambda: pytest.fail("nothing was rolled back")
    assert [alice.read(event) for event in events] == ["1", "2", "3"]
