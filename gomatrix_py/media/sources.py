"""What a caller wants to send: a path, bytes or a file object, checked and opened."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import tempfile
from collections.abc import Iterator
from typing import IO, Any

import attrs

from ..cancellation import CancelToken
from ..errors import RequestCancelled, UsageError

__all__ = ["MediaSource", "OpenSource", "Window", "opened"]

PIECE = 64 * 1024

MediaSource = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]
"""A path, the bytes themselves, or a file object opened in binary mode, which is read from where it stands."""


class Window(io.RawIOBase):
    """A part of a file as a file of its own; closing it leaves the file open.

    Args:
        stream: a seekable binary file.
        start: where the part begins.
        length: of the part, in bytes.
        name: of the file, for those who go by it.
    """

    def __init__(self, stream: IO[bytes], start: int, length: int, name: str = "") -> None:
        self.name = name
        self._stream = stream
        self._start = start
        self._length = length
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes into a buffer, and return how many they are."""
        wanted = min(len(buffer), max(0, self._length - self._at))
        self._stream.seek(self._start + self._at)
        data = self._stream.read(wanted) if wanted else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position in the part."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        if base + offset < 0:
            raise OSError("a position before the front")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Return the position in the part."""
        return self._at


@attrs.frozen
class OpenSource:
    """A file that is ready to be read, as often as needed.

    Attributes:
        length: in bytes.
        filename: the last part of its path, "" where it has none.
    """

    _stream: IO[bytes] = attrs.field(repr=False)
    _start: int
    length: int
    filename: str = ""

    def reader(self) -> io.BufferedReader:
        """Return the file from its front, as a file object of its own."""
        return io.BufferedReader(Window(self._stream, self._start, self.length, self.filename), PIECE)


@contextlib.contextmanager
def opened(
    source: MediaSource, *, at_most: int | None = None, cancel: CancelToken | None = None
) -> Iterator[OpenSource]:
    """Open what a caller wants to send, and find out how long it is.

    The length is taken once: of a file that grows the rest is not sent. A file object that cannot seek, a
    pipe say, is first copied to a temporary file.

    Args:
        source: a path, bytes, or a binary file object.
        at_most: copy no more than one byte above this.
        cancel: lets another thread end the copying.

    Raises:
        UsageError: there is no such file, it is a directory or a device, it may not be read, or the file
            object is in text mode or no file object.
        RequestCancelled: it was cancelled.
    """
    given: Any = source
    if isinstance(given, (bytes, bytearray, memoryview)):
        content = bytes(given)
        yield OpenSource(io.BytesIO(content), 0, len(content))
    elif isinstance(given, (str, os.PathLike)):
        with _file_at(os.fspath(given)) as file:
            yield OpenSource(file, 0, os.fstat(file.fileno()).st_size, _last_part(file.name))
    else:
        _check_file_object(given)
        place = _place_of(given)
        if place is not None:
            yield OpenSource(given, *place, _name_of(given))
        else:
            with tempfile.TemporaryFile() as copy:
                length = _copied(given, copy, at_most, cancel)
                yield OpenSource(copy, 0, length, _name_of(given))


def _file_at(path: str | bytes) -> Any:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise UsageError(f"{path!r} is a directory")
        if not stat.S_ISREG(mode):  # opening a named pipe would block, and a device has no end
            raise UsageError(f"{path!r} is no regular file: open it yourself")
        return open(path, "rb")
    except FileNotFoundError:
        raise UsageError(f"there is no file at {path!r}") from None
    except PermissionError:
        raise UsageError(f"{path!r} may not be read") from None
    except OSError as error:
        raise UsageError(f"{path!r} cannot be opened: {error.strerror}") from None
    except ValueError as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{path!r} is no path") from None


def _check_file_object(given: Any) -> None:
    if isinstance(given, io.TextIOBase):
        raise UsageError("the file must be opened in binary mode")
    if not callable(getattr(given, "read", None)):
        raise UsageError(f"a path, bytes or a binary file object can be sent, not {type(given).__name__}")
    if getattr(given, "closed", False) is True:
        raise UsageError("the file is closed")


def _place_of(stream: Any) -> tuple[int, int] | None:
    """Return where a file object stands and how many bytes follow; None where it cannot seek."""
    try:
        here = stream.tell()
        end = stream.seek(0, os.SEEK_END)
        end = stream.tell() if end is None else end
        stream.seek(here)
    except (OSError, ValueError, AttributeError):
        return None
    return here, max(0, end - here)


def _name_of(stream: Any) -> str:
    name = getattr(stream, "name", "")
    if not isinstance(name, str) or name.startswith("<"):  # a number, or "<stdin>"
        return ""
    return _last_part(name)


def _last_part(path: str | bytes) -> str:
    """Return the name of a file as it can be sent: names on disk need not be text."""
    return os.path.basename(os.fsdecode(path)).encode("utf-8", "replace").decode()


def _copied(source: Any, copy: IO[bytes], at_most: int | None, cancel: CancelToken | None) -> int:
    length = 0
    while at_most is None or length <= at_most:
        if cancel is not None and cancel.is_cancelled:
            raise RequestCancelled("cancelled while the file was copied", was_sent=False)
        piece = source.read(PIECE)
        if not isinstance(piece, bytes):
            raise UsageError("the file must be opened in binary mode")
        if not piece:
            break
        copy.write(piece)
        length += len(piece)
    return length
