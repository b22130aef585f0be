"""One engine for a store, whichever threads ask for it first: two would use one ratchet twice."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gomatrix_py import Crypto, CryptoClient
from gomatrix_py.client import encryption
from gomatrix_py.crypto.engine import Engine

BLOCKED_FOR_S, LONG_S = 0.2, 60.0


@pytest.fixture
def client() -> Iterator[CryptoClient]:
    with CryptoClient("http://127.0.0.1:9", "@a:hs", "token", crypto=Crypto(key=bytes(32)), device_id="D") as client:
        yield client


def _engines(client: CryptoClient, monkeypatch: pytest.MonkeyPatch, wait_s: float) -> tuple[set[int], int]:
    """Return the engines that two threads get, one asking while the other one's is being made, and how many are."""
    made: list[Engine] = []
    found: list[Engine] = []
    second = threading.Thread(target=lambda: found.append(client.engine))

    def slow(*args: Any, **options: Any) -> Engine:
        engine = Engine(*args, **options)
        made.append(engine)
        if len(made) == 1:
            second.start()
            second.join(wait_s)  # it cannot end where it waits for this one
        return engine

    monkeypatch.setattr(encryption, "Engine", slow)
    found.append(client.engine)
    second.join(LONG_S)
    return {id(engine) for engine in found}, len(made)


def test_threads_that_ask_at_once_get_the_same(client: CryptoClient, monkeypatch: pytest.MonkeyPatch) -> None:
    engines, made = _engines(client, monkeypatch, BLOCKED_FOR_S)
    assert (len(engines), made) == (1, 1)


def test_without_a_lock_there_are_two(client: CryptoClient, monkeypatch: pytest.MonkeyPatch) -> None:
    client._making_engine = contextlib.nullcontext()  # type: ignore[assignment]
    engines, made = _engines(client, monkeypatch, LONG_S)
    assert (len(engines), made) == (2, 2)
