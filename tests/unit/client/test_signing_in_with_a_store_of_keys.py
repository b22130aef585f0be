"""Signing in with encryption: what would make a device that nobody can use is refused before a server hears of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Crypto, CryptoClient, InMemoryStore, SQLiteStore, Storer
from gomatrix_py.client import crypto_signing_in
from gomatrix_py.errors import CryptoUnavailable, MatrixError, UsageError
from tests.kit.scripted_homeserver import ScriptedHomeserver

KEY = bytes(32)
ANSWER = {"user_id": "@alice:hs", "access_token": "token", "device_id": "NEW"}
SIGNING_IN: dict[str, Callable[[CryptoClient], object]] = {
    "password": lambda client: client.login_with_password("alice", "password"),
    "register": lambda client: client.register_account("alice", "password"),
    "oauth": lambda client: client.login_oauth("A bot", "https://bot.example.org", show=print),
    "oauth on another device": lambda client: client.login_oauth_device("A bot", "https://bot.example.org"),
}
MISSING = {"cryptography": ["cryptography"], "vodozemac or libolm": ["vodozemac", "olm"]}


class Poor:
    """A store of gomatrix's kind: it keeps what a sync needs, and nothing else."""

    def __init__(self) -> None:
        self._kept = InMemoryStore()

    def __getattr__(self, name: str) -> Any:
        if name in ("key_values", "commit_sync"):
            raise AttributeError(name)
        return getattr(self._kept, name)


@pytest.fixture
def server() -> Iterator[ScriptedHomeserver]:
    with ScriptedHomeserver() as running:
        for path in ("/login", "/register"):
            running.route("POST", path, ANSWER)
        yield running


def without(monkeypatch: pytest.MonkeyPatch, libraries: list[str]) -> None:
    """Let a library be missing, whatever of it was imported before."""
    for name in list(sys.modules):
        if name.partition(".")[0] in libraries or name.endswith(("vodozemac_backend", "olm_backend", "olm_keys")):
            monkeypatch.delitem(sys.modules, name)
    for library in libraries:
        monkeypatch.setitem(sys.modules, library, None)


def error_of(client: CryptoClient, way: str) -> MatrixError:
    with pytest.raises(MatrixError) as raised:
        SIGNING_IN[way](client)
    return raised.value


@pytest.mark.parametrize("is_kept", [False, True], ids=["memory", "sqlite"])
@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize("way", SIGNING_IN)
def test_nobody_signs_in_without_the_libraries(
    way: str, missing: str, is_kept: bool, server: ScriptedHomeserver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = SQLiteStore(tmp_path / "a.db") if is_kept else InMemoryStore()
    with CryptoClient(server.url, store=store, crypto=Crypto(key=KEY)) as client, monkeypatch.context() as patch:
        without(patch, MISSING[missing])
        error = error_of(client, way)
    assert isinstance(error, CryptoUnavailable)
    assert "pip install 'gomatrix_py[crypto]'" in str(error)
    assert server.seen == []


def test_the_control_without_the_check_a_device_is_made(
    server: ScriptedHomeserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crypto_signing_in, "check_installed", lambda: None)
    with CryptoClient(server.url) as client, monkeypatch.context() as patch:
        without(patch, MISSING["cryptography"])
        SIGNING_IN["password"](client)
    assert len(server.seen) == 1


@pytest.mark.parametrize("way", SIGNING_IN)
def test_nobody_signs_in_with_a_store_that_cannot_keep_keys(way: str, server: ScriptedHomeserver) -> None:
    store: Storer = Poor()
    with CryptoClient(server.url, store=store) as client:
        error = error_of(client, way)
    assert isinstance(error, UsageError)
    assert "InMemoryStore or SQLiteStore" in str(error)
    assert server.seen == []
