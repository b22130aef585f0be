"""The transport over requests: the only module that imports requests and urllib3.

Kept from requests: adapters, pooling, TLS, proxies, whatever a session has mounted. Done here instead,
because requests does it in a way that loses tokens or bytes: redirects, ``.netrc`` and environment
look-ups, total deadlines, size caps, decompression and the check that an answer is whole.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, NoReturn

import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from ..errors import (
    AnswerTooLarge,
    ConnectError,
    RequestCancelled,
    RequestTimeout,
    TLSError,
    TransportError,
    TruncatedAnswer,
    UsageError,
)
from .messages import HttpRequest, HttpResponse, Upload
from .urls import Origin, origin
from .watch import Watch, current_watch, watched

__all__ = ["RequestsTransport", "Session"]

Session = requests.Session

CHUNK = 256 * 1024
ERROR_BODY_BYTES = 1024 * 1024
_OWN_HEADERS = frozenset({"user-agent", "accept", "accept-encoding", "connection", "authorization"})


# ------------------------------------------------------------------ connections that can be ended


class _WatchedConnection:
    """Tells the exchange's watch which socket is in use.

    The watch gets a duplicate of the socket: the TLS layer takes the first one over, and only its
    duplicate can be shut down by another thread at any moment of the handshake.
    """

    _duplicate: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        self._duplicate = sock.dup()
        self._hand_over()
        return sock

    def request(self, *args: Any, **kwargs: Any) -> Any:
        self._hand_over()
        return super().request(*args, **kwargs)  # type: ignore[misc]

    def close(self) -> None:
        duplicate, self._duplicate = self._duplicate, None
        if duplicate is not None:
            duplicate.close()
        super().close()  # type: ignore[misc]

    def _hand_over(self) -> None:
        watch = current_watch()
        if watch is not None and self._duplicate is not None:
            watch.adopt(self._duplicate)


class _HTTPConnection(_WatchedConnection, HTTPConnection):
    pass


class _HTTPSConnection(_WatchedConnection, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


def _watch_connections(adapter: BaseAdapter) -> None:
    """Make a plain adapter's connections endable; an adapter of another kind is left as it is."""
    manager = getattr(adapter, "poolmanager", None)
    known = (HTTPConnectionPool, HTTPSConnectionPool, _HTTPPool, _HTTPSPool)
    if isinstance(manager, urllib3.PoolManager) and all(
        pool in known for pool in manager.pool_classes_by_scheme.values()
    ):
        manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}


class _Adapter(HTTPAdapter):
    def __init__(self, pool_size: int) -> None:
        super().__init__(pool_connections=16, pool_maxsize=pool_size, max_retries=0, pool_block=False)
        _watch_connections(self)

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
        return manager


# ------------------------------------------------------------------ the transport


class _Route:
    """What a session says about one origin, looked up once."""

    __slots__ = ("adapter", "cert", "headers", "proxies", "verify")

    def __init__(self, session: requests.Session, url: str) -> None:
        self.adapter = session.get_adapter(url)
        _watch_connections(self.adapter)
        self.verify: Any = session.verify
        self.cert: Any = session.cert
        self.proxies: Mapping[str, str] = dict(session.proxies)
        self.headers = {
            name: str(value) for name, value in session.headers.items() if name.lower() not in _OWN_HEADERS
        }


