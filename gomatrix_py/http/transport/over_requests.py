"""Sending one request over a `requests.Session`, and taking its answer."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import prepend_scheme_if_needed, select_proxy

from ...errors import TransportError, TruncatedAnswer, UsageError
from ..addresses import AddressBlock
from ..incoming import Incoming
from ..messages import HttpRequest, HttpResponse, Upload
from ..streams import PIECE, Outgoing, StreamFailed
from ..urls import Origin, origin
from ..watch import Watch, watched
from .connections import Adapter, close_pools, connects_by_pool, watch_connections
from .failures import raise_as_ours

__all__ = ["RequestsTransport", "Session"]

Session = requests.Session

_OWN_HEADERS = frozenset({"user-agent", "accept", "accept-encoding", "connection", "authorization"})
_LONGEST_S = 1e6
_BY_PROXY = "private addresses cannot be blocked here: a proxy connects in our place, so block them there"


class _Route:
    """What a session says about one origin, looked up once."""

    __slots__ = ("adapter", "cert", "headers", "proxies", "verify")

    def __init__(self, session: requests.Session, url: str) -> None:
        self.adapter: Any = session.get_adapter(url)
        self.verify: Any = session.verify
        self.cert: Any = session.cert
        self.proxies: dict[str, str] = dict(session.proxies)
        self.headers = {
            name: str(value) for name, value in session.headers.items() if name.lower() not in _OWN_HEADERS
        }
        if isinstance(self.adapter, HTTPAdapter):
            watch_connections(self.adapter.poolmanager)
            if proxy := select_proxy(url, self.proxies):
                watch_connections(self.adapter.proxy_manager_for(_proxy_url(proxy)))

    def check_blockable(self, url: str) -> None:
        """Refuse what connects to addresses that we do not see.

        Raises:
            UsageError: a proxy, or an adapter of another kind.
        """
        if select_proxy(url, self.proxies):
            raise UsageError(_BY_PROXY)
        if not connects_by_pool(self.adapter):
            raise UsageError(
                "private addresses cannot be blocked: the session has an adapter that connects by itself"
            )


def _proxy_url(proxy: str) -> str:
    """Return a proxy's address as requests will write it."""
    try:
        names_a_host = bool(urlsplit(proxy if "://" in proxy else f"http://{proxy}").hostname)
    except ValueError:
        names_a_host = False
    if not names_a_host:
        raise UsageError("the address of the proxy names no host")
    whole: str = prepend_scheme_if_needed(proxy, "http")  # type: ignore[no-untyped-call]
    return whole


