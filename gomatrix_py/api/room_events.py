"""Sending events, and reading events, state and members. Spec: "Getting events for a room", "Sending events"."""

from __future__ import annotations

from typing import Any, ClassVar

from ..codec import Document, DocumentList, field
from ..events import Event
from ..events.contents.members import Membership
from ..events.open_enum import OpenEnum
from ..http.endpoint import Call, Endpoint, Response, body, query
from ..http.messages import HttpResponse
from ..times import Moment
from .base import Api, carries_out

__all__ = [
    "GetEvent",
    "GetMembers",
    "GetRoomState",
    "GetStateEvent",
    "JoinedMember",
    "JoinedMembers",
    "RedactEvent",
    "RespJoinedMembers",
    "RespMembers",
    "RespSendEvent",
    "RoomEventsApi",
    "SendMessageEvent",
    "SendStateEvent",
    "StateFormat",
]


class RespSendEvent(Response):
    """The id of the event that was sent; `encryption` says how it was encrypted, None where it was not."""

    event_id: str
    encryption: ClassVar[Any] = None


class SendMessageEvent(Endpoint[RespSendEvent]):
    """Send an event that is no state. Spec: PUT /rooms/{roomId}/send/{eventType}/{txnId}.

    `ts` sets origin_server_ts; only application services may.
    """

    METHOD, PATH = "PUT", "/_matrix/client/v3/rooms/{room_id}/send/{event_type}/{txn_id}"
    room_id: str
    event_type: str
    txn_id: str
    content: Any = body()
    ts: Moment | None = query(default=None, kw_only=True)


class SendStateEvent(Endpoint[RespSendEvent]):
    """Set a piece of state. Spec: PUT /rooms/{roomId}/state/{eventType}/{stateKey}.

    `ts` sets origin_server_ts; only application services may.
    """

    METHOD, PATH = "PUT", "/_matrix/client/v3/rooms/{room_id}/state/{event_type}/{state_key}"
    room_id: str
    event_type: str
    state_key: str
    content: Any = body()
    ts: Moment | None = query(default=None, kw_only=True)


class RedactEvent(Endpoint[RespSendEvent]):
    """Strip an event of its content. Spec: PUT /rooms/{roomId}/redact/{eventId}/{txnId}."""

    METHOD, PATH = "PUT", "/_matrix/client/v3/rooms/{room_id}/redact/{event_id}/{txn_id}"
    room_id: str
    event_id: str
    txn_id: str
    reason: str | None = None


class StateFormat(OpenEnum):
    """Whether a piece of state is its content alone, or the whole event."""

    CONTENT = "content"
    EVENT = "event"


class GetStateEvent(Endpoint[dict[str, Any]]):
    """Read the content of a piece of state. Spec: GET /rooms/{roomId}/state/{eventType}/{stateKey}."""

    METHOD, PATH = "GET", "/_matrix/client/v3/rooms/{room_id}/state/{event_type}/{state_key}"
    room_id: str
    event_type: str
    state_key: str = ""
    format: StateFormat | str | None = query(default=None, kw_only=True)


class GetRoomState(Endpoint[DocumentList[Event]]):
    """Read the whole current state of a room. Spec: GET /rooms/{roomId}/state."""

    METHOD, PATH = "GET", "/_matrix/client/v3/rooms/{room_id}/state"
    room_id: str


class RespMembers(Response):
    """Member events of a room."""

    chunk: list[Event] = field(factory=list)


class GetMembers(Endpoint[RespMembers]):
    """Read the member events of a room. Spec: GET /rooms/{roomId}/members."""

    METHOD, PATH = "GET", "/_matrix/client/v3/rooms/{room_id}/members"
    room_id: str
    at: str | None = None
    membership: Membership | str | None = query(default=None, kw_only=True)
    not_membership: Membership | str | None = query(default=None, kw_only=True)


class JoinedMember(Document):
    """The profile of a joined member."""

    display_name: str | None = None
    avatar_url: str | None = None


class RespJoinedMembers(Response):
    """The joined members of a room, by user id."""

    joined: dict[str, JoinedMember]


class JoinedMembers(Endpoint[RespJoinedMembers]):
    """Read who is in a room. Spec: GET /rooms/{roomId}/joined_members."""

    METHOD, PATH = "GET", "/_matrix/client/v3/rooms/{room_id}/joined_members"
    room_id: str


class GetEvent(Endpoint[Event]):
    """Read one event. Spec: GET /rooms/{roomId}/event/{eventId}."""

    METHOD, PATH = "GET", "/_matrix/client/v3/rooms/{room_id}/event/{event_id}"
    room_id: str
    event_id: str

    def _read(self, response: HttpResponse) -> Event:
        return Event.from_json(response.body, self.room_id)


class RoomEventsApi(Api):
    """Sending and reading events."""

    get_room_state = Call(GetRoomState)
    get_state_content = Call(GetStateEvent)
    members = Call(GetMembers)
    joined_members = Call(JoinedMembers)
    get_event = Call(GetEvent)

    @carries_out(SendStateEvent)
    def send_state_event(
        self, room_id: str, event_type: str, state_key: str, content: Any, *, ts: Moment | None = None
    ) -> RespSendEvent:
        """Set a piece of state; `ts` sets origin_server_ts, for application services.

        Spec: PUT /rooms/{roomId}/state/{eventType}/{stateKey}.
        """
        return self.call(SendStateEvent(room_id, event_type, state_key, content, ts=ts))
