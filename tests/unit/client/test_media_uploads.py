"""`upload`: by which road it goes, what is repeated, and what is refused before a byte is sent."""

from __future__ import annotations

import io
import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

import pytest

from gomatrix_py import Client, RetryPolicy, UsageError
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import (
    Conflict,
    DecodeError,
    FileTooLarge,
    HTTPError,
    MatrixError,
    RequestCancelled,
    TooLarge,
    TransportError,
    UnknownToken,
)
from gomatrix_py.http.messages import HttpRequest, HttpResponse, Upload
from tests.kit.media_server import CREATE, PLAIN, POST, PUT, RESERVED, TAKEN, MediaServer
from tests.kit.pictures import png
from tests.kit.scripted_homeserver import Reply, Seen


@pytest.fixture
def server() -> Iterator[MediaServer]:
    """A homeserver."""
    made = MediaServer()
    with made:
        yield made


@pytest.fixture
def client(server: MediaServer) -> Iterator[Client]:
    """A client that tries three times at once."""
    with Client(server.url, "@a:b", "t0ken", retry=RetryPolicy(attempts=3, base_s=0.0)) as made:
        yield made


BY_ADDRESS = ["POST v1/create", "PUT v3/upload/server.example/reserved"]


# ------------------------------------------------------------------ the two roads


def test_an_upload_goes_to_a_reserved_address(server: MediaServer, client: Client, tmp_path: Path) -> None:
    (tmp_path / "a cat.png").write_bytes(png(3, 3))
    assert client.upload(tmp_path / "a cat.png") == RESERVED
    assert server.roads == BY_ADDRESS
    put = server.seen[-1]
    assert (put.body, put.query, put.headers["content-type"]) == (png(3, 3), {"filename": "a cat.png"}, "image/png")


def test_the_kind_is_that_of_the_content_or_the_callers(server: MediaServer, client: Client) -> None:
    cases: list[tuple[dict[str, str], str]] = [
        ({}, "image/png"),
        ({"filename": "x.txt"}, "text/plain"),
        ({"mimetype": "image/x-mine"}, "image/x-mine"),
    ]
    for options, kind in cases:
        client.upload(png(3, 3), filename=options.get("filename"), mimetype=options.get("mimetype"))
        assert server.seen[-1].headers["content-type"] == kind
    client.upload(b"?")
    assert (server.seen[-1].headers["content-type"], server.seen[-1].query) == ("application/octet-stream", {})


@pytest.mark.parametrize("status", [400, 404, 405])
def test_a_server_without_reserved_addresses_is_asked_once(server: MediaServer, client: Client, status: int) -> None:
    server.route("POST", CREATE, Reply(status, {"errcode": "M_UNRECOGNIZED"}))
    assert [client.upload(b"one"), client.upload(b"two")] == [PLAIN, PLAIN]
    assert server.roads == ["POST v1/create", "POST v3/upload", "POST v3/upload"]
    assert server.uploaded == [b"one", b"two"]


@pytest.mark.parametrize(
    "answer",
    [
        Reply(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 3_600_000}),
        Reply(403, {"errcode": "M_FORBIDDEN"}),
        Reply(404, b"<html>"),
        {"content_uri": "mxc://../../x"},
        {"content_uri": 5},
        b"no json",
    ],
)
def test_where_no_address_is_to_be_had_the_old_way_is_taken(server: MediaServer, client: Client, answer: Any) -> None:
    """The next upload asks again: too many reserved ones, say, are a matter of time."""
    server.route("POST", CREATE, answer)
    assert client.upload(b"one") == PLAIN
    server.route("POST", CREATE, {"content_uri": RESERVED})
    assert client.upload(b"two") == RESERVED


def test_a_server_that_reserves_what_it_does_not_take(server: MediaServer, client: Client) -> None:
    server.put = [Reply(404, {"errcode": "M_UNRECOGNIZED"})]
    told: list[int] = []
    assert client.upload(b"one", progress=lambda done, total: told.append(done)) == PLAIN
    assert client.upload(b"two") == PLAIN
    assert server.uploaded == [b"one", b"one", b"two"]
    assert told == [3, 0, 3]