class RequestsTransport:
    """Sends requests over a `requests.Session`; safe to share between threads, usable after a fork.

    Args:
        session: anything a `requests.Session` can be: adapters, ``verify``, ``cert``, ``proxies`` and
            headers of its own are used; its ``auth``, cookies and ``trust_env`` are not. Its settings
            for an origin are read at the first request there. None makes one of our own.
        proxies: as requests has them, ``{"https": "http://proxy:3128"}``; the environment is not read.
        verify: True, False, or the path of a CA bundle.
        pool_size: connections kept per origin.
        block_private_addresses: connect to addresses of the public internet only, for services whose users
            name hosts (a homeserver, a link to upload): each connection is checked by the address that it
            goes to, whatever a name meant before. Not with a proxy, which connects in our place.
        reachable: networks that are reached all the same, such as ``10.1.2.0/24``.

    Raises:
        UsageError: proxies or verify are given beside a session, which has its own; or no such bundle; or
            private addresses cannot be blocked with what was given.
    """

    def __init__(
        self,
        session: requests.Session | None = None,
        *,
        proxies: Mapping[str, str] | None = None,
        verify: bool | str = True,
        pool_size: int = 32,
        block_private_addresses: bool = False,
        reachable: Sequence[str] = (),
    ) -> None:
        if reachable and not block_private_addresses:
            raise UsageError("reachable networks are exceptions to block_private_addresses, which is off")
        if proxies and block_private_addresses:
            raise UsageError(_BY_PROXY)
        if session is None:
            if isinstance(verify, str) and not os.path.exists(verify):
                raise UsageError(f"there is no CA bundle at {verify!r}")
            session = requests.Session()
            session.trust_env = False
            session.verify = verify
            session.proxies.update(proxies or {})
            session.mount("https://", Adapter(pool_size))
            session.mount("http://", Adapter(pool_size))
        elif proxies or verify is not True:
            raise UsageError("a session has proxies and verify of its own: set them there")
        self.session = session
        self._block = AddressBlock(reachable) if block_private_addresses else None
        self._routes: dict[Origin, _Route] = {}
        self._lock = threading.Lock()
        self._process = os.getpid()

    def close(self) -> None:
        """Close every pooled connection; what is sent later opens new ones."""
        for adapter in self.session.adapters.values():
            close_pools(adapter)
        self.session.close()

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send one request and read its answer whole.

        What the file objects of the request raise goes to the caller as it is.

        Raises:
            TransportError: one of its kinds, see `gomatrix_py.errors`.
            UsageError: the request cannot be sent.
        """
        limits = request.limits
        read_s = min(limits.read_s, _LONGEST_S)
        with watched(limits.total_s, read_s, self._block) as watch, _cancellable(request, watch):
            try:
                return self._send(request, self._route(request.url), watch)
            except StreamFailed as failure:
                raise failure.reason from None
            except UsageError:
                raise
            except (OSError, urllib3.exceptions.HTTPError, TransportError, ValueError) as error:
                if isinstance(error, requests.RequestException):
                    error.request = None  # its headers hold the token
                raise_as_ours(error, request, watch)

    def _route(self, url: str) -> _Route:
        if self._process != os.getpid():
            self._leave_to_parent()
        place = origin(url)
        route = self._routes.get(place)
        if route is None:
            with self._lock:
                route = _Route(self.session, url)
                if self._block is not None:
                    route.check_blockable(url)
                route = self._routes.setdefault(place, route)
        return route

    def _leave_to_parent(self) -> None:
        """Begin with new connections in a forked child: the pooled ones are the parent's, too."""
        self._process, self._lock, self._routes = os.getpid(), threading.Lock(), {}
        for adapter in self.session.adapters.values():
            if isinstance(adapter, HTTPAdapter):
                adapter.__setstate__(adapter.__getstate__())  # type: ignore[attr-defined]

    def _send(self, request: HttpRequest, route: _Route, watch: Watch) -> HttpResponse:
        limits = request.limits
        longest_s = min(limits.total_s, _LONGEST_S)
        answer = route.adapter.send(
            _prepare(request, route),
            stream=True,
            timeout=(min(limits.connect_s, longest_s), min(limits.read_s, longest_s)),
            verify=route.verify,
            cert=route.cert,
            proxies=route.proxies,
        )
        raw = answer.raw
        if not isinstance(raw, urllib3.BaseHTTPResponse):
            return _ready_made(answer, request)
        is_drained = False
        try:
            incoming = _incoming(raw, request)
            response = incoming.receive()
            if watch.ended_by and incoming.is_open_ended:
                raise TruncatedAnswer("the answer was cut while it was read")
            is_drained = incoming.is_drained
            return response
        finally:
            if not is_drained:
                raw.close()
            raw.release_conn()


@contextlib.contextmanager
def _cancellable(request: HttpRequest, watch: Watch) -> Iterator[None]:
    if request.cancel is None:
        yield
    else:
        with request.cancel.on_cancel(lambda: watch.end("cancelled")):
            yield


def _prepare(request: HttpRequest, route: _Route) -> requests.PreparedRequest:
    headers: dict[str, str] = {**route.headers, **request.wire_headers()}
    headers.setdefault("Accept-Encoding", "identity" if request.is_download else "gzip")
    prepared = requests.PreparedRequest()
    prepared.method = request.method
    prepared.url = request.url
    prepared.hooks = {"response": []}
    body: Any = request.body
    if isinstance(body, Upload):
        headers["Content-Length"] = str(body.length)
    elif body is not None:
        headers["Content-Length"] = str(len(body))
    elif request.method in ("POST", "PUT"):
        headers["Content-Length"] = "0"
    if isinstance(body, Upload) or (body is not None and len(body) > PIECE):
        body = Outgoing(body)
    prepared.headers = CaseInsensitiveDict(headers)
    prepared.body = body
    return prepared


def _incoming(raw: urllib3.BaseHTTPResponse, request: HttpRequest) -> Incoming:
    return Incoming(
        request,
        raw.status,
        {name.lower(): value for name, value in raw.headers.itermerged()},
        lambda size: raw.read(size, decode_content=False),
        is_on_wire=raw.version > 0,
    )


def _ready_made(answer: requests.Response, request: HttpRequest) -> HttpResponse:
    """Return what an adapter that speaks no HTTP made up, a stand-in of a test perhaps."""
    body = iter((answer.content, b""))
    headers = {name.lower(): value for name, value in answer.headers.items()}
    for undone in ("content-encoding", "content-length", "transfer-encoding"):
        headers.pop(undone, None)
    return Incoming(request, answer.status_code, headers, lambda _: next(body)).receive()
