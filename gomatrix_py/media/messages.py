"""Contents of messages that carry a file. Spec: module "Instant messaging"; voice messages: MSC3245."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .prepare import PreparedFile

__all__ = ["file_content", "thumbnail_info", "voice_blocks"]


def file_content(file: PreparedFile, place: Mapping[str, Any], info: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a message that carries a file; its body is the file's name, for want of a caption.

    Args:
        file: what is known of it.
        place: where it was uploaded to: `url`, or `file` where it is encrypted.
        info: of the message.

    Source: specification, "Media captions".
    """
    return {
        "msgtype": file.msgtype,
        "body": file.filename,
        "filename": file.filename,
        "info": dict(info),
        **place,
    }


def thumbnail_info(info: Mapping[str, Any], place: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of an `info` that tell of a thumbnail.

    Args:
        info: of the thumbnail itself.
        place: where it was uploaded to: `url`, or `file` where it is encrypted.
    """
    about = {name: info[name] for name in ("w", "h", "mimetype", "size") if name in info}
    return {**{f"thumbnail_{name}": value for name, value in place.items()}, "thumbnail_info": about}


def voice_blocks(
    file: PreparedFile, place: Mapping[str, Any], duration_ms: int | None, waveform: Sequence[int] | None
) -> dict[str, Any]:
    """Return what makes a sound a voice message, under the names that clients send today.

    Args:
        file: what is known of it.
        place: where it was uploaded to.
        duration_ms: how long it is, None for unknown.
        waveform: its loudness over time, 0 to 1024; None for unknown.

    Source: MSC1767, MSC3245, MSC3246.
    """
    details = {"duration": duration_ms, "waveform": None if waveform is None else list(waveform)}
    return {
        "org.matrix.msc1767.text": file.filename,
        "org.matrix.msc1767.file": {
            **place,
            "name": file.filename,
            "mimetype": file.mimetype,
            "size": file.info.get("size"),
        },
        "org.matrix.msc1767.audio": {name: value for name, value in details.items() if value is not None},
        "org.matrix.msc3245.voice": {},
    }
