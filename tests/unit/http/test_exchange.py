"""One call over a transport: tries, waits, shared pauses, hooks and the log. No sockets, no real waits."""

from __future__ import annotations

import io
import logging
import threading
from typing import Any

import attrs
import pytest

from gomatrix_py import Limits, RetryPolicy
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import (
    ConnectError,
    Forbidden,
    HTTPError,
    LimitExceeded,
    MatrixError,
    RedirectRefused,
    RequestCancelled,
    RequestTimeout,
    ServerError,
    TransportError,
    TruncatedAnswer,
    UsageError,
)
from gomatrix_py.http.exchange import Exchange
from gomatrix_py.http.messages import HttpRequest, HttpResponse, Redirects, Upload

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


# ------------------------------------------------------------------ tries


def test_a_success_is_returned_at_once() -> None:
    one = bench(DONE)
    assert one.send() is DONE
    assert one.token.waits == []


def test_a_busy_server_is_asked_again_with_growing_pauses() -> None:
    one = bench(BUSY, BUSY, TransportError("reset"), BUSY, DONE)
    assert one.send() is DONE
    assert one.token.waits == [0.5, 1.0, 2.0, 4.0]


def test_the_last_error_is_raised_when_the_tries_are_used_up() -> None:
    one = bench(*[BUSY] * 5)
    with pytest.raises(ServerError) as caught:
        one.send()
    assert caught.value.contents == b"busy"
    assert (len(one.transport.sent), one.token.waits) == (5, [0.5, 1.0, 2.0, 4.0])


def test_a_refusal_is_final() -> None:
    one = bench(HttpResponse(403, {}, b"{}"))
    with pytest.raises(Forbidden):
        one.send()
    assert len(one.transport.sent) == 1


@pytest.mark.parametrize("failure", [BUSY, TransportError("reset"), RequestTimeout("late"), TruncatedAnswer("cut")])
def test_a_post_is_not_repeated_once_bytes_were_sent(failure: Any) -> None:
    one = bench(failure, DONE)
    with pytest.raises((ServerError, TransportError)):
        one.send("POST")
    assert len(one.transport.sent) == 1


@pytest.mark.parametrize("failure", [ConnectError("refused"), limited("1"), limited(None)])
def test_a_post_is_repeated_where_it_was_not_acted_on(failure: Any) -> None:
    one = bench(failure, DONE)
    assert one.send("POST") is DONE
    assert len(one.transport.sent) == 2


def test_a_policy_can_be_given_for_one_call() -> None:
    one = bench(BUSY, DONE)
    with pytest.raises(ServerError):
        one.exchange.send(HttpRequest("GET", URL, may_retry=True), RetryPolicy.never())
    assert one.exchange.send(HttpRequest("GET", URL, may_retry=True)) is DONE


# ------------------------------------------------------------------ deadlines


def test_no_wait_goes_past_the_deadline() -> None:
    one = bench(*[BUSY] * 5)
    with pytest.raises(ServerError):
        one.send(limits=Limits(total_s=1.2))
    assert one.token.waits == [0.5]  # 0.5 + 1.0 would be too long


def test_each_try_has_what_is_left_of_the_time() -> None:
    one = bench(BUSY, BUSY, DONE)
    one.send(limits=Limits(total_s=10))
    assert [request.limits.total_s for request in one.transport.sent] == [10, 9.5, 8.5]


def test_a_call_whose_time_is_over_is_not_sent() -> None:
    one = bench()

    def late(request: HttpRequest) -> HttpResponse:
        one.clock.at += 10
        return HttpResponse(302, {"location": "/elsewhere"})

    one.transport.script = [late, DONE]
    with pytest.raises(RequestTimeout, match="within 5 s"):
        one.send(limits=Limits(total_s=5), redirects=Redirects.MEDIA)
    assert len(one.transport.sent) == 1


