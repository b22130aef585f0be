"""One call over a transport: tries, deadlines, shared pauses, cancelling. No sockets, no real waits."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from gomatrix_py import Limits, RetryPolicy
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import (
    ConnectError,
    Forbidden,
    LimitExceeded,
    RequestCancelled,
    RequestTimeout,
    ServerError,
    TransportError,
    TruncatedAnswer,
)
from gomatrix_py.http.messages import HttpRequest, HttpResponse, Redirects
from tests.kit.exchange_bench import BUSY, DONE, URL, Bench, FakeWaits, bench, limited

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
