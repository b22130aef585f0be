"""Making accounts. Spec: "Account registration and management"."""

from __future__ import annotations

from typing import Any

from ..codec import field, loads, secret, structure
from ..errors import DecodeError, HTTPError
from ..events.open_enum import OpenEnum
from ..http.endpoint import Call, Endpoint, Response, query
from ..http.uia import AuthInput
from .base import Api

__all__ = [
    "AccountKind",
    "GetRegistrationTokenValidity",
    "Register",
    "RegisterAvailable",
    "RegistrationApi",
    "RespRegister",
    "RespRegisterAvailable",
    "RespRegistrationTokenValidity",
    "RespUserInteractive",
]


class AccountKind(OpenEnum):
    """Whether it is an account like others, or one for looking around."""

    USER = "user"
    GUEST = "guest"


class RespRegister(Response):
    """A fresh account, with a session unless `inhibit_login` was asked for."""

    user_id: str
    access_token: str | None = secret(default=None)
    device_id: str | None = None
    refresh_token: str | None = secret(default=None)
    expires_in_ms: int | None = None
    home_server: str | None = None


class RespUserInteractive(Response):
    """What the server wants before it goes on. Spec: "User-interactive API in the REST API"."""

    flows: list[dict[str, Any]] = field(factory=list)
    params: dict[str, Any] = field(factory=dict)
    session: str = ""
    completed: list[str] = field(factory=list)
    errcode: str = ""
    error: str = ""

    def has_single_stage_flow(self, stage_name: str) -> bool:
        """Tell whether one stage of this name is enough."""
        return any(flow.get("stages") == [stage_name] for flow in self.flows)

    @classmethod
    def from_error(cls, error: HTTPError) -> RespUserInteractive:
        """Return the stages a 401 asks for.

        Raises:
            HTTPError: the very error, where it holds none.
        """
        try:
            document = loads(error.contents)
            if isinstance(document, dict) and "flows" in document:
                return structure(document, cls)
        except DecodeError:
            pass
        raise error


class Register(Endpoint[RespRegister]):
    """Make an account; most servers answer first with the stages they want. Spec: POST /register."""

    METHOD, PATH, NEEDS_AUTH, SENDS_TOKEN, RATE_LIMITED = (
        "POST",
        "/_matrix/client/v3/register",
        False,
        False,
        True,
    )
    username: str | None = None
    password: str | None = secret(default=None)
    auth: AuthInput | None = field(default=None, kw_only=True, repr=False)
    device_id: str | None = field(default=None, kw_only=True)
    initial_device_display_name: str | None = field(default=None, kw_only=True)
    inhibit_login: bool | None = field(default=None, kw_only=True)
    refresh_token: bool | None = field(default=None, kw_only=True)
    kind: AccountKind | str | None = query(default=None, kw_only=True)


class RespRegisterAvailable(Response):
    """Whether a name is free; where it is not, most servers answer with an error that says why."""

    available: bool = False


class RegisterAvailable(Endpoint[RespRegisterAvailable]):
    """Ask whether a localpart is free and allowed. Spec: GET /register/available."""

    METHOD, PATH, NEEDS_AUTH = "GET", "/_matrix/client/v3/register/available", False
    RATE_LIMITED = True
    username: str


class RespRegistrationTokenValidity(Response):
    """Whether a registration token is good."""

    valid: bool


class GetRegistrationTokenValidity(Endpoint[RespRegistrationTokenValidity]):
    """Ask whether a registration token is good.

    Spec: GET /register/m.login.registration_token/validity.
    """

    METHOD, PATH = "GET", "/_matrix/client/v1/register/m.login.registration_token/validity"
    NEEDS_AUTH, RATE_LIMITED, ADDED = False, True, "1.2"
    token: str = secret()


class RegistrationApi(Api):
    """Making accounts; the helpers `register_dummy` and `register_guest` stand in the client."""

    register = Call(Register)
    register_available = Call(RegisterAvailable)
    get_registration_token_validity = Call(GetRegistrationTokenValidity)
