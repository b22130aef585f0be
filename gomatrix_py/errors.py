"""Every error the package raises, in one tree.

::

    MatrixError
    ├── UsageError (also a ValueError)    the caller's mistake, found before any byte is sent
    ├── TransportError                    no whole answer came back
    │   ├── ConnectError                  no connection; nothing was sent
    │   ├── TLSError                      the certificate or handshake was refused; nothing was sent
    │   ├── RequestTimeout                connecting, reading or the whole call took too long
    │   ├── TruncatedAnswer               the answer ended early
    │   ├── AnswerTooLarge                the answer passed the byte cap
    │   ├── RedirectRefused               the answer pointed somewhere the rules forbid to follow
    │   └── RequestCancelled              another thread cancelled the call
    ├── HTTPError                         an answer that is not 2xx
    │   ├── UnknownToken, MissingToken    the access token is no longer good, or was not sent
    │   ├── Forbidden, NotFound, Conflict, TooLarge
    │   ├── Unrecognized                  the server does not know the endpoint
    │   ├── LimitExceeded                 429, with the wait in seconds
    │   ├── UserInteractive               401 asking for more stages
    │   ├── UserLocked, UserDeactivated, InvalidParam
    │   └── ServerError                   any 5xx
    ├── DecodeError                       a 2xx answer that is not what the specification says
    ├── DiscoveryError                    .well-known said stop, or made no sense
    ├── SyncError
    │   ├── SyncTokenRejected             the server keeps refusing our `since`
    │   └── ListenerFailed                a listener raised and the policy says stop
    └── StoreError
        ├── StoreLocked                   another process (or store object) owns the file
        ├── StoreCorrupt                  the file is damaged or is not ours
        ├── StoreTooNew                   the file was written by a newer version
        ├── StoreFull                     no room on the disk
        └── StoreClosed                   used after close(), or after a fork

No message, repr or attribute shown by default holds a token, a password or a key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "MatrixError",
    "UsageError",
    "TransportError",
    "ConnectError",
    "TLSError",
    "RequestTimeout",
    "TruncatedAnswer",
    "AnswerTooLarge",
    "RedirectRefused",
    "RequestCancelled",
    "RespError",
    "HTTPError",
    "UnknownToken",
    "MissingToken",
    "Forbidden",
    "NotFound",
    "Conflict",
    "TooLarge",
    "Unrecognized",
    "LimitExceeded",
    "UserInteractive",
    "UserLocked",
    "UserDeactivated",
    "InvalidParam",
    "ServerError",
    "DecodeError",
    "DiscoveryError",
    "SyncError",
    "SyncTokenRejected",
    "ListenerFailed",
    "StoreError",
    "StoreLocked",
    "StoreCorrupt",
    "StoreTooNew",
    "StoreFull",
    "StoreClosed",
]


class MatrixError(Exception):
    """The root of every error this package raises; each can be copied and pickled."""

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[MatrixError], args: tuple[Any, ...], attributes: dict[str, Any]) -> MatrixError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class UsageError(MatrixError, ValueError):
    """The call makes no sense as written; nothing was sent."""


# ------------------------------------------------------------------ no answer


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


# ------------------------------------------------------------------ not a 2xx


class RespError:
    """The standard error object of a homeserver. Spec: client-server API, "Standard error response".

    Args:
        errcode: the machine-readable code, such as ``M_FORBIDDEN``.
        error: the human-readable text.
        extra: every other member of the object.
    """

    __slots__ = ("errcode", "error", "extra")

    def __init__(self, errcode: str, error: str = "", extra: Mapping[str, Any] | None = None) -> None:
        self.errcode = errcode
        self.error = error
        self.extra: dict[str, Any] = dict(extra or {})

    def __str__(self) -> str:
        return f"{self.errcode}: {self.error}" if self.error else self.errcode

    def __repr__(self) -> str:
        return f"RespError({self.errcode!r}, {self.error!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RespError):
            return NotImplemented
        return (self.errcode, self.error, self.extra) == (other.errcode, other.error, other.extra)

    __hash__ = None  # type: ignore[assignment]


class HTTPError(MatrixError):
    """The server answered with something other than 2xx.

    Attributes:
        code: the HTTP status.
        contents: the bytes of the answer as they came (a proxy's HTML page included).
        message: what was tried, as one sentence.
        wrapped_error: the homeserver's own error object, or None where the answer held none.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int,
        contents: bytes = b"",
        wrapped_error: RespError | None = None,
    ) -> None:
        self.message = message
        self.code = code
        self.contents = contents
        self.wrapped_error = wrapped_error
        super().__init__(str(self))

    @property
    def errcode(self) -> str:
        """The Matrix error code, or "" where the answer had none."""
        return self.wrapped_error.errcode if self.wrapped_error else ""

    def __str__(self) -> str:
        said = str(self.wrapped_error) if self.wrapped_error else "the answer is not a Matrix error"
        return f"{self.message}: HTTP {self.code}, {said}"