def test_a_token_that_is_no_good_is_no_reason_to_try_another_way(server: MediaServer, client: Client) -> None:
    server.route("POST", CREATE, Reply(401, {"errcode": "M_UNKNOWN_TOKEN"}))
    with pytest.raises(UnknownToken):
        client.upload(b"x")
    assert server.roads == ["POST v1/create"]


def test_an_address_reserved_before(server: MediaServer, client: Client) -> None:
    uri = client.create_mxc().content_uri
    assert client.upload(b"x", uri=uri) == uri
    assert server.roads == BY_ADDRESS


def test_an_address_that_is_taken_is_an_error(server: MediaServer, client: Client) -> None:
    server.put = [TAKEN]
    with pytest.raises(Conflict):
        client.upload(b"x", uri=RESERVED)
    server.put = [Reply(404, {"errcode": "M_NOT_FOUND"})]
    with pytest.raises(HTTPError):
        client.upload(b"x", uri=RESERVED)  # it has expired
    assert "POST v3/upload" not in server.roads


def test_an_answer_that_names_no_address(server: MediaServer, client: Client) -> None:
    server.route("POST", CREATE, Reply(404, {"errcode": "M_UNRECOGNIZED"}))
    server.route("POST", POST, {"content_uri": "https://evil.example/x"})
    with pytest.raises(DecodeError):
        client.upload(b"x")


# ------------------------------------------------------------------ refused before a byte


def test_what_is_too_large_is_not_sent(server: MediaServer, client: Client) -> None:
    assert client.upload(b"x" * 1000) == RESERVED
    with pytest.raises(FileTooLarge, match="1001 bytes or more; the server takes 1000") as failure:
        client.upload(b"x" * 1001)
    assert (failure.value.size, failure.value.limit) == (1001, 1000)
    assert isinstance(failure.value, TooLarge)  # who waits for the server's refusal catches both
    assert isinstance(failure.value, UsageError)
    assert server.roads == BY_ADDRESS


def test_a_stream_without_end_is_too_large(server: MediaServer, client: Client) -> None:
    class Endless:
        def read(self, size: int) -> bytes:
            return bytes(size)

    with pytest.raises(FileTooLarge):
        client.upload(cast("IO[bytes]", Endless()))
    assert server.roads == []


def test_the_limit_is_asked_for_once_an_hour(server: MediaServer, client: Client) -> None:
    class Clock:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

        def now_ms(self) -> int:
            return 0

    clock: Any = Clock()
    client.clock = clock
    client.upload(b"x")
    client.upload(b"x")
    assert len(server.asked("config")) == 1
    clock.now += 3601
    client.upload(b"x")
    assert len(server.asked("config")) == 2


@pytest.mark.parametrize(
    "answer", [{}, {"m.upload.size": None}, {"m.upload.size": -5}, {"m.upload.size": "1"}, b"<html>", Reply(500, b"")]
)
def test_a_server_that_does_not_say_its_limit(server: MediaServer, answer: Any) -> None:
    server.route("GET", "/media/config", answer)
    with Client(server.url, "@a:b", "t0ken", retry=RetryPolicy.never()) as client:
        assert client.upload(b"x" * 5000) == RESERVED


def test_what_the_server_refuses_all_the_same(server: MediaServer, client: Client) -> None:
    server.put = [Reply(413, {"errcode": "M_TOO_LARGE"})]
    with pytest.raises(TooLarge) as failure:
        client.upload(b"x")
    assert not isinstance(failure.value, UsageError)


def test_what_cannot_be_sent_is_told_before_anything_is(server: MediaServer, client: Client, tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "missing", io.StringIO("text"), None, "nul\0"):
        with pytest.raises(UsageError):
            client.upload(source)  # type: ignore[arg-type]
    for options in ({"mimetype": "png"}, {"mimetype": "a/b\r\nX: y"}, {"uri": "mxc://../../x"}):
        with pytest.raises(UsageError):
            client.upload(b"x", **options)  # type: ignore[arg-type]
    assert server.roads == []


def test_a_file_that_became_shorter(server: MediaServer, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 500)

    def cut(request: HttpRequest) -> None:
        if request.method == "PUT":
            os.truncate(path, 100)

    client.on_request(cut)
    with pytest.raises(UsageError, match="before its stated length"):
        client.upload(path)


