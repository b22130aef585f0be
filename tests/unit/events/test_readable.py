"""Why nothing is found in an event that cannot be read."""

from __future__ import annotations

import attrs
import pytest

from gomatrix_py import Client, Event
from gomatrix_py.errors import MissingRoomKey, UsageError
from gomatrix_py.events.encryption_info import EncryptionInfo
from gomatrix_py.events.readable import check_readable
from gomatrix_py.send.polls import poll_of


def encrypted(**content: str) -> Event:
    return Event.from_dict({"type": "m.room.encrypted", "event_id": "$e", "content": content})


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (encrypted(ciphertext="x"), "it takes CryptoClient"),
        (encrypted(), "it was deleted"),
        (
            attrs.evolve(
                encrypted(ciphertext="x"),
                encryption=EncryptionInfo("s", error=MissingRoomKey("nobody gave us its key")),
            ),
            "nobody gave us its key",
        ),
    ],
)
def test_an_event_that_cannot_be_read(event: Event, why: str) -> None:
    with Client("http://127.0.0.1:9", "@a:hs", "token") as client:
        for look in (check_readable, poll_of, client.download_attachment):
            with pytest.raises(UsageError, match=rf"\$e is encrypted, and cannot be read \(yet\): {why}"):
                look(event)


def test_one_that_can() -> None:
    check_readable(Event.from_dict({"type": "m.room.message", "content": {}}))
