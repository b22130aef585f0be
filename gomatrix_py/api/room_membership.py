"""Making rooms, and coming and going in them. Spec: "Creation", "Room membership"."""

from __future__ import annotations

from typing import Any

from ..codec import Document, field, secret
from ..events import Event
from ..events.open_enum import OpenEnum
from ..http.endpoint import Call, Empty, Endpoint, Response, query
from .base import Api
from .directory import Visibility
from .third_party_ids import Medium

__all__ = [
    "BanUser",
    "CreateRoom",
    "ForgetRoom",
    "InviteUser",
    "InviteUserByThirdParty",
    "Invite3PID",
    "JoinRoom",
    "JoinRoomById",
    "JoinedRooms",
    "KickUser",
    "KnockRoom",
    "LeaveRoom",
    "MembershipApi",
    "Preset",
    "RespCreateRoom",
    "RespJoinRoom",
    "RespJoinedRooms",
    "UnbanUser",
]


class Invite3PID(Document):
    """A third-party id to invite."""

    id_server: str
    medium: Medium | str
    address: str
    id_access_token: str | None = secret(default=None)


class Preset(OpenEnum):
    """A set of rules to begin a room with."""

    PRIVATE_CHAT = "private_chat"
    PUBLIC_CHAT = "public_chat"
    TRUSTED_PRIVATE_CHAT = "trusted_private_chat"


class RespCreateRoom(Response):
    """The new room."""

    room_id: str


class CreateRoom(Endpoint[RespCreateRoom]):
    """Make a room. Spec: POST /createRoom."""

    METHOD, PATH = "POST", "/_matrix/client/v3/createRoom"
    name: str | None = None
    topic: str | None = None
    preset: Preset | str | None = field(default=None, kw_only=True)
    visibility: Visibility | str | None = field(default=None, kw_only=True)
    room_alias_name: str | None = field(default=None, kw_only=True)
    invite: list[str] | None = field(default=None, kw_only=True)
    invite_3pid: list[Invite3PID] | None = field(default=None, kw_only=True)
    room_version: str | None = field(default=None, kw_only=True)
    creation_content: dict[str, Any] | None = field(default=None, kw_only=True)
    initial_state: list[Event | dict[str, Any]] | None = field(default=None, kw_only=True)
    is_direct: bool | None = field(default=None, kw_only=True)
    power_level_content_override: dict[str, Any] | None = field(default=None, kw_only=True)


class RespJoinRoom(Response):
    """The room that was joined."""

    room_id: str


class JoinRoom(Endpoint[RespJoinRoom]):
    """Join a room by id or alias. Spec: POST /join/{roomIdOrAlias}."""

    METHOD, PATH, RATE_LIMITED = "POST", "/_matrix/client/v3/join/{room_id_or_alias}", True
    IS_REPEATABLE = True
    room_id_or_alias: str
    reason: str | None = None
    via: list[str] | None = query(default=None, kw_only=True)
    server_name: list[str] | None = query(default=None, kw_only=True)
    third_party_signed: dict[str, Any] | None = field(default=None, kw_only=True)
    extra_content: dict[str, Any] | None = field(default=None, kw_only=True)

    def _sort_fields(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, str], Any]:
        in_path, in_query, headers, payload = super()._sort_fields()
        payload.update(payload.pop("extra_content", {}))
        return in_path, in_query, headers, payload


class JoinRoomById(Endpoint[RespJoinRoom]):
    """Join a room by id, where this server knows it already. Spec: POST /rooms/{roomId}/join."""

    METHOD, PATH, RATE_LIMITED = "POST", "/_matrix/client/v3/rooms/{room_id}/join", True
    IS_REPEATABLE = True
    room_id: str
    reason: str | None = None
    third_party_signed: dict[str, Any] | None = field(default=None, kw_only=True)


class KnockRoom(Endpoint[RespJoinRoom]):
    """Ask to be let into a room; `via` are servers that can help. Spec: POST /knock/{roomIdOrAlias}."""

    METHOD, PATH, RATE_LIMITED = "POST", "/_matrix/client/v3/knock/{room_id_or_alias}", True
    ADDED = "1.1"
    room_id_or_alias: str
    reason: str | None = None
    via: list[str] | None = query(default=None, kw_only=True)


class LeaveRoom(Endpoint[Empty]):
    """Leave a room, or decline an invite. Spec: POST /rooms/{roomId}/leave."""

    METHOD, PATH, RATE_LIMITED = "POST", "/_matrix/client/v3/rooms/{room_id}/leave", True
    IS_REPEATABLE = True
    room_id: str
    reason: str | None = None


class ForgetRoom(Endpoint[Empty]):
    """Drop a left room from this account for good. Spec: POST /rooms/{roomId}/forget."""

    METHOD, PATH, RATE_LIMITED = "POST", "/_matrix/client/v3/rooms/{room_id}/forget", True
    room_id: str


class InviteUser(Endpoint[Empty]):
    """Invite a user. Spec: POST /rooms/{roomId}/invite."""

    METHOD, PATH, RATE_LIMITED = "POST", "/_matrix/client/v3/rooms/{room_id}/invite", True
    room_id: str
    user_id: str
    reason: str | None = None


class InviteUserByThirdParty(Endpoint[Empty]):
    """Invite whoever owns a third-party id. Spec: POST /rooms/{roomId}/invite with a third-party id."""

    METHOD, PATH, RATE_LIMITED = "POST", "/_matrix/client/v3/rooms/{room_id}/invite", True
    room_id: str
    id_server: str
    medium: Medium | str
    address: str
    id_access_token: str | None = secret(default=None)


class KickUser(Endpoint[Empty]):
    """Remove a user from a room. Spec: POST /rooms/{roomId}/kick."""

    METHOD, PATH = "POST", "/_matrix/client/v3/rooms/{room_id}/kick"
    room_id: str
    user_id: str
    reason: str | None = None


class BanUser(Endpoint[Empty]):
    """Ban a user from a room (needs the room's `ban` power level). Spec: POST /rooms/{roomId}/ban."""

    METHOD, PATH = "POST", "/_matrix/client/v3/rooms/{room_id}/ban"
    room_id: str
    user_id: str
    reason: str | None = None


class UnbanUser(Endpoint[Empty]):
    """Lift a ban. Spec: POST /rooms/{roomId}/unban."""

    METHOD, PATH = "POST", "/_matrix/client/v3/rooms/{room_id}/unban"
    room_id: str
    user_id: str
    reason: str | None = None


class RespJoinedRooms(Response):
    """The ids of the rooms we are in."""

    joined_rooms: list[str]


class JoinedRooms(Endpoint[RespJoinedRooms]):
    """List the rooms we are in. Spec: GET /joined_rooms."""

    METHOD, PATH = "GET", "/_matrix/client/v3/joined_rooms"


class MembershipApi(Api):
    """Making rooms, coming and going; `join_room` with gomatrix's arguments stands in the client."""

    create_room = Call(CreateRoom)
    join_room_by_id = Call(JoinRoomById)
    knock_room = Call(KnockRoom)
    leave_room = Call(LeaveRoom)
    forget_room = Call(ForgetRoom)
    invite_user = Call(InviteUser)
    invite_user_by_third_party = Call(InviteUserByThirdParty)
    kick_user = Call(KickUser)
    ban_user = Call(BanUser)
    unban_user = Call(UnbanUser)
    joined_rooms = Call(JoinedRooms)
