"""Aliases, and the public room directory. Spec: "Room aliases", "Published room directory"."""

from __future__ import annotations

from typing import Any

from ..codec import Document, field
from ..events.contents.room_state import JoinRule
from ..events.open_enum import OpenEnum
from ..http.endpoint import Call, Empty, Endpoint, Response, query
from .base import Api

__all__ = [
    "CreateRoomAlias",
    "DeleteRoomAlias",
    "DirectoryApi",
    "GetRoomAliases",
    "GetRoomVisibility",
    "PublicRoom",
    "PublicRooms",
    "QueryPublicRooms",
    "ResolveRoomAlias",
    "RespPublicRooms",
    "RespResolveRoomAlias",
    "RespRoomAliases",
    "RespRoomVisibility",
    "SetRoomVisibility",
    "Visibility",
]


# ------------------------------------------------------------------ aliases


class CreateRoomAlias(Endpoint[Empty]):
    """Give a room another alias on this server. Spec: PUT /directory/room/{roomAlias}."""

    METHOD, PATH = "PUT", "/_matrix/client/v3/directory/room/{room_alias}"
    room_alias: str
    room_id: str


class RespResolveRoomAlias(Response):
    """The room an alias stands for, and servers that know it."""

    room_id: str = ""
    servers: list[str] = field(factory=list)


class ResolveRoomAlias(Endpoint[RespResolveRoomAlias]):
    """Ask which room an alias stands for. Spec: GET /directory/room/{roomAlias}."""

    METHOD, PATH, NEEDS_AUTH = "GET", "/_matrix/client/v3/directory/room/{room_alias}", False
    room_alias: str


class DeleteRoomAlias(Endpoint[Empty]):
    """Take an alias of this server away. Spec: DELETE /directory/room/{roomAlias}."""

    METHOD, PATH = "DELETE", "/_matrix/client/v3/directory/room/{room_alias}"
    room_alias: str


class RespRoomAliases(Response):
    """Aliases of a room."""

    aliases: list[str]


class GetRoomAliases(Endpoint[RespRoomAliases]):
    """List the aliases that this server has for a room. Spec: GET /rooms/{roomId}/aliases."""

    METHOD, PATH, RATE_LIMITED = "GET", "/_matrix/client/v3/rooms/{room_id}/aliases", True
    room_id: str


# ------------------------------------------------------------------ the directory


class Visibility(OpenEnum):
    """Whether the directory lists a room."""

    PUBLIC = "public"
    PRIVATE = "private"


class PublicRoom(Document):
    """What the directory says about a room."""

    room_id: str
    num_joined_members: int = 0
    world_readable: bool = False
    guest_can_join: bool = False
    name: str = ""
    topic: str = ""
    canonical_alias: str = ""
    avatar_url: str = ""
    join_rule: JoinRule | str | None = None
    room_type: str | None = None
    aliases: list[str] = field(factory=list)


class RespPublicRooms(Response):
    """One page of the directory."""

    chunk: list[PublicRoom]
    next_batch: str | None = None
    prev_batch: str | None = None
    total_room_count_estimate: int | None = None


class PublicRooms(Endpoint[RespPublicRooms]):
    """Read a page of a server's room directory. Spec: GET /publicRooms."""

    METHOD, PATH, NEEDS_AUTH = "GET", "/_matrix/client/v3/publicRooms", False
    limit: int | None = None
    since: str | None = None
    server: str | None = None


class QueryPublicRooms(Endpoint[RespPublicRooms]):
    """Search a server's room directory. Spec: POST /publicRooms."""

    METHOD, PATH = "POST", "/_matrix/client/v3/publicRooms"
    limit: int | None = None
    since: str | None = None
    server: str | None = query(default=None)
    filter: dict[str, Any] | None = field(default=None)
    include_all_networks: bool | None = field(default=None, kw_only=True)
    third_party_instance_id: str | None = field(default=None, kw_only=True)


class RespRoomVisibility(Response):
    """Whether the directory lists a room, None where the server does not say."""

    visibility: Visibility | None = None


class GetRoomVisibility(Endpoint[RespRoomVisibility]):
    """Ask whether the directory lists a room. Spec: GET /directory/list/room/{roomId}."""

    METHOD, PATH, NEEDS_AUTH = "GET", "/_matrix/client/v3/directory/list/room/{room_id}", False
    room_id: str


class SetRoomVisibility(Endpoint[Empty]):
    """List a room in the directory ("public") or not ("private"). Spec: PUT /directory/list/room/{roomId}."""

    METHOD, PATH = "PUT", "/_matrix/client/v3/directory/list/room/{room_id}"
    room_id: str
    visibility: Visibility | str | None = None


class DirectoryApi(Api):
    """Aliases and the room directory; `public_rooms_filtered` with gomatrix's arguments stands in the client."""

    create_room_alias = Call(CreateRoomAlias)
    resolve_room_alias = Call(ResolveRoomAlias)
    delete_room_alias = Call(DeleteRoomAlias)
    get_room_aliases = Call(GetRoomAliases)
    get_room_visibility = Call(GetRoomVisibility)
    set_room_visibility = Call(SetRoomVisibility)
    public_rooms = Call(PublicRooms)
    query_public_rooms = Call(QueryPublicRooms)
