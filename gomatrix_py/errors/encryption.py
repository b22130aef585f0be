"""What can fail about encryption; each class has a code that never changes."""

from __future__ import annotations

from collections.abc import Sequence

from .base import MatrixError

__all__ = [
    "CryptoError",
    "CryptoUnavailable",
    "EncryptionRequired",
    "WrongStoreKey",
    "DeviceKeysLost",
    "BadPickle",
    "BadKey",
    "BadSignature",
    "DecryptionFailed",
    "MissingRoomKey",
    "TooManySkipped",
    "UnknownMessageIndex",
    "ReplayedMessage",
    "MismatchedSender",
    "MismatchedRoom",
    "SenderDistrusted",
    "NoEligibleDevices",
    "StillUndecided",
    "TrustDecisionFailed",
    "VerificationFailed",
    "KeyFileError",
    "AttachmentError",
]


class CryptoError(MatrixError):
    """Something about encryption failed; `code` names what, for programs, and never changes."""

    code = "crypto"


class CryptoUnavailable(CryptoError):
    """No library for encryption is installed; the message names the extra that brings one."""

    code = "unavailable"


class EncryptionRequired(CryptoError):
    """The room is encrypted and this client cannot encrypt; nothing was sent."""

    code = "encryption_required"


class WrongStoreKey(CryptoError):
    """What the store holds was written under another key; nothing was overwritten."""

    code = "wrong_store_key"


class DeviceKeysLost(CryptoError):
    """The store has no keys of a device that had some: bring back its store, or log in anew as another device."""

    code = "device_keys_lost"


class BadPickle(CryptoError):
    """What is stored of a session or an account is damaged, or was stored under another key."""

    code = "bad_pickle"


class BadKey(CryptoError):
    """A key that is none, or with which nothing would be secret."""

    code = "bad_key"


class BadSignature(CryptoError):
    """A signature that is wrong or malleable, or by a key that fits any message."""

    code = "bad_signature"


class DecryptionFailed(CryptoError):
    """A message cannot be read: damaged, forged, or for somebody else."""

    code = "undecryptable"


class MissingRoomKey(DecryptionFailed):
    """Nobody gave us the key of this message.

    Attributes:
        withheld: the code of whoever refused it (``m.unverified``, …), "" where nobody said anything.
    """

    code = "missing_room_key"

    def __init__(self, message: str, *, withheld: str = "") -> None:
        super().__init__(message)
        self.withheld = withheld


class TooManySkipped(DecryptionFailed):
    """So many messages before this one are missing that its session will not go that far: a new one is needed.

    vodozemac says so; libolm cannot tell this from a forged message.
    """

    code = "too_many_skipped"


class UnknownMessageIndex(DecryptionFailed):
    """Our key of this session begins after this message."""

    code = "unknown_message_index"


class ReplayedMessage(DecryptionFailed):
    """The same ciphertext came as another event before."""

    code = "replayed"


class MismatchedSender(DecryptionFailed):
    """The event names another sender than the owner of its key."""

    code = "mismatched_sender"


class MismatchedRoom(DecryptionFailed):
    """The message was encrypted for another room."""

    code = "mismatched_room"


class SenderDistrusted(DecryptionFailed):
    """The policy distrusts the device that wrote it, and the client was told not to open what such devices say."""

    code = "sender_distrusted"


class NoEligibleDevices(CryptoError):
    """Users have no device that could read the message; nothing was sent.

    `user_ids` names them.
    """

    code = "no_eligible_devices"

    def __init__(self, message: str, *, user_ids: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.user_ids = tuple(user_ids)


class StillUndecided(CryptoError):
    """The trust policy was asked about devices and did not decide; nothing was sent.

    `devices` names them, as (user id, device id).
    """

    code = "still_undecided"

    def __init__(self, message: str, *, devices: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.devices = tuple(devices)


class TrustDecisionFailed(CryptoError):
    """The trust policy raised, or answered no levels; nothing was sent. What it raised is the cause."""

    code = "trust_decision_failed"


class VerificationFailed(CryptoError):
    """A verification ended without success; `cancel_code` is the specification's word for why."""

    code = "verification_failed"

    def __init__(self, message: str, *, cancel_code: str = "") -> None:
        super().__init__(message)
        self.cancel_code = cancel_code


class KeyFileError(CryptoError):
    """A file of room keys cannot be read, or the passphrase is wrong; nothing was imported."""

    code = "key_file"


class AttachmentError(CryptoError):
    """A file does not have the hash that was sent with its key; nothing of it was kept."""

    code = "attachment"
