"""An exchange without sockets and without waits: a transport that follows a script, and a clock that obeys."""

from __future__ import annotations

import threading
from typing import Any

import attrs

from gomatrix_py import RetryPolicy
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.http.exchange import Exchange
from gomatrix_py.http.messages import HttpRequest, HttpResponse

__all__ = ["BUSY", "DONE", "URL", "Bench", "FakeClock", "FakeTransport", "FakeWaits", "bench", "limited"]

DONE = HttpResponse(200, {}, b"{}", 2)
BUSY = HttpResponse(503, {}, b"busy", 4)
URL = "https://hs.example/_matrix/client/v3/thing"


def limited(seconds: str | None) -> HttpResponse:
    return HttpResponse(429, {} if seconds is None else {"retry-after": seconds}, b"{}", 2)


class FakeClock:
    """Time that passes only where somebody waits."""

    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at

    def now_ms(self) -> int:
        return int(self.at * 1000)


class FakeWaits(CancelToken):
    """Waits that take no time and are remembered; a wait may be held until an event, or cancelled in."""

    __slots__ = ("cancels_at", "clock", "held_by", "is_waiting", "waits")

    def __init__(
        self, clock: FakeClock, *, held_by: threading.Event | None = None, cancels_at: int | None = None
    ) -> None:
        super().__init__()
        self.clock = clock
        self.held_by = held_by
        self.cancels_at = cancels_at
        self.is_waiting = threading.Event()
        self.waits: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.is_waiting.set()
        if self.held_by is not None:
            assert self.held_by.wait(10)
        else:
            self.clock.at += seconds
        if len(self.waits) == self.cancels_at:
            self.cancel()
        return self.is_cancelled


class FakeTransport:
    """Answers by a script: an answer, an error to raise, or a function of the request that returns one."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.sent: list[HttpRequest] = []

    def send(self, request: HttpRequest) -> HttpResponse:
        self.sent.append(request)
        part = self.script.pop(0)
        part = part(request) if callable(part) else part
        if isinstance(part, BaseException):
            raise part
        answer: HttpResponse = part
        return answer


@attrs.define
class Bench:
    """An exchange over a script, with a clock and waits of its own."""

    transport: FakeTransport
    exchange: Exchange
    clock: FakeClock
    token: FakeWaits

    def send(self, method: str = "GET", **fields: Any) -> HttpResponse:
        fields.setdefault("may_retry", method != "POST")
        fields.setdefault("route", f"{method} /thing")
        fields.setdefault("cancel", self.token)
        return self.exchange.send(HttpRequest(method, URL, **fields))


def bench(*script: Any, randomness: float = 1.0, cancels_at: int | None = None) -> Bench:
    clock = FakeClock()
    transport = FakeTransport(*script)
    exchange = Exchange(transport, RetryPolicy(randomness=lambda: randomness), clock)
    return Bench(transport, exchange, clock, FakeWaits(clock, cancels_at=cancels_at))
