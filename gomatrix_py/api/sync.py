"""The /sync answer, decoded in one pass with every event still bytes. Spec: "Syncing"."""

from __future__ import annotations

from typing import Any

import attrs

from ..codec import (
    Problem,
    RawJSON,
    Shape,
    loads_tolerant,
    repair,
    shape_decoder,
)
from ..collector import quiet_collector
from ..errors import DecodeError
from ..events import Event
from ..events.contents.ephemeral import Presence
from ..events.skim import NO_EVENTS, join_array, sound_events
from ..http.endpoint import Endpoint, query
from ..http.messages import MEBIBYTE, HttpResponse, Limits
from ..times import Duration, in_milliseconds
from .base import Api, carries_out

__all__ = [
    "DeviceLists",
    "EventList",
    "GetSync",
    "InvitedRoom",
    "JoinedRoom",
    "KnockedRoom",
    "LeftRoom",
    "SyncApi",
    "SyncResponse",
    "SyncRooms",
    "Timeline",
]

_OBJECT = RawJSON(b"{}")
_NO_ARRAY = RawJSON(NO_EVENTS)
_RENAMED = {"array": "events"}


class EventList(Shape, gc=False, rename=_RENAMED):
    """A list of events, as one JSON array that is decoded when somebody looks."""

    array: RawJSON = _NO_ARRAY

    @property
    def events(self) -> list[Event]:
        """The events, made anew at each look; what is no event is left out."""
        return sound_events(self.array)

    @property
    def is_empty(self) -> bool:
        """True where there is nothing in it."""
        return self.array == _NO_ARRAY


class Timeline(EventList, gc=False):
    """The new events of a room; `limited` tells that some before them were left out."""

    limited: bool = False
    prev_batch: str | None = None

    def put_before(self, events: list[bytes]) -> None:
        """Put events, as JSON, before the first one."""
        self.array = RawJSON(join_array(events, self.array))


class JoinedRoom(Shape, gc=False):
    """A room we are in."""

    state: EventList | None = None
    state_after: EventList | None = None
    timeline: Timeline | None = None
    ephemeral: EventList | None = None
    account_data: EventList | None = None
    summary: RawJSON = _OBJECT
    unread_notifications: RawJSON = _OBJECT
    unread_thread_notifications: RawJSON = _OBJECT


class LeftRoom(Shape, gc=False):
    """A room we left, or were removed from."""

    state: EventList | None = None
    state_after: EventList | None = None
    timeline: Timeline | None = None
    account_data: EventList | None = None


class InvitedRoom(Shape, gc=False):
    """A room we are invited to."""

    invite_state: EventList | None = None


class KnockedRoom(Shape, gc=False):
    """A room we knocked on."""

    knock_state: EventList | None = None


class SyncRooms(Shape, gc=False):
    """The rooms of a /sync answer, by how we stand to them."""

    join: dict[str, JoinedRoom] = {}
    invite: dict[str, InvitedRoom] = {}
    knock: dict[str, KnockedRoom] = {}
    leave: dict[str, LeftRoom] = {}


class DeviceLists(Shape, gc=False):
    """Whose devices changed, and with whom we share no encrypted room any more."""

    changed: list[str] = []
    left: list[str] = []


class _Envelope(Shape, gc=False):
    next_batch: str
    rooms: SyncRooms | None = None
    presence: EventList | None = None
    account_data: EventList | None = None
    to_device: EventList | None = None
    device_lists: DeviceLists | None = None
    device_one_time_keys_count: dict[str, int] | None = None
    device_unused_fallback_key_types: list[str] | None = None


_decode = shape_decoder(_Envelope)


