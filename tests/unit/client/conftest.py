"""A scripted homeserver, its client, and what a listener of that client hears."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gomatrix_py import Client, InMemoryStore, SQLiteStore, Storer
from tests.conformance.six_methods import SixMethodStore
from tests.kit.recorder import Recorder
from tests.kit.scripted_client import Impatient, make_client
from tests.kit.scripted_homeserver import ScriptedHomeserver


@pytest.fixture
def server() -> Iterator[ScriptedHomeserver]:
    """A homeserver without a script yet."""
    with ScriptedHomeserver() as server:
        yield server


@pytest.fixture
def syncer() -> Impatient:
    """The syncer of the client."""
    return Impatient()


@pytest.fixture
def client(server: ScriptedHomeserver, syncer: Impatient) -> Iterator[Client]:
    """A client of the scripted homeserver, which keeps all in memory."""
    with make_client(server, syncer=syncer) as client:
        yield client


@pytest.fixture
def heard(syncer: Impatient) -> Recorder:
    """What a listener for messages hears."""
    recorder = Recorder()
    syncer.on_event_type("m.room.message", recorder)
    return recorder


@pytest.fixture(params=["memory", "sqlite", "six methods"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Storer:
    """A store of each kind."""
    if request.param == "sqlite":
        return SQLiteStore(tmp_path / "store.sqlite3")
    return InMemoryStore() if request.param == "memory" else SixMethodStore()
