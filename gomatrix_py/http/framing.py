"""Where an answer ends on the wire, and how it is decompressed: strictly, and in bounded steps."""

from __future__ import annotations

import http.client
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import IO, cast

from ..errors import TransportError, TruncatedAnswer

__all__ = ["StrictResponse", "inflated", "stated_length"]

CHUNK = 256 * 1024

_MAX_LINE = 65536
_MAX_INTERIM = 20
_MAX_TRAILERS = 100
_MAX_MEMBERS = 100
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?\r?\n\Z", re.DOTALL)
_LENGTH = re.compile(r"[0-9]{1,18}\Z")


class StrictResponse(http.client.HTTPResponse):
    """An answer on a connection, read by the letter of RFC 9112.

    http.client takes headers and chunk sizes that are cut in the middle for whole ones, and a chunk size
    of -1 for "all there is"; it skips interim answers without end, and takes all but "100 Continue" for
    the final answer, so that the final one is left over for the next request.
    """

    def begin(self) -> None:
        file = self.fp
        self.fp = cast("io.BufferedReader", _WholeLines(file))  # all that is asked of it here are lines
        try:
            super().begin()
        finally:
            if self.fp is not None:
                self.fp = file

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MAX_INTERIM):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200:
                return version, status, reason
            if status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                raise http.client.HTTPException("the server switched to a protocol nobody asked for")
            self._skip_lines("header")
        raise http.client.HTTPException(f"got more than {_MAX_INTERIM} interim answers")

    def _read_next_chunk_size(self) -> int:
        match = _CHUNK_SIZE.match(self.fp.readline(_MAX_LINE + 1))
        if match is None:
            self._close_conn()  # type: ignore[attr-defined]
            raise ValueError("not a chunk size")
        return int(match.group(1), 16)

    def _read_and_discard_trailer(self) -> None:
        self._skip_lines("trailer")

    def _skip_lines(self, kind: str) -> None:
        for _ in range(_MAX_TRAILERS):
            line = self.fp.readline(_MAX_LINE + 1)
            if len(line) > _MAX_LINE:
                raise http.client.LineTooLong(f"{kind} line")
            if line in (b"\r\n", b"\n", b""):
                return
        raise http.client.HTTPException(f"got more than {_MAX_TRAILERS} {kind} lines")


class _WholeLines:
    """Lines of a file, each of them whole."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.close = file.close

    def readline(self, limit: int) -> bytes:
        line = self._file.readline(limit)
        if not line.endswith(b"\n") and len(line) < limit:
            raise http.client.RemoteDisconnected("the connection ended before the headers did")
        return line


def stated_length(headers: Mapping[str, str]) -> int | None:
    """Return how many bytes the body has on the wire by Content-Length; None where that is not said.

    Raises:
        TransportError: the headers make no sense, or name a coding that cannot be undone.
    """
    coding = headers.get("transfer-encoding")
    if coding is not None:
        if coding.strip().lower() != "chunked":
            raise TransportError(f"the answer has the transfer coding {coding[:40]!r}, which was not asked for")
        return None
    length = headers.get("content-length")
    if length is None:
        return None
    if not _LENGTH.match(length.strip()):
        raise TransportError(f"the answer has the length {length[:40]!r}")
    return int(length)


def inflated(read: Callable[[], bytes]) -> Iterator[bytes]:
    """Decompress gzip, at most CHUNK bytes at a time.

    Args:
        read: returns the next compressed bytes, b"" at the end.

    Raises:
        TruncatedAnswer: damaged, or not whole: requests takes a stream that stops early for a whole one.
    """
    inflater = zlib.decompressobj(31)
    members = 0
    try:
        while data := read():
            while data:
                if inflater.eof or not members:
                    members += 1
                    inflater = zlib.decompressobj(31)
                    if members > _MAX_MEMBERS:  # each costs time and may hold nothing
                        raise TruncatedAnswer(f"the compressed answer has more than {_MAX_MEMBERS} parts")
                if chunk := inflater.decompress(data, CHUNK):
                    yield chunk
                data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    except zlib.error:
        raise TruncatedAnswer("the compressed answer is damaged") from None
    if members and not inflater.eof:
        raise TruncatedAnswer("the compressed answer ended early")
