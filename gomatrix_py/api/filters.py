"""Filters: what /sync and history leave out. Spec: "Filtering"."""

from __future__ import annotations

from typing import Any

from ..codec import Document, field
from ..errors import UsageError
from ..events.open_enum import OpenEnum
from ..http.endpoint import Endpoint, Response, body
from .base import Api, carries_out

__all__ = [
    "CreateFilter",
    "EventFormat",
    "Filter",
    "FilterApi",
    "FilterPart",
    "GetFilter",
    "RespCreateFilter",
    "RoomFilter",
    "default_filter",
    "default_filter_part",
]


class FilterPart(Document):
    """Which events of one kind to include; None means "no rule"."""

    not_rooms: list[str] | None = None
    rooms: list[str] | None = None
    limit: int | None = None
    not_senders: list[str] | None = None
    not_types: list[str] | None = None
    senders: list[str] | None = None
    types: list[str] | None = None
    contains_url: bool | None = None
    lazy_load_members: bool | None = None
    include_redundant_members: bool | None = None
    unread_thread_notifications: bool | None = None


class RoomFilter(Document):
    """Which rooms, and which events of rooms, to include."""

    account_data: FilterPart | None = None
    ephemeral: FilterPart | None = None
    include_leave: bool | None = None
    not_rooms: list[str] | None = None
    rooms: list[str] | None = None
    state: FilterPart | None = None
    timeline: FilterPart | None = None


class EventFormat(OpenEnum):
    """The form of events: as clients have them, or as servers send them to each other."""

    CLIENT = "client"
    FEDERATION = "federation"


class Filter(Response):
    """What a server should send."""

    account_data: FilterPart | None = None
    event_fields: list[str] | None = None
    event_format: EventFormat | str | None = None
    presence: FilterPart | None = None
    room: RoomFilter | None = None

    def validate(self) -> None:
        """Check what the server would refuse.

        Raises:
            UsageError: `event_format` is neither "client" nor "federation".
        """
        if self.event_format not in ("client", "federation"):
            raise UsageError(f'event_format must be "client" or "federation", not {self.event_format!r}')


def default_filter_part() -> FilterPart:
    """Return what a server applies to one kind of event where no filter says otherwise."""
    return FilterPart(limit=20)


def default_filter() -> Filter:
    """Return what a server applies where no filter is given. Source: gomatrix DefaultFilter."""
    return Filter(
        account_data=default_filter_part(),
        event_format="client",
        presence=default_filter_part(),
        room=RoomFilter(
            account_data=default_filter_part(),
            ephemeral=default_filter_part(),
            include_leave=False,
            state=default_filter_part(),
            timeline=default_filter_part(),
        ),
    )


class RespCreateFilter(Response):
    """The id under which the server keeps a filter."""

    filter_id: str


class CreateFilter(Endpoint[RespCreateFilter]):
    """Store a filter on the server. Spec: POST /user/{userId}/filter."""

    METHOD, PATH, IS_REPEATABLE = "POST", "/_matrix/client/v3/user/{user_id}/filter", True
    user_id: str
    filter: Filter | dict[str, Any] = body()


class GetFilter(Endpoint[Filter]):
    """Read a stored filter. Spec: GET /user/{userId}/filter/{filterId}."""

    METHOD, PATH = "GET", "/_matrix/client/v3/user/{user_id}/filter/{filter_id}"
    user_id: str
    filter_id: str = field()


class FilterApi(Api):
    """Filters of our own user."""

    @carries_out(CreateFilter)
    def create_filter(self, filter: Filter | dict[str, Any]) -> RespCreateFilter:
        """Store a filter on the server. Spec: POST /user/{userId}/filter."""
        return self.call(CreateFilter(self.own_user_id(), filter))

    @carries_out(GetFilter)
    def get_filter(self, filter_id: str) -> Filter:
        """Read a stored filter. Spec: GET /user/{userId}/filter/{filterId}."""
        return self.call(GetFilter(self.own_user_id(), filter_id))
