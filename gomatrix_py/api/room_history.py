"""Paging through a room, around an event, and along relations and threads.

Spec: "Getting events for a room", "Relationships", "Threading".
"""

from __future__ import annotations

from typing import Any

from ..codec import field
from ..events import Event
from ..events.open_enum import OpenEnum
from ..http.endpoint import Call, Endpoint, Response, query
from ..times import Moment
from .base import Api

__all__ = [
    "Context",
    "Direction",
    "GetContext",
    "GetMessages",
    "GetRelations",
    "GetRelationsByType",
    "GetRelationsByTypeAndEventType",
    "GetThreads",
    "HistoryApi",
    "RespMessages",
    "RespRelations",
    "RespThreads",
    "RespTimestampToEvent",
    "ThreadScope",
    "TimestampToEvent",
]


class Direction(OpenEnum):
    """Which way to go through what happened."""

    BACKWARD = "b"
    FORWARD = "f"


class RespMessages(Response):
    """One page of a room's history; `end` is None where there is no more."""

    start: str
    chunk: list[Event]
    end: str | None = None
    state: list[Event] = field(factory=list)


class GetMessages(Endpoint[RespMessages]):
    """Read a page of a room's history: `dir` is "b" (back in time) or "f". Spec: GET /rooms/{roomId}/messages."""

    METHOD, PATH = "GET", "/_matrix/client/v3/rooms/{room_id}/messages"
    room_id: str
    from_: str | None = query(default=None, name="from")
    to: str | None = query(default=None)
    dir: Direction | str = query(default="b")
    limit: int | None = query(default=None)
    filter: Any = query(default=None, kw_only=True)


class Context(Response):
    """An event, what came before and after it, and the state at the end."""

    event: Event | None = None
    events_before: list[Event] = field(factory=list)
    events_after: list[Event] = field(factory=list)
    start: str | None = None
    end: str | None = None
    state: list[Event] = field(factory=list)


class GetContext(Endpoint[Context]):
    """Read what happened around an event. Spec: GET /rooms/{roomId}/context/{eventId}."""

    METHOD, PATH = "GET", "/_matrix/client/v3/rooms/{room_id}/context/{event_id}"
    room_id: str
    event_id: str
    limit: int | None = query(default=None)
    filter: Any = query(default=None, kw_only=True)


class RespRelations(Response):
    """One page of the events that relate to an event."""

    chunk: list[Event]
    next_batch: str | None = None
    prev_batch: str | None = None
    recursion_depth: int | None = None


class GetRelations(Endpoint[RespRelations]):
    """Read what relates to an event. Spec: GET /rooms/{roomId}/relations/{eventId}."""

    METHOD, PATH, ADDED = "GET", "/_matrix/client/v1/rooms/{room_id}/relations/{event_id}", "1.3"
    room_id: str
    event_id: str
    from_: str | None = query(default=None, name="from", kw_only=True)
    to: str | None = query(default=None, kw_only=True)
    dir: Direction | str | None = query(default=None, kw_only=True)
    limit: int | None = query(default=None, kw_only=True)
    recurse: bool | None = query(default=None, kw_only=True)


class GetRelationsByType(Endpoint[RespRelations]):
    """Read what relates to an event in one way. Spec: GET /rooms/{roomId}/relations/{eventId}/{relType}."""

    METHOD, PATH, ADDED = "GET", "/_matrix/client/v1/rooms/{room_id}/relations/{event_id}/{rel_type}", "1.3"
    room_id: str
    event_id: str
    rel_type: str
    from_: str | None = query(default=None, name="from", kw_only=True)
    to: str | None = query(default=None, kw_only=True)
    dir: Direction | str | None = query(default=None, kw_only=True)
    limit: int | None = query(default=None, kw_only=True)
    recurse: bool | None = query(default=None, kw_only=True)


class GetRelationsByTypeAndEventType(Endpoint[RespRelations]):
    """Read the events of one type that relate to an event in one way.

    Spec: GET /rooms/{roomId}/relations/{eventId}/{relType}/{eventType}.
    """

    METHOD = "GET"
    PATH = "/_matrix/client/v1/rooms/{room_id}/relations/{event_id}/{rel_type}/{event_type}"
    ADDED = "1.3"
    room_id: str
    event_id: str
    rel_type: str
    event_type: str
    from_: str | None = query(default=None, name="from", kw_only=True)
    to: str | None = query(default=None, kw_only=True)
    dir: Direction | str | None = query(default=None, kw_only=True)
    limit: int | None = query(default=None, kw_only=True)
    recurse: bool | None = query(default=None, kw_only=True)


class ThreadScope(OpenEnum):
    """Which threads of a room are meant."""

    ALL = "all"
    PARTICIPATED = "participated"


class RespThreads(Response):
    """One page of the events that threads began with, the one with the newest reply first."""

    chunk: list[Event]
    next_batch: str | None = None


class GetThreads(Endpoint[RespThreads]):
    """List the threads of a room: `include` is "all" or "participated". Spec: GET /rooms/{roomId}/threads."""

    METHOD, PATH, RATE_LIMITED, ADDED = "GET", "/_matrix/client/v1/rooms/{room_id}/threads", True, "1.4"
    room_id: str
    include: ThreadScope | str | None = query(default=None)
    from_: str | None = query(default=None, name="from")
    limit: int | None = query(default=None, kw_only=True)


class RespTimestampToEvent(Response):
    """The event nearest to a moment; `origin_server_ts` is milliseconds since the epoch."""

    event_id: str
    origin_server_ts: int


class TimestampToEvent(Endpoint[RespTimestampToEvent]):
    """Find the event nearest to the moment `ts`: `dir` is "f" (after) or "b" (before).

    Spec: GET /rooms/{roomId}/timestamp_to_event.
    """

    METHOD, PATH = "GET", "/_matrix/client/v1/rooms/{room_id}/timestamp_to_event"
    RATE_LIMITED, ADDED = True, "1.6"
    room_id: str
    ts: Moment
    dir: Direction | str = "f"


class HistoryApi(Api):
    """Paging, relations and threads."""

    messages = Call(GetMessages)
    context = Call(GetContext)
    relations = Call(GetRelations)
    relations_by_type = Call(GetRelationsByType)
    relations_by_type_and_event_type = Call(GetRelationsByTypeAndEventType)
    threads = Call(GetThreads)
    timestamp_to_event = Call(TimestampToEvent)
