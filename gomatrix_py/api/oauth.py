"""Signing in with OAuth 2.0: what is published, asked and answered. Spec: "OAuth 2.0 API".

The homeserver publishes where its provider is; what goes to the provider is not part of the Matrix API, so it
is made here as plain requests: form-encoded, and never with a Matrix access token.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from ..codec import dumps, field, loads, secret, structure
from ..errors import DecodeError, HTTPError, LimitExceeded, OAuthError, ServerError, SignInError, UsageError
from ..events.open_enum import OpenEnum
from ..http.answers import json_object
from ..http.endpoint import Call, Endpoint, Response
from ..http.messages import HttpRequest, HttpResponse, Limits
from ..http.urls import origin
from .base import Api

__all__ = [
    "AccountManagementAction",
    "API_SCOPE",
    "DEVICE_GRANT",
    "DEVICE_SCOPE",
    "AuthMetadata",
    "GetAuthMetadata",
    "OAuthApi",
    "RespDeviceAuthorization",
    "RespOAuthClient",
    "RespOAuthTokens",
    "add_query",
    "check_auth_metadata",
    "check_oauth_url",
    "client_metadata",
    "code_challenge",
    "form_request",
    "oauth_error",
    "read_oauth_answer",
    "registration_request",
]

R = TypeVar("R", bound=Response)

API_SCOPE = "urn:matrix:client:api:*"
DEVICE_SCOPE = "urn:matrix:client:device:"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

_LIMITS = Limits(connect_s=10, read_s=30, total_s=60, max_bytes=256 * 1024)


class AccountManagementAction(OpenEnum):
    """What a user can do on the provider's page about their account."""

    PROFILE = "org.matrix.profile"
    DEVICES_LIST = "org.matrix.devices_list"
    DEVICE_VIEW = "org.matrix.device_view"
    DEVICE_DELETE = "org.matrix.device_delete"
    ACCOUNT_DEACTIVATE = "org.matrix.account_deactivate"
    CROSS_SIGNING_RESET = "org.matrix.cross_signing_reset"


