"""A room whose devices have the key already: nothing is read again, and nothing that changed is missed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gomatrix_py.client.crypto_requests import CryptoRequests
from gomatrix_py.codec import dumps
from gomatrix_py.crypto import trust
from gomatrix_py.crypto.device_info import DeviceInfo, Trust
from gomatrix_py.crypto.freshness import Freshness
from gomatrix_py.crypto.memo import Memo
from gomatrix_py.crypto.outbound import RoomSettings
from gomatrix_py.crypto.steps import Step
from gomatrix_py.crypto.to_device_queue import enqueue
from gomatrix_py.crypto.trust import BLACKLISTED, BlindTrust, ManualTrust, VerifiedOnly
from gomatrix_py.errors import NoEligibleDevices, StoreError
from gomatrix_py.rooms.state import RoomState
from gomatrix_py.store.key_values import Change, MemoryKeyValues
from tests.kit.key_server import KeyServer, Peer

ROOM = "!r:hs"
ALICE, BOB, CAROL = "@alice:hs", "@bob:hs", "@carol:hs"
EVERYBODY = [ALICE, BOB, CAROL]


class CountingValues(MemoryKeyValues):
    """Counts what is read, and can refuse to write."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.is_full = False

    def get(self, space: str, key: str) -> bytes | None:
        self.reads += 1
        return super().get(space, key)

    def scan(self, space: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        found = list(super().scan(space, prefix))
        self.reads += 1 + len(found)
        return iter(found)

    def write(self, changes: Any) -> None:
        changes = list(changes)
        if self.is_full and changes:
            raise StoreError("the disk is full")
        super().write(changes)


class Wavering(BlindTrust):
    """Looks at something else than the device."""

    trust = Trust.TRUSTED

    def evaluate(self, device: DeviceInfo, of_user: frozenset[DeviceInfo]) -> Trust:
        return self.trust


def _room(policy: Any = None, devices_each: int = 1) -> tuple[Peer, CountingValues, KeyServer]:
    server, values = KeyServer(), CountingValues()
    for user_id in (BOB, CAROL):
        for number in range(devices_each):
            Peer(server, user_id, f"D{number}", policy=BlindTrust())
    alice = Peer(server, ALICE, "D", policy=policy or BlindTrust(), key_values=values)
    return alice, values, server


def _readers(report: Any) -> set[tuple[str, str]]:
    return {(one.user_id, one.device_id) for one in report.shared_with}


BOTH = {(BOB, "D0"), (CAROL, "D0")}


@pytest.mark.parametrize("policy", [BlindTrust(), VerifiedOnly()], ids=["trusted", "distrusted"])
def test_a_message_to_many_reads_no_more_than_one_to_few(policy: Any) -> None:
    reads = []
    for devices_each in (1, 6):
        alice, values, _ = _room(policy, devices_each)
        for _ in range(2):
            alice.share(ROOM, EVERYBODY)
        values.reads = 0
        assert not alice.share(ROOM, EVERYBODY).shared_with
        reads.append(values.reads)
    assert reads[0] == reads[1]


def test_a_memo_that_keeps_nothing_is_noticed_by_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Memo, "of", lambda self, step, key, work_out: work_out())
    with pytest.raises(AssertionError):
        test_a_message_to_many_reads_no_more_than_one_to_few(BlindTrust())


def test_what_is_said_of_those_who_get_nothing_is_said_each_time() -> None:
    alice, _, server = _room(VerifiedOnly())
    reports = [alice.share(ROOM, EVERYBODY) for _ in range(3)]
    assert reports[0].errors == reports[1].errors == reports[2].errors
    assert [error.code for error in reports[2].errors] == ["m.unverified"] * 2
    told = [event for inbox in server.inboxes.values() for event in inbox]
    assert [event["type"] for event in told] == ["m.room_key.withheld"] * 2  # once each, not at every message


# ------------------------------------------------------------------ what changes


def _a_new_device(alice: Peer, server: KeyServer) -> None:
    Peer(server, BOB, "NEW", policy=BlindTrust())
    alice.sync(changed=(BOB,))


def _a_device_is_gone(alice: Peer, server: KeyServer) -> None:
    del server.devices[BOB]["D0"]
    alice.sync(changed=(BOB,))


def _a_device_is_blacklisted(alice: Peer, server: KeyServer) -> None:
    (device,) = alice.engine.devices_of(BOB)
    alice.engine.set_levels(BOB, {device.ed25519: BLACKLISTED})


def _the_session_is_given_up(alice: Peer, server: KeyServer) -> None:
    with alice.engine.step() as step:
        alice.engine.outbound.invalidate(step, ROOM)


def _nothing(alice: Peer, server: KeyServer) -> None:
    pass


