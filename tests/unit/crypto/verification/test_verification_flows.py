"""Two devices, and more, that verify each other as the specification wants it, by every pair of libraries."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.trust import level_of, set_level
from gomatrix_py.crypto.verification import AutoAccept, Message, Outgoing, State, Verification
from gomatrix_py.errors import UsageError, VerificationFailed
from tests.kit.verifying import ALICE, BOB, CAROL, Side, Wire, acquainted, confirm_both, pair, run_to

LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")


def kinds(wire: Wire) -> list[str]:
    return [message.event_type.rpartition(".")[2] for _, message in wire.log]


@pytest.mark.parametrize("first", LIBRARIES)
@pytest.mark.parametrize("second", LIBRARIES)
@pytest.mark.parametrize("starter", [ALICE, BOB])
@pytest.mark.parametrize("names", [(ALICE, BOB), (BOB, ALICE), (ALICE, ALICE)])
def test_todays_flow(first: BackendName, second: BackendName, starter: str, names: tuple[str, str]) -> None:
    alice, bob, wire = pair(first, second, names)
    ours = alice.request(bob)
    wire.pump()
    theirs = bob.only
    assert (theirs.state, theirs.other_device_id, theirs.is_ours) == (State.OFFERED, "A1", False)
    bob.do(theirs.accept)
    wire.pump()
    side, run = (alice, ours) if starter == ALICE else (bob, theirs)
    side.do(run.start_sas)
    wire.pump()
    confirm_both(alice, bob, wire)
    assert ours.is_verified
    assert theirs.is_verified
    assert alice.has_verified(bob)
    assert bob.has_verified(alice)
    flow = ["request", "ready", "start", "accept", "key", "key", "mac", "mac", "done", "done"]
    assert kinds(wire) == flow
    assert alice.verifications.running == bob.verifications.running == []


@pytest.mark.parametrize("first", LIBRARIES)
@pytest.mark.parametrize("second", LIBRARIES)
def test_a_bare_start(first: BackendName, second: BackendName) -> None:
    alice, bob, wire = pair(first, second)
    ours = alice.start(bob)
    wire.pump()
    theirs = bob.only
    assert theirs.state is State.ASKED
    bob.do(theirs.accept)
    wire.pump()
    confirm_both(alice, bob, wire)
    assert (ours.state, theirs.state) == (State.DONE, State.DONE)
    assert alice.has_verified(bob)
    assert bob.has_verified(alice)
    assert kinds(wire)[:6] == ["start", "accept", "key", "key", "mac", "mac"]


def test_an_old_client_need_not_say_that_it_is_done() -> None:
    alice, bob, wire = pair()
    wire.tampering = lambda sender, message: [] if message.event_type == Message.DONE.value else [message]
    alice.start(bob)
    wire.pump()
    bob.do(bob.only.accept)
    wire.pump()
    confirm_both(alice, bob, wire)
    assert alice.has_verified(bob)


@pytest.mark.parametrize("names", [(ALICE, BOB), (BOB, ALICE), (ALICE, ALICE)])
def test_where_both_start_the_smaller_id_wins(names: tuple[str, str]) -> None:
    alice, bob, wire = pair(names=names)
    run_to(State.READY, alice, bob, wire)
    alice.do(alice.only.start_sas)
    bob.do(bob.only.start_sas)
    wire.pump()
    smaller = min((alice, bob), key=lambda side: side.me)
    accepts = [sender for sender, message in wire.log if message.event_type == Message.ACCEPT.value]
    assert accepts == [bob if smaller is alice else alice]
    confirm_both(alice, bob, wire)
    assert alice.has_verified(bob)
    assert bob.has_verified(alice)


def test_both_start_differently() -> None:
    alice, bob, wire = pair()
    verification = run_to(State.STARTED, alice, bob, wire)
    content = {"transaction_id": verification.transaction_id, "from_device": "B1", "method": "m.reciprocate.v1"}
    (cancel,) = alice.take(BOB, Message.START.value, content)
    assert cancel.content["code"] == "m.unexpected_message"


def test_the_first_of_many_devices_counts() -> None:
    alice, phone, tablet = Side(ALICE, "A1"), Side(BOB, "B1"), Side(BOB, "B2")
    wire = acquainted(alice, phone, tablet)
    ours = alice.request(phone, tablet)
    wire.pump()
    late = tablet.only
    phone.do(phone.only.accept)
    tablet.do(late.accept)  # before it hears that another was faster
    wire.pump()
    assert (ours.state, ours.other_device_id) == (State.READY, "B1")
    assert (late.state, late.cancel_code) == (State.CANCELLED, "m.accepted")
    alice.do(ours.start_sas)
    wire.pump()
    confirm_both(alice, phone, wire)
    assert ours.is_verified
    with alice.step() as step:
        levels = {one.device_id: one.level for one in alice.devices.of_user(step, BOB)}
    assert levels == {"B1": "verified", "B2": ""}


def test_no_by_one_of_many_devices_is_no_by_all() -> None:
    alice, phone, tablet = Side(ALICE, "A1"), Side(BOB, "B1"), Side(BOB, "B2")
    wire = acquainted(alice, phone, tablet)
    ours = alice.request(phone, tablet)
    wire.pump()
    other = tablet.only
    phone.do(phone.only.cancel)
    wire.pump()
    assert (ours.state, ours.cancel_code, other.cancel_code) == (State.CANCELLED, "m.user", "m.user")
    with pytest.raises(VerificationFailed) as failed, alice.step() as step:
        ours.start_sas(step)
    assert failed.value.cancel_code == "m.user"


def test_an_answer_by_a_device_that_was_not_asked_does_not_count() -> None:
    alice, bob, wire = pair()
    ours = run_to(State.REQUESTED, alice, bob, wire)
    content = {"transaction_id": ours.transaction_id, "from_device": "B9", "methods": ["m.sas.v1"]}
    assert alice.take(BOB, Message.READY.value, content) == []
    assert ours.state is State.REQUESTED


def test_several_at_once() -> None:
    alice, bob, carol = Side(ALICE, "A1"), Side(BOB, "B1"), Side(CAROL, "C1")
    wire = acquainted(alice, bob, carol)
    runs = {bob: alice.request(bob), carol: alice.request(carol)}
    back = bob.request(alice)
    wire.pump()
    assert len(alice.verifications.running) == 3
    for side, ours in runs.items():
        (theirs,) = (one for one in side.verifications.running if not one.is_ours)
        side.do(theirs.accept)
        side.do(theirs.start_sas)
        wire.pump()
        alice.do(ours.confirm)
        side.do(theirs.confirm)
        wire.pump()
        assert alice.has_verified(side)
    assert back.state is State.REQUESTED


def test_numbers_where_the_other_side_shows_no_emoji() -> None:
    alice, bob, wire = pair()

    def old(sender: Side, message: Outgoing) -> list[Outgoing]:
        if message.event_type == Message.ACCEPT.value:
            return [attrs.evolve(message, content={**message.content, "short_authentication_string": ["decimal"]})]
        return [message]

    wire.tampering = old
    ours = run_to(State.READY, alice, bob, wire)
    wire.tampering = old
    alice.do(ours.start_sas)
    wire.pump()
    assert ours.emoji == ()
    assert ours.decimals == bob.only.decimals
    assert all(1000 <= number <= 9191 for number in ours.decimals)


# ------------------------------------------------------------------ ends


def test_strings_that_differ() -> None:
    alice, bob, wire = pair()
    ours = run_to(State.COMPARING, alice, bob, wire)
    theirs = bob.only
    alice.do(ours.mismatch)
    wire.pump()
    assert ours.cancel_code == theirs.cancel_code == "m.mismatched_sas"
    for act in (theirs.confirm, theirs.mismatch):
        with pytest.raises(VerificationFailed):
            bob.do(act)
    assert bob.do(theirs.cancel) == []


@pytest.mark.parametrize("state", [state for state in State if state not in (State.DONE, State.CANCELLED)])
def test_everything_ends_in_time(state: State) -> None:
    alice, bob, wire = pair()
    ours = run_to(state, alice, bob, wire)
    alice.clock.at_s += 119 if state is State.OFFERED else 599
    assert alice.do(alice.verifications.tick) == []
    assert not ours.is_finished
    alice.clock.at_s += 1
    outgoing = alice.do(alice.verifications.tick)
    assert (ours.state, ours.cancel_code) == (State.CANCELLED, "m.timeout")
    told = [] if state is State.OFFERED else ["m.timeout"]  # the question may still be answered elsewhere
    assert [message.content["code"] for message in outgoing] == told
    assert not alice.has_verified(bob)


def test_a_decision_that_comes_too_late() -> None:
    alice, bob, wire = pair()
    ours = run_to(State.MAC_RECEIVED, alice, bob, wire)
    alice.clock.at_s += 600
    (cancel,) = alice.do(ours.confirm)
    assert cancel.content["code"] == "m.timeout"
    assert not alice.has_verified(bob)


@pytest.mark.parametrize(("age_s", "is_taken"), [(0, True), (599, True), (600, False), (-300, True), (-301, False)])
def test_requests_are_of_now(age_s: int, is_taken: bool) -> None:
    alice, bob, wire = pair()
    bob.clock.at_s += age_s
    alice.request(bob)
    wire.pump()
    assert bool(bob.verifications.running) == is_taken
    if age_s == 599:
        bob.clock.at_s += 1
        bob.do(bob.verifications.tick)
        assert bob.verifications.running == []


def test_decisions_out_of_place() -> None:
    alice, bob, wire = pair()
    ours = run_to(State.READY, alice, bob, wire)
    acts: list[Callable[[], object]] = [
        lambda: alice.do(ours.accept),
        lambda: alice.do(ours.confirm),
        lambda: alice.do(ours.mismatch),
        lambda: ours.emoji,
        lambda: ours.decimals,
    ]
    for act in acts:
        with pytest.raises(UsageError):
            act()
    alice.do(ours.start_sas)
    assert alice.do(ours.start_sas) == [], "starting twice is starting once"
    wire.pump()
    assert ours.state is State.COMPARING


def test_nobody_verifies_themselves_or_strangers() -> None:
    alice, bob, _ = pair()
    with alice.step() as step:
        known = alice.device(bob)
        for devices in ([], [alice.device(alice)], [known, alice.device(alice)]):
            with pytest.raises(UsageError):
                alice.verifications.request(step, alice.own, devices)
        for odd in (attrs.evolve(known, device_id="B2"), attrs.evolve(known, ed25519="A" * 43)):
            with pytest.raises(UsageError):
                alice.verifications.start(step, alice.own, odd)
    assert alice.verifications.running == []


def test_a_request_without_a_method_of_ours() -> None:
    alice, bob, wire = pair()
    wire.tampering = lambda sender, message: [attrs.evolve(message, content={**message.content, "methods": ["m.x"]})]
    alice.request(bob)
    wire.pump()
    theirs = bob.only
    assert not theirs.is_supported
    with pytest.raises(UsageError):
        bob.do(theirs.accept)
    assert [message.content["code"] for message in bob.do(theirs.cancel)] == ["m.user"]


# ------------------------------------------------------------------ devices and their keys


def test_a_device_whose_keys_are_not_known_yet() -> None:
    alice, bob = Side(ALICE, "A1"), Side(BOB, "B1")
    wire = Wire(alice, bob)
    alice.learn(BOB, [bob.keys])
    ours = alice.request(bob)
    wire.pump()
    theirs = bob.only
    assert theirs.other_device is None
    with bob.step() as step:
        assert ALICE in bob.devices.outdated(step), "their keys are asked for"
    with pytest.raises(VerificationFailed):
        bob.do(theirs.accept)
    assert theirs.state is State.OFFERED
    bob.learn(ALICE, [alice.keys])
    bob.do(theirs.accept)
    wire.pump()
    alice.do(ours.start_sas)
    wire.pump()
    confirm_both(alice, bob, wire)
    assert bob.has_verified(alice)


def test_who_encrypted_a_message_must_be_who_it_says() -> None:
    alice, bob, wire = pair()
    impostor = attrs.evolve(bob.device(alice), device_id="A2")
    ours = alice.request(bob)
    (request,) = alice.sent
    assert bob.take(ALICE, request.event_type, request.content, impostor) == []
    assert bob.verifications.running == []
    bob.take(ALICE, request.event_type, request.content, bob.device(alice))
    bob.do(bob.only.accept)
    (ready,) = bob.sent
    for kind, content in ((ready.event_type, ready.content), (Message.CANCEL.value, ready.content)):
        assert alice.take(BOB, kind, content, attrs.evolve(alice.device(bob), device_id="B2")) == []
        assert ours.state is State.REQUESTED
    alice.take(BOB, ready.event_type, ready.content, alice.device(bob))
    assert ours.state is State.READY
    assert wire.log == []


def test_our_own_words_are_not_answered() -> None:
    alice, bob, wire = pair(names=(ALICE, ALICE))
    alice.request(bob)
    (request,) = alice.sent
    assert alice.take(ALICE, request.event_type, request.content) == []
    wire.pump()
    assert len(alice.verifications.running) == 1


# ------------------------------------------------------------------ without people


@pytest.mark.parametrize("starts", [True, False])
def test_a_bot_verifies_whom_it_may(starts: bool) -> None:
    alice, carol = Side(ALICE, "A1"), Side(CAROL, "C1")
    bot = Side(BOB, "B1", policy=AutoAccept([ALICE], starts=starts))
    wire = acquainted(alice, bot, carol)
    ours, foreign = alice.request(bot), carol.request(bot)
    wire.pump()
    if not starts:
        assert ours.state is State.READY
        alice.do(ours.start_sas)
        wire.pump()
    assert ours.state is State.MAC_RECEIVED
    assert not bot.has_verified(alice), "a person has still to look"
    alice.do(ours.confirm)
    wire.pump()
    assert bot.has_verified(alice)
    assert alice.has_verified(bot)
    assert foreign.state is State.REQUESTED
    assert not bot.has_verified(carol)


def test_a_bot_verifies_an_old_client() -> None:
    alice, bot = Side(ALICE, "A1"), Side(BOB, "B1", "olm", policy=AutoAccept(ALICE))
    wire = acquainted(alice, bot)
    ours = alice.start(bot)
    wire.pump()
    alice.do(ours.confirm)
    wire.pump()
    assert bot.has_verified(alice)
    assert alice.has_verified(bot)


@pytest.mark.parametrize("level", ["blacklisted", "blocked", "distrusted"])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_bot_does_not_verify_a_device_that_was_blacklisted(level: str, is_known: bool) -> None:
    """A stolen telephone of somebody who is allowed must not get back in by itself."""
    phone, bot = Side(ALICE, "A1"), Side(BOB, "B1", policy=AutoAccept([ALICE]))
    wire = acquainted(phone, bot) if is_known else Wire(phone, bot)
    phone.learn(BOB, [bot.keys])
    with bot.step() as step:
        set_level(step, ALICE, phone.own.ed25519, level)
    ours = [phone.request(bot)]
    wire.pump()
    bot.learn(ALICE, [phone.keys])
    bot.do(bot.verifications.tick)
    wire.pump()
    if ours[0].is_finished or ours[0].state is State.REQUESTED:
        ours.append(phone.start(bot))
        wire.pump()
    for run in ours:
        if run.state in (State.COMPARING, State.MAC_RECEIVED):
            phone.do(run.confirm)
            wire.pump()
    assert not bot.has_verified(phone)
    with bot.step() as step:
        assert level_of(step, ALICE, phone.own.ed25519) == level


def test_a_bot_waits_for_keys() -> None:
    alice, bot = Side(ALICE, "A1"), Side(BOB, "B1", policy=AutoAccept([ALICE]))
    wire = Wire(alice, bot)
    alice.learn(BOB, [bot.keys])
    ours: Verification = alice.request(bot)
    wire.pump()
    assert ours.other_device_id == ""
    bot.learn(ALICE, [alice.keys])
    bot.do(bot.verifications.tick)
    wire.pump()
    assert ours.state is State.MAC_RECEIVED
