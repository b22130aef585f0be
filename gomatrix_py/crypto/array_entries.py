"""The entries of a JSON array that may be too large to hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..errors import DecodeError

__all__ = ["MOST_BYTES", "array_entries"]

MOST_BYTES = 1024 * 1024
"""What one entry may have."""

_BLANK = b" \t\r\n"
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["\[\]{},]', re.DOTALL)


def array_entries(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Return the text of each entry of an array, without looking into it.

    Args:
        pieces: the array's text, cut anywhere.

    Raises:
        DecodeError: it is no array, does not end, goes on after its end, or has an entry of more than a megabyte.
    """
    splitter = _Splitter()
    for piece in pieces:
        yield from splitter.feed(piece)
    splitter.finish()


class _Splitter:
    """Cuts at the commas of the outermost array; what is between them is for a real parser."""

    def __init__(self) -> None:
        self._rest = b""
        self._at = 0
        self._depth = 0
        self._has_ended = False
        self._has_entries = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        text = self._rest + piece
        if not self._depth and not self._has_ended:
            text = self._opened(text)
        start = 0
        while self._depth:
            token = _TOKEN.search(text, self._at)
            if token is None or token.group() == b'"':  # a string whose end has not come
                self._at = len(text) if token is None else token.start()
                break
            self._at = token.end()
            if self._is_border(token.group()):
                entry = text[start : token.start()].strip(_BLANK)
                start = token.end()
                if entry or self._has_entries or self._depth:
                    self._has_entries = True
                    yield entry
        self._keep(text[start:], start)

    def _opened(self, text: bytes) -> bytes:
        text = text.lstrip(_BLANK)
        if text and text[:1] != b"[":
            raise DecodeError("it is no JSON array")
        self._depth = len(text[:1])
        return text[1:]

    def _is_border(self, token: bytes) -> bool:
        if token in (b"[", b"{"):
            self._depth += 1
        elif token in (b"]", b"}"):
            self._depth -= 1
            self._has_ended = not self._depth
            if self._has_ended and token != b"]":
                raise DecodeError("the JSON array does not end as one")
            return self._has_ended
        return token == b"," and self._depth == 1

    def _keep(self, rest: bytes, start: int) -> None:
        if self._has_ended and rest.strip(_BLANK):
            raise DecodeError("something follows the JSON array")
        if len(rest) > MOST_BYTES:
            raise DecodeError("an entry of the JSON array is larger than any can be")
        self._rest = b"" if self._has_ended else rest
        self._at -= start

    def finish(self) -> None:
        if not self._has_ended:
            raise DecodeError("the JSON array does not end")
