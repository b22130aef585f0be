"""What ``m.room.message`` holds, one class per msgtype. Spec: module "Instant messaging".

HTML is as the sender wrote it, and nothing here sanitises it; a file name is a name, never a path.
"""

from __future__ import annotations

from typing import Any

from ...codec import Document, field
from ..messages import HTML_FORMAT, AudioInfo, FileInfo, ImageInfo, ThumbnailInfo, VideoInfo
from .encrypted_file import EncryptedFile
from .extensible import AssetBlock, AudioDetails, LocationBlock
from .relations import RelatesTo, without_html_reply, without_quoted_reply

__all__ = [
    "LocationInfo",
    "Mentions",
    "RoomMessage",
    "RoomMessageAudio",
    "RoomMessageEmote",
    "RoomMessageFile",
    "RoomMessageFormatted",
    "RoomMessageImage",
    "RoomMessageLocation",
    "RoomMessageMedia",
    "RoomMessageNotice",
    "RoomMessageServerNotice",
    "RoomMessageText",
    "RoomMessageVideo",
]


class Mentions(Document):
    """Who is meant to be notified; `room` True stands for everybody. Spec: module "User and room mentions"."""

    user_ids: list[str] | None = None
    room: bool | None = None


class RoomMessage(Document):
    """A message of any msgtype, and what all of them have in common.

    Attributes:
        body: the text, or what can be shown in its place.
        msgtype: such as ``m.text``.
        relates_to: what it answers, edits or belongs to.
        mentions: who is meant to be notified.
        new_content: of an edit, the content that replaces the original's.
    """

    body: str
    msgtype: str = field(kw_only=True)
    relates_to: RelatesTo | None = field(default=None, name="m.relates_to", kw_only=True)
    mentions: Mentions | None = field(default=None, name="m.mentions", kw_only=True)
    new_content: dict[str, Any] | None = field(default=None, name="m.new_content", kw_only=True)

    @property
    def text(self) -> str:
        """The body without the quotation that older clients put before an answer."""
        is_reply = self.relates_to is not None and self.relates_to.in_reply_to is not None
        return without_quoted_reply(self.body) if is_reply else self.body


class RoomMessageFormatted(RoomMessage):
    """A message whose body may have a form in HTML."""

    formatted_body: str | None = None
    format: str | None = None

    @property
    def html(self) -> str | None:
        """The HTML, not sanitised, without the quotation of older clients; None where there is none."""
        if self.format != HTML_FORMAT or self.formatted_body is None:
            return None
        return without_html_reply(self.formatted_body)


class RoomMessageText(RoomMessageFormatted):
    """Text (``m.text``)."""

    msgtype: str = field(default="m.text", kw_only=True)


class RoomMessageNotice(RoomMessageFormatted):
    """Text of a bot (``m.notice``), which other bots do not answer."""

    msgtype: str = field(default="m.notice", kw_only=True)


class RoomMessageEmote(RoomMessageFormatted):
    """What somebody does (``m.emote``), to be shown after their name."""

    msgtype: str = field(default="m.emote", kw_only=True)


class RoomMessageMedia(RoomMessageFormatted):
    """A file of some kind that was uploaded before, encrypted (`file`) or not (`url`)."""

    url: str | None = field(default=None, kw_only=True)
    file: EncryptedFile | None = field(default=None, kw_only=True)
    filename: str | None = field(default=None, kw_only=True)

    @property
    def mxc(self) -> str | None:
        """Where the file is, encrypted or not."""
        return self.file.url if self.file is not None else self.url

    @property
    def is_encrypted(self) -> bool:
        """True where the file needs the key in `file` to be read."""
        return self.file is not None

    @property
    def caption(self) -> str | None:
        """What the sender says of it, None where the body is only the file's name."""
        return self.body if self.filename is not None and self.filename != self.body else None

    @property
    def display_filename(self) -> str:
        """The file's name as the sender gave it; not to be used as a path."""
        return self.filename if self.filename is not None else self.body


class RoomMessageImage(RoomMessageMedia):
    """An image (``m.image``)."""

    msgtype: str = field(default="m.image", kw_only=True)
    info: ImageInfo | None = field(default=None, kw_only=True)


class RoomMessageVideo(RoomMessageMedia):
    """A video (``m.video``)."""

    msgtype: str = field(default="m.video", kw_only=True)
    info: VideoInfo | None = field(default=None, kw_only=True)


class RoomMessageFile(RoomMessageMedia):
    """A file (``m.file``)."""

    msgtype: str = field(default="m.file", kw_only=True)
    info: FileInfo | None = field(default=None, kw_only=True)


class RoomMessageAudio(RoomMessageMedia):
    """A sound (``m.audio``); a voice message (MSC3245) has a marker and perhaps a waveform."""

    msgtype: str = field(default="m.audio", kw_only=True)
    info: AudioInfo | None = field(default=None, kw_only=True)
    audio_details: AudioDetails | None = field(default=None, name="org.matrix.msc1767.audio", kw_only=True)
    voice: dict[str, Any] | None = field(default=None, name="org.matrix.msc3245.voice", kw_only=True)

    @property
    def is_voice(self) -> bool:
        """True for a voice message."""
        return self.voice is not None


class LocationInfo(Document):
    """The preview of a place."""

    thumbnail_info: ThumbnailInfo | None = None
    thumbnail_url: str | None = None
    thumbnail_file: EncryptedFile | None = None


class RoomMessageLocation(RoomMessage):
    """A place (``m.location``) as a ``geo:`` URI; the blocks are those of MSC3488."""

    geo_uri: str = field(kw_only=True)
    msgtype: str = field(default="m.location", kw_only=True)
    info: LocationInfo | None = field(default=None, kw_only=True)
    location: LocationBlock | None = field(default=None, name="org.matrix.msc3488.location", kw_only=True)
    asset: AssetBlock | None = field(default=None, name="org.matrix.msc3488.asset", kw_only=True)
    ts: int | None = field(default=None, name="org.matrix.msc3488.ts", kw_only=True)


class RoomMessageServerNotice(RoomMessage):
    """A word of the homeserver (``m.server_notice``). Spec: module "Server Notices"."""

    server_notice_type: str = field(kw_only=True)
    msgtype: str = field(default="m.server_notice", kw_only=True)
    admin_contact: str | None = field(default=None, kw_only=True)
    limit_type: str | None = field(default=None, kw_only=True)
