"""Size and length of WebM and Matroska files, from the few elements at their front that tell."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

from .mp4 import MovieFacts

__all__ = ["webm_facts"]

_EBML, _SEGMENT, _INFO, _TRACKS, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
_TIMESTAMP_SCALE, _DURATION = 0x2AD7B1, 0x4489
_TRACK, _TRACK_TYPE, _VIDEO, _WIDTH, _HEIGHT = 0xAE, 0x83, 0xE0, 0xB0, 0xBA
_IS_VIDEO = 1
_NANOSECONDS = 1_000_000
_MAX_ELEMENTS = 1000
_MAX_HEADER_BYTES = 1024 * 1024

_Element = tuple[int, int, int]  # its id, and where what it holds begins and ends


def webm_facts(stream: IO[bytes]) -> MovieFacts | None:
    """Return what a WebM or Matroska file holds, None where it is none.

    Args:
        stream: a seekable binary file, at its front.

    Source: RFC 8794 (EBML) and RFC 9559 (Matroska).
    """
    try:
        if stream.read(4) != _EBML.to_bytes(4, "big"):
            return None
        end = stream.seek(0, 2)
        segment = next(one for one in _elements(stream, 0, end) if one[0] == _SEGMENT)
        parts: dict[int, _Element] = {}
        for element in _elements(stream, *segment[1:]):
            if element[0] == _CLUSTER:
                break
            parts.setdefault(element[0], element)
        return _facts(stream, parts)
    except Exception:  # noqa: BLE001 - damaged files break any assumption
        return None


def _facts(stream: IO[bytes], parts: dict[int, _Element]) -> MovieFacts:
    duration_ms = _duration_ms(stream, parts[_INFO]) if _INFO in parts else None
    for track in _elements(stream, *parts[_TRACKS][1:]) if _TRACKS in parts else ():
        inside = {one[0]: one for one in _elements(stream, *track[1:])} if track[0] == _TRACK else {}
        if _TRACK_TYPE in inside and _number(stream, inside[_TRACK_TYPE]) == _IS_VIDEO:
            video = {one[0]: one for one in _elements(stream, *inside[_VIDEO][1:])} if _VIDEO in inside else {}
            width, height = (_number(stream, video[name]) if name in video else 0 for name in (_WIDTH, _HEIGHT))
            return MovieFacts(True, width or None, height or None, duration_ms)
    return MovieFacts(False, duration_ms=duration_ms)


def _elements(stream: IO[bytes], start: int, end: int) -> Iterator[_Element]:
    """Give the elements that stand side by side in a part of the file."""
    at = start
    for _ in range(_MAX_ELEMENTS):
        if at >= end:
            return
        stream.seek(at)
        name, _ = _variable(stream, keeps_marker=True)
        size, is_unknown = _variable(stream)
        begin = stream.tell()
        at = end if is_unknown else min(begin + size, end)
        yield name, begin, at


def _variable(stream: IO[bytes], *, keeps_marker: bool = False) -> tuple[int, bool]:
    """Read an integer whose first bits say how long it is; all ones stand for an unknown size."""
    first = stream.read(1)[0]
    length = 9 - first.bit_length()
    if length > 8:
        raise ValueError("no such length")
    whole = int.from_bytes(bytes([first]) + stream.read(length - 1), "big")
    value = whole & ((1 << 7 * length) - 1)
    return (whole if keeps_marker else value), value == (1 << 7 * length) - 1


def _payload(stream: IO[bytes], element: _Element) -> bytes:
    _, begin, end = element
    if end - begin > _MAX_HEADER_BYTES:
        raise ValueError("not a header")
    stream.seek(begin)
    return stream.read(end - begin)


def _number(stream: IO[bytes], element: _Element) -> int:
    return int.from_bytes(_payload(stream, element), "big")


def _duration_ms(stream: IO[bytes], info: _Element) -> int | None:
    inside = {one[0]: one for one in _elements(stream, *info[1:])}
    if _DURATION not in inside:
        return None
    data = _payload(stream, inside[_DURATION])
    (duration,) = struct.unpack(">f" if len(data) == 4 else ">d", data)
    scale = _number(stream, inside[_TIMESTAMP_SCALE]) if _TIMESTAMP_SCALE in inside else _NANOSECONDS
    return int(duration * scale / _NANOSECONDS) or None
