"""T20: keys that are uploaded, claimed and given out while the same is done elsewhere, or the answers are lost."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gomatrix_py.api.keys import UploadKeys
from gomatrix_py.crypto.account import OwnAccount
from gomatrix_py.crypto.exchanges import SyncChanges
from gomatrix_py.crypto.outbound import Outbound, RoomSettings, SessionReplaced
from gomatrix_py.crypto.steps import Step
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.errors import DecryptionFailed
from gomatrix_py.events import Event
from tests.kit.fault_mixes import of_size
from tests.kit.forgetful_server import FrozenClock
from tests.kit.fuzz import chance
from tests.kit.key_server import KeyServer, Peer

ROUNDS = of_size(15, 500)
ROOM = "!room:hs"
ALICE, BOB, CAROL = "@alice:hs", "@bob:hs", "@carol:hs"


# ------------------------------------------------------------------ uploads


class Uploads:
    """Bob uploads keys, others use them up, counts come late, answers are lost, and Bob begins anew."""

    def __init__(self, decider: random.Random) -> None:
        self.decider, self.clock, self.server = decider, FrozenClock(), KeyServer()
        self.bob = self._peer(BOB)
        self.alice = self._peer(ALICE)
        self.alice.share(ROOM, [ALICE])
        self.known: dict[str, Any] = dict(self.keys)
        self.given: set[str] = set()
        self.twice: list[str] = []
        self.unsure_of: int | None = None
        self.old = (self.bob.engine.uploads, len(self.keys))

    def _peer(self, user_id: str) -> Peer:
        return Peer(self.server, user_id, "D", policy=BlindTrust(), clock=self.clock)

    @property
    def keys(self) -> dict[str, Any]:
        return self.server.one_time_keys[self.bob.me]

    def step(self) -> None:
        """Let something happen."""
        match self.decider.randrange(7):
            case 0 | 1:
                for _ in range(min(len(self.keys), self.decider.randrange(30))):
                    if len(self.keys) - 1 != self.unsure_of:  # as if nothing had arrived: nobody could tell
                        self.given.add(self.keys.popitem()[0])
            case 2:
                self.clock.at_s += self.decider.choice((1, 11, 700, 5000))
            case 3:
                self.old = (self.bob.engine.uploads, len(self.keys))  # what a sync says that comes later
            case 4:
                self.hear(*self.old)
            case 5:
                self.upload()
            case _:
                self.bob.restart()
                self.old = (self.bob.engine.uploads, len(self.keys))

    def hear(self, uploads: int, count: int) -> None:
        news = SyncChanges(counts={"signed_curve25519": count}, unused_fallback_types=["signed_curve25519"])
        with self.bob.engine.receive_sync_changes(news, uploads) as taken:
            self.bob.key_values.write(taken.changes)

    def upload(self) -> None:
        """Send what Bob wants sent; the server has it, and the answer may come, come later, or never."""
        found = [one for one in self.bob.engine.outgoing_requests() if isinstance(one.request, UploadKeys)]
        for wanted in found:
            assert isinstance(wanted.request, UploadKeys)
            for name, key in (wanted.request.one_time_keys or {}).items():
                if name in self.given or self.known.setdefault(name, key)["key"] != key["key"]:
                    self.twice.append(name)
            before = len(self.keys)
            answer = self.server.answer(self.bob.me, wanted.request)
            if self.decider.random() < 0.7:
                if self.decider.random() < 0.3:
                    self.hear(*self.old)
                self.bob.engine.mark_request_as_sent(wanted.id, answer)
                self.unsure_of = None
            else:
                self.unsure_of = before if self.unsure_of is None else self.unsure_of
                self.bob.restart()
                self.old = (self.bob.engine.uploads, len(self.keys))

    def settle(self) -> None:
        """Let all be well for a while."""
        self.decider = random.Random(0)
        for _ in range(4):
            self.clock.at_s += 7200
            self.hear(self.bob.engine.uploads, len(self.keys))
            self.bob.send_all()

    @property
    def is_right(self) -> bool:
        """True where no key was offered twice, there are enough, and they are good for something."""
        self.settle()
        event = self.alice.say(ROOM, [ALICE, BOB], "hello")
        self.bob.sync()
        return not self.twice and 25 <= len(self.keys) <= 50 and self.bob.read(event) == "hello"


def outcomes(name: str, rounds: int) -> list[bool]:
    found = []
    for number in range(rounds):
        race = Uploads(chance(f"{name} {number}"))
        for _ in range(40):
            race.step()
        found.append(race.is_right)
    return found


def test_no_key_is_offered_twice_and_there_are_always_some() -> None:
    assert all(outcomes("t20 uploads", ROUNDS))


def test_who_does_not_ask_what_became_of_an_upload_offers_keys_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = OwnAccount.prepare_upload

    def forgetful(self: OwnAccount, step: Step) -> UploadKeys:
        step.put_record("account", "own", {**(step.record("account", "own") or {}), "offered_on": None})
        return prepare(self, step)

    monkeypatch.setattr(OwnAccount, "prepare_upload", forgetful)
    assert not all(outcomes("t20 uploads", 15))


# ------------------------------------------------------------------ claims


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0,), (1,)])
def test_claims_that_cross_wedge_nothing(order: tuple[int, ...]) -> None:
    """Two threads claim keys of the same device: whichever answer comes last, it reads what follows."""
    server = KeyServer()
    alice, bob = (Peer(server, user_id, "D", policy=BlindTrust()) for user_id in (ALICE, BOB))
    alice.share(ROOM, [ALICE])
    query = alice.engine.query_for([BOB])
    assert query is not None
    alice.engine.mark_request_as_sent(query.id, server.answer(alice.me, query.request))
    devices = alice.engine.devices_of(BOB)
    claims = [alice.engine.claim_for(devices) for _ in range(2)]
    answers = [server.answer(alice.me, claim) for claim in claims]
    events: list[Event] = []
    for number in order:
        assert alice.engine.take_claimed(devices, answers[number]) == {}
        events.append(alice.say(f"!room{number}{len(events)}:hs", [ALICE, BOB], str(number)))
    bob.sync()
    assert [bob.read(event) for event in events] == [str(number) for number in order]
    back = bob.say(ROOM, [ALICE, BOB], "back")
    alice.sync()
    assert alice.read(back) == "back"


# ------------------------------------------------------------------ rooms


class Sharing:
    """Threads of Alice speak in a room while Carol comes and goes, keys are replaced, and Alice begins anew."""

    def __init__(self, decider: random.Random) -> None:
        self.decider, self.clock, self.server = decider, FrozenClock(), KeyServer()
        self.alice, self.bob, self.carol = (
            Peer(self.server, user_id, "D", policy=BlindTrust(), clock=self.clock) for user_id in (ALICE, BOB, CAROL)
        )
        self.given: list[tuple[str, bool]] = []
        self.said: list[tuple[Event, bool]] = []
        self.has_carol = False
        self.false_alarms = 0
        self._listen()

    def _listen(self) -> None:
        def alarm() -> None:
            self.false_alarms += 1

        self.alice.engine.on_rolled_back = alarm

    def step(self) -> None:
        match self.decider.randrange(8):
            case 0:
                self.has_carol = not self.has_carol
            case 1 | 2:
                members = [ALICE, BOB, CAROL] if self.has_carol else [ALICE, BOB]
                report = self.alice.share(ROOM, members, RoomSettings(rotation_msgs=7))
                self.given.append((report.session_id, self.has_carol))
            case 3 | 4 if self.given:
                self.speak(self.decider.choice(self.given[-2:])[0])
            case 5:
                with self.alice.engine.step() as step:
                    self.alice.engine.outbound.invalidate(step, ROOM)
            case 6:
                self.alice.restart()
                self._listen()
            case _ if self.said:
                self.alice.read(self.decider.choice(self.said)[0])

    def speak(self, session_id: str) -> None:
        """Say something by a session that some thread gave out a while ago."""
        content = {"body": "x"}
        try:
            with self.alice.engine.encrypt(ROOM, session_id, "m.room.message", content) as (encrypted, changes):
                self.alice.key_values.write(changes)
        except SessionReplaced:
            return
        number = len(self.said)
        event = Event("m.room.encrypted", encrypted, f"$e{number}", ALICE, number, room_id=ROOM)
        self.said.append((event, self.given[-1][1]))  # who was there when the key was given out last

    @property
    def faults(self) -> list[str]:
        """What went wrong."""
        self.bob.sync()
        self.carol.sync()
        found = ["somebody thought the store old"] * self.false_alarms
        read = [self.alice.engine.decrypt(event) for event, _ in self.said]
        places = [(one.key.session_id, one.message_index) for one in read]
        found += ["one place twice"] * (len(places) - len(set(places)))
        for event, has_carol in self.said:
            found += ["bob cannot read"] * (not _reads(self.bob, event))
            found += ["carol reads on"] * (not has_carol and _reads(self.carol, event))
        return found


def _reads(peer: Peer, event: Event) -> bool:
    try:
        return bool(peer.read(event))
    except DecryptionFailed:
        return False


def faults_of(name: str, rounds: int) -> list[str]:
    found: list[str] = []
    said = 0
    for number in range(rounds):
        race = Sharing(chance(f"{name} {number}"))
        for _ in range(60):
            race.step()
        found += race.faults
        said += len(race.said)
    assert said > rounds
    return found


def test_what_is_said_meanwhile_is_read_by_those_and_only_those_it_is_for() -> None:
    assert faults_of("t20 rooms", ROUNDS) == []


def test_where_nobody_compares_sessions_others_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outbound, "_must_rotate", lambda *_: False)
    assert "carol reads on" in faults_of("t20 rooms", 15)
