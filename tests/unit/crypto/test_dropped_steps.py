"""Steps that are not stored never happened: no ratchet is used twice, nothing that comes again is lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from gomatrix_py.crypto import spaces
from gomatrix_py.crypto.backend import BackendName, backend
from gomatrix_py.crypto.backend.base import OlmMessage
from gomatrix_py.crypto.engine import Engine
from gomatrix_py.crypto.exchanges import SyncChanges
from gomatrix_py.crypto.reopening import Reopening
from gomatrix_py.crypto.steps import Step
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.crypto.vault import Vault
from gomatrix_py.errors import BadPickle, DecryptionFailed, ReplayedMessage, StoreError, UsageError
from gomatrix_py.events import Event, EventSource
from gomatrix_py.store.key_values import MemoryKeyValues
from tests.kit.key_server import KEY, KeyServer, Peer

ROOM = "!r:hs"
ALICE, BOB = "@alice:hs", "@bob:hs"
BACKENDS: list[BackendName] = ["vodozemac", "olm"]
OTHER_KEY = bytes(reversed(range(32)))


class FullValues(MemoryKeyValues):
    """Refuses writes while it is full."""

    is_full = False

    def write(self, changes: Any) -> None:
        changes = list(changes)
        if self.is_full and changes:
            raise StoreError("the disk is full")
        super().write(changes)


@pytest.fixture(params=BACKENDS)
def library(request: pytest.FixtureRequest) -> BackendName:
    name: BackendName = request.param
    return name


def _peers(library: BackendName) -> tuple[Peer, Peer]:
    server = KeyServer()
    options: dict[str, Any] = {"library": library, "policy": BlindTrust()}
    alice, bob = (Peer(server, user, "D", key_values=FullValues(), **options) for user in (ALICE, BOB))
    for one, other in ((alice, BOB), (bob, ALICE)):
        query = one.engine.query_for([other])
        assert query is not None
        one.engine.mark_request_as_sent(query.id, server.answer(one.me, query.request))
    return alice, bob


def _full(peer: Peer, is_full: bool) -> None:
    assert isinstance(peer.key_values, FullValues)
    peer.key_values.is_full = is_full


# ------------------------------------------------------------------ what the libraries promise


def _session_pair(library: BackendName) -> tuple[Any, Any]:
    """Sessions of two devices that have heard of each other."""
    maker = backend(library)
    ours, theirs = maker.new_account(), maker.new_account()
    theirs.generate_one_time_keys(1)
    (one_time_key,) = theirs.one_time_keys().values()
    sending = ours.create_outbound_session(theirs.curve25519_key, one_time_key)
    receiving, _ = theirs.create_inbound_session(ours.curve25519_key, sending.encrypt(b"0"))
    sending.decrypt(receiving.encrypt(b"1"))
    return sending, receiving


def _damaged(message: OlmMessage, at: int) -> OlmMessage:
    other = "B" if message.body[at] == "A" else "A"
    return message._replace(body=message.body[:at] + other + message.body[at + 1 :])


def test_a_message_that_is_refused_changes_no_session(library: BackendName) -> None:
    sending, receiving = _session_pair(library)
    real = sending.encrypt(b"2")
    before = receiving.pickle(KEY)
    for at in range(len(real.body)):
        tried = backend(library).session(before, KEY)
        kept = tried.pickle(KEY)
        try:
            # vodozemac authenticates what it read, not its encoding: a chain index of zero
            # that is written as an unknown field is the same message to it.
            assert tried.decrypt(_damaged(real, at)) == b"2"
            assert (library, real.body[at]) == ("vodozemac", "A"), at
        except DecryptionFailed:
            assert tried.pickle(KEY) == kept, at
    assert receiving.decrypt(real) == b"2"
    assert receiving.pickle(KEY) != before  # what was compared does tell


def test_nothing_that_is_done_with_the_kept_identity_changes_it(library: BackendName) -> None:
    alice, bob = _peers(library)
    with alice.engine.step() as step:
        kept = alice.engine.account.identity(step)
    before = kept.pickle(KEY)
    for _ in range(3):
        alice.share(ROOM, [ALICE, BOB])
        bob.sync()
        bob.share(ROOM, [ALICE, BOB])
        alice.sync()
        with alice.engine.step() as step:
            alice.engine.outbound.invalidate(step, ROOM)
            alice.engine.olm.drop_sessions(step, alice.engine.devices.of_user(step, BOB)[0])
            alice.engine.account.sign(step, {"a": 1})
            assert alice.engine.account.identity(step) is kept
    assert kept.pickle(KEY) == before
    kept.generate_one_time_keys(1)
    assert kept.pickle(KEY) != before  # what was compared does tell


# ------------------------------------------------------------------ random failures


def _deliver(peer: Peer, waiting: list[dict[str, Any]], must_fail: bool) -> list[str]:
    """Take in to-device events; a sync that cannot be stored comes again."""
    events = [Event.from_dict(event, source=EventSource.TO_DEVICE) for event in waiting]
    _full(peer, must_fail)
    try:
        with peer.engine.receive_sync_changes(SyncChanges(events)) as taken:
            peer.key_values.write(taken.changes)
    except StoreError:
        assert must_fail
        return []
    finally:
        _full(peer, False)
    waiting.clear()
    return [arrival.message.content["n"] for arrival in taken.arrivals if arrival.message is not None]


def _talk(library: BackendName, seed: int, rounds: int = 40) -> None:
    """Two devices talk, each step is stored or not; all that left is read, once."""
    dice = random.Random(seed)
    alice, bob = _peers(library)
    server = alice.server
    left: dict[str, list[str]] = {ALICE: [], BOB: []}
    read: dict[str, list[str]] = {ALICE: [], BOB: []}
    waiting: dict[str, list[dict[str, Any]]] = {ALICE: [], BOB: []}
    for number in range(rounds):
        speaker, hearer = (alice, bob) if dice.random() < 0.5 else (bob, alice)
        to = hearer.me[0]
        engine, must_fail = speaker.engine, dice.random() < 0.4
        (device,) = [one for one in engine.devices_of(to) if one.device_id == "D"]
        with engine.step() as step:
            is_new = not engine.olm.has_session(step, device) or dice.random() < 0.1
        if is_new:
            claim = engine.claim_for([device])
            assert claim is not None
            assert engine.take_claimed([device], server.answer(speaker.me, claim)) == {}
        _full(speaker, must_fail)
        try:
            with engine.step() as step:
                content = engine.olm.encrypt(step, engine.own, device, "m.test", {"n": str(number)})
        except StoreError:
            assert must_fail
        else:
            if content is not None:
                waiting[to].append({"type": "m.room.encrypted", "sender": speaker.me[0], "content": content})
                left[to].append(str(number))
        finally:
            _full(speaker, False)
        if dice.random() < 0.6:
            read[to] += _deliver(hearer, waiting[to], dice.random() < 0.4)
    for peer in (alice, bob):
        read[peer.me[0]] += _deliver(peer, waiting[peer.me[0]], must_fail=False)
    assert read == left


@pytest.mark.parametrize("seed", range(5))
def test_all_that_left_is_read_whatever_was_not_stored(library: BackendName, seed: int) -> None:
    _talk(library, seed)


def test_objects_that_stay_under_their_old_pickles_are_noticed(
    library: BackendName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reopening, "take", lambda self, pickle: self._kept.get(pickle))

    def talks() -> None:
        for seed in range(5):
            _talk(library, seed)

    with pytest.raises(AssertionError):
        talks()


def test_a_session_that_was_claimed_for_and_not_stored_is_never_used_again(library: BackendName) -> None:
    alice, bob = _peers(library)
    (device,) = alice.engine.devices_of(BOB)
    contents, claimed = [], []
    for is_full in (True, False):
        claim = alice.engine.claim_for([device])
        assert claim is not None
        answer = alice.server.answer(alice.me, claim)
        claimed.append(answer)
        assert alice.engine.take_claimed([device], answer) == {}
        _full(alice, is_full)
        try:
            with alice.engine.step() as step:
                contents.append(alice.engine.olm.encrypt(step, alice.engine.own, device, "m.test", {}))
        except StoreError:
            assert is_full
        with alice.engine.step() as step:
            assert alice.engine.olm.has_session(step, device) is not is_full
    assert claimed[0] != claimed[1]
    first, second = (content["ciphertext"][device.curve25519]["body"] for content in contents)
    assert first != second
    bob.server.inboxes[bob.me] = [{"type": "m.room.encrypted", "sender": ALICE, "content": contents[1]}]
    arrivals, _ = bob.sync()
    assert [arrival.message.type for arrival in arrivals] == ["m.test"]


def test_what_cannot_be_said_costs_no_session() -> None:
    alice, _ = _peers("vodozemac")
    (device,) = alice.engine.devices_of(BOB)
    claim = alice.engine.claim_for([device])
    assert claim is not None
    alice.engine.take_claimed([device], alice.server.answer(alice.me, claim))
    with pytest.raises(UsageError), alice.engine.step() as step:
        alice.engine.olm.encrypt(step, alice.engine.own, device, "m.test", {"n": object()})
    with alice.engine.step() as step:
        assert alice.engine.olm.has_session(step, device)


# ------------------------------------------------------------------ which messages were read


def _replay_after_a_full_disk(note_readings: Callable[[Engine], None]) -> None:
    alice, bob = _peers("vodozemac")
    first = alice.say(ROOM, [ALICE, BOB], "once")
    bob.sync()
    assert bob.read(first) == "once"
    _full(bob, True)
    with pytest.raises(StoreError):
        note_readings(bob.engine)
    _full(bob, False)
    bob.restart()
    with pytest.raises(ReplayedMessage):
        bob.read(attrs.evolve(first, event_id="$another"))
    assert bob.read(first) == "once"


def test_what_was_read_is_noted_once_there_is_room_again() -> None:
    _replay_after_a_full_disk(Engine.note_readings)


def test_readings_that_are_dropped_are_noticed() -> None:
    def forgetful(engine: Engine) -> None:
        reading, engine._reading = engine._reading, Step(engine.vault)
        reading.commit()

    with pytest.raises(pytest.fail.Exception):
        _replay_after_a_full_disk(forgetful)


# ------------------------------------------------------------------ another key of the store


def _under_another_key(library: BackendName, *, as_stored: bool) -> str:
    alice, bob = _peers(library)
    event = alice.say(ROOM, [ALICE, BOB], "before")
    bob.sync()
    bob.engine.note_readings()
    vault = bob.engine.vault.change_key(OTHER_KEY, spaces.ALL)
    assert vault.pickle_key == bob.engine.vault.pickle_key
    if not as_stored:
        bob.key_values._spaces["vault"].remove("pickles")
    engine = Engine(bob.key_values, *bob.me, OTHER_KEY, library=library, policy=BlindTrust())
    assert engine.own == bob.engine.own
    return str(engine.decrypt(event).content["body"])


def test_a_store_whose_key_was_changed_reads_all_its_pickles(library: BackendName) -> None:
    assert _under_another_key(library, as_stored=True) == "before"


def test_pickles_under_the_old_key_are_noticed(library: BackendName) -> None:
    with pytest.raises(BadPickle):
        _under_another_key(library, as_stored=False)


def test_what_was_worked_out_before_the_key_was_changed_is_told_from_after() -> None:
    values = MemoryKeyValues()
    old = Vault.open(values, KEY)
    old.note_changed(["s"])
    new = old.change_key(OTHER_KEY, [])
    assert new.editions(["s"]) == old.editions(["s"]) == (1,)
