"""What can be sent: paths, bytes and file objects, and what is wrong with some of them."""

from __future__ import annotations

import gzip
import io
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import pytest

from gomatrix_py import UsageError
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import RequestCancelled
from gomatrix_py.media import opened
from gomatrix_py.media.sources import Window

CONTENT = bytes(range(256)) * 700


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file."""
    place = tmp_path / "cat.png"
    place.write_bytes(CONTENT)
    return place


def test_a_path_bytes_and_an_open_file_are_the_same(path: Path) -> None:
    with path.open("rb") as file:
        given: list[Any] = [
            path,
            str(path),
            CONTENT,
            bytearray(CONTENT),
            memoryview(CONTENT),
            io.BytesIO(CONTENT),
            file,
        ]
        for source in given:
            with opened(source) as one:
                assert one.length == len(CONTENT)
                assert one.reader().read() == one.reader().read() == CONTENT  # as often as needed


def test_the_name_is_the_last_part_of_the_path(path: Path) -> None:
    with path.open("rb") as file, opened(path) as one, opened(file) as other:
        assert (one.filename, other.filename) == ("cat.png", "cat.png")
    with opened(b"x") as one:
        assert one.filename == ""


def test_files_without_a_name_of_their_own(path: Path) -> None:
    with tempfile.TemporaryFile() as unnamed, opened(unnamed) as one:
        assert one.filename == ""
    descriptor = os.open(path, os.O_RDONLY)
    with open(descriptor, "rb") as numbered, opened(numbered) as one:
        assert one.filename == ""


@pytest.mark.skipif(sys.platform == "darwin", reason="names of files are text there")
def test_a_name_that_is_no_text_can_be_sent(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    (tmp_path / name).write_bytes(b"x")
    with opened(tmp_path / name) as one:
        assert one.filename == "caf?.txt"


def test_an_open_file_is_read_from_where_it_stands_and_stays_open(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(1000)
        with opened(file) as one:
            reader = one.reader()
            assert (one.length, reader.read()) == (len(CONTENT) - 1000, CONTENT[1000:])
            reader.close()
        assert not file.closed
        file.seek(0, os.SEEK_END)
        with opened(file) as one:
            assert one.length == 0


def pour(sink: IO[bytes]) -> None:
    with sink:
        sink.write(CONTENT)


def test_a_pipe_is_copied() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as source, open(writing, "wb") as sink:
        writer = threading.Thread(target=pour, args=(sink,))
        writer.start()
        with opened(source) as one:
            assert (one.length, one.reader().read(), one.reader().read(3)) == (len(CONTENT), CONTENT, CONTENT[:3])
        writer.join()


def test_what_can_only_read_is_copied_no_further_than_asked() -> None:
    class Endless:
        read_bytes = 0

        def read(self, size: int) -> bytes:
            self.read_bytes += size
            return bytes(size)

    endless: Any = Endless()
    with opened(endless, at_most=1_000_000) as one:
        assert one.length > 1_000_000
    assert endless.read_bytes < 1_200_000


def test_copying_can_be_cancelled() -> None:
    token = CancelToken()

    class Cancelling:
        def read(self, size: int) -> bytes:
            token.cancel()
            return b"x"

    source: Any = Cancelling()
    with pytest.raises(RequestCancelled) as failure, opened(source, cancel=token):
        pass
    assert not failure.value.was_sent


def test_a_compressed_file_is_sent_as_it_reads(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "x.gz", "wb") as file:
        file.write(CONTENT)
    with gzip.open(tmp_path / "x.gz", "rb") as file, opened(cast("IO[bytes]", file)) as one:
        assert one.reader().read() == CONTENT


class TextPipe:
    """A stream of text that looks like a file object."""

    def read(self, size: int) -> str:
        return "text"


def wrong_sources(tmp_path: Path) -> Iterator[tuple[Any, str]]:
    """Give what cannot be sent, and a word of the complaint."""
    closed = io.BytesIO()
    closed.close()
    os.mkfifo(tmp_path / "pipe")
    yield tmp_path, "directory"
    yield tmp_path / "missing", "no file"
    yield str(tmp_path / "missing" / "deeper"), "no file"
    yield "", "no file"
    yield tmp_path / "pipe", "regular"
    yield "/dev/zero", "regular"
    yield "nul\0.txt", "no path"
    yield "x" * 5000, "cannot be opened"
    yield io.StringIO("text"), "binary"
    yield TextPipe(), "binary"
    yield closed, "closed"
    yield None, "NoneType"
    yield 5, "int"
    yield ["x"], "list"


def test_what_cannot_be_sent_is_told_at_once(tmp_path: Path) -> None:
    complaints = list(wrong_sources(tmp_path))
    assert len(complaints) == 14
    for source, word in complaints:
        with pytest.raises(UsageError, match=word), opened(source):
            pass


def test_a_file_that_may_not_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(UsageError, match="may not be read"), opened(path):
        pass


def test_a_file_in_text_mode(path: Path) -> None:
    with path.open(encoding="latin-1") as file:
        given: Any = file
        with pytest.raises(UsageError, match="binary"), opened(given):
            pass


def test_a_window_is_a_file() -> None:
    window = Window(io.BytesIO(b"before0123456789after"), 6, 10, "name")
    assert (window.read(), window.read(), window.name) == (b"0123456789", b"", "name")
    assert (window.seek(-3, os.SEEK_END), window.read(2), window.tell()) == (7, b"78", 9)
    assert (window.seek(-1, os.SEEK_CUR), window.read()) == (8, b"89")
    assert (window.seek(50), window.read()) == (50, b"")
    with pytest.raises(OSError, match="before"):
        window.seek(-1)
    assert (window.readable(), window.seekable(), window.writable()) == (True, True, False)
