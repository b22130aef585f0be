"""The places of our messages in their sessions: none twice, none left out for long, each stored before it is used."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import vodozemac

from gomatrix_py import Crypto, CryptoClient, SQLiteStore
from gomatrix_py.crypto import spaces
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.outbound import AHEAD, Outbound, RoomSettings, _Ratchet
from gomatrix_py.crypto.steps import Step
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.errors import StoreError, UnknownMessageIndex
from gomatrix_py.events import Event
from gomatrix_py.store.key_values import Change, MemoryKeyValues
from tests.kit.key_server import KEY, KeyServer, Peer
from tests.kit.ratchet_audit import Audit

ROOM = "!room:hs"
ALICE, BOB, CAROL = "@alice:hs", "@bob:hs", "@carol:hs"
LONG = RoomSettings(rotation_msgs=10_000)
_NUMBERS = itertools.count()
LIBRARIES: list[BackendName] = ["vodozemac", "olm"]


class CountingValues(MemoryKeyValues):
    """Counts how often a session is written, and can refuse to write."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0
        self.is_full = False

    def write(self, changes: Iterable[Change]) -> None:
        changes = list(changes)
        if self.is_full and changes:
            raise StoreError("the disk is full")
        self.written += sum(change.space == spaces.OUTBOUND for change in changes)
        super().write(changes)


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> BackendName:
    name: BackendName = request.param
    return name


def _alice(library: BackendName = "vodozemac", server: KeyServer | None = None) -> Peer:
    server, options = server or KeyServer(), {"library": library, "policy": BlindTrust()}
    Peer(server, BOB, "D", **options)
    return Peer(server, ALICE, "D", key_values=CountingValues(), **options)


def _values(peer: Peer) -> CountingValues:
    assert isinstance(peer.key_values, CountingValues)
    return peer.key_values


def _say(peer: Peer, times: int = 1) -> list[Event]:
    """Say something else each time: the same words at the same place would be the same ciphertext."""
    return [peer.say(ROOM, [ALICE, BOB], f"x{next(_NUMBERS)}", LONG) for _ in range(times)]


def _places(events: Iterable[Event]) -> list[int]:
    return [vodozemac.MegolmMessage.from_base64(event.content["ciphertext"]).message_index() for event in events]


def _end(peer: Peer) -> None:
    """End as a process that closes its client."""
    with peer.engine.step() as step:
        peer.engine.outbound.give_back(step)
    peer.restart()


# ------------------------------------------------------------------ one life


def test_the_ratchet_is_written_seldom_and_no_place_is_left_out(library: BackendName) -> None:
    alice = _alice(library)
    assert _places(_say(alice, 200)) == list(range(200))
    assert _values(alice).written <= 2 + 5 + 200 // AHEAD


def test_another_session_begins_exactly_where_the_room_asks_for_it(library: BackendName) -> None:
    alice, settings = _alice(library), RoomSettings(rotation_msgs=30)
    places = _places(alice.say(ROOM, [ALICE, BOB], "x", settings) for _ in range(61))
    assert places == [*range(30), *range(30), 0]


def test_what_cannot_be_stored_costs_places_and_none_is_used_twice(library: BackendName) -> None:
    decider, audit, alice = random.Random(5), Audit(), _alice(library)
    said: list[Event] = []
    for _ in range(300):
        if decider.random() < 0.05:
            alice.restart()
        session_id = alice.share(ROOM, [ALICE, BOB], LONG).session_id
        _values(alice).is_full = decider.random() < 0.2
        try:
            with alice.engine.encrypt(ROOM, session_id, "m.x", {"n": len(said)}) as (content, changes):
                _values(alice).write([*changes, Change("outbox", "row", b"as every row is stored")])
            said.append(Event("m.room.encrypted", content))
        except StoreError:
            assert _values(alice).is_full
        _values(alice).is_full = False
    audit.note_room_events(said)
    assert (audit.reused, audit.seen) == (set(), len(said))
    assert len(said) > 200


# ------------------------------------------------------------------ the next life


def _gaps(library: BackendName, audit: Audit) -> dict[int, int]:
    """Return how many places the next process leaves out, by how many messages the killed one sent."""
    gaps = {}
    for count in (*range(20), 31, 32, 46, 47):
        alice = _alice(library)
        before = _say(alice, count)
        alice.restart()
        after = _say(alice, 3)
        audit.note_room_events([*before, *after])
        gaps[count] = _places(after)[0] - count
        assert _places(after) == [count + gaps[count] + number for number in range(3)]
    return gaps


def test_whoever_comes_after_a_kill_goes_on_behind_all_places(library: BackendName) -> None:
    audit = Audit()
    gaps = _gaps(library, audit)
    assert audit.reused == set()
    assert all(0 <= gap <= min(count, AHEAD - 1) for count, gap in gaps.items())
    assert gaps[1] == 0, "a job that says one thing leaves out nothing"
    assert max(gaps.values()) > AHEAD // 2  # so the kills did hit


