"""What kind of file something is: its MIME type, and the type of message that carries it."""

from __future__ import annotations

import mimetypes
import re
from typing import Final

from ..errors import UsageError

__all__ = ["OCTET_STREAM", "check_mimetype", "extension_of", "guess_mimetype", "mimetype_to_msgtype"]

OCTET_STREAM: Final = "application/octet-stream"

_MIMETYPE = re.compile(r"[\w.+!#$&^-]+/[\w.+!#$&^-]+(?:\s*;[\x20-\x7e]*)?\Z", re.ASCII)
_COMPRESSED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}

# What the standard library does not know, or not on every machine.
_BY_SUFFIX = {
    ".avif": "image/avif",
    ".flac": "audio/flac",
    ".heic": "image/heic",
    ".jxl": "image/jxl",
    ".m4a": "audio/mp4",
    ".mkv": "video/x-matroska",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".weba": "audio/webm",
    ".webm": "video/webm",
    ".webp": "image/webp",
}
_SUFFIX_OF = {
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "image/jpeg": ".jpg",
    "image/tiff": ".tiff",
    "text/plain": ".txt",
    "video/mpeg": ".mpg",
    **{kind: suffix for suffix, kind in _BY_SUFFIX.items() if suffix not in (".oga", ".ogg", ".opus", ".m4a")},
}


def check_mimetype(mimetype: str) -> str:
    """Return a MIME type that can be sent.

    Raises:
        UsageError: it is none, ``png`` for ``image/png`` say.
    """
    if not isinstance(mimetype, str) or not _MIMETYPE.match(mimetype):
        raise UsageError(f"{mimetype!r} is no MIME type such as image/png")
    return mimetype


def guess_mimetype(filename: str) -> str | None:
    """Return the MIME type that a file's name speaks for, None where it says nothing."""
    suffix = filename.rpartition(".")[2] if "." in filename else ""
    known = _BY_SUFFIX.get(f".{suffix.lower()}")
    if known is not None:
        return known
    kind, encoding = mimetypes.guess_type(f"x.{suffix}", strict=False)
    return _COMPRESSED.get(encoding, OCTET_STREAM) if encoding else kind


def extension_of(mimetype: str) -> str:
    """Return the suffix that files of a MIME type have, such as ``.png``; "" where there is none."""
    essence = mimetype.partition(";")[0].strip().lower()
    return _SUFFIX_OF.get(essence) or mimetypes.guess_extension(essence, strict=False) or ""


def mimetype_to_msgtype(mimetype: str) -> str:
    """Return the type of message that carries a file: ``m.image``, ``m.audio``, ``m.video`` or ``m.file``.

    Source: specification, module "Instant messaging"; matrix-nio's helper of this name.
    """
    major = mimetype.partition("/")[0].strip().lower()
    return f"m.{major}" if major in ("image", "audio", "video") else "m.file"
