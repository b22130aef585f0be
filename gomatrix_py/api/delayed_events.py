"""Events that the server sends later, unless we call it off: a dead man's switch. Proposal MSC4140."""

from __future__ import annotations

from typing import Any

from ..codec import Document, field
from ..http.endpoint import Call, Empty, Endpoint, Response, body, query
from ..times import Duration
from .base import Api, carries_out

__all__ = [
    "CancelDelayedEvent",
    "DelayedEvent",
    "DelayedEventsApi",
    "GetDelayedEvent",
    "GetDelayedEvents",
    "RespDelayedEvent",
    "RespDelayedEvents",
    "RespSendDelayedEvent",
    "RestartDelayedEvent",
    "SendDelayedEvent",
    "SendDelayedEventNow",
    "SendDelayedStateEvent",
]

_FEATURE = "org.matrix.msc4140"
_EVENTS = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events"


class RespSendDelayedEvent(Response):
    """The id by which the waiting event is known."""

    delay_id: str


class SendDelayedEvent(Endpoint[RespSendDelayedEvent]):
    """Have an event that is no state sent later.

    MSC4140: PUT /rooms/{roomId}/send/{eventType}/{txnId} with a delay.
    """

    METHOD, PATH = "PUT", "/_matrix/client/v3/rooms/{room_id}/send/{event_type}/{txn_id}"
    MSC, UNSTABLE_FEATURE = 4140, _FEATURE
    room_id: str
    event_type: str
    txn_id: str
    content: Any = body()
    delay: Duration = query(name="org.matrix.msc4140.delay")


class SendDelayedStateEvent(Endpoint[RespSendDelayedEvent]):
    """Have a piece of state set later.

    MSC4140: PUT /rooms/{roomId}/state/{eventType}/{stateKey} with a delay.
    """

    METHOD, PATH = "PUT", "/_matrix/client/v3/rooms/{room_id}/state/{event_type}/{state_key}"
    MSC, UNSTABLE_FEATURE = 4140, _FEATURE
    room_id: str
    event_type: str
    state_key: str
    content: Any = body()
    delay: Duration = query(name="org.matrix.msc4140.delay")


class DelayedEvent(Document):
    """An event that waits: for how long in all, and since when; milliseconds."""

    delay_id: str
    room_id: str
    type: str
    delay_ms: int
    delayed_since_ts: int
    state_key: str | None = None
    content: dict[str, Any] = field(factory=dict)


class RespDelayedEvent(DelayedEvent, Response):
    """An event that waits."""


class RespDelayedEvents(Response):
    """The events that wait; `next_batch` is None where there are no more."""

    delayed_events: list[DelayedEvent] = field(factory=list)
    next_batch: str | None = None


class GetDelayedEvents(Endpoint[RespDelayedEvents]):
    """List our events that wait. MSC4140: GET /delayed_events."""

    METHOD, PATH, MSC, UNSTABLE_FEATURE = "GET", _EVENTS, 4140, _FEATURE
    from_: str | None = query(default=None, name="from")


class GetDelayedEvent(Endpoint[RespDelayedEvent]):
    """Read about an event that waits. MSC4140: GET /delayed_events/{delayId}."""

    METHOD, PATH, MSC, UNSTABLE_FEATURE = "GET", _EVENTS + "/{delay_id}", 4140, _FEATURE
    delay_id: str


class CancelDelayedEvent(Endpoint[Empty]):
    """Call off an event that waits. MSC4140: POST /delayed_events/{delayId}/cancel."""

    METHOD, PATH, MSC, UNSTABLE_FEATURE = "POST", _EVENTS + "/{delay_id}/cancel", 4140, _FEATURE
    IS_REPEATABLE = True
    delay_id: str


class RestartDelayedEvent(Endpoint[Empty]):
    """Have an event wait its whole time again. MSC4140: POST /delayed_events/{delayId}/restart."""

    METHOD, PATH, MSC, UNSTABLE_FEATURE = "POST", _EVENTS + "/{delay_id}/restart", 4140, _FEATURE
    IS_REPEATABLE = True
    delay_id: str


class SendDelayedEventNow(Endpoint[Empty]):
    """Send an event that waits at once. MSC4140: POST /delayed_events/{delayId}/send."""

    METHOD, PATH, MSC, UNSTABLE_FEATURE = "POST", _EVENTS + "/{delay_id}/send", 4140, _FEATURE
    IS_REPEATABLE = True
    delay_id: str


class DelayedEventsApi(Api):
    """Events that wait (MSC4140)."""

    send_delayed_state_event = Call(SendDelayedStateEvent)
    get_delayed_events = Call(GetDelayedEvents)
    get_delayed_event = Call(GetDelayedEvent)
    cancel_delayed_event = Call(CancelDelayedEvent)
    restart_delayed_event = Call(RestartDelayedEvent)
    send_delayed_event_now = Call(SendDelayedEventNow)

    @carries_out(SendDelayedEvent)
    def send_delayed_event(
        self, room_id: str, event_type: str, content: Any, delay: Duration, *, txn_id: str | None = None
    ) -> RespSendDelayedEvent:
        """Have an event that is no state sent later, unless it is called off or put off until then.

        Args:
            room_id: where to.
            event_type: such as ``m.room.message``.
            content: a content class, or a dict.
            delay: how long the server waits.
            txn_id: makes a repeated call the same event; a new one where it is left out.

        Raises:
            EncryptionRequired: the room is encrypted, and this would go there in the clear.
            UnsupportedByServer: the server has no such thing.
            UsageError, TransportError, HTTPError, DecodeError: see `gomatrix_py.errors`.

        MSC4140: PUT /rooms/{roomId}/send/{eventType}/{txnId} with a delay.
        """
        self._check_may_be_plain(room_id, event_type)
        txn_id = txn_id or self.new_transaction_id()
        return self.call(SendDelayedEvent(room_id, event_type, txn_id, content, delay))