class UnknownToken(HTTPError):
    """The access token is not, or no longer, known to the server (M_UNKNOWN_TOKEN)."""

    @property
    def soft_logout(self) -> bool:
        """True where the device still exists and the user may log in to it again."""
        return bool(self.wrapped_error and self.wrapped_error.extra.get("soft_logout") is True)


class MissingToken(HTTPError):
    """The call needs an access token and none was sent (M_MISSING_TOKEN)."""


class Forbidden(HTTPError):
    """The user may not do this (M_FORBIDDEN, or any 403)."""


class NotFound(HTTPError):
    """There is no such thing (M_NOT_FOUND, or any 404)."""


class Conflict(HTTPError):
    """The thing exists already (M_USER_IN_USE, M_ROOM_IN_USE, or any 409)."""


class TooLarge(HTTPError):
    """The request was larger than the server takes (M_TOO_LARGE, or any 413)."""


class Unrecognized(HTTPError):
    """The server does not know this endpoint (M_UNRECOGNIZED)."""


class InvalidParam(HTTPError):
    """A parameter was refused by the server (M_INVALID_PARAM)."""


class UserLocked(HTTPError):
    """The account is locked for now; the session stays (M_USER_LOCKED)."""


class UserDeactivated(HTTPError):
    """The account was deactivated (M_USER_DEACTIVATED)."""


class ServerError(HTTPError):
    """The server failed to answer (any 5xx)."""


class LimitExceeded(HTTPError):
    """Too many requests (429).

    `retry_after_s` is what the server asked to wait, in seconds, or None where it did not say.
    """

    retry_after_s: float | None = None


class UserInteractive(HTTPError):
    """The call needs (more) stages of user-interactive authentication (401).

    Attributes:
        flows: the ways to complete, each a list of stage names.
        session: hand this back with the next try.
        params: what stages need to know, by stage.
        completed: the stages done so far.
    """

    flows: Sequence[Sequence[str]] = ()
    session: str = ""
    params: Mapping[str, Any] = {}
    completed: Sequence[str] = ()

    def has_single_stage_flow(self, stage_name: str) -> bool:
        """Tell whether one stage of this name is enough."""
        return any(list(flow) == [stage_name] for flow in self.flows)


# ------------------------------------------------------------------ a wrong 2xx


class DecodeError(MatrixError):
    """Bytes that should have been a document of the specification are not.

    `path` names the place inside the document (`rooms.join[!x].timeline`), "" for the whole.
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path


class DiscoveryError(MatrixError):
    """Server discovery failed.

    `action` is the specification's word for what a client should do next: ``FAIL_PROMPT`` (ask the
    user for the address) or ``FAIL_ERROR`` (the published address is broken).
    """

    def __init__(self, message: str, *, action: str) -> None:
        super().__init__(f"{message} ({action})")
        self.action = action


# ------------------------------------------------------------------ sync


class SyncError(MatrixError):
    """The sync loop had to stop."""


class SyncTokenRejected(SyncError):
    """The server refused the stored `since` token again and again.

    The store is untouched. Start over knowingly with `store.save_next_batch(user_id, "")`.
    """


class ListenerFailed(SyncError):
    """A listener raised, and the listener policy says to stop; `__cause__` is what it raised.

    The event stays in the journal and is delivered again by the next sync.
    """


# ------------------------------------------------------------------ stores


class StoreError(MatrixError):
    """The store could not do what was asked; nothing was half done."""


class StoreLocked(StoreError):
    """Another process, or another store object, has this file open; `pid` names it (0 if unknown)."""

    def __init__(self, message: str, *, pid: int = 0) -> None:
        super().__init__(message)
        self.pid = pid


class StoreCorrupt(StoreError):
    """The file is damaged, empty where it must not be, or not a store of this package."""


class StoreTooNew(StoreError):
    """The file was written by a newer version of this package."""


class StoreFull(StoreError):
    """The disk has no room, or may not be written; work goes on once it can be."""


class StoreClosed(StoreError):
    """The store was used after it was closed, or in a forked child."""
