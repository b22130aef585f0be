"""MIME types by name, and the messages that carry them."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py import UsageError
from gomatrix_py.media import guess_mimetype, mimetype_to_msgtype
from gomatrix_py.media.kinds import check_mimetype, extension_of


@pytest.mark.parametrize(
    ("name", "mimetype"),
    [
        ("cat.png", "image/png"),
        ("CAT.JPG", "image/jpeg"),
        ("cat.webp", "image/webp"),
        ("voice.ogg", "audio/ogg"),
        ("voice.opus", "audio/ogg"),
        ("film.mp4", "video/mp4"),
        ("film.webm", "video/webm"),
        ("notes.txt", "text/plain"),
        ("paper.pdf", "application/pdf"),
        ("all.tar.gz", "application/gzip"),
        ("all.tgz", "application/gzip"),
        ("http://x/y.png", "image/png"),
        ("Makefile", None),
        ("x.nobodyknows", None),
        ("", None),
        (".", None),
        ("data:text/html,x.", None),
    ],
)
def test_a_name_speaks_for_a_kind(name: str, mimetype: str | None) -> None:
    assert guess_mimetype(name) == mimetype


@pytest.mark.parametrize(
    ("mimetype", "msgtype"),
    [
        ("image/png", "m.image"),
        ("IMAGE/PNG", "m.image"),
        ("audio/ogg; codecs=opus", "m.audio"),
        ("video/mp4", "m.video"),
        ("application/pdf", "m.file"),
        ("text/plain", "m.file"),
        ("imagine/that", "m.file"),
        ("", "m.file"),
    ],
)
def test_a_kind_has_a_message(mimetype: str, msgtype: str) -> None:
    assert mimetype_to_msgtype(mimetype) == msgtype


@pytest.mark.parametrize("mimetype", ["image/png", "audio/ogg; codecs=opus", "application/vnd.oasis+xml", "x-a/b.c"])
def test_mimetypes(mimetype: str) -> None:
    assert check_mimetype(mimetype) == mimetype


@pytest.mark.parametrize(
    "mimetype", ["png", "", "image/", "/png", "image/png\r\nX: y", "image png", "bild/ö", None, 5]
)
def test_what_is_no_mimetype(mimetype: Any) -> None:
    with pytest.raises(UsageError):
        check_mimetype(mimetype)


@pytest.mark.parametrize(
    ("mimetype", "suffix"),
    [
        ("image/png", ".png"),
        ("image/jpeg", ".jpg"),
        ("audio/ogg; codecs=opus", ".ogg"),
        ("audio/mp4", ".m4a"),
        ("text/plain", ".txt"),
        ("application/pdf", ".pdf"),
        ("x/nobodyknows", ""),
        ("", ""),
    ],
)
def test_a_kind_has_a_suffix(mimetype: str, suffix: str) -> None:
    assert extension_of(mimetype) == suffix
