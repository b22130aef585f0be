"""A file made ready to be sent: looked at, named, and with what stands beside it in the message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from ..errors import UsageError
from .blurhashes import blurhash_of
from .filenames import safe_filename
from .inspect import MediaFacts, inspect_media
from .kinds import check_mimetype, extension_of, mimetype_to_msgtype
from .pictures import opened_picture, small_copy
from .sources import OpenSource
from .thumbnails import THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH, Thumbnail, thumbnail_from

__all__ = ["BLURHASH", "PreparedFile", "prepare"]

BLURHASH: Final = "xyz.amorgan.blurhash"

_LIGHT_BYTES = 256 * 1024
_DEFAULT_NAMES = {"m.image": "image", "m.audio": "audio", "m.video": "video", "m.file": "file"}


@attrs.frozen
class PreparedFile:
    """What is known of a file that is about to be sent.

    Attributes:
        msgtype: of the message that will carry it.
        filename: to show; the last part of its path, or made up from its kind.
        mimetype: as it will be uploaded.
        info: the `info` of the message, thumbnail left out.
        thumbnail: made from it, None where it is no picture or a small one.
        duration_ms: of a sound or a film, None for unknown.
    """

    msgtype: str
    filename: str
    mimetype: str
    info: dict[str, Any]
    thumbnail: Thumbnail | None = None
    duration_ms: int | None = None


def prepare(
    source: OpenSource,
    *,
    msgtype: str | None = None,
    filename: str | None = None,
    mimetype: str | None = None,
    info: Mapping[str, Any] | None = None,
    with_thumbnail: bool = True,
    with_hash: bool = True,
) -> PreparedFile:
    """Look at a file and say what its message should hold; an odd or damaged file is no error.

    Args:
        source: the file.
        msgtype: of the message; chosen by the MIME type where it is None.
        filename: to show instead of its own.
        mimetype: instead of what is found.
        info: members that count more than what is found.
        with_thumbnail: True makes a thumbnail of a large picture.
        with_hash: True makes a blurhash of a picture.

    Raises:
        UsageError: the MIME type is none.
    """
    name = filename if filename is not None else source.filename
    facts = inspect_media(source, name, check_mimetype(mimetype) if mimetype is not None else None)
    kind = msgtype or mimetype_to_msgtype(facts.mimetype)
    name = name or safe_filename(_DEFAULT_NAMES.get(kind, "file") + extension_of(facts.mimetype))
    found: dict[str, Any] = {"mimetype": facts.mimetype, "size": source.length, **_of_kind(kind, facts)}
    thumbnail = None
    if kind == "m.image" and facts.is_animated is not None:
        wants_hash = with_hash and BLURHASH not in (info or {})
        thumbnail, code = _previews(source, facts, with_thumbnail=with_thumbnail, with_hash=wants_hash)
        if code is not None:
            found[BLURHASH] = code
    found.update(info or {})
    known = {key: value for key, value in found.items() if value is not None}
    return PreparedFile(kind, name, facts.mimetype, known, thumbnail, facts.duration_ms)


def _of_kind(kind: str, facts: MediaFacts) -> dict[str, Any]:
    size = {"w": facts.width, "h": facts.height}
    if kind == "m.image":
        return {**size, "is_animated": facts.is_animated or None}
    if kind == "m.video":
        return {**size, "duration": facts.duration_ms}
    return {"duration": facts.duration_ms} if kind == "m.audio" else {}


def _previews(
    source: OpenSource, facts: MediaFacts, *, with_thumbnail: bool, with_hash: bool
) -> tuple[Thumbnail | None, str | None]:
    is_large = (
        (facts.width or 0) > THUMBNAIL_WIDTH or (facts.height or 0) > THUMBNAIL_HEIGHT or source.length > _LIGHT_BYTES
    )
    wants_thumbnail = with_thumbnail and is_large
    if not wants_thumbnail and not with_hash:
        return None, None
    try:
        with source.reader() as stream, opened_picture(stream) as picture:
            small = small_copy(picture, THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT)
            code = blurhash_of(small) if with_hash else None
            thumbnail = thumbnail_from(small) if wants_thumbnail else None
    except UsageError:
        return None, None
    if thumbnail is not None and len(thumbnail.content) >= source.length:
        thumbnail = None
    return thumbnail, code
