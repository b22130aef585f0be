"""Short sounds and films, made from nothing: enough of each to tell what it is."""

from __future__ import annotations

import io
import math
import struct
import wave
from array import array

__all__ = ["mp4", "wav", "webm"]

_TURNED = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
_UPRIGHT = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def wav(seconds: float = 1.0, *, rate: int = 8000, width: int = 2, channels: int = 1) -> bytes:
    """Return a tone that grows louder from silence to the loudest there is."""
    frames = int(seconds * rate)
    loudest = 2 ** (8 * width - 1) - 1
    middle = 128 if width == 1 else 0
    values = (middle + int(loudest * at / frames * math.sin(at)) for at in range(frames))
    data = array({1: "B", 2: "h", 4: "i"}[width], (value for value in values for _ in range(channels)))
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(width)
        sound.setframerate(rate)
        sound.writeframes(data.tobytes())
    return out.getvalue()


# ------------------------------------------------------------------ MP4


def _box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I", len(data) + 8) + kind + data


def _track(kind: bytes, size: tuple[int, int], *, is_turned: bool, version: int) -> bytes:
    matrix = struct.pack(">9i", *(_TURNED if is_turned else _UPRIGHT))
    pixels = struct.pack(">II", size[0] << 16, size[1] << 16)
    times = bytes(32 if version else 20)
    header = _box(b"tkhd", bytes([version, 0, 0, 3]), times, bytes(16), matrix, pixels)
    handler = _box(b"hdlr", bytes(8), kind, bytes(13))
    return _box(b"trak", header, _box(b"mdia", handler))


def mp4(
    width: int = 320,
    height: int = 180,
    duration_ms: int = 2500,
    *,
    has_video: bool = True,
    is_turned: bool = False,
    version: int = 0,
    media_first: bool = False,
) -> bytes:
    """Return the headers of an MP4 file and a little nonsense for the media itself."""
    times = struct.pack(">QQIQ" if version else ">IIII", 0, 0, 1000, duration_ms)
    movie = _box(b"mvhd", bytes([version, 0, 0, 0]), times, bytes(80))
    tracks = [_track(b"soun", (0, 0), is_turned=False, version=version)]
    if has_video:
        tracks.append(_track(b"vide", (width, height), is_turned=is_turned, version=version))
    kind, moov = _box(b"ftyp", b"isom\0\0\2\0isomiso2mp41"), _box(b"moov", movie, *tracks)
    media = _box(b"mdat", bytes(100))
    return kind + (media + moov if media_first else moov + media)


# ------------------------------------------------------------------ WebM


def _element(name: int, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + struct.pack(">Q", len(data) | 1 << 56) + data


def webm(width: int = 320, height: int = 180, duration_ms: float = 2500.0, *, has_video: bool = True) -> bytes:
    """Return the headers of a WebM file of unknown length, as browsers record it, and an empty cluster."""
    info = _element(0x1549A966, _element(0x2AD7B1, b"\x0f\x42\x40"), _element(0x4489, struct.pack(">d", duration_ms)))
    video = _element(0xE0, _element(0xB0, struct.pack(">H", width)), _element(0xBA, struct.pack(">H", height)))
    sound = _element(0xAE, _element(0x83, b"\2"))
    tracks = _element(0x1654AE6B, sound, *([_element(0xAE, _element(0x83, b"\1"), video)] if has_video else []))
    segment = b"\x18\x53\x80\x67" + b"\x01" + b"\xff" * 7 + info + tracks + _element(0x1F43B675, bytes(50))
    return _element(0x1A45DFA3, _element(0x4282, b"webm")) + segment
