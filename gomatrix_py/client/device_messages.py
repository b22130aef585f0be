"""Messages between devices, as the journal keeps them until their listeners have run: with who sent them."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from ..codec import dumps
from ..crypto.arrivals import Arrival
from ..crypto.device_info import DeviceInfo
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


def opened_message(event: Event, device_with: Callable[[str, str], DeviceInfo | None]) -> Event:
    """Return what `journalled` kept of a message that came encrypted, and by which device.

    Args:
        event: from the journal.
        device_with: finds the device of a user by its identity key.
    """
    kept = event.content
    device = device_with(event.sender, kept["sender_key"])
    info = EncryptionInfo(
        "",
        kept["sender_key"],
        device.device_id if device else "",
        kept["ed25519"],
        device.level if device else "",
        is_authentic=device is not None,
    )
    return attrs.evolve(Event.from_dict(kept["event"], "", EventSource.TO_DEVICE), encryption=info)
