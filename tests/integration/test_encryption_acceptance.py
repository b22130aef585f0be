"""The acceptance list of encryption, by its numbers, on a real homeserver.

Number 6, kills in the middle of many operations, is T4 and T5 in ``tests/faults``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Crypto, CryptoClient, Event, SQLiteStore
from gomatrix_py.api.keys import ClaimKeys
from gomatrix_py.api.to_device import SendToDevice
from gomatrix_py.crypto import spaces
from gomatrix_py.crypto.device_info import DeviceInfo
from gomatrix_py.crypto.to_device_queue import enqueue
from gomatrix_py.crypto.trust import BlindTrust, ManualTrust
from gomatrix_py.errors import MatrixError, MissingRoomKey, NoEligibleDevices, StillUndecided, TransportError
from gomatrix_py.http.endpoint import Endpoint
from gomatrix_py.testing import DevServer
from tests.kit.encrypting import encrypted_room, heard, person, sync_until
from tests.kit.key_server import KEY
from tests.kit.ratchet_audit import Audit
from tests.kit.server_view import history

BLIND = Crypto(trust=BlindTrust())


@pytest.fixture
def alice(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "alice", crypto=BLIND) as client:
        yield client


@pytest.fixture
def bob(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "bob", crypto=BLIND) as client:
        yield client


class Asked(ManualTrust):
    """Gives the levels it was made with, and remembers what it was asked."""

    def __init__(self, levels: dict[str, str]) -> None:
        self.levels = levels
        self.asked: list[tuple[set[str], object]] = []

    def decide(self, undecided: frozenset[DeviceInfo], context: object) -> dict[str, str]:
        self.asked.append(({one.user_id for one in undecided}, context))
        return {one.ed25519: self.levels[one.user_id] for one in undecided if one.user_id in self.levels}


def of_type(sent: list[Endpoint[Any]], kind: str) -> list[SendToDevice]:
    return [one for one in sent if isinstance(one, SendToDevice) and one.event_type == kind]


def sent_by(client: CryptoClient, monkeypatch: pytest.MonkeyPatch) -> list[Endpoint[Any]]:
    """Return a list that every request of a client is put into from now on."""
    sent: list[Endpoint[Any]] = []
    call = client.call

    def noted(endpoint: Endpoint[Any], **options: Any) -> Any:
        sent.append(endpoint)
        return call(endpoint, **options)

    monkeypatch.setattr(client, "call", noted)
    return sent


def test_1_levels_of_ones_own_decide_who_gets_the_key(matrix_server: DevServer, bob: CryptoClient) -> None:
    with person(matrix_server, "carol", crypto=BLIND) as carol:
        policy = Asked({bob.user_id: "tofu", carol.user_id: "blocked"})
        with person(matrix_server, "alice", crypto=Crypto(trust=policy)) as alice:
            room_id, at_bob, at_carol = encrypted_room(alice, bob, carol), heard(bob), heard(carol)
            report = alice.send_text(room_id, "for bob").encryption
            assert [one.user_id for one in report.shared_with] == [bob.user_id]
            assert [(one.user_id, one.code) for one in report.errors] == [(carol.user_id, "m.blacklisted")]
            sync_until(bob, lambda: at_bob)
            sync_until(carol, lambda: at_carol)
            assert at_bob[0].body == "for bob"
            error = at_carol[0].encryption.error  # type: ignore[union-attr]
            assert isinstance(error, MissingRoomKey)
            assert error.withheld == "m.blacklisted"


def test_2_the_undecided_are_asked_about_once_and_nothing_is_sent_before(
    matrix_server: DevServer, bob: CryptoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = Asked({})
    with (
        person(matrix_server, "alice", crypto=Crypto(trust=policy)) as alice,
        person(matrix_server, "carol", crypto=BLIND) as carol,
    ):
        room_id = encrypted_room(alice, bob, carol)
        sent = sent_by(alice, monkeypatch)
        before = [event.event_id for event in history(alice, room_id)]
        with pytest.raises(StillUndecided), alice.crypto.deciding("tab 3"):
            alice.send_text(room_id, "to nobody")
        assert policy.asked == [({bob.user_id, carol.user_id}, "tab 3")]
        assert of_type(sent, "m.room.encrypted") == []
        assert [event.event_id for event in history(alice, room_id)] == before
        assert [client.sync_once().to_device.events for client in (bob, carol)] == [[], []]
        assert alice.outbox.pending() == []


def test_3_a_device_without_keys_is_an_error_and_a_user_without_any_stops_the_sending(
    matrix_server: DevServer, alice: CryptoClient, bob: CryptoClient
) -> None:
    name = bob.user_id[1:].partition(":")[0]
    with matrix_server.login(name, "password", client_class=CryptoClient, crypto=BLIND) as tablet:
        tablet.sync_once()
        room_id = encrypted_room(alice, bob)
        use_up_keys(alice, tablet)
        report = alice.send_text(room_id, "for one of them").encryption
        assert [one.device_id for one in report.shared_with] == [bob.device_id]
        assert [(one.device_id, one.code) for one in report.errors] == [(tablet.device_id, "m.no_olm")]
    with person(matrix_server, "carol", crypto=BLIND) as carol:
        without = encrypted_room(alice, carol)
        use_up_keys(alice, carol)
        before = [event.event_id for event in history(alice, without)]
        with pytest.raises(NoEligibleDevices) as refused:
            alice.send_text(without, "to nobody")
        assert refused.value.user_ids == (carol.user_id,)
        assert [event.event_id for event in history(alice, without)] == before
    with matrix_server.register("plain-" + name, "password") as nobody:
        alone = alice.create_room(invite=[nobody.user_id]).room_id
        nobody.join_room(alone)
        alice.send_state_event(alone, "m.room.encryption", "", {"algorithm": "m.megolm.v1.aes-sha2"})
        alice.sync_once()
        with pytest.raises(NoEligibleDevices) as refused:
            alice.send_text(alone, "to nobody")
        assert refused.value.user_ids == (nobody.user_id,)


def use_up_keys(client: CryptoClient, owner: CryptoClient) -> None:
    """Claim every one-time key of a device; its fallback key is dropped from what the server answers."""
    wanted = {owner.user_id: {owner.device_id: "signed_curve25519"}}
    call = client.call

    def without_it(endpoint: Endpoint[Any], **options: Any) -> Any:
        answer = call(endpoint, **options)
        if isinstance(endpoint, ClaimKeys):
            answer.raw.get("one_time_keys", {}).get(owner.user_id, {}).pop(owner.device_id, None)
        return answer

    call(ClaimKeys(wanted))
    client.call = without_it  # type: ignore[method-assign]


def test_4_a_lost_session_heals_once_an_hour(
    alice: CryptoClient, bob: CryptoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_id, at_bob = encrypted_room(alice, bob), heard(bob)
    alice.send_text(room_id, "one")
    sync_until(bob, lambda: at_bob)
    bob.send_text(room_id, "answered")  # so that alice writes by a session that bob has answered
    alice.sync_once()
    sent = sent_by(bob, monkeypatch)
    for text in ("lost", "healed", "again"):
        if text != "healed":
            with bob.engine.step() as step:
                for device in bob.engine.devices.of_user(step, alice.user_id):
                    bob.engine.olm.drop_sessions(step, device)
        alice.crypto.invalidate_outbound_session(room_id)
        event_id = alice.send_text(room_id, text).event_id
        sync_until(bob, lambda event_id=event_id: any(one.event_id == event_id for one in at_bob))  # type: ignore[misc]
        bob.sync_once()
        alice.sync_once()
    assert [one.body for one in at_bob if one.body] == ["one", "answered", "healed"]
    assert len(of_type(sent, "m.room.encrypted")) == 1, "one empty message in an hour"


def test_5_who_is_only_spoken_to_answers_once(
    alice: CryptoClient, bob: CryptoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = alice.crypto.devices(bob.user_id)
    bob.crypto.devices(alice.user_id)
    sent = sent_by(bob, monkeypatch)
    found: list[Event] = []
    bob.syncer.on_event_type("org.example.talk", found.append)  # type: ignore[attr-defined]
    for number in range(60):
        alice.crypto.encrypt_to_devices(devices, "org.example.talk", {"n": number})
    sync_until(bob, lambda: len(found) == 60)
    bob.sync_once()
    assert len(of_type(sent, "m.room.encrypted")) == 1


def test_7_eight_threads_use_no_place_twice(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id = encrypted_room(alice, bob, rotation_period_msgs=10_000)
    session_id = alice.send_text(room_id, "first").encryption.session_id
    audit, lock, errors = Audit(), threading.Lock(), []

    def work() -> None:
        try:
            for number in range(100):
                with alice.engine.encrypt(room_id, session_id, "m.x", {"n": number}) as (content, changes):
                    alice.engine.vault.key_values.write(changes)
                with lock:
                    audit.note_room_events([Event("m.room.encrypted", content)])
        except MatrixError as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (errors, audit.seen, audit.reused) == ([], 800, set())


def test_8_catching_up_reads_three_who_used_the_same_fallback_key(
    matrix_server: DevServer, bob: CryptoClient
) -> None:
    found: list[Event] = []
    bob.syncer.on_event_type("org.example.late", found.append)  # type: ignore[attr-defined]
    wanted = {bob.user_id: {bob.device_id: "signed_curve25519"}}
    with person(matrix_server, "thief", crypto=BLIND) as thief:
        for _ in range(50):
            thief.call(ClaimKeys(wanted))
    for name in ("one", "two", "three"):
        with person(matrix_server, name, crypto=BLIND) as sender:
            assert sender.crypto.encrypt_to_devices(sender.crypto.devices(bob.user_id), "org.example.late", {}) == {}
    sync_until(bob, lambda: len(found) == 3)
    assert {event.sender.partition("-")[0] for event in found} == {"@one", "@two", "@three"}


def test_8_what_is_to_be_healed_meanwhile_is_sent_at_the_end(
    matrix_server: DevServer, bob: CryptoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three devices whose sessions were lost are heard of in three syncs; each is sent one message, afterwards."""
    sent = sent_by(bob, monkeypatch)
    with ExitStack() as senders, bob.crypto.catching_up():
        for name in ("one", "two", "three"):
            sender = senders.enter_context(person(matrix_server, name, crypto=BLIND))
            devices = sender.crypto.devices(bob.user_id)
            for number in range(3):
                sender.crypto.encrypt_to_devices(devices, "org.example.lost", {"n": number})
                bob.sync_once()
                with bob.engine.step() as step:
                    for key, _ in list(step.scan(spaces.OLM)):
                        step.remove(spaces.OLM, key)
        assert of_type(sent, "m.room.encrypted") == []
    told = [user_id for request in of_type(sent, "m.room.encrypted") for user_id in request.messages]
    assert sorted(user_id.partition("-")[0] for user_id in told) == ["@one", "@three", "@two"]


