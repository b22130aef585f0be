"""One call from its first byte to its answer: redirects, retries, shared pauses, hooks and the log."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import IO

import attrs

from ..cancellation import CancelToken
from ..clock import Clock, SystemClock
from ..errors import ConnectError, HTTPError, LimitExceeded, MatrixError, RequestCancelled, RequestTimeout
from .answers import error_from
from .messages import HttpRequest, HttpResponse, Transport, Upload
from .redirects import is_redirect, next_request
from .retry import RetryPolicy

__all__ = ["Exchange", "RequestHook", "ResponseHook"]

RequestHook = Callable[[HttpRequest], None]
"""Called before each try with the request; its `headers` hold no credentials."""

ResponseHook = Callable[[HttpRequest, "HttpResponse | MatrixError", float], None]
"""Called after each try with the request, the answer or the error, and the seconds it took."""

log = logging.getLogger("gomatrix_py.http")


class Exchange:
    """Carries requests over a transport by a retry policy; one is shared by all threads of a client.

    Args:
        transport: what sends one request once.
        policy: when to try again.
        clock: for waits and deadlines.
    """

    def __init__(self, transport: Transport, policy: RetryPolicy, clock: Clock | None = None) -> None:
        self.transport = transport
        self.policy = policy
        self.clock = clock or SystemClock()
        self.request_hooks: list[RequestHook] = []
        self.response_hooks: list[ResponseHook] = []
        self._paused_until: dict[str, float] = {}
        self._lock = threading.Lock()

    def send(self, request: HttpRequest, policy: RetryPolicy | None = None) -> HttpResponse:
        """Send a request until it is answered with 2xx, or the policy gives up.

        Args:
            request: what to send; `limits.total_s` covers all tries and waits together.
            policy: instead of the exchange's own.

        Raises:
            HTTPError: the last answer was not 2xx.
            TransportError: the last try brought no whole answer.
        """
        policy = policy or self.policy
        deadline = self.clock.monotonic() + request.limits.total_s
        streams = _Streams(request)
        attempt = 0
        while True:
            self._respect_pause(request, deadline)
            try:
                return self._try(request, deadline)
            except MatrixError as error:
                is_limited = isinstance(error, LimitExceeded) and error.retry_after_s is not None
                attempt += 0 if is_limited else 1
                wait_s = policy.wait_s(error, max(attempt, 1), may_retry=request.may_retry)
                if wait_s is None or self.clock.monotonic() + wait_s >= deadline:
                    raise
                if not streams.wind_back(error):
                    raise
                if isinstance(error, LimitExceeded):
                    self._pause(request.route, wait_s)
                log.warning("%s; trying again in %.1f s", error, wait_s)
                self._wait(request, wait_s)

    def _try(self, request: HttpRequest, deadline: float) -> HttpResponse:
        followed = 0
        original = request
        while True:
            left_s = deadline - self.clock.monotonic()
            if left_s <= 0:
                raise RequestTimeout(f"{request.route}: no answer within {original.limits.total_s:g} s")
            request = attrs.evolve(request, limits=attrs.evolve(request.limits, total_s=left_s))
            response = self._observe(request)
            if is_redirect(response):
                request = next_request(request, response, followed)
                followed += 1
            elif response.is_success:
                return response
            else:
                raise error_from(response, request.route)

    def _observe(self, request: HttpRequest) -> HttpResponse:
        for hook in tuple(self.request_hooks):
            hook(request)
        started = self.clock.monotonic()
        outcome: HttpResponse | MatrixError | None = None
        try:
            outcome = self.transport.send(request)
            return outcome
        except MatrixError as error:
            outcome = error
            raise
        finally:
            took_s = self.clock.monotonic() - started
            if outcome is not None:
                if log.isEnabledFor(logging.DEBUG):
                    log.debug("%s: %s in %.3f s", request.route, _brief(outcome), took_s)
                for response_hook in tuple(self.response_hooks):
                    response_hook(request, outcome, took_s)

    def _pause(self, route: str, seconds: float) -> None:
        until = self.clock.monotonic() + seconds
        with self._lock:
            self._paused_until[route] = max(until, self._paused_until.get(route, 0.0))

    def _respect_pause(self, request: HttpRequest, deadline: float) -> None:
        if not self._paused_until:
            return
        with self._lock:
            until = self._paused_until.get(request.route)
        if until is None:
            return
        now = self.clock.monotonic()
        if until <= now:
            with self._lock:
                if self._paused_until.get(request.route) == until:
                    del self._paused_until[request.route]
        elif until >= deadline:
            raise RequestTimeout(
                f"{request.route}: the server asked to wait {until - now:.1f} s, longer than this call may take",
                was_sent=False,
            )
        else:
            self._wait(request, until - now)

    def _wait(self, request: HttpRequest, seconds: float) -> None:
        token = request.cancel or _NEVER
        if token.wait(seconds):
            raise RequestCancelled(f"{request.route}: cancelled", was_sent=False)


_NEVER = CancelToken()


class _Streams:
    """The file objects of a request, and where they stood before the first try."""

    def __init__(self, request: HttpRequest) -> None:
        self._source = _Mark(request.body.stream) if isinstance(request.body, Upload) else None
        self._sink = _Mark(request.sink) if request.sink is not None else None

    def wind_back(self, error: MatrixError) -> bool:
        """Make ready for another try; False where bytes were taken or given that can't be had again."""
        source_is_whole = self._source is None or isinstance(error, ConnectError) or self._source.return_to()
        sink_is_clean = self._sink is None or isinstance(error, HTTPError) or self._sink.return_to(cut=True)
        return source_is_whole and sink_is_clean


class _Mark:
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._position = stream.tell() if stream.seekable() else None

    def return_to(self, *, cut: bool = False) -> bool:
        if self._position is None:
            return False
        self._stream.seek(self._position)
        if cut:
            self._stream.truncate()
        return True


def _brief(outcome: HttpResponse | MatrixError) -> str:
    if isinstance(outcome, HttpResponse):
        return f"{outcome.status}, {outcome.size} bytes"
    if isinstance(outcome, HTTPError):
        return f"{outcome.code} {outcome.errcode}"
    return type(outcome).__name__