class RequestsTransport:
    """Sends requests over a `requests.Session`; safe to share between threads.

    Args:
        session: anything a `requests.Session` can be: adapters, ``verify``, ``cert``, ``proxies`` and
            headers of its own are used; its ``auth``, cookies and ``trust_env`` are not. Its settings
            for an origin are read at the first request there. None makes one of our own.
        proxies: as requests has them, ``{"https": "http://proxy:3128"}``; the environment is not read.
        verify: True, False, or the path of a CA bundle.
        pool_size: connections kept per origin.
    """

    def __init__(
        self,
        session: requests.Session | None = None,
        *,
        proxies: Mapping[str, str] | None = None,
        verify: bool | str = True,
        pool_size: int = 32,
    ) -> None:
        if session is None:
            session = requests.Session()
            session.trust_env = False
            session.verify = verify
            session.proxies.update(proxies or {})
            session.mount("https://", _Adapter(pool_size))
            session.mount("http://", _Adapter(pool_size))
        self.session = session
        self._routes: dict[Origin, _Route] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close every pooled connection."""
        self.session.close()

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send one request and read its answer whole.

        Raises:
            TransportError: one of its kinds, see `gomatrix_py.errors`.
            UsageError: the URL cannot be requested.
        """
        route = self._route(request.url)
        with watched(request.limits.total_s) as watch, _cancellable(request, watch):
            try:
                return self._send(request, route)
            except (OSError, urllib3.exceptions.HTTPError, TransportError, ValueError) as error:
                _raise_as_ours(error, request, watch)

    def _route(self, url: str) -> _Route:
        place = origin(url)
        route = self._routes.get(place)
        if route is None:
            with self._lock:
                route = self._routes.setdefault(place, _Route(self.session, url))
        return route

    def _send(self, request: HttpRequest, route: _Route) -> HttpResponse:
        limits = request.limits
        answer = route.adapter.send(
            _prepare(request, route),
            stream=True,
            timeout=(min(limits.connect_s, limits.total_s), min(limits.read_s, limits.total_s)),
            verify=route.verify,
            cert=route.cert,
            proxies=route.proxies,
        )
        raw = answer.raw
        is_whole = False
        try:
            headers = {name.lower(): value for name, value in raw.headers.items()}
            is_success = 200 <= raw.status < 300
            if is_success and request.sink is not None:
                size = _to_sink(raw, headers, request)
                response = HttpResponse(raw.status, headers, b"", size)
            else:
                cap = limits.max_bytes if is_success else min(limits.max_bytes, ERROR_BODY_BYTES)
                content = _read_body(raw, headers, cap, request)
                response = HttpResponse(raw.status, headers, content, len(content))
            watch = current_watch()
            if watch is not None and watch.ended_by:
                raise TruncatedAnswer("ended while the answer was read")
            is_whole = True
            return response
        finally:
            if is_whole:
                raw.release_conn()
            else:
                raw.close()


@contextlib.contextmanager
def _cancellable(request: HttpRequest, watch: Watch) -> Iterator[None]:
    if request.cancel is None:
        yield
    else:
        with request.cancel.on_cancel(lambda: watch.end("cancelled")):
            yield


def _prepare(request: HttpRequest, route: _Route) -> requests.PreparedRequest:
    headers: dict[str, str] = {**route.headers, **request.wire_headers()}
    headers.setdefault("Accept-Encoding", "gzip" if request.sink is None else "identity")
    prepared = requests.PreparedRequest()
    prepared.method = request.method
    prepared.url = request.url
    prepared.hooks = {"response": []}
    body: Any = request.body
    if isinstance(body, Upload):
        headers["Content-Length"] = str(body.length)
        body = _Limited(body)
    elif body is not None:
        headers["Content-Length"] = str(len(body))
    elif request.method in ("POST", "PUT"):
        headers["Content-Length"] = "0"
    prepared.headers = CaseInsensitiveDict(headers)
    prepared.body = body
    return prepared


class _Limited:
    """Reads exactly as many bytes as were promised in Content-Length."""

    def __init__(self, upload: Upload) -> None:
        self._stream = upload.stream
        self._left = upload.length

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        if wanted == 0:
            return b""
        data = self._stream.read(wanted)
        if not isinstance(data, bytes):
            raise UsageError("the upload must be opened in binary mode")
        if not data:
            raise UsageError(f"the upload ended {self._left} bytes before its stated length")
        self._left -= len(data)
        return data


# ------------------------------------------------------------------ reading an answer


def _read_body(raw: Any, headers: Mapping[str, str], cap: int, request: HttpRequest) -> bytes:
    length = headers.get("content-length", "")
    if "content-encoding" not in headers and length.isdigit():
        if int(length) > cap:
            raise AnswerTooLarge(f"{request.route}: the answer has {length} bytes; at most {cap} are taken")
        content: bytes = raw.read(decode_content=False)
        return content
    chunks: list[bytes] = []
    size = 0
    for chunk in _decoded_chunks(raw, headers):
        size += len(chunk)
        if size > cap:
            raise AnswerTooLarge(f"{request.route}: the answer has more than {cap} bytes")
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _to_sink(raw: Any, headers: Mapping[str, str], request: HttpRequest) -> int:
    sink: IO[bytes] = request.sink  # type: ignore[assignment]
    if "content-length" not in headers and "chunked" not in headers.get("transfer-encoding", "").lower():
        raise TruncatedAnswer(f"{request.route}: the server does not say how long the answer is")
    size = 0
    for chunk in _decoded_chunks(raw, headers):
        size += len(chunk)
        if size > request.limits.max_bytes:
            raise AnswerTooLarge(f"{request.route}: more than {request.limits.max_bytes} bytes")
        sink.write(chunk)
    return size


