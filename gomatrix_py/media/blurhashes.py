"""Blurred previews of pictures, as short texts. MSC2448."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import PIL.Image

__all__ = ["blurhash_of"]

_PIXELS = 32
_COMPONENTS = 4, 3


def blurhash_of(small: PIL.Image.Image) -> str | None:
    """Return the blurhash of a picture, the smaller the better; None where the library is not installed.

    Transparent parts count as white, as most clients show them.

    Source: MSC2448.
    """
    try:
        import blurhash
        import PIL.Image
    except ImportError:
        return None
    tiny = small.copy()
    tiny.thumbnail((_PIXELS, _PIXELS))
    if tiny.mode == "RGBA":
        ground = PIL.Image.new("RGBA", tiny.size, "white")
        ground.alpha_composite(tiny)
        tiny = ground
    plain = tiny.convert("RGB")
    data = plain.tobytes()
    row = plain.width * 3
    rows = [[list(data[at : at + 3]) for at in range(start, start + row, 3)] for start in range(0, len(data), row)]
    across, down = _COMPONENTS if plain.width >= plain.height else _COMPONENTS[::-1]
    code: str = blurhash.encode(rows, across, down)
    return code