def test_who_does_not_move_on_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    moving = Outbound._ratchet

    def staying(self: Outbound, step: Step, record: dict[str, Any]) -> _Ratchet:
        return moving(self, step, {**record, "messages": 0})

    monkeypatch.setattr(Outbound, "_ratchet", staying)
    audit = Audit()
    _gaps("vodozemac", audit)
    assert audit.reused


def test_whoever_comes_after_a_clean_end_leaves_out_nothing(library: BackendName) -> None:
    alice, said = _alice(library), []
    for count in (3, 0, 25, 1):
        said += _say(alice, count)
        _end(alice)
    assert _places(said) == list(range(29))


def test_who_goes_on_after_giving_back_uses_nothing_twice(library: BackendName) -> None:
    alice = _alice(library)
    said = _say(alice, 5)
    with alice.engine.step() as step:
        alice.engine.outbound.give_back(step)
    assert _places([*said, *_say(alice, 30)]) == list(range(35))
    alice.restart()
    assert _places(_say(alice))[0] >= 35


def test_a_client_that_is_closed_leaves_out_nothing(tmp_path: Path) -> None:
    server, said = KeyServer(), []
    Peer(server, BOB, "D", policy=BlindTrust())
    for _ in range(3):
        crypto = Crypto(key=KEY, trust=BlindTrust())
        store = SQLiteStore(tmp_path / "store.db")
        with CryptoClient("http://127.0.0.1:1", ALICE, "token", device_id="D", store=store, crypto=crypto) as client:
            peer = _ByHand(server, client)
            said += _say(peer, 7)
    assert _places(said) == list(range(21))


class _ByHand(Peer):
    """Drives the engine of a client."""

    def __init__(self, server: KeyServer, client: CryptoClient) -> None:
        self.server, self.engine, self.me = server, client.engine, (client.user_id, client.device_id)
        self.key_values = self.engine.vault.key_values
        self.send_all()


@pytest.mark.parametrize("count", [1, 3, 20])
def test_who_is_given_the_key_after_a_kill_reads_nothing_from_before(library: BackendName, count: int) -> None:
    alice = _alice(library)
    carol = Peer(alice.server, CAROL, "D", library=library, policy=BlindTrust())
    before = _say(alice, count)
    alice.restart()
    after = alice.say(ROOM, [ALICE, BOB, CAROL], "x", LONG)
    carol.sync()
    assert carol.read(after) == "x"
    for event in before:
        with pytest.raises(UnknownMessageIndex):
            carol.engine.decrypt(event)


# ------------------------------------------------------------------ old copies, and others at the store


def _is_told(peer: Peer, event: Event) -> bool:
    """Tell whether reading a message of our own shows that the store is an old copy."""
    told: list[None] = []
    peer.engine.on_rolled_back = lambda: told.append(None)
    peer.read(event)
    return bool(told)


def _copied(peer: Peer) -> Peer:
    """Return the same device as it goes on with a copy of the store."""
    values = CountingValues()
    for space in (*spaces.ALL, "vault", "vault.salt"):
        values.write([Change(space, key, value) for key, value in peer.key_values.scan(space)])
    return Peer(peer.server, *peer.me, key_values=values, **peer.options)


def test_an_old_copy_of_a_store_that_was_closed_is_told_by_the_next_message(library: BackendName) -> None:
    alice = _alice(library)
    _say(alice, 13)
    _end(alice)
    copy = _copied(alice)
    (message,) = _say(alice)
    assert _is_told(copy, message)


def test_an_old_copy_of_a_store_in_use_is_told_once_a_place_could_be_used_twice(library: BackendName) -> None:
    audit, alice = Audit(), _alice(library)
    said = _say(alice, 13)
    copy = _copied(alice)
    said += _say(alice, AHEAD)
    harmless = [event for event in said if not _is_told(_copied(copy), event)]
    assert len(said) > len(harmless) > 13
    said += _say(copy, 3)
    audit.note_room_events([*harmless, *said[-3:]])
    assert audit.reused == set()
    audit.note_room_events(said)
    assert audit.reused, "the others were told for a reason"


def test_own_messages_that_come_back_tell_nothing(library: BackendName) -> None:
    alice = _alice(library)
    for _ in range(3):
        for event in _say(alice, 11):
            assert not _is_told(alice, event)
        alice.restart()
        for event in _say(alice, 2):
            assert not _is_told(alice, event)


def test_two_engines_in_turns_at_one_store_use_no_place_twice(library: BackendName) -> None:
    decider, audit, alice = random.Random(3), Audit(), _alice(library)
    other = Peer(alice.server, *alice.me, key_values=alice.key_values, **alice.options)
    for _ in range(60):
        speaker, hearer = decider.choice([(alice, other), (other, alice)])
        said = _say(speaker, decider.randrange(12))
        audit.note_room_events(said)
        assert not any(_is_told(hearer, event) for event in said)
    assert audit.reused == set()
    assert audit.seen > 200
