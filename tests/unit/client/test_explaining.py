"""An encrypted event in plain words, whatever became of it."""

from __future__ import annotations

import pytest

from gomatrix_py import Event
from gomatrix_py.client.explaining import explanation
from gomatrix_py.errors import (
    DecryptionFailed,
    MismatchedRoom,
    MismatchedSender,
    MissingRoomKey,
    ReplayedMessage,
    UnknownMessageIndex,
)
from gomatrix_py.events.encryption_info import EncryptionInfo

CIPHERTEXT = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x"}


def encrypted(info: EncryptionInfo | None, content: dict[str, str] = CIPHERTEXT) -> Event:
    return Event("m.room.encrypted", content, "$event", "@alice:example.org", 1, encryption=info)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MissingRoomKey("no key"), "wait for it, or import it"),
        (MissingRoomKey("withheld", withheld="m.blacklisted"), "ask them to unblock"),
        (MissingRoomKey("withheld", withheld="m.unverified"), "let them verify"),
        (MissingRoomKey("withheld", withheld="m.unauthorised"), "not in the room"),
        (MissingRoomKey("withheld", withheld="m.unavailable"), "import it"),
        (MissingRoomKey("withheld", withheld="m.no_olm"), "sync, and wait"),
        (MissingRoomKey("withheld", withheld="org.example.rude"), "ask its sender why"),
        (UnknownMessageIndex("too early"), "import the key"),
        (ReplayedMessage("again"), "do not trust this server"),
        (MismatchedSender("not hers"), "do not trust this server"),
        (MismatchedRoom("not here"), "do not trust this server"),
        (DecryptionFailed("forged"), "damaged or forged"),
        (ValueError("what is this?"), "nothing can be done"),
    ],
)
def test_each_reason_has_its_advice(error: Exception, said: str) -> None:
    text = explanation(encrypted(EncryptionInfo(error=error)))
    assert text.startswith(str(error))
    assert said in text


@pytest.mark.parametrize(
    ("info", "said"),
    [
        (
            EncryptionInfo(device_id="PHONE", level="verified", is_authentic=True),
            "device PHONE wrote it, which was verified",
        ),
        (EncryptionInfo(device_id="PHONE", is_authentic=True), "device PHONE wrote it, which nobody verified"),
        (EncryptionInfo(is_authentic=True), "none of those of its sender"),
        (EncryptionInfo(device_id="PHONE", level="verified"), "does not prove who wrote it"),
    ],
)
def test_what_can_be_read_says_by_whom(info: EncryptionInfo, said: str) -> None:
    assert said in explanation(encrypted(info))


def test_what_is_not_encrypted_was_not_tried_or_was_deleted() -> None:
    assert explanation(Event("m.room.message", {}, "$event")) == "it is not encrypted"
    assert explanation(encrypted(None)) == "nobody tried to read it yet"
    assert "deleted" in explanation(encrypted(None, {}))
