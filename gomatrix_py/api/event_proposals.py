"""Events that stick, and what redacted ones said, in proposals: MSC4354, MSC2815. A quiet profile: MSC4069."""

from __future__ import annotations

from typing import Any

from ..events import Event
from ..http.endpoint import Empty, Endpoint, body, query
from ..http.messages import HttpResponse
from ..times import Duration
from .base import Api, carries_out
from .room_events import RespSendEvent

__all__ = ["EventProposalsApi", "GetUnredactedEvent", "SendStickyEvent", "SetProfileFieldQuietly"]


class SendStickyEvent(Endpoint[RespSendEvent]):
    """Send an event that new members are given too, for as long as it sticks.

    MSC4354: PUT /rooms/{roomId}/send/{eventType}/{txnId} with a duration.
    """

    METHOD, PATH = "PUT", "/_matrix/client/v3/rooms/{room_id}/send/{event_type}/{txn_id}"
    MSC, UNSTABLE_FEATURE = 4354, "org.matrix.msc4354"
    room_id: str
    event_type: str
    txn_id: str
    content: Any = body()
    duration: Duration = query(name="org.matrix.msc4354.sticky_duration_ms")


class GetUnredactedEvent(Endpoint[Event]):
    """Read what a redacted event said; for administrators. MSC2815: GET /rooms/{roomId}/event/{eventId}."""

    METHOD, PATH = "GET", "/_matrix/client/v3/rooms/{room_id}/event/{event_id}"
    MSC, UNSTABLE_FEATURE = 2815, "fi.mau.msc2815"
    room_id: str
    event_id: str
    include: bool = query(default=True, name="fi.mau.msc2815.include_unredacted_content", kw_only=True)

    def _read(self, response: HttpResponse) -> Event:
        return Event.from_json(response.body, self.room_id)


class SetProfileFieldQuietly(Endpoint[Empty]):
    """Set a field of a profile without a new member event in each room. MSC4069: PUT /profile/{userId}/{keyName}."""

    METHOD, PATH = "PUT", "/_matrix/client/v3/profile/{user_id}/{key_name}"
    MSC, UNSTABLE_FEATURE = 4069, "org.matrix.msc4069"
    user_id: str
    key_name: str
    content: dict[str, Any] = body()
    propagate: bool = query(default=False, name="org.matrix.msc4069.propagate", kw_only=True)


class EventProposalsApi(Api):
    """Sticky events (MSC4354), redacted events (MSC2815) and quiet changes of the profile (MSC4069)."""

    @carries_out(SendStickyEvent)
    def send_sticky_event(
        self, room_id: str, event_type: str, content: Any, duration: Duration, *, txn_id: str | None = None
    ) -> RespSendEvent:
        """Send an event that sticks for a while.

        Args:
            room_id: where to.
            event_type: such as ``org.example.raised_hand``.
            content: a content class, or a dict.
            duration: for how long; an hour at most.
            txn_id: makes a repeated call the same event; a new one where it is left out.

        Raises:
            EncryptionRequired: the room is encrypted, and this would go there in the clear.

        MSC4354: PUT /rooms/{roomId}/send/{eventType}/{txnId} with a duration.
        """
        self._check_may_be_plain(room_id, event_type)
        txn_id = txn_id or self.new_transaction_id()
        return self.call(SendStickyEvent(room_id, event_type, txn_id, content, duration))

    @carries_out(GetUnredactedEvent)
    def get_unredacted_event(self, room_id: str, event_id: str) -> Event:
        """Read what a redacted event said; for administrators. MSC2815: GET /rooms/{roomId}/event/{eventId}."""
        return self.call(GetUnredactedEvent(room_id, event_id))

    @carries_out(SetProfileFieldQuietly)
    def set_profile_field_quietly(self, key_name: str, value: Any) -> None:
        """Set a field of our profile; the rooms keep the old one. MSC4069: PUT /profile/{userId}/{keyName}."""
        self.call(SetProfileFieldQuietly(self.own_user_id(), key_name, {key_name: value}))
