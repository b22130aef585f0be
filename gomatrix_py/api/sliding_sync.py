"""Simplified sliding sync: the rooms a client asks for, as much of each as it asks for. Spec: MSC4186."""

from __future__ import annotations

from typing import Any

import attrs

from ..codec import Document, Problem, RawJSON, Shape, field, loads_tolerant, repair, shape_decoder
from ..collector import quiet_collector
from ..errors import DecodeError
from ..events.skim import NO_EVENTS
from ..http.endpoint import Call, Endpoint, query
from ..http.messages import MEBIBYTE, HttpResponse, Limits
from ..times import Duration, in_milliseconds
from .base import Api
from .sync import DeviceLists

__all__ = [
    "LAZY",
    "ME",
    "Hero",
    "ListFilters",
    "RoomSubscription",
    "SlidingExtensions",
    "SlidingList",
    "SlidingListCount",
    "SlidingRoom",
    "SlidingSync",
    "SlidingSyncApi",
    "SlidingSyncResponse",
]

LAZY = "$LAZY"
"""As the state key of ``m.room.member``: those who said something in the timeline."""

ME = "$ME"
"""As a state key: our own user id."""

_NO_ARRAY = RawJSON(NO_EVENTS)


# ------------------------------------------------------------------ what is asked for


class RoomSubscription(Document):
    """How much of a room to send.

    Attributes:
        required_state: pairs of event type and state key; ``*`` stands for any, see also `LAZY` and `ME`.
        timeline_limit: how many events an answer may bring.
    """

    required_state: list[tuple[str, str]]
    timeline_limit: int


class ListFilters(Document):
    """Which rooms a list holds; None means "no rule".

    Attributes:
        is_dm, is_encrypted, is_invite: rooms that are direct chats, encrypted, invitations, or are not.
        spaces: rooms that are children of one of these spaces.
        room_types, not_room_types: by ``type`` of the create event; None among them stands for no type.
        room_name_like: rooms whose name holds this text.
        tags, not_tags: by our own tags.
    """

    is_dm: bool | None = None
    spaces: list[str] | None = None
    is_encrypted: bool | None = None
    is_invite: bool | None = None
    room_types: list[str | None] | None = None
    not_room_types: list[str | None] | None = None
    room_name_like: str | None = None
    tags: list[str] | None = None
    not_tags: list[str] | None = None


class SlidingList(RoomSubscription):
    """A list of rooms, the one where something happened last first, and how much of each to send.

    Attributes:
        ranges: which places of the list, both ends included; all places where it is left out.
        filters: which rooms the list holds.
    """

    ranges: list[tuple[int, int]] | None = None
    filters: ListFilters | None = None


# ------------------------------------------------------------------ what comes


class Hero(Shape, gc=False):
    """A member to name a room by that has no name."""

    user_id: str
    displayname: str | None = None
    avatar_url: str | None = None


class SlidingRoom(Shape, gc=False):
    """What is new in a room; lists of events are JSON arrays, decoded when somebody looks."""

    name: str | None = None
    avatar: str | None = None
    heroes: list[Hero] | None = None
    is_dm: bool | None = None
    initial: bool = False
    expanded_timeline: bool = False
    unstable_expanded_timeline: bool = False
    required_state: RawJSON = _NO_ARRAY
    timeline: RawJSON = _NO_ARRAY
    prev_batch: str | None = None
    limited: bool = False
    num_live: int | None = None
    bump_stamp: int | None = None
    joined_count: int | None = None
    invited_count: int | None = None
    notification_count: int | None = None
    highlight_count: int | None = None
    membership: str | None = None
    invite_state: RawJSON | None = None
    stripped_state: RawJSON | None = None


class SlidingListCount(Shape, gc=False):
    """How many rooms a list has; `ops` tells which of them stand in its ranges, where the server says it."""

    count: int = 0
    ops: RawJSON = _NO_ARRAY


class _ToDevice(Shape, gc=False):
    next_batch: str
    events: RawJSON = _NO_ARRAY


class _Encryption(Shape, gc=False):
    device_lists: DeviceLists | None = None
    device_one_time_keys_count: dict[str, int] | None = None
    device_unused_fallback_key_types: list[str] | None = None


class _AccountData(Shape, gc=False, rename={"of_account": "global"}):
    of_account: RawJSON = _NO_ARRAY
    rooms: dict[str, RawJSON] = {}


