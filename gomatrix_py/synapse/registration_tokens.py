"""Tokens that let people register. Source: registration_tokens."""

from __future__ import annotations

from ..codec import field
from ..http.endpoint import Call
from .endpoint import UNSET, AdminEndpoint, Unset
from .group import AdminGroup
from .moments import When
from .wire import Done, Milliseconds, Record

__all__ = [
    "DeleteRegistrationToken",
    "GetRegistrationToken",
    "ListRegistrationTokens",
    "NewRegistrationToken",
    "RegistrationToken",
    "RegistrationTokens",
    "RegistrationTokensGroup",
    "UpdateRegistrationToken",
]


class RegistrationToken(Record):
    """A token; None is "no limit" for its uses and "never" for its end."""

    token: str = field(repr=False)
    uses_allowed: int | None = None
    pending: int = 0
    completed: int = 0
    expires_at: Milliseconds | None = field(default=None, name="expiry_time")


class RegistrationTokens(Record):
    """Registration tokens."""

    registration_tokens: list[RegistrationToken]


class ListRegistrationTokens(AdminEndpoint[RegistrationTokens]):
    """List the tokens: all, those that are `valid`, or those that are not. Source: "List all tokens"."""

    METHOD, PATH, WITHOUT_MAS = "GET", "/_synapse/admin/v1/registration_tokens", True
    valid: bool | None = None


class GetRegistrationToken(AdminEndpoint[RegistrationToken]):
    """Read one token. Source: registration_tokens, "Get one token"."""

    METHOD, PATH, WITHOUT_MAS = "GET", "/_synapse/admin/v1/registration_tokens/{token}", True
    token: str


class NewRegistrationToken(AdminEndpoint[RegistrationToken]):
    """Make a token: this one, or one of `length` characters that the server makes up. Source: "Create token"."""

    METHOD, PATH, WITHOUT_MAS = "POST", "/_synapse/admin/v1/registration_tokens/new", True
    FUTURE = ("expires_at",)
    token: str | None = None
    length: int | None = field(default=None, kw_only=True)
    uses_allowed: int | None = field(default=None, kw_only=True)
    expires_at: When | None = field(default=None, name="expiry_time", kw_only=True)


class UpdateRegistrationToken(AdminEndpoint[RegistrationToken]):
    """Change a token; None is "no limit" and "never", what is not given stays. Source: "Update token"."""

    METHOD, PATH, WITHOUT_MAS = "PUT", "/_synapse/admin/v1/registration_tokens/{token}", True
    FUTURE = ("expires_at",)
    token: str
    uses_allowed: int | Unset | None = field(default=UNSET, kw_only=True)
    expires_at: When | Unset | None = field(default=UNSET, name="expiry_time", kw_only=True)


class DeleteRegistrationToken(AdminEndpoint[Done]):
    """Delete a token; registrations that began with it go on. Source: registration_tokens, "Delete token"."""

    METHOD, PATH, WITHOUT_MAS = "DELETE", "/_synapse/admin/v1/registration_tokens/{token}", True
    IS_REPEATABLE = False
    token: str


class RegistrationTokensGroup(AdminGroup):
    """`admin.registration_tokens`; gone where accounts are kept by an authentication service."""

    list_tokens = Call(ListRegistrationTokens)
    get_token = Call(GetRegistrationToken)
    new_token = Call(NewRegistrationToken)
    update_token = Call(UpdateRegistrationToken)
    delete_token = Call(DeleteRegistrationToken)
