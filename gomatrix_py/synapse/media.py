"""`admin.media`: files of users and rooms, quarantine, deletion."""

from __future__ import annotations

from typing import Any

from ..api.paging import Paged
from ..errors import PagingError
from ..http.endpoint import Call
from ..ids import parse_mxc
from . import media_records
from .group import AdminGroup
from .media_records import Media, QuarantineChange, QuarantineChanges, UserMediaPage
from .paging import check_page_size, listing
from .wire import Done

__all__ = ["MediaGroup"]


class MediaGroup(AdminGroup):
    """`admin.media`."""

    list_user_media = Call(media_records.ListUserMedia)
    delete_user_media = Call(media_records.DeleteUserMedia)
    list_room_media = Call(media_records.ListRoomMedia)
    get_media = Call(media_records.GetMedia)
    delete_media = Call(media_records.DeleteLocalMedia)
    delete_media_before = Call(media_records.DeleteMediaBefore)
    purge_remote_media = Call(media_records.PurgeRemoteMedia)
    quarantine_media = Call(media_records.QuarantineMedia)
    unquarantine_media = Call(media_records.UnquarantineMedia)
    quarantine_room_media = Call(media_records.QuarantineRoomMedia)
    quarantine_user_media = Call(media_records.QuarantineUserMedia)
    protect_media = Call(media_records.ProtectMedia)
    unprotect_media = Call(media_records.UnprotectMedia)
    list_quarantine_changes = Call(media_records.ListQuarantineChanges)

    def quarantine_uri(self, uri: str) -> Done:
        """Keep everybody from seeing a file; an unknown one is no error.

        Args:
            uri: ``mxc://server/media-id``.

        Raises:
            UsageError: it is no such address.
        """
        address = parse_mxc(uri)
        return self.quarantine_media(address.server_name, address.media_id)

    def iter_user_media(
        self, user_id: str, *, page_size: int | None = None, **order: Any
    ) -> Paged[UserMediaPage, Media]:
        """Yield what a user uploaded, the newest first.

        Args:
            user_id: of this server.
            page_size: how many to read at once.
            order: `order_by` and `dir`, as for `list_user_media`.

        Raises:
            UsageError: no page size.
            NotFound: no such user.
            PagingError: the server's pages would never end.
        """
        limit = check_page_size(page_size)
        return listing(
            lambda token: self.list_user_media(user_id, token, limit=limit, **order),
            lambda page: page.media,
            lambda page: page.next_token,
            key=lambda media: media.media_id,
        )

    def delete_all_user_media(self, user_id: str, *, page_size: int | None = None) -> list[str]:
        """Delete all that a user uploaded, and return the ids.

        Args:
            user_id: of this server.
            page_size: how many to delete with one call.

        Raises:
            UsageError: no page size.
            NotFound: no such user.
            PagingError: the server claims to delete the same files again and again.
        """
        limit = check_page_size(page_size)
        deleted: dict[str, None] = {}
        while True:
            page = self.delete_user_media(user_id, limit=limit).deleted_media
            if not page:
                return list(deleted)
            if deleted.keys() >= set(page):
                raise PagingError("the server deleted the same files again: it would never end")
            deleted.update(dict.fromkeys(page))

    def iter_quarantine_changes(self, start: str | None = None) -> Paged[QuarantineChanges, QuarantineChange]:
        """Yield what was quarantined and unquarantined, the oldest first.

        Args:
            start: `next_batch` of an earlier page, to hear only of what came since.

        Raises:
            PagingError: the server's pages would never end.
        """
        return listing(
            lambda token: self.list_quarantine_changes(token),
            lambda page: page.changes,
            lambda page: page.next_batch if page.changes else None,
            key=None,
            start=start,
        )
