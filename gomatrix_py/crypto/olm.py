"""Messages from device to device. Spec: "m.olm.v1.curve25519-aes-sha2".

Every message is taken once: the server may send it again until it knows that we have it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from ..clock import Clock
from ..codec import dumps, loads
from ..errors import BadKey, BadSignature, CryptoError, DecodeError, DecryptionFailed, MissingRoomKey, TooManySkipped
from . import spaces
from .account import OwnAccount, OwnKeys, unpickled
from .backend import backend_of_pickle, tagged
from .backend.base import Backend, OlmMessage, OlmSession
from .device_info import DeviceInfo
from .devices import Devices
from .reopening import Reopening
from .signing import verify_json
from .steps import Step
from .unreached import Unreached

__all__ = ["DecryptedMessage", "Duplicate", "OlmMachine", "SessionInfo"]

log = logging.getLogger("gomatrix_py.crypto")

OLM = "m.olm.v1.curve25519-aes-sha2"
SESSIONS_PER_DEVICE = 10
OPEN_SESSIONS = 2000
HEARTBEAT_AFTER = 53
SEEN_IS_KEPT_MS = 90 * 24 * 3600 * 1000


class Duplicate(DecryptionFailed):
    """This very message was taken before."""

    code = "duplicate"


@attrs.frozen
class SessionInfo:
    """What is known of an Olm session with a device.

    Attributes:
        session_id: its id, the same on both sides.
        is_ours: True where we started it.
        is_confirmed: True once a message came by it: until then, all we send by it brings what it is made of.
        created_ts: when it was made, in milliseconds.
        last_heard_ts: when a message last came by it, or it was made.
        sent_since: how many messages went out by it since.
        heard_since: how many messages came by it since one went out.
    """

    session_id: str
    is_ours: bool
    is_confirmed: bool
    created_ts: int
    last_heard_ts: int
    sent_since: int
    heard_since: int


@attrs.frozen
class DecryptedMessage:
    """What a device said to ours.

    Attributes:
        sender: the user; the server's word and the sender's own agree.
        sender_key: the identity key of the session it came by.
        ed25519: the fingerprint that the sender says goes with it.
        device: the device with both keys, None where none of the user's known devices has them.
        type, content: of the event.
    """

    sender: str
    sender_key: str
    ed25519: str
    device: DeviceInfo | None
    type: str
    content: dict[str, Any] = attrs.field(repr=False)


class OlmMachine:
    """Sessions with other devices.

    Args:
        backend: for sessions.
        account: our own.
        devices: what we know of others.
        clock: for stamps.

    Attributes:
        unreached: the devices that no session could be started with.
        heartbeat_after: how many messages a device may send without an answer before it gets an empty one.
    """

    def __init__(self, backend: Backend, account: OwnAccount, devices: Devices, clock: Clock) -> None:
        self.backend = backend
        self.account = account
        self.devices = devices
        self.clock = clock
        self.unreached = Unreached(clock)
        self.heartbeat_after: int | None = None
        self._reopening: Reopening[OlmSession] = Reopening(OPEN_SESSIONS)
        self._fresh: dict[str, OlmSession] = {}

    # ------------------------------------------------------------ reading

    def decrypt(self, step: Step, own: OwnKeys, sender: str, content: Any) -> DecryptedMessage:
        """Read the content of an ``m.room.encrypted`` to-device event.

        Args:
            step: to change: the session moves on, or is made.
            own: our keys.
            sender: of the event, as the server says.
            content: of the event.

        Raises:
            Duplicate: it came before.
            MissingRoomKey: no session of ours fits (the sender may have lost it).
            TooManySkipped: one may fit, but too many messages are missing in between.
            DecryptionFailed: it is not for us, forged or damaged.
        """
        sender_key, message = self._message_for_us(own, content)
        seen = hashlib.sha256(f"{sender_key} {message.body}".encode("utf-8", "surrogatepass")).hexdigest()
        if step.get(spaces.OLM_SEEN, seen) is not None:
            raise Duplicate("this message was taken before")
        plaintext = self._plaintext(step, sender_key, message)
        step.put(spaces.OLM_SEEN, seen, b"%d" % self.clock.now_ms())
        return self._checked(step, own, sender, sender_key, plaintext)

    def _message_for_us(self, own: OwnKeys, content: Any) -> tuple[str, OlmMessage]:
        content = content if isinstance(content, dict) else {}
        sender_key, ciphertexts = content.get("sender_key"), content.get("ciphertext")
        if content.get("algorithm") != OLM or not spaces.is_sound_id(sender_key) or not isinstance(ciphertexts, dict):
            raise DecryptionFailed("it is not encrypted with Olm")
        for_us = ciphertexts.get(own.curve25519)
        if not isinstance(for_us, dict):
            raise DecryptionFailed("it is for another device")
        kind, body = for_us.get("type"), for_us.get("body")
        if kind not in (0, 1) or isinstance(kind, bool) or not isinstance(body, str):
            raise DecryptionFailed("it is no Olm message")
        return str(sender_key), OlmMessage(int(kind), body)

    def _plaintext(self, step: Step, sender_key: str, message: OlmMessage) -> bytes:
        records = self._records(step, sender_key)
        gap: TooManySkipped | None = None
        for record in records:
            session = self._open(step, record)
            try:
                plaintext = session.decrypt(message) if message.type != 0 or session.matches(message) else None
            except DecryptionFailed as error:
                if message.type == 0:  # it is of this session, and of no other
                    raise
                gap = error if isinstance(error, TooManySkipped) else gap
                plaintext = None
            if plaintext is None:
                self._reopening.keep(record["pickle"], session)
                continue
            heard = int(record.get("heard", 0)) + 1
            news = {"received_at": self.clock.now_ms(), "sent": 0, "heard": heard, "is_confirmed": True}
            self._save(step, sender_key, session, {**record, **news})
            return plaintext
        if message.type != 0:
            raise gap or MissingRoomKey(f"none of {len(records)} sessions with this device reads it")
        account = self.account.load(step)
        session, plaintext = account.create_inbound_session(sender_key, message)
        self.account.save(step, account)  # the one-time key goes with the commit that keeps the session
        self._save(step, sender_key, session, {**self._new_record(), "heard": 1, "is_confirmed": True})
        self._drop_oldest(step, sender_key)
        self.unreached.forget(sender_key)
        return plaintext

    def _checked(self, step: Step, own: OwnKeys, sender: str, sender_key: str, plaintext: bytes) -> DecryptedMessage:
        """Check what the sender says of itself and of us; only both ends of a session can have written it."""
        try:
            payload = loads(plaintext)
        except DecodeError:
            payload = None
        if not isinstance(payload, dict):
            raise DecryptionFailed("what it says is no JSON object")
        keys, recipient_keys = payload.get("keys"), payload.get("recipient_keys")
        ed25519 = keys.get("ed25519") if isinstance(keys, dict) else None
        if payload.get("sender") != sender:
            raise DecryptionFailed("its sender is another one than the server says")
        if payload.get("recipient") != own.user_id:
            raise DecryptionFailed("it was written for another user")
        if not isinstance(recipient_keys, dict) or recipient_keys.get("ed25519") != own.ed25519:
            raise DecryptionFailed("it was written for another device")
        if not isinstance(ed25519, str):
            raise DecryptionFailed("it does not say by which device it is")
        device = self._sending_device(step, sender, sender_key, ed25519, payload.get("sender_device_keys"))
        kind, content = payload.get("type"), payload.get("content")
        if not isinstance(kind, str) or not isinstance(content, dict):
            raise DecryptionFailed("it holds no event")
        return DecryptedMessage(sender, sender_key, ed25519, device, kind, content)

    def _sending_device(
        self, step: Step, sender: str, sender_key: str, ed25519: str, signed_keys: Any
    ) -> DeviceInfo | None:
        if signed_keys is not None:
            device_id = signed_keys.get("device_id") if isinstance(signed_keys, dict) else None
            try:
                offered = self.devices.checked(sender, str(device_id), signed_keys)
            except BadSignature as error:
                raise DecryptionFailed(f"the device keys it brings are refused: {error}") from None
            if (offered.curve25519, offered.ed25519) != (sender_key, ed25519):
                raise DecryptionFailed("the device keys it brings are of another device")
            known = self.devices.device(step, sender, offered.device_id)
        else:
            known = self.devices.by_curve25519(step, sender, sender_key, ed25519)
            known = known or self.devices.by_curve25519(step, sender, sender_key)
        if known is None:
            return None
        if (known.curve25519, known.ed25519) != (sender_key, ed25519):
            raise DecryptionFailed("its keys are not those of the device we know")
        return known

    # ------------------------------------------------------------ writing

    def encrypt(self, step: Step, own: OwnKeys, device: DeviceInfo, event_type: str, content: dict[str, Any]) -> Any:
        """Return the content of an ``m.room.encrypted`` event for one device.

        Args:
            step: to change: the session moves on. It must be committed before anything is sent.
            own: our keys.
            device: for whom.
            event_type, content: what to say.

        Returns:
            The content, or None where there is no session with the device.
        """
        payload = {
            "type": event_type,
            "content": content,
            "sender": own.user_id,
            "sender_device": own.device_id,
            "keys": {"ed25519": own.ed25519},
            "recipient": device.user_id,
            "recipient_keys": {"ed25519": device.ed25519},
            "sender_device_keys": self.account.device_keys(step),
        }
        plaintext = dumps(payload, ascii_only=True)  # first, since a fresh session is handed out only once
        opened = self._newest(step, device.curve25519)
        if opened is None:
            return None
        record, session, is_fresh = opened
        message = session.encrypt(plaintext)
        self._save(step, device.curve25519, session, {**record, "sent": int(record.get("sent", 0)) + 1, "heard": 0})
        if is_fresh:
            self._drop_oldest(step, device.curve25519)
        return {
            "algorithm": OLM,
            "sender_key": own.curve25519,
            "ciphertext": {device.curve25519: {"type": message.type, "body": message.body}},
        }

    def take_claimed(
        self, step: Step, devices: Iterable[DeviceInfo], answer: Mapping[str, Any]
    ) -> dict[DeviceInfo, CryptoError]:
        """Start sessions with the keys that were claimed, and return for which devices that failed.

        Args:
            step: they belong to.
            devices: for which keys were claimed.
            answer: the JSON of the answer.
        """
        keys, failures = answer.get("one_time_keys"), answer.get("failures")
        failed: dict[DeviceInfo, CryptoError] = {}
        for device in devices:
            of_user = keys.get(device.user_id) if isinstance(keys, dict) else None
            claimed = of_user.get(device.device_id) if isinstance(of_user, dict) else None
            try:
                if not claimed and isinstance(failures, dict) and device.user_id.partition(":")[2] in failures:
                    raise BadKey("its server cannot be reached")
                self.start(step, device, claimed)
            except (BadKey, BadSignature) as error:
                failed[device] = error
                self.unreached.note(device, str(error))
            else:
                self.unreached.forget(device.curve25519)
        return failed

    def start(self, step: Step, device: DeviceInfo, claimed: Any) -> None:
        """Start a session with a device from a one-time key that was claimed for it.

        It is stored with the first message: what nothing was sent by, nobody misses.

        Args:
            step: it belongs to.
            device: with whom.
            claimed: what the server says is its key, by name.

        Raises:
            BadKey, BadSignature: it is none, or not signed by the device.
        """
        if not isinstance(claimed, dict) or not claimed:
            raise BadKey("the server has no one-time key of it")
        name, key = next(iter(claimed.items()))
        if not isinstance(key, dict) or not str(name).startswith("signed_curve25519:"):
            raise BadKey("the one-time key is not signed")
        verify_json(key, self.backend, device.ed25519, device.user_id, device.device_id)
        public = key.get("key")
        if not isinstance(public, str):
            raise BadKey("the one-time key is none")
        self._fresh[device.curve25519] = self.account.identity(step).create_outbound_session(
            device.curve25519, public
        )

    def has_session(self, step: Step, device: DeviceInfo) -> bool:
        """Tell whether there is a session with a device."""
        return (
            device.curve25519 in self._fresh
            or next(iter(step.scan(spaces.OLM, f"{device.curve25519} ")), None) is not None
        )

    def sessions(self, step: Step, device: DeviceInfo) -> list[SessionInfo]:
        """Return what is known of the sessions with a device, the one that was last heard of first."""
        found = [
            SessionInfo(
                key.split(" ")[1],
                bool(record.get("is_ours")),
                bool(record.get("is_confirmed")),
                record["created_at"],
                record["received_at"],
                record.get("sent", 0),
                record.get("heard", 0),
            )
            for key, record in step.records(spaces.OLM, f"{device.curve25519} ")
        ]
        return sorted(found, key=lambda one: one.last_heard_ts, reverse=True)

    def sent_since_answer(self, step: Step, device: DeviceInfo) -> int:
        """Return how many messages went to a device since it last said anything."""
        records = [record for _, record in step.records(spaces.OLM, f"{device.curve25519} ")]
        return max((int(record.get("sent", 0)) for record in records), default=0)

    def needs_heartbeat(self, step: Step, device: DeviceInfo) -> bool:
        """Tell whether a device said so much without any word from us that its ratchet should be moved on."""
        records = [record for _, record in step.records(spaces.OLM, f"{device.curve25519} ")]
        limit = self.heartbeat_after or HEARTBEAT_AFTER
        return any(int(record.get("heard", 0)) >= limit for record in records)

    def drop_sessions(self, step: Step, device: DeviceInfo) -> None:
        """Forget the sessions with a device."""
        self._fresh.pop(device.curve25519, None)
        self.unreached.forget(device.curve25519)
        for key, _ in list(step.scan(spaces.OLM, f"{device.curve25519} ")):
            step.remove(spaces.OLM, key)

    # ------------------------------------------------------------ sessions

    def _records(self, step: Step, curve25519: str) -> list[dict[str, Any]]:
        """Return the sessions with a device, the one that was last heard of first."""
        records = [record for _, record in step.records(spaces.OLM, f"{curve25519} ")]
        records.sort(key=lambda record: int(record["received_at"]), reverse=True)
        return records

    def _open(self, step: Step, record: dict[str, Any]) -> OlmSession:
        session = self._reopening.take(record["pickle"])
        if session is None:
            name, pickle = backend_of_pickle(record["pickle"])
            session = unpickled(self.backend, "session", name, pickle, step.vault.pickle_key)
        return session

    def _save(self, step: Step, curve25519: str, session: OlmSession, record: dict[str, Any]) -> None:
        pickle = tagged(self.backend.name, session.pickle(step.vault.pickle_key))
        step.put_record(spaces.OLM, spaces.place(curve25519, session.id), {**record, "pickle": pickle})
        self._reopening.keep(pickle, session)

    def _newest(self, step: Step, curve25519: str) -> tuple[dict[str, Any], OlmSession, bool] | None:
        """Return the session to write by, what is kept of it, and whether this is its first message."""
        fresh = self._fresh.pop(curve25519, None)
        if fresh is not None:
            return {**self._new_record(), "is_ours": True}, fresh, True
        records = self._records(step, curve25519)
        return (records[0], self._open(step, records[0]), False) if records else None

    def _new_record(self) -> dict[str, Any]:
        now = self.clock.now_ms()
        return {"created_at": now, "received_at": now, "sent": 0}

    def _drop_oldest(self, step: Step, curve25519: str) -> None:
        if len(list(step.scan(spaces.OLM, f"{curve25519} "))) <= SESSIONS_PER_DEVICE:
            return
        records = list(step.records(spaces.OLM, f"{curve25519} "))
        records.sort(key=lambda entry: int(entry[1]["received_at"]), reverse=True)
        for key, _ in records[SESSIONS_PER_DEVICE:]:
            step.remove(spaces.OLM, key)

    def forget_seen(self, step: Step) -> None:
        """Forget messages that came so long ago that the server no longer sends them."""
        oldest = self.clock.now_ms() - SEEN_IS_KEPT_MS
        for key, value in list(step.scan(spaces.OLM_SEEN)):
            if int(value) < oldest:
                step.remove(spaces.OLM_SEEN, key)
