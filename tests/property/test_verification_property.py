"""Whatever a server makes of a verification: nothing raises, and nobody is verified but by both sides' word."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py.crypto.verification import Message, Outgoing, State, Verification
from gomatrix_py.errors import MatrixError
from tests.kit.strategies import any_text, json_objects, json_values, mutants
from tests.kit.verifying import ALICE, BOB, Side, acquainted, run_to, signed_keys

thorough = settings(max_examples=120, deadline=None)

names = st.sampled_from(["from_device", "methods", "method", "key", "mac", "keys", "commitment", "code", "timestamp"])
values = st.sampled_from(["A1", "B1", "m.sas.v1", ["m.sas.v1"], "A" * 43, {"ed25519:B1": "A" * 43}, 1_000_000_000])
forged = st.dictionaries(names | any_text, values | json_values(any_text), max_size=4)
moves = st.one_of(
    st.tuples(st.just("deliver"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("spoil"), st.integers(0, 3), forged),
    st.tuples(st.just("forge"), st.sampled_from(Message), forged | json_objects),
    st.tuples(st.just("again"), st.integers(0, 9), st.none()),
    st.tuples(
        st.just("act"), st.sampled_from(["accept", "start_sas", "confirm", "mismatch", "cancel"]), st.booleans()
    ),
    st.tuples(st.just("confirm both"), st.none(), st.none()),
    st.tuples(st.just("wait"), st.integers(0, 400), st.none()),
    st.tuples(st.just("swap keys"), st.none(), st.none()),
)


class Server:
    """Holds what Alice and Bob send, and hands on what it likes."""

    def __init__(self, state: State) -> None:
        self.alice, self.bob = Side(ALICE, "A1"), Side(BOB, "B1", "olm")
        self.wire = acquainted(self.alice, self.bob)
        self.run = run_to(state, self.alice, self.bob, self.wire)
        self.history = [message for sender, message in self.wire.log]
        self.waiting: list[tuple[Side, Outgoing]] = []
        self.runs: dict[Side, list[Verification]] = {}
        self.has_confirmed = {
            self.alice: state in (State.CONFIRMED, State.AWAITING_DONE, State.DONE),
            self.bob: state in (State.MAC_RECEIVED, State.AWAITING_DONE, State.DONE),
        }

    def play(self, move: tuple[str, Any, Any]) -> None:
        kind, which, how = move
        if kind in ("deliver", "spoil") and self.waiting:
            sender, message = self.waiting.pop(min(which, len(self.waiting) - 1))
            content = {**message.content, **how} if kind == "spoil" else message.content
            self._tell(self.bob if sender is self.alice else self.alice, message.event_type, content)
        elif kind == "forge":
            content = {"transaction_id": self.run.transaction_id, **how}
            self._tell(self.alice, which.value, content)
            self._tell(self.bob, which.value, content)
        elif kind == "again" and self.history:
            message = self.history[which % len(self.history)]
            self._tell(self.alice if message.user_id == ALICE else self.bob, message.event_type, message.content)
        elif kind == "act":
            self._act(self.alice if how else self.bob, which)
        elif kind == "confirm both":
            self._act(self.alice, "confirm")
            self._act(self.bob, "confirm")
        elif kind == "wait":
            for side in (self.alice, self.bob):
                side.clock.at_s += which
                side.do(side.verifications.tick)
        elif kind == "swap keys":
            self.alice.learn(BOB, [signed_keys("olm", BOB, "B1", 1)])
        self._collect()

    def _tell(self, side: Side, event_type: str, content: dict[str, Any]) -> None:
        side.take(BOB if side is self.alice else ALICE, event_type, content)

    def _act(self, side: Side, name: str) -> None:
        for one in side.verifications.running:
            with contextlib.suppress(MatrixError):  # what has no place now
                sent = side.do(getattr(one, name))
                self.has_confirmed[side] |= any(message.event_type == Message.MAC.value for message in sent)

    def _collect(self) -> None:
        for side in (self.alice, self.bob):
            self.waiting += [(side, message) for message in side.sent]
            self.history += side.sent
            side.sent = []


@given(st.sampled_from(State), st.lists(moves, max_size=25))
@thorough
def test_nobody_is_verified_but_by_both(state: State, played: list[tuple[str, Any, Any]]) -> None:
    server = Server(state)
    for move in played:
        server.play(move)
    for one, other in ((server.alice, server.bob), (server.bob, server.alice)):
        if one.has_verified(other):
            assert server.has_confirmed == {server.alice: True, server.bob: True}
            assert one.device(other).ed25519 == other.own.ed25519


@given(mutants(json_objects), st.sampled_from(Message), st.sampled_from(State))
@thorough
def test_any_content_in_any_state(content: dict[str, Any], kind: Message, state: State) -> None:
    server = Server(state)
    before = server.run.state
    server.play(("forge", kind, content))
    assert server.alice.has_verified(server.bob) == (State.DONE in (before, server.run.state))
    assert server.run.state in State


def test_the_moves_can_verify() -> None:
    """What is asserted above is not empty: with a server that only hands on, both are verified."""
    server = Server(State.COMPARING)
    server.play(("confirm both", None, None))
    while server.waiting:
        server.play(("deliver", 0, True))
    assert server.alice.has_verified(server.bob)
    assert server.bob.has_verified(server.alice)
    assert all(server.has_confirmed.values())
