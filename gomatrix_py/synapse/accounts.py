"""Accounts: what Synapse says of them, and what can be asked of them and done to them. Source: user_admin_api."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..codec import field, secret
from ..errors import DecodeError, UsageError
from ..http.answers import json_list
from ..http.endpoint import query
from ..http.messages import HttpResponse
from .endpoint import UNSET, AdminEndpoint, Unset
from .moments import When
from .wire import CreationTime, Done, Flag, Milliseconds, PageNumber, Record

__all__ = [
    "AccessToken",
    "AccountExpiry",
    "AdminFlag",
    "AllowCrossSigningReplacement",
    "CheckUsername",
    "CrossSigningReplacement",
    "DeactivateUser",
    "Deactivation",
    "ExternalId",
    "FeatureFlags",
    "FindUserByExternalId",
    "FindUserByThreepid",
    "FoundUser",
    "GetAdminFlag",
    "GetFeatures",
    "GetUser",
    "ListUsers",
    "ListUsersV3",
    "LoginAsUser",
    "PutUser",
    "RenewAccount",
    "ResetPassword",
    "SearchUsers",
    "SetAdminFlag",
    "SetFeatures",
    "ShadowBanUser",
    "SuspendUser",
    "Suspension",
    "Threepid",
    "UnshadowBanUser",
    "UserDetail",
    "UserPage",
    "UserRow",
    "UsernameAvailability",
]


class Threepid(Record):
    """An e-mail address or a telephone number of an account."""

    medium: str
    address: str
    validated_at: Milliseconds | None = field(default=None, name="validated_at")
    added_at: Milliseconds | None = field(default=None, name="added_at")


class ExternalId(Record):
    """Who a user is at a provider of single sign-on."""

    auth_provider: str
    external_id: str


class UserRow(Record):
    """A line of the list of users."""

    user_id: str = field(name="name")
    displayname: str | None = None
    avatar_url: str | None = None
    user_type: str | None = None
    is_guest: Flag = False
    is_admin: Flag = field(default=False, name="admin")
    is_deactivated: Flag = field(default=False, name="deactivated")
    is_erased: Flag = field(default=False, name="erased")
    is_locked: Flag = field(default=False, name="locked")
    is_shadow_banned: Flag = field(default=False, name="shadow_banned")
    is_approved: Flag | None = field(default=None, name="approved")
    created_at: CreationTime | None = field(default=None, name="creation_ts")
    last_seen_at: Milliseconds | None = field(default=None, name="last_seen_ts")


class UserDetail(UserRow):
    """All that Synapse says of one account."""

    is_suspended: Flag = field(default=False, name="suspended")
    appservice_id: str | None = None
    consent_version: str | None = None
    consent_server_notice_sent: str | None = None
    consented_at: Milliseconds | None = field(default=None, name="consent_ts")
    threepids: list[Threepid] = field(factory=list)
    external_ids: list[ExternalId] = field(factory=list)


class UserPage(Record):
    """A page of users."""

    users: list[UserRow]
    total: int = 0
    next_token: PageNumber | None = None


class ListUsers(AdminEndpoint[UserPage]):
    """List a page of accounts. Source: user_admin_api, "List Accounts".

    `deactivated` and `locked` are True to include those; `not_user_type` leaves types out, "" those without one;
    `dir` is "f" or "b". Where accounts are kept by an authentication service, `guests` has to be False.
    """

    METHOD, PATH = "GET", "/_synapse/admin/v2/users"
    from_: int | str | None = query(default=None, name="from")
    limit: int | None = query(default=None)
    name: str | None = query(default=None, kw_only=True)
    user_id: str | None = query(default=None, kw_only=True)
    guests: bool | None = query(default=None, kw_only=True)
    deactivated: bool | None = query(default=None, kw_only=True)
    admins: bool | None = query(default=None, kw_only=True)
    locked: bool | None = query(default=None, kw_only=True)
    approved: bool | None = query(default=None, kw_only=True)
    not_user_type: list[str] | None = query(default=None, kw_only=True)
    order_by: str | None = query(default=None, kw_only=True)
    dir: str | None = query(default=None, kw_only=True)


class ListUsersV3(AdminEndpoint[UserPage]):
    """List a page of accounts; `deactivated` is True for only those, False for none. Source: "List Accounts (V3)"."""

    METHOD, PATH = "GET", "/_synapse/admin/v3/users"
    from_: int | str | None = query(default=None, name="from")
    limit: int | None = query(default=None)
    name: str | None = query(default=None, kw_only=True)
    user_id: str | None = query(default=None, kw_only=True)
    guests: bool | None = query(default=None, kw_only=True)
    deactivated: bool | None = query(default=None, kw_only=True)
    admins: bool | None = query(default=None, kw_only=True)
    locked: bool | None = query(default=None, kw_only=True)
    approved: bool | None = query(default=None, kw_only=True)
    not_user_type: list[str] | None = query(default=None, kw_only=True)
    order_by: str | None = query(default=None, kw_only=True)
    dir: str | None = query(default=None, kw_only=True)


class GetUser(AdminEndpoint[UserDetail]):
    """Read all that Synapse says of an account. Source: user_admin_api, "Query User Account"."""

    METHOD, PATH = "GET", "/_synapse/admin/v2/users/{user_id}"
    user_id: str


class PutUser(AdminEndpoint[UserDetail]):
    """Change an account, or make it. Source: user_admin_api, "Create or modify account".

    None leaves a thing as it is, and "" clears a display name or an avatar. `user_type=None` makes it an ordinary
    user. `threepids`, (medium, address), and `external_ids`, (provider, id), replace all that there are. A new
    password ends the user's sessions unless `logout_devices` is False. Never repeated by itself, as it may end
    sessions or deactivate.
    """

    METHOD, PATH, IS_REPEATABLE = "PUT", "/_synapse/admin/v2/users/{user_id}", False
    user_id: str
    password: str | None = secret(default=None, kw_only=True)
    logout_devices: bool | None = field(default=None, kw_only=True)
    displayname: str | None = field(default=None, kw_only=True)
    avatar_url: str | None = field(default=None, kw_only=True)
    threepids: Sequence[Threepid | tuple[str, str]] | None = field(default=None, kw_only=True)
    external_ids: Sequence[ExternalId | tuple[str, str]] | None = field(default=None, kw_only=True)
    admin: bool | None = field(default=None, kw_only=True)
    deactivated: bool | None = field(default=None, kw_only=True)
    locked: bool | None = field(default=None, kw_only=True)
    user_type: str | Unset | None = field(default=UNSET, kw_only=True)
    approved: bool | None = field(default=None, kw_only=True)

    def _sort_fields(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, str], Any]:
        in_path, in_query, in_headers, payload = super()._sort_fields()
        if self.threepids is not None:
            payload["threepids"] = [_named_pair(one, "medium", "address") for one in self.threepids]
        if self.external_ids is not None:
            payload["external_ids"] = [_named_pair(one, "auth_provider", "external_id") for one in self.external_ids]
        return in_path, in_query, in_headers, payload


def _named_pair(given: Any, first: str, second: str) -> dict[str, str]:
    """Return what Synapse takes for an id of an account: a record of its own answer, or a pair."""
    if isinstance(given, Record):
        return {first: getattr(given, first), second: getattr(given, second)}
    if isinstance(given, (tuple, list)) and len(given) == 2:
        return {first: given[0], second: given[1]}
    raise UsageError(f"an id of an account is ({first}, {second}), not {type(given).__name__}")


class SearchUsers(AdminEndpoint[list[UserRow]]):
    """Find accounts whose id or display name holds a text; `any_user_id` is any user of the server.

    Synapse sends the hash of each password along; it is thrown away before anybody sees it. Undocumented by Synapse.
    """

    METHOD, PATH = "GET", "/_synapse/admin/v1/search_users/{any_user_id}"
    any_user_id: str
    term: str

    def _read(self, response: HttpResponse) -> list[UserRow]:
        rows = json_list(response)
        for row in rows:
            if isinstance(row, dict):
                row.pop("password_hash", None)
        return self._made_of(rows)


class Deactivation(Record):
    """How it went: "success" or "no-support" for the ids at identity servers."""

    id_server_unbind_result: str = ""


class DeactivateUser(AdminEndpoint[Deactivation]):
    """Close an account for good; `erase` marks its messages as to be forgotten too. Source: "Deactivate Account"."""

    METHOD, PATH = "POST", "/_synapse/admin/v1/deactivate/{user_id}"
    user_id: str
    erase: bool | None = None


class Suspension(Record):
    """Whether a user is suspended."""

    is_suspended: bool


class SuspendUser(AdminEndpoint[Suspension]):
    """Suspend a user, who then may read but not act, or end that. Source: "Suspend/Unsuspend Account"."""

    METHOD, PATH = "PUT", "/_synapse/admin/v1/suspend/{user_id}"
    user_id: str
    suspend: bool = True

    def _made_of(self, document: Any) -> Suspension:
        said = document.get(f"user_{self.user_id}_suspended")
        if not isinstance(said, bool):
            raise DecodeError("it does not say whether the user is suspended")
        made = Suspension(said)
        object.__setattr__(made, "raw", document)
        return made


class ResetPassword(AdminEndpoint[Done]):
    """Give an account another password; its sessions end unless `logout_devices` is False. Source: user_admin_api."""

    METHOD, PATH, WITHOUT_MAS = "POST", "/_synapse/admin/v1/reset_password/{user_id}", True
    user_id: str
    new_password: str = secret()
    logout_devices: bool | None = field(default=None, kw_only=True)


class AdminFlag(Record):
    """Whether a user is a server administrator."""

    is_admin: Flag = field(name="admin")


class GetAdminFlag(AdminEndpoint[AdminFlag]):
    """Ask whether a user is a server administrator. Source: user_admin_api, "Get whether a user is …"."""

    METHOD, PATH, WITHOUT_MAS = "GET", "/_synapse/admin/v1/users/{user_id}/admin", True
    user_id: str


class SetAdminFlag(AdminEndpoint[Done]):
    """Make a user a server administrator, or end that. Source: user_admin_api, "Change whether a user is …"."""

    METHOD, PATH, WITHOUT_MAS = "PUT", "/_synapse/admin/v1/users/{user_id}/admin", True
    user_id: str
    admin: bool


class AccessToken(Record):
    """An access token. A secret."""

    access_token: str = secret()


class LoginAsUser(AdminEndpoint[AccessToken]):
    """Get an access token of a user, without a device and without the user seeing it.

    It ends with `valid_until`, or when the administrator who got it logs out everywhere. Source: "Login as a user".
    """

    METHOD, PATH, WITHOUT_MAS = "POST", "/_synapse/admin/v1/users/{user_id}/login", True
    FUTURE = ("valid_until",)
    user_id: str
    valid_until: When | None = field(default=None, name="valid_until_ms")


class ShadowBanUser(AdminEndpoint[Done]):
    """Let a user believe that messages are sent, while nobody gets them. Source: "Controlling shadow-banning"."""

    METHOD, PATH = "POST", "/_synapse/admin/v1/users/{user_id}/shadow_ban"
    user_id: str


class UnshadowBanUser(AdminEndpoint[Done]):
    """End a shadow ban. Source: "Controlling whether a user is shadow-banned"."""

    METHOD, PATH = "DELETE", "/_synapse/admin/v1/users/{user_id}/shadow_ban"
    user_id: str


class UsernameAvailability(Record):
    """Whether a username is free; a taken one is an error, `Conflict`."""

    is_available: Flag = field(name="available")


class CheckUsername(AdminEndpoint[UsernameAvailability]):
    """Ask whether a username is free, even where registration is closed. Source: "Check username availability"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/username_available"
    username: str


