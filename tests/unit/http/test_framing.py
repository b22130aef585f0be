"""Framing and decompression: where an answer ends, to the letter."""

from __future__ import annotations

import gzip
import http.client
import io
import string
import zlib
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py.errors import TransportError, TruncatedAnswer
from gomatrix_py.http.framing import CHUNK, StrictResponse, inflated, stated_length

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Wire:
    """A socket that has these bytes to give, and then ends."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BufferedReader:
        raw: Any = io.BytesIO(self._data)
        return io.BufferedReader(raw)


def read(data: bytes, kind: type[http.client.HTTPResponse] = StrictResponse) -> tuple[int, bytes]:
    wire: Any = Wire(data)
    response = kind(wire, method="GET")
    try:
        response.begin()
        return response.status, response.read()
    finally:
        response.close()


# ------------------------------------------------------------------ chunks


@pytest.mark.parametrize(
    "framed",
    [
        b"3\r\nabc\r\n0\r\n\r\n",
        b"03\r\nabc\r\n00\r\n\r\n",
        b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
        b"3;name=value\r\nabc\r\n0;x\r\n\r\n",
        b"3 \r\nabc\r\n0\r\nTrailer: x\r\n\r\n",
        b"3\nabc\r\n0\n\n",
        b"3\r\nabc\r\n0\r\n",  # all there but the very last line
    ],
)
def test_chunks_are_joined(framed: bytes) -> None:
    assert read(HEAD + framed) == (200, b"abc")


@pytest.mark.parametrize(
    "framed",
    [
        b"3\r\nabc\r\n0",  # a size that may go on: 03, say
        b"0",
        b"-1\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"1_0\r\nabcdefghijklmnop\r\n0\r\n\r\n",
        b" 3\r\nabc\r\n0\r\n\r\n",
        b"\r\n",
        b"",
        b"3\r\nab",
        b"3\r\nabc",
        b"3\r\nabc\r\n",
        b"fffffffffffffffff\r\nabc",
        b"3" + b" " * 70_000 + b"\r\nabc\r\n0\r\n\r\n",
    ],
    ids=lambda framed: repr(framed)[:30],
)
def test_chunks_that_are_cut_or_no_chunks_are_refused(framed: bytes) -> None:
    with pytest.raises((http.client.HTTPException, ValueError, OverflowError)):
        read(HEAD + framed)


def test_the_standard_library_takes_them() -> None:
    """The control: without our class, a body cut inside a chunk size is whole."""
    cut = HEAD + b"3\r\nabc\r\n0"
    assert read(cut, http.client.HTTPResponse) == (200, b"abc")


def test_trailers_without_end_are_refused() -> None:
    with pytest.raises(http.client.HTTPException, match="trailer"):
        read(HEAD + b"3\r\nabc\r\n0\r\n" + b"T: x\r\n" * 200)
    with pytest.raises(http.client.LineTooLong):
        read(HEAD + b"3\r\nabc\r\n0\r\nT: " + b"x" * 70_000)


# ------------------------------------------------------------------ interim answers


@pytest.mark.parametrize("status", [100, 102, 103, 199])
def test_interim_answers_are_skipped(status: int) -> None:
    interim = b"HTTP/1.1 %d Wait\r\nLink: </x>\r\n\r\n" % status
    assert read(interim * 3 + HEAD + b"3\r\nabc\r\n0\r\n\r\n") == (200, b"abc")


def test_the_standard_library_takes_early_hints_for_the_answer() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    assert read(hints + HEAD + b"0\r\n\r\n", http.client.HTTPResponse) == (103, b"")


def test_a_storm_of_interim_answers_is_refused() -> None:
    with pytest.raises(http.client.HTTPException, match="interim"):
        read(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def test_headers_without_end_in_an_interim_answer_are_refused() -> None:
    with pytest.raises(http.client.HTTPException, match="header"):
        read(b"HTTP/1.1 103 Wait\r\n" + b"Link: x\r\n" * 1000)


def test_another_protocol_is_refused() -> None:
    with pytest.raises(http.client.HTTPException, match="protocol"):
        read(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n")


# ------------------------------------------------------------------ headers

START = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"


def fields(data: bytes, kind: type[http.client.HTTPResponse] = StrictResponse) -> list[tuple[str, str]]:
    wire: Any = Wire(data)
    response = kind(wire, method="GET")
    try:
        response.begin()
        return response.getheaders()
    finally:
        response.close()


TOKENS = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=20)
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_categories=["Cc"]), max_size=30)


@given(st.lists(st.tuples(TOKENS, VALUES), max_size=20), st.sampled_from(["\r\n", "\n"]))
@settings(deadline=None, max_examples=100)
def test_headers_are_what_the_standard_library_finds(headers: list[tuple[str, str]], end: str) -> None:
    lines = "".join(f"{name}: {value}{end}" for name, value in headers if name.lower() != "transfer-encoding")
    data = START + lines.encode("iso-8859-1") + b"\r\n"
    assert fields(data) == fields(data, http.client.HTTPResponse)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"X:a", "a"),
        (b"X:", ""),
        (b"X: \t a b \t ", "a b"),
        (b"X: a:b", "a:b"),
        (b"X: a\r\n b", "a b"),
        (b"X: a\r\n\t b\r\n  c", "a b c"),
        (b"X: \xe9", "\xe9"),
    ],
)
def test_a_header_line(line: bytes, value: str) -> None:
    assert fields(START + line + b"\r\n\r\n")[1:] == [("X", value)]


@pytest.mark.parametrize(
    "line", [b"no colon", b": no name", b"X : a", b"X y: a", b"X\xe9: a", b"X: a\rY: b", b"X: a\0", b"X\0: a", b"\r"]
)
def test_a_header_line_that_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(http.client.HTTPException):
        fields(START + line + b"\r\nLast: x\r\n\r\n")


def test_a_line_that_goes_on_from_nothing_is_refused() -> None:
    with pytest.raises(http.client.HTTPException):
        fields(b"HTTP/1.1 200 OK\r\n X: a\r\n\r\n")


def test_the_standard_library_loses_what_follows_such_a_line() -> None:
    """The control: the length is said, and not heard."""
    data = b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 3\r\n\r\nabc"
    assert fields(data, http.client.HTTPResponse) == []
    with pytest.raises(http.client.HTTPException):
        fields(data)


def test_headers_without_end_are_refused() -> None:
    assert len(fields(START + b"X: y\r\n" * 99 + b"\r\n")) == 100
    with pytest.raises(http.client.HTTPException, match="100 headers"):
        fields(START + b"X: y\r\n" * 100 + b"\r\n")
    with pytest.raises(http.client.LineTooLong):
        fields(START + b"X: " + b" " * 70_000 + b"\r\n\r\n")


@pytest.mark.parametrize("version", [b"HTTP/2", b"HTTP/0.9", b"HTTP/11.1", b"HTTP/"])
def test_a_version_of_http_that_nobody_spoke_is_refused(version: bytes) -> None:
    with pytest.raises(http.client.HTTPException):
        fields(version + b" 200 OK\r\n\r\n")


@pytest.mark.parametrize(
    ("head", "ends_with_connection"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", False),
        (b"HTTP/1.1 200 OK", True),
        (b"HTTP/1.1 204 No Content", False),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3", False),
    ],
)
def test_when_a_connection_can_be_used_again(head: bytes, ends_with_connection: bool) -> None:
    for kind in (StrictResponse, http.client.HTTPResponse):
        wire: Any = Wire(head + b"\r\n\r\n")
        response = kind(wire, method="GET")
        response.begin()
        assert response.will_close is ends_with_connection
        response.close()


# ------------------------------------------------------------------ the length


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({}, None),
        ({"content-length": "0"}, 0),
        ({"content-length": " 12 "}, 12),
        ({"transfer-encoding": "chunked"}, None),
        ({"transfer-encoding": " Chunked "}, None),
        ({"transfer-encoding": "chunked", "content-length": "5"}, None),  # the chunks decide
    ],
)
def test_the_stated_length(headers: dict[str, str], length: int | None) -> None:
    assert stated_length(headers) == length


@pytest.mark.parametrize("length", ["", "-1", "+5", "5, 5", "5_0", "0x5", "²", "\u0665", "5.0", "9" * 19, "a" * 100])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    with pytest.raises(TransportError):
        stated_length({"content-length": length})


@pytest.mark.parametrize("coding", ["", "gzip, chunked", "chunked, chunked", "identity", "gzip", "chunked;x"])
def test_a_transfer_coding_that_was_not_asked_for_is_refused(coding: str) -> None:
    with pytest.raises(TransportError):
        stated_length({"transfer-encoding": coding})


# ------------------------------------------------------------------ gzip


def unpacked(parts: Iterable[bytes]) -> bytes:
    left = iter(parts)
    return b"".join(inflated(lambda: next(left, b"")))


BODY = bytes(range(256)) * 50
PACKED = gzip.compress(BODY, mtime=0)


@pytest.mark.parametrize("step", [1, 7, 18, 1000, 10**6])
def test_gzip_is_unpacked_however_it_is_cut_up(step: int) -> None:
    assert unpacked(PACKED[at : at + step] for at in range(0, len(PACKED), step)) == BODY


@pytest.mark.parametrize("step", [1, 10**6])
def test_gzip_may_come_in_several_parts(step: int) -> None:
    packed = PACKED * 3
    assert unpacked(packed[at : at + step] for at in range(0, len(packed), step)) == BODY * 3


def test_nothing_is_nothing() -> None:
    assert unpacked([]) == b""
    assert unpacked([gzip.compress(b"", mtime=0)]) == b""


def test_gzip_cut_at_any_byte_is_truncated() -> None:
    packed = gzip.compress(b'{"name":"value"}', mtime=0)
    for end in range(1, len(packed)):
        with pytest.raises(TruncatedAnswer):
            unpacked([packed[:end]])


@pytest.mark.parametrize(
    "packed",
    [
        PACKED + b"\x00",
        PACKED + b"garbage",
        PACKED + PACKED[:5],
        b"not gzip",
        zlib.compress(BODY),
        PACKED[:-8] + b"\0" * 8,
    ],
    ids=lambda packed: repr(packed[-8:]),
)
def test_damaged_gzip_is_refused(packed: bytes) -> None:
    with pytest.raises(TruncatedAnswer):
        unpacked([packed])


def test_a_bomb_comes_in_bounded_pieces() -> None:
    bomb = gzip.compress(bytes(8 * 1024 * 1024))
    left = iter([bomb])
    sizes = [len(piece) for piece in inflated(lambda: next(left, b""))]
    assert max(sizes) <= CHUNK
    assert sum(sizes) == 8 * 1024 * 1024


def test_parts_that_hold_nothing_come_to_an_end() -> None:
    with pytest.raises(TruncatedAnswer, match="parts"):
        unpacked([gzip.compress(b"", mtime=0) * 101])


def test_output_that_fills_its_buffer_to_the_byte_is_whole() -> None:
    for size in (CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 258):
        for body in (bytes(size), (b"ab" * size)[:size]):
            packed = gzip.compress(body, mtime=0)
            assert unpacked([packed]) == body
            assert unpacked([packed[:-8], packed[-8:]]) == body  # the trailer on its own
            assert unpacked([packed[:-1], packed[-1:]]) == body
