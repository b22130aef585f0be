"""Taking the body of an answer: whole, decompressed, and never more of it than the call may take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import IO

from ..errors import AnswerTooLarge, TransportError, TruncatedAnswer
from .framing import CHUNK, inflated, stated_length
from .messages import MEBIBYTE, HttpRequest, HttpResponse
from .streams import write_all

__all__ = ["Incoming"]

ERROR_BODY_BYTES = MEBIBYTE
_AT_ONCE_BYTES = 512 * MEBIBYTE
_WITHOUT_BODY = frozenset({204, 304})


class Incoming:
    """The body of one answer.

    Args:
        request: what was asked; its limits and its sink count.
        status: of the answer.
        headers: of the answer, names in lower case.
        read: returns up to so many of the bytes that are on the wire, all of them for None, b"" at the end.
        is_on_wire: True where the end of the connection may have to stand for the end of the body; a
            mocked answer ends by itself.

    Attributes:
        is_open_ended: True where nothing but the end of the connection ends the body.
        is_drained: True once the last byte was taken: the connection can carry another request.
    """

    def __init__(
        self,
        request: HttpRequest,
        status: int,
        headers: Mapping[str, str],
        read: Callable[[int | None], bytes],
        *,
        is_on_wire: bool = False,
    ) -> None:
        self.is_drained = False
        self._request = request
        self._status = status
        self._headers = headers
        self._read = read
        has_body = request.method != "HEAD" and status not in _WITHOUT_BODY
        self._length = stated_length(headers) if has_body else 0
        self.is_open_ended = is_on_wire and has_body and self._length is None and "transfer-encoding" not in headers
        self._encoding = headers.get("content-encoding", "").strip().lower()
        self._taken = 0

    def receive(self) -> HttpResponse:
        """Take the body.

        Returns:
            The answer. The body of an error is cut where it is too long: the status is what counts.

        Raises:
            TruncatedAnswer: it ended early, or nobody can tell whether it did.
            AnswerTooLarge: there is more than the call may take.
            TransportError: it is encoded in a way that was not asked for.
            StreamFailed: the sink raised.
        """
        if not 200 <= self._status < 300:
            body = self._error_body()
            return HttpResponse(self._status, self._headers, body, len(body))
        if self.is_open_ended and self._request.is_download:
            raise TruncatedAnswer("the server does not say how long the answer is")
        if self._request.sink is not None:
            return HttpResponse(self._status, self._headers, b"", self._to_sink(self._request.sink))
        body = self._whole()
        if self.is_open_ended and not body:
            raise TruncatedAnswer("the answer ended before its body")
        return HttpResponse(self._status, self._headers, body, len(body))

    # ------------------------------------------------------------ the three ways to take it

    def _whole(self) -> bytes:
        cap = self._request.limits.max_bytes
        if self._length is not None and self._encoding in ("", "identity"):
            if self._length > cap:
                raise self._too_large(cap)
            if self._length <= _AT_ONCE_BYTES:
                return self._at_once()
        chunks = list(self._capped(self._decoded(), cap))
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _at_once(self) -> bytes:
        body = self._read(None) if self._length else self._read(1)
        if len(body) != self._length:
            raise TruncatedAnswer("the answer ended early")
        self.is_drained = True
        return body

    def _to_sink(self, sink: IO[bytes]) -> int:
        size = 0
        for chunk in self._capped(self._decoded(), self._request.limits.max_bytes):
            write_all(sink, chunk)
            size += len(chunk)
        return size

    def _error_body(self) -> bytes:
        cap = min(self._request.limits.max_bytes, ERROR_BODY_BYTES)
        is_readable = self._encoding in ("", "identity", "gzip", "x-gzip")
        body = bytearray()
        for chunk in self._decoded() if is_readable else self._raw():
            body += chunk
            if len(body) > cap:
                return bytes(body[:cap])
        return bytes(body)

    # ------------------------------------------------------------ in chunks

    def _capped(self, chunks: Iterator[bytes], cap: int) -> Iterator[bytes]:
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > cap:
                raise self._too_large(cap)
            yield chunk

    def _decoded(self) -> Iterator[bytes]:
        if self._encoding in ("", "identity"):
            return self._raw()
        if self._encoding in ("gzip", "x-gzip"):
            return inflated(self._compressed(self._raw()))
        raise TransportError(f"the answer is encoded as {self._encoding[:40]!r}, which was not asked for")

    def _compressed(self, chunks: Iterator[bytes]) -> Callable[[], bytes]:
        # parts that hold nothing inflate to nothing: what is on the wire has its cap, too
        capped = self._capped(chunks, self._request.limits.max_bytes + CHUNK)
        return lambda: next(capped, b"")

    def _raw(self) -> Iterator[bytes]:
        while chunk := self._read(CHUNK):
            self._taken += len(chunk)
            yield chunk
        if self._length is not None and self._taken != self._length:
            raise TruncatedAnswer("the answer ended early")
        self.is_drained = True

    def _too_large(self, cap: int) -> AnswerTooLarge:
        return AnswerTooLarge(f"the answer has more than {cap} bytes; no more are taken")