class _ByRoom(Shape, gc=False):
    rooms: dict[str, RawJSON] = {}


class SlidingExtensions(Shape, gc=False, rename={"thread_subscriptions": "io.element.msc4308.thread_subscriptions"}):
    """What is in no room's timeline or state."""

    to_device: _ToDevice | None = None
    e2ee: _Encryption | None = None
    account_data: _AccountData | None = None
    receipts: _ByRoom | None = None
    typing: _ByRoom | None = None
    thread_subscriptions: RawJSON | None = None


class _Envelope(Shape, gc=False):
    pos: str
    lists: dict[str, SlidingListCount] = {}
    rooms: dict[str, SlidingRoom] = {}
    extensions: SlidingExtensions | None = None


_decode = shape_decoder(_Envelope)


@attrs.define(slots=True, repr=False, eq=False)
class SlidingSyncResponse:
    """One answer of sliding sync.

    Attributes:
        pos: the position to go on from.
        lists: how many rooms each list has.
        rooms: what is new in rooms.
        extensions: to-device messages, encryption, account data, receipts, typing.
        problems: what was left out because it was not as specified.
        body: the answer as it came.

    Source: MSC4186.
    """

    pos: str
    lists: dict[str, SlidingListCount] = attrs.field(factory=dict)
    rooms: dict[str, SlidingRoom] = attrs.field(factory=dict)
    extensions: SlidingExtensions = attrs.field(factory=SlidingExtensions)
    problems: tuple[Problem, ...] = ()
    body: bytes = b""

    @classmethod
    def from_json(cls, body: bytes) -> SlidingSyncResponse:
        """Decode an answer; whatever is sound in it is kept, the rest is listed in `problems`.

        Raises:
            DecodeError: not a JSON object, cut short, or without a usable `pos`.
        """
        problems: tuple[Problem, ...] = ()
        with quiet_collector(len(body)):
            try:
                envelope: _Envelope = _decode(body)
            except DecodeError:
                envelope, problems = repair(loads_tolerant(body), _Envelope)
        if not envelope.pos:
            raise DecodeError("empty, which would start over from nothing", path="pos")
        extensions = envelope.extensions or SlidingExtensions()
        return cls(envelope.pos, envelope.lists, envelope.rooms, extensions, problems, body)

    @property
    def raw(self) -> dict[str, Any]:
        """The whole answer as plain values."""
        document: dict[str, Any] = loads_tolerant(self.body)
        return document

    def __repr__(self) -> str:
        return f"<SlidingSyncResponse to {self.pos!r}: {len(self.rooms)} rooms, {len(self.problems)} problems>"


class SlidingSync(Endpoint[SlidingSyncResponse]):
    """Ask for what is new in some rooms; it waits for up to `timeout`. `SlidingSyncer` does it for you.

    MSC4186: POST /org.matrix.simplified_msc3575/sync.
    """

    METHOD, PATH = "POST", "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
    ANSWER = SlidingSyncResponse
    MSC, UNSTABLE_FEATURE = 4186, "org.matrix.simplified_msc3575"
    IS_REPEATABLE = True
    pos: str | None = query(default=None)
    timeout: Duration | None = query(default=None)
    lists: dict[str, SlidingList] | None = field(default=None, kw_only=True)
    room_subscriptions: dict[str, RoomSubscription] | None = field(default=None, kw_only=True)
    extensions: dict[str, Any] | None = field(default=None, kw_only=True)
    conn_id: str | None = field(default=None, kw_only=True)

    def limits(self) -> Limits:
        """Return what a long-poll of this length may take; a first answer may take long."""
        poll_s = (in_milliseconds(self.timeout) or 0) / 1000
        patience_s = 120.0 if self.pos else 600.0
        return Limits(
            connect_s=10, read_s=poll_s + (30.0 if self.pos else 300.0), total_s=poll_s + patience_s,
            max_bytes=512 * MEBIBYTE,
        )  # fmt: skip

    def _read(self, response: HttpResponse) -> SlidingSyncResponse:
        return SlidingSyncResponse.from_json(response.body)


class SlidingSyncApi(Api):
    """One request of sliding sync; the loop stands in the client."""

    sliding_sync_request = Call(SlidingSync)
