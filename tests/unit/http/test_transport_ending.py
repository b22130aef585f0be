"""Ending an exchange that will not end by itself: at its deadline, or by another thread.

Every stall is played at every stage; nothing is left behind, and no bystander is hurt.
"""

from __future__ import annotations

import gc
import io
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

from gomatrix_py import Limits
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import ConnectError, MatrixError, RequestCancelled, RequestTimeout
from gomatrix_py.http.messages import MEBIBYTE, HttpRequest, HttpResponse, Upload
from gomatrix_py.http.transport import RequestsTransport
from gomatrix_py.http.watch import Watch, _watchdog
from tests.kit.raw_server import Connection, RawServer, Script, always, answer
from tests.kit.waiting import wait_until

AT_MOST_S = 5.0
"""Liveness, not speed: what must come to an end has come to it by then."""

OK = b"HTTP/1.1 200 OK\r\n"


def after_request(data: bytes, drip: bytes = b"") -> Script:
    """Return the script that reads a request, sends something, drips more for ever, and never ends."""

    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(data)
        while drip:
            connection.drip(drip)
        connection.hold()

    return script


def never_reads(connection: Connection) -> None:
    connection.server.stopping.wait()


# How an exchange hangs: (script, further arguments of the server, fields of the request)
STALLS: dict[str, tuple[Script, dict[str, Any], dict[str, Any]]] = {
    "connect": (never_reads, {"accepts": False, "backlog": 0}, {}),
    "TLS handshake": (never_reads, {}, {"scheme": "https"}),
    "status line": (after_request(b""), {}, {}),
    "status line, byte by byte": (after_request(b"HTTP/1.1 200 ", b"x"), {}, {}),
    "headers": (after_request(OK + b"Content-Le"), {}, {}),
    "headers, byte by byte": (after_request(OK + b"X: ", b"x"), {}, {}),
    "body": (after_request(OK + b"Content-Length: 100000\r\n\r\n{"), {}, {}),
    "body, byte by byte": (after_request(OK + b"Content-Length: 100000\r\n\r\n", b" "), {}, {}),
    "body, closing": (after_request(OK + b"Connection: close\r\nContent-Length: 100000\r\n\r\n", b" "), {}, {}),
    "body until close": (after_request(OK + b"Connection: close\r\n\r\n", b" "), {}, {}),
    "chunks": (after_request(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"), {}, {}),
    "error page": (after_request(b"HTTP/1.1 502 Bad\r\nConnection: close\r\n\r\n", b"x"), {}, {}),
    "download": (after_request(OK + b"Content-Length: 100000\r\n\r\n", b" "), {}, {"sink": io.BytesIO()}),
    "upload": (never_reads, {}, {"method": "PUT", "body": bytes(64 * MEBIBYTE)}),
    "streamed upload": (
        never_reads,
        {},
        {"method": "PUT", "body": Upload(io.BytesIO(bytes(64 * MEBIBYTE)), 64 * MEBIBYTE)},
    ),
}
BEFORE_SENDING = ("connect", "TLS handshake")


@attrs.define
class Stalled:
    """An exchange that hangs, in a thread of its own."""

    server: RawServer
    transport: RequestsTransport
    request: HttpRequest
    outcome: list[HttpResponse | BaseException] = attrs.field(factory=list)

    def run(self) -> threading.Thread:
        thread = threading.Thread(target=self._send, daemon=True)
        thread.start()
        return thread

    def _send(self) -> None:
        try:
            self.outcome.append(self.transport.send(self.request))
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.outcome.append(error)

    def error(self) -> BaseException:
        (outcome,) = self.outcome
        assert isinstance(outcome, BaseException)
        return outcome


@contextmanager
def stalled(stage: str, limits: Limits, cancel: CancelToken | None = None) -> Iterator[Stalled]:
    script, of_server, of_request = STALLS[stage]
    fields = dict(of_request)
    scheme = fields.pop("scheme", "http")
    transport = RequestsTransport()
    with RawServer(script, **of_server) as server, full_backlog(server, of_server):
        url = f"{scheme}://127.0.0.1:{server.port}/x"
        request = HttpRequest(fields.pop("method", "GET"), url, "GET /x", limits=limits, cancel=cancel, **fields)
        try:
            yield Stalled(server, transport, request)
        finally:
            transport.close()


@contextmanager
def full_backlog(server: RawServer, of_server: dict[str, Any]) -> Iterator[None]:
    """Fill the queue of a server that accepts nobody, so that further connects hang."""
    sockets = [socket.socket() for _ in range(4 if of_server else 0)]
    for sock in sockets:
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", server.port))
    yield
    for sock in sockets:
        sock.close()


def is_under_way(one: Stalled, stage: str) -> bool:
    """Tell whether the exchange has come to the stage it hangs in."""
    if stage == "connect":
        return any(watch._socket is not None for watch in set(_watchdog._watches))
    return any(
        connection.seen or stage in (*BEFORE_SENDING, "upload", "streamed upload")
        for connection in one.server.connections
    )


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Fail where threads, file descriptors or watches are left."""
    RequestsTransport().close()
    with RawServer(always(answer())) as server:  # the watchdog's thread is started once and stays
        warm = RequestsTransport()
        warm.send(HttpRequest("GET", server.url))
        warm.close()
    gc.collect()
    before = set(threading.enumerate()), open_files()
    yield
    gc.collect()
    wait_until(lambda: set(threading.enumerate()) <= before[0], "all threads ended")
    assert open_files() <= before[1]  # fewer, where an earlier test had left one to the collector
    assert not _watchdog._watches


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open files are counted in /proc")


# ------------------------------------------------------------------ every stage, both ways


@needs_proc
@pytest.mark.parametrize("stage", STALLS)
def test_a_deadline_ends_every_stage(stage: str) -> None:
    with nothing_left_behind(), stalled(stage, Limits(connect_s=30, read_s=30, total_s=0.25)) as one:
        thread = one.run()
        thread.join(AT_MOST_S)
        assert not thread.is_alive()
        error = one.error()
        assert isinstance(error, RequestTimeout)
        assert "longer than it may" in str(error)
        assert error.was_sent is (stage not in BEFORE_SENDING)
        del thread, error


@needs_proc
@pytest.mark.parametrize("stage", STALLS)
def test_another_thread_ends_every_stage(stage: str) -> None:
    token = CancelToken()
    with nothing_left_behind(), stalled(stage, Limits(connect_s=30, read_s=30, total_s=60), token) as one:
        thread = one.run()
        wait_until(lambda: is_under_way(one, stage), "the exchange hangs")
        token.cancel()
        thread.join(AT_MOST_S)
        assert not thread.is_alive()
        error = one.error()
        assert isinstance(error, RequestCancelled)
        assert error.was_sent is (stage not in BEFORE_SENDING)
        del thread, error


@pytest.mark.parametrize("stage", ["status line", "body", "body, closing", "connect"])
def test_without_the_watch_it_would_hang(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: it is the watch, and nothing else, that ends these."""
    monkeypatch.setattr(Watch, "_shut_down", lambda self: None)
    token = CancelToken()
    with stalled(stage, Limits(connect_s=1.5, read_s=1.5, total_s=60), token) as one:
        thread = one.run()
        wait_until(lambda: is_under_way(one, stage), "the exchange hangs")
        token.cancel()
        thread.join(0.3)
        assert thread.is_alive()
        thread.join(AT_MOST_S if stage != "body, closing" else 0.1)
    thread.join(AT_MOST_S)  # the server is closed


def test_a_token_thrown_before_ends_the_exchange_at_once() -> None:
    token = CancelToken()
    token.cancel()
    for stage in ("connect", "TLS handshake", "status line"):
        with stalled(stage, Limits(connect_s=30, read_s=30, total_s=60), token) as one:
            thread = one.run()
            thread.join(AT_MOST_S)
            assert not thread.is_alive()
            assert isinstance(one.error(), RequestCancelled)


@pytest.mark.parametrize(
    ("stage", "kind", "text"),
    [
        ("connect", ConnectError, "no connection within 0.2 s"),
        ("TLS handshake", ConnectError, "no connection within 0.2 s"),
        ("status line", RequestTimeout, "no byte for 0.3 s"),
        ("body", RequestTimeout, "no byte for 0.3 s"),
        ("chunks", RequestTimeout, "longer than it may"),
        ("upload", RequestTimeout, "no byte for 0.3 s"),
    ],
)
def test_idle_times_end_what_stands_still(stage: str, kind: type[MatrixError], text: str) -> None:
    with stalled(stage, Limits(connect_s=0.2, read_s=0.3, total_s=1.0)) as one, pytest.raises(kind, match=text):
        one.transport.send(one.request)


def test_very_long_times_are_no_error(transport: RequestsTransport) -> None:
    with RawServer(always(answer(b'{"a":1}'))) as server:
        for endless in (1e12, float("inf")):
            limits = Limits(connect_s=endless, read_s=endless, total_s=endless)
            assert transport.send(HttpRequest("GET", server.url, limits=limits)).body == b'{"a":1}'
        assert _watchdog._thread is not None
        assert _watchdog._thread.is_alive()


def test_deadlines_are_kept_apart() -> None:
    """A short call beside a long one ends in its own time, whichever began first."""
    for long_first in (True, False):
        with stalled("status line", Limits(total_s=60)) as long, stalled("status line", Limits(total_s=0.2)) as short:
            threads = [one.run() for one in ((long, short) if long_first else (short, long))]
            threads[long_first].join(AT_MOST_S)
            assert isinstance(short.error(), RequestTimeout)
            assert long.outcome == []
        for thread in threads:
            thread.join(AT_MOST_S)


# ------------------------------------------------------------------ bystanders


def test_cancelling_after_the_end_hurts_nobody(transport: RequestsTransport) -> None:
    token = CancelToken()
    with RawServer(always(answer())) as server:
        transport.send(HttpRequest("GET", server.url, cancel=token))
        token.cancel()
        transport.send(HttpRequest("GET", server.url))
        assert len(server.connections) == 1


class Gate(io.BytesIO):
    """A sink that holds its writer until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held = threading.Event()
        self.opens = threading.Event()

    def write(self, data: Any) -> int:
        self.is_held.set()
        assert self.opens.wait(20)
        return super().write(data)


@pytest.mark.parametrize("headers", [(), ("Connection: close",)])
def test_ending_one_exchange_spares_the_next_on_its_connection(
    transport: RequestsTransport, headers: tuple[str, ...]
) -> None:
    """The last byte is read, the connection is back in the pool and in use again: then the first is cancelled."""
    is_cancelled = threading.Event()

    def script(connection: Connection) -> None:
        while True:
            if connection.read_request().path == "/second":
                assert is_cancelled.wait(20)
            connection.send(answer(b'{"whole":true}', 200, *headers))

    token, sink = CancelToken(), Gate()
    with RawServer(script) as server:
        first = Stalled(server, transport, HttpRequest("GET", f"{server.url}/first", sink=sink, cancel=token))
        second = Stalled(server, transport, HttpRequest("GET", f"{server.url}/second"))
        threads = [first.run()]
        assert sink.is_held.wait(20)
        threads.append(second.run())
        server.wait_for_requests(2)
        token.cancel()
        is_cancelled.set()
        threads[1].join(AT_MOST_S)
        sink.opens.set()
        threads[0].join(AT_MOST_S)
        (outcome,) = second.outcome
        assert isinstance(outcome, HttpResponse)
        assert outcome.body == b'{"whole":true}'
        assert len(server.connections) == (2 if headers else 1)
        (taken,) = first.outcome
        assert isinstance(taken, HttpResponse)  # it was whole when it was cancelled
        assert sink.getvalue() == b'{"whole":true}'


def test_a_connection_that_was_ended_is_not_used_again() -> None:
    with stalled("body", Limits(read_s=30, total_s=0.2)) as one:
        with pytest.raises(RequestTimeout):
            one.transport.send(one.request)
        with pytest.raises(RequestTimeout):
            one.transport.send(one.request)
        assert len(one.server.connections) == 2


def test_an_upload_may_read_from_a_download(transport: RequestsTransport) -> None:
    """Exchanges nest in one thread, and each keeps its own deadline."""

    class Remote(io.RawIOBase):
        def __init__(self, url: str) -> None:
            self.url = url

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return transport.send(HttpRequest("GET", self.url)).body[:size]

    with RawServer(always(answer(b"0123456789"))) as source, RawServer(after_request(b"")) as target:
        stream: Any = Remote(source.url)
        request = HttpRequest("PUT", target.url, body=Upload(stream, 30), limits=Limits(read_s=30, total_s=0.4))
        with pytest.raises(RequestTimeout):
            transport.send(request)
        assert target.requests[0].body == b"0123456789" * 3


def test_many_exchanges_are_ended_together(transport: RequestsTransport) -> None:
    token = CancelToken()
    with RawServer(after_request(b"")) as server:
        requests = [HttpRequest("GET", server.url, cancel=token, limits=Limits(total_s=60)) for _ in range(30)]
        every = [Stalled(server, transport, request) for request in requests]
        threads = [one.run() for one in every]
        server.wait_for_requests(30)
        token.cancel()
        for thread in threads:
            thread.join(AT_MOST_S)
        assert all(isinstance(one.error(), RequestCancelled) for one in every)
