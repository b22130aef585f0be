"""Small pictures, made from nothing, and some that are not as they should be."""

from __future__ import annotations

import functools
import io
import struct
import zlib

import PIL.Image

__all__ = [
    "PLANTED",
    "animated_gif",
    "jpeg",
    "noise",
    "png",
    "png_that_claims",
    "transparent_png",
    "two_jpegs_in_one",
]

PLANTED = b"52.5163N 13.3777E behind the blue door"
"""What stands in the EXIF part of a picture and must not go further."""

_ORIENTATION, _DESCRIPTION, _GPS = 0x0112, 0x010E, 0x8825


def png(width: int, height: int) -> bytes:
    """Return a grey PNG of this size."""
    rows = b"".join(b"\0" + bytes([row % 256]) * width for row in range(height))
    return _png(width, height, zlib.compress(rows))


def png_that_claims(width: int, height: int) -> bytes:
    """Return a few bytes that say they are a PNG of this size."""
    return _png(width, height, zlib.compress(b"\0"))


def _png(width: int, height: int, data: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    chunks = (struct.pack(">I", len(data)) + kind + data + _checksum(kind + data) for kind, data in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _checksum(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))


def noise(width: int, height: int) -> PIL.Image.Image:
    """Return a picture of its own each time that does not compress well: red on its left half, blue on its right."""
    picture = PIL.Image.effect_noise((width, height), 60).convert("RGB")
    picture.paste((200, 0, 0), (0, 0, width // 2, height // 4))
    picture.paste((0, 0, 200), (width // 2, 0, width, height // 4))
    return picture


@functools.cache
def jpeg(width: int, height: int, orientation: int | None = None) -> bytes:
    """Return a JPEG as a camera makes it, stored as `width` times `height`; EXIF holds `PLANTED`."""
    exif = PIL.Image.Exif()
    if orientation is not None:
        exif[_ORIENTATION] = orientation
    exif[_DESCRIPTION] = PLANTED.decode()
    exif.get_ifd(_GPS)[1] = "N"
    out = io.BytesIO()
    noise(width, height).save(out, "JPEG", exif=exif, quality=90)
    return out.getvalue()


@functools.cache
def two_jpegs_in_one(width: int, height: int) -> bytes:
    """Return what some cameras write: a JPEG with another one behind it (MPO)."""
    out = io.BytesIO()
    noise(width, height).save(out, "MPO", save_all=True, append_images=[noise(width, height)])
    return out.getvalue()


def animated_gif(width: int, height: int) -> bytes:
    """Return a GIF that moves."""
    frames = [PIL.Image.new("RGB", (width, height), colour) for colour in ("red", "green", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


@functools.cache
def transparent_png(width: int, height: int) -> bytes:
    """Return a PNG with a hole."""
    picture = noise(width, height).convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, width // 2, height // 2))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
