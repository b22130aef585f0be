"""Thumbnails: small pictures that carry nothing but pixels."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Final

import attrs

from .pictures import opened_picture, small_copy

if TYPE_CHECKING:
    import PIL.Image

__all__ = ["THUMBNAIL_HEIGHT", "THUMBNAIL_WIDTH", "Thumbnail", "make_thumbnail", "thumbnail_from"]

THUMBNAIL_WIDTH: Final = 800
THUMBNAIL_HEIGHT: Final = 600


@attrs.frozen
class Thumbnail:
    """A thumbnail; width and height in pixels."""

    content: bytes = attrs.field(repr=False)
    mimetype: str
    width: int
    height: int


def make_thumbnail(stream: IO[bytes], width: int = THUMBNAIL_WIDTH, height: int = THUMBNAIL_HEIGHT) -> Thumbnail:
    """Make a thumbnail that fits into so many pixels; of an animation its first picture.

    It stands upright as EXIF says, and EXIF itself, places included, is not in it. A picture that is
    smaller keeps its size.

    Args:
        stream: a seekable binary file with the picture, at its front.
        width: at most, in pixels.
        height: at most, in pixels.

    Raises:
        UsageError: it is no picture, cannot be read, or has more pixels than Pillow's limit; or Pillow is
            not installed.
    """
    with opened_picture(stream) as picture:
        return thumbnail_from(small_copy(picture, width, height))


def thumbnail_from(small: PIL.Image.Image) -> Thumbnail:
    """Return a small copy as a thumbnail: JPEG, or PNG where it has transparent parts."""
    out = io.BytesIO()
    if small.mode == "RGBA":
        small.save(out, "PNG", optimize=True)
    else:
        small.save(out, "JPEG", quality=82, optimize=True, progressive=True)
    return Thumbnail(out.getvalue(), "image/png" if small.mode == "RGBA" else "image/jpeg", *small.size)
