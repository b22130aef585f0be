"""Rooms: what Synapse says of them, and what can be asked of them and done in them. Source: the page "rooms"."""

from __future__ import annotations

from typing import Any

from ..codec import field
from ..events import Event
from ..http.endpoint import query
from .endpoint import AdminEndpoint
from .moments import When
from .wire import Done, Flag, Milliseconds, PageNumber, Record

__all__ = [
    "AddUserToRoom",
    "BlockRoom",
    "BlockStatus",
    "DeleteForwardExtremities",
    "DeletedCount",
    "EventAtTime",
    "EventContext",
    "FetchEvent",
    "FetchedEvent",
    "FindEventAtTime",
    "ForwardExtremities",
    "ForwardExtremity",
    "GetBlockStatus",
    "GetEventContext",
    "GetForwardExtremities",
    "GetHierarchy",
    "GetRoom",
    "GetRoomMessages",
    "GetRoomState",
    "HierarchyPage",
    "HierarchyRoom",
    "JoinedRoom",
    "ListRoomMembers",
    "ListRooms",
    "MakeRoomAdmin",
    "MessagesPage",
    "RoomDetail",
    "RoomMembers",
    "RoomPage",
    "RoomRow",
    "RoomState",
]


class RoomRow(Record):
    """A line of the list of rooms."""

    room_id: str
    name: str | None = None
    canonical_alias: str | None = None
    joined_members: int = 0
    joined_local_members: int = 0
    version: str | None = None
    creator: str | None = None
    encryption: str | None = None
    is_federatable: Flag = field(default=False, name="federatable")
    is_public: Flag = field(default=False, name="public")
    join_rules: str | None = None
    guest_access: str | None = None
    history_visibility: str | None = None
    state_events: int = 0
    room_type: str | None = None


class RoomDetail(RoomRow):
    """All that Synapse says of one room."""

    avatar: str | None = None
    topic: str | None = None
    joined_local_devices: int = 0
    is_forgotten: Flag = field(default=False, name="forgotten")
    is_tombstoned: Flag = field(default=False, name="tombstoned")
    replacement_room: str | None = None


class RoomPage(Record):
    """A page of rooms."""

    rooms: list[RoomRow]
    offset: int = 0
    total_rooms: int = 0
    next_batch: PageNumber | None = None
    prev_batch: PageNumber | None = None


class ListRooms(AdminEndpoint[RoomPage]):
    """List a page of rooms; an order by a count has the largest first. Source: rooms, "List Room API"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/rooms"
    from_: int | str | None = query(default=None, name="from")
    limit: int | None = query(default=None)
    search_term: str | None = query(default=None, kw_only=True)
    order_by: str | None = query(default=None, kw_only=True)
    dir: str | None = query(default=None, kw_only=True)
    public_rooms: bool | None = query(default=None, kw_only=True)
    empty_rooms: bool | None = query(default=None, kw_only=True)


class GetRoom(AdminEndpoint[RoomDetail]):
    """Read all that Synapse says of a room. Source: rooms, "Room Details API"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/rooms/{room_id}"
    room_id: str


class RoomMembers(Record):
    """Who is in a room."""

    members: list[str]
    total: int = 0


class ListRoomMembers(AdminEndpoint[RoomMembers]):
    """List who is in a room. Source: rooms, "Room Members API"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/rooms/{room_id}/members"
    room_id: str


class RoomState(Record):
    """State events of a room."""

    state: list[Event]


class GetRoomState(AdminEndpoint[RoomState]):
    """Read the state of a room, of one type or all. Source: rooms, "Room State API"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/rooms/{room_id}/state"
    room_id: str
    type: str | None = query(default=None)


class MessagesPage(Record):
    """A page of the history of a room."""

    chunk: list[Event]
    start: str = ""
    end: str | None = None
    state: list[Event] = field(factory=list)


class GetRoomMessages(AdminEndpoint[MessagesPage]):
    """Read a page of a room's history, from its beginning on unless `dir` is "b". Source: "Room Messages API"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/rooms/{room_id}/messages"
    room_id: str
    from_: str | None = query(default=None, name="from")
    limit: int | None = query(default=None, kw_only=True)
    dir: str | None = query(default=None, kw_only=True)
    to: str | None = query(default=None, kw_only=True)
    filter: dict[str, Any] | None = query(default=None, kw_only=True)


class EventAtTime(Record):
    """The event nearest to a moment."""

    event_id: str
    sent_at: Milliseconds | None = field(default=None, name="origin_server_ts")


class FindEventAtTime(AdminEndpoint[EventAtTime]):
    """Find the event nearest to a moment; `dir` "b" looks back. Source: rooms, "Room Timestamp to Event"."""

    METHOD, PATH, SINCE = "GET", "/_synapse/admin/v1/rooms/{room_id}/timestamp_to_event", ("moment",)
    room_id: str
    moment: When = query(name="ts")
    dir: str | None = query(default=None)


class EventContext(Record):
    """An event and what is around it."""

    event: Event
    events_before: list[Event] = field(factory=list)
    events_after: list[Event] = field(factory=list)
    state: list[Event] = field(factory=list)
    start: str | None = None
    end: str | None = None


class GetEventContext(AdminEndpoint[EventContext]):
    """Read an event and what is around it, of any room. Source: rooms, "Event Context API"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/rooms/{room_id}/context/{event_id}"
    room_id: str
    event_id: str
    limit: int | None = query(default=None, kw_only=True)
    filter: dict[str, Any] | None = query(default=None, kw_only=True)


