"""Requests and answers as values, and what can carry one to the other."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import IO, Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

import attrs

from .._version import __version__
from ..cancellation import CancelToken

__all__ = ["HttpRequest", "HttpResponse", "Limits", "Redirects", "Transport", "Upload"]

USER_AGENT = f"gomatrix_py/{__version__}"
MEBIBYTE = 1024 * 1024


@attrs.frozen
class Limits:
    """How long a call may take, in seconds, and how much it may bring, in bytes.

    Attributes:
        connect_s: for the connection to stand, TLS included.
        read_s: without a single byte.
        total_s: for the whole call, its retries and waits included.
        max_bytes: of the answer's body after decompression.
    """

    connect_s: float = 10.0
    read_s: float = 60.0
    total_s: float = 180.0
    max_bytes: int = 64 * MEBIBYTE


class Redirects(Enum):
    """Which redirects a request may follow. Spec: media downloads, and .well-known discovery."""

    NEVER = "never"
    MEDIA = "media"
    DISCOVERY = "discovery"


@attrs.frozen
class Upload:
    """A body that is read from a file object while it is sent.

    Attributes:
        stream: the open binary file, at the position to start from.
        length: how many bytes to send.
    """

    stream: IO[bytes]
    length: int


def _path_only(url: str) -> str:
    return repr(urlsplit(url)._replace(query="").geturl())


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

    method: str
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

    def wire_headers(self) -> dict[str, str]:
        """Return the headers to send, the Authorization header included."""
        headers = {"User-Agent": USER_AGENT, "Accept": "application/json", **self.headers}
        if self.access_token:
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


def header(headers: Mapping[str, Any], name: str) -> str:
    """Return a header of an answer, or ""."""
    return str(headers.get(name.lower(), ""))