def test_a_file_that_grew_is_sent_as_it_was(server: MediaServer, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 500)

    def add(request: HttpRequest) -> None:
        if request.method == "PUT":
            with path.open("ab") as file:
                file.write(b"y")

    client.on_request(add)
    client.upload(path)
    assert server.uploaded == [b"x" * 500]


# ------------------------------------------------------------------ watched and ended


def test_progress_is_told_as_bytes_of_all(server: MediaServer, client: Client) -> None:
    server.route("GET", "/media/config", {})
    told: list[tuple[int, int | None]] = []
    client.upload(b"x" * 150_000, progress=lambda done, total: told.append((done, total)))
    assert told == [(65536, 150_000), (131072, 150_000), (150_000, 150_000)]


def test_what_the_callback_raises_ends_the_upload(server: MediaServer, client: Client) -> None:
    class Enough(Exception):
        pass

    def stop(done: int, total: int | None) -> None:
        raise Enough

    with pytest.raises(Enough):
        client.upload(b"x", progress=stop)
    assert b"x" not in server.uploaded
    assert client.upload(b"y") == RESERVED  # and the connection is not left in the middle of it


def test_an_upload_can_be_cancelled_from_another_thread(server: MediaServer, client: Client) -> None:
    token, is_there, may_go = CancelToken(), threading.Event(), threading.Event()

    def hold(seen: Seen) -> Reply:
        is_there.set()
        may_go.wait(20)
        return Reply(body={})

    server.route("PUT", PUT, hold)

    def cancel() -> None:
        is_there.wait(20)
        token.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    try:
        with pytest.raises(RequestCancelled):
            client.upload(b"x", cancel=token)
    finally:
        may_go.set()
        canceller.join()


def test_what_was_cancelled_before_is_not_begun(server: MediaServer, client: Client) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(RequestCancelled):
        client.upload(b"x", cancel=token)
    assert server.uploaded == []


# ------------------------------------------------------------------ memory


class Swallowing:
    """A transport to a server that takes 64 MiB and keeps nothing."""

    def __init__(self) -> None:
        self.taken = 0

    def send(self, request: HttpRequest) -> HttpResponse:
        if isinstance(request.body, Upload):
            while piece := request.body.stream.read(65536):
                self.taken += len(piece)
            return HttpResponse(200, body=b"{}")
        if request.url.endswith("/config"):
            return HttpResponse(200, body=b"{}")
        return HttpResponse(200, body=b'{"content_uri": "%s"}' % RESERVED.encode())


class Sparse(io.RawIOBase):
    """A large file of zeros that is nowhere."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._size - self._at)
        buffer[:count] = bytes(count)
        self._at += count
        return count

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at


SIZE = 64 * 1024 * 1024


def peak_of(work: Callable[[], Any]) -> int:
    """Return how many bytes were allocated at most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_large_file_takes_little_memory() -> None:
    transport = Swallowing()
    client = Client("https://server.example", "@a:b", "t0ken", transport=transport)
    client.upload(b"warm")  # what is loaded at first use is not counted
    transport.taken = 0
    assert peak_of(lambda: client.upload(cast("IO[bytes]", Sparse(SIZE)))) < 2 * 1024 * 1024
    assert transport.taken == SIZE
    assert peak_of(lambda: client.upload(cast("IO[bytes]", Sparse(SIZE)).read())) > SIZE  # the control


# ------------------------------------------------------------------ by accident


def test_every_kind_of_failure_leaves_the_clients_file_open(
    server: MediaServer, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x")
    with path.open("rb") as file:
        for answer in (Reply(413, {}), Reply(400, b""), TAKEN):
            server.put = [answer]
            with pytest.raises(MatrixError):
                client.upload(file)
        assert not file.closed
        file.seek(0)
        assert client.upload(file) == RESERVED


def test_without_a_server() -> None:
    with MediaServer() as gone:
        url = gone.url
    with Client(url, "@a:b", "t0ken", retry=RetryPolicy.never()) as client, pytest.raises(TransportError):
        client.upload(b"x")


def test_without_a_token(server: MediaServer) -> None:
    with Client(server.url) as client, pytest.raises(UsageError, match="log in"):
        client.upload(b"x")
