"""What application services ask of their homeserver. Spec: "Application Service API", "Client-Server" part."""

from __future__ import annotations

from ..http.endpoint import Call, Empty, Endpoint, Response
from .base import Api
from .directory import Visibility

__all__ = ["AppserviceApi", "AppservicePing", "RespAppservicePing", "SetAppserviceRoomVisibility"]


class RespAppservicePing(Response):
    """How long the homeserver waited for the application service, in milliseconds."""

    duration_ms: int


class AppservicePing(Endpoint[RespAppservicePing]):
    """Have the homeserver call this application service. Spec: POST /appservice/{appserviceId}/ping.

    `transaction_id` comes back in that call.
    """

    METHOD, PATH, ADDED = "POST", "/_matrix/client/v1/appservice/{appservice_id}/ping", "1.7"
    appservice_id: str
    transaction_id: str | None = None


class SetAppserviceRoomVisibility(Endpoint[Empty]):
    """List a room under a network of this application service: "public" or "private".

    Spec: PUT /directory/list/appservice/{networkId}/{roomId}.
    """

    METHOD, PATH = "PUT", "/_matrix/client/v3/directory/list/appservice/{network_id}/{room_id}"
    network_id: str
    room_id: str
    visibility: Visibility | str


class AppserviceApi(Api):
    """For application services only."""

    appservice_ping = Call(AppservicePing)
    set_appservice_room_visibility = Call(SetAppserviceRoomVisibility)
