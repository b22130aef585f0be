"""What people who write scripts with encryption meet: each surprise that they had, and that nobody has again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, Crypto, CryptoClient, Event, EventSource, SQLiteStore
from gomatrix_py.api.room_events import SendMessageEvent
from gomatrix_py.client.diagnosis import Level
from gomatrix_py.client.outgoing import OutgoingMethods
from gomatrix_py.client.own_changes import OwnChanges
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.errors import (
    CryptoError,
    CryptoUnavailable,
    DeviceKeysLost,
    EncryptionRequired,
    UsageError,
    WrongStoreKey,
)
from gomatrix_py.testing import DevServer
from tests.kit.encrypting import ENCRYPTION, encrypted_room, heard, person, sync_until

KEY = b"k" * 32
BLIND, LOCKED = Crypto(trust=BlindTrust()), Crypto(key=KEY, trust=BlindTrust())


@pytest.fixture(scope="module")
def alice(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "alice", crypto=BLIND) as client:
        yield client


@pytest.fixture(scope="module")
def bob(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "bob", crypto=BLIND) as client:
        yield client


def as_the_server_has_it(client: Client, room_id: str, event_id: str) -> Event:
    with Client(client.homeserver_url, client.user_id, client.access_token) as plain:
        return plain.get_event(room_id, event_id)


def in_the_clear(client: Client) -> Client:
    """Return a client that says what a server could put into somebody's mouth."""
    return Client(client.homeserver_url, client.user_id, client.access_token, allow_plaintext=True)


# ------------------------------------------------------------------ never in the clear


def encrypt_and_speak(alice: CryptoClient) -> str:
    room_id = alice.create_room("Plain as yet").room_id
    alice.sync_once()
    alice.send_text(room_id, "anybody may know")
    alice.room(room_id).enable_encryption()
    sent = alice.send_text(room_id, "nobody may know")  # no sync told of it yet
    return as_the_server_has_it(alice, room_id, sent.event_id).type


def test_who_turns_encryption_on_speaks_encrypted_at_once(alice: CryptoClient) -> None:
    assert encrypt_and_speak(alice) == "m.room.encrypted"


def test_the_control_a_store_that_is_believed_speaks_in_the_clear(
    alice: CryptoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CryptoClient, "_is_surely_plain", lambda *_: True)
    monkeypatch.delattr(OutgoingMethods, "_carry_out")  # nor does it note what it did itself
    assert encrypt_and_speak(alice) == "m.room.message"


def test_a_job_asks_whether_a_room_became_encrypted_since_its_last_sync(
    matrix_server: DevServer, bob: CryptoClient, tmp_path: Path
) -> None:
    with person(matrix_server, "job", crypto=LOCKED, store=SQLiteStore(tmp_path / "job.db")) as job:
        session = job.session
        room_id = bob.create_room("Plain as yet", invite=[job.user_id]).room_id
        job.join_room(room_id)
        job.sync_once()
        assert job.send_text(room_id, "plain").encryption is None
    bob.room(room_id).enable_encryption()
    bob.sync_once()
    with CryptoClient.from_session(session, crypto=LOCKED, store=SQLiteStore(tmp_path / "job.db")) as job:
        assert not job.store.load_room(room_id).get_state_event("m.room.encryption")  # type: ignore[union-attr]
        sent = job.send_text(room_id, "secret")
    sync_until(bob, lambda: bob.get_event(room_id, sent.event_id).body == "secret")
    assert as_the_server_has_it(bob, room_id, sent.event_id).type == "m.room.encrypted"