def test_9_what_cannot_be_sent_now_stops_no_reading(
    alice: CryptoClient, bob: CryptoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_id, at_bob = encrypted_room(alice, bob), heard(bob)
    bob.crypto.devices(alice.user_id)
    call = bob.call

    def failing(endpoint: Endpoint[Any], **options: Any) -> Any:
        if isinstance(endpoint, (SendToDevice, ClaimKeys)):
            raise TransportError("502 Bad Gateway")
        return call(endpoint, **options)

    monkeypatch.setattr(bob, "call", failing)
    with bob.engine.step() as step:
        enqueue(step, "org.example.follow_up", [(bob.engine.devices.of_user(step, alice.user_id)[0], {})])
    alice.send_text(room_id, "read all the same")
    sync_until(bob, lambda: at_bob)
    assert [event.body for event in at_bob] == ["read all the same"]
    assert len(bob.engine.queued_messages()) == 1
    monkeypatch.setattr(bob, "call", call)
    bob.sync_once()
    assert bob.engine.queued_messages() == []


def test_10_a_forgotten_user_leaves_no_record(alice: CryptoClient, bob: CryptoClient) -> None:
    room_id = encrypted_room(alice, bob)
    alice.send_text(room_id, "hi")
    (device,) = alice.crypto.devices(bob.user_id)
    alice.crypto.set_trust(device, "tofu")
    with alice.engine.step() as step:  # and asked for a key
        step.put_record(spaces.REQUESTS, spaces.place("in", bob.user_id, bob.device_id, "r1"), {})
        step.put_record(spaces.UNWEDGED, spaces.place(bob.user_id, bob.device_id), {"at": 0, "is_waiting": False})
    values = alice.engine.vault.key_values

    def places() -> list[tuple[str, str]]:
        found = [(space, key) for space in spaces.ALL for key, _ in values.scan(space, "")]
        return [(space, key) for space, key in found if bob.user_id in key or device.curve25519 in key]

    assert {space for space, _ in places()} == {
        spaces.DEVICES,
        spaces.TRUST,
        spaces.TRACKED,
        spaces.OLM,
        spaces.SHARES,
        spaces.REQUESTS,
        spaces.UNWEDGED,
    }
    alice.crypto.forget_user(bob.user_id)
    assert places() == []


def test_10_who_was_forgotten_reads_on_no_longer_than_anybody(alice: CryptoClient, bob: CryptoClient) -> None:
    """That they were given the room's key is forgotten too, and so must the key be."""
    room_id = encrypted_room(alice, bob)
    before = alice.send_text(room_id, "bob is there").encryption.session_id
    alice.crypto.forget_user(bob.user_id)
    bob.leave_room(room_id)
    alice.sync_once()
    assert alice.send_text(room_id, "bob has left").encryption.session_id != before


def test_11_keys_that_the_server_lost_are_published_again(
    matrix_server: DevServer, alice: CryptoClient, tmp_path: Path
) -> None:
    crypto = Crypto(key=KEY, trust=BlindTrust())
    with person(matrix_server, "bob", crypto=crypto, store=SQLiteStore(tmp_path / "bob.db")) as bob:
        name = bob.user_id[1:].partition(":")[0]
        bob.logout()  # the server forgets the device, and its keys with it
        bob.login_with_password(name, "password", device_id=bob.device_id)
        found = bob.crypto.ensure_consistency()
        assert len(found) == 1
        assert bob.crypto.ensure_consistency() == []
        assert [one.device_id for one in alice.crypto.devices(bob.user_id)] == [bob.device_id]
