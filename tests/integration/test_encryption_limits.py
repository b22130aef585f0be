"""Uploads whose answer is lost, and devices that give no keys, on a real Synapse."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from gomatrix_py import Crypto, CryptoClient, RetryPolicy
from gomatrix_py.api.keys import UploadKeys
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.errors import HTTPError, TransportError
from gomatrix_py.testing import DevServer
from gomatrix_py.testing.faults import FaultProxy, Rule, reset_after, reset_before
from tests.kit.encrypting import ENCRYPTION, encrypted_room, heard, person, sync_until

BLIND = Crypto(trust=BlindTrust())


@pytest.fixture
def alice(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "alice", crypto=BLIND) as client:
        yield client


@pytest.fixture
def bob(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "bob", crypto=BLIND) as client:
        yield client


@pytest.fixture
def newcomer(matrix_server: DevServer) -> Iterator[CryptoClient]:
    """Somebody who published no keys yet."""
    name = f"carol-{secrets.token_hex(4)}"
    with matrix_server.register(name, "password", client_class=CryptoClient, crypto=BLIND) as client:
        yield client


# ------------------------------------------------------------------ lost answers


def keys_on_server(client: CryptoClient) -> int:
    return client.call(UploadKeys()).one_time_key_counts.get("signed_curve25519", 0)


def sent_uploads(proxy: FaultProxy) -> list[int | None]:
    """Return the status of each upload that came back; None where it did not."""
    uploads = [one for one in proxy.passed if "/keys/upload" in one.request.path]
    return [None if one.fault else one.status for one in uploads]


@pytest.mark.parametrize(
    ("is_lost", "repeats"),
    [(True, True), (True, False), (False, False)],
    ids=["lost and repeated", "lost and asked", "cut and asked"],
)
def test_an_upload_without_an_answer_is_brought_to_its_end(
    matrix_server: DevServer, alice: CryptoClient, newcomer: CryptoClient, is_lost: bool, repeats: bool
) -> None:
    fault = reset_after() if is_lost else reset_before()
    with FaultProxy(matrix_server.url, [Rule(fault, method="POST", path="/keys/upload", nth=(1,))]) as proxy:
        names = newcomer.user_id, newcomer.access_token
        retry = RetryPolicy(randomness=lambda: 0.0) if repeats else RetryPolicy.never()
        with CryptoClient(proxy.url, *names, device_id=newcomer.device_id, crypto=BLIND, retry=retry) as carol:
            for _ in range(4):
                carol.sync_once()
            with carol.engine.step() as step:
                assert not carol.engine.account.needs_upload(step)
                assert carol.engine.account.load(step).one_time_keys() == {}
            uploads = sent_uploads(proxy)
            assert uploads[0] is None
            assert set(uploads[1:]) == {200}, "Synapse refuses no key that it has already"
            assert len(uploads) == (2 if repeats else 2 + (not is_lost)), "and nothing goes up again and again"
            assert keys_on_server(carol) == 50
            room_id, at_carol = encrypted_room(alice, carol), heard(carol)
            alice.send_text(room_id, "it works")
            sync_until(carol, lambda: at_carol)
            assert at_carol[0].body == "it works"


def test_another_key_of_the_same_name_is_refused_and_new_ones_are_made(newcomer: CryptoClient) -> None:
    """As after a lost answer and a store from an older copy: it ends with new keys, at once."""
    engine = newcomer.engine
    (offer,) = (one.request for one in engine.outgoing_requests() if isinstance(one.request, UploadKeys))
    assert offer.one_time_keys is not None
    name = next(iter(offer.one_time_keys))
    other = {"key": engine.own.curve25519}
    with engine.step() as step:
        signed = engine.account.sign(step, other)
    newcomer.call(UploadKeys(offer.device_keys, {name: signed}))
    with pytest.raises(HTTPError, match="already exists"):
        newcomer.call(UploadKeys(None, offer.one_time_keys))
    with engine.step() as step:
        engine.account.refused(step)
    for _ in range(3):
        newcomer.sync_once()
    with engine.step() as step:
        assert not engine.account.needs_upload(step)
    assert keys_on_server(newcomer) >= 50


# ------------------------------------------------------------------ devices without keys


def claims_of(client: CryptoClient) -> list[str]:
    """Return a list that each request for one-time keys is put into from now on."""
    found: list[str] = []

    @client.on_request
    def note(request: Any) -> None:
        if request.url.endswith("/keys/claim"):
            found.append(request.url)

    return found


@pytest.fixture
def room_id(alice: CryptoClient, bob: CryptoClient, newcomer: CryptoClient) -> str:
    """Return a room with a device that has no one-time key, and no fallback key either."""
    engine = newcomer.engine
    with engine.step() as step:
        newcomer.call(UploadKeys(engine.account.device_keys(step)))
    others = [bob.user_id, newcomer.user_id]
    room_id = alice.create_room("Secrets", invite=others, initial_state=[ENCRYPTION]).room_id
    bob.join_room(room_id)
    newcomer.join_room(room_id)
    alice.sync_once()
    return room_id


def errors_of(alice: CryptoClient, room_id: str) -> list[tuple[str, str]]:
    report = alice.send_text(room_id, "who can read this?").encryption
    assert report is not None
    return [(one.user_id, one.code) for one in report.errors]


def test_a_device_without_keys_costs_one_question(alice: CryptoClient, newcomer: CryptoClient, room_id: str) -> None:
    claims, at_carol = claims_of(alice), heard(newcomer)
    for _ in range(3):
        assert errors_of(alice, room_id) == [(newcomer.user_id, "m.no_olm")]
    assert len(claims) == 1
    newcomer.sync_once()  # which publishes keys
    alice.crypto.ensure_consistency()
    sent = alice.send_text(room_id, "you can").event_id
    assert len(claims) == 2
    sync_until(newcomer, lambda: any(event.event_id == sent for event in at_carol))
    assert [event.body for event in at_carol if event.event_id == sent] == ["you can"]
    assert errors_of(alice, room_id) == []


def test_sessions_are_replaced_when_told_to(alice: CryptoClient, newcomer: CryptoClient, room_id: str) -> None:
    claims = claims_of(alice)
    errors_of(alice, room_id)
    device = alice.crypto.device(newcomer.user_id, newcomer.device_id)
    assert list(alice.crypto.replace_sessions([device])) == [device]
    assert len(claims) == 2
    assert errors_of(alice, room_id) == [(newcomer.user_id, "m.no_olm")]
    assert len(claims) == 2
    newcomer.sync_once()
    assert alice.crypto.replace_sessions([device]) == {}
    assert errors_of(alice, room_id) == []
    assert len(claims) == 3


def test_a_server_that_takes_no_messages_to_devices_is_told_nothing_more(
    matrix_server: DevServer, alice: CryptoClient, bob: CryptoClient
) -> None:
    room_id = encrypted_room(alice, bob)
    with FaultProxy(matrix_server.url, [Rule(reset_before(), path="/sendToDevice/")]) as proxy:
        names = alice.user_id, alice.access_token
        options: dict[str, Any] = {"device_id": alice.device_id, "retry": RetryPolicy.never(), "crypto": BLIND}
        with CryptoClient(proxy.url, *names, store=alice.store, **options) as offline:
            for _ in range(3):
                with pytest.raises(TransportError):
                    offline.send_text(room_id, "not yet")
            assert len(offline.engine.queued_messages()) == 1
            assert not any("/send/" in one.request.path for one in proxy.passed)
            at_bob = heard(bob)
            proxy.rules = []
            offline.outbox.flush()
            sync_until(bob, lambda: len(at_bob) == 3)
            assert [event.body for event in at_bob] == ["not yet"] * 3
