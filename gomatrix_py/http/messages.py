"""Requests and answers as values, and what can carry one to the other."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import Enum
from typing import IO, Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

import attrs

from .._version import __version__
from ..cancellation import CancelToken
from ..errors import UsageError

__all__ = ["HttpRequest", "HttpResponse", "Limits", "Redirects", "Transport", "Upload"]

USER_AGENT = f"gomatrix_py/{__version__}"
MEBIBYTE = 1024 * 1024

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*\Z")
_TOKEN = re.compile(r"[\x21-\x7e]+\Z")


def _positive(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)
    if not is_number or value <= 0:
        raise UsageError(f"{attribute.name} must be a number above zero, not {value!r}")


def _count(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UsageError(f"{attribute.name} must be a number of bytes, not {value!r}")


def _verb(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, str) or not _HEADER_NAME.match(value):
        raise UsageError(f"{attribute.name} must be an HTTP verb such as GET")


@attrs.frozen
class Limits:
    """How long a call may take, in seconds, and how much it may bring, in bytes.

    Attributes:
        connect_s: for the connection to stand, TLS included.
        read_s: without a single byte going either way.
        total_s: for the whole call, its retries and waits included.
        max_bytes: of the answer's body after decompression.

    Raises:
        UsageError: a time that is not above zero, or a size that is none.
    """

    connect_s: float = attrs.field(default=10.0, validator=_positive)
    read_s: float = attrs.field(default=60.0, validator=_positive)
    total_s: float = attrs.field(default=180.0, validator=_positive)
    max_bytes: int = attrs.field(default=64 * MEBIBYTE, validator=_count)


class Redirects(Enum):
    """Which redirects a request may follow. Spec: media downloads, and .well-known discovery."""

    NEVER = "never"
    MEDIA = "media"
    DISCOVERY = "discovery"


@attrs.frozen
class Upload:
    """A body that is read from a file object while it is sent.

    Attributes:
        stream: the open binary file, at the position to start from; it needs no more than `read`, but
            can be sent again only if it can `seek`.
        length: how many bytes to send.

    Raises:
        UsageError: the length is none.
    """

    stream: IO[bytes]
    length: int = attrs.field(validator=_count)


def _path_only(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "…"
    return repr(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


@attrs.frozen
class HttpRequest:
    """One HTTP request, whole but for the Authorization header, which `wire_headers` adds.

    Attributes:
        method: the HTTP verb.
        url: absolute, quoted, query included.
        route: the verb and path template, for rate limits, hooks and logs.
        headers: without credentials.
        body: bytes, an `Upload`, or None.
        access_token: sent as ``Authorization: Bearer`` and to this origin only.
        may_retry: True where sending it twice does no harm.
        limits: times and sizes.
        redirects: which may be followed.
        sink: where to write the body of a 2xx answer instead of keeping it.
        cancel: lets another thread end the exchange.
    """

    method: str = attrs.field(validator=_verb)
    url: str = attrs.field(repr=_path_only)
    route: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes | Upload | None = attrs.field(default=None, repr=False)
    access_token: str = attrs.field(default="", repr=False)
    may_retry: bool = False
    limits: Limits = attrs.field(factory=Limits, repr=False)
    redirects: Redirects = attrs.field(default=Redirects.NEVER, repr=False)
    sink: IO[bytes] | None = attrs.field(default=None, repr=False)
    cancel: CancelToken | None = attrs.field(default=None, repr=False, eq=False)

    @property
    def is_download(self) -> bool:
        """True where the answer is bytes that do not show by themselves whether they are whole."""
        return self.redirects is Redirects.MEDIA or self.sink is not None

    def wire_headers(self) -> dict[str, str]:
        """Return the headers to send, the Authorization header included.

        Raises:
            UsageError: one of them cannot be sent: a line break, say, or a token that is none.
        """
        accepted = "*/*" if self.is_download else "application/json"
        headers = {"User-Agent": USER_AGENT, "Accept": accepted, **self.headers}
        for name, value in headers.items():
            if not _HEADER_NAME.match(name) or not _HEADER_VALUE.match(value):
                raise UsageError(f"the header {name[:40]!r} holds something that cannot be sent")
        if self.access_token:
            if not _TOKEN.match(self.access_token):
                raise UsageError("the access token holds a line break, a blank or another character it cannot have")
            headers["Authorization"] = f"Bearer {self.access_token}"
        return headers


@attrs.frozen
class HttpResponse:
    """One HTTP answer.

    Attributes:
        status: the HTTP status.
        headers: names in lower case.
        body: decompressed; b"" where it went to the request's sink.
        size: bytes of the body, wherever it went.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    size: int = 0

    @property
    def is_success(self) -> bool:
        """True for 2xx."""
        return 200 <= self.status < 300


@runtime_checkable
class Transport(Protocol):
    """Carries one request and brings its answer; `Client` takes any object that does."""

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send one request, follow no redirect, retry nothing, and return the answer whatever its status.

        Raises:
            TransportError: no whole answer came back.
        """
