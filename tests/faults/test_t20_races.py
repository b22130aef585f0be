"""T20: answers that come late, twice, or in another order leave no list of devices behind and no session broken."""

from __future__ import annotations

import random
from typing import Any

import attrs
import pytest

from gomatrix_py.crypto.devices import Devices
from gomatrix_py.crypto.trust import BlindTrust
from tests.kit.fault_mixes import of_size
from tests.kit.forgetful_server import FrozenClock
from tests.kit.fuzz import chance
from tests.kit.key_server import KeyServer, Peer

ROUNDS = of_size(30, 500)
ROOM = "!room:hs"
ALICE, BOB = "@alice:hs", "@bob:hs"


@attrs.define
class Late:
    """A question whose answer was made but has not come yet."""

    id: str
    answer: dict[str, Any]


class Race:
    """Alice follows Bob's devices, while they come and go and the answers about them overtake each other."""

    def __init__(self, decider: random.Random) -> None:
        self.decider = decider
        self.server, self.clock = KeyServer(), FrozenClock()
        self.alice = Peer(self.server, ALICE, "A", policy=BlindTrust(), clock=self.clock)
        self.phones = [Peer(self.server, BOB, "B0", policy=BlindTrust())]
        self.late: list[Late] = []
        self.alice.share(ROOM, [ALICE, BOB])

    def step(self) -> None:
        """Let something happen."""
        kind = self.decider.randrange(7)
        if kind == 0:
            self.phones.append(Peer(self.server, BOB, f"B{len(self.phones)}", policy=BlindTrust()))
            self.hear()
        elif kind == 1 and len(self.server.devices[BOB]) > 1:
            del self.server.devices[BOB][self.decider.choice(sorted(self.server.devices[BOB]))]
            self.hear()
        elif kind == 2:
            self.ask()
        elif kind == 3 and self.late:
            self.arrive(self.late.pop(self.decider.randrange(len(self.late))))
        elif kind == 4:
            inbox = self.server.inboxes.get(self.alice.me, [])
            self.server.inboxes[self.alice.me] = inbox * 2  # every message twice
            self.alice.sync()
        elif kind == 5:
            self.clock.at_s += self.decider.choice((1, 61))  # what was heard holds for a minute
        elif kind == 6:
            self.alice.restart()

    def hear(self) -> None:
        """Let Alice's sync say that Bob's devices changed; she asks at some later time."""
        with self.alice.engine.step() as step:
            self.alice.engine.devices.changed(step, [BOB])

    def ask(self) -> None:
        question = self.alice.engine.query_for([BOB])
        if question is not None:
            self.late.append(Late(question.id, self.server.answer(self.alice.me, question.request)))

    def arrive(self, late: Late) -> None:
        self.alice.engine.mark_request_as_sent(late.id, late.answer)

    def settle(self) -> None:
        """Let what is under way arrive, in any order, and then let Alice ask as long as she thinks she must."""
        self.decider.shuffle(self.late)
        for late in self.late:
            self.arrive(late)
        self.late.clear()
        while (question := self.alice.engine.query_for([BOB])) is not None:
            self.arrive(Late(question.id, self.server.answer(self.alice.me, question.request)))

    @property
    def is_right(self) -> bool:
        """True where Alice sees the devices that Bob has."""
        seen = {device.device_id for device in self.alice.engine.devices_of(BOB) if device.is_active}
        return seen == set(self.server.devices[BOB])


def outcomes(name: str) -> list[bool]:
    found = []
    for number in range(ROUNDS):
        race = Race(chance(f"{name} {number}"))
        for _ in range(25):
            race.step()
        race.settle()
        found.append(race.is_right)
    return found


def test_answers_that_overtake_each_other_leave_no_old_list() -> None:
    assert all(outcomes("t20"))


def test_without_the_count_of_changes_they_would(monkeypatch: pytest.MonkeyPatch) -> None:
    def believe(self: Devices, step: Any, asked: dict[str, int], answer: dict[str, Any]) -> None:
        for user_id in asked:
            self._take_user(step, user_id, answer["device_keys"].get(user_id, {}))
            step.put_record("tracked", user_id, {"is_outdated": False, "changes": asked[user_id]})

    monkeypatch.setattr(Devices, "take", believe)
    assert not all(outcomes("t20"))


def test_old_counts_bring_no_keys_twice() -> None:
    """An upload is under way while a sync still tells the count from before it."""
    server, clock = KeyServer(), FrozenClock()
    bob = Peer(server, BOB, "B", policy=BlindTrust(), clock=clock)
    keys = server.one_time_keys[bob.me]
    for number in range(ROUNDS):
        clock.at_s += 60  # keys go up at most every few seconds
        for _ in range(min(len(keys), 26)):
            keys.popitem()
        old = bob.engine.uploads
        bob.sync()
        count = len(keys)
        assert (number, count) == (number, 50)
        clock.at_s += 60
        with bob.engine.receive_sync_changes(_counted(len(keys) - 26), old) as taken:
            bob.key_values.write(taken.changes)
        bob.send_all()
        assert (number, len(keys)) == (number, count)


def _counted(count: int) -> Any:
    from gomatrix_py.crypto.exchanges import SyncChanges

    return SyncChanges(counts={"signed_curve25519": count}, unused_fallback_types=["signed_curve25519"])


def test_a_claim_that_was_lost_wedges_nothing() -> None:
    server = KeyServer()
    alice, bob = (Peer(server, user_id, "D", policy=BlindTrust()) for user_id in (ALICE, BOB))
    alice.share(ROOM, [ALICE])
    query = alice.engine.query_for([BOB])
    assert query is not None
    alice.engine.mark_request_as_sent(query.id, server.answer(alice.me, query.request))
    devices = alice.engine.devices_of(BOB)
    for _ in range(3):  # the server gave keys away, and the answers were lost
        claim = alice.engine.claim_for(devices)
        assert claim is not None
        server.answer(alice.me, claim)
    event = alice.say(ROOM, [ALICE, BOB], "read")
    bob.sync()
    assert bob.read(event) == "read"
