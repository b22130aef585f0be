"""The public room directory. Spec: "Published room directory"."""

from __future__ import annotations

from typing import Any

from ..codec import Document, field
from ..http.endpoint import Call, Endpoint, Response, query
from .base import Api

__all__ = ["DirectoryApi", "PublicRoom", "PublicRooms", "QueryPublicRooms", "RespPublicRooms"]


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
    join_rule: str | None = None
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


class DirectoryApi(Api):
    """The room directory; `public_rooms_filtered` with gomatrix's arguments stands in the client."""

    public_rooms = Call(PublicRooms)
    query_public_rooms = Call(QueryPublicRooms)
