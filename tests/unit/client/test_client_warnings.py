"""Warnings as typed values: each is told once, logged, and disturbs nobody."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from gomatrix_py import Client, SQLiteStore
from gomatrix_py.client.client_warnings import (
    AccessTokenRejected,
    ClientWarning,
    EventSetAside,
    PositionRejected,
    ServerWentBack,
    StoreRolledBack,
)
from gomatrix_py.errors import SyncTokenRejected, UnknownToken
from tests.kit.scripted_client import Impatient, make_client
from tests.kit.scripted_homeserver import Reply, ScriptedHomeserver, joined, message, sync_answer


@pytest.fixture
def told(client: Client) -> list[ClientWarning]:
    """What the client warns of."""
    told: list[ClientWarning] = []
    client.on_warning(told.append)
    return told


def test_a_server_that_went_back(
    server: ScriptedHomeserver, client: Client, told: list[ClientWarning], caplog: pytest.LogCaptureFixture
) -> None:
    server.will_answer(*(sync_answer(position) for position in ("s10_1", "s11_1", "s11_1", "s4_1", "s5_1")))
    for _ in range(5):
        client.sync_once()
    assert told == [ServerWentBack("s11_1", "s4_1")]
    assert "went back in time, from s11_1 to s4_1" in caplog.text


def test_positions_that_cannot_be_compared_are_no_reason_to_warn(
    server: ScriptedHomeserver, client: Client, told: list[ClientWarning]
) -> None:
    server.will_answer(*(sync_answer(position) for position in ("zzz", "aaa", "s9", "t3")))
    for _ in range(4):
        client.sync_once()
    assert told == []


@pytest.mark.parametrize("is_soft", [True, False])
def test_an_access_token_that_is_no_longer_good(
    server: ScriptedHomeserver, client: Client, told: list[ClientWarning], is_soft: bool
) -> None:
    server.will_answer(Reply(401, {"errcode": "M_UNKNOWN_TOKEN", "error": "gone", "soft_logout": is_soft}))
    with pytest.raises(UnknownToken):
        client.sync()
    assert told == [AccessTokenRejected(is_soft)]
    assert ("same device" in str(told[0])) == is_soft


def test_a_position_that_is_refused(
    server: ScriptedHomeserver, client: Client, told: list[ClientWarning], syncer: Impatient
) -> None:
    refusal = Reply(400, {"errcode": "M_UNKNOWN", "error": "Invalid stream token"})
    server.will_answer(sync_answer("s1"), *[refusal] * 5)
    with pytest.raises(SyncTokenRejected):
        client.sync()
    (warning,) = told
    assert isinstance(warning, PositionRejected)
    assert (warning.since, "Invalid stream token" in warning.said) == ("s1", True)


def test_a_store_that_is_an_older_copy(server: ScriptedHomeserver, tmp_path: Path) -> None:
    path = tmp_path / "store"
    with SQLiteStore(path) as store:
        store.backup(tmp_path / "backup")
    shutil.copy(tmp_path / "backup", path)
    told: list[ClientWarning] = []
    server.will_answer(sync_answer("s1"), sync_answer("s2"))
    with make_client(server, store=SQLiteStore(path)) as client:
        client.on_warning(told.append)
        client.sync_once()
        client.sync_once()
    assert told == [StoreRolledBack(str(path))]


def test_an_event_that_was_set_aside(server: ScriptedHomeserver) -> None:
    syncer, told, go_on = Impatient(workers=1, handler_timeout_s=0.05), list[ClientWarning](), threading.Event()
    syncer.on_event_type("m.room.message", lambda event: go_on.wait(20))
    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"))))
    with make_client(server, syncer=syncer) as client:
        client.on_warning(told.append)
        client.sync_once()
        client.sync_once()
    go_on.set()
    (warning,) = told
    assert isinstance(warning, EventSetAside)
    assert (warning.row.event_id, "longer than" in warning.reason) == ("$1", True)


def test_a_callback_that_raises_disturbs_nobody(
    server: ScriptedHomeserver, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    @client.on_warning
    def broken(warning: ClientWarning) -> None:
        raise LookupError

    told: list[ClientWarning] = []
    client.on_warning(told.append)
    server.will_answer(sync_answer("s2"), sync_answer("s1"))
    client.sync_once()
    client.sync_once()
    assert len(told) == 1
    assert "LookupError" in caplog.text