class AuthMetadata(Response):
    """Where and how to sign in. Spec: "Server metadata discovery"."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    registration_endpoint: str
    response_types_supported: list[str]
    grant_types_supported: list[str]
    response_modes_supported: list[str]
    code_challenge_methods_supported: list[str]
    prompt_values_supported: list[str] = field(factory=list)
    device_authorization_endpoint: str | None = None
    account_management_uri: str | None = None
    account_management_actions_supported: list[AccountManagementAction] = field(factory=list)


class GetAuthMetadata(Endpoint[AuthMetadata]):
    """Ask where and how to sign in with OAuth 2.0. Spec: GET /auth_metadata."""

    METHOD, PATH, NEEDS_AUTH = "GET", "/_matrix/client/v1/auth_metadata", False
    SENDS_TOKEN = False


class RespOAuthClient(Response):
    """How a provider knows us from now on. Spec: "Dynamic client registration flow"."""

    client_id: str


class RespOAuthTokens(Response):
    """Fresh tokens; `expires_in` is seconds. RFC 6749, 5.1."""

    access_token: str = secret()
    token_type: str
    expires_in: int | None = None
    refresh_token: str | None = secret(default=None)
    scope: str | None = None


class RespDeviceAuthorization(Response):
    """What a person needs to let us in from another device; times are seconds. RFC 8628, 3.2.

    Show `verification_uri_complete`, or else `verification_uri` and `user_code`.
    """

    device_code: str = secret()
    user_code: str
    verification_uri: str
    expires_in: int
    verification_uri_complete: str | None = None
    interval: int = 5


class OAuthApi(Api):
    """What is published for OAuth 2.0."""

    get_auth_metadata = Call(GetAuthMetadata)


# ------------------------------------------------------------------ whom to trust


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_oauth_url(url: str, homeserver_url: str, what: str) -> str:
    """Return an address of a provider, if secrets and browsers may be sent there.

    Args:
        url: the address.
        homeserver_url: of the homeserver that named it; one on this machine may name http addresses on it.
        what: its name in the error message.

    Raises:
        SignInError: not https, or no address that every software reads in the same way.
    """
    try:
        scheme, host, _ = origin(url)
    except UsageError as error:
        raise SignInError(f"the {what} of the provider cannot be used: {error}") from None
    is_local = _is_loopback(host) and _is_loopback(origin(homeserver_url)[1])
    if scheme != "https" and not is_local:
        raise SignInError(f"the {what} of the provider is not https, and cannot be trusted with secrets")
    if "#" in url or any(char.isspace() or char == "\\" for char in url):
        raise SignInError(f"the {what} of the provider is no address that can be used")
    return url


def check_auth_metadata(metadata: AuthMetadata, homeserver_url: str) -> AuthMetadata:
    """Return what a homeserver publishes, if we can sign in with it safely.

    Raises:
        SignInError: an address that cannot be trusted, or no PKCE with S256.
    """
    if "?" in check_oauth_url(metadata.issuer, homeserver_url, "issuer"):
        raise SignInError("the issuer of the provider must not have a query")
    for name in ("authorization", "token", "revocation", "registration", "device_authorization"):
        url = getattr(metadata, f"{name}_endpoint")
        if url is not None:
            check_oauth_url(url, homeserver_url, f"{name} endpoint")
    if metadata.account_management_uri is not None:
        check_oauth_url(metadata.account_management_uri, homeserver_url, "account management page")
    if "S256" not in metadata.code_challenge_methods_supported:
        raise SignInError("the provider does not protect its codes (no PKCE with S256)")
    return metadata


# ------------------------------------------------------------------ requests to the provider


def form_request(url: str, what: str, form: Mapping[str, str | None], *, may_retry: bool) -> HttpRequest:
    """Return a form-encoded POST; what is None is left out.

    Args:
        url: an endpoint of the provider.
        what: its name in hooks and logs.
        form: the members.
        may_retry: whether the provider may see it twice.
    """
    members = {name: value for name, value in form.items() if value is not None}
    return HttpRequest(
        "POST",
        url,
        f"POST (OAuth: {what})",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode(members).encode("ascii"),
        may_retry=may_retry,
        limits=_LIMITS,
    )


def registration_request(url: str, metadata: Mapping[str, Any]) -> HttpRequest:
    """Return the request that makes us known to a provider. RFC 7591, 3.1."""
    return HttpRequest(
        "POST",
        url,
        "POST (OAuth: registration)",
        headers={"Content-Type": "application/json"},
        body=dumps(dict(metadata)),
        may_retry=True,
        limits=_LIMITS,
    )


def client_metadata(name: str, uri: str, redirect_uri: str | None) -> dict[str, Any]:
    """Return what a provider is told of us. Spec: "Client metadata".

    Args:
        name: what people are asked whether to let in.
        uri: a page about it, https.
        redirect_uri: where browsers are sent back to, None where no browser is.
    """
    metadata: dict[str, Any] = {
        "client_name": name,
        "client_uri": uri,
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "grant_types": ["refresh_token", "authorization_code" if redirect_uri else DEVICE_GRANT],
    }
    if redirect_uri is not None:
        metadata |= {"redirect_uris": [redirect_uri], "response_types": ["code"]}
    return metadata


def code_challenge(verifier: str) -> str:
    """Return the S256 challenge of a PKCE verifier. RFC 7636, 4.2."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def add_query(url: str, members: Mapping[str, str]) -> str:
    """Return an address with more members in its query."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(members)}"


# ------------------------------------------------------------------ answers


def read_oauth_answer(response: HttpResponse, cls: type[R]) -> R:
    """Return a provider's answer as a value.

    Raises:
        DecodeError: it is not what the RFC says.
    """
    document = json_object(response)
    answer = structure(document, cls)
    answer.raw = document
    return answer


def oauth_error(error: HTTPError) -> HTTPError:
    """Return the error for a provider's refusal; one that may pass stays as it is."""
    if isinstance(error, (LimitExceeded, ServerError)):
        return error
    try:
        document = loads(error.contents)
    except DecodeError:
        document = None
    document = document if isinstance(document, dict) else {}
    made = OAuthError(error.message, code=error.code, contents=error.contents)
    word, description = document.get("error"), document.get("error_description")
    made.error = word if isinstance(word, str) else ""
    made.description = description if isinstance(description, str) else ""
    made.args = (str(made),)
    return made
