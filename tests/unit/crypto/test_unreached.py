"""Devices without one-time keys: asked ever more seldom, named in every report, given the key once they can be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from gomatrix_py.api.keys import ClaimKeys
from gomatrix_py.crypto import unreached
from gomatrix_py.crypto.device_info import DeviceInfo
from gomatrix_py.crypto.outbound import RoomSettings
from gomatrix_py.crypto.sharing import EncryptionReport
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.crypto.unreached import Unreached
from tests.kit.forgetful_server import FrozenClock
from tests.kit.key_devices import KeyDevice, verify
from tests.kit.key_server import KeyServer, Peer

ROOM, ALICE, BOB, CAROL = "!room:hs", "@alice:hs", "@bob:hs", "@carol:far"
ALL = [ALICE, BOB, CAROL]
OUT = "the server has no one-time key of it"


class Claims(KeyServer):
    """Counts for which devices keys were claimed."""

    def __init__(self) -> None:
        super().__init__()
        self.claimed: list[tuple[str, str]] = []
        self.more: dict[str, Any] = {}

    def answer(self, peer: tuple[str, str], request: Any) -> dict[str, Any]:
        answer = super().answer(peer, request)
        if isinstance(request, ClaimKeys):
            names = ((user_id, one) for user_id, of_user in request.one_time_keys.items() for one in of_user)
            self.claimed += names
            answer |= self.more
        return answer

    def taken_claims(self) -> list[tuple[str, str]]:
        found, self.claimed = self.claimed, []
        return found

    def hold_keys_of(self, names: tuple[str, str]) -> tuple[Any, Any]:
        return self.one_time_keys.pop(names, {}), self.fallback_keys.pop(names, None)

    def give_back(self, names: tuple[str, str], keys: tuple[Any, Any]) -> None:
        self.one_time_keys[names], self.fallback_keys[names] = keys


@pytest.fixture
def server() -> Claims:
    return Claims()


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def alice(server: Claims, clock: FrozenClock) -> Peer:
    return Peer(server, ALICE, "A1", policy=BlindTrust(), clock=clock)


@pytest.fixture
def bob(server: Claims) -> Peer:
    return Peer(server, BOB, "B1", policy=BlindTrust())


@pytest.fixture
def carol(server: Claims) -> Peer:
    return Peer(server, CAROL, "C1", policy=BlindTrust())


def named(report: EncryptionReport) -> list[tuple[str, str, str]]:
    return [(error.user_id, error.code, error.message) for error in report.errors]


def given(report: EncryptionReport) -> list[str]:
    return [device.user_id for device in report.shared_with]


def claims_of(alice: Peer, server: Claims, clock: FrozenClock, waits_s: Iterable[float]) -> list[int]:
    """Return how many keys are claimed by each message, sent that long after the one before."""
    found = []
    for wait_s in waits_s:
        clock.at_s += wait_s
        assert named(alice.share(ROOM, ALL)) == [(CAROL, "m.no_olm", OUT)]
        found.append(len(server.taken_claims()))
    return found


def test_it_is_asked_ever_more_seldom(
    alice: Peer, bob: Peer, carol: Peer, server: Claims, clock: FrozenClock
) -> None:
    server.hold_keys_of(carol.me)
    report = alice.share(ROOM, ALL)
    assert (given(report), named(report)) == ([BOB], [(CAROL, "m.no_olm", OUT)])
    assert sorted(server.taken_claims()) == [bob.me, carol.me]
    assert claims_of(alice, server, clock, [0, 59, 1, 119, 1, 239, 1]) == [0, 0, 1, 0, 1, 0, 1]
    assert claims_of(alice, server, clock, [24 * 3600] * 5) == [1] * 5
    assert claims_of(alice, server, clock, [3599, 1, 3599, 1]) == [0, 1, 0, 1]


def test_without_it_each_message_asks(
    alice: Peer, bob: Peer, carol: Peer, server: Claims, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(Unreached, "due", lambda self, devices: list(devices))
    server.hold_keys_of(carol.me)
    assert claims_of(alice, server, clock, [0, 0, 59]) == [2, 1, 1]


def test_once_it_has_keys_it_reads_on(
    alice: Peer, bob: Peer, carol: Peer, server: Claims, clock: FrozenClock
) -> None:
    keys = server.hold_keys_of(carol.me)
    missed = alice.say(ROOM, ALL, "missed")
    server.give_back(carol.me, keys)
    clock.at_s += 60
    heard = alice.say(ROOM, ALL, "heard")
    assert named(alice.share(ROOM, ALL)) == []
    carol.sync(changed=(ALICE,))
    assert carol.read(heard) == "heard"
    bob.sync(changed=(ALICE,))
    assert [bob.read(missed), bob.read(heard)] == ["missed", "heard"]
    assert len(alice.engine.olm.unreached) == 0


def test_a_change_of_its_user_ends_the_wait(alice: Peer, bob: Peer, carol: Peer, server: Claims) -> None:
    keys = server.hold_keys_of(carol.me)
    alice.share(ROOM, ALL)
    server.give_back(carol.me, keys)
    alice.sync(changed=(BOB,))
    assert given(alice.share(ROOM, ALL)) == []
    alice.sync(changed=(CAROL,))
    assert given(alice.share(ROOM, ALL)) == [CAROL]


def test_a_message_of_its_own_ends_the_wait(alice: Peer, bob: Peer, carol: Peer, server: Claims) -> None:
    server.hold_keys_of(carol.me)
    alice.share(ROOM, ALL)
    carol.say(ROOM, ALL, "here I am")
    server.taken_claims()
    alice.sync()
    report = alice.share(ROOM, ALL)
    assert (given(report), named(report), server.taken_claims()) == ([CAROL], [], [])
    assert len(alice.engine.olm.unreached) == 0


def test_a_device_that_is_new_is_asked_at_once(alice: Peer, bob: Peer, carol: Peer, server: Claims) -> None:
    server.hold_keys_of(carol.me)
    alice.share(ROOM, ALL)
    second = Peer(server, CAROL, "C2", policy=BlindTrust())
    server.taken_claims()
    alice.sync(changed=(BOB,))
    with alice.engine.step() as step:  # heard of, without a word that would let the other one be asked
        alice.engine.devices.changed(step, [CAROL])
    assert [device.device_id for device in alice.share(ROOM, ALL).shared_with] == ["C2"]
    assert server.taken_claims() == [second.me]


def test_nothing_is_refused_before_the_server_was_asked(alice: Peer, carol: Peer, server: Claims) -> None:
    """Where nobody else would read it, the sending fails; so it must not fail for an old reason."""
    keys = server.hold_keys_of(carol.me)
    for _ in range(2):
        assert named(alice.share(ROOM, [ALICE, CAROL])) == [(CAROL, "m.no_olm", OUT)]
    server.give_back(carol.me, keys)
    assert given(alice.share(ROOM, [ALICE, CAROL])) == [CAROL]


def test_other_devices_of_ours_do_not_count_as_readers(alice: Peer, carol: Peer, server: Claims) -> None:
    Peer(server, ALICE, "A2", policy=BlindTrust())
    alice.sync(changed=(ALICE,))
    keys = server.hold_keys_of(carol.me)
    assert given(alice.share(ROOM, [ALICE, CAROL])) == [ALICE]
    server.give_back(carol.me, keys)
    assert given(alice.share(ROOM, [ALICE, CAROL])) == [CAROL]


def test_a_server_that_cannot_be_reached_is_not_asked_each_time(
    alice: Peer, bob: Peer, carol: Peer, server: Claims, clock: FrozenClock
) -> None:
    server.hold_keys_of(carol.me)
    server.more = {"failures": {"far": {"status": 503}}}
    for wait_s, expected in ((0, 2), (0, 0), (59, 0), (1, 1)):
        clock.at_s += wait_s
        assert named(alice.share(ROOM, ALL)) == [(CAROL, "m.no_olm", "its server cannot be reached")]
        assert len(server.taken_claims()) == expected


@pytest.mark.parametrize("more", [{"failures": 7}, {"failures": {"hs": {}}}, {"one_time_keys": 7}, {"failures": []}])
def test_odd_answers_are_failures_like_others(more: Any, alice: Peer, bob: Peer, carol: Peer, server: Claims) -> None:
    server.hold_keys_of(carol.me)
    server.more = more
    for _ in range(2):
        assert (CAROL, "m.no_olm", OUT) in named(alice.share(ROOM, ALL))


def test_a_forged_key_is_a_failure_as_well(alice: Peer, bob: Peer, carol: Peer, server: Claims) -> None:
    keys = server.one_time_keys[carol.me]
    for key in keys.values():
        key["key"] = bob.engine.own.curve25519
    before = len(keys)
    for _ in range(3):
        ((user_id, code, _),) = named(alice.share(ROOM, ALL))
        assert (user_id, code) == (CAROL, "m.no_olm")
    assert len(keys) == before - 1, "and it does not eat up the keys of others"


def test_requests_for_keys_do_not_ask_at_each_sync(server: Claims) -> None:
    phone = KeyDevice(server, ALICE, "PHONE")
    event = phone.say(ROOM, [ALICE], "long ago")
    laptop = KeyDevice(server, ALICE, "LAPTOP")
    verify(phone, laptop)
    laptop.ask(event)
    phone.take()
    keys = server.hold_keys_of(laptop.me)
    asked = []
    for wait_s in (0, 0, 59, 1):
        phone.clock.at_s += wait_s
        devices = phone.engine.answer_key_requests()
        if devices:
            claim = phone.engine.claim_for(devices)
            assert list(phone.engine.take_claimed(devices, server.answer(phone.me, claim))) == devices
        asked.append(len(server.taken_claims()))
    assert asked == [1, 0, 0, 1]
    server.give_back(laptop.me, keys)
    phone.clock.at_s += 120
    assert len(phone.answer()) == 1


def test_who_is_forgotten_is_asked_anew(alice: Peer, bob: Peer, carol: Peer, server: Claims) -> None:
    server.hold_keys_of(carol.me)
    alice.share(ROOM, ALL)
    (device,) = alice.engine.devices_of(CAROL)
    assert alice.engine.olm.unreached.due([device]) == []
    with alice.engine.step() as step:
        alice.engine.olm.drop_sessions(step, device)
    assert alice.engine.olm.unreached.due([device]) == [device]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, clock: FrozenClock) -> None:
    monkeypatch.setattr(unreached, "DEVICES_IN_MIND", 3)
    devices = [DeviceInfo(BOB, f"D{one}", f"curve{one}", f"ed{one}") for one in range(5)]
    found = Unreached(clock)
    for device in devices:
        found.note(device, "why")
    assert len(found) == 3
    assert found.due(devices) == devices[:2]
    found.clear()
    assert found.due(devices) == devices


def test_asked_by_several_threads_at_once_it_failed_once(clock: FrozenClock) -> None:
    found, device = Unreached(clock), DeviceInfo(BOB, "B1", "curve", "ed")
    for _ in range(9):
        found.note(device, "why")
    clock.at_s += 60
    assert found.due([device]) == [device]
    assert found.why(device) == "why"


def test_settings_do_not_matter(alice: Peer, bob: Peer, carol: Peer, server: Claims) -> None:
    """A new session of the room is given to the others, and does not ask for what was not there a moment ago."""
    server.hold_keys_of(carol.me)
    alice.share(ROOM, ALL)
    server.taken_claims()
    report = alice.share(ROOM, ALL, RoomSettings(visibility="joined"))
    assert (given(report), named(report)) == ([BOB], [(CAROL, "m.no_olm", OUT)])
    assert server.taken_claims() == []
