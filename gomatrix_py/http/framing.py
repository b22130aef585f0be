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
_MAX_FIELDS = 100
_MAX_MEMBERS = 100
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?\r?\n\Z", re.DOTALL)
_LENGTH = re.compile(r"[0-9]{1,18}\Z")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_WITHOUT_BODY = (http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED)


class StrictResponse(http.client.HTTPResponse):
    """An answer on a connection, read by the letter of RFC 9112.

    http.client takes headers and chunk sizes that are cut in the middle for whole ones, and a chunk size
    of -1 for "all there is"; it skips interim answers without end, and takes all but "100 Continue" for
    the final answer, so that the final one is left over for the next request; and it reads headers as
    those of a mail, which takes longer than the rest of it, and ends unheard where a line is none.
    """

    def begin(self) -> None:
        file = self.fp
        self.fp = cast("io.BufferedReader", _WholeLines(file))  # all that is asked of it here are lines
        try:
            version, self.status, reason = self._read_status()
            if not version.startswith("HTTP/1."):
                raise http.client.UnknownProtocol(version)
            self.code, self.reason = self.status, reason.strip()
            self.version = 10 if version == "HTTP/1.0" else 11
            self.headers = self.msg = _fields(self.fp)
        finally:
            if self.fp is not None:
                self.fp = file
        self._note_framing()

    def _note_framing(self) -> None:
        coding, length = self.headers.get("transfer-encoding", ""), self.headers.get("content-length", "").strip()
        self.chunked, self.chunk_left = coding.strip().lower() == "chunked", None
        self.length = int(length) if _LENGTH.match(length) and not self.chunked else None
        if self.status in _WITHOUT_BODY or self._method == "HEAD":  # type: ignore[attr-defined]
            self.length = 0
        ends_with_connection = not self.chunked and self.length is None
        self.will_close = ends_with_connection or self._check_close()  # type: ignore[attr-defined]

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


def _fields(file: IO[bytes]) -> http.client.HTTPMessage:
    """Read header lines up to the empty one."""
    fields: list[tuple[bytes, bytes]] = []
    while (line := file.readline(_MAX_LINE + 1)) not in (b"\r\n", b"\n"):
        if len(line) > _MAX_LINE:
            raise http.client.LineTooLong("header line")
        if len(fields) == _MAX_FIELDS:
            raise http.client.HTTPException(f"got more than {_MAX_FIELDS} headers")
        name, colon, value = line.partition(b":")
        if line[:1] in (b" ", b"\t") and fields:  # as nobody should write any more: the value goes on
            name, colon, value = fields[-1][0], b":", fields.pop()[1] + b" " + line.strip()
        value = value.strip()
        if not colon or not _NAME.match(name) or b"\r" in value or b"\0" in value:
            raise http.client.HTTPException("a header line is none")
        fields.append((name, value))
    message = http.client.HTTPMessage()
    found = [(name.decode("ascii"), value.decode("iso-8859-1")) for name, value in fields]
    message._headers = found  # type: ignore[attr-defined]  # to add one by one looks through all others each time
    return message


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
