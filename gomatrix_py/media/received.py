"""A file as a message tells of it. Spec: module "Instant messaging"; what it tells is the sender's word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ..codec import structure
from ..errors import DecodeError, UsageError
from ..events.contents.encrypted_file import EncryptedFile

__all__ = ["ReceivedFile", "file_of", "thumbnail_of"]


@attrs.frozen
class ReceivedFile:
    """Where a file is and what its sender says of it.

    Attributes:
        url: the ``mxc://`` address, not yet checked.
        encrypted: how to read it, None where it is not encrypted.
        filename: a name to show, "" where there is none; it is not a path.
        mimetype: "" where nothing is said.
        size: in bytes, None where nothing is said.
    """

    url: str
    encrypted: EncryptedFile | None = None
    filename: str = ""
    mimetype: str = ""
    size: int | None = None


def file_of(content: Mapping[str, Any]) -> ReceivedFile:
    """Return the file that a message carries: an image, sound, film, file, sticker or voice message.

    Args:
        content: of the event, decoded.

    Raises:
        UsageError: it carries none.
    """
    name = _text(content.get("filename")) or _text(content.get("body"))
    return _described(content, "url", "file", _object(content.get("info")), name, "the message carries no file")


def thumbnail_of(content: Mapping[str, Any]) -> ReceivedFile:
    """Return the thumbnail that the sender of a file made.

    Raises:
        UsageError: there is none.
    """
    info = _object(content.get("info"))
    about = _object(info.get("thumbnail_info"))
    return _described(info, "thumbnail_url", "thumbnail_file", about, "", "the message carries no thumbnail")


def _described(
    holder: Mapping[str, Any], url: str, file: str, info: Mapping[str, Any], name: str, complaint: str
) -> ReceivedFile:
    encrypted = None
    if file in holder:
        try:
            encrypted = structure(holder[file], EncryptedFile)
        except DecodeError as error:
            raise UsageError(f"{complaint} that can be read: {error}") from None
    address = encrypted.url if encrypted is not None else _text(holder.get(url))
    if not address:
        raise UsageError(complaint)
    size = info.get("size")
    is_size = isinstance(size, int) and not isinstance(size, bool) and size >= 0
    return ReceivedFile(address, encrypted, name, _text(info.get("mimetype")), size if is_size else None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
