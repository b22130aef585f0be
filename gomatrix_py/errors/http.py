"""An answer that is not 2xx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .base import MatrixError, UsageError

__all__ = [
    "RespError",
    "HTTPError",
    "UnknownToken",
    "MissingToken",
    "Forbidden",
    "NotFound",
    "Conflict",
    "TooLarge",
    "FileTooLarge",
    "Unrecognized",
    "UnsupportedByServer",
    "LimitExceeded",
    "UserInteractive",
    "UserLocked",
    "UserDeactivated",
    "InvalidParam",
    "UnknownPosition",
    "OAuthError",
    "ServerError",
]


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


class FileTooLarge(UsageError, TooLarge):
    """A file is larger than the server says it takes; nothing was sent.

    Who catches `TooLarge` catches both this and the server's own refusal.

    Attributes:
        size: of the file, in bytes.
        limit: of the server, in bytes.
    """

    def __init__(self, message: str, *, size: int, limit: int) -> None:
        TooLarge.__init__(self, message, code=413)
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return self.message


class Unrecognized(HTTPError):
    """The server does not know this endpoint (M_UNRECOGNIZED)."""


class UnsupportedByServer(Unrecognized):
    """The server lacks this operation; the message says what is known of the reason.

    Attributes:
        needs: the version of the specification or the proposal it needs ("v1.11", "MSC4140"), "" if unknown.
        versions: what the server has, as far as it was asked.
    """

    needs: str = ""
    versions: Sequence[str] = ()


class InvalidParam(HTTPError):
    """A parameter was refused by the server (M_INVALID_PARAM)."""


class UnknownPosition(HTTPError):
    """The server no longer knows the position that sliding sync was to go on from (M_UNKNOWN_POS)."""


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


class OAuthError(HTTPError):
    """An OAuth 2.0 provider refused a request.

    Attributes:
        error: its word for why, such as ``invalid_grant``, "" where it said none. RFC 6749, 5.2.
        description: the same for people, "" for none.
    """

    error: str = ""
    description: str = ""

    def __str__(self) -> str:
        said = ": ".join(filter(None, (self.error, self.description))) or "without saying why"
        return f"{self.message}: HTTP {self.code}, {said}"


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
