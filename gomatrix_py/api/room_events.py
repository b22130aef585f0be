"""Sending events, and reading events, state and members. Spec: "Getting events for a room", "Sending events"."""

from __future__ import annotations

from typing import Any

from ..codec import Document, field, loads, structure
from ..errors import DecodeError
from ..events import Event
from ..http.endpoint import Call, Endpoint, Response, body, query
from ..http.messages import HttpResponse
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
]


class RespSendEvent(Response):
    """The id of the event that was sent."""

    event_id: str


class SendMessageEvent(Endpoint[RespSendEvent]):
    """Send an event that is no state. Spec: PUT /rooms/{roomId}/send/{eventType}/{txnId}.

    `ts`, in milliseconds, sets origin_server_ts; only application services may.
    """

    METHOD, PATH = "PUT", "/_matrix/client/v3/rooms/{room_id}/send/{event_type}/{txn_id}"
    room_id: str
    event_type: str
    txn_id: str
    content: Any = body()
    ts: int | None = query(default=None, kw_only=True)


class SendStateEvent(Endpoint[RespSendEvent]):
    """Set a piece of state. Spec: PUT /rooms/{roomId}/state/{eventType}/{stateKey}.

    `ts`, in milliseconds, sets origin_server_ts; only application services may.
    """

    METHOD, PATH = "PUT", "/_matrix/client/v3/rooms/{room_id}/state/{event_type}/{state_key}"
    room_id: str
    event_type: str
    state_key: str
    content: Any = body()
    ts: int | None = query(default=None, kw_only=True)


class RedactEvent(Endpoint[RespSendEvent]):
    """Strip an event of its content. Spec: PUT /rooms/{roomId}/redact/{eventId}/{txnId}."""

    METHOD, PATH = "PUT", "/_matrix/client/v3/rooms/{room_id}/redact/{event_id}/{txn_id}"
    room_id: str
    event_id: str
    txn_id: str
    reason: str | None = None


class GetStateEvent(Endpoint[dict[str, Any]]):
    """Read the content of a piece of state. Spec: GET /rooms/{roomId}/state/{eventType}/{stateKey}."""

    METHOD, PATH = "GET", "/_matrix/client/v3/rooms/{room_id}/state/{event_type}/{state_key}"
    room_id: str
    event_type: str
    state_key: str = ""
    format: str | None = query(default=None, kw_only=True)


class GetRoomState(Endpoint[list[Event]]):
    """Read the whole current state of a room. Spec: GET /rooms/{roomId}/state."""

    METHOD, PATH = "GET", "/_matrix/client/v3/rooms/{room_id}/state"
    room_id: str

    def _read(self, response: HttpResponse) -> list[Event]:
        document = loads(response.body)
        if not isinstance(document, list):
            raise DecodeError("expected a list of events")
        return structure(document, list[Event])


class RespMembers(Response):
    """Member events of a room."""

    chunk: list[Event] = field(factory=list)


class GetMembers(Endpoint[RespMembers]):
    """Read the member events of a room. Spec: GET /rooms/{roomId}/members."""

    METHOD, PATH = "GET", "/_matrix/client/v3/rooms/{room_id}/members"
    room_id: str
    at: str | None = None
    membership: str | None = query(default=None, kw_only=True)
    not_membership: str | None = query(default=None, kw_only=True)


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

    @carries_out(SendMessageEvent)
    def send_message_event(
        self,
        room_id: str,
        event_type: str,
        content: Any,
        *,
        txn_id: str | None = None,
        ts: int | None = None,
    ) -> RespSendEvent:
        """Send an event that is no state.

        Args:
            room_id: where to.
            event_type: such as ``m.room.message``.
            content: a content class (`TextMessage`), or a dict.
            txn_id: makes a repeated call the same event; a new one where it is left out.
            ts: origin_server_ts in milliseconds, for application services.

        Returns:
            The event's id.

        Raises:
            UsageError, TransportError, HTTPError, DecodeError: see `gomatrix_py.errors`.

        Spec: PUT /rooms/{roomId}/send/{eventType}/{txnId}.
        """
        txn_id = txn_id or self.new_transaction_id()
        return self.call(SendMessageEvent(room_id, event_type, txn_id, content, ts=ts))

    @carries_out(SendStateEvent)
    def send_state_event(
        self, room_id: str, event_type: str, state_key: str, content: Any, *, ts: int | None = None
    ) -> RespSendEvent:
        """Set a piece of state; `ts` is for application services, in milliseconds.

        Spec: PUT /rooms/{roomId}/state/{eventType}/{stateKey}.
        """
        return self.call(SendStateEvent(room_id, event_type, state_key, content, ts=ts))

    @carries_out(RedactEvent)
    def redact_event(
        self, room_id: str, event_id: str, reason: str | None = None, *, txn_id: str | None = None
    ) -> RespSendEvent:
        """Strip an event of its content. Spec: PUT /rooms/{roomId}/redact/{eventId}/{txnId}."""
        return self.call(RedactEvent(room_id, event_id, txn_id or self.new_transaction_id(), reason))
