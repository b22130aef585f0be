"""Encryption on a real homeserver: two and three people, both libraries, restarts, late and lost keys."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, Crypto, CryptoClient, DefaultSyncer, SlidingSyncer, SQLiteStore
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.device_info import DeviceInfo
from gomatrix_py.crypto.trust import BLACKLISTED, BlindTrust, ManualTrust
from gomatrix_py.crypto.verification import State
from gomatrix_py.errors import EncryptionRequired, MissingRoomKey, NoEligibleDevices, StillUndecided, WrongStoreKey
from gomatrix_py.testing import DevServer
from tests.kit.encrypting import encrypted_room, heard, person, sync_until

LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")
BLIND = Crypto(trust=BlindTrust())


@pytest.fixture
def alice(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "alice", crypto=BLIND) as client:
        yield client


@pytest.fixture
def bob(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "bob", crypto=BLIND) as client:
        yield client


@pytest.mark.parametrize("sender", LIBRARIES)
@pytest.mark.parametrize("receiver", LIBRARIES)
def test_a_conversation(matrix_server: DevServer, sender: BackendName, receiver: BackendName) -> None:
    with (
        person(matrix_server, "alice", crypto=Crypto(library=sender)) as alice,
        person(matrix_server, "bob", crypto=Crypto(library=receiver)) as bob,
    ):
        room_id, at_bob, at_alice = encrypted_room(alice, bob), heard(bob), heard(alice)
        sent = alice.send_text(room_id, "hello")
        assert sent.encryption.shared_with
        sync_until(bob, lambda: at_bob)
        assert (at_bob[0].body, at_bob[0].event_id) == ("hello", sent.event_id)
        info = at_bob[0].encryption
        assert info is not None
        assert (info.device_id, info.is_authentic, info.error) == (alice.device_id, True, None)
        bob.reply(at_bob[0], "hello yourself")
        sync_until(alice, lambda: len(at_alice) > 1)
        assert [event.body for event in at_alice] == ["hello", "hello yourself"]
        assert bob.get_event(room_id, sent.event_id).body == "hello"
        assert {event.body for event in bob.messages(room_id).chunk if event.body} == {"hello", "hello yourself"}


def test_nothing_but_ciphertext_reaches_the_server(
    matrix_server: DevServer, alice: CryptoClient, bob: CryptoClient
) -> None:
    room_id = encrypted_room(alice, bob)
    sent = alice.send_text(room_id, "for your eyes only")
    with Client(matrix_server.url, alice.user_id, alice.access_token) as plain:
        event = plain.get_event(room_id, sent.event_id)
        assert event.type == "m.room.encrypted"
        assert b"eyes" not in event.json


def test_a_plain_client_refuses_to_send_into_an_encrypted_room(
    matrix_server: DevServer, alice: CryptoClient, bob: CryptoClient
) -> None:
    room_id = encrypted_room(alice, bob)
    own_filter = DefaultSyncer(timeline_limit=7)  # Synapse answers the same first sync from a cache
    with Client(matrix_server.url, alice.user_id, alice.access_token, syncer=own_filter) as plain:
        plain.sync_once()
        with pytest.raises(EncryptionRequired):
            plain.send_text(room_id, "oops")
        assert plain.outbox.pending() == []
        plain.allow_plaintext = True
        assert plain.send_text(room_id, "everybody may read this").event_id


def test_encryption_is_sticky(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id = encrypted_room(alice, bob)
    room = alice.store.load_room(room_id)
    assert room is not None
    room.state.put("m.room.encryption", "", b'{"type": "m.room.encryption", "state_key": "", "content": {}}')
    assert alice.send_text(room_id, "still secret").encryption is not None


def test_a_room_that_was_never_synced_is_asked_for(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id = encrypted_room(alice, bob)
    alice.store.rooms.clear()  # type: ignore[attr-defined]
    alice._engine = None  # as a new process with a store of its own would begin
    alice.store.key_values._spaces.clear()  # type: ignore[attr-defined]
    plain = bob.create_room("No secrets").room_id
    assert bob.send_text(plain, "hi").encryption is None
    assert alice._must_encrypt(room_id) is not None


def test_who_left_does_not_read_on(matrix_server: DevServer, alice: CryptoClient, bob: CryptoClient) -> None:
    with person(matrix_server, "carol", crypto=BLIND) as carol:
        room_id = encrypted_room(alice, bob, carol)
        first = alice.send_text(room_id, "with carol")
        carol.sync_once()
        carol.leave_room(room_id)
        alice.sync_once()
        second = alice.send_text(room_id, "without carol")
        assert first.encryption.session_id != second.encryption.session_id
        carol.sync_once()
        with carol.engine.step() as step:
            assert carol.engine.inbound.known(step, room_id, second.encryption.session_id) is None
            assert carol.engine.inbound.known(step, room_id, first.encryption.session_id) is not None


def test_a_device_that_comes_later_reads_from_then_on(matrix_server: DevServer, alice: CryptoClient) -> None:
    password = "password"
    with person(matrix_server, "bob", crypto=BLIND) as bob:
        room_id = encrypted_room(alice, bob)
        alice.send_text(room_id, "before")
        name = bob.user_id[1:].partition(":")[0]
        with matrix_server.login(name, password, client_class=CryptoClient, crypto=BLIND) as tablet:
            tablet.sync_once()
            at_tablet = heard(tablet)
            alice.sync_once()
            after = alice.send_text(room_id, "after")
            assert [one.device_id for one in after.encryption.shared_with] == [tablet.device_id]
            sync_until(tablet, lambda: any(event.event_id == after.event_id for event in at_tablet))
            assert [event.body for event in at_tablet if event.event_id == after.event_id] == ["after"]
            before = [event for event in tablet.messages(room_id).chunk if event.type == "m.room.encrypted"]
            assert len(before) == 1
            assert "import" in tablet.crypto.explain(before[0])


def test_all_goes_on_after_a_restart(matrix_server: DevServer, alice: CryptoClient, tmp_path: Path) -> None:
    crypto = Crypto(key="correct horse", trust=BlindTrust())
    with person(matrix_server, "bob", crypto=crypto, store=SQLiteStore(tmp_path / "bob.db")) as bob:
        session = bob.session
        room_id, at_bob = encrypted_room(alice, bob), heard(bob)
        first = alice.send_text(room_id, "one")
        sync_until(bob, lambda: at_bob)
        mine = bob.send_text(room_id, "mine")
    second = alice.send_text(room_id, "two")
    with (
        pytest.raises(WrongStoreKey),
        CryptoClient.from_session(
            session, store=SQLiteStore(tmp_path / "bob.db"), crypto=Crypto(key="wrong")
        ) as thief,
    ):
        thief.sync_once()
    with CryptoClient.from_session(session, store=SQLiteStore(tmp_path / "bob.db"), crypto=crypto) as bob:
        at_bob = heard(bob)
        sync_until(bob, lambda: any(event.event_id == second.event_id for event in at_bob))
        assert [event.body for event in at_bob if event.event_id == second.event_id] == ["two"]
        assert bob.get_event(room_id, first.event_id).body == "one"
        again = bob.send_text(room_id, "mine again")
        assert again.encryption.session_id == mine.encryption.session_id
        assert again.encryption.shared_with == ()


def test_a_message_that_came_before_its_key(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id, at_bob = encrypted_room(alice, bob), heard(bob)
    held: list[Any] = []
    original = type(alice._crypto_requests).send_queue
    alice_requests = type(alice._crypto_requests)
    alice_requests.send_queue = lambda self, cancel=None: held.append(self)  # type: ignore[method-assign]
    try:
        sent = alice.send_text(room_id, "early")
    finally:
        alice_requests.send_queue = original  # type: ignore[method-assign]
    sync_until(bob, lambda: at_bob)
    assert at_bob[0].type == "m.room.encrypted"
    assert isinstance(at_bob[0].encryption.error, MissingRoomKey)  # type: ignore[union-attr]
    assert "key" in bob.crypto.explain(at_bob[0])
    alice._crypto_requests.send_queue()
    sync_until(bob, lambda: len(at_bob) > 1)
    assert (at_bob[1].body, at_bob[1].event_id) == ("early", sent.event_id)
    assert at_bob[1].encryption.was_late  # type: ignore[union-attr]


def test_lost_sessions_heal(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id, at_bob = encrypted_room(alice, bob), heard(bob)
    alice.send_text(room_id, "one")
    sync_until(bob, lambda: at_bob)
    bob.send_text(room_id, "so that both have sessions")
    alice.sync_once()
    with bob.engine.step() as step:
        for key, _ in list(step.scan("olm")):
            step.remove("olm", key)
    alice.crypto.invalidate_outbound_session(room_id)
    alice.send_text(room_id, "lost")  # its key comes by a session that Bob no longer has
    sync_until(bob, lambda: len([event for event in at_bob if event.type == "m.room.encrypted"]) == 1)
    bob.sync_once()
    alice.sync_once()  # the new session is here, and the next key comes by it
    alice.crypto.invalidate_outbound_session(room_id)
    after = alice.send_text(room_id, "healed")
    sync_until(bob, lambda: any(event.event_id == after.event_id and event.body for event in at_bob))


# ------------------------------------------------------------------ trust


def test_levels_decide_who_reads(matrix_server: DevServer, alice: CryptoClient, bob: CryptoClient) -> None:
    room_id = encrypted_room(alice, bob)
    (device,) = alice.crypto.devices(bob.user_id)
    assert device.fingerprint == bob.crypto.fingerprint
    alice.crypto.blacklist_device(device)
    with pytest.raises(NoEligibleDevices) as nobody:
        alice.send_text(room_id, "not for bob")
    assert nobody.value.user_ids == (bob.user_id,)
    assert alice.outbox.pending() == []
    alice.crypto.unblacklist_device(device)
    alice.crypto.verify_device(device)
    assert alice.send_text(room_id, "for bob").encryption.shared_with[0].level == "verified"
    assert not alice.crypto.room_contains_unverified(room_id)
    assert [one.device_id for one in alice.crypto.room_devices(room_id)[bob.user_id]] == [bob.device_id]


class Asked(ManualTrust):
    """Decides once, in bulk, and remembers what it was asked."""

    def __init__(self, level: str) -> None:
        self.level = level
        self.asked: list[tuple[frozenset[DeviceInfo], object]] = []

    def decide(self, undecided: frozenset[DeviceInfo], context: object) -> dict[str, str]:
        self.asked.append((undecided, context))
        return {device.ed25519: self.level for device in undecided} if self.level else {}


@pytest.mark.parametrize("level", ["tofu", "", BLACKLISTED])
def test_a_policy_is_asked_once_for_all(matrix_server: DevServer, bob: CryptoClient, level: str) -> None:
    policy = Asked(level)
    with (
        person(matrix_server, "alice", crypto=Crypto(trust=policy)) as alice,
        person(matrix_server, "carol", crypto=BLIND) as carol,
    ):
        room_id = encrypted_room(alice, bob, carol)
        if level == "tofu":
            assert len(alice.send_text(room_id, "to both").encryption.shared_with) == 2
            alice.send_text(room_id, "again")
        else:
            with pytest.raises(NoEligibleDevices if level else StillUndecided):
                alice.send_text(room_id, "to nobody")
        assert [len(undecided) for undecided, _ in policy.asked] == [2]


# ------------------------------------------------------------------ keys, threads


def test_keys_the_server_lost_are_published_again(matrix_server: DevServer, alice: CryptoClient) -> None:
    assert alice.crypto.ensure_consistency() == []
    with alice.engine.step() as step:
        alice.engine.account.forget_upload(step)
    alice.sync_once()
    assert alice.crypto.ensure_consistency() == []


def test_many_threads_use_no_place_twice(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id, at_bob = encrypted_room(alice, bob), heard(bob)
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for count in range(10):
                alice.send_text(room_id, f"{number}-{count}")
        except BaseException as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    sync_until(bob, lambda: len(at_bob) == 40)
    assert {event.body for event in at_bob} == {f"{number}-{count}" for number in range(4) for count in range(10)}


def test_an_application_talks_to_devices(alice: CryptoClient, bob: CryptoClient) -> None:
    found: list[Any] = []
    bob.syncer.on_event_type("org.example.key", found.append)  # type: ignore[attr-defined]
    failed = alice.crypto.encrypt_to_devices(alice.crypto.devices(bob.user_id), "org.example.key", {"k": "v"})
    assert failed == {}
    sync_until(bob, lambda: found)
    assert (found[0].content, found[0].sender) == ({"k": "v"}, alice.user_id)


def test_a_forgotten_user_leaves_nothing(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id = encrypted_room(alice, bob)
    alice.send_text(room_id, "hi")
    alice.crypto.forget_user(bob.user_id)
    assert alice.crypto.devices(bob.user_id, refresh=False) == []
    assert len(alice.crypto.devices(bob.user_id)) == 0 or alice.send_text(room_id, "again").event_id


# ------------------------------------------------------------------ verification


def test_two_people_verify_each_other(alice: CryptoClient, bob: CryptoClient) -> None:
    (device,) = alice.crypto.devices(bob.user_id)
    mine = alice.crypto.request_verification(device)
    sync_until(bob, lambda: bob.crypto.verifications)
    (theirs,) = bob.crypto.verifications
    sync_until(bob, lambda: bob.engine.devices_of(alice.user_id))
    theirs.accept()
    sync_until(alice, lambda: mine.state is State.READY)
    mine.start_sas()
    sync_both_until(alice, bob, lambda: mine.emoji and theirs.emoji)
    assert [one.emoji for one in mine.emoji] == [one.emoji for one in theirs.emoji]
    assert mine.decimals == theirs.decimals
    mine.confirm()
    theirs.confirm()
    sync_both_until(alice, bob, lambda: mine.is_finished and theirs.is_finished)
    assert mine.is_verified
    assert theirs.is_verified
    assert alice.crypto.device(bob.user_id, bob.device_id).level == "verified"
    assert bob.crypto.device(alice.user_id, alice.device_id).level == "verified"


def test_a_bot_verifies_by_itself(alice: CryptoClient, bob: CryptoClient) -> None:
    bob.crypto.auto_accept_sas([alice.user_id])
    (device,) = alice.crypto.devices(bob.user_id)
    mine = alice.crypto.request_verification(device)
    sync_both_until(alice, bob, lambda: mine.emoji)
    mine.confirm()
    sync_both_until(alice, bob, lambda: mine.is_finished)
    assert mine.is_verified


def sync_both_until(one: CryptoClient, other: CryptoClient, found: Any) -> None:
    def look() -> Any:
        other.sync_once(200)
        return found()

    sync_until(one, look)


def test_a_conversation_over_sliding_sync(matrix_server: DevServer, alice: CryptoClient) -> None:
    with person(matrix_server, "bob", crypto=BLIND, syncer=SlidingSyncer()) as bob:
        room_id, at_bob = encrypted_room(alice, bob), heard(bob)
        sent = alice.send_text(room_id, "over there")
        sync_until(bob, lambda: any(event.event_id == sent.event_id for event in at_bob))
        assert [event.body for event in at_bob if event.event_id == sent.event_id] == ["over there"]
        at_alice = heard(alice)
        bob.send_text(room_id, "and back")
        sync_until(alice, lambda: any(event.body == "and back" for event in at_alice))