@attrs.define(slots=True, repr=False, eq=False)
class SyncResponse:
    """One /sync answer.

    Attributes:
        next_batch: the `since` of the next request.
        rooms, presence, account_data, to_device: what happened.
        device_lists, device_one_time_keys_count, device_unused_fallback_key_types: for encryption.
        problems: what was left out because it was not as specified.
        body: the answer as it came.

    Source: specification, "GET /_matrix/client/v3/sync".
    """

    next_batch: str
    rooms: SyncRooms = attrs.field(factory=SyncRooms)
    presence: EventList = attrs.field(factory=EventList)
    account_data: EventList = attrs.field(factory=EventList)
    to_device: EventList = attrs.field(factory=EventList)
    device_lists: DeviceLists | None = None
    device_one_time_keys_count: dict[str, int] | None = None
    device_unused_fallback_key_types: list[str] | None = None
    problems: tuple[Problem, ...] = ()
    body: bytes = b""

    @classmethod
    def from_json(cls, body: bytes) -> SyncResponse:
        """Decode a /sync answer; whatever is sound in it is kept, the rest is listed in `problems`.

        Raises:
            DecodeError: not a JSON object, cut short, or without a usable `next_batch`.
        """
        problems: tuple[Problem, ...] = ()
        with quiet_collector(len(body)):
            try:
                envelope: _Envelope = _decode(body)
            except DecodeError:
                envelope, problems = repair(loads_tolerant(body), _Envelope)
        if not envelope.next_batch:
            raise DecodeError("empty, which would start over from nothing", path="next_batch")
        return cls(
            envelope.next_batch,
            envelope.rooms or SyncRooms(),
            envelope.presence or EventList(),
            envelope.account_data or EventList(),
            envelope.to_device or EventList(),
            envelope.device_lists,
            envelope.device_one_time_keys_count,
            envelope.device_unused_fallback_key_types,
            problems,
            body,
        )

    @property
    def extra(self) -> dict[str, Any]:
        """The members of the answer that this class does not declare."""
        members = loads_tolerant(self.body or b"{}")
        return {key: value for key, value in members.items() if key not in _Envelope.__struct_fields__}

    @property
    def raw(self) -> dict[str, Any]:
        """The whole answer as plain values."""
        document: dict[str, Any] = loads_tolerant(self.body)
        return document

    def __repr__(self) -> str:
        rooms = self.rooms
        return (
            f"<SyncResponse to {self.next_batch!r}: {len(rooms.join)} joined, {len(rooms.invite)} invited,"
            f" {len(rooms.knock)} knocked, {len(rooms.leave)} left, {len(self.problems)} problems>"
        )


class GetSync(Endpoint[SyncResponse]):
    """Ask what happened since a point in time, and wait for up to `timeout`. Spec: GET /sync."""

    METHOD, PATH = "GET", "/_matrix/client/v3/sync"
    ANSWER = SyncResponse
    timeout: Duration | None = None
    since: str | None = None
    filter: str | None = None
    full_state: bool | None = query(default=None, kw_only=True)
    set_presence: Presence | str | None = query(default=None, kw_only=True)
    use_state_after: bool | None = query(default=None, kw_only=True)

    def limits(self) -> Limits:
        """Return what a long-poll of this length may take; a first sync may take long."""
        poll_s = (in_milliseconds(self.timeout) or 0) / 1000
        patience_s = 120.0 if self.since else 1200.0
        return Limits(
            connect_s=10, read_s=poll_s + (30.0 if self.since else 600.0), total_s=poll_s + patience_s,
            max_bytes=512 * MEBIBYTE,
        )  # fmt: skip

    def _read(self, response: HttpResponse) -> SyncResponse:
        return SyncResponse.from_json(response.body)


class SyncApi(Api):
    """One /sync request; the loop stands in the client."""

    @carries_out(GetSync)
    def sync_request(
        self,
        timeout: Duration = 0,
        since: str = "",
        filter_id: str = "",
        full_state: bool = False,
        set_presence: Presence | str = "",
    ) -> SyncResponse:
        """Make one /sync request and return its answer; nothing is stored and no listener runs.

        Args:
            timeout: how long the server may hold the request.
            since: where to go on from, "" to start over.
            filter_id: of a stored filter, or a filter as JSON.
            full_state: ask for all state, changed or not.
            set_presence: "online", "unavailable" or "offline"; "" for what the server thinks.

        Spec: GET /sync; gomatrix SyncRequest.
        """
        return self.call(
            GetSync(
                timeout,
                since or None,
                filter_id or None,
                full_state=full_state or None,
                set_presence=set_presence or None,
            )
        )
