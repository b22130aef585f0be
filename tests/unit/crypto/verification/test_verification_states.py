"""Every message, sound and spoiled, in every state: ignored, answered by a cancellation, or a legal step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gomatrix_py.crypto.verification import Action, Code, Message, State
from gomatrix_py.crypto.verification.states import FINISHED, TABLE
from gomatrix_py.errors import MatrixError
from tests.kit.verifying import ALICE, BOB, Side, Wire, acquainted, run_to

CODES = {value for name, value in vars(Code).items() if name.isupper()}
SAS = {
    "from_device": "B1",
    "method": "m.sas.v1",
    "key_agreement_protocols": ["curve25519-hkdf-sha256"],
    "hashes": ["sha256"],
    "message_authentication_codes": ["hkdf-hmac-sha256.v2"],
    "short_authentication_string": ["decimal", "emoji"],
}
SOUND: dict[Message, dict[str, Any]] = {
    Message.REQUEST: {"from_device": "B1", "methods": ["m.sas.v1", "org.example"], "timestamp": 1_000_000_000},
    Message.READY: {"from_device": "B1", "methods": ["m.sas.v1", "org.example"]},
    Message.START: SAS,
    Message.ACCEPT: {
        "key_agreement_protocol": "curve25519-hkdf-sha256",
        "hash": "sha256",
        "message_authentication_code": "hkdf-hmac-sha256.v2",
        "short_authentication_string": ["decimal"],
        "commitment": "A" * 43,
    },
    Message.KEY: {"key": "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08"},
    Message.MAC: {"mac": {"ed25519:B1": "A" * 43}, "keys": "A" * 43},
    Message.DONE: {},
    Message.CANCEL: {"code": "m.user", "reason": "no"},
}
ODD: list[Any] = [
    None,
    5,
    1.5,
    True,
    "",
    "bogus",
    "A" * 43,
    "\ud800",
    "a b",
    [],
    [5],
    ["x"],
    {},
    {"a": 1},
    2**60,
    "x" * 9000,
]


def spoiled(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield contents in which one member is wrong, with its name."""
    for name in content:
        yield name, {key: value for key, value in content.items() if key != name}
        for odd in ODD:
            if odd != content[name]:
                yield name, {**content, name: odd}
    yield "more", {**content, "more": float("1.5")}
    yield "more", {**content, "more": "\udfff"}


class Scene:
    """Alice's verification in a state, with what Bob could say there."""

    def __init__(self, state: State, names: tuple[str, str] = (ALICE, BOB)) -> None:
        self.alice, self.bob = Side(names[0], "A1"), Side(names[1], "B1")
        self.wire: Wire = acquainted(self.alice, self.bob)
        self.verification = run_to(state, self.alice, self.bob, self.wire)
        self.alice.sent, self.bob.sent = [], []

    def tell(self, kind: Message, content: dict[str, Any]) -> list[str]:
        """Send Alice a message, and return the codes of her cancellations, or what else she sends."""
        names = {"transaction_id": self.verification.transaction_id}
        outgoing = self.alice.take(self.bob.me[0], kind.value, {**names, **content})
        assert all((one.user_id, one.device_id) == self.bob.me for one in outgoing)
        return [one.content.get("code", one.event_type) for one in outgoing]


def check(scene: Scene, before: State, kind: Message, answers: list[str]) -> None:
    """Fail unless Alice did one of the three things that she may."""
    after = scene.verification.state
    if before in FINISHED:
        assert (after, answers) == (before, [])
    elif after is State.CANCELLED and kind is not Message.CANCEL:
        assert [code for code in answers if code in CODES] == answers
        assert answers == [scene.verification.cancel_code]
    elif after in (State.CANCELLED, before):
        assert answers == []
    else:
        assert after in TABLE[before].get(kind, ())
    if before is not State.DONE and not (before is State.AWAITING_DONE and kind is Message.DONE):
        assert not scene.alice.has_verified(scene.bob)


@pytest.mark.parametrize("state", list(State))
def test_a_state_is_reached(state: State) -> None:
    assert Scene(state).verification.state is state


@pytest.mark.parametrize("kind", list(Message))
@pytest.mark.parametrize("state", list(State))
def test_a_sound_message(state: State, kind: Message) -> None:
    scene = Scene(state)
    answers = scene.tell(kind, SOUND[kind])
    check(scene, state, kind, answers)
    expected = scene.verification.cancel_code
    if state not in FINISHED and kind is Message.CANCEL:
        assert expected == "m.user"
    elif state not in FINISHED and kind not in TABLE[state]:
        assert expected == "m.unexpected_message"


