"""Trust on a real homeserver: who is given keys under each policy, and what the server sees where nobody is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from gomatrix_py import Crypto, CryptoClient, DefaultSyncer
from gomatrix_py.api.keys import UploadKeys
from gomatrix_py.client.client_warnings import ClientWarning, DeviceKeysChanged
from gomatrix_py.crypto.device_info import DeviceInfo, Trust
from gomatrix_py.crypto.engine import Engine
from gomatrix_py.crypto.trust import (
    BlindTrust,
    BlindTrustBeforeVerification,
    ManualTrust,
    TrustOnFirstUse,
    TrustPolicy,
    VerifiedOnly,
)
from gomatrix_py.errors import NoEligibleDevices, StillUndecided, TrustDecisionFailed
from gomatrix_py.store.key_values import MemoryKeyValues
from gomatrix_py.testing import DevServer
from tests.kit.encrypting import encrypted_room, heard, person, sync_until
from tests.kit.key_server import KEY
from tests.kit.server_view import history

BLIND = Crypto(trust=BlindTrust())


@pytest.fixture
def bob(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "bob", crypto=BLIND) as client:
        yield client


@pytest.fixture
def tablet(matrix_server: DevServer, bob: CryptoClient) -> Iterator[CryptoClient]:
    """Another device of Bob's."""
    with another_device(matrix_server, bob) as client:
        yield client


def another_device(server: DevServer, owner: CryptoClient) -> CryptoClient:
    name = owner.user_id[1:].partition(":")[0]
    client: CryptoClient = server.login(name, "password", client_class=CryptoClient, crypto=BLIND)
    client.sync_once()
    return client


def alice_with(server: DevServer, policy: TrustPolicy) -> CryptoClient:
    return person(server, "alice", crypto=Crypto(trust=policy))


def to_devices(client: CryptoClient) -> list[str]:
    """Return the types of all messages to a device that wait at the server."""
    return [event.type for event in client.sync_once().to_device.events]


def readers(alice: CryptoClient, room_id: str) -> set[str]:
    """Send something with a new key, and return the devices that were given it."""
    alice.crypto.invalidate_outbound_session(room_id)
    return {one.device_id for one in alice.send_text(room_id, "for whom it is").encryption.shared_with}


# ------------------------------------------------------------------ policies


def test_trust_on_first_use(matrix_server: DevServer, bob: CryptoClient) -> None:
    with alice_with(matrix_server, TrustOnFirstUse(within_ms=0)) as alice:
        room_id = encrypted_room(alice, bob)
        assert readers(alice, room_id) == {bob.device_id}
        with another_device(matrix_server, bob) as tablet:
            alice.sync_once()
            with pytest.raises(StillUndecided) as undecided:
                alice.send_text(room_id, "to whom?")
            assert undecided.value.devices == ((bob.user_id, tablet.device_id),)
            alice.crypto.set_trust(alice.crypto.device(bob.user_id, tablet.device_id), "tofu")
            assert readers(alice, room_id) == {bob.device_id, tablet.device_id}


def test_blind_trust_until_somebody_verified(
    matrix_server: DevServer, bob: CryptoClient, tablet: CryptoClient
) -> None:
    with alice_with(matrix_server, BlindTrustBeforeVerification()) as alice:
        room_id = encrypted_room(alice, bob)
        assert readers(alice, room_id) == {bob.device_id, tablet.device_id}
        device = alice.crypto.device(bob.user_id, bob.device_id)
        alice.crypto.verify_device(device)
        with pytest.raises(StillUndecided) as undecided:
            alice.send_text(room_id, "to whom?")
        assert undecided.value.devices == ((bob.user_id, tablet.device_id),)
        alice.crypto.unverify_device(device)
        assert readers(alice, room_id) == {bob.device_id, tablet.device_id}


def test_verified_only(matrix_server: DevServer, bob: CryptoClient, tablet: CryptoClient) -> None:
    with alice_with(matrix_server, VerifiedOnly()) as alice:
        room_id = encrypted_room(alice, bob)
        with pytest.raises(NoEligibleDevices) as nobody:
            alice.send_text(room_id, "to nobody")
        assert nobody.value.user_ids == (bob.user_id,)
        alice.crypto.verify_device(alice.crypto.device(bob.user_id, bob.device_id))
        sent = alice.send_text(room_id, "to one of them")
        assert {one.device_id for one in sent.encryption.shared_with} == {bob.device_id}
        assert [(one.device_id, one.code) for one in sent.encryption.errors] == [(tablet.device_id, "m.unverified")]


