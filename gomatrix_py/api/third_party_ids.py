"""E-mail addresses and phone numbers: proving they are ours, and tying them to the account.

Spec: "Adding Account Administrative Contact Information", "Account registration", "Password management".
"""

from __future__ import annotations

from typing import Any

from ..codec import Document, field, secret
from ..events.open_enum import OpenEnum
from ..http.endpoint import Call, Empty, Endpoint, Response
from ..http.uia import AuthInput
from .base import Api

__all__ = [
    "AccountThirdPartyId",
    "AddThirdPartyId",
    "BindThirdPartyId",
    "DeleteThirdPartyId",
    "GetThirdPartyIds",
    "Medium",
    "PostThirdPartyId",
    "RequestAccountEmailToken",
    "RequestAccountPhoneToken",
    "RequestPasswordEmailToken",
    "RequestPasswordPhoneToken",
    "RequestRegistrationEmailToken",
    "RequestRegistrationPhoneToken",
    "RespPostThirdPartyId",
    "RespRequestToken",
    "RespThirdPartyIds",
    "RespUnbindThirdPartyId",
    "ThirdPartyCredentials",
    "ThirdPartyIdsApi",
    "UnbindResult",
    "UnbindThirdPartyId",
]


# ------------------------------------------------------------------ proving that one is ours


class RespRequestToken(Response):
    """A validation that began: its session id, and where to send the code if the user has to type it."""

    sid: str
    submit_url: str | None = None


class _RequestEmailToken(Endpoint[RespRequestToken]):
    METHOD, NEEDS_AUTH, SENDS_TOKEN = "POST", False, False
    email: str
    send_attempt: int
    client_secret: str = secret()
    next_link: str | None = field(default=None, kw_only=True)
    id_server: str | None = field(default=None, kw_only=True)
    id_access_token: str | None = secret(default=None, kw_only=True)


class _RequestPhoneToken(Endpoint[RespRequestToken]):
    METHOD, NEEDS_AUTH, SENDS_TOKEN = "POST", False, False
    country: str
    phone_number: str
    send_attempt: int
    client_secret: str = secret()
    next_link: str | None = field(default=None, kw_only=True)
    id_server: str | None = field(default=None, kw_only=True)
    id_access_token: str | None = secret(default=None, kw_only=True)


class RequestRegistrationEmailToken(_RequestEmailToken):
    """Have a code sent to an e-mail address, to register. Spec: POST /register/email/requestToken.

    A higher `send_attempt` asks for another message; `client_secret` is of our choice and identifies us later.
    """

    PATH = "/_matrix/client/v3/register/email/requestToken"


class RequestRegistrationPhoneToken(_RequestPhoneToken):
    """Have a code sent to a phone, to register. Spec: POST /register/msisdn/requestToken.

    `country` is the two-letter code that `phone_number` is written for.
    """

    PATH = "/_matrix/client/v3/register/msisdn/requestToken"


class RequestPasswordEmailToken(_RequestEmailToken):
    """Have a code sent to an e-mail address, to reset the password.

    Spec: POST /account/password/email/requestToken.
    """

    PATH = "/_matrix/client/v3/account/password/email/requestToken"


class RequestPasswordPhoneToken(_RequestPhoneToken):
    """Have a code sent to a phone, to reset the password. Spec: POST /account/password/msisdn/requestToken."""

    PATH = "/_matrix/client/v3/account/password/msisdn/requestToken"


class RequestAccountEmailToken(_RequestEmailToken):
    """Have a code sent to an e-mail address, to add it. Spec: POST /account/3pid/email/requestToken."""

    PATH = "/_matrix/client/v3/account/3pid/email/requestToken"


class RequestAccountPhoneToken(_RequestPhoneToken):
    """Have a code sent to a phone, to add it. Spec: POST /account/3pid/msisdn/requestToken."""

    PATH = "/_matrix/client/v3/account/3pid/msisdn/requestToken"


# ------------------------------------------------------------------ those of the account


