"""Taking the body of an answer: whole or an error, and within bounds. No sockets."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from typing import Any

import pytest

from gomatrix_py import Limits
from gomatrix_py.errors import AnswerTooLarge, TransportError, TruncatedAnswer
from gomatrix_py.http.framing import CHUNK
from gomatrix_py.http.incoming import ERROR_BODY_BYTES, Incoming
from gomatrix_py.http.messages import HttpRequest, HttpResponse, Redirects
from gomatrix_py.http.streams import StreamFailed

URL = "https://hs.example/x"


class Source:
    """The bytes on a wire, and how many were taken."""

    def __init__(self, data: bytes, endless: bool = False) -> None:
        self._file = io.BytesIO(data)
        self._endless = endless
        self.taken = 0
        self.largest = 0

    def read(self, size: int | None) -> bytes:
        assert size is not None or not self._endless, "asked an endless source for all it has"
        data = bytes(size or 0) if self._endless else self._file.read(size)
        self.taken += len(data)
        self.largest = max(self.largest, len(data))
        return data


def take(
    source: Source,
    headers: dict[str, str] | None = None,
    status: int = 200,
    *,
    on_wire: bool = True,
    **fields: Any,
) -> tuple[HttpResponse, Incoming]:
    fields.setdefault("method", "GET")
    request = HttpRequest(url=URL, route="GET /x", **fields)
    incoming = Incoming(request, status, headers or {}, source.read, is_on_wire=on_wire)
    return incoming.receive(), incoming


def stated(data: bytes, **more: str) -> dict[str, str]:
    return {"content-length": str(len(data)), **{name.replace("_", "-"): value for name, value in more.items()}}


# ------------------------------------------------------------------ whole


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (b"{}", stated(b"{}")),
        (b"{}", {"content-length": "2", "content-encoding": "identity"}),
        (b"{}", {"transfer-encoding": "chunked"}),
        (b"{}", {}),  # JSON shows by itself whether it is whole
        (gzip.compress(b"{}", mtime=0), stated(gzip.compress(b"{}"), content_encoding="gzip")),
        (gzip.compress(b"{}", mtime=0), {"transfer-encoding": "chunked", "content-encoding": "X-GZIP "}),
        (gzip.compress(b"{}", mtime=0), {"content-encoding": "gzip"}),
    ],
)
def test_every_framing_brings_the_same_body(data: bytes, headers: dict[str, str]) -> None:
    response, incoming = take(Source(data), headers)
    assert (response.body, response.size, incoming.is_drained) == (b"{}", 2, True)


@pytest.mark.parametrize("fields", [{}, {"method": "HEAD"}])
@pytest.mark.parametrize("status", [204, 200])
@pytest.mark.parametrize("with_sink", [False, True])
def test_answers_without_a_body_are_whole(fields: dict[str, Any], status: int, with_sink: bool) -> None:
    headers = {} if status == 204 else {"content-length": "0" if not fields else "500"}
    if with_sink:
        fields = {**fields, "sink": io.BytesIO()}
    response, incoming = take(Source(b""), headers, status, **fields)
    assert (response.body, response.size, incoming.is_drained) == (b"", 0, True)


@pytest.mark.parametrize("headers", [stated(b"12345"), {**stated(b"12345"), "content-encoding": "identity"}])
@pytest.mark.parametrize("with_sink", [False, True])
def test_fewer_bytes_than_stated_are_an_error(headers: dict[str, str], with_sink: bool) -> None:
    with pytest.raises(TruncatedAnswer):
        take(Source(b"1234"), headers, sink=io.BytesIO() if with_sink else None)


def test_an_empty_body_that_only_the_connection_ended_is_an_error() -> None:
    for data, headers in ((b"", {}), (b"", {"content-encoding": "gzip"})):
        with pytest.raises(TruncatedAnswer, match="before its body"):
            take(Source(data), headers)
    response, _ = take(Source(b""), {}, on_wire=False)  # a mocked answer
    assert response.body == b""


@pytest.mark.parametrize("fields", [{"sink": io.BytesIO()}, {"redirects": Redirects.MEDIA}])
@pytest.mark.parametrize("headers", [{}, {"content-encoding": "gzip"}])
def test_a_download_that_only_the_connection_ends_is_an_error(fields: Any, headers: dict[str, str]) -> None:
    source = Source(b"half a picture")
    with pytest.raises(TruncatedAnswer, match="does not say how long"):
        take(source, headers, **fields)
    assert source.taken == 0
    response, _ = take(Source(b"a whole picture"), {}, on_wire=False, redirects=Redirects.MEDIA)
    assert response.body == b"a whole picture"


# ------------------------------------------------------------------ bounds


@pytest.mark.parametrize("with_sink", [False, True])
@pytest.mark.parametrize("length", ["1000001", str(10**17)])
def test_a_length_past_the_cap_is_refused(length: str, with_sink: bool) -> None:
    source = Source(b"", endless=True)
    with pytest.raises(AnswerTooLarge):
        take(
            source,
            {"content-length": length},
            limits=Limits(max_bytes=1_000_000),
            sink=io.BytesIO() if with_sink else None,
        )
    assert source.taken <= 1_000_000 + CHUNK


@pytest.mark.parametrize(
    "headers",
    [{}, {"transfer-encoding": "chunked"}, {"transfer-encoding": "chunked", "content-length": "2"}],
)
def test_an_endless_body_is_taken_up_to_the_cap(headers: dict[str, str]) -> None:
    source = Source(b"", endless=True)
    with pytest.raises(AnswerTooLarge):
        take(source, headers, limits=Limits(max_bytes=1_000_000))
    assert source.taken <= 1_000_000 + CHUNK
    assert source.largest <= CHUNK


def test_a_body_of_exactly_the_cap_is_taken() -> None:
    body = b"x" * 1000
    for headers in (stated(body), {"transfer-encoding": "chunked"}):
        response, _ = take(Source(body), headers, limits=Limits(max_bytes=1000))
        assert response.size == 1000


def test_what_gzip_unpacks_counts() -> None:
    bomb = gzip.compress(bytes(4_000_000))
    assert len(bomb) < 10_000
    with pytest.raises(AnswerTooLarge):
        take(Source(bomb), stated(bomb, content_encoding="gzip"), limits=Limits(max_bytes=1_000_000))


def test_what_gzip_does_not_unpack_counts_too() -> None:
    class Header(Source):
        """A gzip header whose file name never ends: nothing ever comes out."""

        def read(self, size: int | None) -> bytes:
            named = b"n" * len(super().read(size))
            return named if self.taken > len(named) else b"\x1f\x8b\x08\x08\0\0\0\0\0\0" + named

    source = Header(b"", endless=True)
    with pytest.raises(AnswerTooLarge):
        take(source, {"content-encoding": "gzip"}, limits=Limits(max_bytes=1_000_000))
    assert source.taken < 3_000_000


# ------------------------------------------------------------------ encodings


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", ", ".join(["gzip"] * 100), "x" * 500])
def test_an_encoding_nobody_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(TransportError) as caught:
        take(Source(b"{}"), {"content-length": "2", "content-encoding": encoding})
    assert len(str(caught.value)) < 200


# ------------------------------------------------------------------ errors


def test_the_body_of_an_error_is_kept() -> None:
    response, incoming = take(Source(b"<html>"), stated(b"<html>"), 502)
    assert (response.status, response.body, incoming.is_drained) == (502, b"<html>", True)


def bodies_past_the_cap() -> list[tuple[Callable[[], Source], dict[str, str]]]:
    packed = gzip.compress(bytes(3 * ERROR_BODY_BYTES))
    return [
        (lambda: Source(b"", endless=True), {}),
        (lambda: Source(b"", endless=True), {"content-length": str(10**12)}),
        (lambda: Source(b"", endless=True), {"content-encoding": "br"}),
        (lambda: Source(packed), stated(packed, content_encoding="gzip")),
    ]


@pytest.mark.parametrize(("source", "headers"), bodies_past_the_cap())
def test_the_body_of_an_error_is_cut_and_its_status_kept(
    source: Callable[[], Source], headers: dict[str, str]
) -> None:
    wire = source()
    response, incoming = take(wire, headers, 503)
    assert (response.status, response.size) == (503, ERROR_BODY_BYTES)
    assert not incoming.is_drained  # so that the connection is not used again
    assert wire.taken <= 2 * ERROR_BODY_BYTES


def test_an_error_in_another_encoding_is_kept_as_it_came() -> None:
    response, _ = take(Source(b"\x8b\x00"), {"content-length": "2", "content-encoding": "br"}, 502)
    assert response.body == b"\x8b\x00"


def test_an_error_never_goes_to_the_sink() -> None:
    sink = io.BytesIO()
    response, _ = take(Source(b"no such media"), stated(b"no such media"), 404, sink=sink)
    assert (response.body, sink.getvalue()) == (b"no such media", b"")


# ------------------------------------------------------------------ sinks


def test_a_sink_gets_every_byte_and_the_answer_none() -> None:
    sink = io.BytesIO()
    picture = bytes(range(256)) * 5000
    response, _ = take(Source(picture), stated(picture), sink=sink)
    assert (response.body, response.size) == (b"", len(picture))
    assert sink.getvalue() == picture


def test_a_sink_gets_what_was_unpacked() -> None:
    sink = io.BytesIO()
    packed = gzip.compress(b"picture", mtime=0)
    response, _ = take(Source(packed), stated(packed, content_encoding="gzip"), sink=sink)
    assert (sink.getvalue(), response.size) == (b"picture", 7)


def test_a_full_disk_is_told_apart_from_a_broken_connection() -> None:
    class FullDisk(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(StreamFailed) as caught:
        take(Source(b"x"), stated(b"x"), sink=FullDisk())
    assert isinstance(caught.value.reason, OSError)
