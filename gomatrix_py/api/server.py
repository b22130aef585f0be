"""What a server is and can do. Spec: "API versions", "Capabilities negotiation", "Server discovery"."""

from __future__ import annotations

from typing import Any

from ..codec import Document, field
from ..http.endpoint import Call, Endpoint, Response
from ..http.messages import Limits, Redirects
from .base import Api

__all__ = [
    "Capabilities",
    "DiscoveryInformation",
    "GetCapabilities",
    "GetVersions",
    "GetWellKnown",
    "HomeserverInformation",
    "RespVersions",
    "ServerApi",
]


class RespVersions(Response):
    """The versions of the specification a server speaks, and its unstable features."""

    versions: list[str]
    unstable_features: dict[str, bool] = field(factory=dict)


class GetVersions(Endpoint[RespVersions]):
    """Ask which versions of the specification the server speaks. Spec: GET /versions."""

    METHOD, PATH, NEEDS_AUTH = "GET", "/_matrix/client/versions", False


class Capabilities(Response):
    """What the server lets this user do, by capability name."""

    capabilities: dict[str, Any]


class GetCapabilities(Endpoint[Capabilities]):
    """Ask what the server lets this user do. Spec: GET /capabilities."""

    METHOD, PATH, RATE_LIMITED = "GET", "/_matrix/client/v3/capabilities", True


class HomeserverInformation(Document):
    """The address of a homeserver or identity server."""

    base_url: str


class DiscoveryInformation(Response):
    """What a domain publishes for clients. Spec: GET /.well-known/matrix/client."""

    homeserver: HomeserverInformation = field(name="m.homeserver")
    identity_server: HomeserverInformation | None = field(default=None, name="m.identity_server")


class GetWellKnown(Endpoint[DiscoveryInformation]):
    """Ask a domain where its homeserver is. Spec: GET /.well-known/matrix/client."""

    METHOD, PATH, NEEDS_AUTH = "GET", "/.well-known/matrix/client", False
    SENDS_TOKEN = False
    LIMITS = Limits(connect_s=10, read_s=10, total_s=20, max_bytes=50 * 1024)
    REDIRECTS = Redirects.DISCOVERY


class ServerApi(Api):
    """What a server is and can do."""

    versions = Call(GetVersions)
    capabilities = Call(GetCapabilities)
    get_well_known = Call(GetWellKnown)
