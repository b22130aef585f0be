"""Answers no server should give: each ends in an error of ours, soon, and in little memory."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3

from gomatrix_py import Limits, RetryPolicy
from gomatrix_py.errors import (
    AnswerTooLarge,
    DecodeError,
    HTTPError,
    MatrixError,
    RequestTimeout,
    ServerError,
    TransportError,
)
from gomatrix_py.http.answers import json_object
from gomatrix_py.http.exchange import Exchange
from gomatrix_py.http.messages import MEBIBYTE, HttpRequest
from gomatrix_py.http.transport import RequestsTransport
from tests.kit.raw_server import Connection, RawServer, Script, always, answer

CORPUS = Path(__file__).resolve().parents[2] / "corpus" / "http"
REFUSED = sorted((CORPUS / "refused").iterdir())
TAKEN = sorted((CORPUS / "taken").iterdir())
LIMITS = Limits(connect_s=10, read_s=10, total_s=10)


def once(data: bytes) -> Script:
    """Return the script that answers one request and closes the connection."""

    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(data)

    return script


def ask(transport: RequestsTransport, server: RawServer, **fields: Any) -> Any:
    request = HttpRequest("GET", f"{server.url}/x", "GET /x", **{"limits": LIMITS, **fields})
    return json_object(Exchange(transport, RetryPolicy.never()).send(request))


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_a_hostile_answer_is_refused(transport: RequestsTransport, path: Path) -> None:
    with RawServer(once(path.read_bytes())) as server, pytest.raises(MatrixError) as caught:
        ask(transport, server)
    assert isinstance(caught.value, (TransportError, HTTPError, DecodeError))
    assert not isinstance(caught.value, RequestTimeout)
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("path", TAKEN, ids=lambda path: path.stem)
def test_an_odd_answer_is_taken(transport: RequestsTransport, path: Path) -> None:
    with RawServer(once(path.read_bytes())) as server:
        assert ask(transport, server) == {"ok": True}


def test_the_corpus_is_there() -> None:
    assert len(REFUSED) > 40
    assert len(TAKEN) > 10


# ------------------------------------------------------------------ without end


class Flood:
    """A script that sends the same bytes until the client hangs up, and counts them."""

    def __init__(self, head: bytes, again: bytes) -> None:
        self.head = head
        self.again = again * max(1, 65536 // len(again))
        self.sent = 0

    def __call__(self, connection: Connection) -> None:
        connection.read_request()
        connection.send(self.head)
        while not connection.server.stopping.is_set():
            connection.send(self.again)
            self.sent += len(self.again)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FLOODS = {
    "until close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"x"),
    "chunked": (CHUNKED, b"400\r\n" + b"x" * 1024 + b"\r\n"),
    "chunked beside a length": (CHUNKED[:-2] + b"Content-Length: 2\r\n\r\n", b"400\r\n" + b"x" * 1024 + b"\r\n"),
    "a chunk of -1 bytes": (CHUNKED + b"-1\r\n", b"x"),
    "a chunk of an exabyte": (CHUNKED + b"fffffffffffffff\r\n", b"x"),
    "an exabyte": (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999999999\r\n\r\n", b"x"),
    "two lengths in one": (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", b"x"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-Header: x\r\n"),
    "one header": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "trailers": (CHUNKED + b"0\r\n", b"Trailer: x\r\n"),
    "status line": (b"HTTP/1.1 200 ", b"x"),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_is_ended_early_and_kept_in_bounds(transport: RequestsTransport, kind: str) -> None:
    flood = Flood(*FLOODS[kind])
    limits = Limits(read_s=10, total_s=20, max_bytes=2 * MEBIBYTE)
    with RawServer(flood) as server:
        tracemalloc.start()
        try:
            with pytest.raises(TransportError) as caught:
                ask(transport, server, limits=limits)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert not isinstance(caught.value, RequestTimeout)
    assert flood.sent < 16 * MEBIBYTE  # what fits into the buffers of both sides
    assert peak < 8 * MEBIBYTE


def test_requests_takes_a_chunk_of_minus_one_for_all_there_is() -> None:
    """The control: this is how a few bytes become as many as the server likes."""
    size = 20 * MEBIBYTE
    head, _ = FLOODS["a chunk of -1 bytes"]
    with RawServer(once(head + bytes(size))) as server, requests.Session() as session:
        got = session.get(f"{server.url}/x", stream=True, timeout=10)
        tracemalloc.start()
        try:
            with pytest.raises(urllib3.exceptions.ProtocolError):
                got.raw.read(1000)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak >= size  # though a thousand bytes were asked for


def test_a_bomb_of_200_mb_costs_little(transport: RequestsTransport) -> None:
    bomb = gzip.compress(bytes(200 * MEBIBYTE), compresslevel=1)
    with RawServer(once(answer(bomb, 200, "Content-Encoding: gzip"))) as server:
        tracemalloc.start()
        try:
            with pytest.raises(AnswerTooLarge):
                ask(transport, server, limits=Limits(max_bytes=4 * MEBIBYTE))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 16 * MEBIBYTE


def test_a_huge_error_page_keeps_its_status(transport: RequestsTransport) -> None:
    page = b"<html>" + b"x" * (3 * MEBIBYTE)
    with RawServer(always(answer(page, 503))) as server:
        with pytest.raises(ServerError) as caught:
            ask(transport, server)
        assert (caught.value.code, len(caught.value.contents)) == (503, MEBIBYTE)
        with pytest.raises(ServerError):
            ask(transport, server)
        assert len(server.connections) == 2  # the rest of the page was not read: its connection is not used again


def test_after_an_interim_answer_the_connection_is_in_step(transport: RequestsTransport) -> None:
    """Early hints that come before the answer is ready must not shift all answers by one."""

    def script(connection: Connection) -> None:
        for number in range(3):
            connection.read_request()
            connection.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            connection.send(answer(b'{"number":%d}' % number))

    with RawServer(script) as server:
        assert [ask(transport, server) for _ in range(3)] == [{"number": number} for number in range(3)]
        assert len(server.connections) == 1


def test_bytes_after_an_answer_are_not_the_next_answer(transport: RequestsTransport) -> None:
    numbers = iter((1, 2))

    def script(connection: Connection) -> None:
        while True:
            connection.read_request()
            connection.send(answer(b'{"number":%d}' % next(numbers)) + answer(b'{"smuggled":true}'))

    with RawServer(script) as server:
        assert ask(transport, server) == {"number": 1}
        assert ask(transport, server) == {"number": 2}