CHANGES: dict[str, tuple[Callable[[Peer, KeyServer], None], bool, set[tuple[str, str]]]] = {
    "a new device": (_a_new_device, False, {(BOB, "NEW")}),
    "a device is gone": (_a_device_is_gone, True, {(CAROL, "D0")}),
    "a device is blacklisted": (_a_device_is_blacklisted, True, {(CAROL, "D0")}),
    "the session is given up": (_the_session_is_given_up, True, BOTH),
    "nothing": (_nothing, False, set()),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_changed_counts_for_the_next_message(case: str) -> None:
    change, is_new_session, readers = CHANGES[case]
    alice, _, server = _room()
    first = alice.share(ROOM, EVERYBODY)
    assert (_readers(first), alice.share(ROOM, EVERYBODY).shared_with) == (BOTH, ())
    change(alice, server)
    after = alice.share(ROOM, EVERYBODY)
    assert _readers(after) == readers
    assert (after.session_id != first.session_id) == is_new_session


@pytest.mark.parametrize("case", ["a new device", "a device is gone", "a device is blacklisted"])
def test_a_memo_that_hears_of_no_change_is_noticed(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Step, "end", lambda self: None)
    with pytest.raises(AssertionError):
        test_what_changed_counts_for_the_next_message(case)


def test_a_member_who_left_gets_nothing_more() -> None:
    alice, _, _ = _room()
    first = alice.share(ROOM, EVERYBODY)
    after = alice.share(ROOM, [ALICE, BOB])
    assert (_readers(after), after.session_id == first.session_id) == ({(BOB, "D0")}, False)
    back = alice.share(ROOM, EVERYBODY)
    assert (_readers(back), back.session_id == after.session_id) == ({(CAROL, "D0")}, True)


def test_many_whose_sessions_are_healed_are_told_in_one_request() -> None:
    alice, _, server = _room(devices_each=3)
    alice.share(ROOM, EVERYBODY)
    server.inboxes.clear()
    devices = [*alice.engine.devices_of(BOB), *alice.engine.devices_of(CAROL)]
    alice.engine.send_dummies([*devices, devices[0]])
    (queued,) = alice.engine.queued_messages()
    alice.engine.mark_request_as_sent(queued.id, server.answer(alice.me, queued.request))
    assert {names: len(inbox) for names, inbox in server.inboxes.items()} == {
        (one.user_id, one.device_id): 1 for one in devices
    }


# ------------------------------------------------------------------ policies that look elsewhere


def test_a_policy_of_ones_own_is_asked_each_time() -> None:
    policy = Wavering()
    alice, _, _ = _room(policy)
    first = alice.share(ROOM, EVERYBODY)
    policy.trust = Trust.DISTRUSTED
    after = alice.share(ROOM, EVERYBODY)
    assert (after.session_id != first.session_id, after.shared_with, len(after.errors)) == (True, (), 2)
    policy.trust = Trust.TRUSTED
    assert _readers(alice.share(ROOM, EVERYBODY)) == BOTH


def test_a_policy_that_is_wrongly_thought_steady_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "_STEADY", (Wavering,))
    monkeypatch.setattr(trust, "vars", lambda policy: {}, raising=False)
    with pytest.raises(AssertionError):
        test_a_policy_of_ones_own_is_asked_each_time()


# ------------------------------------------------------------------ steps that are dropped


def test_nobody_counts_as_given_the_key_by_a_step_that_was_not_stored() -> None:
    alice, values, server = _room()
    alice.share(ROOM, [ALICE, CAROL])
    alice.share(ROOM, [ALICE, CAROL])
    values.is_full = True
    with pytest.raises(StoreError):
        alice.share(ROOM, EVERYBODY)
    values.is_full = False
    assert (BOB, "D0") in _readers(alice.share(ROOM, EVERYBODY))
    assert len(server.inboxes[BOB, "D0"]) == 1


def test_what_a_step_changed_itself_is_not_kept() -> None:
    alice, values, _ = _room()
    memo: Memo[list[tuple[str, bytes]]] = Memo("s", at_most=5)
    seen = []
    for is_stored in (False, True):
        values.is_full = not is_stored
        try:
            with alice.engine.step() as step:
                seen.append(memo.of(step, "all", lambda step=step: list(step.scan("s"))))  # type: ignore[misc]
                step.put("s", "a", b"1")
                seen.append(memo.of(step, "all", lambda step=step: list(step.scan("s"))))  # type: ignore[misc]
        except StoreError:
            assert not is_stored
    with alice.engine.step() as step:
        seen.append(memo.of(step, "all", lambda: list(step.scan("s"))))
    assert seen == [[], [("a", b"1")], [], [("a", b"1")], [("a", b"1")]]


