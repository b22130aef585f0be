"""Threads that change what another one is about to encrypt with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gomatrix_py import Crypto, CryptoClient
from gomatrix_py.client.crypto_requests import CryptoRequests
from gomatrix_py.crypto.outbound import Outbound
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.testing import DevServer
from tests.kit.encrypting import encrypted_room, heard, person, sync_until


@pytest.fixture
def alice(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "alice", crypto=Crypto(trust=BlindTrust())) as client:
        yield client


@pytest.fixture
def bob(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "bob", crypto=Crypto(trust=BlindTrust())) as client:
        yield client


def begin_anew(client: CryptoClient, room_id: str) -> None:
    """Replace a room's session by one that nobody was given."""
    engine = client.engine
    recipients = engine.recipients([client.own_user_id()])
    client.crypto.invalidate_outbound_session(room_id)
    engine.lacking_session(room_id, client._crypto_requests._settings(room_id, {}), recipients)


@pytest.mark.parametrize("is_checked", [True, False])
def test_a_session_that_is_replaced_once_it_was_given_out(
    alice: CryptoClient, bob: CryptoClient, monkeypatch: pytest.MonkeyPatch, is_checked: bool
) -> None:
    """The control encrypts by whatever session there is: nobody can read that."""
    room_id, at_bob = encrypted_room(alice, bob), heard(bob)
    shares = []
    original = CryptoRequests.share_key

    def replaced(self: CryptoRequests, *args: Any) -> Any:
        report = original(self, *args)
        shares.append(report.session_id)
        if len(shares) == 1:
            begin_anew(alice, room_id)
        return report

    encrypt = Outbound.encrypt

    def careless(self: Outbound, step: Any, own: Any, room: str, session_id: str, *rest: Any) -> Any:
        record = step.record("megolm.out", room)
        return encrypt(self, step, own, room, record["session_id"], *rest)

    monkeypatch.setattr(CryptoRequests, "share_key", replaced)
    if not is_checked:
        monkeypatch.setattr(Outbound, "encrypt", careless)
    sent = alice.send_text(room_id, "hello")
    sync_until(bob, lambda: at_bob)
    assert at_bob[0].event_id == sent.event_id
    assert at_bob[0].type == ("m.room.message" if is_checked else "m.room.encrypted")
    assert len(shares) == (2 if is_checked else 1)