class FoundUser(Record):
    """The user that was looked for."""

    user_id: str


class FindUserByExternalId(AdminEndpoint[FoundUser]):
    """Find a user by the id at a provider of single sign-on. Source: "Find a user based on their ID …"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/auth_providers/{provider}/users/{external_id}"
    provider: str
    external_id: str


class FindUserByThreepid(AdminEndpoint[FoundUser]):
    """Find a user by e-mail address ("email") or telephone number ("msisdn"). Source: "… Third Party ID"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/threepid/{medium}/users/{address}"
    medium: str
    address: str


class CrossSigningReplacement(Record):
    """Until when cross-signing keys may be replaced."""

    updatable_until: Milliseconds | None = field(default=None, name="updatable_without_uia_before_ms")


class AllowCrossSigningReplacement(AdminEndpoint[CrossSigningReplacement]):
    """Let a user replace the cross-signing keys without a password, for ten minutes. Source: "Allow replacing …"."""

    METHOD = "POST"
    PATH = "/_synapse/admin/v1/users/{user_id}/_allow_cross_signing_replacement_without_uia"
    user_id: str


class AccountExpiry(Record):
    """Until when an account is valid."""

    expires_at: Milliseconds | None = field(default=None, name="expiration_ts")


class RenewAccount(AdminEndpoint[AccountExpiry]):
    """Set until when an account is valid, where the server has that switched on. Source: account_validity."""

    METHOD, PATH, WITHOUT_MAS = "POST", "/_synapse/admin/v1/account_validity/validity", True
    FUTURE = ("expires_at",)
    user_id: str
    expires_at: When | None = field(default=None, name="expiration_ts")
    enable_renewal_emails: bool | None = field(default=None, kw_only=True)


class FeatureFlags(Record):
    """Which features under trial are switched on for a user."""

    features: dict[str, Flag]


class GetFeatures(AdminEndpoint[FeatureFlags]):
    """List the features under trial of a user. Source: experimental_features."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/experimental_features/{user_id}"
    user_id: str


class SetFeatures(AdminEndpoint[Done]):
    """Switch features under trial on or off, such as ``{"msc3881": True}``. Source: experimental_features."""

    METHOD, PATH = "PUT", "/_synapse/admin/v1/experimental_features/{user_id}"
    user_id: str
    features: dict[str, bool]
