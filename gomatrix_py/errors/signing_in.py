"""Signing in, and keeping sessions."""

from __future__ import annotations

from .base import MatrixError

__all__ = [
    "SignInError",
    "SessionError",
]


class SignInError(MatrixError):
    """A sign-in in a browser did not end well, or cannot be begun: refused, too late, not offered, not to be trusted.

    `reason` is the word of the other side where it gave one, such as ``access_denied``.
    """

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class SessionError(MatrixError):
    """A saved session cannot be read or written, or must not be used; no message shows a token."""
