"""Encrypted events, and the keys that devices give each other. Spec: module "End-to-end encryption".

Keys and secrets never stand in a repr.
"""

from __future__ import annotations

from typing import Any

from ...codec import Document, field, secret
from ..open_enum import OpenEnum
from .encrypted_file import EncryptedFile
from .relations import RelatesTo

__all__ = [
    "DummyContent",
    "EncryptionAlgorithm",
    "ForwardedRoomKeyContent",
    "KeyBackupContent",
    "OlmCiphertext",
    "RequestAction",
    "RequestedRoomKey",
    "RoomEncryptedContent",
    "RoomEncryptionContent",
    "RoomKeyBundleContent",
    "RoomKeyContent",
    "RoomKeyRequestContent",
    "RoomKeyWithheldContent",
    "SecretRequestContent",
    "SecretSendContent",
    "WithheldCode",
]


class EncryptionAlgorithm(OpenEnum):
    """How something is encrypted."""

    OLM_V1 = "m.olm.v1.curve25519-aes-sha2"
    MEGOLM_V1 = "m.megolm.v1.aes-sha2"


class RoomEncryptionContent(Document):
    """Content of ``m.room.encryption``: what is sent to the room is encrypted from now on.

    Attributes:
        algorithm: how.
        rotation_period_ms: how long a key is used, a week where it is not said.
        rotation_period_msgs: for how many messages, 100 where it is not said.
    """

    algorithm: EncryptionAlgorithm
    rotation_period_ms: int | None = None
    rotation_period_msgs: int | None = None


class OlmCiphertext(Document):
    """A message for one device; `type` is 0 for the first of a session, 1 for the others."""

    type: int
    body: str


class RoomEncryptedContent(Document):
    """Content of ``m.room.encrypted``.

    Attributes:
        algorithm: how it is encrypted.
        ciphertext: with Megolm the message itself, with Olm messages by the receiving device's Curve25519 key.
        sender_key: of the device that sent it; with Megolm it must not be relied on.
        device_id: of the device that sent it; it must not be relied on.
        session_id: of the Megolm session.
        relates_to: what it answers, edits or belongs to; this is never encrypted.
    """

    algorithm: EncryptionAlgorithm
    ciphertext: str | dict[str, OlmCiphertext]
    sender_key: str | None = None
    device_id: str | None = None
    session_id: str | None = None
    relates_to: RelatesTo | None = field(default=None, name="m.relates_to")


# ------------------------------------------------------------------ room keys


class RoomKeyContent(Document):
    """Content of ``m.room_key``; `shared_history` True lets it be given to those invited later."""

    algorithm: EncryptionAlgorithm
    room_id: str
    session_id: str
    session_key: str = secret()
    shared_history: bool | None = None


class ForwardedRoomKeyContent(Document):
    """Content of ``m.forwarded_room_key``: a room key from a device that did not make it.

    Attributes:
        algorithm: what the key is for.
        room_id: the room it is for.
        sender_key: Curve25519 key of the device that made it.
        session_id: of the session.
        session_key: the key.
        sender_claimed_ed25519_key: Ed25519 key of the device that made it, as the forwarding one claims.
        forwarding_curve25519_key_chain: the devices it went through.
        withheld: `code` and `reason` where part of the session was withheld.
    """

    algorithm: EncryptionAlgorithm
    room_id: str
    sender_key: str
    session_id: str
    session_key: str = secret()
    sender_claimed_ed25519_key: str
    forwarding_curve25519_key_chain: list[str]
    withheld: dict[str, Any] | None = None


class WithheldCode(OpenEnum):
    """Why a room key is not given."""

    BLACKLISTED = "m.blacklisted"
    UNVERIFIED = "m.unverified"
    UNAUTHORISED = "m.unauthorised"
    UNAVAILABLE = "m.unavailable"
    NO_OLM = "m.no_olm"
    HISTORY_NOT_SHARED = "m.history_not_shared"


class RoomKeyWithheldContent(Document):
    """Content of ``m.room_key.withheld``; with ``m.no_olm``, room and session are not said."""

    algorithm: EncryptionAlgorithm
    sender_key: str
    code: WithheldCode
    room_id: str | None = None
    session_id: str | None = None
    reason: str | None = None


class RequestAction(OpenEnum):
    """Whether something is asked for, or no longer."""

    REQUEST = "request"
    REQUEST_CANCELLATION = "request_cancellation"


class RequestedRoomKey(Document):
    """Which room key is asked for."""

    algorithm: EncryptionAlgorithm
    room_id: str
    session_id: str
    sender_key: str | None = None


class RoomKeyRequestContent(Document):
    """Content of ``m.room_key_request``; `body` is there where the action is a request."""

    action: RequestAction
    requesting_device_id: str
    request_id: str
    body: RequestedRoomKey | None = None


class RoomKeyBundleContent(Document):
    """Content of ``m.room_key_bundle``: where the keys to a room's history are, for one invited to it."""

    room_id: str
    file: EncryptedFile


class KeyBackupContent(Document):
    """Content of ``m.key_backup`` in the account data: whether the user wants room keys backed up."""

    enabled: bool


class DummyContent(Document):
    """Content of ``m.dummy``, which is empty: what counts is the session it came through."""


# ------------------------------------------------------------------ secrets


class SecretRequestContent(Document):
    """Content of ``m.secret.request``; `name` is there where the action is a request. Spec: module "Secrets"."""

    action: RequestAction
    requesting_device_id: str
    request_id: str
    name: str | None = None


class SecretSendContent(Document):
    """Content of ``m.secret.send``, the answer to a request. Spec: module "Secrets"."""

    request_id: str
    secret: str = secret()
