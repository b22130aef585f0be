"""Rooms that nobody synced are plain, without a question to the scripted server of a test about other things."""

from __future__ import annotations

import pytest

from gomatrix_py.client.outgoing import OutgoingMethods

__all__ = ["asked_for_encryption", "take_unknown_rooms_for_plain"]

asked_for_encryption = OutgoingMethods._ask_for_encryption
"""What asks the server, for tests that are about that."""


def take_unknown_rooms_for_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no client ask how a room is encrypted, but for those that encrypt."""

    def answer(client: OutgoingMethods, room_id: str) -> object:
        return asked_for_encryption(client, room_id) if hasattr(client, "crypto_options") else None

    monkeypatch.setattr(OutgoingMethods, "_ask_for_encryption", answer)