def test_a_server_that_asks_for_more_time_than_there_is_fails_the_call_at_once() -> None:
    one = bench(limited("100"), DONE)
    with pytest.raises(LimitExceeded) as caught:
        one.send(limits=Limits(total_s=90))  # the cap would let it try after 60 s, in vain
    assert caught.value.retry_after_s == 100
    assert one.token.waits == []


# ------------------------------------------------------------------ 429


def test_the_servers_word_is_waited_for_and_does_not_count() -> None:
    one = bench(*[limited("2")] * 10, BUSY, BUSY, DONE)
    assert one.send() is DONE
    assert one.token.waits == [2.0] * 10 + [0.5, 1.0]


def test_a_server_that_says_at_once_for_ever_ends_the_call_at_its_deadline() -> None:
    one = bench(*[limited("0")] * 100)
    with pytest.raises(LimitExceeded):
        one.send()
    assert len(one.transport.sent) < 12


def test_a_limit_without_a_time_counts_as_a_try() -> None:
    one = bench(*[limited(None)] * 9)
    with pytest.raises(LimitExceeded):
        one.send()
    assert len(one.transport.sent) == 5


def held_thread(one: Bench, token: CancelToken, **fields: Any) -> tuple[threading.Thread, list[Any]]:
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(one.send(cancel=token, **fields)))
    thread.start()
    return thread, got


def test_one_threads_429_holds_the_others_on_the_same_route() -> None:
    one = bench(limited("30"), DONE, DONE, DONE)
    is_over = threading.Event()
    first, second = FakeWaits(one.clock, held_by=is_over), FakeWaits(one.clock, held_by=is_over)
    refused, _ = held_thread(one, first)
    assert first.is_waiting.wait(10)
    other, got = held_thread(one, second)
    assert second.is_waiting.wait(10)
    assert second.waits == [30.0]
    assert len(one.transport.sent) == 1  # the second thread sent nothing
    assert one.send(route="GET /other") is DONE  # another route is free
    assert one.token.waits == []
    one.clock.at += 30
    is_over.set()
    refused.join(10)
    other.join(10)
    assert got == [DONE]
    assert len(one.transport.sent) == 4


def test_a_pause_that_grew_meanwhile_is_waited_out() -> None:
    one = bench(DONE)

    class RefusedAgain(FakeWaits):
        """A wait during which another thread is refused again."""

        __slots__ = ()

        def wait(self, seconds: float) -> bool:
            if not self.waits:
                one.exchange._pause("GET /thing", 20)
            return super().wait(seconds)

    one.exchange._pause("GET /thing", 5)
    token = RefusedAgain(one.clock)
    assert one.send(cancel=token) is DONE
    assert token.waits == [5, 15]


def test_a_pause_longer_than_the_call_may_take_fails_it_unsent() -> None:
    one = bench(DONE)
    one.exchange._pause("GET /thing", 50)
    with pytest.raises(RequestTimeout) as caught:
        one.send(limits=Limits(total_s=40))
    assert not caught.value.was_sent
    assert one.transport.sent == []


def test_a_pause_that_is_over_is_forgotten() -> None:
    one = bench(limited("5"), DONE, limited("5"), DONE)
    one.send()
    one.clock.at += 100
    one.send(route="GET /other")
    assert list(one.exchange._paused_until) == ["GET /other"]


def test_a_refusal_pauses_others_even_where_the_call_itself_gives_up() -> None:
    one = bench(limited("55"), DONE)
    with pytest.raises(LimitExceeded):
        one.send(limits=Limits(total_s=10))
    one.send()
    assert one.token.waits == [55.0]


# ------------------------------------------------------------------ cancelling


def test_a_wait_is_ended_by_cancelling() -> None:
    one = bench(BUSY, DONE, cancels_at=1)
    with pytest.raises(RequestCancelled) as caught:
        one.send()
    assert not caught.value.was_sent
    assert len(one.transport.sent) == 1


def test_the_wait_for_others_is_ended_by_cancelling_too() -> None:
    one = bench(DONE, cancels_at=1)
    one.exchange._pause("GET /thing", 50)
    with pytest.raises(RequestCancelled):
        one.send()
    assert one.transport.sent == []


