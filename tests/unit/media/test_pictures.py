"""Pictures: what they are, small copies of them, and those that are not what they say."""

from __future__ import annotations

import io
import sys

import PIL.Image
import pytest

from gomatrix_py import UsageError
from gomatrix_py.media import MediaFacts, Thumbnail, inspect_media, make_thumbnail, opened
from gomatrix_py.media import pictures as module
from gomatrix_py.media.blurhashes import blurhash_of
from tests.kit.pictures import (
    PLANTED,
    animated_gif,
    jpeg,
    noise,
    png,
    png_that_claims,
    transparent_png,
    two_jpegs_in_one,
)

JPEG = jpeg(1200, 900)


def look_at(content: bytes, filename: str = "") -> MediaFacts:
    with opened(content) as source:
        return inspect_media(source, filename)


def decoded(thumbnail: Thumbnail) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(thumbnail.content))


# ------------------------------------------------------------------ what they are


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        (png(30, 20), MediaFacts("image/png", 30, 20, is_animated=False)),
        (jpeg(30, 20), MediaFacts("image/jpeg", 30, 20, is_animated=False)),
        (two_jpegs_in_one(30, 20), MediaFacts("image/jpeg", 30, 20, is_animated=False)),
        (animated_gif(30, 20), MediaFacts("image/gif", 30, 20, is_animated=True)),
    ],
    ids=["png", "jpeg", "mpo", "gif"],
)
def test_kind_and_size(content: bytes, facts: MediaFacts) -> None:
    assert look_at(content) == facts
    assert look_at(content, "misnamed.bmp") == facts  # the content counts more than the name


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_picture_as_it_is_shown(orientation: int) -> None:
    facts = look_at(jpeg(30, 20, orientation))
    assert (facts.width, facts.height) == ((20, 30) if orientation >= 5 else (30, 20))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0 no jpeg",
        b"GIF89a",
        png(30, 20)[:30],
        png_that_claims(40_000, 40_000),
        png_that_claims(12_000, 12_000),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        b"\0" * 100,
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_an_odd_picture_is_sent_by_its_name(content: bytes) -> None:
    assert look_at(content, "cat.png") == MediaFacts("image/png")
    assert look_at(content) == MediaFacts("application/octet-stream")


# ------------------------------------------------------------------ thumbnails


def test_a_thumbnail_fits_and_keeps_its_shape() -> None:
    thumbnail = make_thumbnail(io.BytesIO(JPEG))
    assert (thumbnail.width, thumbnail.height, thumbnail.mimetype) == (800, 600, "image/jpeg")
    assert decoded(thumbnail).size == (800, 600)
    assert len(thumbnail.content) < len(JPEG)
    assert make_thumbnail(io.BytesIO(jpeg(900, 100))).height == round(100 * 800 / 900)


def test_a_small_picture_keeps_its_size() -> None:
    thumbnail = make_thumbnail(io.BytesIO(jpeg(40, 30)))
    assert (thumbnail.width, thumbnail.height) == (40, 30)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_thumbnail_stands_upright(orientation: int) -> None:
    """Stored red at the upper left, blue at the upper right: EXIF says where up is."""
    content = jpeg(1200, 900, orientation)
    picture = decoded(make_thumbnail(io.BytesIO(content), 400, 400)).convert("RGB")
    assert picture.size == ((300, 400) if orientation >= 5 else (400, 300))
    width, height = picture.size
    corners = {"left": (10, 10), "right": (width - 10, 10)}
    below = {"left": (10, height - 10), "right": (width - 10, height - 10)}
    red_at = {1: corners["left"], 2: corners["right"], 3: below["right"], 4: below["left"]}
    red_at |= {5: corners["left"], 6: corners["right"], 7: below["right"], 8: below["left"]}
    pixel = picture.getpixel(red_at[orientation])
    assert isinstance(pixel, tuple)
    assert pixel[0] > 150 > 80 > pixel[2]


def test_exif_is_not_in_the_thumbnail() -> None:
    for content in (JPEG, jpeg(1200, 900, 6), jpeg(40, 30)):
        thumbnail = make_thumbnail(io.BytesIO(content))
        assert PLANTED in content
        assert PLANTED not in thumbnail.content
        assert dict(decoded(thumbnail).getexif()) == {}
        assert b"Exif" not in thumbnail.content


def test_saved_carelessly_it_would_be() -> None:
    """The control: Pillow carries EXIF along where it is told to."""
    out = io.BytesIO()
    picture = PIL.Image.open(io.BytesIO(JPEG))
    picture.save(out, "JPEG", exif=picture.info["exif"])
    assert PLANTED in out.getvalue()


def test_transparent_parts_stay_transparent() -> None:
    thumbnail = make_thumbnail(io.BytesIO(transparent_png(1000, 1000)), 100, 100)
    assert thumbnail.mimetype == "image/png"
    assert decoded(thumbnail).getpixel((10, 10)) == (0, 0, 0, 0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F", "YCbCr"])
def test_pictures_of_every_mode(mode: str) -> None:
    out = io.BytesIO()
    kind = "TIFF" if mode in ("CMYK", "F", "YCbCr", "I;16") else "PNG"
    PIL.Image.new(mode, (1000, 500)).save(out, kind)
    thumbnail = make_thumbnail(io.BytesIO(out.getvalue()))
    assert decoded(thumbnail).size == (800, 400)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("width", "height"), [(40_000, 40_000), (12_000, 12_000), (65_000, 65_000)])
def test_a_bomb_is_refused(width: int, height: int) -> None:
    with pytest.raises(UsageError):
        make_thumbnail(io.BytesIO(png_that_claims(width, height)))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_without_our_limit_a_bomb_would_be_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: between its limit and twice that Pillow only warns."""
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UsageError, match="not decoded"):
        make_thumbnail(io.BytesIO(png(40, 40)))
    monkeypatch.setattr(module, "_refuse_bombs", lambda *_: None)
    assert make_thumbnail(io.BytesIO(png(40, 40))).width == 40


def test_a_picture_cut_in_the_middle_has_no_thumbnail() -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        make_thumbnail(io.BytesIO(JPEG[: len(JPEG) // 2]))


def test_a_format_that_starts_other_programs_stays_shut() -> None:
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n%%EOF\n"
    assert PIL.Image.open(io.BytesIO(eps)).format == "EPS"  # Pillow by itself would take it
    with pytest.raises(UsageError):
        make_thumbnail(io.BytesIO(eps))


# ------------------------------------------------------------------ blurhash


def test_a_blurhash_shows_the_colours() -> None:
    import blurhash

    code = blurhash_of(noise(400, 300))
    assert code is not None
    assert blurhash.components(code) == (4, 3)
    upper = blurhash.decode(code, 8, 8)[0]
    assert upper[1][0] > upper[1][2]  # red on the left
    assert upper[6][2] > upper[6][0]  # blue on the right
    tall = blurhash_of(noise(300, 400))
    assert tall is not None
    assert blurhash.components(tall) == (3, 4)


def test_a_hole_counts_as_white() -> None:
    assert blurhash_of(PIL.Image.new("RGBA", (9, 9), (0, 0, 0, 0))) == blurhash_of(
        PIL.Image.new("RGB", (9, 9), "white")
    )


# ------------------------------------------------------------------ without the libraries


def test_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert look_at(JPEG, "cat.jpg") == MediaFacts("image/jpeg")
    with pytest.raises(UsageError, match=r"gomatrix_py\[media\]"):
        make_thumbnail(io.BytesIO(JPEG))


def test_without_blurhash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "blurhash", None)
    assert blurhash_of(noise(40, 30)) is None
