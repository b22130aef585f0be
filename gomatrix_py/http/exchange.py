"""One call from its first byte to its answer: redirects, retries, shared pauses, hooks and the log."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import attrs

from ..cancellation import CancelToken
from ..clock import Clock, SystemClock
from ..errors import HTTPError, LimitExceeded, MatrixError, RequestCancelled, RequestTimeout
from .answers import error_from
from .messages import HttpRequest, HttpResponse, Transport
from .redirects import is_redirect, next_request
from .retry import RetryPolicy
from .streams import Streams

__all__ = ["Exchange", "RequestHook", "ResponseHook"]

RequestHook = Callable[[HttpRequest], None]
"""Called before each try with the request, without its token; a body is as it is sent.

What it raises ends the call before anything is sent. A `TransportError` counts as a try that failed so.
"""

ResponseHook = Callable[[HttpRequest, "HttpResponse | MatrixError", float], None]
"""Called after each try with the request, the answer or the error, and the seconds it took.

It only looks on: what it raises is logged, and the call ends as it would have without it.
"""

log = logging.getLogger("gomatrix_py.http")

_A_MOMENT_S = 0.01


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
            UsageError: the request cannot be sent.
        """
        policy = policy or self.policy
        deadline = self.clock.monotonic() + request.limits.total_s
        streams = Streams(request)
        attempts = refusals = 0
        while True:
            self._respect_pause(request, deadline)
            try:
                return self._try(request, deadline)
            except MatrixError as error:
                asked_s = error.retry_after_s if isinstance(error, LimitExceeded) else None
                attempts, refusals = (attempts + 1, refusals) if asked_s is None else (attempts, refusals + 1)
                wait_s = policy.wait_s(error, attempts, may_retry=request.may_retry, refusals=refusals)
                if wait_s is not None and isinstance(error, LimitExceeded):
                    self._pause(request.route, wait_s)
                # where the server asks for more time than there is, trying earlier is in vain
                if wait_s is None or self.clock.monotonic() + max(wait_s, asked_s or 0.0) >= deadline:
                    raise
                if not streams.wind_back(error):
                    raise
                log.warning("%s; trying again in %.1f s", error, wait_s)
            self._wait(request, wait_s)

    def _try(self, request: HttpRequest, deadline: float) -> HttpResponse:
        followed = 0
        total_s = request.limits.total_s
        while True:
            left_s = deadline - self.clock.monotonic()
            if left_s <= 0:
                raise RequestTimeout(f"{request.route}: no answer within {total_s:g} s")
            if request.limits.total_s - left_s > _A_MOMENT_S:  # the first try may keep its limits
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
        shown = attrs.evolve(request, access_token="") if self.request_hooks or self.response_hooks else request
        for hook in tuple(self.request_hooks):
            hook(shown)
        started = self.clock.monotonic()
        try:
            response = self.transport.send(request)
        except MatrixError as error:
            self._tell(shown, error, self.clock.monotonic() - started)
            raise
        self._tell(shown, response, self.clock.monotonic() - started)
        return response

    def _tell(self, shown: HttpRequest, outcome: HttpResponse | MatrixError, took_s: float) -> None:
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s: %s in %.3f s", shown.route, _brief(outcome), took_s)
        for hook in tuple(self.response_hooks):
            try:
                hook(shown, outcome, took_s)
            except Exception:
                log.exception("%s: an on_response hook raised", shown.route)

    def _pause(self, route: str, seconds: float) -> None:
        now = self.clock.monotonic()
        with self._lock:
            going_on = {name: until for name, until in self._paused_until.items() if until > now}
            going_on[route] = max(now + seconds, going_on.get(route, now))
            self._paused_until = going_on

    def _respect_pause(self, request: HttpRequest, deadline: float) -> None:
        while (until := self._paused_until.get(request.route)) is not None:
            now = self.clock.monotonic()
            if until <= now:
                return
            if until >= deadline:
                raise RequestTimeout(
                    f"{request.route}: the server asked to wait {until - now:.1f} s, longer than this call may take",
                    was_sent=False,
                )
            self._wait(request, until - now)

    def _wait(self, request: HttpRequest, seconds: float) -> None:
        token = request.cancel or _NEVER
        if token.wait(seconds):
            raise RequestCancelled(f"{request.route}: cancelled", was_sent=False)


_NEVER = CancelToken()


def _brief(outcome: HttpResponse | MatrixError) -> str:
    if isinstance(outcome, HttpResponse):
        return f"{outcome.status}, {outcome.size} bytes"
    if isinstance(outcome, HTTPError):
        return f"{outcome.code} {outcome.errcode}"
    return type(outcome).__name__
