"""Receipts, typing and calls' servers. Spec: "Receipts", "Read markers", "Typing notifications", "Voice over IP"."""

from __future__ import annotations

from ..codec import field, secret
from ..events.open_enum import OpenEnum
from ..http.endpoint import Call, Empty, Endpoint, Response
from ..times import Duration
from .base import Api, carries_out

__all__ = [
    "GetTurnServer",
    "ReceiptType",
    "ReceiptsApi",
    "RespTurnServer",
    "SendReceipt",
    "SetReadMarkers",
    "UserTyping",
]


class ReceiptType(OpenEnum):
    """Whom a receipt tells how far we have read: everybody, our own devices, or nobody (a mark for ourselves)."""

    READ = "m.read"
    READ_PRIVATE = "m.read.private"
    FULLY_READ = "m.fully_read"


class SendReceipt(Endpoint[Empty]):
    """Say how far we have read. Spec: POST /rooms/{roomId}/receipt/{receiptType}/{eventId}."""

    METHOD, PATH = "POST", "/_matrix/client/v3/rooms/{room_id}/receipt/{receipt_type}/{event_id}"
    RATE_LIMITED = True
    IS_REPEATABLE = True
    room_id: str
    receipt_type: ReceiptType | str
    event_id: str
    thread_id: str | None = None


class SetReadMarkers(Endpoint[Empty]):
    """Say how far all was read (`fully_read`), and send receipts. Spec: POST /rooms/{roomId}/read_markers."""

    METHOD, PATH, RATE_LIMITED = "POST", "/_matrix/client/v3/rooms/{room_id}/read_markers", True
    IS_REPEATABLE = True
    room_id: str
    fully_read: str | None = field(default=None, name="m.fully_read")
    read: str | None = field(default=None, name="m.read")
    read_private: str | None = field(default=None, name="m.read.private", kw_only=True)


class UserTyping(Endpoint[Empty]):
    """Say whether we are typing, for up to `timeout`. Spec: PUT /rooms/{roomId}/typing/{userId}."""

    METHOD, PATH, RATE_LIMITED = "PUT", "/_matrix/client/v3/rooms/{room_id}/typing/{user_id}", True
    room_id: str
    user_id: str
    typing: bool
    timeout: Duration | None = None


class RespTurnServer(Response):
    """Where calls can be relayed, and until when (`ttl`, in seconds)."""

    username: str
    password: str = secret()
    ttl: int = 0
    uris: list[str] = field(factory=list)


class GetTurnServer(Endpoint[RespTurnServer]):
    """Ask for relay servers and credentials for calls. Spec: GET /voip/turnServer."""

    METHOD, PATH, RATE_LIMITED = "GET", "/_matrix/client/v3/voip/turnServer", True


class ReceiptsApi(Api):
    """Receipts, typing and calls' servers."""

    send_receipt = Call(SendReceipt)
    set_read_markers = Call(SetReadMarkers)
    turn_server = Call(GetTurnServer)

    @carries_out(UserTyping)
    def user_typing(self, room_id: str, typing: bool, timeout_ms: Duration | None = None) -> None:
        """Say whether we are typing, for up to `timeout_ms`. Spec: PUT /rooms/{roomId}/typing/{userId}."""
        self.call(UserTyping(room_id, self.own_user_id(), typing, timeout_ms if typing else None))

    def mark_read(self, room_id: str, event_id: str) -> None:
        """Mark an event and all before it as read (``m.read``)."""
        self.call(SendReceipt(room_id, "m.read", event_id))
