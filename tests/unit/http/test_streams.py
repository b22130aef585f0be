"""The caller's file objects: sent to the byte, written to the byte, and their errors left alone."""

from __future__ import annotations

import io
from typing import IO, Any, cast

import pytest

from gomatrix_py.errors import ConnectError, ServerError, TruncatedAnswer, UsageError
from gomatrix_py.http.messages import HttpRequest, Upload
from gomatrix_py.http.streams import PIECE, Outgoing, StreamFailed, Streams, write_all


class Scripted:
    """A stream that gives what the script says, whatever is asked for."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)

    def read(self, size: int) -> Any:
        part = self.script.pop(0)
        if isinstance(part, Exception):
            raise part
        return part

    write = read


def stream(*script: Any) -> IO[bytes]:
    return cast("IO[bytes]", Scripted(*script))


# ------------------------------------------------------------------ sending


def test_a_body_is_given_in_pieces_whatever_is_asked_for() -> None:
    body = bytes(range(256)) * (PIECE // 256) + b"rest"
    outgoing = Outgoing(body)
    assert [len(outgoing.read(16)), outgoing.read(16384), outgoing.read(1), outgoing.read(1)] == [
        PIECE,
        b"rest",
        b"",
        b"",
    ]
    assert Outgoing(body).read() == body
    assert Outgoing(Upload(io.BytesIO(body), len(body))).read(-1) == body


def test_no_more_is_sent_than_was_promised() -> None:
    source = io.BytesIO(b"promised, and more")
    assert Outgoing(Upload(source, 8)).read() == b"promised"
    assert source.read() == b", and more"


def test_nothing_is_read_for_nothing() -> None:
    assert Outgoing(Upload(stream(), 0)).read(1) == b""


def test_short_reads_are_fine() -> None:
    outgoing = Outgoing(Upload(stream(b"a", b"bc", b"d"), 4))
    assert outgoing.read() == b"abcd"


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ([b"ab", b""], "ended 2 bytes before"),
        (["ab"], "binary mode"),
        ([None], "binary mode"),
        ([b"abcde"], "more bytes than it was asked for"),
    ],
)
def test_a_stream_that_breaks_its_promise_is_the_callers_mistake(script: list[Any], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        Outgoing(Upload(stream(*script), 4)).read()


def test_what_the_stream_raises_is_kept_apart_from_the_networks_errors() -> None:
    reason = OSError(5, "Input/output error")
    with pytest.raises(StreamFailed) as caught:
        Outgoing(Upload(stream(b"a", reason), 4)).read()
    assert caught.value.reason is reason
    assert not isinstance(caught.value, (OSError, ValueError))


# ------------------------------------------------------------------ writing


class Unbuffered(io.RawIOBase):
    """Takes at most three bytes at a time, as a pipe or an unbuffered file may."""

    def __init__(self) -> None:
        self.got = b""

    def write(self, data: Any) -> int:
        self.got += bytes(data[:3])
        return min(3, len(data))


def test_a_file_that_takes_a_part_is_given_the_rest() -> None:
    sink = Unbuffered()
    naive = Unbuffered()
    write_all(cast("IO[bytes]", sink), b"abcdefgh")
    naive.write(b"abcdefgh")
    assert (sink.got, naive.got) == (b"abcdefgh", b"abc")


def test_a_sink_that_does_not_say_how_much_it_took_took_all() -> None:
    write_all(stream(None), b"abc")


@pytest.mark.parametrize("reason", [OSError(28, "No space left"), ValueError("closed file"), RuntimeError("own")])
def test_what_the_sink_raises_is_kept_apart(reason: Exception) -> None:
    with pytest.raises(StreamFailed) as caught:
        write_all(stream(reason), b"abc")
    assert caught.value.reason is reason


def test_a_file_that_takes_nothing_any_more_is_an_error() -> None:
    with pytest.raises(StreamFailed) as caught:
        write_all(stream(1, 0), b"abc")
    assert isinstance(caught.value.reason, OSError)


# ------------------------------------------------------------------ winding back


def request(body: IO[bytes] | None = None, sink: IO[bytes] | None = None) -> HttpRequest:
    return HttpRequest("PUT", "https://hs.example", body=Upload(body, 5) if body else None, sink=sink)


def test_streams_return_to_where_they_stood() -> None:
    source, sink = io.BytesIO(b"0123456789"), io.BytesIO(b"ab")
    source.seek(4)
    sink.seek(2)
    streams = Streams(request(source, sink))
    source.read()
    sink.write(b"garbage")
    assert streams.wind_back(TruncatedAnswer("cut"))
    assert (source.tell(), sink.getvalue(), sink.tell()) == (4, b"ab", 2)


def test_without_streams_there_is_nothing_to_do() -> None:
    assert Streams(request()).wind_back(TruncatedAnswer("cut"))


class Closed(io.BytesIO):
    """A stream that can be asked where it stands, and then not brought back there."""

    def seek(self, *_: Any) -> int:
        raise OSError("gone")


@pytest.mark.parametrize("source", [stream(), Closed()])
def test_what_cannot_be_wound_back_says_so(source: IO[bytes]) -> None:
    assert not Streams(request(body=source)).wind_back(ServerError("busy", code=503))
    assert not Streams(request(sink=source)).wind_back(TruncatedAnswer("cut"))
    assert Streams(request(body=source)).wind_back(ConnectError("refused"))
    assert Streams(request(sink=source)).wind_back(ServerError("busy", code=503))
