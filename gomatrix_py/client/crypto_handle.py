"""What people need of encryption: devices, trust, sessions and keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ..crypto import spaces
from ..crypto.device_changes import DeviceListener
from ..crypto.device_info import DeviceInfo
from ..crypto.engine import Engine
from ..crypto.forgetting import forget_user
from ..crypto.olm import SessionInfo
from ..crypto.to_device_queue import enqueue
from ..crypto.trust import BLACKLISTED, IGNORED, VERIFIED
from ..errors import UsageError
from ..events import Event
from .crypto_files import CryptoFileMethods
from .crypto_requests import CryptoRequests, EncryptingClient
from .explaining import explanation
from .verifying import VerificationMethods

__all__ = ["TRUST_CONTEXT", "CryptoHandle"]

TRUST_CONTEXT: ContextVar[object] = ContextVar("gomatrix_py.trust_context", default=None)


class CryptoHandle(VerificationMethods, CryptoFileMethods):
    """Encryption of a client, as ``client.crypto``.

    Args:
        client: whose.
        engine: what encrypts.
        requests: what sends for it.
    """

    def __init__(self, client: EncryptingClient, engine: Engine, requests: CryptoRequests) -> None:
        self._client = client
        self._engine = engine
        self._requests = requests

    # ------------------------------------------------------------ devices and trust

    @property
    def fingerprint(self) -> str:
        """The fingerprint of our device in groups of four, for people to compare."""
        key = self._engine.own.ed25519
        return " ".join(key[at : at + 4] for at in range(0, len(key), 4))

    def devices(self, user_id: str, *, refresh: bool = True) -> list[DeviceInfo]:
        """Return all devices of a user that were ever seen, those that are gone included (`is_active`).

        Args:
            user_id: whose.
            refresh: ask the server first where what we know is not up to date.

        Raises:
            TransportError, HTTPError, DecodeError: the server could not be asked.
        """
        if refresh:
            self._requests.query([user_id])
        return self._engine.devices_of(user_id)

    def device(self, user_id: str, device_id: str) -> DeviceInfo:
        """Return a device.

        Raises:
            UsageError: nobody has seen it.
        """
        for found in self.devices(user_id):
            if found.device_id == device_id:
                return found
        raise UsageError(f"{user_id} has no device {device_id} that we know")

    def set_trust(self, device: DeviceInfo, level: str) -> None:
        """Set the level of trust of a device's fingerprint: any text; "" for none."""
        self._engine.set_levels(device.user_id, {device.ed25519: level})
        self._engine.device_watch.tell()

    def verify_device(self, device: DeviceInfo) -> None:
        """Say that a device is whose it claims to be: its fingerprint was compared."""
        self.set_trust(device, VERIFIED)

    def unverify_device(self, device: DeviceInfo) -> None:
        """Take back that a device is verified."""
        self._unset(device, VERIFIED)

    def blacklist_device(self, device: DeviceInfo) -> None:
        """Never let a device read what is sent."""
        self.set_trust(device, BLACKLISTED)

    def unblacklist_device(self, device: DeviceInfo) -> None:
        """Take back that a device is blacklisted."""
        self._unset(device, BLACKLISTED)

    def ignore_device(self, device: DeviceInfo) -> None:
        """Let a device read what is sent although nobody verified it."""
        self.set_trust(device, IGNORED)

    def unignore_device(self, device: DeviceInfo) -> None:
        """Take back that a device is ignored."""
        self._unset(device, IGNORED)

    def _unset(self, device: DeviceInfo, level: str) -> None:
        now = next((one for one in self._engine.devices_of(device.user_id) if one.ed25519 == device.ed25519), None)
        if now is not None and now.level == level:
            self.set_trust(device, "")

    def on_device_change(self, callback: DeviceListener) -> DeviceListener:
        """Call a function with each `DeviceChange`; also as a decorator.

        A device appears, goes away or comes back, is forgotten with its user, gets another level of trust (by a call,
        a verification, a policy's decision or a file), or is given other keys by the server, which are refused.

        It is called once that is stored, in the same order, by the thread that did it or the one that syncs, and
        never by two at once; what it raises is logged. Who logs in anew with the same client is told as before.
        """
        self._engine.device_watch.listeners.append(callback)
        return callback

    def room_devices(self, room_id: str) -> dict[str, list[DeviceInfo]]:
        """Return the active devices of all who may read what is sent to a room next, by user.

        Raises:
            TransportError, HTTPError, DecodeError: the server could not be asked.
        """
        members = self._requests.readers(room_id)
        self._requests.query(members)
        return {user_id: self.active_devices(user_id) for user_id in members}

    def active_devices(self, user_id: str) -> list[DeviceInfo]:
        """Return the devices that a user has now, as far as we know; see `devices`."""
        return [one for one in self._engine.devices_of(user_id) if one.is_active]

    @property
    def known_users(self) -> list[str]:
        """The ids of all users whose devices are kept, those that we no longer follow included."""
        with self._engine.step() as step:
            return list(dict.fromkeys(key.partition(" ")[0] for key, _ in step.scan(spaces.DEVICES)))

    def room_contains_unverified(self, room_id: str) -> bool:
        """Tell whether somebody who may read what is sent to a room has an active device that nobody verified.

        Raises:
            TransportError, HTTPError, DecodeError: the server could not be asked.
        """
        own = self._engine.own
        return any(
            device.level != VERIFIED and (device.user_id, device.device_id) != (own.user_id, own.device_id)
            for devices in self.room_devices(room_id).values()
            for device in devices
        )

    def forget_user(self, user_id: str) -> None:
        """Forget all that is kept of a user: devices, levels of trust, sessions with them, requests."""
        engine = self._engine
        with engine.step() as step:
            forget_user(step, engine.devices, engine.olm, engine.outbound, user_id)
        engine.device_watch.tell()

    # ------------------------------------------------------------ sessions

    def invalidate_outbound_session(self, room_id: str) -> None:
        """Encrypt the next message to a room with a new key."""
        with self._engine.step() as step:
            self._engine.outbound.invalidate(step, room_id)

    def replace_sessions(self, devices: Iterable[DeviceInfo]) -> dict[DeviceInfo, Exception]:
        """Start new sessions with devices whose sessions are broken; for healthy ones this is a loss.

        Returns:
            The devices with which that failed, and why.
        """
        devices = list(devices)
        claim = self._engine.claim_for(devices)
        if claim is None:
            return {}
        failed = self._engine.take_claimed(devices, self._client.call(claim).raw)
        self._engine.send_dummies([device for device in devices if device not in failed])
        self._requests.send_queue()
        return dict(failed)

    def sessions(self, device: DeviceInfo) -> list[SessionInfo]:
        """Return what is known of the sessions with a device, the one in use first; to look at, and no more."""
        with self._engine.step() as step:
            return self._engine.olm.sessions(step, device)

    def sent_since_answer(self, device: DeviceInfo) -> int:
        """Return how many messages went to a device since it last said anything; where many did, it may be gone."""
        with self._engine.step() as step:
            return self._engine.olm.sent_since_answer(step, device)

    def missing_sessions(self, user_ids: Iterable[str]) -> list[DeviceInfo]:
        """Return the active devices of users that we have no session with."""
        user_ids = list(user_ids)
        self._requests.query(user_ids)
        active = [one for user_id in user_ids for one in self._engine.devices_of(user_id) if one.is_active]
        own = self._engine.own
        with self._engine.step() as step:
            return [
                one
                for one in active
                if one.curve25519 != own.curve25519 and not self._engine.olm.has_session(step, one)
            ]

    def encrypt_to_devices(
        self, devices: Iterable[DeviceInfo], event_type: str, content: Mapping[str, Any]
    ) -> dict[DeviceInfo, str]:
        """Send an encrypted message of an application's own to devices.

        Args:
            devices: to whom, whatever their level of trust.
            event_type, content: what.

        Returns:
            The devices that did not get it, and why.

        Raises:
            TransportError, HTTPError, DecodeError: the server could not be asked; what was encrypted by then is
                sent later.
        """
        devices = list(devices)
        self._requests.send_queue()  # while that fails, nothing is added
        with self._engine.step() as step:
            lacking = [one for one in devices if not self._engine.olm.has_session(step, one)]
        claim = self._engine.claim_for(lacking)
        failed: dict[DeviceInfo, str] = {}
        if claim is not None:
            answer = self._client.call(claim).raw
            failed = {device: str(error) for device, error in self._engine.take_claimed(lacking, answer).items()}
        with self._engine.step() as step:
            messages = []
            for device in devices:
                encrypted = self._engine.olm.encrypt(step, self._engine.own, device, event_type, dict(content))
                if encrypted is not None:
                    messages.append((device, encrypted))
            enqueue(step, "m.room.encrypted", messages)
        self._requests.send_queue()
        return failed

    # ------------------------------------------------------------ our own keys

    def ensure_consistency(self) -> list[str]:
        """Compare what the server has of our keys with what we have, and publish again what it lost.

        Devices that no session could be started with are asked for a key again with the next message.

        Returns:
            What was wrong, in plain words; [] where all is well.

        Raises:
            TransportError, HTTPError, DecodeError: the server could not be asked.
        """
        found: list[str] = []
        published = self._requests.published_keys()
        if published is None:
            found.append("the server has no keys of this device: they are published again")
            with self._engine.step() as step:
                self._engine.account.forget_upload(step)
        elif not self._requests.is_ours(published):
            found.append("the server has other keys for this device: log in anew, with a store of its own")
        with self._engine.step():
            self._engine.olm.unreached.clear()
        self._requests.send_outgoing()
        return found

    @contextmanager
    def catching_up(self) -> Iterator[None]:
        """Hold back what the engine wants sent until the block has ended: lost sessions are then healed once.

        A first sync does so by itself: it is one answer.
        """
        with self._client.holding_back():
            yield

    @contextmanager
    def deciding(self, context: object) -> Iterator[None]:
        """Tell the trust policy, as `context` of `TrustPolicy.decide`, what the sendings of the block are for."""
        token = TRUST_CONTEXT.set(context)
        try:
            yield
        finally:
            TRUST_CONTEXT.reset(token)

    def reset(self) -> None:
        """Forget all of encryption: keys, sessions, devices, trust. What was not read by then never will be.

        The device is a new one afterwards in all but its name: log in anew before anything is sent.
        """
        with self._engine.step() as step:
            for space in spaces.ALL:
                for key, _ in list(step.scan(space)):
                    step.remove(space, key)
        self._engine.device_watch.tell()
        self._client.forget_engine()

    def explain(self, event: Event) -> str:
        """Say in plain words why an event cannot be read, and what would help; or who wrote it where it can.

        Args:
            event: as a listener or a call gave it; one that nobody tried to read yet is tried now.
        """
        return explanation(self._client.opened(event) if event.encryption is None else event)
