"""Messages between devices, as the journal keeps them until their listeners have run: with who sent them."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from ..codec import dumps
from ..crypto.arrivals import Arrival
from ..events import Event, EventSource
from ..events.encryption_info import EncryptionInfo

__all__ = ["journalled", "opened_message"]


def journalled(arrival: Arrival) -> bytes:
    """Return a to-device event as the journal keeps it.

    One that came encrypted stands in an ``m.room.encrypted`` again, which nothing else in the journal does that
    came to a device: what a server writes into plain messages thus says nothing about who sent them.
    """
    message = arrival.message
    if message is None:
        return arrival.event.json
    content = {"event": arrival.event.raw, "sender_key": message.sender_key, "ed25519": message.ed25519}
    return dumps({"type": "m.room.encrypted", "sender": message.sender, "content": content}, ascii_only=True)


def opened_message(event: Event, info_on: Callable[[str, str, str], EncryptionInfo]) -> Event:
    """Return what `journalled` kept of a message that came encrypted, and by which device.

    Args:
        event: from the journal.
        info_on: tells of user id, identity key and fingerprint what they are worth; where that has an `error`, the
            message stays closed.
    """
    kept = event.content
    info = info_on(event.sender, kept["sender_key"], kept["ed25519"])
    if info.error is not None:
        return Event("m.room.encrypted", {}, sender=event.sender, source=EventSource.TO_DEVICE, encryption=info)
    return attrs.evolve(Event.from_dict(kept["event"], "", EventSource.TO_DEVICE), encryption=info)
