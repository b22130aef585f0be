"""What a server is and can do. Spec: "API versions", "Capabilities negotiation", "Server discovery"."""

from __future__ import annotations

from ..codec import Document, field
from ..errors import DecodeError
from ..events.open_enum import OpenEnum
from ..http.endpoint import Call, Endpoint, Response
from ..http.messages import HttpResponse, Limits, Redirects
from .base import Api

__all__ = [
    "AccountModerationCapability",
    "Capabilities",
    "Capability",
    "CapabilitySet",
    "DiscoveryInformation",
    "GetCapabilities",
    "GetVersions",
    "GetWellKnown",
    "GetWellKnownPolicyServer",
    "GetWellKnownSupport",
    "HomeserverInformation",
    "PolicyServerInformation",
    "PolicyServerKeys",
    "ProfileFieldsCapability",
    "RespVersions",
    "RoomVersionStability",
    "RoomVersionsCapability",
    "ServerApi",
    "SupportContact",
    "SupportRole",
    "SupportInformation",
]


class RespVersions(Response):
    """The versions of the specification a server speaks, and its unstable features."""

    versions: list[str]
    unstable_features: dict[str, bool] = field(factory=dict)


class GetVersions(Endpoint[RespVersions]):
    """Ask which versions of the specification the server speaks. Spec: GET /versions."""

    METHOD, PATH, NEEDS_AUTH = "GET", "/_matrix/client/versions", False


class Capability(Document):
    """Something that is allowed or not."""

    enabled: bool


class RoomVersionStability(OpenEnum):
    """Whether a room version is fit for use."""

    STABLE = "stable"
    UNSTABLE = "unstable"


class RoomVersionsCapability(Document):
    """The room versions a server has, and which it makes."""

    default: str
    available: dict[str, RoomVersionStability]


class ProfileFieldsCapability(Capability):
    """Which fields of the profile may be set: where `allowed` is None, all but those in `disallowed`."""

    allowed: list[str] | None = None
    disallowed: list[str] = field(factory=list)


class AccountModerationCapability(Document):
    """What this user may do to accounts."""

    suspend: bool = False
    lock: bool = False


class CapabilitySet(Document):
    """What is allowed; None where the server does not say, others by their names in `extra`."""

    change_password: Capability | None = field(default=None, name="m.change_password")
    room_versions: RoomVersionsCapability | None = field(default=None, name="m.room_versions")
    set_displayname: Capability | None = field(default=None, name="m.set_displayname")
    set_avatar_url: Capability | None = field(default=None, name="m.set_avatar_url")
    third_party_id_changes: Capability | None = field(default=None, name="m.3pid_changes")
    get_login_token: Capability | None = field(default=None, name="m.get_login_token")
    profile_fields: ProfileFieldsCapability | None = field(default=None, name="m.profile_fields")
    account_moderation: AccountModerationCapability | None = field(default=None, name="m.account_moderation")
    forget_forced_upon_leave: Capability | None = field(default=None, name="m.forget_forced_upon_leave")


class Capabilities(Response):
    """What the server lets this user do."""

    capabilities: CapabilitySet


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

    def _read(self, response: HttpResponse) -> DiscoveryInformation:
        if response.status != 200:  # other successes are none here, says the specification
            raise DecodeError(f"expected status 200, got {response.status}")
        return super()._read(response)


class SupportRole(OpenEnum):
    """What somebody can be turned to for."""

    ADMIN = "m.role.admin"
    SECURITY = "m.role.security"


class SupportContact(Document):
    """Somebody to turn to."""

    role: SupportRole
    matrix_id: str | None = None
    email_address: str | None = None


class SupportInformation(Response):
    """Whom to turn to about a server."""

    contacts: list[SupportContact] = field(factory=list)
    support_page: str | None = None


class GetWellKnownSupport(Endpoint[SupportInformation]):
    """Ask whom to turn to about a server. Spec: GET /.well-known/matrix/support."""

    METHOD, PATH, ADDED = "GET", "/.well-known/matrix/support", "1.10"
    NEEDS_AUTH, SENDS_TOKEN = False, False


class PolicyServerKeys(Document):
    """Public keys of a policy server; keys of other algorithms are in `extra`."""

    ed25519: str


class PolicyServerInformation(Response):
    """How a policy server signs."""

    public_keys: PolicyServerKeys


class GetWellKnownPolicyServer(Endpoint[PolicyServerInformation]):
    """Ask how a policy server signs. Spec: GET /.well-known/matrix/policy_server."""

    METHOD, PATH, ADDED = "GET", "/.well-known/matrix/policy_server", "1.18"
    NEEDS_AUTH, SENDS_TOKEN = False, False


class ServerApi(Api):
    """What a server is and can do."""

    versions = Call(GetVersions)
    capabilities = Call(GetCapabilities)
    get_well_known = Call(GetWellKnown)
    get_well_known_support = Call(GetWellKnownSupport)
    get_well_known_policy_server = Call(GetWellKnownPolicyServer)