class HierarchyRoom(Record):
    """A room of a space."""

    room_id: str
    room_version: str | None = None
    name: str | None = None
    topic: str | None = None
    canonical_alias: str | None = None
    num_joined_members: int = 0
    join_rule: str | None = None
    room_type: str | None = None
    guest_can_join: Flag = False
    is_world_readable: Flag = field(default=False, name="world_readable")
    children_state: list[dict[str, Any]] = field(factory=list)


class HierarchyPage(Record):
    """A page of a space's rooms."""

    rooms: list[HierarchyRoom]
    next_batch: PageNumber | None = None


class GetHierarchy(AdminEndpoint[HierarchyPage]):
    """Read a page of the rooms of a space, those of this server. Source: rooms, "Room Hierarchy"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/rooms/{room_id}/hierarchy"
    room_id: str
    from_: str | None = query(default=None, name="from")
    limit: int | None = query(default=None, kw_only=True)
    max_depth: int | None = query(default=None, kw_only=True)


class BlockStatus(Record):
    """Whether a room is blocked, and who did it."""

    is_blocked: Flag = field(name="block")
    user_id: str | None = None


class GetBlockStatus(AdminEndpoint[BlockStatus]):
    """Ask whether users of this server are kept from joining a room. Source: rooms, "Get block status"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/rooms/{room_id}/block"
    room_id: str


class BlockRoom(AdminEndpoint[BlockStatus]):
    """Keep users of this server from joining a room, or end that. Source: rooms, "Block Room"."""

    METHOD, PATH = "PUT", "/_synapse/admin/v1/rooms/{room_id}/block"
    room_id: str
    block: bool = True


class MakeRoomAdmin(AdminEndpoint[Done]):
    """Give a user, the caller where none is named, the highest power that a local user of the room has.

    Source: rooms, "Make Room Admin API".
    """

    METHOD, PATH = "POST", "/_synapse/admin/v1/rooms/{room_id_or_alias}/make_room_admin"
    room_id_or_alias: str
    user_id: str | None = None


class ForwardExtremity(Record):
    """An event of a room that nothing stands on yet."""

    event_id: str
    state_group: int | None = None
    depth: int | None = None
    received_at: Milliseconds | None = field(default=None, name="received_ts")


class ForwardExtremities(Record):
    """The ends of a room's graph of events."""

    count: int = 0
    results: list[ForwardExtremity] = field(factory=list)


class GetForwardExtremities(AdminEndpoint[ForwardExtremities]):
    """Read the ends of a room's graph of events. Source: rooms, "Check for forward extremities"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/rooms/{room_id_or_alias}/forward_extremities"
    room_id_or_alias: str


class DeletedCount(Record):
    """How many were deleted."""

    deleted: int


class DeleteForwardExtremities(AdminEndpoint[DeletedCount]):
    """Delete all ends of a room's graph but the newest: risky. Source: rooms, "Delete forward extremities"."""

    METHOD, PATH = "DELETE", "/_synapse/admin/v1/rooms/{room_id_or_alias}/forward_extremities"
    IS_REPEATABLE = False
    room_id_or_alias: str


class JoinedRoom(Record):
    """The room that was joined."""

    room_id: str


class AddUserToRoom(AdminEndpoint[JoinedRoom]):
    """Let a local user join a room; a private one only if the administrator may invite. Source: room_membership."""

    METHOD, PATH = "POST", "/_synapse/admin/v1/join/{room_id_or_alias}"
    room_id_or_alias: str
    user_id: str
    server_name: list[str] | None = query(default=None, kw_only=True)


class FetchedEvent(Record):
    """An event in the form that servers exchange, as it was before any redaction."""

    event: dict[str, Any]


class FetchEvent(AdminEndpoint[FetchedEvent]):
    """Read any event by its id, as servers exchange it. Source: fetch_event."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/fetch_event/{event_id}"
    event_id: str
