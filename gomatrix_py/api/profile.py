"""Profiles and presence. Spec: "Profiles", "Presence"."""

from __future__ import annotations

from typing import Any

from ..codec import field
from ..events.contents.ephemeral import Presence
from ..http.endpoint import Call, Empty, Endpoint, Response, body
from .base import Api, carries_out

__all__ = [
    "DeleteProfileField",
    "GetPresence",
    "GetProfile",
    "GetProfileField",
    "Profile",
    "ProfileApi",
    "RespUserDisplayName",
    "RespUserStatus",
    "SetPresence",
    "SetProfileField",
]


class Profile(Response):
    """What a user tells of themselves; further fields are in `extra`."""

    display_name: str | None = field(default=None, name="displayname")
    avatar_url: str | None = None
    time_zone: str | None = field(default=None, name="m.tz")


class GetProfile(Endpoint[Profile]):
    """Read a user's whole profile. Spec: GET /profile/{userId}."""

    METHOD, PATH, NEEDS_AUTH = "GET", "/_matrix/client/v3/profile/{user_id}", False
    user_id: str


class GetProfileField(Endpoint[dict[str, Any]]):
    """Read one field of a user's profile. Spec: GET /profile/{userId}/{keyName}."""

    METHOD, PATH, NEEDS_AUTH = "GET", "/_matrix/client/v3/profile/{user_id}/{key_name}", False
    user_id: str
    key_name: str


class SetProfileField(Endpoint[Empty]):
    """Set one field of a profile: `content` is ``{key_name: value}``. Spec: PUT /profile/{userId}/{keyName}."""

    METHOD, PATH, RATE_LIMITED = "PUT", "/_matrix/client/v3/profile/{user_id}/{key_name}", True
    user_id: str
    key_name: str
    content: dict[str, Any] = body()


class DeleteProfileField(Endpoint[Empty]):
    """Drop one field of a profile. Spec: DELETE /profile/{userId}/{keyName}."""

    METHOD, PATH, ADDED = "DELETE", "/_matrix/client/v3/profile/{user_id}/{key_name}", "1.16"
    RATE_LIMITED, UNSTABLE_FEATURE = True, "uk.tcpip.msc4133.stable"
    user_id: str
    key_name: str


class RespUserDisplayName(Response):
    """A display name, None where the user has none."""

    display_name: str | None = field(default=None, name="displayname")


class RespUserStatus(Response):
    """A user's presence; `last_active_ago` is milliseconds."""

    presence: Presence
    status_msg: str | None = None
    last_active_ago: int | None = None
    currently_active: bool | None = None


class GetPresence(Endpoint[RespUserStatus]):
    """Read a user's presence. Spec: GET /presence/{userId}/status."""

    METHOD, PATH = "GET", "/_matrix/client/v3/presence/{user_id}/status"
    user_id: str


class SetPresence(Endpoint[Empty]):
    """Set our presence: "online", "unavailable" or "offline". Spec: PUT /presence/{userId}/status."""

    METHOD, PATH, RATE_LIMITED = "PUT", "/_matrix/client/v3/presence/{user_id}/status", True
    user_id: str
    presence: Presence | str
    status_msg: str | None = None


class ProfileApi(Api):
    """Profiles and presence; display name and avatar by name stand in the client."""

    get_profile = Call(GetProfile)
    get_profile_field = Call(GetProfileField)
    get_status = Call(GetPresence)

    @carries_out(SetProfileField)
    def set_profile_field(self, key_name: str, value: Any) -> None:
        """Set one field of our own profile. Spec: PUT /profile/{userId}/{keyName}."""
        self.call(SetProfileField(self.own_user_id(), key_name, {key_name: value}))

    @carries_out(DeleteProfileField)
    def delete_profile_field(self, key_name: str) -> None:
        """Drop one field of our own profile. Spec: DELETE /profile/{userId}/{keyName}."""
        self.call(DeleteProfileField(self.own_user_id(), key_name))

    @carries_out(SetPresence)
    def set_status(self, presence: Presence | str, status_msg: str | None = None) -> None:
        """Set our presence and status message. Spec: PUT /presence/{userId}/status."""
        self.call(SetPresence(self.own_user_id(), presence, status_msg))
