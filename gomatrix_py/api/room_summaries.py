"""What a room is, seen from outside, and what a space holds. Spec: "Room Summaries", "Spaces"."""

from __future__ import annotations

from ..codec import field
from ..events import Event
from ..events.contents.encryption import EncryptionAlgorithm
from ..events.contents.members import Membership
from ..http.endpoint import Call, Endpoint, Response, query
from .base import Api
from .directory import PublicRoom

__all__ = [
    "GetHierarchy",
    "GetRoomSummary",
    "HierarchyRoom",
    "RespHierarchy",
    "RespRoomSummary",
    "RoomSummariesApi",
    "RoomSummary",
]


class RoomSummary(PublicRoom):
    """What a server tells of a room, also to those who are not in it.

    `allowed_room_ids` are the rooms whose members may join, `encryption` is the algorithm or None.
    """

    allowed_room_ids: list[str] = field(factory=list)
    encryption: EncryptionAlgorithm | None = None
    room_version: str | None = None


class RespRoomSummary(RoomSummary, Response):
    """A room, and our membership in it where we have one."""

    membership: Membership | None = None


class GetRoomSummary(Endpoint[RespRoomSummary]):
    """Read about a room we may not be in; `via` are servers to ask. Spec: GET /room_summary/{roomIdOrAlias}."""

    METHOD, PATH, ADDED = "GET", "/_matrix/client/v1/room_summary/{room_id_or_alias}", "1.15"
    room_id_or_alias: str
    via: list[str] | None = None


class HierarchyRoom(RoomSummary):
    """A room of a space, and its ``m.space.child`` events where it is a space itself."""

    children_state: list[Event] = field(kw_only=True)


class RespHierarchy(Response):
    """One page of a space, the space itself first; `next_batch` is None at the end."""

    rooms: list[HierarchyRoom]
    next_batch: str | None = None


class GetHierarchy(Endpoint[RespHierarchy]):
    """Walk through a space, depth first. Spec: GET /rooms/{roomId}/hierarchy."""

    METHOD, PATH, RATE_LIMITED, ADDED = "GET", "/_matrix/client/v1/rooms/{room_id}/hierarchy", True, "1.2"
    room_id: str
    limit: int | None = query(default=None)
    from_: str | None = query(default=None, name="from")
    max_depth: int | None = query(default=None, kw_only=True)
    suggested_only: bool | None = query(default=None, kw_only=True)


class RoomSummariesApi(Api):
    """Rooms from outside, and spaces."""

    get_room_summary = Call(GetRoomSummary)
    hierarchy = Call(GetHierarchy)