def _decoded_chunks(raw: Any, headers: Mapping[str, str]) -> Iterator[bytes]:
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        while chunk := raw.read(CHUNK, decode_content=False):
            yield chunk
    elif encoding in ("gzip", "x-gzip"):
        yield from _inflated(lambda: raw.read(CHUNK, decode_content=False))
    else:
        raise TransportError(f"the answer is encoded as {encoding[:40]!r}, which was not asked for")


def _inflated(read: Callable[[], bytes]) -> Iterator[bytes]:
    """Decompress gzip in bounded steps; requests takes a stream that stops early for a whole one."""
    inflater = zlib.decompressobj(31)
    started = False
    try:
        while data := read():
            while data:
                started = True
                chunk = inflater.decompress(data, CHUNK)
                if chunk:
                    yield chunk
                data = inflater.unconsumed_tail
                if inflater.eof:
                    data = inflater.unused_data
                    if data:  # a further member
                        inflater = zlib.decompressobj(31)
    except zlib.error:
        raise TruncatedAnswer("the compressed answer is damaged") from None
    if started and not inflater.eof:
        raise TruncatedAnswer("the compressed answer ended early")


# ------------------------------------------------------------------ errors


def _raise_as_ours(error: Exception, request: HttpRequest, watch: Watch) -> NoReturn:
    route = request.route or request.method
    if watch.ended_by == "cancelled":
        raise RequestCancelled(f"{route}: cancelled") from None
    if watch.ended_by == "deadline" or time.monotonic() >= watch.deadline:
        raise RequestTimeout(f"{route}: the call took longer than it may") from None
    if isinstance(error, (TransportError, UsageError)):
        raise error
    cause = _root(error)
    if isinstance(error, requests.exceptions.SSLError) or isinstance(cause, urllib3.exceptions.SSLError):
        raise TLSError(f"{route}: TLS failed: {cause}") from error
    if isinstance(error, requests.exceptions.ProxyError):
        raise ConnectError(f"{route}: the proxy failed: {cause}") from error
    if isinstance(error, requests.exceptions.ConnectTimeout):
        raise ConnectError(f"{route}: no connection within {request.limits.connect_s:g} s") from error
    if isinstance(cause, urllib3.exceptions.NewConnectionError):
        place = f"{origin(request.url)[1]}:{origin(request.url)[2]}"
        raise ConnectError(f"{route}: cannot connect to {place}: {_reason(cause)}") from error
    if isinstance(error, requests.exceptions.ReadTimeout) or isinstance(
        cause, (urllib3.exceptions.ReadTimeoutError, TimeoutError)
    ):
        raise RequestTimeout(f"{route}: no byte for {request.limits.read_s:g} s") from error
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        raise UsageError(f"{route}: the URL cannot be requested: {error}") from error
    if isinstance(error, (urllib3.exceptions.ProtocolError, urllib3.exceptions.IncompleteRead)):
        raise TruncatedAnswer(f"{route}: the answer ended early") from error
    if isinstance(error, (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError)):
        raise TransportError(f"{route}: the connection failed: {cause}") from error
    raise error


def _root(error: BaseException) -> BaseException:
    """Return what urllib3 wrapped: MaxRetryError hides the reason it gave up for."""
    while True:
        inner = error.args[0] if error.args and isinstance(error.args[0], BaseException) else None
        inner = getattr(error, "reason", None) if isinstance(error, urllib3.exceptions.MaxRetryError) else inner
        if not isinstance(inner, BaseException):
            return error
        error = inner


def _reason(error: BaseException) -> str:
    return str(error).rsplit(": ", 1)[-1]
