"""Giving room keys to those who ask for them. Spec: "Key requests".

Keys go to verified devices of our own user, each under the identity key that was pinned when we first saw it.
Requests of other users are dropped unless somebody wants them kept, and then people decide on each.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import attrs

from ..clock import Clock
from ..errors import CryptoError
from ..events import Event
from . import spaces
from .account import OwnKeys
from .device_info import DeviceInfo, Trust
from .devices import Devices
from .exported_keys import ExportedKey, forwarders_of
from .inbound import MEGOLM, Inbound
from .olm import OlmMachine
from .outbound import Outbound
from .steps import Step
from .to_device_queue import enqueue, has_room
from .trust import VERIFIED, TrustPolicy

__all__ = ["KeyRequest", "KeyRequests"]

log = logging.getLogger("gomatrix_py.crypto")

REQUESTS_PER_DEVICE, REQUESTS = 100, 1000
_IN = "in "


@attrs.frozen
class KeyRequest:
    """Somebody's wish for a room key.

    Attributes:
        user_id, device_id: who asks; whether it is them is found out when the key is encrypted for them.
        request_id: by which they may take it back.
        room_id, session_id: which key.
        received_ts: when it came, in milliseconds.
        is_approved: True where somebody decided on it, and it waits for an Olm session with the device.
    """

    user_id: str
    device_id: str
    request_id: str
    room_id: str
    session_id: str
    received_ts: int = 0
    is_approved: bool = False

    @property
    def place(self) -> str:
        """Where it is kept."""
        return spaces.place("in", self.user_id, self.device_id, self.request_id)


class KeyRequests:
    """Keeps requests, and answers those that may be answered.

    Args:
        devices, olm, inbound, outbound: the engine's parts.
        policy: who may be answered among other users' devices.
        clock: for stamps.
        is_automatic: whether verified devices of our own are answered unasked.
        takes_others: whether requests of other users are kept, for people to decide on.
    """

    def __init__(
        self,
        devices: Devices,
        olm: OlmMachine,
        inbound: Inbound,
        outbound: Outbound,
        policy: TrustPolicy,
        clock: Clock,
        *,
        is_automatic: bool = True,
        takes_others: bool = False,
    ) -> None:
        self.devices = devices
        self.olm = olm
        self.inbound = inbound
        self.outbound = outbound
        self.policy = policy
        self.clock = clock
        self.is_automatic = is_automatic
        self.takes_others = takes_others

    # ------------------------------------------------------------ taking in

    def take_request(self, step: Step, own: OwnKeys, event: Event) -> KeyRequest | None:
        """Take in an ``m.room_key_request``; answered it is by `answer`, or `continue_key_share`.

        Returns:
            The request where it is kept; None where it was taken back, or nothing is to be done about it.
        """
        request = self._read(event)
        if request is None or (request.user_id, request.device_id) == (own.user_id, own.device_id):
            return None
        if request.user_id != own.user_id and not self.takes_others:
            log.info("a key request of %s is dropped: it is another user", request.user_id)
            return None
        if event.content.get("action") == "request_cancellation":
            step.remove(spaces.REQUESTS, request.place)
            return None
        if not request.room_id or self.inbound.known(step, request.room_id, request.session_id) is None:
            return None
        if step.get(spaces.REQUESTS, request.place) is None:
            self._make_room(step, f"{_IN}{request.user_id} {request.device_id} ", REQUESTS_PER_DEVICE)
            self._make_room(step, _IN, REQUESTS)
            self._put(step, request)
        if self.devices.device(step, request.user_id, request.device_id) is None:
            self.devices.changed(step, [request.user_id])
        return request

    def _read(self, event: Event) -> KeyRequest | None:
        """Return what a request says; without a room where it takes one back."""
        content = event.content
        names = (event.sender, content.get("requesting_device_id"), content.get("request_id"))
        if not all(spaces.is_sound_id(name) for name in names):
            return None
        user_id, device_id, request_id = map(str, names)
        if content.get("action") == "request_cancellation":
            return KeyRequest(user_id, device_id, request_id, "", "")
        body = content.get("body")
        if content.get("action") != "request" or not isinstance(body, dict) or body.get("algorithm") != MEGOLM:
            return None
        room_id, session_id = body.get("room_id"), body.get("session_id")
        if not spaces.is_sound_id(room_id) or not spaces.is_sound_id(session_id):
            return None
        now = self.clock.now_ms()
        return KeyRequest(user_id, device_id, request_id, str(room_id), str(session_id), now)

    def _make_room(self, step: Step, prefix: str, at_most: int) -> None:
        kept = sorted(self._kept(step, prefix), key=lambda one: one.received_ts)
        for oldest in kept[: max(0, len(kept) + 1 - at_most)]:
            step.remove(spaces.REQUESTS, oldest.place)

    def _put(self, step: Step, request: KeyRequest) -> None:
        step.put_record(spaces.REQUESTS, request.place, attrs.asdict(request))

    def _kept(self, step: Step, prefix: str = _IN) -> Iterator[KeyRequest]:
        for _, record in step.records(spaces.REQUESTS, prefix):
            yield KeyRequest(**record)

    # ------------------------------------------------------------ answering

    def active(self, step: Step) -> list[KeyRequest]:
        """Return the requests that wait, the oldest first."""
        return sorted(self._kept(step), key=lambda one: one.received_ts)

    def continue_key_share(self, step: Step, own: OwnKeys, request: KeyRequest) -> bool:
        """Answer a request that waits.

        Args:
            step: to change.
            own: our keys.
            request: one of `active`.

        Returns:
            Whether the key is on its way; False where it must wait for an Olm session with the device, or for
            the messages that wait to be sent, or the request was taken back meanwhile.

        Raises:
            CryptoError: the device is unknown, not verified, or its keys were changed; or it belongs to
                another user and was never given this key. The request still waits.
        """
        if step.get(spaces.REQUESTS, request.place) is None:
            return False
        if self._answered(step, own, request):
            return True
        self._put(step, attrs.evolve(request, is_approved=True))
        return False

    def cancel_key_share(self, step: Step, request: KeyRequest) -> bool:
        """Drop a request without an answer; return whether it was there."""
        was_there = step.get(spaces.REQUESTS, request.place) is not None
        step.remove(spaces.REQUESTS, request.place)
        return was_there

    def answer(self, step: Step, own: OwnKeys) -> list[KeyRequest]:
        """Answer all that may be answered now, and return it.

        To be called after a sync, after a device was verified, and after sessions were started.
        """
        answered = []
        for request in self._answerable(step, own):
            try:
                if self._answered(step, own, request):
                    answered.append(request)
            except CryptoError as error:
                log.info("a key request of %s %s waits: %s", request.user_id, request.device_id, error)
        return answered

    def lacking_session(self, step: Step, own: OwnKeys) -> list[DeviceInfo]:
        """Return the devices whose requests could be answered, had we a session with them, that may be asked now."""
        found: dict[str, DeviceInfo] = {}
        for request in self._answerable(step, own):
            try:
                device = self._receiver(step, own, request)
            except CryptoError:
                continue
            if not self.olm.has_session(step, device):
                found[device.curve25519] = device
        return self.olm.unreached.due(found.values())

    def _answerable(self, step: Step, own: OwnKeys) -> list[KeyRequest]:
        return [
            one for one in self.active(step) if one.is_approved or (self.is_automatic and one.user_id == own.user_id)
        ]

    def _answered(self, step: Step, own: OwnKeys, request: KeyRequest) -> bool:
        device = self._receiver(step, own, request)
        if not has_room(step):
            return False
        key = self._key(step, own, request, device)
        content: Any = self.olm.encrypt(step, own, device, "m.forwarded_room_key", key.as_forwarded())
        if content is None:
            return False
        enqueue(step, "m.room.encrypted", [(device, content)])
        step.remove(spaces.REQUESTS, request.place)
        return True

    def _receiver(self, step: Step, own: OwnKeys, request: KeyRequest) -> DeviceInfo:
        """Return the device as we know it: what the request says of itself counts for nothing."""
        device = self.devices.device(step, request.user_id, request.device_id)
        if device is None or not device.is_active:
            raise CryptoError("there is no such device")
        if device.has_changed_keys:
            raise CryptoError("the server gave it other keys")
        if request.user_id == own.user_id:
            if device.level != VERIFIED:
                raise CryptoError("it is not verified")
        elif not self.takes_others or not self._is_trusted(step, device):
            raise CryptoError("it is of another user, and not trusted")
        return device

    def _is_trusted(self, step: Step, device: DeviceInfo) -> bool:
        of_user = frozenset(self.devices.of_user(step, device.user_id))
        return self.policy.evaluate(device, of_user) is Trust.TRUSTED

    def _key(self, step: Step, own: OwnKeys, request: KeyRequest, device: DeviceInfo) -> ExportedKey:
        """Return all of a key for devices of our own, and for others no more than they were given before."""
        index = None
        if request.user_id != own.user_id:
            index = self.outbound.shared_index(step, request.session_id, device)
            if index is None:
                raise CryptoError("it was never given this key")
        key = self.inbound.known(step, request.room_id, request.session_id)
        session_key = self.inbound.exported(step, request.room_id, request.session_id, index)
        if key is None or session_key is None:
            raise CryptoError("the key is no longer there")
        record = step.record(spaces.INBOUND, spaces.place(request.room_id, request.session_id))
        return ExportedKey(key, session_key, forwarders_of(record))
