"""From the bytes of an answer to a value or its error."""

from __future__ import annotations

from typing import Any, TypeGuard

from ..codec import loads, loads_tolerant
from ..errors import (
    Conflict,
    DecodeError,
    Forbidden,
    HTTPError,
    InvalidParam,
    LimitExceeded,
    MissingToken,
    NotFound,
    RespError,
    ServerError,
    TooLarge,
    UnknownPosition,
    UnknownToken,
    Unrecognized,
    UserDeactivated,
    UserInteractive,
    UserLocked,
)
from .messages import HttpResponse
from .retry import retry_after_s

__all__ = ["error_from", "json_list", "json_object"]

# The error code decides; where it is unknown or absent, the status does.
_BY_ERRCODE: dict[str, type[HTTPError]] = {
    "M_UNKNOWN_TOKEN": UnknownToken,
    "M_MISSING_TOKEN": MissingToken,
    "M_FORBIDDEN": Forbidden,
    "M_NOT_FOUND": NotFound,
    "M_UNRECOGNIZED": Unrecognized,
    "M_LIMIT_EXCEEDED": LimitExceeded,
    "M_TOO_LARGE": TooLarge,
    "M_INVALID_PARAM": InvalidParam,
    "M_USER_LOCKED": UserLocked,
    "M_UNKNOWN_POS": UnknownPosition,
    "M_USER_DEACTIVATED": UserDeactivated,
    "M_USER_IN_USE": Conflict,
    "M_ROOM_IN_USE": Conflict,
}
_BY_STATUS: dict[int, type[HTTPError]] = {
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    429: LimitExceeded,
}


def error_from(response: HttpResponse, tried: str) -> HTTPError:
    """Return the error that stands for an answer that is not 2xx.

    Args:
        response: the answer.
        tried: what was asked, for the message (verb and path, no query).

    Source: specification, client-server API, "Standard error response" and "User-interactive API".
    """
    document = _error_document(response.body)
    wrapped = _wrapped(document)
    kind = _BY_ERRCODE.get(wrapped.errcode) if wrapped else None
    if response.status == 401 and isinstance(document.get("flows"), list):
        kind = UserInteractive
    if kind is None:
        kind = _BY_STATUS.get(response.status, ServerError if response.status >= 500 else HTTPError)
    error = kind(f"{tried} failed", code=response.status, contents=response.body, wrapped_error=wrapped)
    if isinstance(error, LimitExceeded):
        error.retry_after_s = retry_after_s(response.headers, document.get("retry_after_ms"))
    if isinstance(error, UserInteractive):
        _read_stages(error, document)
    return error


def _error_document(body: bytes) -> dict[str, Any]:
    for decode in (loads, loads_tolerant):  # a server may quote what it was sent, lone surrogates and all
        try:
            document = decode(body)
        except DecodeError:
            continue
        return document if isinstance(document, dict) else {}
    return {}


def _wrapped(document: dict[str, Any]) -> RespError | None:
    errcode = document.get("errcode")
    if not isinstance(errcode, str) or not errcode:
        return None
    text = document.get("error")
    extra = {key: value for key, value in document.items() if key not in ("errcode", "error")}
    return RespError(errcode, text if isinstance(text, str) else "", extra)


def _read_stages(error: UserInteractive, document: dict[str, Any]) -> None:
    stages = [flow.get("stages") for flow in document["flows"] if isinstance(flow, dict)]
    error.flows = [flow for flow in stages if _is_list_of_texts(flow)]
    session, params, completed = (document.get(key) for key in ("session", "params", "completed"))
    error.session = session if isinstance(session, str) else ""
    error.params = params if isinstance(params, dict) else {}
    error.completed = completed if _is_list_of_texts(completed) else []


def _is_list_of_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def json_object(response: HttpResponse) -> dict[str, Any]:
    """Return the JSON object that a 2xx answer holds.

    Raises:
        DecodeError: not a JSON object.
    """
    document = loads(response.body or b"{}")
    if not isinstance(document, dict):
        raise DecodeError(f"expected a JSON object, got {type(document).__name__}")  # its text may be a secret
    return document


def json_list(response: HttpResponse) -> list[Any]:
    """Return the JSON list that a 2xx answer holds.

    Raises:
        DecodeError: not a JSON list.
    """
    document = loads(response.body)
    if not isinstance(document, list):
        raise DecodeError(f"expected a JSON list, got {type(document).__name__}")
    return document
