"""Reading pictures with Pillow: what they are, and small copies of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import attrs

from ..errors import UsageError

if TYPE_CHECKING:
    import PIL.Image

__all__ = ["PictureFacts", "opened_picture", "picture_facts", "small_copy"]

# Formats that people send. Pillow reads more, some by starting other programs (EPS): those stay shut.
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "HEIF", "JXL", "BMP", "TIFF", "ICO", "PPM", "JPEG2000", "QOI")
_MAY_MOVE = ("GIF", "PNG", "WEBP", "AVIF")
_MIMETYPES = {"MPO": "image/jpeg", "JPEG2000": "image/jp2", "QOI": "image/qoi"}  # MPO: a JPEG with another inside
_ORIENTATION = 0x0112
_LYING = frozenset({5, 6, 7, 8})


@attrs.frozen
class PictureFacts:
    """What a picture is; width and height in pixels, as it is shown and not as it is stored."""

    mimetype: str
    width: int
    height: int
    is_animated: bool


@contextlib.contextmanager
def opened_picture(stream: IO[bytes]) -> Iterator[PIL.Image.Image]:
    """Open a picture without decoding it.

    Args:
        stream: a seekable binary file, at the front.

    Raises:
        UsageError: it is no picture, it is one that cannot be read, it has so many pixels that Pillow
            takes it for an attack, or Pillow is not installed.
    """
    try:
        import PIL.Image
    except ImportError:
        raise UsageError("pictures are read with Pillow: pip install gomatrix_py[media]") from None
    PIL.Image.init()
    try:
        with PIL.Image.open(stream, formats=[name for name in _FORMATS if name in PIL.Image.OPEN]) as picture:
            _refuse_bombs(picture.size, PIL.Image.MAX_IMAGE_PIXELS)
            yield picture
    except UsageError:
        raise
    except Exception as error:  # readers of damaged files raise anything
        raise UsageError(f"the picture cannot be read ({type(error).__name__})") from error


def picture_facts(picture: PIL.Image.Image) -> PictureFacts:
    """Return what an open picture is."""
    kind = picture.format or ""
    width, height = picture.size
    if _orientation(picture) in _LYING:
        width, height = height, width
    is_animated = kind in _MAY_MOVE and bool(getattr(picture, "is_animated", False))
    return PictureFacts(_mimetype(kind), width, height, is_animated)


def small_copy(picture: PIL.Image.Image, width: int, height: int) -> PIL.Image.Image:
    """Return a picture that fits into so many pixels, upright, without EXIF or anything else but pixels."""
    import PIL.Image
    import PIL.ImageOps

    orientation = _orientation(picture)
    picture.thumbnail((height, width) if orientation in _LYING else (width, height))
    has_alpha = picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info
    upright = PIL.ImageOps.exif_transpose(picture).convert("RGBA" if has_alpha else "RGB")
    bare = PIL.Image.new(upright.mode, upright.size)
    bare.paste(upright)
    return bare


def _mimetype(kind: str) -> str:
    import PIL.Image

    return _MIMETYPES.get(kind) or PIL.Image.MIME.get(kind, "application/octet-stream")


def _refuse_bombs(size: tuple[int, int], most: int | None) -> None:
    # between its limit and twice that Pillow only warns
    if most is not None and size[0] * size[1] > most:
        raise UsageError(f"the picture has {size[0]} x {size[1]} pixels; more than {most} are not decoded")


def _orientation(picture: Any) -> int:
    value = picture.getexif().get(_ORIENTATION)
    return value if isinstance(value, int) else 1
