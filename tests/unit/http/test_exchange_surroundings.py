"""What a call touches beside the server: the caller's streams, hooks, redirects and the log."""

from __future__ import annotations

import io
import logging
from typing import Any

import attrs
import pytest

from gomatrix_py.errors import (
    ConnectError,
    Forbidden,
    HTTPError,
    MatrixError,
    RedirectRefused,
    ServerError,
    TransportError,
    TruncatedAnswer,
    UsageError,
)
from gomatrix_py.http.messages import HttpRequest, HttpResponse, Redirects, Upload
from tests.kit.exchange_bench import BUSY, DONE, URL, bench

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
