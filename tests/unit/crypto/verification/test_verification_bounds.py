"""What comes twice, too often, for no verification, or in a step that was dropped."""

from __future__ import annotations

import pytest

from gomatrix_py.crypto.verification import Message, Outgoing, State, Verification
from gomatrix_py.events import Event
from tests.kit.verifying import ALICE, BOB, CAROL, confirm_both, pair, run_to


def fail() -> list[Outgoing]:
    raise ZeroDivisionError


def test_the_same_message_twice() -> None:
    alice, bob, wire = pair()
    wire.tampering = lambda sender, message: [message, message]
    ours = alice.request(bob)
    wire.pump()
    bob.do(bob.only.accept)
    wire.pump()
    alice.do(ours.start_sas)
    wire.pump()
    confirm_both(alice, bob, wire)
    assert ours.is_verified
    assert wire.codes() == set()


def test_what_has_ended_stays_ended() -> None:
    alice, bob, wire = pair()
    ours = run_to(State.DONE, alice, bob, wire)
    sent = [(sender, message) for sender, message in wire.log]
    for sender, message in sent:
        to = bob if sender is alice else alice
        assert to.take(sender.me[0], message.event_type, message.content) == []
    cancel = {"transaction_id": ours.transaction_id, "code": "m.user", "reason": ""}
    assert alice.take(BOB, Message.CANCEL.value, cancel) == []
    assert ours.is_verified
    assert alice.verifications.running == []


@pytest.mark.parametrize("kind", list(Message))
def test_an_unknown_transaction(kind: Message) -> None:
    alice, _bob, _ = pair()
    content = {"transaction_id": "unknown", "key": "x"}
    outgoing = alice.take(BOB, kind.value, content)
    if kind in (Message.START, Message.CANCEL, Message.REQUEST):
        assert outgoing == []
        return
    assert [(one.device_id, one.content["code"]) for one in outgoing] == [("*", "m.unknown_transaction")]
    assert alice.take(BOB, kind.value, content) == [], "once is enough"
    named = {"transaction_id": "other", "from_device": "B7"}
    assert [one.device_id for one in alice.take(BOB, kind.value, named)] == ["B7"]


def test_a_user_who_takes_part_in_the_verification_of_another() -> None:
    alice, bob, wire = pair()
    ours = run_to(State.KEY_SENT, alice, bob, wire)
    content = {"transaction_id": ours.transaction_id, "key": "A" * 43}
    assert [one.content["code"] for one in alice.take(CAROL, Message.KEY.value, content)] == ["m.user_mismatch"]
    cancel = {"transaction_id": ours.transaction_id, "code": "m.user", "reason": ""}
    assert alice.take(CAROL, Message.CANCEL.value, cancel) == []
    assert ours.state is State.KEY_SENT


def test_two_attempts_of_one_device_cancel_each_other() -> None:
    alice, bob, wire = pair()
    first, second = alice.request(bob), alice.request(bob)
    wire.pump()
    assert first.cancel_code == second.cancel_code == "m.unexpected_message"
    assert bob.verifications.running == []
    third = alice.request(bob)
    wire.pump()
    assert bob.only.transaction_id == third.transaction_id


def test_a_flood_is_bounded() -> None:
    alice, bob, _ = pair()
    now_ms = alice.clock.now_ms()
    for user in range(30):
        for device in range(30):
            content = {"transaction_id": f"t{device}", "from_device": f"D{device}", "timestamp": now_ms}
            alice.take(f"@u{user}:hs", Message.REQUEST.value, {**content, "methods": ["m.sas.v1"]})
    assert len(alice.verifications.running) == 100
    assert (
        max(len([one for one in alice.verifications.running if one.other_user_id == f"@u{u}:hs"]) for u in range(30))
        == 10
    )
    answers = [alice.take(BOB, Message.KEY.value, {"transaction_id": f"x{n}"}) for n in range(2000)]
    assert sum(map(len, answers)) == 50
    starts = [
        alice.take(BOB, Message.START.value, {"transaction_id": f"s{n}", "from_device": f"S{n}", "method": "m.x"})
        for n in range(100)
    ]
    assert sum(map(len, starts)) == 0, "one budget for all"
    assert alice.request(bob).state is State.REQUESTED, "our own still work"
    alice.clock.at_s += 601
    alice.do(alice.verifications.tick)
    assert alice.verifications.running == []
    assert len(alice.take(BOB, Message.KEY.value, {"transaction_id": "later"})) == 1


# ------------------------------------------------------------------ steps that were dropped


def test_a_step_that_was_dropped() -> None:
    alice, bob, wire = pair()
    ours = run_to(State.MAC_RECEIVED, alice, bob, wire)
    theirs = bob.only
    with pytest.raises(ZeroDivisionError):
        alice.do(lambda step: [*ours.confirm(step), *fail()])
    assert ours.state is State.CANCELLED
    alice.do(alice.verifications.tick)
    wire.pump()
    assert (theirs.state, theirs.cancel_code) == (State.CANCELLED, "m.timeout")
    assert not alice.has_verified(bob)


def test_what_began_in_a_step_that_was_dropped_begins_again() -> None:
    alice, bob, wire = pair()
    ours = alice.request(bob)
    (request,) = alice.sent
    event = Event.from_dict({"type": request.event_type, "sender": ALICE, "content": request.content})
    with pytest.raises(ZeroDivisionError):
        bob.do(lambda step: [*bob.verifications.receive(step, bob.own, event), *fail()])
    assert bob.verifications.running == []
    assert bob.verifications.take_changed() == []
    wire.pump()
    bob.do(bob.only.accept)
    wire.pump()
    assert ours.state is State.READY


def test_listeners_are_told_and_do_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    alice, bob, wire = pair()
    heard: list[tuple[State, bool]] = []

    def listen(run: Verification) -> None:
        heard.append((run.state, alice.verifications.take_changed() == []))
        raise ZeroDivisionError

    alice.verifications.listeners += [listen, listen]
    run_to(State.READY, alice, bob, wire)
    alice.verifications.tell()
    alice.verifications.tell()
    assert heard == [(State.READY, True)] * 2, "once each, though several things happened"
    assert [record.message for record in caplog.records] == ["an on_verification callback raised"] * 2


def test_changes_are_told_once() -> None:
    alice, bob, wire = pair()
    ours = run_to(State.READY, alice, bob, wire)
    assert alice.verifications.take_changed() == [ours]
    assert alice.verifications.take_changed() == []
    alice.do(ours.cancel)
    assert alice.verifications.take_changed() == [ours]
    assert repr(ours) == "<Verification with @bob:hs B1: cancelled>"
