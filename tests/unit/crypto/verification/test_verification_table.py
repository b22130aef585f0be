"""Every hostile message in every state, by each library: what becomes of it, written down by hand.

`test_verification_states` spoils messages in all ways and asks that what happens is sound; this says what happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.verification import Message, State
from gomatrix_py.crypto.verification.states import FINISHED
from tests.kit.verifying import ALICE, BOB, CAROL, Side, pair, run_to, signed_keys

LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")
UNEXPECTED, INVALID = "m.unexpected_message", "m.invalid_message"
UNKNOWN, KEYS, COMMITMENT = "m.unknown_method", "m.key_mismatch", "m.mismatched_commitment"
IGNORED = ""
ZEROS = "A" * 43
SOME_KEY = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08"
RUNNING = [state for state in State if state not in FINISHED]

Outcome = State | str
"""A state that it leads to, the code that it is cancelled with, or `IGNORED`."""


@attrs.frozen
class Row:
    """A message, and what becomes of it where it is not out of order.

    Attributes:
        kind, content: the message; what is None is left out.
        outcomes: by state; in all others it is out of order.
    """

    kind: Message
    content: Mapping[str, Any]
    outcomes: Mapping[State, Outcome]

    def expected(self, state: State) -> Outcome:
        return IGNORED if state in FINISHED else self.outcomes.get(state, UNEXPECTED)


SOUND: dict[Message, dict[str, Any]] = {
    Message.REQUEST: {"from_device": "B1", "methods": ["m.sas.v1", "org.example"], "timestamp": 1_000_000_000},
    Message.READY: {"from_device": "B1", "methods": ["m.sas.v1", "org.example"]},
    Message.START: {
        "from_device": "B1",
        "method": "m.sas.v1",
        "key_agreement_protocols": ["curve25519-hkdf-sha256"],
        "hashes": ["sha256"],
        "message_authentication_codes": ["hkdf-hmac-sha256.v2"],
        "short_authentication_string": ["decimal", "emoji"],
    },
    Message.ACCEPT: {
        "key_agreement_protocol": "curve25519-hkdf-sha256",
        "hash": "sha256",
        "message_authentication_code": "hkdf-hmac-sha256.v2",
        "short_authentication_string": ["decimal"],
        "commitment": ZEROS,
    },
    Message.KEY: {"key": SOME_KEY},
    Message.MAC: {"mac": {"ed25519:B1": ZEROS}, "keys": ZEROS},
    Message.DONE: {},
    Message.CANCEL: {"code": "m.mismatched_sas", "reason": "no"},
}
MACS = (State.COMPARING, State.CONFIRMED)


def ready(outcome: Outcome, **changed: Any) -> Row:
    return Row(Message.READY, SOUND[Message.READY] | changed, {State.REQUESTED: outcome})


def start(ready: Outcome, started: Outcome = IGNORED, **changed: Any) -> Row:
    """A start; ours came first where Alice has started, as her name is the smaller one."""
    return Row(Message.START, SOUND[Message.START] | changed, {State.READY: ready, State.STARTED: started})


def accept(outcome: Outcome, **changed: Any) -> Row:
    return Row(Message.ACCEPT, SOUND[Message.ACCEPT] | changed, {State.STARTED: outcome})


def key(accepted: Outcome, key_sent: Outcome, **changed: Any) -> Row:
    outcomes = {State.ACCEPTED: accepted, State.KEY_SENT: key_sent}
    return Row(Message.KEY, SOUND[Message.KEY] | changed, outcomes)


def mac(outcome: Outcome, **changed: Any) -> Row:
    return Row(Message.MAC, SOUND[Message.MAC] | changed, dict.fromkeys(MACS, outcome))


def cancel(**changed: Any) -> Row:
    content = SOUND[Message.CANCEL] | changed
    code = content["code"] if content["code"] in ("m.mismatched_sas", "org.example.tired") else "m.user"
    return Row(Message.CANCEL, content, dict.fromkeys(RUNNING, f"theirs {code}"))


ROWS: dict[str, Row] = {
    "a request within a verification": Row(Message.REQUEST, SOUND[Message.REQUEST], {}),
    "a request that says nothing": Row(Message.REQUEST, {}, {}),
    "ready": ready(State.READY),
    "ready, for no method of ours": ready(UNKNOWN, methods=["m.qr_code.scan.v1"]),
    "ready, for no method": ready(UNKNOWN, methods=[]),
    "ready, without methods": ready(INVALID, methods=None),
    "ready, methods as a text": ready(INVALID, methods="m.sas.v1"),
    "ready, not all methods are texts": ready(INVALID, methods=["m.sas.v1", 5]),
    # no canonical JSON, so nobody can say whether it came before
    "ready, with a fraction": Row(
        Message.READY, SOUND[Message.READY] | {"more": 1.5}, dict.fromkeys(RUNNING, INVALID)
    ),
    "start": start(State.ACCEPTED),
    "start, of another method": start(UNKNOWN, UNEXPECTED, method="m.reciprocate.v1"),
    "start, without a method": start(INVALID, INVALID, method=None),
    "start, of another device": start(INVALID, INVALID, from_device="B2"),
    "start, of no device": start(INVALID, INVALID, from_device=None),
    "start, with the old agreement": start(UNKNOWN, key_agreement_protocols=["curve25519"]),
    "start, with the old MACs": start(UNKNOWN, message_authentication_codes=["hkdf-hmac-sha256", "hmac-sha256"]),
    "start, with another hash": start(UNKNOWN, hashes=["sha512"]),
    "start, with nothing that we can show": start(UNKNOWN, short_authentication_string=["org.example"]),
    "start, without hashes": start(INVALID, hashes=None),
    "start, an agreement as a text": start(INVALID, key_agreement_protocols="curve25519-hkdf-sha256"),
    "start, with a fraction": Row(
        Message.START, SOUND[Message.START] | {"more": 1.5}, dict.fromkeys(RUNNING, INVALID)
    ),
    "accept": accept(State.KEY_SENT),
    "accept, the old agreement": accept(UNKNOWN, key_agreement_protocol="curve25519"),
    "accept, the old MAC": accept(UNKNOWN, message_authentication_code="hkdf-hmac-sha256"),
    "accept, another hash": accept(UNKNOWN, hash="md5"),
    "accept, nothing to show": accept(UNKNOWN, short_authentication_string=[]),
    "accept, without a commitment": accept(INVALID, commitment=None),
    "accept, a commitment in hexadecimal": accept(INVALID, commitment="00" * 32),
    "accept, a short commitment": accept(INVALID, commitment="A" * 42),
    "accept, a hash that is no text": accept(INVALID, hash=256),
    "a key that nobody committed to": key(State.COMPARING, COMMITMENT),
    "a key of low order": key(INVALID, COMMITMENT, key=ZEROS),
    "a key with padding": key(INVALID, COMMITMENT, key=SOME_KEY + "="),
    "a key that is too short": key(INVALID, COMMITMENT, key="AAAA"),
    "a key with letters of no key": key(INVALID, COMMITMENT, key="ü" * 43),
    "a key that is no text": key(INVALID, INVALID, key=5),
    "no key": key(INVALID, INVALID, key=None),
    "MACs under another key": mac(KEYS),
    "MACs, none": mac(KEYS, mac={}),
    "MACs, of too many keys": mac(INVALID, mac={f"ed25519:{n}": ZEROS for n in range(101)}),
    "MACs, not by key": mac(INVALID, mac=[ZEROS]),
    "MACs that are no texts": mac(INVALID, mac={"ed25519:B1": 5}),
    "MACs without that of the list": mac(INVALID, keys=None),
    "done": Row(Message.DONE, {}, {State.AWAITING_DONE: State.DONE}),
    "cancelled": cancel(),
    "cancelled for a reason of their own": cancel(code="org.example.tired"),
    "cancelled without a code": cancel(code=None),
    "cancelled with a code that is no text": cancel(code={"m": 1}),
    "cancelled with a code with line breaks": cancel(code="m.user\nverified"),
}


class Scene:
    """Alice's verification in a state; what she says is noted."""

    def __init__(self, state: State, library: BackendName) -> None:
        self.alice, self.bob, self.wire = pair(library, library)
        self.state = state
        self.verification = run_to(state, self.alice, self.bob, self.wire)
        assert self.verification.state is state
        self.alice.sent, self.bob.sent = [], []
        self.was_verified = self.alice.has_verified(self.bob)
        assert self.was_verified == (state is State.DONE)

    def told(self, kind: str, content: Mapping[str, Any], sender_id: str = BOB, **options: Any) -> list[str]:
        """Tell Alice something, and return what she says: types, or codes of cancellations, with to whom."""
        members = {name: value for name, value in content.items() if value is not None}
        names = {"transaction_id": self.verification.transaction_id}
        outgoing = self.alice.take(sender_id, kind, names | members, **options)
        return [f"{one.content.get('code', one.event_type)} {one.user_id} {one.device_id}" for one in outgoing]

    def is_as(self, expected: Outcome, said: list[str]) -> bool:
        """Tell whether that is what became of it."""
        now, code = self.verification.state, self.verification.cancel_code
        if isinstance(expected, State):
            is_right = now is expected and code == ""
        elif expected == IGNORED:
            is_right = now is self.state and said == []
        elif expected.startswith("theirs "):
            is_right = (now, code, said) == (State.CANCELLED, expected.removeprefix("theirs "), [])
        else:
            is_right = (now, code, said) == (State.CANCELLED, expected, [f"{expected} {BOB} B1"])
        return is_right and self.alice.has_verified(self.bob) == (self.was_verified or expected is State.DONE)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", ROWS)
