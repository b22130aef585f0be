"""Files as messages: sent in one call, and kept again where they are received."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, overload

from ..api.media import Download, GetMedia, GetMediaLegacy
from ..api.room_events import RespSendEvent
from ..cancellation import CancelToken
from ..codec import Document, unstructure
from ..errors import HTTPError, UsageError
from ..events import Event, ImageMessage, VideoMessage
from ..events.readable import check_readable
from ..ids import parse_mxc
from ..media.progress import Progress
from ..media.sources import MediaSource, OpenSource
from ..send.contents import as_object, html_content
from ..send.mentions import AskedMentions
from ..times import Duration, in_milliseconds
from .media import Place, Transfer
from .sending import SendingMethods
from .uploads import UploadMethods

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..media.prepare import PreparedFile
    from ..media.received import ReceivedFile

__all__ = ["AttachmentMethods", "AttachmentOptions"]


class AttachmentOptions(TypedDict, total=False):
    """What every kind of file may be sent with; said in `AttachmentMethods.send_attachment`."""

    filename: str | None
    mimetype: str | None
    caption: str | None
    caption_html: str | None
    thumbnail: bool | MediaSource
    info: Mapping[str, Any] | None
    reply_to: Event | str | None
    thread: Event | str | None
    mentions: AskedMentions
    txn_id: str | None
    extra: Any
    progress: Progress | None
    cancel: CancelToken | None


class _Waveform(NamedTuple):
    """What a caller says of a voice message."""

    points: Sequence[int] | None


class AttachmentMethods(UploadMethods, SendingMethods):
    """Each sends a file and blocks until the server has the event; what is common is said in `send_attachment`."""

    # ------------------------------------------------------------ sending

    def send_attachment(
        self, room_id: str, source: MediaSource, *, msgtype: str | None = None, **options: Unpack[AttachmentOptions]
    ) -> RespSendEvent:
        """Upload a file and send it as what it is: an image, a sound, a film or a file.

        Kind, width and height, length, blurhash and thumbnail are found out where the libraries for it are
        installed (``pip install gomatrix_py[media]``). A file that they cannot read is sent without.

        Args:
            room_id: where to.
            source: a path, bytes, or a binary file object; see `upload`.
            msgtype: ``m.image``, ``m.audio``, ``m.video`` or ``m.file``; chosen by the kind where left out.
            options: `filename`, the name to show, its own where left out; `mimetype`, its kind, found out where
                left out; `caption`, what is said of it; `caption_html`, the same as HTML, sanitised, from
                which the plain form is made where there is none; `thumbnail`, a picture to show in its
                place, True (which is the default) to make one of a large image, False for none; `info`,
                members of the message's `info` that count more than what is found out, such as ``{"w": 640,
                "h": 480, "duration": 12_000}`` for a film of a rare kind; `reply_to`, `thread`, `mentions`,
                `txn_id` and `extra`, see `send_message`; `progress` and `cancel`, see `upload`.

        Raises:
            UsageError: the file cannot be read, or the message cannot be sent.
            FileTooLarge: the server takes no file of this size.
            RequestCancelled: it was cancelled; no message was sent.
            TransportError, HTTPError, DecodeError: see `gomatrix_py.errors`.

        Spec: POST /_matrix/media/v1/create, PUT /_matrix/media/v3/upload/{serverName}/{mediaId}, PUT
        /rooms/{roomId}/send/{eventType}/{txnId}.
        """
        return self._attach(room_id, source, msgtype, None, **options)

    def send_file(self, room_id: str, source: MediaSource, **options: Unpack[AttachmentOptions]) -> RespSendEvent:
        """Upload a file and send it as a file (``m.file``), whatever it is; see `send_attachment`."""
        return self._attach(room_id, source, "m.file", None, **options)

    def send_audio(self, room_id: str, source: MediaSource, **options: Unpack[AttachmentOptions]) -> RespSendEvent:
        """Upload a sound and send it (``m.audio``); see `send_attachment`."""
        return self._attach(room_id, source, "m.audio", None, **options)

    @overload
    def send_image(self, room_id: str, source: str, url: str) -> RespSendEvent: ...

    @overload
    def send_image(self, room_id: str, *, body: str, url: str) -> RespSendEvent: ...

    @overload
    def send_image(
        self, room_id: str, source: MediaSource, **options: Unpack[AttachmentOptions]
    ) -> RespSendEvent: ...

    def send_image(
        self,
        room_id: str,
        source: MediaSource | None = None,
        url: str | None = None,
        *,
        body: str | None = None,
        **options: Any,
    ) -> RespSendEvent:
        """Upload an image and send it (``m.image``); or send one that was uploaded before, as gomatrix does.

        Args:
            room_id: where to.
            source: the file, see `send_attachment`; with `url`, the text that describes the image.
            url: the ``mxc://`` address of an image that was uploaded before.
            body: with `url`, the same as `source`.
            options: see `send_attachment`; none go with `url`.

        Raises:
            UsageError: neither a file nor an address, or options beside an address; and as `send_attachment`.
            FileTooLarge, RequestCancelled, TransportError, HTTPError, DecodeError: see `send_attachment`.

        Source: gomatrix SendImage.
        """
        if url is not None:
            return self._send_uploaded(room_id, ImageMessage(_description(source, body), url), options)
        return self._attach(room_id, _required(source), "m.image", None, **options)

    @overload
    def send_video(self, room_id: str, source: str, url: str) -> RespSendEvent: ...

    @overload
    def send_video(self, room_id: str, *, body: str, url: str) -> RespSendEvent: ...

    @overload
    def send_video(
        self, room_id: str, source: MediaSource, **options: Unpack[AttachmentOptions]
    ) -> RespSendEvent: ...

    def send_video(
        self,
        room_id: str,
        source: MediaSource | None = None,
        url: str | None = None,
        *,
        body: str | None = None,
        **options: Any,
    ) -> RespSendEvent:
        """Upload a film and send it (``m.video``); or send one that was uploaded before, as gomatrix does.

        No thumbnail is made of a film: give one.

        Args:
            room_id, source, url, body, options: see `send_image`.

        Raises:
            UsageError, FileTooLarge, RequestCancelled, TransportError, HTTPError, DecodeError: see `send_image`.

        Source: gomatrix SendVideo.
        """
        if url is not None:
            return self._send_uploaded(room_id, VideoMessage(_description(source, body), url), options)
        return self._attach(room_id, _required(source), "m.video", None, **options)

    def send_voice(
        self,
        room_id: str,
        source: MediaSource,
        *,
        duration: Duration | None = None,
        waveform: Sequence[int] | None = None,
        **options: Unpack[AttachmentOptions],
    ) -> RespSendEvent:
        """Upload a sound and send it as a voice message, which clients show as something said.

        Args:
            room_id: where to.
            source: the sound; others expect Opus in an Ogg container.
            duration: how long it is, in milliseconds; found out where it is left out.
            waveform: its loudness over time, integers from 0 to 1024; of an uncompressed WAV file it is found
                out where it is left out.
            options: see `send_attachment`.

        Raises:
            UsageError: the waveform holds something else; and as `send_attachment`.
            FileTooLarge, RequestCancelled, TransportError, HTTPError, DecodeError: see `send_attachment`.

        Source: MSC3245, MSC3246.
        """
        from ..media.waveforms import check_waveform

        if duration is not None:
            options["info"] = {**(options.get("info") or {}), "duration": in_milliseconds(duration)}
        points = None if waveform is None else check_waveform(waveform)
        return self._attach(room_id, source, "m.audio", _Waveform(points), **options)

    # ------------------------------------------------------------ receiving

    def download_attachment(
        self,
        event: Event | Mapping[str, Any] | Document,
        to: Place | None = None,
        *,
        is_thumbnail: bool = False,
        overwrite: bool = False,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
        max_bytes: int | None = None,
    ) -> Download:
        """Download the file that a message carries.

        Args:
            event: the message, or its content.
            to: a directory, in which it is kept under the sender's name for it made safe; or as for `download`.
            is_thumbnail: True for the thumbnail that the sender made; `thumbnail` asks the server for one.
            overwrite: True replaces a file of this name in the directory; otherwise "name (1).ext" is taken.
            progress: see `download`; what is expected in all is the sender's word.
            cancel, max_bytes: see `download`.

        Raises:
            UsageError: the message cannot be read or carries no file, its address is none, or the file is
                encrypted and this client cannot decrypt.
            NotFound, TruncatedAnswer, AnswerTooLarge, RequestCancelled, TransportError, HTTPError, OSError: see
                `download`.
        """
        from ..media.received import file_of, thumbnail_of

        if isinstance(event, Event):
            check_readable(event)
        content = event.content if isinstance(event, Event) else unstructure(event)
        file = (thumbnail_of if is_thumbnail else file_of)(content)
        place = parse_mxc(file.url)
        transfer = Transfer(progress, file.size, cancel, max_bytes)
        if file.encrypted is not None:
            return self._open_encrypted(file, to, transfer, overwrite=overwrite)
        if isinstance(to, (str, os.PathLike)) and Path(to).is_dir():
            return self._fetch_into(to, place, file.filename or None, transfer, overwrite=overwrite)
        return self._fetch(GetMedia(*place), GetMediaLegacy(*place), to, transfer)

    def _open_encrypted(
        self, file: ReceivedFile, to: Place | None, transfer: Transfer, *, overwrite: bool
    ) -> Download:
        """Download and decrypt a file; encryption takes this over."""
        raise UsageError("the file is encrypted: it takes CryptoClient to open it")

    # ------------------------------------------------------------ what all of them go through

    def _attach(
        self,
        room_id: str,
        source: MediaSource,
        msgtype: str | None,
        voice: _Waveform | None,
        *,
        filename: str | None = None,
        mimetype: str | None = None,
        caption: str | None = None,
        caption_html: str | None = None,
        thumbnail: bool | MediaSource | None = True,
        info: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
        **of_the_message: Any,
    ) -> RespSendEvent:
        from ..media.messages import file_content, voice_blocks
        from ..media.prepare import prepare
        from ..media.waveforms import waveform_of_wav

        self._check_may_speak(room_id)  # before the file is on the server
        text = _formatted(caption, caption_html)
        with self._opened(source, cancel) as file:
            self._check_upload_size(file)
            wants_thumbnail = thumbnail is True
            known = prepare(
                file,
                msgtype=msgtype,
                filename=filename,
                mimetype=mimetype,
                info=info,
                with_thumbnail=wants_thumbnail,
            )
            points = None if voice is None else voice.points or waveform_of_wav(file.reader())
            about = {**known.info, **self._place_thumbnail(room_id, known, thumbnail, cancel)}
            place = self._place_file(room_id, file, known.mimetype, known.filename, progress, cancel)
        content = {**file_content(known, place, about), **text}
        if voice is not None:
            content |= voice_blocks(known, place, about.get("duration"), points)
        return self.send_message(room_id, content, **of_the_message)

    def _place_file(
        self,
        room_id: str,
        file: OpenSource,
        mimetype: str,
        filename: str,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> dict[str, Any]:
        """Upload what a message of a room carries, and return what points there; encryption takes this over."""
        return {"url": self._upload_file(file, mimetype, filename, progress=progress, cancel=cancel)}

    def _place_thumbnail(
        self, room_id: str, known: PreparedFile, thumbnail: bool | MediaSource | None, cancel: CancelToken | None
    ) -> dict[str, Any]:
        from ..media.messages import thumbnail_info
        from ..media.prepare import prepare

        is_ours = thumbnail is True
        picture = known.thumbnail.content if is_ours and known.thumbnail is not None else thumbnail
        if picture is None or isinstance(picture, bool):
            return {}
        with self._opened(picture, cancel) as file:
            info = prepare(file, msgtype="m.image", with_thumbnail=False, with_hash=False).info
            try:
                place = self._place_file(room_id, file, info["mimetype"], "", cancel=cancel)
            except HTTPError:
                if not is_ours:
                    raise
                return {}  # it was a courtesy
        return thumbnail_info(info, place)

    def _send_uploaded(self, room_id: str, content: Document, options: Mapping[str, Any]) -> RespSendEvent:
        if options:
            raise UsageError(f"what was uploaded before is sent as it is, without {', '.join(options)}")
        return self.send_message_event(room_id, "m.room.message", content)


def _formatted(caption: str | None, caption_html: str | None) -> dict[str, Any]:
    """Return the members of a content that hold a caption."""
    if caption_html:
        content = as_object(html_content(caption_html, body=caption or None))
        return {name: content[name] for name in ("body", "format", "formatted_body")}
    return {"body": caption} if caption else {}


def _required(source: MediaSource | None) -> MediaSource:
    if source is None:
        raise UsageError("a path, bytes or a file object is needed, or the url of what was uploaded before")
    return source


def _description(source: Any, body: str | None) -> str:
    text = source if body is None else body
    if not isinstance(text, str):
        raise UsageError("what was uploaded before is described by a text")
    return text
