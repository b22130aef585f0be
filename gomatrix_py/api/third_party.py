"""Other networks that are bridged to this server. Spec: "Third-party Networks"."""

from __future__ import annotations

from typing import Any

from ..codec import Document, DocumentList, DocumentMap, field
from ..http.endpoint import Call, Endpoint, Response
from .base import Api

__all__ = [
    "GetThirdPartyLocations",
    "GetThirdPartyLocationsByAlias",
    "GetThirdPartyProtocol",
    "GetThirdPartyProtocols",
    "GetThirdPartyUsers",
    "GetThirdPartyUsersById",
    "ThirdPartyApi",
    "ThirdPartyFieldType",
    "ThirdPartyInstance",
    "ThirdPartyLocation",
    "ThirdPartyProtocol",
    "ThirdPartyUser",
]


class ThirdPartyFieldType(Document):
    """The form of a field of a network."""

    regexp: str
    placeholder: str


class ThirdPartyInstance(Document):
    """One network of a protocol."""

    desc: str
    network_id: str
    fields: dict[str, Any]
    icon: str | None = None
    instance_id: str | None = None


class ThirdPartyProtocol(Response):
    """A bridged protocol: which fields name a user and a room, and its networks."""

    user_fields: list[str]
    location_fields: list[str]
    icon: str
    field_types: dict[str, ThirdPartyFieldType]
    instances: list[ThirdPartyInstance]


class ThirdPartyLocation(Document):
    """A room and the place in another network that it stands for."""

    alias: str
    protocol: str
    fields: dict[str, Any]


class ThirdPartyUser(Document):
    """A user and whom in another network they stand for."""

    userid: str
    protocol: str
    fields: dict[str, Any]


class _Locations(Endpoint[DocumentList[ThirdPartyLocation]]):
    METHOD = "GET"


class _Users(Endpoint[DocumentList[ThirdPartyUser]]):
    METHOD = "GET"


class GetThirdPartyProtocols(Endpoint[DocumentMap[ThirdPartyProtocol]]):
    """List the bridged protocols. Spec: GET /thirdparty/protocols."""

    METHOD, PATH = "GET", "/_matrix/client/v3/thirdparty/protocols"


class GetThirdPartyProtocol(Endpoint[ThirdPartyProtocol]):
    """Read about a bridged protocol. Spec: GET /thirdparty/protocol/{protocol}."""

    METHOD, PATH = "GET", "/_matrix/client/v3/thirdparty/protocol/{protocol}"
    protocol: str


class GetThirdPartyLocations(_Locations):
    """Find rooms that stand for a place in another network. Spec: GET /thirdparty/location/{protocol}.

    `fields` names the place, by the protocol's `location_fields`.
    """

    PATH = "/_matrix/client/v3/thirdparty/location/{protocol}"
    protocol: str
    fields: dict[str, str] | None = None

    def _sort_fields(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, str], Any]:
        in_path, in_query, headers, payload = super()._sort_fields()
        return in_path, dict(in_query.get("fields", {})), headers, payload  # each a parameter of its own


class GetThirdPartyUsers(_Users):
    """Find users that stand for somebody in another network. Spec: GET /thirdparty/user/{protocol}.

    `fields` names them, by the protocol's `user_fields`.
    """

    PATH = "/_matrix/client/v3/thirdparty/user/{protocol}"
    protocol: str
    fields: dict[str, str] | None = None

    def _sort_fields(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, str], Any]:
        in_path, in_query, headers, payload = super()._sort_fields()
        return in_path, dict(in_query.get("fields", {})), headers, payload  # each a parameter of its own


class GetThirdPartyLocationsByAlias(_Locations):
    """Ask what a room stands for in other networks. Spec: GET /thirdparty/location."""

    PATH = "/_matrix/client/v3/thirdparty/location"
    alias: str


class GetThirdPartyUsersById(_Users):
    """Ask whom a user stands for in other networks. Spec: GET /thirdparty/user."""

    PATH = "/_matrix/client/v3/thirdparty/user"
    user_id: str = field(name="userid")


class ThirdPartyApi(Api):
    """Other networks."""

    get_third_party_protocols = Call(GetThirdPartyProtocols)
    get_third_party_protocol = Call(GetThirdPartyProtocol)
    get_third_party_locations = Call(GetThirdPartyLocations)
    get_third_party_users = Call(GetThirdPartyUsers)
    get_third_party_locations_by_alias = Call(GetThirdPartyLocationsByAlias)
    get_third_party_users_by_id = Call(GetThirdPartyUsersById)