def test_changes_that_are_stored_with_something_else_count_once_their_step_ends() -> None:
    alice, values, _ = _room()
    memo: Memo[bytes | None] = Memo("s", at_most=5)

    def kept() -> bytes | None:
        with alice.engine.step() as step:
            return memo.of(step, "a", lambda: step.get("s", "a"))

    assert kept() is None
    with alice.engine._dropped_on_error(lambda step: step) as step:
        step.put("s", "a", b"1")
        changes: list[Change] = step.changes()
        assert kept() is None
        values.write(changes)
    assert kept() == b"1"


def test_a_memo_forgets_what_was_not_asked_for_the_longest() -> None:
    alice, _, _ = _room()
    memo: Memo[str] = Memo("s", at_most=2)
    made: list[str] = []

    def of(name: str) -> None:
        def make() -> str:
            made.append(name)
            return name

        with alice.engine.step() as step:
            assert memo.of(step, name, make) == name

    for name in "abacabb":
        of(name)
    assert made == ["a", "b", "c", "b"]


# ------------------------------------------------------------------ ready at once


def _outdated(alice: Peer, server: KeyServer) -> None:
    with alice.engine.step() as step:
        alice.engine.devices.changed(step, [BOB])


def _with_keys_on_their_way(alice: Peer, server: KeyServer) -> None:
    with alice.engine.step() as step:
        enqueue(step, "m.room.encrypted", [(alice.engine.devices_of(BOB)[0], {})])


def _never_published(alice: Peer, server: KeyServer) -> None:
    with alice.engine.step() as step:
        alice.engine.account.forget_upload(step)


def _unheard_of(alice: Peer, server: KeyServer) -> None:
    alice.engine.freshness = Freshness(alice.engine.clock)


NOT_READY = [
    _outdated,
    _with_keys_on_their_way,
    _never_published,
    _unheard_of,
    _a_device_is_blacklisted,
    _the_session_is_given_up,
]


@pytest.mark.parametrize("change", NOT_READY)
def test_nothing_is_ready_while_something_is_to_be_done_first(change: Callable[[Peer, KeyServer], None]) -> None:
    alice, _, server = _room()
    assert alice.engine.settled(ROOM, RoomSettings(), EVERYBODY) is None
    report = alice.share(ROOM, EVERYBODY)
    alice.engine.freshness.note_sync()
    settled = alice.engine.settled(ROOM, RoomSettings(), EVERYBODY)
    assert settled is not None
    assert (settled.session_id, settled.shared_with) == (report.session_id, ())
    assert alice.engine.settled(ROOM, RoomSettings(), [*EVERYBODY, "@dave:hs"]) is None
    change(alice, server)
    assert alice.engine.settled(ROOM, RoomSettings(), EVERYBODY) is None


def test_nothing_is_ready_while_somebody_is_undecided() -> None:
    alice, _, _ = _room(ManualTrust())
    alice.share(ROOM, [ALICE])
    alice.engine.freshness.note_sync()
    alice.share(ROOM, EVERYBODY)
    assert alice.engine.settled(ROOM, RoomSettings(), EVERYBODY) is None


def test_what_nobody_else_could_read_is_never_ready() -> None:
    alice, _, _ = _room(VerifiedOnly())
    alice.share(ROOM, EVERYBODY)
    alice.engine.freshness.note_sync()
    with pytest.raises(NoEligibleDevices):
        alice.engine.settled(ROOM, RoomSettings(), EVERYBODY)


def test_a_used_up_session_is_never_ready() -> None:
    alice, _, _ = _room()
    settings = RoomSettings(rotation_msgs=1)
    alice.say(ROOM, EVERYBODY, "the only one", settings)
    alice.engine.freshness.note_sync()
    assert alice.engine.settled(ROOM, settings, EVERYBODY) is None


def test_members_are_looked_through_again_once_the_state_changed() -> None:
    requests: Any = CryptoRequests.__new__(CryptoRequests)
    requests._looked_through = {}
    state = RoomState(ROOM)

    def joins(user_id: str, membership: str = "join") -> bytes:
        content = {"membership": membership}
        return dumps({"type": "m.room.member", "state_key": user_id, "sender": user_id, "content": content})

    def members() -> list[str]:
        return sorted(requests._known_members(ROOM, state, ("join",)))

    state.put("m.room.member", ALICE, joins(ALICE))
    assert members() == [ALICE]
    assert requests._known_members(ROOM, state, ("join",)) is requests._known_members(ROOM, state, ("join",))
    state.put_unread(b"[" + joins(BOB) + b"," + joins(CAROL, "invite") + b"]")
    assert members() == [ALICE, BOB]
    assert sorted(requests._known_members(ROOM, state, ("invite", "join"))) == [ALICE, BOB, CAROL]
    state.put_all([("m.room.member", ALICE, joins(ALICE, "leave"))])
    assert members() == [BOB]
    other = RoomState(ROOM)
    assert requests._known_members(ROOM, other, ("join",)) == ()
