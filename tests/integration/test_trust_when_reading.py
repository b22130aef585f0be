"""Trust on a real homeserver, on the reading side: who wrote what, and hearing of every change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gomatrix_py import Crypto, CryptoClient, Event, EventSource
from gomatrix_py.client.verifying import DeviceVerification
from gomatrix_py.crypto.device_changes import DeviceChange
from gomatrix_py.crypto.device_info import DeviceInfo, Trust
from gomatrix_py.crypto.trust import BlindTrust, ManualTrust
from gomatrix_py.errors import SenderDistrusted
from gomatrix_py.testing import DevServer
from tests.kit.encrypting import encrypted_room, heard, person, sync_until

BLIND = Crypto(trust=BlindTrust())


@pytest.fixture
def bob(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "bob", crypto=BLIND) as client:
        yield client


def another_device(server: DevServer, owner: CryptoClient) -> CryptoClient:
    name = owner.user_id[1:].partition(":")[0]
    client: CryptoClient = server.login(name, "password", client_class=CryptoClient, crypto=BLIND)
    client.sync_once()
    return client


class OnSight(ManualTrust):
    """Trusts whoever it is asked about, by a level of its own."""

    def decide(self, undecided: frozenset[DeviceInfo], context: object) -> dict[str, str]:
        return {one.ed25519: "on sight" for one in undecided}

    def evaluate(self, device: DeviceInfo, of_user: frozenset[DeviceInfo]) -> Trust:
        return Trust.TRUSTED if device.level == "on sight" else super().evaluate(device, of_user)


def test_every_change_of_a_device_is_heard_of(matrix_server: DevServer, bob: CryptoClient) -> None:
    told: list[DeviceChange] = []

    def listen(change: DeviceChange) -> None:
        if change.device.user_id == bob.user_id:
            told.append(change)

    def said() -> list[str]:
        found = [str(one).partition(bob.user_id)[2] for one in told]
        told.clear()
        return found

    with person(matrix_server, "alice", crypto=Crypto(trust=OnSight())) as alice:
        alice.crypto.on_device_change(listen)
        room_id = encrypted_room(alice, bob)
        alice.send_text(room_id, "at first sight")
        assert said() == [" is new", " has the level 'on sight' (before: none)"]
        with another_device(matrix_server, bob) as tablet:
            sync_until(alice, lambda: told)
            assert [(one.device.device_id, one.is_new) for one in told] == [(tablet.device_id, True)]
            assert said() == [" is new"]
            compared(alice, tablet)
            sync_until(alice, lambda: told)
            assert said() == [" has the level 'verified' (before: none)"]
            tablet.logout()
        sync_until(alice, lambda: told)
        assert said() == [" is gone"]


def compared(alice: CryptoClient, tablet: CryptoClient) -> None:
    """Let Alice, and a bot on the tablet, verify each other."""
    tablet.crypto.auto_accept_sas([alice.user_id])
    mine = alice.crypto.request_verification(alice.crypto.device(tablet.user_id, tablet.device_id))
    sync_both_until(alice, tablet, mine, "emoji")
    mine.confirm()
    sync_both_until(alice, tablet, mine, "is_finished")
    assert mine.is_verified


def sync_both_until(one: CryptoClient, other: CryptoClient, run: DeviceVerification, name: str) -> None:
    def look() -> Any:
        other.sync_once(200)
        return getattr(run, name)

    sync_until(one, look)


def test_what_distrusted_devices_say_stays_closed_where_that_is_wanted(
    matrix_server: DevServer, bob: CryptoClient
) -> None:
    strict = Crypto(trust=BlindTrust(), refuses_distrusted=True)
    with (
        person(matrix_server, "alice", crypto=strict) as alice,
        another_device(matrix_server, bob) as tablet,
    ):
        room_id, at_alice = encrypted_room(alice, bob), heard(alice)
        direct: list[Event] = []
        alice.syncer.on_source(EventSource.TO_DEVICE)(direct.append)  # type: ignore[attr-defined]
        tablet.sync_once()
        stolen = alice.crypto.device(bob.user_id, tablet.device_id)
        alice.crypto.blacklist_device(stolen)
        good = bob.send_text(room_id, "from my telephone").event_id
        bad = tablet.send_text(room_id, "send money").event_id
        tablet.crypto.encrypt_to_devices(tablet.crypto.devices(alice.user_id), "org.example.order", {"body": "money"})
        sync_until(alice, lambda: direct and {good, bad} <= {event.event_id for event in at_alice})
        by_id = {event.event_id: event for event in at_alice}
        assert (by_id[good].body, trust(by_id[good])) == ("from my telephone", Trust.TRUSTED)
        assert (by_id[bad].type, by_id[bad].body, trust(by_id[bad])) == ("m.room.encrypted", None, Trust.DISTRUSTED)
        for refused in (by_id[bad], *direct):
            assert refused.encryption is not None
            assert isinstance(refused.encryption.error, SenderDistrusted)
            assert f"device {tablet.device_id} of {bob.user_id}" in alice.crypto.explain(refused)
        assert [(event.type, event.content) for event in direct] == [("m.room.encrypted", {})]
        found = {event.event_id: event.body for event in alice.messages(room_id, limit=20).chunk}
        assert (found[good], found[bad]) == ("from my telephone", None)
        alice.crypto.unblacklist_device(stolen)
        assert alice.get_event(room_id, bad).body == "send money"


def trust(event: Event) -> Trust:
    assert event.encryption is not None
    return event.encryption.trust