def is_ignored(state: State, kind: Message, name: str) -> bool:
    """Tell whether a spoiled message is none of the verification's business."""
    if kind is Message.READY and name == "from_device":
        return state not in (State.OFFERED, State.ASKED)  # another of the devices that were asked
    if (state, kind) == (State.STARTED, Message.START):
        return name not in ("from_device", "method", "more")  # ours came first
    return kind is Message.CANCEL or state in FINISHED


@pytest.mark.parametrize("kind", list(Message))
@pytest.mark.parametrize("state", list(State))
def test_a_spoiled_message(state: State, kind: Message) -> None:
    """Where a message belongs it is spoiled in all ways, elsewhere in a few."""
    ways = list(spoiled(SOUND[kind]))
    if kind not in TABLE[state]:
        ways = ways[:: max(1, len(ways) // 4)]
    for name, content in ways:
        scene = Scene(state)
        check(scene, state, kind, scene.tell(kind, content))
        if not is_ignored(state, kind, name):
            assert scene.verification.state is State.CANCELLED, (name, content)


def test_a_spoiled_start_that_came_before_ours() -> None:
    for name, content in spoiled(SOUND[Message.START]):
        scene = Scene(State.STARTED, (BOB, ALICE))
        check(scene, State.STARTED, Message.START, scene.tell(Message.START, content))
        assert scene.verification.state is State.CANCELLED, (name, content)


@pytest.mark.parametrize("name", [None, "", 5, "a b", "x" * 256, [], {}])
@pytest.mark.parametrize("kind", list(Message))
def test_a_message_of_no_verification(kind: Message, name: object) -> None:
    scene = Scene(State.COMPARING)
    assert scene.alice.take(BOB, kind.value, {**SOUND[kind], "transaction_id": name}) == []
    assert scene.verification.state is State.COMPARING


@pytest.mark.parametrize("kind", [Message.REQUEST, Message.START])
def test_a_spoiled_first_message(kind: Message) -> None:
    for number, (name, content) in enumerate(spoiled(SOUND[kind])):
        alice, bob = Side(ALICE, "A1"), Side(BOB, "B1")
        acquainted(alice, bob)
        outgoing = alice.take(BOB, kind.value, {"transaction_id": f"t{number}", **content})
        codes = {one.content["code"] for one in outgoing}
        assert codes <= {"m.unknown_method", "m.invalid_message"}, (name, content)
        for one in alice.verifications.running:  # nothing that a person could say yes to but for sound reasons
            is_strange = one.other_device is None or not one.is_supported
            assert is_strange or (kind, name) in {(Message.REQUEST, "timestamp")}, (name, content)


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("state", list(State))
def test_a_decision_in_every_state(state: State, action: Action) -> None:
    scene = Scene(state)
    acts = {
        Action.ACCEPT: scene.verification.accept,
        Action.START: scene.verification.start_sas,
        Action.CONFIRM: scene.verification.confirm,
        Action.MISMATCH: scene.verification.mismatch,
    }
    if action in TABLE[state]:
        scene.alice.do(acts[action])
        assert scene.verification.state in TABLE[state][action]
    else:
        with pytest.raises(MatrixError):
            scene.alice.do(acts[action])
        assert scene.verification.state is state
    assert scene.alice.has_verified(scene.bob) == (state is State.DONE)


def test_every_state_can_be_reached_and_left() -> None:
    reached = {state for row in TABLE.values() for states in row.values() for state in states}
    assert reached | {State.REQUESTED, State.OFFERED, State.ASKED} == set(State)
    assert {state for state, row in TABLE.items() if not row} == FINISHED


def test_a_hole_in_the_table_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    hole = {**TABLE, State.COMPARING: {**TABLE[State.COMPARING], Message.DONE: (State.DONE,)}}
    for module in ("states", "run"):
        monkeypatch.setattr(f"gomatrix_py.crypto.verification.{module}.TABLE", hole)
    scene = Scene(State.COMPARING)
    scene.verification._verified = frozenset({"ed25519:B1"})
    scene.tell(Message.DONE, {})
    with pytest.raises(AssertionError):
        check(scene, State.COMPARING, Message.DONE, [])
