"""The contents of verification messages between devices: written, and read without believing them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import attrs

from ...codec import structure
from ...errors import DecodeError, VerificationFailed
from ...events.contents.verification import KeyVerificationContent
from .states import Message

__all__ = ["METHOD", "Code", "Outgoing", "cancel", "message", "read"]

METHOD = "m.sas.v1"
C = TypeVar("C", bound=KeyVerificationContent)


class Code:
    """Why a verification was cancelled, in the words of the specification."""

    ACCEPTED = "m.accepted"
    INVALID_MESSAGE = "m.invalid_message"
    KEY_MISMATCH = "m.key_mismatch"
    MISMATCHED_COMMITMENT = "m.mismatched_commitment"
    MISMATCHED_SAS = "m.mismatched_sas"
    TIMEOUT = "m.timeout"
    UNEXPECTED_MESSAGE = "m.unexpected_message"
    UNKNOWN_METHOD = "m.unknown_method"
    UNKNOWN_TRANSACTION = "m.unknown_transaction"
    USER = "m.user"
    USER_MISMATCH = "m.user_mismatch"


REASONS: Mapping[str, str] = {
    Code.ACCEPTED: "Another device answered",
    Code.INVALID_MESSAGE: "The message is not as specified",
    Code.KEY_MISMATCH: "The keys do not match",
    Code.MISMATCHED_COMMITMENT: "The key is not the one that was committed to",
    Code.MISMATCHED_SAS: "The short strings differ",
    Code.TIMEOUT: "It took too long",
    Code.UNEXPECTED_MESSAGE: "The message is out of order",
    Code.UNKNOWN_METHOD: "There is no method in common",
    Code.UNKNOWN_TRANSACTION: "There is no such verification",
    Code.USER: "The user cancelled it",
    Code.USER_MISMATCH: "The verification is with another user",
}


@attrs.frozen
class Outgoing:
    """A to-device message to be sent, in plain text or encrypted.

    Attributes:
        user_id, device_id: to whom; the device is ``*`` where it is not known.
        event_type, content: what.
    """

    user_id: str
    device_id: str
    event_type: str
    content: dict[str, Any] = attrs.field(repr=False)


def message(to: tuple[str, str], kind: Message, transaction_id: str, **members: Any) -> Outgoing:
    """Return a message.

    Args:
        to: user id and device id.
        kind: its type.
        transaction_id: of the verification.
        members: of the content.
    """
    return Outgoing(*to, kind.value, {"transaction_id": transaction_id, **members})


def cancel(to: tuple[str, str], transaction_id: str, code: str) -> Outgoing:
    """Return a message that cancels; `code` is one of `Code` or the application's own."""
    return message(to, Message.CANCEL, transaction_id, code=code, reason=REASONS.get(code, code))


def read(content: dict[str, Any], content_class: type[C]) -> C:
    """Return a content as an object of its class.

    Raises:
        VerificationFailed: a member is missing or of the wrong type, or part of it is.
    """
    try:
        made = structure(content, content_class)
    except DecodeError as error:
        raise VerificationFailed(
            f"a message is not as specified: {error}", cancel_code=Code.INVALID_MESSAGE
        ) from None
    if made.problems:
        raise VerificationFailed("a message is not as specified", cancel_code=Code.INVALID_MESSAGE)
    return made
