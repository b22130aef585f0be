"""Jobs that only send: whoever came or went since the last run is known all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gomatrix_py import Crypto, CryptoClient, Session, SQLiteStore
from gomatrix_py.crypto.freshness import Freshness
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.testing import DevServer
from tests.kit.encrypting import encrypted_room, heard, person, sync_until


@pytest.fixture
def bob(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "bob", crypto=Crypto(trust=BlindTrust())) as client:
        yield client


@pytest.fixture
def carol(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "carol", crypto=Crypto(trust=BlindTrust())) as client:
        yield client


def run_the_job(session: Session, path: Path, room_id: str, text: str) -> set[str]:
    """Send one message without any sync, and return whose devices were given a key."""
    crypto = Crypto(key="correct horse", trust=BlindTrust())
    with CryptoClient.from_session(session, store=SQLiteStore(path), crypto=crypto) as job:
        return {one.user_id for one in job.send_text(room_id, text).encryption.shared_with}


@pytest.mark.parametrize("is_doubted", [True, False])
def test_who_came_and_who_went_between_two_runs(
    matrix_server: DevServer,
    bob: CryptoClient,
    carol: CryptoClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_doubted: bool,
) -> None:
    """The control believes what an earlier run stored: it gives its key to one who left."""
    if not is_doubted:
        monkeypatch.setattr(Freshness, "is_following", property(lambda _: True))
    path = tmp_path / "job.db"
    crypto = Crypto(key="correct horse", trust=BlindTrust())
    with person(matrix_server, "job", crypto=crypto, store=SQLiteStore(path)) as job:
        session = job.session
        room_id = encrypted_room(job, bob, carol)
        job.room(room_id).load_members()
        assert {one.user_id for one in job.send_text(room_id, "all").encryption.shared_with} == {
            bob.user_id,
            carol.user_id,
        }
    carol.leave_room(room_id)
    name = bob.user_id[1:].partition(":")[0]
    with matrix_server.login(name, "password", client_class=CryptoClient, crypto=bob.crypto_options) as tablet:
        tablet.sync_once()
        at_tablet = heard(tablet)
        given = run_the_job(session, path, room_id, "without her")
        assert (given == {bob.user_id}) is is_doubted
        if is_doubted:
            sync_until(tablet, lambda: any(event.body == "without her" for event in at_tablet))
