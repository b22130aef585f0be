"""To-device events as they come: opened, taken in, and handed on where they are for the application.

What must be secret counts only where it came encrypted: the same in plain text is dropped.
"""

from __future__ import annotations

import logging
from typing import Any

import attrs

from ..clock import Clock
from ..errors import BadKey, CryptoError, DecryptionFailed
from ..events import Event
from . import spaces
from .account import OwnKeys
from .devices import Devices
from .inbound import MEGOLM, Inbound, KeySource, RoomKey
from .key_asking import KeyAsking
from .key_requests import KeyRequests
from .olm import DecryptedMessage, Duplicate, OlmMachine
from .steps import Step

__all__ = ["Arrival", "Arrivals"]

log = logging.getLogger("gomatrix_py.crypto")

HOUR_MS = 3600 * 1000
_ONLY_ENCRYPTED = frozenset(
    {
        "io.element.msc4268.room_key_bundle",
        "m.dummy",
        "m.forwarded_room_key",
        "m.room_key",
        "m.room_key_bundle",
        "m.secret.send",
    }
)
_NEVER_HANDED_ON = frozenset({*_ONLY_ENCRYPTED, "m.room_key.withheld", "m.room_key_request"})


@attrs.frozen
class Arrival:
    """A to-device event after it was taken in.

    Attributes:
        event: as it was meant: opened, where it came encrypted.
        message: how it came, None where it came in plain text.
        new_keys: the room keys it brought, as (room id, session id).
    """

    event: Event
    message: DecryptedMessage | None = None
    new_keys: tuple[tuple[str, str], ...] = ()

    @property
    def is_for_application(self) -> bool:
        """False for what only the engine needs, and for what holds keys."""
        return self.event.type not in _NEVER_HANDED_ON and self.event.type != "m.room.encrypted"


class Arrivals:
    """Takes to-device events in.

    Args:
        devices, olm, inbound: the engine's parts.
        requests: for keys that others ask us for.
        asking: for keys that we asked for.
        clock: for stamps.
    """

    def __init__(
        self,
        devices: Devices,
        olm: OlmMachine,
        inbound: Inbound,
        requests: KeyRequests,
        asking: KeyAsking,
        clock: Clock,
    ) -> None:
        self.devices = devices
        self.olm = olm
        self.inbound = inbound
        self.requests = requests
        self.asking = asking
        self.clock = clock

    def take(self, step: Step, own: OwnKeys, event: Event) -> Arrival | None:
        """Take in one event; None where nothing is to be done about it."""
        if event.type in _ONLY_ENCRYPTED:
            log.warning("dropped: %s from %s came in plain text", event.type, event.sender)
            return None
        if event.type == "m.room.encrypted":
            return self._take_encrypted(step, own, event)
        if event.type == "m.room_key.withheld":
            self._note_withheld(step, event.content)
        elif event.type == "m.room_key_request":
            self.requests.take_request(step, own, event)
        return Arrival(event)

    def _take_encrypted(self, step: Step, own: OwnKeys, event: Event) -> Arrival | None:
        try:
            message = self.olm.decrypt(step, own, event.sender, event.content)
        except Duplicate:
            return None
        except DecryptionFailed as error:
            log.warning("a to-device message from %s cannot be read: %s", event.sender, error)
            self._note_wedged(step, event)
            return None
        opened = Event(message.type, message.content, sender=message.sender, source=event.source)
        try:
            new_keys = self._take_key(step, own, message)
        except CryptoError as error:
            log.warning("a room key from %s is refused: %s", event.sender, error)
            new_keys = ()
        if new_keys:
            self.asking.note_arrived(step, own, new_keys)
        return Arrival(opened, message, new_keys)

    # ------------------------------------------------------------ room keys

    def _take_key(self, step: Step, own: OwnKeys, message: DecryptedMessage) -> tuple[tuple[str, str], ...]:
        if message.type == "m.forwarded_room_key":
            return self.asking.take_forwarded(step, own, message)
        if message.type != "m.room_key":
            return ()
        content = message.content
        if content.get("algorithm") != MEGOLM:
            raise BadKey("it is for an algorithm we do not know")
        room_id, session_id, session_key = (content.get(name) for name in ("room_id", "session_id", "session_key"))
        if not spaces.is_sound_id(room_id) or not spaces.is_sound_id(session_id) or not isinstance(session_key, str):
            raise BadKey("it is incomplete")
        key = RoomKey(
            str(room_id),
            str(session_id),
            message.sender,
            message.sender_key,
            message.ed25519,
            KeySource.OLM,
            shared_history=content.get("shared_history") is True,
        )
        return ((key.room_id, key.session_id),) if self.inbound.add(step, key, session_key) else ()

    def _note_withheld(self, step: Step, content: dict[str, Any]) -> None:
        room_id, session_id, code = (content.get(name) for name in ("room_id", "session_id", "code"))
        if not (isinstance(room_id, str) and isinstance(session_id, str) and isinstance(code, str)):
            return
        if self.inbound.known(step, room_id, session_id) is None:
            self.inbound.note_withheld(step, room_id, session_id, code)

    # ------------------------------------------------------------ lost sessions

    def _note_wedged(self, step: Step, event: Event) -> None:
        """Note that a device needs a new session, at most once an hour; one we do not know must be learnt first."""
        sender_key = event.content.get("sender_key")
        if not isinstance(sender_key, str):
            return
        device = self.devices.by_curve25519(step, event.sender, sender_key)
        if device is None:
            self.devices.track(step, [event.sender])
            return
        place = spaces.place(device.user_id, device.device_id)
        record = step.record(spaces.UNWEDGED, place)
        now = self.clock.now_ms()
        if record is None or not 0 <= now - int(record["at"]) < HOUR_MS:
            step.put_record(spaces.UNWEDGED, place, {"at": now, "is_waiting": True})

    def wedged(self, step: Step) -> list[tuple[str, str]]:
        """Return the devices that wait for a new session, as (user id, device id)."""
        return [
            (key.split(" ")[0], key.split(" ")[1])
            for key, record in step.records(spaces.UNWEDGED)
            if record["is_waiting"]
        ]

    def note_unwedged(self, step: Step, user_id: str, device_id: str) -> None:
        """Note that a device was sent something by a new session."""
        place = spaces.place(user_id, device_id)
        record = step.record(spaces.UNWEDGED, place) or {"at": self.clock.now_ms()}
        step.put_record(spaces.UNWEDGED, place, {**record, "is_waiting": False})
