"""Building URLs whose every path segment arrives at the server exactly as it was meant."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from ..codec import dumps, unstructure
from ..errors import UsageError
from ..ids import check_id

__all__ = [
    "Origin",
    "build_url",
    "check_base_url",
    "expand",
    "origin",
    "path_fields",
    "query_string",
    "segment",
]

Origin = tuple[str, str, int]

_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*\Z")
_START = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f]*\Z")
_NETLOC = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\])(?::[0-9]*)?\Z")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def segment(value: object, what: str = "path segment") -> str:
    """Return one path segment, quoted.

    Args:
        value: the text of the segment.
        what: its name in the error message.

    Raises:
        UsageError: empty, ``.`` or ``..`` (which HTTP software collapses even when quoted), over 255
            bytes, or not encodable.
    """
    text = check_id(value, what)
    if text in (".", ".."):
        raise UsageError(f"{what} is {text!r}, which cannot be part of a path")
    return _quoted(text)


def path_fields(template: str) -> list[str]:
    """Return the names in braces of a path template."""
    return [name for _, name, _, _ in Formatter().parse(template) if name is not None]


def expand(template: str, values: Mapping[str, Any]) -> str:
    """Fill a path template; a last segment that is "" is left out (an empty state key).

    Raises:
        UsageError: as `segment`.
    """
    parts = []
    pieces = template.split("/")
    for number, piece in enumerate(pieces):
        if piece.startswith("{"):
            name = piece[1:-1]
            value = values[name]
            if value == "" and name == "state_key" and number == len(pieces) - 1:
                continue
            parts.append(segment(value, name))
        else:
            parts.append(piece)
    return "/".join(parts)


def check_base_url(url: str) -> str:
    """Return a homeserver's base URL without a trailing slash.

    Raises:
        UsageError: not http(s), no host, credentials, a query or a fragment, or a path with ``..``.
    """
    if not isinstance(url, str):
        raise UsageError(f"the homeserver URL must be a string, not {type(url).__name__}")
    try:
        origin(url)
    except UsageError as error:
        # what was given is not shown: it may be a token that stands in the wrong place
        raise UsageError(f"the homeserver URL must look like https://matrix.example.org: {error}") from None
    if any(char in "?#\\" or char.isspace() or not char.isprintable() for char in url):
        raise UsageError("the homeserver URL must not hold a query, a fragment, a backslash or white space")
    if any(unquote(piece) in (".", "..") for piece in urlsplit(url).path.split("/")):
        raise UsageError("the homeserver URL must not hold '.' or '..' in its path")
    return url.rstrip("/")


def build_url(base_url: str, prefix: str, segments: Sequence[str], query: Mapping[str, Any] | None = None) -> str:
    """Join a base URL, a path prefix, path segments (each quoted) and a query.

    A last segment that is "" is left out, as an empty state key is.

    Raises:
        UsageError: as `segment`.
    """
    if segments and segments[-1] == "":
        segments = segments[:-1]
    url = "/".join([base_url.rstrip("/") + prefix, *(segment(one) for one in segments)])
    encoded = query_string(query or {})
    return f"{url}?{encoded}" if encoded else url


def query_string(values: Mapping[str, Any]) -> str:
    """Encode a query: None is left out, booleans are true/false, objects are JSON, lists repeat the key."""
    pairs: list[tuple[str, str]] = []
    for key, value in values.items():
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if one is not None:
                pairs.append((key, _query_value(one)))
    try:
        return "&".join([f"{_quoted(key)}={_quoted(value)}" for key, value in pairs])
    except UnicodeEncodeError:
        raise UsageError("a query value holds a lone surrogate and cannot be sent") from None


def _quoted(text: str) -> str:
    return text if _UNRESERVED.match(text) else quote(text, safe="")


def _query_value(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    plain = unstructure(value)
    return plain if isinstance(plain, str) else dumps(plain).decode()


def origin(url: str) -> Origin:
    """Return scheme, host and port: what a token or a body must never leave.

    Raises:
        UsageError: not an http(s) URL, or one with credentials, or one whose host is none or is another
            one to other software (which reads ``\\`` as ``/``, say).
    """
    start = _START.match(url)
    if start is None or not _PRINTABLE.match(url):
        raise UsageError("only http and https URLs can be requested")
    return _place(start.group())


@functools.lru_cache(maxsize=256)
def _place(start: str) -> Origin:
    try:
        parts = urlsplit(start)
        port = parts.port
        host = parts.hostname or ""
        host.rstrip(".").encode("idna")
    except ValueError:
        raise UsageError("the URL cannot be parsed") from None
    if "@" in parts.netloc:
        raise UsageError("the URL must not hold credentials")
    if port == 0 or not _NETLOC.match(parts.netloc):
        raise UsageError("the URL names no host and port that there can be")
    return parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme]