def test_each_level_and_back(matrix_server: DevServer, bob: CryptoClient, tablet: CryptoClient) -> None:
    """Under a policy that knows nothing by itself, every level is seen to come and go."""
    with alice_with(matrix_server, ManualTrust()) as alice:
        crypto, room_id = alice.crypto, encrypted_room(alice, bob)
        one, other = (crypto.device(bob.user_id, of.device_id) for of in (bob, tablet))
        crypto.blacklist_device(other)
        turns: list[tuple[Callable[[DeviceInfo], None], Callable[[DeviceInfo], None], str]] = [
            (crypto.verify_device, crypto.unverify_device, "verified"),
            (crypto.ignore_device, crypto.unignore_device, "ignored"),
            (crypto.blacklist_device, crypto.unblacklist_device, "blacklisted"),
        ]
        for do, undo, level in turns:
            do(one)
            assert crypto.device(bob.user_id, bob.device_id).level == level
            if level == "blacklisted":
                with pytest.raises(NoEligibleDevices):
                    alice.send_text(room_id, "to nobody")
            else:
                assert readers(alice, room_id) == {bob.device_id}
            for another_undo in (entry[1] for entry in turns if entry[2] != level):
                another_undo(one)
                assert crypto.device(bob.user_id, bob.device_id).level == level, "it is not theirs to take back"
            undo(one)
            assert crypto.device(bob.user_id, bob.device_id).level == ""
            with pytest.raises(StillUndecided):
                alice.send_text(room_id, "to whom?")
        assert crypto.room_contains_unverified(room_id)
        for device in crypto.devices(bob.user_id):
            crypto.verify_device(device)
        assert not crypto.room_contains_unverified(room_id)


# ------------------------------------------------------------------ deciding


class Deciding(ManualTrust):
    """Lets others decide; remembers what it was asked."""

    def __init__(self, decide: Callable[[frozenset[DeviceInfo]], dict[str, str]]) -> None:
        self.decides = decide
        self.asked: list[tuple[set[str], object]] = []

    def decide(self, undecided: frozenset[DeviceInfo], context: object) -> dict[str, str]:
        self.asked.append(({one.device_id for one in undecided}, context))
        return self.decides(undecided)


def test_whoever_decides_may_use_the_client_meanwhile(
    matrix_server: DevServer, bob: CryptoClient, tablet: CryptoClient
) -> None:
    """It may take a person minutes: no lock is held, so other threads go on, also with encryption."""
    done: list[object] = []

    def decide(undecided: frozenset[DeviceInfo]) -> dict[str, str]:
        def work() -> None:
            done.append(alice.crypto.devices(bob.user_id))
            done.append(alice.sync_once())
            alice.crypto.set_trust(next(iter(undecided)), "tofu")
            done.append(alice.send_text(plain_id, "meanwhile").event_id)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join(20)
        assert not thread.is_alive(), "it waits for who decides"
        return {one.ed25519: "tofu" for one in undecided}

    policy = Deciding(decide)
    with alice_with(matrix_server, policy) as alice:
        plain_id = alice.create_room("Plain").room_id
        room_id = encrypted_room(alice, bob)
        with alice.crypto.deciding("tab 3"):
            sent = alice.send_text(room_id, "after a while")
        assert len(done) == 3
        assert policy.asked == [({bob.device_id, tablet.device_id}, "tab 3")]
        assert {one.level for one in sent.encryption.shared_with} == {"tofu"}
        alice.send_text(room_id, "again")
        assert len(policy.asked) == 1, "what was decided is not asked again"


