"""Encryption with matrix-nio 0.26 at the other end, on a real homeserver, with each of our libraries."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator
from pathlib import Path

import nio
import pytest
from nio.crypto.attachments import decrypt_attachment

from gomatrix_py import Crypto, CryptoClient
from gomatrix_py.codec import structure, unstructure
from gomatrix_py.crypto.attachments import EncryptingReader, decrypt_to
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.key_files import export_keys, import_keys
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.events.contents.encrypted_file import EncryptedFile
from gomatrix_py.testing import DevServer
from tests.kit.encrypting import ENCRYPTION, heard, person, sync_until
from tests.kit.nio_peer import NioPeer

PASSWORD = "password"
FEW_ROUNDS, OUR_FEWEST_ROUNDS = 1000, 100_000


BOTH = pytest.mark.parametrize("library", ["vodozemac", "olm"])


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
    """The account of those who use nio."""
    found = f"nio-{secrets.token_hex(4)}"
    matrix_server.register(found, PASSWORD).close()
    return found


@pytest.fixture
def bob(matrix_server: DevServer, name: str, tmp_path: Path) -> Iterator[NioPeer]:
    with NioPeer(matrix_server.url, name, PASSWORD, tmp_path / "bob") as peer:
        yield peer


def shared_room(alice: CryptoClient, bob: NioPeer) -> str:
    room_id = alice.create_room("Secrets", invite=[bob.client.user_id], initial_state=[ENCRYPTION]).room_id
    bob.join(room_id)
    alice.sync_once()
    return room_id


def hear(alice: CryptoClient, bob: NioPeer, room_id: str, text: str) -> None:
    """Let Bob say something, and wait until Alice has read it."""
    at_alice = heard(alice)
    event_id = bob.send(room_id, text)
    sync_until(alice, lambda: any(event.event_id == event_id and event.body == text for event in at_alice))


@BOTH
def test_a_conversation(alice: CryptoClient, bob: NioPeer) -> None:
    room_id = shared_room(alice, bob)
    for number in range(3):
        alice.send_text(room_id, f"hello {number}, ☃")
        bob.sync_until_read(f"hello {number}, ☃")
        hear(alice, bob, room_id, f"hi {number}, ☃")
    assert bob.unread == []


def test_history_is_read_back(alice: CryptoClient, bob: NioPeer) -> None:
    room_id = shared_room(alice, bob)
    alice.send_text(room_id, "first")
    bob.sync_until_read("first")
    hear(alice, bob, room_id, "second")
    assert {event.body for event in alice.messages(room_id, limit=50).chunk if event.body} == {"first", "second"}
    page = bob.run(bob.client.room_messages(room_id, limit=50))
    assert {event.body for event in page.chunk if isinstance(event, nio.RoomMessageText)} == {"first", "second"}


@BOTH
def test_who_left_does_not_read_on(matrix_server: DevServer, alice: CryptoClient, bob: NioPeer) -> None:
    with person(matrix_server, "carol", crypto=Crypto(trust=BlindTrust())) as carol:
        room_id = shared_room(alice, bob)
        alice.invite_user(room_id, carol.user_id)
        carol.join_room(room_id)
        alice.sync_once()
        first = alice.send_text(room_id, "to all").encryption.session_id
        bob.sync_until_read("to all")
        bob.run(bob.client.room_leave(room_id))
        alice.sync_once()
        second = alice.send_text(room_id, "without bob").encryption.session_id
        bob.sync()
        assert first != second
        assert (bob.knows(room_id, first), bob.knows(room_id, second)) == (True, False)


@BOTH
def test_we_do_not_read_on_after_we_left(matrix_server: DevServer, alice: CryptoClient, bob: NioPeer) -> None:
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
        with carol.engine.step() as step:
            assert carol.engine.inbound.known(step, room_id, session_id) is not None


@BOTH
def test_a_device_of_theirs_that_comes_later(
    matrix_server: DevServer, alice: CryptoClient, bob: NioPeer, name: str, tmp_path: Path
) -> None:
    room_id = shared_room(alice, bob)
    alice.send_text(room_id, "before")
    bob.sync_until_read("before")
    with NioPeer(matrix_server.url, name, PASSWORD, tmp_path / "tablet") as tablet:
        alice.sync_once()
        alice.send_text(room_id, "after")
        for peer in (bob, tablet):
            peer.sync_until_read("after")
        assert ("before" in {text for _, text in tablet.read}) is False


def test_a_device_of_ours_that_comes_later(matrix_server: DevServer, alice: CryptoClient, bob: NioPeer) -> None:
    room_id = shared_room(alice, bob)
    hear(alice, bob, room_id, "before")
    local = alice.user_id[1:].partition(":")[0]
    with matrix_server.login(local, PASSWORD, client_class=CryptoClient, crypto=alice.crypto_options) as tablet:
        tablet.sync_once()
        bob.sync()
        bob.use_new_key(room_id)  # nio gives a key to those who are there when it is made
        hear(tablet, bob, room_id, "after")


@BOTH
def test_sessions_that_we_lost_heal(alice: CryptoClient, bob: NioPeer) -> None:
    room_id = shared_room(alice, bob)
    hear(alice, bob, room_id, "one")
    alice.send_text(room_id, "two")
    bob.sync_until_read("two")
    for device in alice.crypto.devices(bob.client.user_id):
        with alice.engine.step() as step:
            alice.engine.olm.drop_sessions(step, device)
    bob.use_new_key(room_id)
    at_alice = heard(alice)
    lost = bob.send(room_id, "lost")
    sync_until(alice, lambda: any(event.event_id == lost for event in at_alice))
    bob.sync()  # our empty message begins the session that nio goes on with
    bob.use_new_key(room_id)
    hear(alice, bob, room_id, "healed")


@BOTH
def test_sessions_that_they_lost_heal(alice: CryptoClient, bob: NioPeer) -> None:
    room_id = shared_room(alice, bob)
    alice.send_text(room_id, "one")
    bob.sync_until_read("one")
    hear(alice, bob, room_id, "so that our session is an answered one")
    bob.lose_sessions()
    alice.crypto.invalidate_outbound_session(room_id)
    alice.send_text(room_id, "lost")
    bob.sync()
    alice.sync_once()
    alice.crypto.invalidate_outbound_session(room_id)
    alice.send_text(room_id, "healed")
    bob.sync_until_read("healed")


def test_nothing_is_lost_when_nio_starts_again(
    matrix_server: DevServer, alice: CryptoClient, name: str, tmp_path: Path
) -> None:
    with NioPeer(matrix_server.url, name, PASSWORD, tmp_path / "bob", "BOBSDEVICE") as bob:
        room_id = shared_room(alice, bob)
        alice.send_text(room_id, "one")
        bob.sync_until_read("one")
    alice.send_text(room_id, "two")
    with NioPeer(matrix_server.url, name, PASSWORD, tmp_path / "bob", "BOBSDEVICE") as bob:
        bob.sync_until_read("two")


# ------------------------------------------------------------------ files


def test_their_attachments(alice: CryptoClient, bob: NioPeer, tmp_path: Path) -> None:
    room_id, secret = shared_room(alice, bob), secrets.token_bytes(100_000)
    answer, keys = bob.thread.run(
        bob.client.upload(lambda *_: io.BytesIO(secret), "application/octet-stream", encrypt=True, filesize=100_000)
    )
    content = {"msgtype": "m.file", "body": "a.bin", "file": {**keys, "url": answer.content_uri}}
    at_alice = heard(alice)
    bob.run(bob.client.room_send(room_id, "m.room.message", content, ignore_unverified_devices=True))
    sync_until(alice, lambda: at_alice)
    file = at_alice[0].content["file"]
    alice.download(file["url"], tmp_path / "ciphertext")
    with (tmp_path / "ciphertext").open("rb") as ciphertext:
        decrypt_to(ciphertext, structure(file, EncryptedFile), tmp_path / "a.bin")
    assert secret not in (tmp_path / "ciphertext").read_bytes()
    assert (tmp_path / "a.bin").read_bytes() == secret


def test_our_attachments(alice: CryptoClient, bob: NioPeer) -> None:
    room_id, secret = shared_room(alice, bob), secrets.token_bytes(100_000)
    reader = EncryptingReader(io.BytesIO(secret))
    ciphertext = reader.read()
    uri = alice.upload(ciphertext, mimetype="application/octet-stream")
    content = {"msgtype": "m.file", "body": "a.bin", "file": unstructure(reader.file_info(uri))}
    alice.send_message_event(room_id, "m.room.message", content)
    bob.sync_until_read("a.bin")
    event = next(one for one in bob.heard if isinstance(one, nio.RoomEncryptedFile))
    downloaded = bob.run(bob.client.download(event.url))
    assert decrypt_attachment(downloaded.body, event.key["k"], event.hashes["sha256"], event.iv) == secret


@BOTH
def test_their_key_file(alice: CryptoClient, bob: NioPeer, tmp_path: Path) -> None:
    room_id = shared_room(alice, bob)
    hear(alice, bob, room_id, "one")
    session_id = next(iter(alice.messages(room_id).chunk)).encryption.session_id  # type: ignore[union-attr]
    with alice.engine.step() as step:
        alice.engine.inbound.forget(step, room_id, session_id)
    bob.run_for_effect(bob.client.export_keys(str(tmp_path / "keys"), "phrase", FEW_ROUNDS))
    assert import_keys(alice.engine, tmp_path / "keys", "phrase").taken >= 1
    assert [event.body for event in alice.messages(room_id, limit=1).chunk] == ["one"]


def test_our_key_file(matrix_server: DevServer, alice: CryptoClient, bob: NioPeer, tmp_path: Path) -> None:
    room_id = alice.create_room("Alone", initial_state=[ENCRYPTION]).room_id
    alice.sync_once()
    sent = alice.send_text(room_id, "before bob")
    assert export_keys(alice.engine, tmp_path / "keys", "phrase", rounds=OUR_FEWEST_ROUNDS) == 1
    bob.run_for_effect(bob.client.import_keys(str(tmp_path / "keys"), "phrase"))
    alice.invite_user(room_id, bob.client.user_id)
    bob.join(room_id)
    page = bob.run(bob.client.room_messages(room_id, limit=50))
    assert [one.body for one in page.chunk if one.event_id == sent.event_id] == ["before bob"]
