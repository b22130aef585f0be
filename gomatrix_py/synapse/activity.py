"""What a user did and has: sessions, rooms, pushers, account data, counts, limits; and redacting it all."""

from __future__ import annotations

from typing import Any

from ..codec import field
from ..http.endpoint import query
from .endpoint import AdminEndpoint
from .moments import When
from .wire import Done, Flag, Milliseconds, Record

__all__ = [
    "AccountData",
    "AccountDataByPlace",
    "Connection",
    "CountJoinedRooms",
    "CountSentInvites",
    "DeleteRateLimit",
    "GetAccountData",
    "GetRateLimit",
    "GetUserRedaction",
    "InviteCount",
    "JoinedRoomCount",
    "ListJoinedRooms",
    "ListMemberships",
    "ListPushers",
    "Memberships",
    "Pusher",
    "Pushers",
    "RateLimit",
    "RedactUser",
    "RedactionStarted",
    "RedactionStatus",
    "Session",
    "SessionsOfDevice",
    "SetRateLimit",
    "UserRooms",
    "WhoIs",
    "WhoIsUser",
]


class Connection(Record):
    """Where a session was used from."""

    ip: str | None = None
    last_seen_at: Milliseconds | None = field(default=None, name="last_seen")
    user_agent: str | None = None


class Session(Record):
    """One session."""

    connections: list[Connection] = field(factory=list)


class SessionsOfDevice(Record):
    """The sessions of a device."""

    sessions: list[Session] = field(factory=list)


class WhoIs(Record):
    """From where a user is connected; Synapse puts all under the device ""."""

    user_id: str
    devices: dict[str, SessionsOfDevice] = field(factory=dict)

    @property
    def connections(self) -> list[Connection]:
        """All connections, of whatever session."""
        return [one for device in self.devices.values() for session in device.sessions for one in session.connections]


class WhoIsUser(AdminEndpoint[WhoIs]):
    """Ask from where a user is connected. Source: user_admin_api, "Query current sessions for a user"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/whois/{user_id}"
    user_id: str


class UserRooms(Record):
    """The rooms a user is in."""

    joined_rooms: list[str]
    total: int = 0


class ListJoinedRooms(AdminEndpoint[UserRooms]):
    """List the rooms a user is in; a user nobody knows is in none. Source: "List joined rooms of a user"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/users/{user_id}/joined_rooms"
    user_id: str


class Memberships(Record):
    """A user's membership by room."""

    memberships: dict[str, str]


class ListMemberships(AdminEndpoint[Memberships]):
    """List all memberships of a user, of this server or another. Source: "Get a user's memberships"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/users/{user_id}/memberships"
    user_id: str


class Pusher(Record):
    """Where notifications of a user go."""

    app_id: str
    pushkey: str = field(repr=False)
    kind: str | None = None
    app_display_name: str | None = None
    device_display_name: str | None = None
    device_id: str | None = None
    profile_tag: str | None = None
    lang: str | None = None
    is_enabled: Flag = field(default=True, name="enabled")
    data: dict[str, Any] = field(factory=dict)


class Pushers(Record):
    """A user's pushers."""

    pushers: list[Pusher]
    total: int = 0


class ListPushers(AdminEndpoint[Pushers]):
    """List the pushers of a user. Source: user_admin_api, "List all pushers"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/users/{user_id}/pushers"
    user_id: str


class AccountDataByPlace(Record):
    """Contents by type, global and by room."""

    everywhere: dict[str, Any] = field(factory=dict, name="global")
    rooms: dict[str, dict[str, Any]] = field(factory=dict)


class AccountData(Record):
    """A user's account data."""

    account_data: AccountDataByPlace


class GetAccountData(AdminEndpoint[AccountData]):
    """Read the account data of a user. Source: user_admin_api, "Account Data"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/users/{user_id}/accountdata"
    user_id: str


class InviteCount(Record):
    """How many invites a user sent."""

    invite_count: int


class CountSentInvites(AdminEndpoint[InviteCount]):
    """Count the invites a user sent since a moment. Source: "Get the number of invites sent by the user"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/users/{user_id}/sent_invite_count"
    SINCE = ("since",)
    user_id: str
    since: When = query(name="from_ts")


class JoinedRoomCount(Record):
    """How many rooms a user joined, those left again included."""

    cumulative_joined_room_count: int


class CountJoinedRooms(AdminEndpoint[JoinedRoomCount]):
    """Count the rooms a user joined since a moment. Source: "Get the cumulative number of rooms …"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/users/{user_id}/cumulative_joined_room_count"
    SINCE = ("since",)
    user_id: str
    since: When = query(name="from_ts")


class RateLimit(Record):
    """How fast a user may send; both None where nothing differs from the server's settings, 0 for no limit."""

    messages_per_second: int | None = None
    burst_count: int | None = None


class GetRateLimit(AdminEndpoint[RateLimit]):
    """Ask how fast a user may send. Source: user_admin_api, "Override ratelimiting for users"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/users/{user_id}/override_ratelimit"
    user_id: str


class SetRateLimit(AdminEndpoint[RateLimit]):
    """Set how fast a user may send; 0 is no limit. Source: user_admin_api, "Override ratelimiting for users"."""

    METHOD, PATH = "POST", "/_synapse/admin/v1/users/{user_id}/override_ratelimit"
    user_id: str
    messages_per_second: int | None = field(default=None, kw_only=True)
    burst_count: int | None = field(default=None, kw_only=True)


class DeleteRateLimit(AdminEndpoint[Done]):
    """Let the server's settings count for a user again. Source: "Override ratelimiting for users"."""

    METHOD, PATH = "DELETE", "/_synapse/admin/v1/users/{user_id}/override_ratelimit"
    user_id: str


class RedactionStarted(Record):
    """The redaction that was started."""

    redact_id: str


class RedactUser(AdminEndpoint[RedactionStarted]):
    """Begin to redact what a user sent; no rooms means all that the user is in or banned from.

    At most `limit` events of each room. Source: user_admin_api, "Redact all the events of a user".
    """

    METHOD, PATH = "POST", "/_synapse/admin/v1/user/{user_id}/redact"
    PAST = ("before",)
    SINCE = ("after",)
    user_id: str
    rooms: list[str] = field(factory=list)
    reason: str | None = field(default=None, kw_only=True)
    limit: int | None = field(default=None, kw_only=True)
    use_admin: bool | None = field(default=None, kw_only=True)
    before: When | None = field(default=None, name="before_ts", kw_only=True)
    after: When | None = field(default=None, name="after_ts", kw_only=True)


class RedactionStatus(Record):
    """How far a redaction is: "scheduled", "active", "complete" or "failed"."""

    status: str
    failed_redactions: dict[str, str] = field(factory=dict)
    error: str | None = None


class GetUserRedaction(AdminEndpoint[RedactionStatus]):
    """Ask how far a redaction is. Source: user_admin_api, "Check the status of a redaction process"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/user/redact_status/{redact_id}"
    redact_id: str