# ------------------------------------------------------------------ streams


def test_an_upload_is_wound_back_for_another_try() -> None:
    taken: list[bytes] = []

    def busy(request: HttpRequest) -> HttpResponse:
        assert isinstance(request.body, Upload)
        taken.append(request.body.stream.read(4))
        return BUSY

    stream = io.BytesIO(b"..wound back")
    stream.seek(2)
    one = bench(busy, busy, DONE)
    one.send("PUT", body=Upload(stream, 10))
    assert taken == [b"woun", b"woun"]
    assert stream.tell() == 2


def test_an_upload_that_cannot_be_wound_back_is_not_repeated() -> None:
    class Pipe(io.RawIOBase):
        def readable(self) -> bool:
            return True

    one = bench(BUSY, DONE)
    with pytest.raises(ServerError):
        one.send("PUT", body=Upload(io.BufferedReader(Pipe()), 10))
    assert len(one.transport.sent) == 1


def test_an_upload_nobody_read_from_may_be_sent_again() -> None:
    class OnlyRead:
        def read(self, size: int) -> bytes:
            raise AssertionError("nobody connects")

    stream: Any = OnlyRead()
    one = bench(ConnectError("refused"), DONE)
    assert one.send("PUT", body=Upload(stream, 10)) is DONE


def test_a_sink_is_wiped_for_another_try() -> None:
    def half(request: HttpRequest) -> TransportError:
        assert request.sink is not None
        request.sink.write(b"half a pict")
        return TruncatedAnswer("cut")

    def whole(request: HttpRequest) -> HttpResponse:
        assert request.sink is not None
        request.sink.write(b"whole")
        return HttpResponse(200, {}, b"", 5)

    sink = io.BytesIO(b"kept:")
    sink.seek(5)
    one = bench(half, whole)
    one.send(sink=sink)
    assert sink.getvalue() == b"kept:whole"


def test_a_sink_that_cannot_be_wiped_ends_the_call() -> None:
    class Pipe:
        def write(self, data: bytes) -> int:
            return len(data)

    sink: Any = Pipe()
    one = bench(TruncatedAnswer("cut"), DONE)
    with pytest.raises(TruncatedAnswer):
        one.send(sink=sink)
    assert len(one.transport.sent) == 1
    one = bench(BUSY, DONE)
    assert one.send(sink=sink) is DONE  # nothing of an error goes to the sink


# ------------------------------------------------------------------ hooks


def test_hooks_are_called_for_each_try_and_see_no_token() -> None:
    one = bench(BUSY, TransportError("reset"), DONE)
    asked: list[HttpRequest] = []
    told: list[tuple[HttpRequest, HttpResponse | MatrixError, float]] = []
    one.exchange.request_hooks.append(asked.append)
    one.exchange.response_hooks.append(lambda *args: told.append(args))
    one.send("PUT", access_token="syt_planted", body=b"{}")
    assert [request.access_token for request in asked] == [""] * 3
    assert "syt_planted" not in "".join(str(attrs.asdict(request, recurse=False)) for request in asked)
    assert [request.access_token for request in one.transport.sent] == ["syt_planted"] * 3
    outcomes = [outcome for _, outcome, _ in told]
    assert outcomes[0] is BUSY
    assert type(outcomes[1]) is TransportError
    assert outcomes[2] is DONE
    assert all(request.body == b"{}" and request.access_token == "" for request, _, _ in told)


def test_a_hook_is_told_how_long_it_took() -> None:
    def slow(request: HttpRequest) -> HttpResponse:
        one.clock.at += 2.5
        return DONE

    one = bench(slow)
    told: list[float] = []
    one.exchange.response_hooks.append(lambda _, __, took_s: told.append(took_s))
    one.send()
    assert told == [2.5]


@pytest.mark.parametrize("error", [RuntimeError("veto"), UsageError("veto"), KeyboardInterrupt()])
def test_what_a_request_hook_raises_ends_the_call_unsent(error: BaseException) -> None:
    def veto(request: HttpRequest) -> None:
        raise error

    one = bench(DONE)
    one.exchange.request_hooks.append(veto)
    with pytest.raises(type(error)) as caught:
        one.send()
    assert caught.value is error
    assert one.transport.sent == []


