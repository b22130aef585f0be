"""Contents of ``m.room.message`` as gomatrix offers them, to be sent with `Client.send_message_event`.

What is read is in `gomatrix_py.events.contents.messages`, which knows encrypted files and relations too.

Sizes are in bytes, widths and heights in pixels, durations in milliseconds. Spec: module "Instant
messaging".
"""

from __future__ import annotations

import re

from ..codec import Document, field
from .contents.encrypted_file import EncryptedFile

__all__ = [
    "AudioInfo",
    "AudioMessage",
    "FileInfo",
    "FileMessage",
    "HTMLMessage",
    "ImageInfo",
    "ImageMessage",
    "LocationMessage",
    "TextMessage",
    "ThumbnailInfo",
    "VideoInfo",
    "VideoMessage",
    "get_html_message",
]

HTML_FORMAT = "org.matrix.custom.html"
_TAG = re.compile(r"<[^<]+?>")


class ThumbnailInfo(Document):
    """Size and kind of a thumbnail."""

    height: int | None = field(default=None, name="h")
    width: int | None = field(default=None, name="w")
    mimetype: str | None = None
    size: int | None = None


class ImageInfo(Document):
    """Size and kind of an image; `blurhash` (MSC2448) is a blurred preview."""

    height: int | None = field(default=None, name="h")
    width: int | None = field(default=None, name="w")
    mimetype: str | None = None
    size: int | None = None
    thumbnail_info: ThumbnailInfo | None = None
    thumbnail_url: str | None = None
    thumbnail_file: EncryptedFile | None = None
    is_animated: bool | None = None
    blurhash: str | None = field(default=None, name="xyz.amorgan.blurhash")


class VideoInfo(Document):
    """Size, kind and length of a video; `blurhash` (MSC2448) is a blurred preview."""

    mimetype: str | None = None
    thumbnail_info: ThumbnailInfo | None = None
    thumbnail_url: str | None = None
    height: int | None = field(default=None, name="h")
    width: int | None = field(default=None, name="w")
    duration: int | None = None
    size: int | None = None
    thumbnail_file: EncryptedFile | None = None
    blurhash: str | None = field(default=None, name="xyz.amorgan.blurhash")


class AudioInfo(Document):
    """Kind, size and length of a sound."""

    mimetype: str | None = None
    size: int | None = None
    duration: int | None = None


class FileInfo(Document):
    """Kind and size of a file."""

    mimetype: str | None = None
    size: int | None = None
    thumbnail_info: ThumbnailInfo | None = None
    thumbnail_url: str | None = None
    thumbnail_file: EncryptedFile | None = None


class TextMessage(Document):
    """A message of text (``m.text``, ``m.notice`` or ``m.emote``), perhaps with HTML."""

    body: str
    msgtype: str = "m.text"
    formatted_body: str | None = None
    format: str | None = None


class HTMLMessage(Document):
    """A message of HTML with its plain form."""

    body: str
    formatted_body: str
    msgtype: str = "m.text"
    format: str = HTML_FORMAT


class ImageMessage(Document):
    """An image that was uploaded before."""

    body: str
    url: str
    info: ImageInfo | None = None
    msgtype: str = "m.image"


class VideoMessage(Document):
    """A video that was uploaded before."""

    body: str
    url: str
    info: VideoInfo | None = None
    msgtype: str = "m.video"


class AudioMessage(Document):
    """A sound that was uploaded before."""

    body: str
    url: str
    info: AudioInfo | None = None
    msgtype: str = "m.audio"


class FileMessage(Document):
    """A file that was uploaded before."""

    body: str
    url: str
    filename: str | None = None
    info: FileInfo | None = None
    thumbnail_url: str | None = None
    thumbnail_info: ImageInfo | None = None
    msgtype: str = "m.file"


class LocationMessage(Document):
    """A place, as a ``geo:`` URI (RFC 5870)."""

    body: str
    geo_uri: str
    thumbnail_url: str | None = None
    thumbnail_info: ImageInfo | None = None
    msgtype: str = "m.location"


def get_html_message(msgtype: str, html_text: str) -> HTMLMessage:
    """Return a message of this HTML whose plain body is the HTML without its tags.

    Args:
        msgtype: such as ``m.text`` or ``m.notice``.
        html_text: sent as it is: it is not sanitised.

    Source: gomatrix GetHTMLMessage.
    """
    from html import unescape  # its table of entities is not needed before

    return HTMLMessage(unescape(_TAG.sub("", html_text)), html_text, msgtype)
