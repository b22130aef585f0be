"""Uploads and downloads: to the byte, in little memory, and with the caller's files left in order."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import pytest
import requests

from gomatrix_py import Client, Limits, RetryPolicy
from gomatrix_py.errors import AnswerTooLarge, ServerError, TooLarge, TransportError, TruncatedAnswer, UsageError
from gomatrix_py.http.exchange import Exchange
from gomatrix_py.http.messages import MEBIBYTE, HttpRequest, Redirects, Upload
from gomatrix_py.http.transport import RequestsTransport
from tests.kit.raw_server import Connection, RawServer, Script, always, answer, in_turn

BIG = 24 * MEBIBYTE
LITTLE = 4 * MEBIBYTE
LIMITS = Limits(read_s=20, total_s=60, max_bytes=64 * MEBIBYTE)


def counting(connection: Connection, already: bytes = b"") -> None:
    """Take bodies of any size without keeping them; answer with length and hash."""
    while True:
        stated, digest = take_body(connection, already)
        connection.send(answer(f"{stated} {digest}".encode()))
        already = b""


def take_body(connection: Connection, already: bytes) -> tuple[int, str]:
    head = already
    while b"\r\n\r\n" not in head:
        head += received(connection, 1)
    lines = [line.lower() for line in head.decode().split("\r\n")]
    (stated,) = (int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
    assert not any(line.startswith("transfer-encoding") for line in lines)
    digest, left = hashlib.sha256(), stated
    while left:
        data = received(connection, min(left, MEBIBYTE))
        digest.update(data)
        left -= len(data)
    return stated, digest.hexdigest()


def received(connection: Connection, size: int) -> bytes:
    data = connection.sock.recv(size)
    if not data:
        raise OSError("the client hung up")
    return data


class Synthetic(io.RawIOBase):
    """A big file that is not there: bytes made while they are read."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self.size - self.at)
        buffer[:count] = bytes(byte % 251 for byte in range(7)) * (count // 7) + b"x" * (count % 7)
        self.at += count
        return count


class Counting(io.RawIOBase):
    """A sink that keeps nothing but a hash."""

    def __init__(self) -> None:
        self.size = 0
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.size += len(data)
        self.digest.update(data)
        return len(data)


def put(server: RawServer, body: bytes | Upload, **fields: Any) -> HttpRequest:
    return HttpRequest("PUT", f"{server.url}/x", "PUT /x", body=body, **{"limits": LIMITS, **fields})


@pytest.fixture
def traced() -> Iterator[None]:
    """Trace memory, so that its peak can be looked at."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


# ------------------------------------------------------------------ uploads


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 1_000_003])
def test_bytes_and_files_arrive_as_they_are(transport: RequestsTransport, size: int, tmp_path: Path) -> None:
    content = (bytes(range(256)) * (size // 256 + 1))[:size]
    path = tmp_path / "content"
    path.write_bytes(b"before" + content + b"after")
    wanted = f"{size} {hashlib.sha256(content).hexdigest()}".encode()
    with RawServer(counting) as server:
        assert transport.send(put(server, content)).body == wanted
        with path.open("rb") as file:
            file.seek(6)
            assert transport.send(put(server, Upload(file, size))).body == wanted
            assert file.tell() == 6 + size


@pytest.mark.usefixtures("traced")
def test_a_big_upload_takes_little_memory(transport: RequestsTransport) -> None:
    with RawServer(counting) as server:
        stream = cast("IO[bytes]", Synthetic(BIG))
        assert transport.send(put(server, Upload(stream, BIG))).body.startswith(b"%d " % BIG)
    assert tracemalloc.get_traced_memory()[1] < LITTLE


class Bare:
    """The least an upload asks for: it can be read."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, 3))


def test_anything_that_can_be_read_can_be_sent(transport: RequestsTransport) -> None:
    exchange = Exchange(transport, RetryPolicy())
    with RawServer(always(answer())) as server:
        exchange.send(put(server, Upload(cast("IO[bytes]", Bare(b"0123456789")), 10)))
        assert server.requests[0].body == b"0123456789"


class Failing(io.BytesIO):
    """A file that breaks while it is read."""

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if not data:
            raise OSError(5, "Input/output error")
        return data


@pytest.mark.parametrize(
    ("stream", "kind", "text"),
    [
        (io.BytesIO(b"short"), UsageError, "ended 95 bytes before its stated length"),
        (io.StringIO("text" * 100), UsageError, "binary mode"),
        (Failing(b"five "), OSError, "Input/output error"),
    ],
)
def test_a_file_that_breaks_its_word_ends_the_call_and_the_connection(
    transport: RequestsTransport, stream: Any, kind: type[Exception], text: str
) -> None:
    exchange = Exchange(transport, RetryPolicy(base_s=0.0))
    with RawServer(always(answer())) as server:
        with pytest.raises(kind, match=text) as caught:
            exchange.send(put(server, Upload(stream, 100), may_retry=True))
        assert not isinstance(caught.value, TransportError)
        assert server.requests == []  # no whole request ever came
        exchange.send(put(server, b"fine"))
        assert [request.body for request in server.requests] == [b"fine"]
        assert len(server.connections) == 2


@pytest.mark.parametrize("as_upload", [False, True])
def test_an_upload_may_take_longer_than_a_connection(transport: RequestsTransport, as_upload: bool) -> None:
    """Sending has the idle time, piece by piece; not the time to connect, and not all bytes at once."""
    size = 16 * MEBIBYTE
    body: bytes | Upload = Upload(cast("IO[bytes]", Synthetic(size)), size) if as_upload else bytes(size)

    def slow(connection: Connection) -> None:
        already = b""
        for _ in range(4):
            already += received(connection, 1)
            connection.server.stopping.wait(0.15)
        counting(connection, already)

    with RawServer(slow) as server:
        limits = Limits(connect_s=0.3, read_s=10, total_s=30)
        assert transport.send(put(server, body, limits=limits)).body.startswith(b"%d " % size)


def test_requests_gives_up_on_such_an_upload() -> None:
    """The control: sending all at once under the time limit for connecting."""

    def never(connection: Connection) -> None:
        connection.server.stopping.wait()

    with RawServer(never) as server, requests.Session() as session, pytest.raises(requests.ConnectionError) as caught:
        session.put(server.url, data=bytes(16 * MEBIBYTE), timeout=(0.3, 10))
    assert "timed out" in str(caught.value)


def test_an_answer_that_comes_before_the_upload_is_over_is_heard(transport: RequestsTransport) -> None:
    too_large = answer(b'{"errcode":"M_TOO_LARGE"}', 413, "Connection: close")

    def script(connection: Connection) -> None:
        connection.sock.recv(1000)
        connection.send(too_large)
        connection.cut()
        while connection.sock.recv(MEBIBYTE):
            pass

    exchange = Exchange(transport, RetryPolicy())
    with RawServer(script) as server, pytest.raises(TooLarge):
        exchange.send(put(server, bytes(4 * MEBIBYTE)))


def test_an_upload_is_repeated_from_where_it_began(transport: RequestsTransport) -> None:
    exchange = Exchange(transport, RetryPolicy(base_s=0.0))
    stream = io.BytesIO(b"not this:" + b"content")
    stream.seek(9)
    with RawServer(in_turn(answer(b"", 503), lambda connection: connection.reset(), answer())) as server:
        exchange.send(put(server, Upload(stream, 7), may_retry=True))
        assert [request.body for request in server.requests] == [b"content"] * 3


def test_an_upload_through_the_client_is_streamed_with_its_type_and_length(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG" * 1000)
    with RawServer(always(answer(b'{"content_uri":"mxc://hs/abc"}'))) as server:
        client = Client(server.url, "@me:hs", "syt_token")
        with path.open("rb") as file:
            client.upload_to_content_repo(file, "image/png", filename="a b.png")
        client.close()
        (request,) = server.requests
    assert request.target == "/_matrix/media/v3/upload?filename=a%20b.png"
    assert request.headers["content-type"] == "image/png"
    assert request.headers["content-length"] == "4000"
    assert request.body == path.read_bytes()


# ------------------------------------------------------------------ downloads


def sending(size: int, chunk: bytes = bytes(65536), *, is_chunked: bool) -> Script:
    """Return the script that sends a big body without having it."""

    def script(connection: Connection) -> None:
        while True:
            connection.read_request()
            send(connection)

    def send(connection: Connection) -> None:
        if is_chunked:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        else:
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(chunk)):
            connection.send(b"%x\r\n%b\r\n" % (len(chunk), chunk) if is_chunked else chunk)
        if is_chunked:
            connection.send(b"0\r\n\r\n")

    return script


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_big_download_takes_little_memory(transport: RequestsTransport, is_chunked: bool) -> None:
    sink = Counting()
    with RawServer(sending(BIG, is_chunked=is_chunked)) as server:
        response = transport.send(
            HttpRequest("GET", server.url, sink=cast("IO[bytes]", sink), limits=LIMITS, redirects=Redirects.MEDIA)
        )
        peak = tracemalloc.get_traced_memory()[1]
        assert peak < LITTLE
        transport.send(HttpRequest("GET", server.url, limits=LIMITS))
        assert tracemalloc.get_traced_memory()[1] >= BIG  # the control: without a sink it is all in memory
    assert (response.size, sink.size, response.body) == (BIG, BIG, b"")
    assert sink.digest.digest() == hashlib.sha256(bytes(BIG)).digest()


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_download_past_its_cap_is_ended(transport: RequestsTransport, is_chunked: bool) -> None:
    sink = Counting()
    with RawServer(sending(BIG, is_chunked=is_chunked)) as server, pytest.raises(AnswerTooLarge):
        transport.send(
            HttpRequest("GET", server.url, sink=cast("IO[bytes]", sink), limits=Limits(max_bytes=MEBIBYTE))
        )
    assert sink.size <= MEBIBYTE


def test_a_download_that_was_cut_is_fetched_again_from_the_start(
    transport: RequestsTransport, tmp_path: Path
) -> None:
    picture = b"picture" * 1000
    cut = answer(picture[:3000], length=len(picture))

    def cutting(connection: Connection) -> None:
        connection.send(cut)

    exchange = Exchange(transport, RetryPolicy(base_s=0.0))
    with RawServer(in_turn(cutting, answer(b"busy", 503), cutting, answer(picture))) as server:
        with (tmp_path / "picture").open("wb") as file:
            exchange.send(HttpRequest("GET", server.url, sink=file, may_retry=True))
        assert (tmp_path / "picture").read_bytes() == picture
        assert len(server.requests) == 4


def test_a_download_that_cannot_start_again_stays_an_error(transport: RequestsTransport) -> None:
    def cutting(connection: Connection) -> None:
        connection.send(answer(b"half", length=8))

    exchange = Exchange(transport, RetryPolicy(base_s=0.0))
    sink = Counting()
    with RawServer(in_turn(cutting)) as server, pytest.raises(TruncatedAnswer):
        exchange.send(HttpRequest("GET", server.url, sink=cast("IO[bytes]", sink), may_retry=True))
    assert len(server.requests) == 1


def test_a_full_disk_is_not_taken_for_a_broken_connection(transport: RequestsTransport) -> None:
    class FullDisk(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    exchange = Exchange(transport, RetryPolicy(base_s=0.0))
    with RawServer(always(answer(b"picture"))) as server:
        with pytest.raises(OSError, match="No space left"):
            exchange.send(HttpRequest("GET", server.url, sink=FullDisk(), may_retry=True))
        assert len(server.requests) == 1  # not tried again


def test_a_download_to_an_unbuffered_pipe_is_whole(transport: RequestsTransport) -> None:
    """A raw file may take a part of what it is given; the rest must follow."""

    class Narrow(Counting):
        def write(self, data: Any) -> int:
            return super().write(bytes(data[:1000]))

    picture = bytes(range(256)) * 100
    sink = Narrow()
    with RawServer(always(answer(picture))) as server:
        response = transport.send(HttpRequest("GET", server.url, sink=cast("IO[bytes]", sink)))
    assert response.size == sink.size == len(picture)
    assert sink.digest.digest() == hashlib.sha256(picture).digest()


def test_errors_do_not_go_to_the_sink(transport: RequestsTransport) -> None:
    sink = io.BytesIO()
    exchange = Exchange(transport, RetryPolicy.never())
    with RawServer(always(answer(b"broken", 500))) as server, pytest.raises(ServerError) as caught:
        exchange.send(HttpRequest("GET", server.url, sink=sink))
    assert (sink.getvalue(), caught.value.contents) == (b"", b"broken")


def test_downloads_through_the_client_are_never_cut_silently(tmp_path: Path) -> None:
    def until_close(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\nhalf a pict")

    with RawServer(in_turn(until_close, until_close)) as server:
        client = Client(server.url, "@me:hs", "syt_token", retry=RetryPolicy.never())
        with pytest.raises(TruncatedAnswer):
            client.download("mxc://hs/abc")
        with pytest.raises(TruncatedAnswer):
            client.download("mxc://hs/abc", tmp_path / "picture.png")
        client.close()
    assert list(tmp_path.iterdir()) == []
