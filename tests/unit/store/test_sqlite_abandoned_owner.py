"""A client that nobody has any more, as after a sign-in that failed, does not keep its store's file from others."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from gomatrix_py import Client, SQLiteStore
from gomatrix_py.errors import StoreLocked, TransportError
from gomatrix_py.http.retry import RetryPolicy


@pytest.fixture
def lazy_collector() -> Iterator[None]:
    """Let what refers to itself stay until somebody asks for it to be collected."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def fail_to_sign_in(path: Path) -> None:
    with pytest.raises(TransportError):
        Client.login_or_restore(
            path.with_name("session.json"),
            "http://127.0.0.1:9",
            "alice",
            "password",
            store=SQLiteStore(path),
            retry=RetryPolicy.never(),
        )


@pytest.mark.usefixtures("lazy_collector")
def test_a_sign_in_that_failed_can_be_tried_again(tmp_path: Path) -> None:
    for _ in range(2):
        fail_to_sign_in(tmp_path / "a.db")
    SQLiteStore(tmp_path / "a.db").close()


@pytest.mark.usefixtures("lazy_collector")
def test_the_control_without_collecting_it_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_to_sign_in(tmp_path / "a.db")
    monkeypatch.setattr(gc, "collect", lambda: 0)
    with pytest.raises(StoreLocked, match="close it first"):
        SQLiteStore(tmp_path / "a.db")


def test_what_somebody_has_stays_locked(tmp_path: Path) -> None:
    with (
        Client("http://127.0.0.1:9", store=SQLiteStore(tmp_path / "a.db")),
        pytest.raises(StoreLocked, match="close it first"),
    ):
        SQLiteStore(tmp_path / "a.db")
