"""How an event was encrypted, and what that says of who wrote it."""

from __future__ import annotations

from enum import Enum

import attrs

__all__ = ["EncryptionInfo", "Trust"]


class Trust(Enum):
    """What a policy makes of a device."""

    TRUSTED = "trusted"
    """It may read what we send."""

    DISTRUSTED = "distrusted"
    """It may not, and what it sends is marked."""

    UNDECIDED = "undecided"
    """Somebody must be asked before anything is sent to it."""


@attrs.frozen
class EncryptionInfo:
    """What is known of the encryption of an event.

    Attributes:
        session_id: of the room's session.
        sender_key: the identity key of the device that wrote it.
        device_id: that device, "" where none that we know has this key.
        ed25519: the fingerprint of that device, as far as known.
        level: the level of trust that was set for it, "" for none.
        trust: what the client's policy made of that device when the event was read: TRUSTED only where the device is
            known and the key proves that it wrote this; UNDECIDED where that is open, or nothing could be read.
        is_authentic: True where the key came from its owner; one from a file or a backup proves nothing.
        was_late: True where it could not be read when it came.
        error: why it cannot be read, None where it was.
    """

    session_id: str = ""
    sender_key: str = ""
    device_id: str = ""
    ed25519: str = ""
    level: str = ""
    trust: Trust = attrs.field(default=Trust.UNDECIDED, kw_only=True)
    is_authentic: bool = False
    was_late: bool = False
    error: Exception | None = None

    @property
    def is_verified(self) -> bool:
        """True where it was written by a device that was verified."""
        return self.is_authentic and self.level == "verified"
