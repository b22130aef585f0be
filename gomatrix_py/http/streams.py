"""The caller's own file objects: read while sending, written while receiving, wound back for another try."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any

from ..errors import ConnectError, HTTPError, MatrixError, UsageError
from .messages import HttpRequest, Upload

__all__ = ["Outgoing", "StreamFailed", "Streams", "write_all"]

PIECE = 64 * 1024


class StreamFailed(Exception):
    """The caller's file object raised; `reason` is what, and goes to the caller as it is."""

    def __init__(self, reason: Exception) -> None:
        super().__init__("the caller's stream failed")
        self.reason = reason


class Outgoing:
    """A body to send: gives exactly as many bytes as were promised in Content-Length.

    Each piece has the time of one idle wait, where a body sent at once would have it for all its bytes.
    """

    def __init__(self, body: bytes | Upload) -> None:
        self._stream: IO[bytes] = io.BytesIO(body) if isinstance(body, bytes) else body.stream
        self._left = len(body) if isinstance(body, bytes) else body.length

    def read(self, size: int = -1) -> bytes:
        """Return the next piece, whatever size a sender asks for; everything where it asks for all.

        Raises:
            UsageError: the stream gives text, or less than was promised, or more than it was asked for.
            StreamFailed: the stream raised.
        """
        return b"".join(self._pieces()) if size is None or size < 0 else self._next()

    def _pieces(self) -> Iterator[bytes]:
        while piece := self._next():
            yield piece

    def _next(self) -> bytes:
        wanted = min(PIECE, self._left)
        if wanted == 0:
            return b""
        try:
            data = self._stream.read(wanted)
        except Exception as error:
            raise StreamFailed(error) from error
        if not isinstance(data, bytes):
            raise UsageError("the upload must be opened in binary mode")
        if not data:
            raise UsageError(f"the upload ended {self._left} bytes before its stated length")
        if len(data) > wanted:
            raise UsageError("the upload gives more bytes than it was asked for")
        self._left -= len(data)
        return data


def write_all(sink: IO[bytes], data: bytes) -> None:
    """Write every byte: an unbuffered file may take fewer than it is given.

    Raises:
        StreamFailed: the file raised, or takes nothing any more.
    """
    try:
        taken = sink.write(data)
        while taken is not None and taken < len(data):
            if taken <= 0:
                raise OSError("the file takes no more bytes")
            data = data[taken:]
            taken = sink.write(data)
    except Exception as error:
        raise StreamFailed(error) from error


class Streams:
    """The file objects of a request, and where they stood before the first try."""

    def __init__(self, request: HttpRequest) -> None:
        self._source = _Mark(request.body.stream) if isinstance(request.body, Upload) else None
        self._sink = _Mark(request.sink) if request.sink is not None else None

    def wind_back(self, error: MatrixError) -> bool:
        """Make ready for another try; False where bytes were taken or given that can't be had again."""
        source_is_whole = self._source is None or isinstance(error, ConnectError) or self._source.return_to()
        sink_is_clean = self._sink is None or isinstance(error, HTTPError) or self._sink.return_to(cut=True)
        return source_is_whole and sink_is_clean


class _Mark:
    def __init__(self, stream: Any) -> None:
        self._stream = stream
        try:
            self._position = stream.tell() if stream.seekable() else None
        except (AttributeError, OSError, ValueError):  # all that `Upload` asks for is `read`
            self._position = None

    def return_to(self, *, cut: bool = False) -> bool:
        if self._position is None:
            return False
        try:
            self._stream.seek(self._position)
            if cut:
                self._stream.truncate()
        except (AttributeError, OSError, ValueError):
            return False
        return True
