"""Steps of two devices verifying each other. Spec: "Key verification framework".

Between devices the steps belong together by `transaction_id`, in a room by what they relate to.
"""

from __future__ import annotations

from ...codec import Document, field, secret
from ..open_enum import OpenEnum
from .relations import RelatesTo

__all__ = [
    "KeyVerificationAcceptContent",
    "KeyVerificationCancelContent",
    "KeyVerificationContent",
    "KeyVerificationDoneContent",
    "KeyVerificationKeyContent",
    "KeyVerificationMacContent",
    "KeyVerificationReadyContent",
    "KeyVerificationReciprocateStartContent",
    "KeyVerificationRequestContent",
    "KeyVerificationSasStartContent",
    "KeyVerificationStartContent",
    "RoomMessageKeyVerificationRequest",
    "SasForm",
]


class KeyVerificationContent(Document):
    """What all steps have in common."""

    transaction_id: str | None = field(default=None, kw_only=True)
    relates_to: RelatesTo | None = field(default=None, name="m.relates_to", kw_only=True)

    @property
    def flow_id(self) -> str | None:
        """What tells this verification from others: the transaction id, or the id of the request in the room."""
        if self.transaction_id is not None:
            return self.transaction_id
        return self.relates_to.refers_to if self.relates_to is not None else None


class KeyVerificationRequestContent(KeyVerificationContent):
    """Content of ``m.key.verification.request``; between devices it says when it was made."""

    from_device: str
    methods: list[str]
    timestamp: int | None = None


class RoomMessageKeyVerificationRequest(Document):
    """A request sent to a room: ``m.room.message`` with msgtype ``m.key.verification.request``."""

    from_device: str
    methods: list[str]
    to: str
    msgtype: str = "m.key.verification.request"
    body: str | None = None
    formatted_body: str | None = None
    format: str | None = None


class KeyVerificationReadyContent(KeyVerificationContent):
    """Content of ``m.key.verification.ready``."""

    from_device: str
    methods: list[str]


class KeyVerificationStartContent(KeyVerificationContent):
    """Content of ``m.key.verification.start``, whatever the method; `next_method` is to follow it."""

    from_device: str
    method: str = field(kw_only=True)
    next_method: str | None = field(default=None, kw_only=True)


class SasForm(OpenEnum):
    """How short authentication strings are shown."""

    DECIMAL = "decimal"
    EMOJI = "emoji"


class KeyVerificationSasStartContent(KeyVerificationStartContent):
    """Content of ``m.key.verification.start`` for comparing short strings (``m.sas.v1``)."""

    key_agreement_protocols: list[str]
    hashes: list[str]
    message_authentication_codes: list[str]
    short_authentication_string: list[SasForm]
    method: str = field(default="m.sas.v1", kw_only=True)


class KeyVerificationReciprocateStartContent(KeyVerificationStartContent):
    """Content of ``m.key.verification.start`` for a QR code that was scanned (``m.reciprocate.v1``)."""

    secret: str = secret()
    method: str = field(default="m.reciprocate.v1", kw_only=True)


class KeyVerificationAcceptContent(KeyVerificationContent):
    """Content of ``m.key.verification.accept``: what was chosen, and the commitment to our key."""

    key_agreement_protocol: str
    hash: str
    message_authentication_code: str
    short_authentication_string: list[SasForm]
    commitment: str


class KeyVerificationKeyContent(KeyVerificationContent):
    """Content of ``m.key.verification.key``: an ephemeral public key."""

    key: str


class KeyVerificationMacContent(KeyVerificationContent):
    """Content of ``m.key.verification.mac``: MACs of keys by key id, and one of the list of ids."""

    mac: dict[str, str]
    keys: str


class KeyVerificationDoneContent(KeyVerificationContent):
    """Content of ``m.key.verification.done``."""


class KeyVerificationCancelContent(KeyVerificationContent):
    """Content of ``m.key.verification.cancel``; `code` is such as ``m.user`` or ``m.mismatched_sas``."""

    code: str
    reason: str
