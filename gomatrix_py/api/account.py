"""Password, deactivation, and proving who we are to others. Spec: "Account management", "OpenID"."""

from __future__ import annotations

from ..codec import field, secret
from ..http.endpoint import Call, Empty, Endpoint, Response
from ..http.uia import AuthInput
from .base import Api, carries_out
from .third_party_ids import UnbindResult

__all__ = [
    "AccountApi",
    "ChangePassword",
    "DeactivateAccount",
    "OpenIDToken",
    "RequestOpenIDToken",
    "RespDeactivateAccount",
]


class ChangePassword(Endpoint[Empty]):
    """Set a new password; the server asks for stages first. Spec: POST /account/password.

    `logout_devices`, True where it is left out, ends all other sessions. `auth` is what completes the stages.
    """

    METHOD, PATH, RATE_LIMITED = "POST", "/_matrix/client/v3/account/password", True
    new_password: str = secret()
    logout_devices: bool | None = field(default=None, kw_only=True)
    auth: AuthInput | None = field(default=None, kw_only=True, repr=False)


class RespDeactivateAccount(Response):
    """Whether the identity server let go of all third-party ids."""

    id_server_unbind_result: UnbindResult


class DeactivateAccount(Endpoint[RespDeactivateAccount]):
    """Close the account for good; the server asks for stages first. Spec: POST /account/deactivate.

    `erase` asks the server to forget what was sent, as far as it can. `auth` is what completes the stages.
    """

    METHOD, PATH, RATE_LIMITED = "POST", "/_matrix/client/v3/account/deactivate", True
    erase: bool | None = field(default=None, kw_only=True)
    id_server: str | None = field(default=None, kw_only=True)
    auth: AuthInput | None = field(default=None, kw_only=True, repr=False)


class OpenIDToken(Response):
    """A token with which a third party can ask our server who we are; `expires_in` is seconds."""

    token_type: str
    matrix_server_name: str
    expires_in: int
    access_token: str = secret()


class RequestOpenIDToken(Endpoint[OpenIDToken]):
    """Ask for a token that proves who a user is. Spec: POST /user/{userId}/openid/request_token."""

    METHOD, PATH, RATE_LIMITED = "POST", "/_matrix/client/v3/user/{user_id}/openid/request_token", True
    user_id: str


class AccountApi(Api):
    """The account itself."""

    change_password = Call(ChangePassword)
    deactivate_account = Call(DeactivateAccount)

    @carries_out(RequestOpenIDToken)
    def request_openid_token(self) -> OpenIDToken:
        """Ask for a token that proves to a third party who we are; it opens nothing else.

        Spec: POST /user/{userId}/openid/request_token.
        """
        return self.call(RequestOpenIDToken(self.own_user_id()))
