"""The outbox in encrypted rooms on a real Synapse: no plain text leaves, and a ciphertext is made once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gomatrix_py import Client, Crypto, CryptoClient, DefaultSyncer, SQLiteStore
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.errors import EncryptionRequired
from gomatrix_py.http.messages import HttpRequest
from gomatrix_py.store.outbox import OutboxState
from gomatrix_py.testing import DevServer
from gomatrix_py.testing.faults import FaultProxy, Rule, reset_after
from tests.kit.encrypting import encrypted_room, heard, person, sync_until
from tests.kit.lost_answers import ONCE, lost

KEY = bytes(range(32))


@pytest.fixture
def carol(matrix_server: DevServer, tmp_path: Path) -> Iterator[CryptoClient]:
    options = {"store": SQLiteStore(tmp_path / "carol.db"), "crypto": Crypto(key=KEY, trust=BlindTrust())}
    with person(matrix_server, "carol", **options) as client:
        yield client


@pytest.fixture
def dave(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "dave", crypto=Crypto(trust=BlindTrust())) as client:
        yield client


def test_a_plain_client_sends_nothing_into_an_encrypted_room(
    carol: CryptoClient, dave: CryptoClient, tmp_path: Path
) -> None:
    room_id = encrypted_room(carol, dave)
    path = tmp_path / "notes.txt"
    path.write_bytes(b"curiouser and curiouser")
    own_filter = DefaultSyncer(timeline_limit=7)  # Synapse answers the same first sync from a cache
    with Client(carol.homeserver_url, carol.user_id, carol.access_token, syncer=own_filter) as plain:
        plain.queue_file(room_id, path)  # it does not know yet
        plain.queue_text(room_id, "nor this")
        plain.sync_once()
        sent: list[HttpRequest] = []
        plain.on_request(sent.append)
        for refuse in (lambda: plain.send_text(room_id, "x"), lambda: plain.queue_file(room_id, path)):
            with pytest.raises(EncryptionRequired):
                refuse()
        report = plain.outbox.flush()
        assert sent == []
        assert [one.state for one in report.waiting] == [OutboxState.WEDGED] * 3
    assert not [
        event for event in carol.messages_iter(room_id) if event.type in ("m.room.message", "m.room.encrypted")
    ]


def test_what_is_queued_for_an_encrypted_room_is_encrypted_when_it_leaves(
    carol: CryptoClient, dave: CryptoClient
) -> None:
    room_id = encrypted_room(carol, dave)
    at_dave = heard(dave)
    row = carol.queue_text(room_id, "for your eyes only")
    assert json.loads(row.content)["body"] == "for your eyes only"
    assert carol.outbox.flush()
    sync_until(dave, lambda: at_dave)
    assert [(event.body, event.encryption is not None) for event in at_dave] == [("for your eyes only", True)]


def test_the_same_ciphertext_is_sent_again_after_a_lost_answer(
    carol: CryptoClient, dave: CryptoClient, tmp_path: Path
) -> None:
    room_id = encrypted_room(carol, dave)
    at_dave = heard(dave)
    carol.close()
    bodies: list[bytes] = []

    def reopened(url: str) -> CryptoClient:
        return CryptoClient(
            url,
            carol.user_id,
            carol.access_token,
            device_id=carol.device_id,
            store=SQLiteStore(tmp_path / "carol.db"),
            crypto=Crypto(key=KEY, trust=BlindTrust()),
            retry=ONCE,
        )

    rules = [Rule(reset_after(), method="PUT", path="/send/m.room", nth=(1, 2))]
    with FaultProxy(carol.homeserver_url, rules, keeps_bytes=True) as proxy:
        with reopened(proxy.url) as client:
            row = lost(client, room_id)
            assert (row.event_type, json.loads(row.content)["algorithm"]) == (
                "m.room.encrypted",
                "m.megolm.v1.aes-sha2",
            )
            assert not client.outbox.edit(row.id, b'{"msgtype": "m.text", "body": "plain"}')
        with reopened(proxy.url) as client:  # another process has the ciphertext, too
            assert client.outbox.flush()
            after = client.outbox.rows.get(row.id)
            assert after is not None
        bodies += [one.request.body for one in proxy.passed if "/send/m.room.encrypted/" in one.request.path]
        assert not [one for one in proxy.passed if "/send/m.room.message/" in one.request.path]
    assert len(bodies) == 3
    assert set(bodies) == {row.content}
    sync_until(dave, lambda: at_dave)
    assert [(event.body, event.event_id) for event in at_dave] == [("once", after.event_id)]


def test_a_client_that_learns_its_device_late_sends_what_it_queued(
    carol: CryptoClient, dave: CryptoClient, tmp_path: Path
) -> None:
    """Of a token alone nobody knows the device; rows that are kept before it is asked for are ours all the same."""
    room_id = encrypted_room(carol, dave)
    carol.close()
    with CryptoClient(
        carol.homeserver_url,
        carol.user_id,
        carol.access_token,
        store=SQLiteStore(tmp_path / "carol.db"),
        crypto=Crypto(key=KEY, trust=BlindTrust()),
    ) as client:
        for text in ("one", "two", "three"):
            client.queue_text(room_id, text)
        assert {row.device_id for row in client.outbox.pending()} == {""}
        report = client.outbox.flush()
        assert [row.last_error for row in report.waiting] == []
        assert client.device_id == carol.device_id
    at_dave = heard(dave)
    sync_until(dave, lambda: len(at_dave) > 2)
    assert [event.body for event in at_dave] == ["one", "two", "three"]
