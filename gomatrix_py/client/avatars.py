"""Pictures of users and rooms, uploaded and set in one call."""

from __future__ import annotations

from typing import Any

from ..api.profile import SetProfileField
from ..api.room_events import RespSendEvent, RoomEventsApi
from ..cancellation import CancelToken
from ..errors import UsageError
from ..media.progress import Progress
from ..media.sources import MediaSource
from .uploads import UploadMethods

__all__ = ["AvatarMethods"]


class AvatarMethods(UploadMethods, RoomEventsApi):
    """`set_avatar_url` is for a picture that was uploaded before."""

    def set_avatar(
        self,
        source: MediaSource,
        *,
        filename: str | None = None,
        mimetype: str | None = None,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> str:
        """Upload a picture, make it our own avatar, and return its ``mxc://`` address.

        Args:
            source: a path, bytes, or a binary file object; see `upload`.
            filename, mimetype, progress, cancel: see `upload`.

        Raises:
            UsageError: the file cannot be read, or it is no picture.
            FileTooLarge, RequestCancelled, TransportError, HTTPError, DecodeError: see `upload`.

        Spec: PUT /profile/{userId}/avatar_url.
        """
        user_id = self.own_user_id()
        uri, _ = self._upload_picture(source, filename, mimetype, progress, cancel)
        self.call(SetProfileField(user_id, "avatar_url", {"avatar_url": uri}))
        return uri

    def set_room_avatar(
        self,
        room_id: str,
        source: MediaSource,
        *,
        filename: str | None = None,
        mimetype: str | None = None,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> RespSendEvent:
        """Upload a picture and make it the avatar of a room (``m.room.avatar``).

        Args:
            room_id: of the room; its picture is never encrypted.
            source: a path, bytes, or a binary file object; see `upload`.
            filename, mimetype, progress, cancel: see `upload`.

        Raises:
            UsageError: the file cannot be read, or it is no picture.
            FileTooLarge, RequestCancelled, TransportError, HTTPError, DecodeError: see `upload`.

        Spec: PUT /rooms/{roomId}/state/{eventType}/{stateKey}.
        """
        uri, info = self._upload_picture(source, filename, mimetype, progress, cancel)
        return self.send_state_event(room_id, "m.room.avatar", "", {"url": uri, "info": info})

    def _upload_picture(
        self,
        source: MediaSource,
        filename: str | None,
        mimetype: str | None,
        progress: Progress | None,
        cancel: CancelToken | None,
    ) -> tuple[str, dict[str, Any]]:
        from ..media.kinds import OCTET_STREAM
        from ..media.prepare import prepare

        with self._opened(source, cancel) as file:
            known = prepare(file, msgtype="m.image", filename=filename, mimetype=mimetype, with_thumbnail=False)
            if not known.mimetype.startswith("image/") and known.mimetype != OCTET_STREAM:
                raise UsageError(f"an avatar is a picture, not {known.mimetype}")
            uri = self._upload_file(file, known.mimetype, known.filename, progress=progress, cancel=cancel)
        return uri, known.info