class Medium(OpenEnum):
    """What kind of id it is."""

    EMAIL = "email"
    PHONE = "msisdn"


class AccountThirdPartyId(Document):
    """An id tied to the account; times are milliseconds since the epoch."""

    medium: Medium
    address: str
    validated_at: int
    added_at: int


class RespThirdPartyIds(Response):
    """The ids tied to the account."""

    threepids: list[AccountThirdPartyId] = field(factory=list)


class GetThirdPartyIds(Endpoint[RespThirdPartyIds]):
    """List the ids tied to the account. Spec: GET /account/3pid."""

    METHOD, PATH = "GET", "/_matrix/client/v3/account/3pid"


class ThirdPartyCredentials(Document):
    """A finished validation at an identity server."""

    id_server: str
    sid: str
    client_secret: str = secret()
    id_access_token: str = secret()


class RespPostThirdPartyId(Response):
    """Where to send the code, if the user has to type it."""

    submit_url: str | None = None


class PostThirdPartyId(Endpoint[RespPostThirdPartyId]):
    """Tie a validated id to the account; deprecated, use `add_third_party_id`.

    Spec: POST /account/3pid.
    """

    METHOD, PATH, DEPRECATED = "POST", "/_matrix/client/v3/account/3pid", "add_third_party_id"
    three_pid_creds: ThirdPartyCredentials | dict[str, Any] = field(repr=False)


class AddThirdPartyId(Endpoint[Empty]):
    """Tie a validated id to the account; the server asks for stages first. Spec: POST /account/3pid/add."""

    METHOD, PATH, RATE_LIMITED = "POST", "/_matrix/client/v3/account/3pid/add", True
    sid: str
    client_secret: str = secret()
    auth: AuthInput | None = field(default=None, kw_only=True, repr=False)


class BindThirdPartyId(Endpoint[Empty]):
    """Let an identity server find us by a validated id. Spec: POST /account/3pid/bind."""

    METHOD, PATH, RATE_LIMITED = "POST", "/_matrix/client/v3/account/3pid/bind", True
    id_server: str
    sid: str
    client_secret: str = secret()
    id_access_token: str = secret()


class UnbindResult(OpenEnum):
    """Whether the identity server let go of an id, or cannot."""

    SUCCESS = "success"
    NO_SUPPORT = "no-support"


class RespUnbindThirdPartyId(Response):
    """Whether the identity server let go of the id."""

    id_server_unbind_result: UnbindResult


class DeleteThirdPartyId(Endpoint[RespUnbindThirdPartyId]):
    """Take an id off the account. Spec: POST /account/3pid/delete."""

    METHOD, PATH = "POST", "/_matrix/client/v3/account/3pid/delete"
    medium: Medium | str
    address: str
    id_server: str | None = None


class UnbindThirdPartyId(Endpoint[RespUnbindThirdPartyId]):
    """Let an identity server no longer find us by an id; the account keeps it. Spec: POST /account/3pid/unbind."""

    METHOD, PATH = "POST", "/_matrix/client/v3/account/3pid/unbind"
    medium: Medium | str
    address: str
    id_server: str | None = None


class ThirdPartyIdsApi(Api):
    """E-mail addresses and phone numbers."""

    request_registration_email_token = Call(RequestRegistrationEmailToken)
    request_registration_phone_token = Call(RequestRegistrationPhoneToken)
    request_password_email_token = Call(RequestPasswordEmailToken)
    request_password_phone_token = Call(RequestPasswordPhoneToken)
    request_account_email_token = Call(RequestAccountEmailToken)
    request_account_phone_token = Call(RequestAccountPhoneToken)
    get_third_party_ids = Call(GetThirdPartyIds)
    post_third_party_id = Call(PostThirdPartyId)
    add_third_party_id = Call(AddThirdPartyId)
    bind_third_party_id = Call(BindThirdPartyId)
    delete_third_party_id = Call(DeleteThirdPartyId)
    unbind_third_party_id = Call(UnbindThirdPartyId)
