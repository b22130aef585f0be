"""Blocks that any event may hold, for clients that do not know its type. MSC1767, MSC3246, MSC3488, MSC3551.

Each block has a stable name and the unstable one it is sent under today; the unstable ``m.text`` is one
string, the stable one a list of representations.
"""

from __future__ import annotations

from typing import Any

from ...codec import Document, field, structure
from ...errors import DecodeError
from .encrypted_file import EncryptedFile

__all__ = [
    "AssetBlock",
    "AudioDetails",
    "FileBlock",
    "LocationBlock",
    "MessageContent",
    "TextBlock",
    "TextRepresentation",
    "UnstableMessageContent",
    "fallback_text",
    "text_of",
]

PLAIN, HTML = "text/plain", "text/html"
_TEXT_NAMES = ("m.text", "org.matrix.msc1767.text", "m.message", "org.matrix.msc1767.message")


class TextRepresentation(Document):
    """One form of a text; without `mimetype` it is plain."""

    body: str
    mimetype: str | None = None


TextBlock = list[TextRepresentation] | str
"""A text: forms of which the first that can be shown should be, or the plain text itself."""


class FileBlock(Document):
    """A file: `name` is never a path; where it is encrypted, the key stands in `file` or in `extra`."""

    url: str | None = None
    name: str | None = None
    mimetype: str | None = None
    size: int | None = None
    file: EncryptedFile | None = None


class AudioDetails(Document):
    """Length of a sound, and its loudness over time (0 to 256; 0 to 1024 in older events)."""

    duration: int | None = None
    waveform: list[int] | None = None


class LocationBlock(Document):
    """A place as a ``geo:`` URI (RFC 5870), with a label and a zoom level from 0 to 20."""

    uri: str
    description: str | None = None
    zoom_level: int | None = None


class AssetBlock(Document):
    """What is at a place: ``m.self`` is the sender, ``m.pin`` a place on the map."""

    type: str


class MessageContent(Document):
    """Content of ``m.message``: text and nothing else. MSC1767."""

    text: TextBlock = field(name="m.text")


class UnstableMessageContent(MessageContent):
    """Content of ``org.matrix.msc1767.message``. MSC1767."""

    text: TextBlock = field(name="org.matrix.msc1767.text")


def text_of(block: TextBlock | None, mimetype: str = PLAIN) -> str | None:
    """Return a text in one form, None where it has no such form."""
    if block is None or isinstance(block, str):
        return block if mimetype == PLAIN else None
    return next((one.body for one in block if (one.mimetype or PLAIN) == mimetype), None)


def fallback_text(content: dict[str, Any], mimetype: str = PLAIN) -> str | None:
    """Return a text that stands for a content of any type, for clients that do not know the type.

    Args:
        content: of a message event; state is not shown as if somebody had said it.
        mimetype: ``text/plain``, or ``text/html``, which is not sanitised.

    Returns:
        The form asked for of the first text block there is; for plain text, `body` as well.

    Source: MSC1767, "Extensible events".
    """
    for name in _TEXT_NAMES:
        try:
            found = text_of(structure(content.get(name), TextBlock | None), mimetype)  # type: ignore[arg-type]
        except DecodeError:
            continue
        if found is not None:
            return found
    body = content.get("body")
    return body if isinstance(body, str) and mimetype == PLAIN else None
