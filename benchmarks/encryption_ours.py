"""The work of the encryption rows, done by gomatrix_py and by the bare library."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gomatrix_py import SQLiteStore
from gomatrix_py.client.reading import Reader
from gomatrix_py.codec import dumps
from gomatrix_py.crypto import spaces
from gomatrix_py.crypto.account import ALGORITHMS
from gomatrix_py.crypto.backend import backend
from gomatrix_py.crypto.engine import Engine
from gomatrix_py.crypto.outbound import RoomSettings
from gomatrix_py.crypto.signing import sign_json
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.events import Event
from gomatrix_py.events.encryption_info import Trust
from tests.kit.key_server import KEY, KeyServer, Peer

from .corpora import FOLDER
from .measure import Meter

ROOM = "!room:hs"
ALICE, BOB = "@alice:hs", "@bob:hs"
TEXT = "x" * 900
SAID = {"msgtype": "m.text", "body": TEXT}
PAYLOAD = dumps({"type": "m.room.message", "content": SAID, "room_id": ROOM})
SETTINGS = RoomSettings(rotation_msgs=10_000)
ROOM_KEY = b"x" * 1400
"""As long as the event that brings a room key."""

Facts = dict[str, Any]


@contextmanager
def stored_peer(server: KeyServer, user_id: str, library: str) -> Iterator[Peer]:
    """A device that keeps what it knows in a file on a disk."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder, SQLiteStore(Path(folder) / "store.db") as store:
        options: Any = {"library": library, "policy": BlindTrust()}
        yield Peer(server, user_id, "DEVICE", key_values=store.key_values, **options)


def encrypted(peer: Peer, session_id: str) -> dict[str, Any]:
    """The content of an event, and the place it took is stored."""
    with peer.engine.encrypt(ROOM, session_id, "m.room.message", SAID) as (content, changes):
        peer.key_values.write(changes)
    return content


def written(peer: Peer, count: int, session_id: str) -> list[dict[str, Any]]:
    """Events of a room for which the key was shared, as a server sends them."""
    found = []
    for number in range(count):
        content = encrypted(peer, session_id)
        event = {"type": "m.room.encrypted", "room_id": ROOM, "sender": peer.me[0], "event_id": f"$event{number}"}
        found.append({**event, "origin_server_ts": number, "content": content})
    return found


def devices_of(users: list[str]) -> KeyServer:
    """A server that knows one device of each user, with a one-time key."""
    server, maker = KeyServer(), backend("vodozemac")
    for user_id in users:
        account = maker.new_account()
        account.generate_one_time_keys(1)
        keys = {"ed25519:D": account.ed25519_key, "curve25519:D": account.curve25519_key}
        document = {"user_id": user_id, "device_id": "D", "algorithms": list(ALGORITHMS), "keys": keys}
        server.devices[user_id] = {"D": sign_json(document, account, user_id, "D")}
        ((name, key),) = account.one_time_keys().items()
        one_time_key = {f"signed_curve25519:{name}": sign_json({"key": key}, account, user_id, "D")}
        server.one_time_keys[user_id, "D"] = one_time_key
    return server


# ------------------------------------------------------------------ reading and writing


def read(meter: Meter, count: int, library: str) -> Facts:
    """Parse and decrypt events, find out whose they are, and store which places were read."""
    server = KeyServer()
    alice = Peer(server, ALICE, "DEVICE", policy=BlindTrust())
    with stored_peer(server, BOB, library) as bob:
        bob.share(ROOM, [ALICE, BOB])
        session_id = alice.share(ROOM, [ALICE, BOB], SETTINGS).session_id
        events = written(alice, count, session_id)
        bob.sync()
        reader = Reader(bob.engine, refuses_distrusted=False)
        meter.note_memory()
        with meter.timed():
            for event in events:
                parsed = Event.from_dict(event)
                found = bob.engine.decrypt(parsed)
                key = found.key
                sender = parsed.sender, key.sender_key, key.ed25519
                info = reader.of_room(sender, key.session_id, is_authentic=bool(key.sender), was_late=False)
                assert info.trust is Trust.TRUSTED
                assert parsed.opened(found.type, found.content, info).content["body"] == TEXT
            bob.engine.note_readings()
    return {}


def bare_read(meter: Meter, count: int) -> Facts:
    """Decrypt the same ciphertexts."""
    import vodozemac

    outbound = vodozemac.GroupSession()
    inbound = vodozemac.InboundGroupSession(outbound.session_key)
    texts = [outbound.encrypt(PAYLOAD).to_base64() for _ in range(count)]
    meter.note_memory()
    with meter.timed():
        for text in texts:
            inbound.decrypt(vodozemac.MegolmMessage.from_base64(text))
    return {}