def test_a_message_in_every_state(name: str, library: BackendName) -> None:
    row, wrong = ROWS[name], []
    for state in State:
        scene = Scene(state, library)
        said = scene.told(row.kind.value, row.content)
        if not scene.is_as(row.expected(state), said):
            wrong.append((state, row.expected(state), scene.verification.state, scene.verification.cancel_code, said))
    assert wrong == []


def test_every_kind_of_message_is_there() -> None:
    assert {row.kind for row in ROWS.values()} == set(Message)
    assert {one for row in ROWS.values() for one in row.outcomes.values() if isinstance(one, State)} == {
        State.READY,
        State.ACCEPTED,
        State.KEY_SENT,
        State.COMPARING,
        State.DONE,
    }


@pytest.mark.parametrize("state", State)
def test_a_type_that_nobody_specified(state: State) -> None:
    scene = Scene(state, "vodozemac")
    assert scene.is_as(IGNORED, scene.told("m.key.verification.org.example", {}))


# ------------------------------------------------------------------ who says it


@pytest.mark.parametrize("kind", Message)
@pytest.mark.parametrize("state", State)
def test_another_user_in_every_state(state: State, kind: Message) -> None:
    """Carol guesses the transaction: Bob's verification goes on, and hers is none."""
    scene = Scene(state, "vodozemac")
    said = scene.told(kind.value, SOUND[kind] | {"from_device": "C1"}, CAROL)
    assert scene.is_as(IGNORED, [])
    refused = "m.unknown_transaction" if state in FINISHED else "m.user_mismatch"
    is_her_own = kind in (Message.REQUEST, Message.START, Message.CANCEL)
    assert said == ([] if is_her_own else [f"{refused} {CAROL} C1"])


