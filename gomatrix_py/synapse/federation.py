"""How this server gets on with others. Source: federation."""

from __future__ import annotations

from typing import Any

from ..api.paging import Paged
from ..codec import field
from ..http.endpoint import Call, query
from .endpoint import AdminEndpoint
from .group import AdminGroup
from .paging import check_page_size, listing
from .wire import Done, PageNumber, Record, RecordedTime

__all__ = [
    "Destination",
    "DestinationPage",
    "DestinationRoom",
    "DestinationRoomPage",
    "FederationGroup",
    "GetDestination",
    "ListDestinationRooms",
    "ListDestinations",
    "ResetConnection",
]


class Destination(Record):
    """Another server; `failed_at` is since when it cannot be reached, `retry_last_at` when it was last tried."""

    destination: str
    retry_last_at: RecordedTime | None = field(default=None, name="retry_last_ts")
    retry_interval_ms: int = field(default=0, name="retry_interval")
    failed_at: RecordedTime | None = field(default=None, name="failure_ts")
    last_successful_stream_ordering: int | None = None


class DestinationPage(Record):
    """A page of other servers."""

    destinations: list[Destination]
    total: int = 0
    next_token: PageNumber | None = None


class ListDestinations(AdminEndpoint[DestinationPage]):
    """List a page of other servers, those whose name holds `destination`. Source: "List of destinations"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/federation/destinations"
    from_: int | str | None = query(default=None, name="from")
    limit: int | None = query(default=None)
    destination: str | None = query(default=None, kw_only=True)
    order_by: str | None = query(default=None, kw_only=True)
    dir: str | None = query(default=None, kw_only=True)


class GetDestination(AdminEndpoint[Destination]):
    """Read how the exchange with one server goes. Source: federation, "Destination Details API"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/federation/destinations/{destination}"
    destination: str


class DestinationRoom(Record):
    """A room that is shared with another server."""

    room_id: str
    stream_ordering: int | None = None


class DestinationRoomPage(Record):
    """A page of rooms."""

    rooms: list[DestinationRoom]
    total: int = 0
    next_token: PageNumber | None = None


class ListDestinationRooms(AdminEndpoint[DestinationRoomPage]):
    """List a page of the rooms that are shared with a server. Source: federation, "Destination rooms"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/federation/destinations/{destination}/rooms"
    destination: str
    from_: int | str | None = query(default=None, name="from")
    limit: int | None = query(default=None, kw_only=True)
    dir: str | None = query(default=None, kw_only=True)


class ResetConnection(AdminEndpoint[Done]):
    """Try a server again at once; one that is not waited for is an error. Source: "Reset connection timeout"."""

    METHOD, PATH = "POST", "/_synapse/admin/v1/federation/destinations/{destination}/reset_connection"
    destination: str


class FederationGroup(AdminGroup):
    """`admin.federation`."""

    list_destinations = Call(ListDestinations)
    get_destination = Call(GetDestination)
    list_destination_rooms = Call(ListDestinationRooms)
    reset_connection = Call(ResetConnection)

    def iter_destinations(
        self, *, page_size: int | None = None, **filters: Any
    ) -> Paged[DestinationPage, Destination]:
        """Yield every other server.

        Args:
            page_size: how many to read at once.
            filters: as for `list_destinations`.

        Raises:
            UsageError: no page size.
            PagingError: the server's pages would never end.
        """
        limit = check_page_size(page_size)
        return listing(
            lambda token: self.list_destinations(token, limit, **filters),
            lambda page: page.destinations,
            lambda page: page.next_token,
            key=lambda one: one.destination,
        )

    def iter_destination_rooms(
        self, destination: str, *, page_size: int | None = None
    ) -> Paged[DestinationRoomPage, DestinationRoom]:
        """Yield every room that is shared with a server; see `iter_destinations`."""
        limit = check_page_size(page_size)
        return listing(
            lambda token: self.list_destination_rooms(destination, token, limit=limit),
            lambda page: page.rooms,
            lambda page: page.next_token,
            key=lambda room: room.room_id,
        )
