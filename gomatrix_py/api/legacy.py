"""Syncing as it was before /sync, and peeking. Spec: "Syncing" (deprecated parts), "Room Previews"."""

from __future__ import annotations

from ..codec import Document, field
from ..events import Event
from ..events.contents.members import Membership
from ..http.endpoint import Call, Endpoint, Response, query
from ..http.messages import HttpResponse, Limits
from ..times import Duration, in_milliseconds
from .base import Api
from .directory import Visibility

__all__ = [
    "GetEvents",
    "GetInitialSync",
    "GetOneEvent",
    "GetRoomInitialSync",
    "InitialMessages",
    "InitialRoom",
    "LegacyApi",
    "PeekEvents",
    "RespEvents",
    "RespInitialSync",
    "RespRoomInitialSync",
]


class RespEvents(Response):
    """Events since a token, and the tokens on both sides."""

    start: str | None = None
    end: str | None = None
    chunk: list[Event] = field(factory=list)


class _LongPoll(Endpoint[RespEvents]):
    METHOD, PATH = "GET", "/_matrix/client/v3/events"

    def limits(self) -> Limits:
        """Return what a long-poll of this length may take."""
        poll_s = (in_milliseconds(getattr(self, "timeout", None)) or 0) / 1000
        return Limits(read_s=poll_s + 30.0, total_s=poll_s + 120.0)


class GetEvents(_LongPoll):
    """Wait for events, for up to `timeout`; deprecated, use `sync_request`. Spec: GET /events."""

    DEPRECATED = "sync_request"
    from_: str | None = query(default=None, name="from")
    timeout: Duration | None = query(default=None)


class PeekEvents(_LongPoll):
    """Wait for events of a room we are not in, for up to `timeout`. Spec: GET /events with a room."""

    room_id: str
    from_: str | None = query(default=None, name="from")
    timeout: Duration | None = query(default=None)


class InitialMessages(Document):
    """The newest events of a room, and the tokens on both sides."""

    end: str
    chunk: list[Event]
    start: str | None = None


class InitialRoom(Document):
    """A room as it is now; `invite` is the invite where `membership` is "invite"."""

    room_id: str
    membership: Membership
    invite: Event | None = None
    messages: InitialMessages | None = None
    state: list[Event] = field(factory=list)
    visibility: Visibility | None = None
    account_data: list[Event] = field(factory=list)


class RespInitialSync(Response):
    """All that there is, and the token to go on from."""

    end: str
    rooms: list[InitialRoom]
    presence: list[Event]
    account_data: list[Event] = field(factory=list)


class GetInitialSync(Endpoint[RespInitialSync]):
    """Read all there is, `limit` events per room; deprecated, use `sync_request`. Spec: GET /initialSync."""

    METHOD, PATH, DEPRECATED = "GET", "/_matrix/client/v3/initialSync", "sync_request"
    limit: int | None = None
    archived: bool | None = None


class GetOneEvent(Endpoint[Event]):
    """Read one event, wherever it is; deprecated, use `get_event`. Spec: GET /events/{eventId}."""

    METHOD, PATH, DEPRECATED = "GET", "/_matrix/client/v3/events/{event_id}", "get_event"
    event_id: str

    def _read(self, response: HttpResponse) -> Event:
        return Event.from_json(response.body)


class RespRoomInitialSync(Response):
    """A room as it is now."""

    room_id: str
    membership: Membership | None = None
    messages: InitialMessages | None = None
    state: list[Event] = field(factory=list)
    visibility: Visibility | None = None
    account_data: list[Event] = field(factory=list)


class GetRoomInitialSync(Endpoint[RespRoomInitialSync]):
    """Read a room as it is now, to peek into it. Spec: GET /rooms/{roomId}/initialSync."""

    METHOD, PATH = "GET", "/_matrix/client/v3/rooms/{room_id}/initialSync"
    room_id: str


class LegacyApi(Api):
    """Syncing as it was, and peeking."""

    get_events = Call(GetEvents)
    peek_events = Call(PeekEvents)
    initial_sync = Call(GetInitialSync)
    get_one_event = Call(GetOneEvent)
    room_initial_sync = Call(GetRoomInitialSync)
