"""T5: whatever breaks down in between, no place of a ratchet encrypts two messages.

Engines talk while their stores fail to write, their processes end, and the network loses what was to be sent.
`test_t04_killed_receiver` audits what a real homeserver was sent by processes that were killed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest

from gomatrix_py.crypto import spaces
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.outbound import RoomSettings
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.errors import DecryptionFailed, StoreError
from gomatrix_py.events import Event
from gomatrix_py.store.key_values import Change, MemoryKeyValues
from tests.kit.fault_mixes import of_size
from tests.kit.fuzz import chance
from tests.kit.key_server import KeyServer, Peer
from tests.kit.ratchet_audit import Audit

OPERATIONS = of_size(600, 60_000)
ROOM = "!room:hs"
USERS = ("@alice:hs", "@bob:hs", "@carol:hs")
LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")


class FailingKeyValues(MemoryKeyValues):
    """Fails to write, now and then."""

    def __init__(self, decider: random.Random) -> None:
        super().__init__()
        self.decider, self.share = decider, 0.0

    def write(self, changes: Iterable[Change]) -> None:
        if self.decider.random() < self.share:
            raise StoreError("the disk is full")
        super().write(changes)


class AuditedServer(KeyServer):
    """Notes every ciphertext it is sent, and loses some."""

    def __init__(self, decider: random.Random) -> None:
        super().__init__()
        self.audit, self.decider, self.share = Audit(), decider, 0.0

    def answer(self, peer: tuple[str, str], request: Any) -> dict[str, Any]:
        for of_user in getattr(request, "messages", {}).values():
            for content in of_user.values():
                self.audit.note_olm(content)
        if self.decider.random() < self.share:
            raise StoreError("the connection broke")
        return super().answer(peer, request)


def sync(peer: Peer, changed: tuple[str, ...] = ()) -> None:
    """Take in what waits; where that fails, it comes again."""
    waiting = list(peer.server.inboxes.get(peer.me, []))
    try:
        peer.sync(changed=changed)
    except StoreError:
        peer.server.inboxes[peer.me] = waiting + peer.server.inboxes.get(peer.me, [])
        raise


def talk(peers: list[Peer], server: AuditedServer, decider: random.Random) -> list[Event]:
    """Let somebody do something; what fails is left to be done later."""
    peer, members = decider.choice(peers), list(USERS)
    if decider.random() < 0.05:
        peer.restart()
    settings = RoomSettings(rotation_msgs=5 if decider.random() < 0.02 else 100)  # some sessions live long
    try:
        if decider.random() < 0.3:
            sync(peer, (decider.choice(USERS),) if decider.random() < 0.2 else ())
            return []
        events = [peer.say(ROOM, members, "x", settings)]
    except StoreError:
        return []
    server.audit.note_room_events(events)
    return events


@pytest.mark.parametrize("library", LIBRARIES)
def test_no_place_is_used_twice(library: BackendName) -> None:
    decider = chance(f"t05 {library}")
    server = AuditedServer(decider)
    stores = [FailingKeyValues(decider) for _ in USERS]
    peers = [
        Peer(server, user_id, "D", key_values=store, library=library, policy=BlindTrust())
        for user_id, store in zip(USERS, stores, strict=True)
    ]
    for store in stores:
        store.share = 0.02
    server.share = 0.05
    events = [event for _ in range(OPERATIONS) for event in talk(peers, server, decider)]
    print(f"{server.audit.seen} ciphertexts")
    assert server.audit.reused == set()
    assert server.audit.seen > OPERATIONS / 2
    for store in stores:
        store.share = 0.0
    server.share = 0.0
    for peer in peers * 2:
        peer.restart()
        peer.send_all()
        peer.sync()
    for peer in peers:
        assert [event.event_id for event in events if not can_read(peer, event)] == []


def can_read(peer: Peer, event: Event) -> bool:
    try:
        return peer.read(event) == "x"
    except DecryptionFailed:
        return False


@pytest.mark.parametrize("space", [spaces.OUTBOUND, spaces.OLM])
def test_a_ratchet_that_was_not_stored_is_found_out(space: str) -> None:
    decider = chance("t05 control")
    server = AuditedServer(decider)
    alice, bob = (Peer(server, user_id, "D", policy=BlindTrust()) for user_id in USERS[:2])
    bob.sync()
    settings = RoomSettings(rotation_msgs=100 if space == spaces.OUTBOUND else 1)
    for _ in range(3):
        before = list(alice.key_values.scan(space))
        server.audit.note_room_events([alice.say(ROOM, list(USERS[:2]), "one", settings)])
        if before:
            alice.key_values.write([Change(space, key, value) for key, value in before])
            alice.restart()
            server.audit.note_room_events([alice.say(ROOM, list(USERS[:2]), "another", settings)])
    assert {place[0] for place in server.audit.reused} == {"megolm" if space == spaces.OUTBOUND else "olm"}
