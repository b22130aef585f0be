"""Size and length of MP4 and QuickTime files: mutagen knows their atoms, but says little of the pictures."""

from __future__ import annotations

import struct
from typing import IO, Any

import attrs

__all__ = ["MovieFacts", "mp4_facts"]


@attrs.frozen
class MovieFacts:
    """What a film is: width and height in pixels as it is shown, length in milliseconds; None for unknown."""

    has_video: bool
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None


def mp4_facts(stream: IO[bytes]) -> MovieFacts | None:
    """Return what an MP4 or QuickTime file holds, None where it is none or mutagen is not installed.

    Args:
        stream: a seekable binary file, at its front.

    Source: ISO/IEC 14496-12, "Movie Header Box" and "Track Header Box".
    """
    try:
        from mutagen.mp4._atom import Atoms
    except ImportError:
        return None
    try:
        if stream.read(12)[4:8] not in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
            return None
        stream.seek(0)
        atoms = Atoms(stream)
        duration_ms = _duration_ms(_payload(stream, atoms[b"moov", b"mvhd"]))
        for track in atoms[b"moov"].findall(b"trak"):
            if _payload(stream, track[b"mdia", b"hdlr"])[8:12] == b"vide":
                return MovieFacts(True, *_size(_payload(stream, track[b"tkhd",])), duration_ms)
        return MovieFacts(False, duration_ms=duration_ms)
    except Exception:  # noqa: BLE001 - readers of damaged files raise anything
        return None


def _payload(stream: IO[bytes], atom: Any) -> bytes:
    was_read, data = atom.read(stream)
    if not was_read or len(data) > 4096:
        raise ValueError("not a header")
    payload: bytes = data
    return payload


def _duration_ms(header: bytes) -> int | None:
    timescale, duration = struct.unpack_from(">QQIQ" if header[0] else ">IIII", header, 4)[2:]
    unknown = 2**64 - 1 if header[0] else 2**32 - 1
    if not timescale or not duration or duration == unknown:
        return None
    return int(duration * 1000 // timescale)


def _size(header: bytes) -> tuple[int | None, int | None]:
    matrix_at = 52 if header[0] else 40
    matrix = struct.unpack_from(">9i", header, matrix_at)
    width, height = (value >> 16 for value in struct.unpack_from(">II", header, matrix_at + 36))
    if not width or not height:
        return None, None
    is_lying = matrix[0] == matrix[4] == 0 and matrix[1] and matrix[3]
    return (height, width) if is_lying else (width, height)
