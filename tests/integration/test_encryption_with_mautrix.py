"""Encryption with mautrix-python at the other end, on a real homeserver, with each of our libraries.

It speaks libolm and keeps no key files; verification is not in it.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from mautrix.crypto.attachments import decrypt_attachment, encrypt_attachment
from mautrix.types import EventType, MediaMessageEventContent, MessageType

from gomatrix_py import Crypto, CryptoClient
from gomatrix_py.codec import structure, unstructure
from gomatrix_py.crypto.attachments import EncryptingReader, decrypt_to
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.events.contents.encrypted_file import EncryptedFile
from gomatrix_py.testing import DevServer
from tests.kit.encrypting import ENCRYPTION, heard, person, sync_until
from tests.kit.mautrix_peer import MautrixPeer

PASSWORD = "password"
BOTH = pytest.mark.parametrize("library", ["vodozemac", "olm"])
pytestmark = pytest.mark.filterwarnings("ignore:The (sender_key|device_id) field in Megolm:DeprecationWarning")


@pytest.fixture
def library() -> BackendName:
    """Ours; tests that `BOTH` marks run with each."""
    return "vodozemac"


@pytest.fixture
def alice(matrix_server: DevServer, library: BackendName) -> Iterator[CryptoClient]:
    with person(matrix_server, "alice", crypto=Crypto(trust=BlindTrust(), library=library)) as client:
        yield client


@pytest.fixture
def name(matrix_server: DevServer) -> str:
    """The account of those who use mautrix."""
    found = f"mautrix-{secrets.token_hex(4)}"
    matrix_server.register(found, PASSWORD).close()
    return found


@pytest.fixture
def bob(matrix_server: DevServer, name: str) -> Iterator[MautrixPeer]:
    with MautrixPeer(matrix_server.url, name, PASSWORD) as peer:
        yield peer


def shared_room(alice: CryptoClient, bob: MautrixPeer) -> str:
    room_id = alice.create_room("Secrets", invite=[bob.client.mxid], initial_state=[ENCRYPTION]).room_id
    bob.join(room_id)
    alice.sync_once()
    return room_id


def hear(alice: CryptoClient, bob: MautrixPeer, room_id: str, text: str) -> None:
    """Let Bob say something, and wait until Alice has read it."""
    at_alice = heard(alice)
    event_id = bob.send(room_id, text)
    sync_until(alice, lambda: any(event.event_id == event_id and event.body == text for event in at_alice))


@BOTH
def test_a_conversation(alice: CryptoClient, bob: MautrixPeer) -> None:
    room_id = shared_room(alice, bob)
    for number in range(3):
        alice.send_text(room_id, f"hello {number}, ☃")
        bob.sync_until_read(f"hello {number}, ☃")
        hear(alice, bob, room_id, f"hi {number}, ☃")
    assert bob.unread == []


def test_history_is_read_back(alice: CryptoClient, bob: MautrixPeer) -> None:
    room_id = shared_room(alice, bob)
    first = alice.send_text(room_id, "first").event_id
    bob.sync_until_read("first")
    hear(alice, bob, room_id, "second")
    assert {event.body for event in alice.messages(room_id, limit=50).chunk if event.body} == {"first", "second"}
    assert bob.read_again(first, room_id) == "first"


@BOTH
def test_who_left_does_not_read_on(matrix_server: DevServer, alice: CryptoClient, bob: MautrixPeer) -> None:
    with person(matrix_server, "carol", crypto=Crypto(trust=BlindTrust())) as carol:
        room_id = shared_room(alice, bob)
        alice.invite_user(room_id, carol.user_id)
        carol.join_room(room_id)
        alice.sync_once()
        first = alice.send_text(room_id, "to all").encryption.session_id
        bob.sync_until_read("to all")
        bob.run(bob.client.leave_room(room_id))
        alice.sync_once()
        second = alice.send_text(room_id, "without bob").encryption.session_id
        bob.sync()
        assert first != second
        assert (bob.knows(room_id, first), bob.knows(room_id, second)) == (True, False)


@BOTH
def test_we_do_not_read_on_after_we_left(matrix_server: DevServer, alice: CryptoClient, bob: MautrixPeer) -> None:
    with person(matrix_server, "carol", crypto=Crypto(trust=BlindTrust())) as carol:
        room_id = shared_room(alice, bob)
        alice.invite_user(room_id, carol.user_id)
        carol.join_room(room_id)
        bob.sync()
        carol.sync_once()
        hear(alice, bob, room_id, "to all")
        alice.leave_room(room_id)
        bob.sync()
        at_carol = heard(carol)
        event_id = bob.send(room_id, "without alice")
        sync_until(carol, lambda: any(event.event_id == event_id and event.body for event in at_carol))
        (session_id,) = {e.encryption.session_id for e in at_carol if e.event_id == event_id and e.encryption}
        alice.sync_once()
        with alice.engine.step() as step:
            assert alice.engine.inbound.known(step, room_id, session_id) is None


@BOTH
def test_a_device_of_theirs_that_comes_later(
    matrix_server: DevServer, alice: CryptoClient, bob: MautrixPeer, name: str
) -> None:
    room_id = shared_room(alice, bob)
    before = alice.send_text(room_id, "before").encryption.session_id
    bob.sync_until_read("before")
    with MautrixPeer(matrix_server.url, name, PASSWORD) as tablet:
        alice.sync_once()
        after = alice.send_text(room_id, "after").encryption.session_id
        for peer in (bob, tablet):
            peer.sync_until_read("after")
        assert before == after, "a device more is no reason for a new key"
        assert [text for _, text in tablet.read] == ["after"]


def test_a_device_of_ours_that_comes_later(matrix_server: DevServer, alice: CryptoClient, bob: MautrixPeer) -> None:
    room_id = shared_room(alice, bob)
    hear(alice, bob, room_id, "before")
    local = alice.user_id[1:].partition(":")[0]
    with matrix_server.login(local, PASSWORD, client_class=CryptoClient, crypto=alice.crypto_options) as tablet:
        tablet.sync_once()
        bob.sync()
        bob.use_new_key(room_id)
        hear(tablet, bob, room_id, "after")


@BOTH
def test_sessions_that_we_lost_heal(alice: CryptoClient, bob: MautrixPeer) -> None:
    room_id = shared_room(alice, bob)
    hear(alice, bob, room_id, "one")
    alice.send_text(room_id, "two")
    bob.sync_until_read("two")
    for device in alice.crypto.devices(str(bob.client.mxid)):
        with alice.engine.step() as step:
            alice.engine.olm.drop_sessions(step, device)
    bob.use_new_key(room_id)
    at_alice = heard(alice)
    lost = bob.send(room_id, "lost")
    sync_until(alice, lambda: any(event.event_id == lost for event in at_alice))
    bob.sync()
    bob.use_new_key(room_id)
    hear(alice, bob, room_id, "healed")


@BOTH
def test_sessions_that_they_lost_heal(alice: CryptoClient, bob: MautrixPeer) -> None:
    room_id = shared_room(alice, bob)
    alice.send_text(room_id, "one")
    bob.sync_until_read("one")
    hear(alice, bob, room_id, "so that our session is an answered one")
    bob.lose_sessions()
    alice.crypto.invalidate_outbound_session(room_id)
    alice.send_text(room_id, "lost")
    bob.sync()
    alice.sync_once()  # its empty message begins the session that we go on with
    alice.crypto.invalidate_outbound_session(room_id)
    alice.send_text(room_id, "healed")
    bob.sync_until_read("healed")


# ------------------------------------------------------------------ files


def test_their_attachments(alice: CryptoClient, bob: MautrixPeer, tmp_path: Path) -> None:
    room_id, secret = shared_room(alice, bob), secrets.token_bytes(100_000)
    ciphertext, file = encrypt_attachment(secret)
    file.url = bob.run(bob.client.upload_media(ciphertext, mime_type="application/octet-stream"))
    content = MediaMessageEventContent(msgtype=MessageType.FILE, body="a.bin", file=file)
    at_alice = heard(alice)
    bob.run(bob.client.send_message_event(room_id, EventType.ROOM_MESSAGE, content))
    sync_until(alice, lambda: at_alice)
    described = structure(at_alice[0].content["file"], EncryptedFile)
    alice.download(described.url, tmp_path / "ciphertext")
    with (tmp_path / "ciphertext").open("rb") as downloaded:
        decrypt_to(downloaded, described, tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == secret
    assert secret not in (tmp_path / "ciphertext").read_bytes()


def test_our_attachments(alice: CryptoClient, bob: MautrixPeer) -> None:
    room_id, secret = shared_room(alice, bob), secrets.token_bytes(100_000)
    reader = EncryptingReader(io.BytesIO(secret))
    uri = alice.upload(reader.read(), mimetype="application/octet-stream")
    content = {"msgtype": "m.file", "body": "a.bin", "file": unstructure(reader.file_info(uri))}
    alice.send_message_event(room_id, "m.room.message", content)
    bob.sync_until_read("a.bin")
    file = bob.heard[-1].content.file
    downloaded = bob.run(bob.client.download_media(file.url))
    assert decrypt_attachment(downloaded, file.key.key, file.hashes["sha256"], file.iv) == secret
