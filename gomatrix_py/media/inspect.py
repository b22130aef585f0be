"""What can be found out about a file by looking into it: kind, size, length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import attrs

from ..errors import UsageError
from .kinds import OCTET_STREAM, guess_mimetype
from .mp4 import MovieFacts, mp4_facts
from .pictures import opened_picture, picture_facts
from .sources import OpenSource
from .webm import webm_facts

__all__ = ["MediaFacts", "inspect_media"]

_MAY_BE_MEDIA = ("image", "audio", "video")
_MAY_BE_ANYTHING = frozenset({OCTET_STREAM, "application/ogg", "application/mp4"})

# mutagen's first word for a kind of sound, where it is not the usual one.
_USUAL = {
    "audio/mp3": "audio/mpeg",
    "audio/vorbis": "audio/ogg",
    "audio/ogg; codecs=opus": "audio/ogg",
    "audio/x-flac": "audio/flac",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/aiff": "audio/x-aiff",
}


@attrs.frozen
class MediaFacts:
    """What a file is; None stands for what could not be found out.

    Attributes:
        mimetype: by its content where that speaks, by its name otherwise.
        width, height: in pixels, as it is shown.
        duration_ms: of a sound or a film.
        is_animated: whether a picture moves.
    """

    mimetype: str
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None
    is_animated: bool | None = None


def inspect_media(source: OpenSource, filename: str = "", mimetype: str | None = None) -> MediaFacts:
    """Find out what a file is, as far as the libraries for it are installed; a damaged file is no error.

    Args:
        source: the file.
        filename: a name that may tell of its kind.
        mimetype: what the caller says, which counts more than anything found.
    """
    expected = mimetype or guess_mimetype(filename or source.filename)
    essence = (expected or OCTET_STREAM).partition(";")[0].strip().lower()
    found = None
    if essence.partition("/")[0] in _MAY_BE_MEDIA or essence in _MAY_BE_ANYTHING:
        found = next(_found(source, essence), None)
    if found is None:
        return MediaFacts(expected or OCTET_STREAM)
    if mimetype:
        return attrs.evolve(found, mimetype=mimetype)
    is_picture = found.width is not None and found.duration_ms is None and found.is_animated is not None
    if expected is not None and not is_picture and _agree(essence, found.mimetype):
        return attrs.evolve(found, mimetype=expected)
    return found


def _agree(one: str, other: str) -> bool:
    major = one.partition("/")[0]
    return major in ("audio", "video") and major == other.partition("/")[0]


def _found(source: OpenSource, essence: str) -> Iterator[MediaFacts]:
    """Give what each reader says of the file, those that are likely to know it first."""
    readers = [_picture, _film, _sound]
    if essence.startswith(("audio/", "video/")):
        readers = [_film, _sound, _picture]
    for read in readers:
        with source.reader() as stream:
            facts = read(stream)
        if facts is not None:
            yield facts


def _picture(stream: IO[bytes]) -> MediaFacts | None:
    try:
        with opened_picture(stream) as picture:
            facts = picture_facts(picture)
    except UsageError:
        return None
    return MediaFacts(facts.mimetype, facts.width, facts.height, is_animated=facts.is_animated)


def _film(stream: IO[bytes]) -> MediaFacts | None:
    for container, read in (("mp4", mp4_facts), ("webm", webm_facts)):
        stream.seek(0)
        facts: MovieFacts | None = read(stream)
        if facts is not None:
            major = "video" if facts.has_video else "audio"
            return MediaFacts(f"{major}/{container}", facts.width, facts.height, facts.duration_ms)
    return None


def _sound(stream: IO[bytes]) -> MediaFacts | None:
    try:
        import mutagen
    except ImportError:
        return None
    try:
        sound = mutagen.File(stream)
        if sound is None or not sound.mime:
            return None
        length_s = getattr(sound.info, "length", None)
        duration_ms = int(length_s * 1000) if isinstance(length_s, (int, float)) and length_s > 0 else None
        kind = str(sound.mime[0])
    except Exception:  # noqa: BLE001 - readers of damaged files raise anything
        return None
    return MediaFacts(_USUAL.get(kind, kind), duration_ms=duration_ms)