def test_a_request_by_hand_does_not_go_out_in_the_clear(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id = encrypted_room(alice, bob)
    with pytest.raises(EncryptionRequired):
        alice.call(SendMessageEvent(room_id, "m.room.message", "by-hand", {"msgtype": "m.text", "body": "secret"}))
    sent = alice.send_text(room_id, "encrypted")
    assert as_the_server_has_it(alice, room_id, sent.event_id).type == "m.room.encrypted"


def test_delayed_and_sticky_events_do_not_go_out_in_the_clear(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id = encrypted_room(alice, bob)
    content = {"msgtype": "m.text", "body": "secret"}
    with Client(alice.homeserver_url, alice.user_id, alice.access_token) as plain:
        for client in (alice, plain):
            with pytest.raises(EncryptionRequired):
                client.send_delayed_event(room_id, "m.room.message", content, 1000)
            with pytest.raises(EncryptionRequired):
                client.send_sticky_event(room_id, "m.room.message", content, 1000)
    assert all(event.type != "m.room.message" for event in bob.messages(room_id).chunk)


# ------------------------------------------------------------------ who may read


def test_whom_we_invited_can_read_what_we_say_next(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id = alice.create_room("Secrets", initial_state=[ENCRYPTION]).room_id
    alice.sync_once()
    alice.invite_user(room_id, bob.user_id)
    sent = alice.send_text(room_id, "welcome")  # no sync told of the invite yet
    assert [device.user_id for device in sent.encryption.shared_with] == [bob.user_id]
    bob.join_room(room_id)
    bob.sync_once()
    assert bob.get_event(room_id, sent.event_id).body == "welcome"


def test_whom_we_put_out_cannot_read_what_we_say_next(
    matrix_server: DevServer, alice: CryptoClient, bob: CryptoClient
) -> None:
    with person(matrix_server, "carol", crypto=BLIND) as carol:
        room_id = encrypted_room(alice, bob, carol)
        before = alice.send_text(room_id, "with carol").encryption.session_id
        alice.kick_user(room_id, carol.user_id)
        assert alice.send_text(room_id, "without carol").encryption.session_id != before


def test_the_control_without_our_own_changes_the_old_key_is_used(
    matrix_server: DevServer, alice: CryptoClient, bob: CryptoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OwnChanges, "note", lambda *_: None)
    with person(matrix_server, "carol", crypto=BLIND) as carol:
        room_id = encrypted_room(alice, bob, carol)
        before = alice.send_text(room_id, "with carol").encryption.session_id
        alice.kick_user(room_id, carol.user_id)
        assert alice.send_text(room_id, "without carol").encryption.session_id == before


# ------------------------------------------------------------------ signing in


def test_a_login_goes_on_as_the_device_of_the_store(
    matrix_server: DevServer, bob: CryptoClient, tmp_path: Path
) -> None:
    devices, path = set(), tmp_path / "bot.db"
    matrix_server.register("twice", "password").close()
    room_id = ""
    for _ in range(2):
        with matrix_server.login(
            "twice", "password", client_class=CryptoClient, crypto=LOCKED, store=SQLiteStore(path)
        ) as bot:
            bot.sync_once()
            room_id = room_id or encrypted_room(bot, bob)
            sent = bot.send_text(room_id, "hello")
            devices.add((bot.device_id, bot.crypto.fingerprint))
            bot.logout()  # the server forgets the keys of the device with it
    assert len(devices) == 1
    bob.sync_once()
    assert bob.get_event(room_id, sent.event_id).body == "hello"


def test_a_store_is_of_one_device(matrix_server: DevServer, tmp_path: Path) -> None:
    with person(matrix_server, "alice", crypto=LOCKED, store=SQLiteStore(tmp_path / "a.db")) as alice:
        name = alice.user_id[1:].partition(":")[0]
        with pytest.raises(CryptoError, match=f"device {alice.device_id}"):
            alice.login_with_password(name, "password", device_id="ANOTHER")


@pytest.mark.parametrize(
    ("crypto", "error"),
    [
        (Crypto(key=b"x" * 32), WrongStoreKey),
        (Crypto(key="a passphrase"), WrongStoreKey),
        (Crypto(key=KEY, library="rot13"), CryptoUnavailable),  # type: ignore[arg-type]
    ],
)
def test_nobody_is_logged_in_to_be_told_of_a_wrong_key(
    crypto: Crypto, error: type[Exception], matrix_server: DevServer, tmp_path: Path
) -> None:
    with person(matrix_server, "alice", crypto=LOCKED, store=SQLiteStore(tmp_path / "a.db")) as alice:
        name, store = alice.user_id[1:].partition(":")[0], tmp_path / "a.db"
        alice.close()
        with (
            CryptoClient(matrix_server.url, crypto=crypto, store=SQLiteStore(store)) as other,
            pytest.raises(error),
        ):
            other.login_with_password(name, "password")
    assert other.access_token == ""


def test_a_lost_store_never_makes_new_keys_for_the_old_device(
    matrix_server: DevServer, bob: CryptoClient, tmp_path: Path
) -> None:
    with person(matrix_server, "alice", crypto=LOCKED, store=SQLiteStore(tmp_path / "a.db")) as alice:
        session, fingerprint = alice.session, alice.crypto.fingerprint
        name, room_id = alice.user_id[1:].partition(":")[0], encrypted_room(alice, bob)
    store = SQLiteStore(tmp_path / "lost-and-made-anew.db")
    with CryptoClient.from_session(session, crypto=LOCKED, store=store) as lost:
        for _ in range(2):
            with pytest.raises(DeviceKeysLost, match="log in anew"):
                lost.send_text(room_id, "who am I?")
            with pytest.raises(DeviceKeysLost):
                lost.sync_once()
        assert list(lost.outbox.pending()) == []
        findings = [one for one in lost.doctor().findings if one.level is Level.PROBLEM]
        assert ["encryption" in str(one) for one in findings] == [True]
        (seen,) = bob.crypto.devices(lost.user_id)
        assert seen.fingerprint == fingerprint
        lost.login_with_password(name, "password")  # is a new device
        assert lost.device_id != session.device_id
        lost.sync_once()
        assert lost.send_text(room_id, "it is me").encryption.shared_with


def test_after_a_reset_a_login_makes_a_new_device(matrix_server: DevServer, tmp_path: Path) -> None:
    for store in (None, SQLiteStore(tmp_path / "a.db")):
        with person(matrix_server, "alice", crypto=LOCKED if store else BLIND, store=store) as alice:
            before, name = alice.device_id, alice.user_id[1:].partition(":")[0]
            alice.crypto.reset()
            with pytest.raises(DeviceKeysLost):
                alice.sync_once()
            alice.login_with_password(name, "password")
            alice.sync_once()
            assert alice.device_id != before
            assert [one.fingerprint for one in alice.crypto.devices(alice.user_id) if one.device_id != before] == [
                alice.crypto.fingerprint
            ]


@pytest.mark.parametrize("key", [b"x" * 31, b"x" * 33, b"", "", 7, 1.5])
def test_a_key_that_is_none_is_refused_at_once(key: Any) -> None:
    with pytest.raises(UsageError):
        Crypto(key=key)


# ------------------------------------------------------------------ what others say


def test_edits_count_where_they_were_encrypted(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id = encrypted_room(alice, bob)
    sent = alice.send_text(room_id, "Hello").event_id
    alice.room(room_id).edit(sent, "Hello, all")
    reply = alice.send_text(room_id, "How are you?", thread=sent).event_id
    alice.room(room_id).edit(reply, "How are you all?")
    bob.sync_once()
    with in_the_clear(alice) as server:
        for target in (sent, reply):
            server.send_message_event(room_id, "m.room.message", plain_edit(target))
    assert bob.latest_version(sent, room_id=room_id).body == "Hello, all"
    assert bob.latest_version(sent, room_id=room_id).encryption is not None
    assert [edit.body for edit in bob.edits(sent, room_id=room_id)] == ["* Hello, all"]
    thread = bob.thread(room_id, sent)
    assert "forged" not in str(
        [thread.root.body, thread.latest and thread.latest.body, *(one.body for one in thread)]
    )


def test_edits_that_come_along_are_applied(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id = encrypted_room(alice, bob)
    sent = alice.send_text(room_id, "Hello").event_id
    alice.room(room_id).edit(sent, "Hello, all")
    reply = alice.send_text(room_id, "How are you?", thread=sent).event_id
    alice.room(room_id).edit(reply, "How are you all?")
    bob.sync_once()
    thread = bob.thread(room_id, sent)
    assert (thread.root.body, [one.body for one in thread]) == ("Hello, all", ["How are you all?"])
    assert thread.latest is not None
    assert thread.latest.body == "How are you all?"


def plain_edit(event_id: str) -> dict[str, Any]:
    new = {"msgtype": "m.text", "body": "forged"}
    return {**new, "m.new_content": new, "m.relates_to": {"rel_type": "m.replace", "event_id": event_id}}


def test_votes_count_where_they_were_encrypted(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id = encrypted_room(alice, bob)
    poll = alice.room(room_id).start_poll("Tea?", ["yes", "no"]).event_id
    bob.sync_once()
    yes, no = (answer.id for answer in bob.poll_results(poll, room_id=room_id).answers)
    bob.vote_in_poll(poll, [yes], room_id=room_id)
    with in_the_clear(bob) as server:
        server.vote_in_poll(poll, [no], room_id=room_id)
    alice.sync_once()
    assert alice.poll_results(poll, room_id=room_id).counts == {yes: 1, no: 0}


def test_notifications_come_opened(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id = encrypted_room(alice, bob)
    sent = alice.send_text(room_id, f"hello {bob.user_id}").event_id
    bob.sync_once()
    told = {one.event.event_id: one.event.body for one in bob.get_notifications().notifications}
    assert told[sent] == f"hello {bob.user_id}"


def test_a_message_between_devices_says_who_sent_it(alice: CryptoClient, bob: CryptoClient) -> None:
    got: list[Event] = []

    @bob.syncer.on_source(EventSource.TO_DEVICE)  # type: ignore[attr-defined, untyped-decorator]
    def listen(event: Event) -> None:
        got.append(event)

    device = alice.crypto.device(bob.user_id, bob.device_id)
    assert alice.crypto.encrypt_to_devices([device], "org.example.secret", {"k": "v"}) == {}
    forged = {"event": {"type": "org.example.secret", "content": {}}, "sender_key": "k", "ed25519": "k"}
    for event_type in ("org.example.secret", "m.room.encrypted"):
        alice.send_to_device(event_type, {bob.user_id: {bob.device_id: forged}})
    sync_until(bob, lambda: len(got) > 1)
    by_whom = [(event.content == {"k": "v"}, event.encryption and event.encryption.device_id) for event in got]
    assert by_whom == [(True, alice.device_id), (False, None)]
    assert alice.crypto.sessions(device)[0].sent_since > 0


# ------------------------------------------------------------------ in words that help


def test_why_an_event_cannot_be_read(matrix_server: DevServer, alice: CryptoClient) -> None:
    with (
        person(matrix_server, "bob", crypto=BLIND) as bob,
        person(matrix_server, "carol", crypto=BLIND) as carol,
    ):
        room_id, at_bob = encrypted_room(alice, bob, carol), heard(bob)
        open_to_all = alice.send_text(room_id, "for all").event_id
        deleted = alice.send_text(room_id, "oops").event_id
        alice.redact_event(room_id, deleted)
        sync_until(bob, lambda: at_bob)
        alice.crypto.blacklist_device(alice.crypto.device(bob.user_id, bob.device_id))
        sent = alice.send_text(room_id, "not for bob").event_id
        sync_until(bob, lambda: any(event.event_id == sent for event in at_bob))
        said = {name: bob.crypto.explain(bob.get_event(room_id, name)) for name in (sent, deleted, open_to_all)}
        assert "m.blacklisted" in said[sent]
        assert "unblock" in said[sent]
        assert "deleted" in said[deleted]
        assert f"device {alice.device_id} wrote it" in said[open_to_all]
        as_it_came = as_the_server_has_it(bob, room_id, open_to_all)
        assert bob.crypto.explain(as_it_came) == said[open_to_all]
        again = Event.from_dict({**as_it_came.raw, "event_id": "$again"}, room_id)
        assert "do not trust this server" in bob.crypto.explain(again)
