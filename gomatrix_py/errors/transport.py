"""No whole answer came back."""

from __future__ import annotations

from .base import MatrixError

__all__ = [
    "TransportError",
    "ConnectError",
    "TLSError",
    "AddressRefused",
    "RequestTimeout",
    "TruncatedAnswer",
    "AnswerTooLarge",
    "RedirectRefused",
    "RequestCancelled",
]


class TransportError(MatrixError):
    """No whole answer came back.

    `was_sent` tells whether the server may have acted on the request.
    """

    def __init__(self, message: str, *, was_sent: bool = True) -> None:
        super().__init__(message)
        self.was_sent = was_sent


class ConnectError(TransportError):
    """The server could not be reached; nothing was sent."""

    def __init__(self, message: str, *, was_sent: bool = False) -> None:
        super().__init__(message, was_sent=was_sent)


class TLSError(ConnectError):
    """The TLS handshake or the server's certificate was refused; nothing was sent."""


class AddressRefused(ConnectError):
    """The host's address is none of the public internet, and only such may be reached; nothing was sent.

    The transport was told to block private addresses; its `reachable` names networks that are excepted.
    """


class RequestTimeout(TransportError):
    """Connecting, waiting for bytes, or the call as a whole took longer than allowed."""


class TruncatedAnswer(TransportError):
    """The answer ended before it was whole."""


class AnswerTooLarge(TransportError):
    """The answer, decompressed, passed the number of bytes the call may take."""


class RedirectRefused(TransportError):
    """The server answered with a redirect that must not be followed."""


class RequestCancelled(TransportError):
    """The call was cancelled from another thread (for example by `stop_sync`)."""
