"""JSON as bytes: decoding strictly and fast, decoding what can be saved, and encoding.

The strict road (`loads`, `decode_shape`) refuses what RFC 8259 and UTF-8 do not allow. The tolerant
road (`loads_tolerant`) is taken when it fails: everything sound is kept, and each value that is not
JSON at all (NaN, a number no float holds, nesting without end) becomes `BadJSON`, so that whoever
reads it can drop the one event it stands in.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from ..errors import DecodeError, UsageError

__all__ = [
    "DECODE_FAILURES",
    "BadJSON",
    "RawJSON",
    "Shape",
    "as_bytes",
    "decode_shape",
    "dumps",
    "dumps_own",
    "dumps_read",
    "fast_decoder",
    "loads",
    "loads_tolerant",
    "shape_decoder",
]

T = TypeVar("T")

Shape = msgspec.Struct
"""Base of the fixed envelopes that are decoded in one pass (the /sync answer)."""

RawJSON = msgspec.Raw
"""A slice of a document that stays bytes until someone looks."""

MAX_DEPTH = 200
"""Nesting past this is not decoded; no Matrix document comes near (the server's own limit is lower)."""

_MAX_DIGITS = 4300  # as many as the strict road takes
DECODE_FAILURES: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a `fast_decoder` raises."""

# a string without an end is one token too: trying again at each quote in it would take for ever
_TOKEN = re.compile(r'"(?:[^"\\]+|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


class BadJSON:
    """Stands where a document holds something that is not JSON."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<not JSON>"


_BAD: Final = BadJSON()
_decode_any = msgspec.json.Decoder().decode


def as_bytes(raw: RawJSON) -> bytes:
    """Return a slice as bytes of its own, so that it no longer keeps the whole document alive."""
    return bytes(raw)


def loads(data: bytes) -> Any:
    """Decode one JSON document strictly.

    Raises:
        DecodeError: not JSON, not UTF-8, cut short, too deep, or a number no type holds.
    """
    try:
        return _decode_any(data)
    except DECODE_FAILURES as error:
        raise DecodeError(_plainly(error)) from None


def shape_decoder(shape: Any) -> Callable[[bytes | RawJSON], Any]:
    """Return a decoder of documents of this shape; build it once, it is fast thereafter.

    The decoder raises `DecodeError` as `loads` does, and for a field of the wrong type.
    """
    decode = fast_decoder(shape)

    def decoder(data: bytes | RawJSON) -> Any:
        try:
            return decode(data)
        except DECODE_FAILURES as error:
            raise DecodeError(_plainly(error)) from None

    return decoder


def fast_decoder(shape: Any) -> Callable[[bytes | RawJSON], Any]:
    """Return a decoder for inner loops: it raises `DECODE_FAILURES`, which its caller must catch."""
    return msgspec.json.Decoder(shape).decode


def decode_shape(data: bytes | RawJSON, shape: type[T]) -> T:
    """Decode one document of a shape; see `shape_decoder`."""
    decoded: T = shape_decoder(shape)(data)
    return decoded


def _plainly(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return str(error)


def loads_tolerant(data: bytes) -> Any:
    """Decode whatever can be saved of a JSON document.

    Bytes that are not UTF-8 become U+FFFD; duplicate keys keep the last; lone surrogates and unescaped
    control characters stay; what is not JSON but can be stepped over becomes `BadJSON`.

    Raises:
        DecodeError: the document as a whole makes no sense (cut short, or not JSON).
    """
    text = data.decode("utf-8", "replace")
    try:
        return _loads_text(text)
    except RecursionError:
        pass
    try:
        return _loads_text(_prune(text))
    except RecursionError:
        raise DecodeError("nested too deeply") from None


def _loads_text(text: str) -> Any:
    try:
        return json.loads(
            text, strict=False, parse_constant=lambda _: _BAD, parse_int=_parse_int, parse_float=_parse_float
        )
    except ValueError as error:
        raise DecodeError(str(error)) from None


def _parse_int(digits: str) -> int | BadJSON:
    try:
        return int(digits) if len(digits.lstrip("-")) <= _MAX_DIGITS else _BAD
    except ValueError:  # this interpreter was told to take fewer
        return _BAD


def _parse_float(digits: str) -> float | BadJSON:
    value = float(digits)
    return value if abs(value) <= sys.float_info.max else _BAD


def _prune(text: str) -> str:
    """Replace what is nested deeper than MAX_DEPTH by a constant that is not JSON."""
    kept: list[str] = []
    depth = 0
    copied_to = 0
    for token in _TOKEN.finditer(text):
        mark = token.group()[0]
        if mark in "[{":
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept.append(text[copied_to : token.start()])
        elif mark in "]}":
            depth -= 1
            if depth == MAX_DEPTH:
                kept.append("NaN")
                copied_to = token.end()
    if depth > MAX_DEPTH:
        raise DecodeError("cut short inside a value that is nested too deeply")
    kept.append(text[copied_to:])
    return "".join(kept)


_ASCII = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))
_UNICODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def dumps_own(value: Any) -> bytes:
    """Encode what we made ourselves of plain values, in a tenth of the time: NaN, say, is not told from null.

    Raises:
        UsageError: a lone surrogate, or something that is not JSON.
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        raise UsageError("the text holds a lone surrogate (U+D800 to U+DFFF), which cannot be kept") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the value cannot be kept as JSON: {error}") from None


def dumps_read(value: Any) -> bytes:
    """Encode what was read from JSON, in a tenth of the time; what UTF-8 cannot hold is escaped, all else stays.

    Raises:
        UsageError: see `dumps`.
    """
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError):  # a lone surrogate, or what is wrong is told
        return dumps(value, ascii_only=True)


def dumps(value: Any, *, ascii_only: bool = False) -> bytes:
    """Encode plain values as JSON.

    Args:
        value: what `json` can encode.
        ascii_only: escape everything else, so that even a lone surrogate has a byte form.

    Raises:
        UsageError: NaN or an infinity, a lone surrogate, or something that is not JSON.
    """
    try:
        return (_ASCII if ascii_only else _UNICODE).encode(value).encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError("the text holds a lone surrogate (U+D800 to U+DFFF), which cannot be sent") from None
    except RecursionError:
        raise UsageError("the value is nested too deeply, or contains itself") from None
    except (TypeError, ValueError) as error:
        raise UsageError(f"the value cannot be sent as JSON: {error}") from None
