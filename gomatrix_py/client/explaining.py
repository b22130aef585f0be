"""What can be said of an encrypted event in plain words: why it cannot be read, and what would help."""

from __future__ import annotations

from ..errors import CryptoError, MissingRoomKey
from ..events import Event
from ..events.encryption_info import EncryptionInfo, Trust

__all__ = ["explanation"]

_ADVICE = {
    "missing_room_key": "its sender's device must share the key: wait for it, or import it from a key file",
    "unknown_message_index": "our key begins after it: import the key from a device that was there",
    "replayed": "somebody sent it again as another event: do not trust this server",
    "mismatched_sender": "somebody changed who sent it: do not trust this server",
    "mismatched_room": "somebody moved it from another room: do not trust this server",
    "sender_distrusted": "verify that device or set its level, and fetch it again: Crypto(refuses_distrusted=True)"
    " leaves it closed until then",
    "undecryptable": "it was damaged or forged, or its sender's program is broken: ask for it again",
}
_WITHHELD = {
    "m.blacklisted": "its sender blocked this device: ask them to unblock it",
    "m.unverified": "its sender gives keys to verified devices only: let them verify this one",
    "m.unauthorised": "its sender says that this device may not read it, as it was not in the room then",
    "m.unavailable": "the device that was asked does not have the key: import it from a key file",
    "m.no_olm": "its sender's device could not reach ours, and shares the key once it can: sync, and wait",
}


def explanation(event: Event) -> str:
    """Say why an event cannot be read, or what is known of who wrote it where it can.

    Args:
        event: that somebody tried to read.
    """
    if event.encryption is None:
        if event.type != "m.room.encrypted":
            return "it is not encrypted"
        return "nobody tried to read it yet" if event.content else "it was deleted: nothing is left of it to read"
    error = event.encryption.error
    if error is None:
        return f"it can be read; {_about_author(event.encryption)}"
    code = error.code if isinstance(error, CryptoError) else ""
    advice = _ADVICE.get(code, "nothing can be done about it here")
    if isinstance(error, MissingRoomKey) and error.withheld:
        advice = _WITHHELD.get(error.withheld, "ask its sender why")
    return f"{error}; {advice}"


def _about_author(encryption: EncryptionInfo) -> str:
    if not encryption.is_authentic:
        return "its key came from a file or from another device of ours, which does not prove who wrote it"
    if not encryption.device_id:
        return "the device that wrote it is none of those of its sender that we know"
    verified = "was verified" if encryption.is_verified else "nobody verified"
    distrusted = ", and which the policy distrusts" if encryption.trust is Trust.DISTRUSTED else ""
    return f"device {encryption.device_id} wrote it, which {verified}{distrusted}"