def test_where_nobody_decides_the_server_sees_nothing(
    matrix_server: DevServer, bob: CryptoClient, tablet: CryptoClient
) -> None:
    policy = Deciding(lambda undecided: {one.ed25519: "" for one in undecided})
    with alice_with(matrix_server, policy) as alice:
        room_id = encrypted_room(alice, bob)
        for client in (bob, tablet):
            client.sync_once()
        before = [event.event_id for event in history(alice, room_id)]
        for _ in range(2):
            with pytest.raises(StillUndecided):
                alice.send_text(room_id, "to nobody")
        alice.crypto.blacklist_device(alice.crypto.device(bob.user_id, bob.device_id))
        with pytest.raises(StillUndecided):
            alice.send_text(room_id, "one of them is still undecided")
        assert [event.event_id for event in history(alice, room_id)] == before
        assert to_devices(bob) == to_devices(tablet) == []
        assert alice.outbox.pending() == []
        alice.crypto.blacklist_device(alice.crypto.device(bob.user_id, tablet.device_id))
        with pytest.raises(NoEligibleDevices):
            alice.send_text(room_id, "to nobody")
        assert [event.event_id for event in history(alice, room_id)] == before
        assert to_devices(bob) == to_devices(tablet) == []


@pytest.mark.parametrize("answer", [KeyError("nobody"), None, {"fingerprint": 5}])
def test_a_policy_that_cannot_decide(matrix_server: DevServer, bob: CryptoClient, answer: object) -> None:
    """Nothing was sent, and nothing waits to be sent once it can: whoever called was told."""

    def decide(undecided: frozenset[DeviceInfo]) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    with alice_with(matrix_server, Deciding(decide)) as alice:
        room_id = encrypted_room(alice, bob)
        before = [event.event_id for event in history(alice, room_id)]
        with pytest.raises(TrustDecisionFailed) as failed:
            alice.send_text(room_id, "to nobody")
        assert failed.value.__cause__ is (answer if isinstance(answer, Exception) else None)
        assert alice.outbox.pending() == []
        assert [event.event_id for event in history(alice, room_id)] == before


def test_a_policy_that_cannot_judge(matrix_server: DevServer, bob: CryptoClient) -> None:
    class Broken(BlindTrust):
        def evaluate(self, device: DeviceInfo, of_user: frozenset[DeviceInfo]) -> Trust:
            raise ZeroDivisionError

    with alice_with(matrix_server, Broken()) as alice:
        room_id = encrypted_room(alice, bob)
        with pytest.raises(TrustDecisionFailed):
            alice.send_text(room_id, "to nobody")
        assert alice.outbox.pending() == []


def test_a_flush_says_what_it_is_for(matrix_server: DevServer, bob: CryptoClient) -> None:
    policy = Deciding(lambda undecided: {})
    with alice_with(matrix_server, policy) as alice:
        for room_id in [encrypted_room(alice, bob) for _ in range(2)]:
            alice.queue_text(room_id, "later")
        with alice.crypto.deciding("the nightly job"):
            alice.outbox.flush()
        assert {context for _, context in policy.asked} == {"the nightly job"}


def test_what_was_queued_waits_for_a_decision(matrix_server: DevServer, bob: CryptoClient) -> None:
    with alice_with(matrix_server, ManualTrust()) as alice:
        room_id, at_bob = encrypted_room(alice, bob), heard(bob)
        row = alice.queue_text(room_id, "later")
        assert not alice.outbox.flush()
        (waiting,) = alice.outbox.pending()
        assert bob.device_id in waiting.last_error
        assert alice.encryption_report(waiting) is None
        alice.crypto.verify_device(alice.crypto.device(bob.user_id, bob.device_id))
        alice.outbox.retry(row.id)
        report = alice.outbox.flush()
        assert report
        encrypted = alice.encryption_report(report.sent[0])
        assert encrypted is not None
        assert [one.device_id for one in encrypted.shared_with] == [bob.device_id]
        sync_until(bob, lambda: any(event.body == "later" for event in at_bob))


# ------------------------------------------------------------------ a server that lies


