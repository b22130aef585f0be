"""What a homeserver publishes for signing in with OAuth 2.0. Spec: "OAuth 2.0 API"."""

from __future__ import annotations

from ..codec import field
from ..http.endpoint import Call, Endpoint, Response
from .base import Api

__all__ = ["AuthMetadata", "GetAuthMetadata", "OAuthApi"]


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
    account_management_actions_supported: list[str] = field(factory=list)


class GetAuthMetadata(Endpoint[AuthMetadata]):
    """Ask where and how to sign in with OAuth 2.0. Spec: GET /auth_metadata."""

    METHOD, PATH, NEEDS_AUTH = "GET", "/_matrix/client/v1/auth_metadata", False
    SENDS_TOKEN = False


class OAuthApi(Api):
    """What is published for OAuth 2.0."""

    get_auth_metadata = Call(GetAuthMetadata)
