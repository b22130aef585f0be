"""Asking our own verified devices for room keys, and taking what they send. Spec: "Key requests"."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import attrs

from ..clock import Clock
from ..errors import BadKey
from . import spaces
from .account import OwnKeys
from .device_info import DeviceInfo
from .devices import Devices
from .exported_keys import ExportedKey, taken
from .inbound import MEGOLM, Inbound, KeySource
from .olm import DecryptedMessage
from .steps import Step
from .to_device_queue import enqueue, has_room
from .trust import VERIFIED
from .waiting import awaited

__all__ = ["KeyAsking"]

_OUT = "out "
_VERIFIED = "verified"


class KeyAsking:
    """Asks for keys, and takes them from those who were asked and from nobody else.

    Args:
        devices, inbound: the engine's parts.
        clock: for stamps.
    """

    def __init__(self, devices: Devices, inbound: Inbound, clock: Clock) -> None:
        self.devices = devices
        self.inbound = inbound
        self.clock = clock

    # ------------------------------------------------------------ asking

    def request_key(
        self, step: Step, own: OwnKeys, room_id: str, session_id: str, sender_key: str = ""
    ) -> list[DeviceInfo]:
        """Ask our verified devices for a key, and return those that were not asked before; none while too much waits.

        Args:
            step: to change.
            own: our keys.
            room_id, session_id: which key.
            sender_key: of the event, for clients that still look at it.

        Raises:
            UsageError: an id is none.
        """
        place = _place(room_id, session_id)
        record = step.record(spaces.REQUESTS, place)
        if record is None:
            record = {"request_id": uuid.uuid4().hex, "asked_ts": self.clock.now_ms(), "devices": {}}
        asked: dict[str, str] = record["devices"]
        new = [one for one in self._verified(step, own) if asked.get(one.device_id) != one.curve25519]
        if new and has_room(step):
            asked.update((one.device_id, one.curve25519) for one in new)
            step.put_record(spaces.REQUESTS, place, record)
            body = {"algorithm": MEGOLM, "room_id": room_id, "session_id": session_id, "sender_key": sender_key}
            content = {**_heading(own, record, "request"), "body": body}
            enqueue(step, "m.room_key_request", [(one, content) for one in new])
            return new
        return []

    def ask_newly_verified(self, step: Step, own: OwnKeys) -> None:
        """Ask our devices that were verified since the last time for all keys that events wait for."""
        verified = sorted(one.curve25519 for one in self._verified(step, own))
        record = step.record(spaces.REQUESTS, _VERIFIED) or {"keys": []}
        if verified == record["keys"]:
            return
        if not set(verified) <= set(record["keys"]):
            for room_id, session_id in awaited(step):
                self.request_key(step, own, room_id, session_id)
        if has_room(step):  # otherwise not all of them were asked
            step.put_record(spaces.REQUESTS, _VERIFIED, {"keys": verified})

    def _verified(self, step: Step, own: OwnKeys) -> list[DeviceInfo]:
        of_user = self.devices.of_user(step, own.user_id)
        return [one for one in of_user if one.device_id != own.device_id and _is_sound(one)]

    def cancel_request(self, step: Step, own: OwnKeys, room_id: str, session_id: str) -> bool:
        """Tell those who were asked that we no longer need a key; return whether anybody was."""
        if not spaces.is_sound_id(room_id) or not spaces.is_sound_id(session_id):
            return False
        record = step.record(spaces.REQUESTS, _place(room_id, session_id))
        if record is None:
            return False
        content = _heading(own, record, "request_cancellation")
        known = (self.devices.device(step, own.user_id, device_id) for device_id in record["devices"])
        if has_room(step):
            enqueue(step, "m.room_key_request", [(one, content) for one in known if one is not None])
        step.remove(spaces.REQUESTS, _place(room_id, session_id))
        return True

    def note_arrived(self, step: Step, own: OwnKeys, keys: Iterable[tuple[str, str]]) -> None:
        """Take back the requests for keys that came, by whatever way, each as (room id, session id)."""
        for room_id, session_id in keys:
            self.cancel_request(step, own, room_id, session_id)

    def asked(self, step: Step) -> list[tuple[str, str]]:
        """Return the keys that were asked for and did not come, as (room id, session id)."""
        return [(place.split(" ")[1], place.split(" ")[2]) for place, _ in step.scan(spaces.REQUESTS, _OUT)]

    # ------------------------------------------------------------ taking

    def take_forwarded(self, step: Step, own: OwnKeys, message: DecryptedMessage) -> tuple[tuple[str, str], ...]:
        """Take in an ``m.forwarded_room_key`` that came encrypted, and return the key as (room id, session id).

        Raises:
            BadKey: nobody asked its sender for it, the sender is not verified, or it is no key. Nothing
                was taken.
        """
        device = message.device
        if message.sender != own.user_id or device is None or device.device_id == own.device_id:
            raise BadKey("it is not from another device of ours")
        if (device.user_id, device.curve25519) != (own.user_id, message.sender_key) or not _is_sound(device):
            raise BadKey("the device it is from is not verified")
        offered = ExportedKey.from_entry(message.content, KeySource.FORWARDED)
        key = offered.key
        record = step.record(spaces.REQUESTS, _place(key.room_id, key.session_id))
        if record is None:
            raise BadKey("nobody asked for it")
        if record["devices"].get(device.device_id) != device.curve25519:
            raise BadKey("another device was asked for it")
        offered = attrs.evolve(offered, forwarders=(*offered.forwarders, device.curve25519))
        is_new = taken(step, self.inbound, offered)
        self.cancel_request(step, own, key.room_id, key.session_id)
        return ((key.room_id, key.session_id),) if is_new else ()


def _place(room_id: str, session_id: str) -> str:
    return spaces.place("out", room_id, session_id)


def _is_sound(device: DeviceInfo) -> bool:
    return device.level == VERIFIED and device.is_active and not device.has_changed_keys


def _heading(own: OwnKeys, record: dict[str, Any], action: str) -> dict[str, Any]:
    return {"action": action, "requesting_device_id": own.device_id, "request_id": record["request_id"]}