@pytest.mark.parametrize("kind", Message)
@pytest.mark.parametrize("state", State)
def test_another_device_of_theirs_in_every_state(state: State, kind: Message) -> None:
    """It can be told from the right one where it encrypts what it says."""
    scene = Scene(state, "vodozemac")
    another = attrs.evolve(scene.alice.device(scene.bob), device_id="B2")
    assert scene.is_as(IGNORED, scene.told(kind.value, SOUND[kind], device=another))


# ------------------------------------------------------------------ whose keys


def swap(alice: Side) -> None:
    alice.learn(BOB, [signed_keys("vodozemac", BOB, "B1", 1)])


def delete(alice: Side) -> None:
    alice.learn(BOB, [])


@pytest.mark.parametrize("change", [swap, delete])
@pytest.mark.parametrize("name", ["ready", "start", "accept", "a key that nobody committed to", "done"])
def test_keys_that_changed_in_every_state(name: str, change: Any) -> None:
    """V4: a message that would do comes too late; what is out of order is so in any case."""
    row = ROWS[name]
    for state in State:
        scene = Scene(state, "vodozemac")
        change(scene.alice)
        said = scene.told(row.kind.value, row.content)
        expected = row.expected(state)
        assert scene.is_as(KEYS if isinstance(expected, State) or state in row.outcomes else expected, said), state


@pytest.mark.parametrize("change", [swap, delete])
@pytest.mark.parametrize("state", [State.OFFERED, State.READY, State.ASKED, State.COMPARING, State.MAC_RECEIVED])
def test_keys_that_changed_before_our_side_decides(state: State, change: Any) -> None:
    scene = Scene(state, "vodozemac")
    change(scene.alice)
    ours = scene.verification
    act = {State.OFFERED: ours.accept, State.ASKED: ours.accept, State.READY: ours.start_sas}.get(state, ours.confirm)
    outgoing = scene.alice.do(act)
    assert scene.is_as(KEYS, [f"{one.content['code']} {one.user_id} {one.device_id}" for one in outgoing])


# ------------------------------------------------------------------ controls


def test_a_wrong_code_is_noticed() -> None:
    scene = Scene(State.READY, "vodozemac")
    said = scene.told(Message.KEY.value, SOUND[Message.KEY])
    assert scene.is_as(UNEXPECTED, said)
    assert not scene.is_as(INVALID, said)
    assert not scene.is_as(IGNORED, said)
    assert not scene.is_as(State.COMPARING, said)


def test_names_are_in_the_order_that_the_rows_count_on() -> None:
    assert ALICE < BOB
