"""Deleting rooms and purging history: work that Synapse does in the background, or while the caller waits."""

from __future__ import annotations

from typing import Any

from ..codec import field
from ..errors import UsageError
from ..http.endpoint import member
from .endpoint import LONG, AdminEndpoint
from .moments import When
from .wire import Record

__all__ = [
    "DeleteRoom",
    "DeleteRoomNow",
    "GetPurgeStatus",
    "GetRoomDeletion",
    "ListRoomDeletions",
    "PurgeHistory",
    "PurgeStarted",
    "PurgeStatus",
    "RoomDeletionStarted",
    "RoomDeletionStatus",
    "RoomDeletionStatuses",
    "RoomShutdown",
]


class RoomShutdown(Record):
    """What became of the people in a room that was deleted."""

    kicked_users: list[str] = field(factory=list)
    failed_to_kick_users: list[str] = field(factory=list)
    local_aliases: list[str] = field(factory=list)
    new_room_id: str | None = None


class DeleteRoomNow(AdminEndpoint[RoomShutdown]):
    """Delete a room and wait for it in one call, which may take hours. Source: rooms, "Version 1 (old version)".

    Everybody of this server is removed; `block` keeps them out; `purge` removes the room from the database too.
    """

    METHOD, PATH, IS_REPEATABLE, LIMITS = "DELETE", "/_synapse/admin/v1/rooms/{room_id}", False, LONG
    room_id: str
    purge: bool = member()
    block: bool = member(default=False)
    force_purge: bool | None = member(default=None, kw_only=True)
    new_room_user_id: str | None = member(default=None, kw_only=True)
    room_name: str | None = member(default=None, kw_only=True)
    message: str | None = member(default=None, kw_only=True)


class RoomDeletionStarted(Record):
    """The deletion that was started."""

    delete_id: str


class DeleteRoom(AdminEndpoint[RoomDeletionStarted]):
    """Begin to delete a room; the work goes on in the background. Source: rooms, "Version 2 (new version)".

    Everybody of this server is removed; `block` keeps them out; `purge` removes the room from the database too.
    """

    METHOD, PATH, IS_REPEATABLE = "DELETE", "/_synapse/admin/v2/rooms/{room_id}", False
    room_id: str
    purge: bool = member()
    block: bool = member(default=False)
    force_purge: bool | None = member(default=None, kw_only=True)
    new_room_user_id: str | None = member(default=None, kw_only=True)
    room_name: str | None = member(default=None, kw_only=True)
    message: str | None = member(default=None, kw_only=True)


class RoomDeletionStatus(Record):
    """How far a deletion is: "scheduled", "active", "complete" or "failed"."""

    status: str
    delete_id: str = ""
    room_id: str = ""
    shutdown_room: RoomShutdown | None = None
    error: str | None = None


class RoomDeletionStatuses(Record):
    """The deletions of one room."""

    results: list[RoomDeletionStatus]


class ListRoomDeletions(AdminEndpoint[RoomDeletionStatuses]):
    """List the deletions of a room that Synapse remembers. Source: rooms, "Query by room_id"."""

    METHOD, PATH = "GET", "/_synapse/admin/v2/rooms/{room_id}/delete_status"
    room_id: str


class GetRoomDeletion(AdminEndpoint[RoomDeletionStatus]):
    """Ask how far a deletion is. Source: rooms, "Query by delete_id"."""

    METHOD, PATH = "GET", "/_synapse/admin/v2/rooms/delete_status/{delete_id}"
    delete_id: str


class PurgeStarted(Record):
    """The purge that was started."""

    purge_id: str


class PurgeHistory(AdminEndpoint[PurgeStarted]):
    """Begin to remove the history of a room before a moment or an event. Source: purge_history_api.

    Exactly one of `before` and `up_to_event_id`. What users of this server sent stays unless `delete_local_events`:
    it may exist nowhere else.
    """

    METHOD, PATH, PAST = "POST", "/_synapse/admin/v1/purge_history/{room_id}", ("before",)
    room_id: str
    before: When | None = field(default=None, name="purge_up_to_ts")
    up_to_event_id: str | None = field(default=None, name="purge_up_to_event_id", kw_only=True)
    delete_local_events: bool = field(default=False, kw_only=True)

    def _sort_fields(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, str], Any]:
        if (self.before is None) == (self.up_to_event_id is None):
            raise UsageError("a purge of history takes exactly one of before and up_to_event_id")
        return super()._sort_fields()


class PurgeStatus(Record):
    """How far a purge is: "scheduled", "active", "complete" or "failed"."""

    status: str
    error: str | None = None


class GetPurgeStatus(AdminEndpoint[PurgeStatus]):
    """Ask how far a purge of history is. Source: purge_history_api, "Purge status query"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/purge_history_status/{purge_id}"
    purge_id: str
