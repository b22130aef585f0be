"""The encrypted echo bot as a script: it answers in an encrypted room, and goes on after it was killed."""

from __future__ import annotations

import secrets
from pathlib import Path

from gomatrix_py import CryptoClient, Event
from gomatrix_py.testing import DevServer
from tests.kit.encrypting import ENCRYPTION, heard, person, sync_until
from tests.kit.example_scripts import running_script


def test_it_echoes_and_goes_on_after_kill_9(matrix_server: DevServer, tmp_path: Path) -> None:
    name = f"bot-{secrets.token_hex(4)}"
    bot_id = matrix_server.register(name, "a password").user_id
    settings = {
        "MATRIX_URL": matrix_server.url,
        "MATRIX_USER": name,
        "MATRIX_PASSWORD": "a password",
        "MATRIX_STORE_KEY": "a passphrase",
    }
    with person(matrix_server, "alice") as alice:
        at_alice = heard(alice)
        room_id = alice.create_room("Secrets", invite=[bot_id], initial_state=[ENCRYPTION]).room_id
        alice.sync_once()
        with running_script("encrypted_echo_bot.py", settings=settings, folder=tmp_path):
            sync_until(alice, lambda: alice.room(room_id).membership_of(bot_id) == "join")
            assert echo_of(alice, at_alice, room_id, bot_id, "hello").encryption is not None
        # its block has ended it with SIGKILL
        with running_script("encrypted_echo_bot.py", settings=settings, folder=tmp_path):
            again = echo_of(alice, at_alice, room_id, bot_id, "are you still there?")
        assert again.encryption is not None
        assert [one.device_id for one in alice.crypto.devices(bot_id) if one.is_active and one.can_megolm] == [
            again.encryption.device_id
        ], "it went on as the same device"


def echo_of(alice: CryptoClient, at_alice: list[Event], room_id: str, bot_id: str, text: str) -> Event:
    alice.send_text(room_id, text)

    def echo() -> Event | None:
        return next((event for event in at_alice if event.sender == bot_id and event.body == text), None)

    sync_until(alice, echo)
    found = echo()
    assert found is not None
    return found
