"""What went wrong, in the package's own words: the errors of requests and urllib3 as `TransportError`."""

from __future__ import annotations

import ssl
import time
from typing import NoReturn

import requests
import urllib3
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ReadTimeoutError

from ...errors import (
    ConnectError,
    MatrixError,
    RequestCancelled,
    RequestTimeout,
    TLSError,
    TransportError,
    TruncatedAnswer,
    UsageError,
)
from ..messages import HttpRequest
from ..urls import origin
from ..watch import Watch

__all__ = ["raise_as_ours"]

_UNCONNECTED = (requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError)


def raise_as_ours(error: Exception, request: HttpRequest, watch: Watch) -> NoReturn:
    """Raise the error of the package that stands for one of requests, urllib3 or the system.

    Its `__cause__` is the innermost error: those around it quote URLs and hold headers.

    Args:
        error: what was raised.
        request: what was being sent; its route begins the message.
        watch: of the exchange; it knows who ended it, and whether anything was sent.
    """
    ours = _as_ours(error, request, watch)
    cause = _root(error)
    if isinstance(ours, UsageError) or isinstance(error, TransportError):
        raise ours from None
    if isinstance(cause, urllib3.exceptions.RequestError):
        cause.url = (cause.url or "").partition("?")[0]
    raise ours from cause


def _as_ours(error: Exception, request: HttpRequest, watch: Watch) -> MatrixError:
    route = request.route or request.method
    was_sent = not watch.is_connecting
    if watch.ended_by == "cancelled":
        return RequestCancelled(f"{route}: cancelled", was_sent=was_sent)
    if watch.ended_by == "deadline" or time.monotonic() >= watch.deadline:
        return RequestTimeout(f"{route}: the call took longer than it may", was_sent=was_sent)
    if isinstance(error, TransportError):
        return type(error)(f"{route}: {error}")
    cause = _root(error)
    is_unconnected = not was_sent or isinstance(error, _UNCONNECTED) or isinstance(cause, NewConnectionError)
    if is_unconnected and not watch.has_connected:
        return _no_connection(error, cause, request)
    if isinstance(cause, (ReadTimeoutError, TimeoutError, requests.exceptions.ReadTimeout)):
        return RequestTimeout(f"{route}: no byte for {request.limits.read_s:g} s")
    if isinstance(error, urllib3.exceptions.ProtocolError):
        return TruncatedAnswer(f"{route}: the answer ended early")
    if isinstance(error, (requests.exceptions.InvalidSchema, requests.exceptions.InvalidProxyURL)):
        return UsageError(f"{route}: the request cannot be sent: {_brief(error)}")
    if isinstance(error, ValueError) and not isinstance(cause, urllib3.exceptions.InvalidHeader):
        return UsageError(f"{route}: the request cannot be sent")  # the text may hold a header or the URL
    return TransportError(f"{route}: the connection failed: {_brief(cause)}")


def _no_connection(error: Exception, cause: BaseException, request: HttpRequest) -> ConnectError:
    route = request.route or request.method
    has_ended = isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError))  # a server that restarts, say
    if isinstance(error, requests.exceptions.SSLError) and not has_ended:
        return TLSError(f"{route}: TLS failed: {_brief(cause)}")
    if isinstance(error, requests.exceptions.ProxyError):
        return ConnectError(f"{route}: the proxy failed: {_brief(cause)}")
    if isinstance(cause, (ReadTimeoutError, ConnectTimeoutError, TimeoutError)) and not isinstance(
        cause, NewConnectionError
    ):
        return ConnectError(f"{route}: no connection within {request.limits.connect_s:g} s")
    _, host, port = origin(request.url)
    return ConnectError(f"{route}: cannot connect to {host}:{port}: {_brief(cause).rpartition(': ')[2]}")


def _root(error: BaseException) -> BaseException:
    """Return what urllib3 wrapped, as an argument or, in MaxRetryError, as the reason it gave up for."""
    while True:
        inner = next((one for one in error.args if isinstance(one, BaseException)), None)
        if isinstance(error, urllib3.exceptions.MaxRetryError):
            inner = error.reason
        if inner is None:
            return error
        error = inner


def _brief(error: BaseException) -> str:
    """Return the error's text, cut and made printable: a part of it may come from the server."""
    return "".join(char if char.isprintable() else "?" for char in str(error)[:200])
