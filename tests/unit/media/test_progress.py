"""Files that tell how far a transfer is."""

from __future__ import annotations

import io
from typing import IO, Any, cast

import pytest

from gomatrix_py.errors import AnswerTooLarge
from gomatrix_py.media.progress import WatchedSink, WatchedSource


class Bar:
    """As much of tqdm as is used."""

    def __init__(self, total: int | None = None) -> None:
        self.total = total
        self.n = 0
        self.steps: list[int] = []

    def update(self, n: int = 1) -> None:
        self.steps.append(n)
        self.n += n


def test_a_function_hears_of_each_piece() -> None:
    told: list[tuple[int, int | None]] = []
    source = WatchedSource(io.BytesIO(b"0123456789"), 10, lambda done, total: told.append((done, total)))
    assert (source.read(4), source.read(4), source.read(4), source.read(4)) == (b"0123", b"4567", b"89", b"")
    assert told == [(4, 10), (8, 10), (10, 10)]


def test_a_bar_is_moved_on_and_back() -> None:
    bar = Bar()
    source = WatchedSource(io.BytesIO(b"xx0123456789"), 10, bar)
    source.read(6)
    assert not source.was_wound_back
    source.seek(0)
    source.read(10)
    assert (bar.total, bar.n, bar.steps) == (10, 10, [6, -6, 10])
    assert source.was_wound_back


def test_a_bar_that_knows_its_total_keeps_it() -> None:
    bar = Bar(total=99)
    WatchedSource(io.BytesIO(b"x"), 1, bar).read(1)
    assert bar.total == 99


def test_it_counts_from_where_the_file_stands() -> None:
    stream = io.BytesIO(b"skipped0123")
    stream.seek(7)
    told: list[int] = []
    source = WatchedSource(stream, 4, lambda done, total: told.append(done))
    assert (source.tell(), source.seekable()) == (7, True)
    source.read(2)
    source.begin_again()
    assert source.read(4) == b"0123"
    assert told == [2, 0, 4]


def test_to_begin_again_where_it_stands_is_no_second_try() -> None:
    source = WatchedSource(io.BytesIO(b"x"), 1)
    source.begin_again()
    assert not source.was_wound_back


def test_what_the_function_raises_comes_through() -> None:
    def stop(done: int, total: int | None) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError):
        WatchedSource(io.BytesIO(b"x"), 1, stop).read(1)


def test_a_sink_tells_and_is_wound_back() -> None:
    told: list[tuple[int, int | None]] = []
    file = io.BytesIO()
    sink = WatchedSink(file, lambda done, total: told.append((done, total)), total=9)
    sink.write(b"garbage")
    sink.seek(0)
    sink.truncate()
    assert sink.write(b"whole") == 5
    assert (file.getvalue(), sink.tell(), sink.seekable()) == (b"whole", 5, True)
    assert told == [(7, 9), (0, 9), (5, 9)]


def test_a_sink_takes_no_more_than_it_may() -> None:
    sink = WatchedSink(io.BytesIO(), max_bytes=4)
    sink.write(b"0123")
    with pytest.raises(AnswerTooLarge):
        sink.write(b"4")
    sink.seek(0)
    sink.write(b"0123")  # another try begins at nothing


def test_a_file_that_takes_less_than_it_is_given() -> None:
    class Slow:
        def write(self, data: bytes) -> int:
            return min(2, len(data))

    told: list[int] = []
    stream: Any = Slow()
    sink = WatchedSink(cast("IO[bytes]", stream), lambda done, total: told.append(done))
    assert sink.write(b"0123") == 2
    assert told == [2]
