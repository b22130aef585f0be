"""Sessions: logging in and out, refreshing, and who we are. Spec: "Client authentication"."""

from __future__ import annotations

from typing import Any

import attrs

from ..codec import Document, field, secret
from ..errors import UsageError
from ..http.endpoint import Call, Empty, Endpoint, Response, Target
from ..http.messages import HttpRequest
from ..http.uia import AuthInput
from .base import Api, carries_out
from .server import DiscoveryInformation

__all__ = [
    "GenerateLoginToken",
    "GetLoginFlows",
    "Identifier",
    "IdentityProvider",
    "Login",
    "LoginApi",
    "LoginFlow",
    "LoginFlows",
    "Logout",
    "LogoutAll",
    "PhoneIdentifier",
    "RefreshToken",
    "RespLogin",
    "RespLoginToken",
    "RespRefresh",
    "ThirdpartyIdentifier",
    "UserIdentifier",
    "WhoAmI",
    "WhoAmIResponse",
]


class Identifier(Document):
    """Who wants to log in. Spec: "Identifier types"."""

    type: str


class UserIdentifier(Identifier):
    """A Matrix user: a whole user id or its localpart."""

    type: str = field(default="m.id.user", init=False)
    user: str = field(default="")


class ThirdpartyIdentifier(Identifier):
    """A third-party id bound to the account, such as an e-mail address."""

    type: str = field(default="m.id.thirdparty", init=False)
    medium: str = field(default="")
    address: str = field(default="")


class PhoneIdentifier(Identifier):
    """A phone number, with the two-letter country it is written for."""

    type: str = field(default="m.id.phone", init=False)
    country: str = field(default="")
    phone: str = field(default="")


class RespLogin(Response):
    """A fresh session; `expires_in_ms` is milliseconds."""

    user_id: str
    access_token: str = secret()
    device_id: str = ""
    refresh_token: str | None = secret(default=None)
    expires_in_ms: int | None = None
    home_server: str | None = None
    well_known: DiscoveryInformation | None = None


class Login(Endpoint[RespLogin]):
    """Log in, in any way the server offers; `extra_fields` are of types of its own. Spec: POST /login."""

    METHOD, PATH, NEEDS_AUTH, SENDS_TOKEN, RATE_LIMITED = (
        "POST",
        "/_matrix/client/v3/login",
        False,
        False,
        True,
    )
    type: str = "m.login.password"
    identifier: Identifier | None = None
    password: str | None = secret(default=None, kw_only=True)
    token: str | None = secret(default=None, kw_only=True)
    device_id: str | None = field(default=None, kw_only=True)
    initial_device_display_name: str | None = field(default=None, kw_only=True)
    refresh_token: bool | None = field(default=None, kw_only=True)
    user: str | None = field(default=None, kw_only=True)
    medium: str | None = field(default=None, kw_only=True)
    address: str | None = field(default=None, kw_only=True)
    extra_fields: dict[str, Any] | None = field(default=None, kw_only=True, repr=False)

    def to_request(self, target: Target) -> HttpRequest:
        """Return the HTTP request; only an application service shows its token, to log in as one of its users."""
        request = super().to_request(target)
        if self.type != "m.login.application_service":
            return request
        if not target.access_token:
            raise UsageError("m.login.application_service needs the token of the application service")
        return attrs.evolve(request, access_token=target.access_token)

    def _sort_fields(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, str], Any]:
        in_path, in_query, headers, payload = super()._sort_fields()
        payload.update(payload.pop("extra_fields", {}))
        return in_path, in_query, headers, payload


class IdentityProvider(Document):
    """One of several that single sign-on can go through; `icon` is an ``mxc://`` address."""

    id: str
    name: str
    icon: str | None = None
    brand: str | None = None


class LoginFlow(Document):
    """One way of logging in; for single sign-on with the providers there are."""

    type: str
    get_login_token: bool = False
    identity_providers: list[IdentityProvider] = field(factory=list)
    oauth_aware_preferred: bool = False


class LoginFlows(Response):
    """The ways of logging in that a server offers."""

    flows: list[LoginFlow] = field(factory=list)


class GetLoginFlows(Endpoint[LoginFlows]):
    """Ask which ways of logging in the server offers. Spec: GET /login."""

    METHOD, PATH, NEEDS_AUTH, RATE_LIMITED = "GET", "/_matrix/client/v3/login", False, True


class RespLoginToken(Response):
    """A token for ``m.login.token`` that works once; `expires_in_ms` is milliseconds."""

    expires_in_ms: int
    login_token: str = secret()


class GenerateLoginToken(Endpoint[RespLoginToken]):
    """Make a token with which another device can log in; the server may ask for stages first.

    `auth` is what completes the stages. Spec: POST /login/get_token.
    """

    METHOD, PATH, RATE_LIMITED, ADDED = "POST", "/_matrix/client/v1/login/get_token", True, "1.7"
    auth: AuthInput | None = field(default=None, kw_only=True, repr=False)


class Logout(Endpoint[Empty]):
    """End this session: its token and device are gone. Spec: POST /logout."""

    METHOD, PATH = "POST", "/_matrix/client/v3/logout"


class LogoutAll(Endpoint[Empty]):
    """End every session of this user. Spec: POST /logout/all."""

    METHOD, PATH = "POST", "/_matrix/client/v3/logout/all"


class RespRefresh(Response):
    """A new access token, and perhaps a new refresh token; `expires_in_ms` is milliseconds."""

    access_token: str = secret()
    refresh_token: str | None = secret(default=None)
    expires_in_ms: int | None = None


class RefreshToken(Endpoint[RespRefresh]):
    """Trade a refresh token for a new access token. Spec: POST /refresh."""

    METHOD, PATH, NEEDS_AUTH, SENDS_TOKEN, RATE_LIMITED = (
        "POST",
        "/_matrix/client/v3/refresh",
        False,
        False,
        True,
    )
    IS_REPEATABLE = True  # the old refresh token lives until the new one is used
    ADDED = "1.3"
    refresh_token: str = secret()


class WhoAmIResponse(Response):
    """The user and device an access token belongs to."""

    user_id: str
    device_id: str | None = None
    is_guest: bool = False


class WhoAmI(Endpoint[WhoAmIResponse]):
    """Ask whom the access token belongs to. Spec: GET /account/whoami."""

    METHOD, PATH, RATE_LIMITED = "GET", "/_matrix/client/v3/account/whoami", True


class LoginApi(Api):
    """Sessions."""

    login = Call(Login)
    get_login_flows = Call(GetLoginFlows)
    generate_login_token = Call(GenerateLoginToken)
    refresh = Call(RefreshToken)
    whoami = Call(WhoAmI)

    @carries_out(Logout)
    def logout(self) -> Empty:
        """End this session: its token and device are gone, and so are a refresh token and the file it was saved in.

        A session that was made with OAuth 2.0 is revoked at its provider. The client keeps its access token,
        which is good for nothing; see `Client.clear_credentials`.

        Raises:
            UnknownToken: it had ended before.
            OAuthError, TransportError, HTTPError: it may not have ended.

        Spec: POST /logout; "Token revocation".
        """
        return self._end_session(Logout())

    @carries_out(LogoutAll)
    def logout_all(self) -> Empty:
        """End every session of this user; as `logout`.

        Raises:
            UnknownToken: this session had ended before.
            TransportError, HTTPError: they may not have ended.

        Spec: POST /logout/all.
        """
        return self._end_session(LogoutAll())