def test_a_transport_error_of_a_request_hook_counts_as_a_try() -> None:
    faults = [ConnectError("played"), ConnectError("played")]
    one = bench(DONE)
    one.exchange.request_hooks.append(lambda _: (_ for _ in ()).throw(faults.pop()) if faults else None)
    assert one.send() is DONE
    assert one.token.waits == [0.5, 1.0]


def test_a_response_hook_that_raises_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("the hook is broken")

    calls: list[int] = []
    one = bench(BUSY, DONE, HttpResponse(403))
    one.exchange.response_hooks += [broken, lambda *_: calls.append(1)]
    assert one.send() is DONE
    with pytest.raises(Forbidden):
        one.send()
    assert calls == [1, 1, 1]
    assert caplog.text.count("RuntimeError: the hook is broken") == 3


def test_an_interrupt_in_a_response_hook_goes_through() -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    one = bench(DONE)
    one.exchange.response_hooks.append(interrupted)
    with pytest.raises(KeyboardInterrupt):
        one.send()


def test_hooks_may_be_added_by_a_hook() -> None:
    one = bench(DONE, DONE)
    calls: list[HttpRequest] = []
    one.exchange.request_hooks.append(lambda _: one.exchange.request_hooks.append(calls.append))
    one.send()
    assert calls == []
    one.send()
    assert len(calls) == 1


# ------------------------------------------------------------------ redirects


def test_a_redirect_is_an_error_where_none_may_be_followed() -> None:
    one = bench(HttpResponse(307, {"location": "https://other.example"}), DONE)
    with pytest.raises(RedirectRefused):
        one.send("PUT", body=b"{}", access_token="syt_planted")
    assert len(one.transport.sent) == 1


def test_hooks_see_every_hop() -> None:
    one = bench(HttpResponse(302, {"location": "/b"}), HttpResponse(302, {"location": "https://cdn.example/c"}), DONE)
    asked: list[str] = []
    one.exchange.request_hooks.append(lambda request: asked.append(request.url))
    one.send(redirects=Redirects.MEDIA, access_token="syt_planted")
    assert asked == [URL, "https://hs.example/b", "https://cdn.example/c"]
    assert [request.access_token for request in one.transport.sent] == ["syt_planted", "syt_planted", ""]


def test_a_retry_starts_again_from_the_first_place() -> None:
    one = bench(HttpResponse(302, {"location": "https://cdn.example/c"}), BUSY, DONE)
    one.send(redirects=Redirects.MEDIA, access_token="syt_planted")
    assert [request.url for request in one.transport.sent] == [URL, "https://cdn.example/c", URL]
    assert one.transport.sent[2].access_token == "syt_planted"


def test_a_redirect_without_a_place_is_an_error_of_its_status() -> None:
    one = bench(HttpResponse(302))
    with pytest.raises(HTTPError) as caught:
        one.send()
    assert caught.value.code == 302


# ------------------------------------------------------------------ the log


def test_the_log_names_route_status_size_and_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "gomatrix_py.http")
    one = bench(BUSY, TransportError("reset"), DONE)
    one.send(access_token="syt_planted")
    assert "GET /thing: 503, 4 bytes in 0.000 s" in caplog.text
    assert "GET /thing: TransportError" in caplog.text
    assert "reset; trying again in 1.0 s" in caplog.text
    assert "syt_planted" not in caplog.text


def test_what_is_no_error_of_ours_goes_through_untouched() -> None:
    disk_is_full = OSError(28, "No space left on device")
    one = bench(disk_is_full, DONE)
    told: list[Any] = []
    one.exchange.response_hooks.append(lambda *args: told.append(args))
    with pytest.raises(OSError, match="No space left") as caught:
        one.send()
    assert caught.value is disk_is_full
    assert (len(one.transport.sent), told) == (1, [])
