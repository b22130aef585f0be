"""What all unit tests take for granted."""

from __future__ import annotations

import pytest

from tests.kit.plain_rooms import take_unknown_rooms_for_plain


@pytest.fixture(autouse=True)
def unknown_rooms_are_plain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare tests with a scripted server the one question about encryption; see `asks_about_encryption`."""
    if "asks_about_encryption" not in request.fixturenames:
        take_unknown_rooms_for_plain(monkeypatch)


@pytest.fixture
def asks_about_encryption() -> None:
    """Let clients ask the server, as they do outside of tests."""