def write(meter: Meter, count: int, library: str) -> Facts:
    """Encrypt events, with a store in memory, as the others do it."""
    server, options = KeyServer(), {"library": library, "policy": BlindTrust()}
    Peer(server, BOB, "DEVICE", **options)
    alice = Peer(server, ALICE, "DEVICE", **options)
    session_id = alice.share(ROOM, [ALICE, BOB], SETTINGS).session_id
    meter.note_memory()
    with meter.timed():
        for _ in range(count):
            encrypted(alice, session_id)
    return {}


def write_to_many(meter: Meter, count: int, devices: int) -> Facts:
    """Encrypt events, and make sure before each that whoever is there may read it, and can."""
    users = [f"@user{number}:hs" for number in range(devices)]
    alice = Peer(devices_of(users), ALICE, "DEVICE", policy=BlindTrust())
    alice.share(ROOM, users, SETTINGS)
    engine = alice.engine
    engine.freshness.note_sync()
    meter.note_memory()
    with meter.timed():
        for _ in range(count):
            report = engine.settled(ROOM, SETTINGS, users)
            assert report is not None
            encrypted(alice, report.session_id)
    return {}


def write_committed(meter: Meter, count: int, library: str) -> Facts:
    """Encrypt events; that their places are taken is on the disk before."""
    server = KeyServer()
    Peer(server, BOB, "DEVICE", policy=BlindTrust())
    with stored_peer(server, ALICE, library) as alice:
        session_id = alice.share(ROOM, [ALICE, BOB], SETTINGS).session_id
        meter.note_memory()
        with meter.timed():
            for _ in range(count):
                encrypted(alice, session_id)
    return {}


def bare_write(meter: Meter, count: int) -> Facts:
    """Encrypt, and pickle the ratchet each time."""
    import vodozemac

    outbound = vodozemac.GroupSession()
    meter.note_memory()
    with meter.timed():
        for _ in range(count):
            outbound.encrypt(PAYLOAD).to_base64()
            outbound.pickle(KEY)
    return {}


# ------------------------------------------------------------------ sharing


def share(meter: Meter, count: int, library: str) -> Facts:
    """Start a session with each device from a key it signed, and encrypt the room's key for it."""
    users = [f"@user{number}:hs" for number in range(count)]
    server = devices_of(users)
    with stored_peer(server, ALICE, library) as alice:
        engine = alice.engine
        while (query := engine.query_for(users)) is not None:
            engine.mark_request_as_sent(query.id, server.answer(alice.me, query.request))
        recipients = engine.recipients(users)
        lacking = engine.lacking_session(ROOM, SETTINGS, recipients)
        claim = engine.claim_for(lacking)
        assert claim is not None
        claimed = server.answer(alice.me, claim)
        meter.note_memory()
        with meter.timed():
            assert engine.take_claimed(lacking, claimed) == {}
            assert len(engine.share(ROOM, SETTINGS, recipients).shared_with) == count
    return {}


def bare_share(meter: Meter, count: int) -> Facts:
    """Check a signature, start a session, encrypt and pickle: for each device."""
    import vodozemac

    own, others = vodozemac.Account(), []
    for _ in range(count):
        other = vodozemac.Account()
        other.generate_one_time_keys(1)
        key = next(iter(other.one_time_keys.values())).to_base64()
        signature = other.sign(key.encode()).to_base64()
        others.append((other.curve25519_key.to_base64(), other.ed25519_key.to_base64(), key, signature))
    public = vodozemac.Curve25519PublicKey.from_base64
    meter.note_memory()
    with meter.timed():
        for curve25519, ed25519, key, signature in others:
            signer = vodozemac.Ed25519PublicKey.from_base64(ed25519)
            signer.verify_signature(key.encode(), vodozemac.Ed25519Signature.from_base64(signature))
            session = own.create_outbound_session(public(curve25519), public(key))
            session.encrypt(ROOM_KEY).to_parts()
            session.pickle(KEY)
    return {}


# ------------------------------------------------------------------ opening


def fill(meter: Meter, path: str, keys: int) -> Facts:
    """Make a store with so many room keys, each in a place of its own."""
    with SQLiteStore(path) as store:
        engine = Engine(store.key_values, ALICE, "DEVICE", KEY)
        session = engine.backend.new_outbound_group()
        pickle = engine.backend.new_inbound_group(session.session_key()).pickle(engine.vault.pickle_key)
        with engine.step() as step:
            for number in range(keys):
                place = f"!room{number % 100}:hs {number:043d}"
                step.put_record(spaces.INBOUND, place, {"pickle": f"{engine.backend.name}:{pickle}"})
    return {}


def open_full(meter: Meter, path: str) -> Facts:
    """Open it, and encryption on it."""
    meter.note_memory()
    with meter.timed(), SQLiteStore(path) as store:
        Engine(store.key_values, ALICE, "DEVICE", KEY).outgoing_requests()
    return {}
