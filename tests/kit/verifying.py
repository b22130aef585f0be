"""Devices that verify each other over a server that can be made to lie; no HTTP, no sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from gomatrix_py.codec import dumps, loads
from gomatrix_py.crypto.account import OwnKeys
from gomatrix_py.crypto.backend import BackendName, backend
from gomatrix_py.crypto.backend.base import Account
from gomatrix_py.crypto.device_info import DeviceInfo
from gomatrix_py.crypto.devices import Devices
from gomatrix_py.crypto.signing import sign_json
from gomatrix_py.crypto.steps import Step
from gomatrix_py.crypto.trust import VERIFIED, level_of
from gomatrix_py.crypto.vault import Vault
from gomatrix_py.crypto.verification import Message, Outgoing, State, Verification, Verifications
from gomatrix_py.events import Event, EventSource
from gomatrix_py.store.key_values import MemoryKeyValues
from tests.kit.forgetful_server import FrozenClock

__all__ = ["ALICE", "BOB", "CAROL", "Side", "Wire", "acquainted", "confirm_both", "pair", "run_to", "signed_keys"]

ALICE, BOB, CAROL = "@alice:hs", "@bob:hs", "@carol:hs"
Tampering = Callable[["Side", Outgoing], Iterable[Outgoing]]


@lru_cache
def _account(library: BackendName, user_id: str, device_id: str, number: int = 0) -> Account:
    return backend(library).new_account()


def signed_keys(library: BackendName, user_id: str, device_id: str, number: int = 0) -> dict[str, Any]:
    """Return device keys as a server has them; another `number` stands for other keys under the same name."""
    account = _account(library, user_id, device_id, number)
    document = {
        "user_id": user_id,
        "device_id": device_id,
        "algorithms": [],
        "keys": {f"ed25519:{device_id}": account.ed25519_key, f"curve25519:{device_id}": account.curve25519_key},
    }
    return sign_json(document, account, user_id, device_id)


class Side:
    """A device."""

    def __init__(
        self, user_id: str, device_id: str, library: BackendName = "vodozemac", number: int = 0, **options: Any
    ) -> None:
        account = _account(library, user_id, device_id, number)
        self.me = (user_id, device_id)
        self.own = OwnKeys(user_id, device_id, account.ed25519_key, account.curve25519_key)
        self.keys = signed_keys(library, user_id, device_id, number)
        self.clock = FrozenClock()
        self.vault = Vault.open(MemoryKeyValues(), bytes(32))
        self.devices = Devices(backend(library), self.me, self.clock)
        self.verifications = Verifications(backend(library), self.devices, self.clock, **options)
        self.sent: list[Outgoing] = []
        self.learn(user_id, [self.keys])

    @contextmanager
    def step(self) -> Iterator[Step]:
        step = Step(self.vault)
        try:
            yield step
        except BaseException:
            self.verifications.drop(step)
            raise
        step.commit()

    def do(self, act: Callable[[Step], list[Outgoing]]) -> list[Outgoing]:
        """Do something in a step, and send what comes of it."""
        with self.step() as step:
            outgoing = act(step)
        self.sent += outgoing
        return outgoing

    def learn(self, user_id: str, all_keys: list[dict[str, Any]]) -> None:
        """Take in what the server says are all devices of a user."""
        of_user = {keys["device_id"]: keys for keys in all_keys}
        with self.step() as step:
            self.devices.track(step, [user_id])
            self.devices.take(step, {user_id: 0}, {"device_keys": {user_id: of_user}})

    def device(self, other: Side) -> DeviceInfo:
        """Return another device as this one knows it."""
        with self.step() as step:
            found = self.devices.device(step, *other.me)
        assert found is not None
        return found

    def has_verified(self, other: Side) -> bool:
        """Tell whether anything of another device or its user counts as verified."""
        with self.step() as step:
            known = self.devices.of_user(step, other.me[0])
            return any(level_of(step, one.user_id, one.ed25519) == VERIFIED for one in known)

    def request(self, *others: Side) -> Verification:
        with self.step() as step:
            devices = [self.device(other) for other in others]
            verification, outgoing = self.verifications.request(step, self.own, devices)
        self.sent += outgoing
        return verification

    def start(self, other: Side) -> Verification:
        with self.step() as step:
            verification, outgoing = self.verifications.start(step, self.own, self.device(other))
        self.sent += outgoing
        return verification

    def take(
        self, sender_id: str, event_type: str, content: dict[str, Any], device: DeviceInfo | None = None
    ) -> list[Outgoing]:
        """Take in an event as it comes from a server."""
        event = Event.from_dict(
            {"type": event_type, "sender": sender_id, "content": content}, source=EventSource.TO_DEVICE
        )
        return self.do(lambda step: self.verifications.receive(step, self.own, event, device))

    @property
    def only(self) -> Verification:
        (verification,) = self.verifications.running
        return verification


class Wire:
    """The server in between; `tampering` says what becomes of each message."""

    def __init__(self, *sides: Side) -> None:
        self.sides = {side.me: side for side in sides}
        self.tampering: Tampering = lambda sender, message: [message]
        self.log: list[tuple[Side, Outgoing]] = []

    def pump(self) -> None:
        """Hand on what was sent, and what is sent because of it."""
        while waiting := [(side, message) for side in self.sides.values() for message in side.sent]:
            for side in self.sides.values():
                side.sent = []
            for sender, message in waiting:
                self.log.append((sender, message))
                for changed in self.tampering(sender, message):
                    self._deliver(sender, changed)

    def _deliver(self, sender: Side, message: Outgoing) -> None:
        content = loads(dumps(message.content))
        for (user_id, device_id), side in self.sides.items():
            if user_id == message.user_id and message.device_id in (device_id, "*"):
                side.take(sender.me[0], message.event_type, content)

    def codes(self) -> set[str]:
        """Return the codes of all cancellations."""
        return {message.content["code"] for _, message in self.log if message.event_type == Message.CANCEL.value}


def acquainted(*sides: Side) -> Wire:
    """Return a server between devices that know each other."""
    for one in sides:
        for user_id in {other.me[0] for other in sides}:
            one.learn(user_id, [other.keys for other in sides if other.me[0] == user_id])
    return Wire(*sides)


def pair(
    first: BackendName = "vodozemac", second: BackendName = "vodozemac", names: tuple[str, str] = (ALICE, BOB)
) -> tuple[Side, Side, Wire]:
    """Return two devices that know each other, and the server between them."""
    alice, bob = Side(names[0], "A1", first), Side(names[1], "B1", second)
    return alice, bob, acquainted(alice, bob)


def run_to(state: State, alice: Side, bob: Side, wire: Wire) -> Verification:
    """Bring Alice's verification with Bob into a state, with nothing left on the way; Bob's is where it fits."""
    if state is State.ASKED:
        bob.start(alice)
        wire.pump()
        return alice.only
    if state is State.OFFERED:
        bob.request(alice)
        wire.pump()
        return alice.only
    verification = alice.request(bob)
    wire.pump()
    if state is State.CANCELLED:
        alice.do(verification.cancel)
        wire.pump()
    if state in (State.REQUESTED, State.CANCELLED):
        return verification
    theirs = bob.only
    bob.do(theirs.accept)
    wire.pump()
    _run_on(state, alice, bob, wire)
    return verification


def _run_on(state: State, alice: Side, bob: Side, wire: Wire) -> None:
    ours, theirs = alice.only, bob.only
    if state is State.READY:
        return
    starter = bob if state is State.ACCEPTED else alice
    stops: dict[State, Message] = {
        State.STARTED: Message.START,
        State.ACCEPTED: Message.ACCEPT,
        State.KEY_SENT: Message.KEY,
    }
    if state in stops:
        wire.tampering = lambda sender, message: [message] if message.event_type != stops[state].value else []
    starter.do(starter.only.start_sas)
    wire.pump()
    wire.tampering = lambda sender, message: [message]
    if state in (State.CONFIRMED, State.AWAITING_DONE, State.DONE):
        alice.do(ours.confirm)
        wire.pump()
    if state is State.AWAITING_DONE:
        wire.tampering = lambda sender, message: [message] if message.event_type != Message.DONE.value else []
    if state in (State.MAC_RECEIVED, State.AWAITING_DONE, State.DONE):
        bob.do(theirs.confirm)
        wire.pump()
    wire.tampering = lambda sender, message: [message]


def confirm_both(alice: Side, bob: Side, wire: Wire) -> None:
    """See that both show the same, and confirm it."""
    ours, theirs = alice.only, bob.only
    assert len(ours.emoji) == 7
    assert (ours.emoji, ours.decimals) == (theirs.emoji, theirs.decimals)
    for side, run in ((alice, ours), (bob, theirs)):
        side.do(run.confirm)
        wire.pump()