def test_keys_that_the_server_changes(matrix_server: DevServer, bob: CryptoClient) -> None:
    """V15: the keys that we know count, whatever the server says later, and somebody is told, once."""
    told: list[ClientWarning] = []
    with alice_with(matrix_server, TrustOnFirstUse()) as alice:
        alice.on_warning(told.append)
        room_id, at_bob = encrypted_room(alice, bob), heard(bob)
        (before,) = alice.crypto.devices(bob.user_id)
        impostor = Engine(MemoryKeyValues(), bob.user_id, bob.device_id, KEY)
        upload = impostor.outgoing_requests()[0].request
        assert isinstance(upload, UploadKeys)
        bob.call(UploadKeys(upload.device_keys))
        for _ in range(2):
            with alice.engine.step() as step:
                alice.engine.devices.changed(step, [bob.user_id])
            (after,) = alice.crypto.devices(bob.user_id)
            assert (after.ed25519, after.curve25519) == (before.ed25519, before.curve25519)
            assert after.has_changed_keys
        assert told == [DeviceKeysChanged(bob.user_id, bob.device_id, before.fingerprint)]
        assert bob.device_id in str(told[0])
        assert [one.ed25519 for one in shared(alice, room_id, "to Bob")] == [before.ed25519]
        sync_until(bob, lambda: any(event.body == "to Bob" for event in at_bob))


def shared(alice: CryptoClient, room_id: str, text: str) -> Sequence[DeviceInfo]:
    devices: Sequence[DeviceInfo] = alice.send_text(room_id, text).encryption.shared_with
    return devices


# ------------------------------------------------------------------ who is asked about


def test_members_who_never_said_anything_count(matrix_server: DevServer, bob: CryptoClient) -> None:
    """A lazy sync names those who said something; who may read is everybody."""
    lazy = DefaultSyncer(timeline_limit=1, lazy_load_members=True)
    with (
        person(matrix_server, "carol", crypto=BLIND) as carol,
        person(matrix_server, "alice", crypto=BLIND, syncer=lazy) as alice,
    ):
        room_id = encrypted_room(carol, bob)
        carol.invite_user(room_id, alice.user_id)
        alice.join_room(room_id)
        carol.send_state_event(room_id, "m.room.topic", "", {"topic": "secrets"})
        alice.sync_once()
        named = {one.user_id for one in alice.room(room_id).members_with("join")}
        assert bob.user_id not in named, "or this shows nothing"
        for device in alice.crypto.devices(carol.user_id):
            alice.crypto.verify_device(device)
        assert alice.crypto.room_contains_unverified(room_id)
        assert alice.crypto.room_devices(room_id).keys() == {one.user_id for one in (alice, bob, carol)}
        assert alice.crypto.missing_sessions(alice.crypto.room_devices(room_id)) != []
        alice.send_text(room_id, "to both")
        assert alice.crypto.missing_sessions(alice.crypto.room_devices(room_id)) == []
        assert {bob.user_id, carol.user_id} <= {*alice.crypto.known_users}


def test_those_who_are_gone_are_told_apart(matrix_server: DevServer, bob: CryptoClient) -> None:
    with alice_with(matrix_server, BlindTrust()) as alice:
        room_id = encrypted_room(alice, bob)
        with another_device(matrix_server, bob) as tablet:
            alice.sync_once()
            first = alice.send_text(room_id, "to both").encryption
            assert len(first.shared_with) == 2
            gone = tablet.device_id
            tablet.logout()
        sync_until(alice, lambda: len(active(alice, bob)) == 1)
        assert active(alice, bob) == [bob.device_id]
        assert {one.device_id: one.is_active for one in alice.crypto.devices(bob.user_id)} == {
            bob.device_id: True,
            gone: False,
        }
        second = alice.send_text(room_id, "to one").encryption
        assert second.session_id != first.session_id, "who is gone does not read on"
        assert [one.device_id for one in second.shared_with] == [bob.device_id]


def active(alice: CryptoClient, bob: CryptoClient) -> list[str]:
    alice.crypto.devices(bob.user_id)
    return [one.device_id for one in alice.crypto.active_devices(bob.user_id)]


def test_a_session_that_was_invalidated_is_not_used_again(matrix_server: DevServer, bob: CryptoClient) -> None:
    with alice_with(matrix_server, BlindTrust()) as alice:
        room_id = encrypted_room(alice, bob)
        ids = [alice.send_text(room_id, "one").encryption.session_id for _ in range(2)]
        alice.crypto.invalidate_outbound_session(room_id)
        report = alice.send_text(room_id, "two").encryption
        assert ids[0] == ids[1] != report.session_id
        assert [one.device_id for one in report.shared_with] == [bob.device_id]
