"""Files in encrypted rooms, files of room keys, files of trust, and keys on request, on a real homeserver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gomatrix_py import Client, Crypto, CryptoClient
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.errors import AttachmentError, EncryptionRequired, KeyFileError
from gomatrix_py.testing import DevServer
from tests.kit.encrypting import encrypted_room, heard, person, sync_until
from tests.kit.pictures import jpeg

BLIND = Crypto(trust=BlindTrust())


@pytest.fixture
def alice(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "alice", crypto=BLIND) as client:
        yield client


@pytest.fixture
def bob(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "bob", crypto=BLIND) as client:
        yield client


def test_a_file_in_an_encrypted_room(alice: CryptoClient, bob: CryptoClient, tmp_path: Path) -> None:
    room_id, at_bob = encrypted_room(alice, bob), heard(bob)
    content = b"for your eyes only " * 1000
    alice.send_file(room_id, content, filename="plan.txt", caption="the plan")
    sync_until(bob, lambda: at_bob)
    file = at_bob[0].content["file"]
    assert "url" not in at_bob[0].content
    assert content not in bob.download(file["url"]).content
    bob.download_attachment(at_bob[0], tmp_path)
    assert (tmp_path / "plan.txt").read_bytes() == content
    spoiled = at_bob[0].content | {"file": {**file, "hashes": {"sha256": "A" * 43}}}
    with pytest.raises(AttachmentError):
        bob.download_attachment(spoiled, tmp_path / "spoiled")
    assert [path.name for path in tmp_path.iterdir()] == ["plan.txt"]


def test_a_picture_and_its_thumbnail(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id, at_bob = encrypted_room(alice, bob), heard(bob)
    picture = jpeg(1600, 1200)
    alice.send_image(room_id, picture, filename="rabbit.jpg")
    sync_until(bob, lambda: at_bob)
    assert bob.download_attachment(at_bob[0]).content == picture
    assert "thumbnail_url" not in at_bob[0].content["info"]
    assert bob.download_attachment(at_bob[0], is_thumbnail=True).content


def test_a_plain_client_sends_no_file_there(matrix_server: DevServer, alice: CryptoClient, bob: CryptoClient) -> None:
    room_id = encrypted_room(alice, bob)
    with Client(matrix_server.url, bob.user_id, bob.access_token, store=bob.store) as plain:
        uploads: list[str] = []
        plain.on_request(lambda request: uploads.append(request.route))
        with pytest.raises(EncryptionRequired):
            plain.send_file(room_id, b"oops", filename="oops.txt")
        with pytest.raises(EncryptionRequired):
            plain.queue_file(room_id, __file__)
        assert uploads == []


def test_keys_go_over_in_a_file(matrix_server: DevServer, alice: CryptoClient, tmp_path: Path) -> None:
    with person(matrix_server, "bob", crypto=BLIND) as bob:
        room_id = encrypted_room(alice, bob)
        sent = alice.send_text(room_id, "before the tablet")
        bob.sync_once()
        name = bob.user_id[1:].partition(":")[0]
        with matrix_server.login(name, "password", client_class=CryptoClient, crypto=BLIND) as tablet:
            at_tablet = heard(tablet)
            tablet.sync_once()
            assert tablet.get_event(room_id, sent.event_id).type == "m.room.encrypted"
            assert bob.crypto.export_keys(tmp_path / "keys.txt", "correct horse") == 1
            with pytest.raises(KeyFileError):
                tablet.crypto.import_keys(tmp_path / "keys.txt", "wrong")
            report = tablet.crypto.import_keys(tmp_path / "keys.txt", "correct horse")
            assert (report.taken, report.total) == (1, 1)
            assert [event.body for event in at_tablet] == ["before the tablet"], "it waited for its key"
            assert at_tablet[0].encryption is not None
            assert at_tablet[0].encryption.was_late
            assert not at_tablet[0].encryption.is_authentic, "a file proves nothing"
            opened = tablet.get_event(room_id, sent.event_id)
            assert opened.body == "before the tablet"


def test_a_verified_device_of_ours_gives_us_keys(matrix_server: DevServer, alice: CryptoClient) -> None:
    with person(matrix_server, "bob", crypto=BLIND) as bob:
        room_id = encrypted_room(alice, bob)
        sent = alice.send_text(room_id, "before the tablet")
        bob.sync_once()
        name = bob.user_id[1:].partition(":")[0]
        with matrix_server.login(name, "password", client_class=CryptoClient, crypto=BLIND) as tablet:
            tablet.sync_once()
            for one, other in ((bob, tablet), (tablet, bob)):
                one.sync_once()
                one.crypto.verify_device(one.crypto.device(other.user_id, other.device_id))
            at_tablet = heard(tablet)
            assert tablet.get_event(room_id, sent.event_id).type == "m.room.encrypted"

            def arrived() -> bool:
                bob.sync_once(100)
                return any(event.body == "before the tablet" for event in at_tablet)

            sync_until(tablet, arrived)


def test_trust_goes_over_in_a_file(alice: CryptoClient, bob: CryptoClient, tmp_path: Path) -> None:
    (device,) = alice.crypto.devices(bob.user_id)
    alice.crypto.verify_device(device)
    assert alice.crypto.export_trust(tmp_path / "trusted") == 1
    alice.crypto.unverify_device(device)
    assert alice.crypto.device(bob.user_id, bob.device_id).level == ""
    assert alice.crypto.import_trust(tmp_path / "trusted").changed == 1
    assert alice.crypto.device(bob.user_id, bob.device_id).level == "verified"
