"""What administrators may ask and do. Spec: "Server Administration"."""

from __future__ import annotations

from ..codec import Document, field
from ..http.endpoint import Call, Endpoint, Response
from .base import Api

__all__ = [
    "AdminApi",
    "AdminWhoIs",
    "GetLockStatus",
    "GetSuspendedStatus",
    "RespLocked",
    "RespSuspended",
    "RespWhoIs",
    "SetLockStatus",
    "SetSuspendedStatus",
    "WhoIsConnection",
    "WhoIsDevice",
    "WhoIsSession",
]


class WhoIsConnection(Document):
    """Where a session was used from; `last_seen` is milliseconds since the epoch."""

    ip: str | None = None
    last_seen: int | None = None
    user_agent: str | None = None


class WhoIsSession(Document):
    """One session of a device."""

    connections: list[WhoIsConnection] = field(factory=list)


class WhoIsDevice(Document):
    """One device."""

    sessions: list[WhoIsSession] = field(factory=list)


class RespWhoIs(Response):
    """A user's devices, by id."""

    user_id: str = ""
    devices: dict[str, WhoIsDevice] = field(factory=dict)


class AdminWhoIs(Endpoint[RespWhoIs]):
    """Ask from where a user is connected; of others only administrators may. Spec: GET /admin/whois/{userId}."""

    METHOD, PATH = "GET", "/_matrix/client/v3/admin/whois/{user_id}"
    user_id: str


class RespSuspended(Response):
    """Whether a user is suspended: may read, but not act."""

    suspended: bool


class GetSuspendedStatus(Endpoint[RespSuspended]):
    """Ask whether a user is suspended. Spec: GET /admin/suspend/{userId}."""

    METHOD, PATH, ADDED = "GET", "/_matrix/client/v1/admin/suspend/{user_id}", "1.18"
    user_id: str


class SetSuspendedStatus(Endpoint[RespSuspended]):
    """Suspend a user, or end that. Spec: PUT /admin/suspend/{userId}."""

    METHOD, PATH, ADDED = "PUT", "/_matrix/client/v1/admin/suspend/{user_id}", "1.18"
    user_id: str
    suspended: bool


class RespLocked(Response):
    """Whether a user is locked: may do nothing but log out."""

    locked: bool


class GetLockStatus(Endpoint[RespLocked]):
    """Ask whether a user is locked. Spec: GET /admin/lock/{userId}."""

    METHOD, PATH, ADDED = "GET", "/_matrix/client/v1/admin/lock/{user_id}", "1.18"
    user_id: str


class SetLockStatus(Endpoint[RespLocked]):
    """Lock a user, or end that. Spec: PUT /admin/lock/{userId}."""

    METHOD, PATH, ADDED = "PUT", "/_matrix/client/v1/admin/lock/{user_id}", "1.18"
    user_id: str
    locked: bool


class AdminApi(Api):
    """What administrators may ask and do, on any homeserver."""

    admin_whois = Call(AdminWhoIs)
    get_suspended_status = Call(GetSuspendedStatus)
    set_suspended_status = Call(SetSuspendedStatus)
    get_lock_status = Call(GetLockStatus)
    set_lock_status = Call(SetLockStatus)
