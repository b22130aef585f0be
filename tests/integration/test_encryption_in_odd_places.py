"""Encryption where bots really live: twins, jobs, notebooks; sessions that end, devices that come late."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from gomatrix_py import Crypto, CryptoClient, SQLiteStore
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.errors import StoreLocked, UnknownToken, UsageError, WrongStoreKey
from gomatrix_py.store.outbox import OutboxState
from gomatrix_py.synapse import SynapseAdmin
from gomatrix_py.testing import DevServer
from tests.kit.encrypting import encrypted_room, heard, person, sync_until
from tests.kit.waiting import wait_until

KEY, PASSWORD = b"k" * 32, "password"
BLIND, LOCKED = Crypto(trust=BlindTrust()), Crypto(key=KEY, trust=BlindTrust())


@pytest.fixture(scope="module")
def bob(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "bob", crypto=BLIND) as client:
        yield client


@pytest.fixture(scope="module")
def admin(matrix_server: DevServer) -> Iterator[SynapseAdmin]:
    with (
        matrix_server.register("odd-places-admin", PASSWORD, admin=True) as boss,
        SynapseAdmin(matrix_server.url, boss.access_token) as client,
    ):
        yield client


def twin_of(client: CryptoClient, server: DevServer) -> CryptoClient:
    """Return another device of the same account."""
    twin = CryptoClient(server.url, crypto=BLIND)
    twin.login_with_password(client.user_id, PASSWORD)
    twin.sync_once()
    return twin


# ------------------------------------------------------------------ twins


def test_two_bots_of_one_account_read_each_other(matrix_server: DevServer, bob: CryptoClient) -> None:
    with person(matrix_server, "twin", crypto=BLIND) as one, twin_of(one, matrix_server) as other:
        room_id = encrypted_room(bob, one)
        other.sync_once()
        at_each = [heard(client) for client in (one, other, bob)]
        sent = [client.send_text(room_id, "hello") for client in (one, other)]
        assert [len(one_sent.encryption.shared_with) for one_sent in sent] == [2, 2]
        for client, got in zip((one, other, bob), at_each, strict=True):
            sync_until(client, partial(got.__getitem__, slice(1, None)))
            assert [event.body for event in got] == ["hello"] * 2
            assert [event.encryption and event.encryption.device_id for event in got] == [
                one.device_id,
                other.device_id,
            ]


def test_a_late_twin_gets_the_keys_when_both_verified_each_other(matrix_server: DevServer, bob: CryptoClient) -> None:
    with person(matrix_server, "twin", crypto=BLIND) as old:
        room_id = encrypted_room(bob, old)
        sent = bob.send_text(room_id, "before the twin").event_id
        old.sync_once()
        with twin_of(old, matrix_server) as late:
            got = heard(late)
            event = late.get_event(room_id, sent)
            assert "key" in late.crypto.explain(event)
            old.sync_once()  # hears of its twin
            late.crypto.verify_device(late.crypto.device(old.user_id, old.device_id))
            old.crypto.verify_device(old.crypto.device(old.user_id, late.device_id))

            def is_here() -> bool:
                late.sync_once()
                old.sync_once()
                return bool(got)

            wait_until(is_here, "the key that the twin asked for")
            assert [(event.body, event.encryption and event.encryption.was_late) for event in got] == [
                ("before the twin", True)
            ]


def test_what_cannot_be_read_is_not_said_to_be_something_else(matrix_server: DevServer, bob: CryptoClient) -> None:
    with person(matrix_server, "late", crypto=BLIND) as early:
        room_id = encrypted_room(bob, early)
        poll = bob.room(room_id).start_poll("Tea?", ["yes", "no"]).event_id
        file = bob.send_file(room_id, b"the way down", filename="map.txt").event_id
        with twin_of(early, matrix_server) as late:
            with pytest.raises(UsageError, match="cannot be read"):
                late.poll_results(poll, room_id=room_id)
            with pytest.raises(UsageError, match="cannot be read"):
                late.download_attachment(late.get_event(room_id, file))


# ------------------------------------------------------------------ sessions that end


@pytest.mark.parametrize("end", ["password", "device", "logout"])
def test_a_session_that_has_ended_goes_on_after_a_login(
    end: str, matrix_server: DevServer, bob: CryptoClient, admin: SynapseAdmin, tmp_path: Path
) -> None:
    with person(matrix_server, "bot", crypto=LOCKED, store=SQLiteStore(tmp_path / "a.db")) as bot:
        room_id, device, password = encrypted_room(bot, bob), (bot.device_id, bot.crypto.fingerprint), PASSWORD
        bot.send_text(room_id, "before")
        if end == "password":
            password = "new " + PASSWORD
            admin.users.reset_password(bot.user_id, password)
        elif end == "device":
            admin.users.delete_device(bot.user_id, bot.device_id)
        else:
            bot.logout()
        for act in (lambda: bot.send_text(room_id, "nobody hears"), bot.sync_once):
            with pytest.raises(UnknownToken):
                act()
        assert bot.outbox.pending() == []
        bot.login_again(password)
        bot.sync_once()
        assert (bot.device_id, bot.crypto.fingerprint) == device
        sent = bot.send_text(room_id, "after").event_id
        assert bot.crypto.ensure_consistency() == []
    bob.sync_once()
    assert bob.get_event(room_id, sent).body == "after"


# ------------------------------------------------------------------ jobs


def test_a_job_with_the_wrong_key_spoils_nothing_that_waits(
    matrix_server: DevServer, bob: CryptoClient, tmp_path: Path
) -> None:
    path = tmp_path / "job.db"
    with person(matrix_server, "job", crypto=LOCKED, store=SQLiteStore(path)) as job:
        room_id, session = encrypted_room(bob, job), job.session
    with CryptoClient.from_session(session, crypto=Crypto(key=b"x" * 32), store=SQLiteStore(path)) as job:
        for number in range(2):
            job.queue_text(room_id, f"tick {number}")
        with pytest.raises(WrongStoreKey):
            job.outbox.flush()
        assert [row.state for row in job.outbox.pending()] == [OutboxState.QUEUED] * 2
    with CryptoClient.from_session(session, crypto=LOCKED, store=SQLiteStore(path)) as job:
        sent = job.outbox.flush().sent
    bob.sync_once()
    assert [bob.get_event(room_id, row.event_id).body for row in sent] == ["tick 0", "tick 1"]


def test_a_cell_that_is_run_again_is_told_to_close_the_first_client(matrix_server: DevServer, tmp_path: Path) -> None:
    with (
        person(matrix_server, "cell", crypto=LOCKED, store=SQLiteStore(tmp_path / "a.db")) as first,
        pytest.raises(StoreLocked, match="close it first"),
    ):
        CryptoClient(first.homeserver_url, crypto=LOCKED, store=SQLiteStore(tmp_path / "a.db"))


# ------------------------------------------------------------------ many threads


def test_many_threads_speak_in_many_rooms_while_a_sync_runs(
    matrix_server: DevServer, bob: CryptoClient, tmp_path: Path
) -> None:
    with person(matrix_server, "web", crypto=LOCKED, store=SQLiteStore(tmp_path / "a.db")) as web:
        rooms = [encrypted_room(bob, web) for _ in range(2)]
        web.sync_once()
        begin = threading.Barrier(6)

        def work(worker: int) -> list[tuple[str, str]]:
            begin.wait()
            places = [(rooms[(worker + number) % len(rooms)], f"{worker}-{number}") for number in range(3)]
            return [(room_id, web.send_text(room_id, text).event_id) for room_id, text in places]

        with web.start_sync(), ThreadPoolExecutor(6) as pool:
            sent = [one for some in pool.map(work, range(6)) for one in some]
    bob.sync_once()
    read = [bob.get_event(room_id, event_id) for room_id, event_id in sent]
    assert {event.body for event in read} == {f"{worker}-{number}" for worker in range(6) for number in range(3)}
    sessions = {(event.room_id, event.encryption and event.encryption.session_id) for event in read}
    assert len(sessions) == len(rooms)
