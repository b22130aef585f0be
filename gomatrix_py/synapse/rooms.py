"""`admin.rooms`: what is in rooms, who is, and ending them."""

from __future__ import annotations

from typing import Any

from ..api.base import carries_out
from ..api.paging import Paged
from ..events import Event
from ..http.endpoint import Call
from . import removals, room_records
from .group import AdminGroup
from .moments import When
from .paging import check_page_size, listing
from .room_records import HierarchyPage, HierarchyRoom, MessagesPage, RoomPage, RoomRow
from .waiting import HistoryPurge, RoomDeletion

__all__ = ["RoomsGroup"]


class RoomsGroup(AdminGroup):
    """`admin.rooms`."""

    list_rooms = Call(room_records.ListRooms)
    get_room = Call(room_records.GetRoom)
    list_members = Call(room_records.ListRoomMembers)
    get_state = Call(room_records.GetRoomState)
    get_messages = Call(room_records.GetRoomMessages)
    find_event_at_time = Call(room_records.FindEventAtTime)
    get_event_context = Call(room_records.GetEventContext)
    get_hierarchy = Call(room_records.GetHierarchy)
    get_block_status = Call(room_records.GetBlockStatus)
    block_room = Call(room_records.BlockRoom)
    make_room_admin = Call(room_records.MakeRoomAdmin)
    get_forward_extremities = Call(room_records.GetForwardExtremities)
    delete_forward_extremities = Call(room_records.DeleteForwardExtremities)
    add_user = Call(room_records.AddUserToRoom)
    fetch_event = Call(room_records.FetchEvent)

    delete_room_now = Call(removals.DeleteRoomNow)
    list_deletions = Call(removals.ListRoomDeletions)
    get_deletion = Call(removals.GetRoomDeletion)
    get_purge_status = Call(removals.GetPurgeStatus)

    def iter_rooms(self, *, page_size: int | None = None, **filters: Any) -> Paged[RoomPage, RoomRow]:
        """Yield every room, one at a time.

        Args:
            page_size: how many to read at once.
            filters: as for `list_rooms`.

        Raises:
            UsageError: no page size.
            PagingError: the server's pages would never end.
        """
        limit = check_page_size(page_size)
        return listing(
            lambda token: self.list_rooms(token, limit, **filters),
            lambda page: page.rooms,
            lambda page: page.next_batch,
            key=lambda room: room.room_id,
        )

    def iter_messages(
        self, room_id: str, *, backwards: bool = False, page_size: int | None = None, **filters: Any
    ) -> Paged[MessagesPage, Event]:
        """Yield the history of a room, from its beginning on.

        Args:
            room_id: of any room that the server knows.
            backwards: begin with the newest.
            page_size: how many events to read at once.
            filters: as for `get_messages`.

        Raises:
            UsageError: no page size.
            NotFound: no such room.
            PagingError: the server's pages would never end.
        """
        limit, order = check_page_size(page_size), "b" if backwards else "f"

        return listing(
            lambda token: self.get_messages(room_id, token, limit=limit, dir=order, **filters),
            lambda page: page.chunk,
            lambda page: page.end if page.chunk else None,
            key=lambda event: event.event_id,
        )

    def iter_hierarchy(
        self, room_id: str, *, page_size: int | None = None, max_depth: int | None = None
    ) -> Paged[HierarchyPage, HierarchyRoom]:
        """Yield the rooms of a space, itself first.

        Args:
            room_id: of the space.
            page_size: how many to read at once, up to 50.
            max_depth: how many spaces deep to look.

        Raises:
            UsageError: no page size.
            ServerError: no such room.
            PagingError: the server's pages would never end.
        """
        limit = check_page_size(page_size)
        return listing(
            lambda token: self.get_hierarchy(room_id, token, limit=limit, max_depth=max_depth),
            lambda page: page.rooms,
            lambda page: page.next_batch,
            key=lambda room: room.room_id,
        )

    @carries_out(removals.DeleteRoom)
    def delete_room(
        self,
        room_id: str,
        *,
        purge: bool,
        block: bool = False,
        force_purge: bool | None = None,
        new_room_user_id: str | None = None,
        room_name: str | None = None,
        message: str | None = None,
    ) -> RoomDeletion:
        """Begin to delete a room: everybody of this server is removed from it.

        Args:
            room_id: the room, known or not.
            purge: remove it from the database too. Left out, it stays as an empty room.
            block: keep everybody of this server from joining it again.
            force_purge: purge even where somebody could not be removed.
            new_room_user_id: make a new room as this user and let everybody join it.
            room_name: of the new room.
            message: the first message there.

        Returns:
            A handle to wait with; the work goes on in the background.

        Raises:
            HTTPError: 400 where a deletion of this room is under way.
        """
        call = removals.DeleteRoom(
            room_id,
            purge,
            block,
            force_purge=force_purge,
            new_room_user_id=new_room_user_id,
            room_name=room_name,
            message=message,
        )
        return RoomDeletion(self._admin, self.call(call).delete_id, room_id)

    @carries_out(removals.PurgeHistory)
    def purge_history(
        self,
        room_id: str,
        before: When | None = None,
        *,
        up_to_event_id: str | None = None,
        delete_local_events: bool = False,
    ) -> HistoryPurge:
        """Begin to remove the history of a room from the database.

        Args:
            room_id: the room.
            before: what is older goes.
            up_to_event_id: what comes before this event goes; this or `before`.
            delete_local_events: what users of this server sent goes too; it may exist nowhere else.

        Returns:
            A handle to wait with; the work goes on in the background.

        Raises:
            NotFound: nothing is older.
            UsageError: both ends or none are given, or a moment that is none.
        """
        call = removals.PurgeHistory(
            room_id, before, up_to_event_id=up_to_event_id, delete_local_events=delete_local_events
        )
        return HistoryPurge(self._admin, self.call(call).purge_id, room_id)
