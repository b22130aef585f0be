"""Talking to the OAuth 2.0 provider of a homeserver: over the client's own exchange, without its Matrix token."""

from __future__ import annotations

import logging
import secrets
import string
from collections.abc import Mapping

import attrs

from ..api.oauth import (
    API_SCOPE,
    DEVICE_GRANT,
    DEVICE_SCOPE,
    AuthMetadata,
    GetAuthMetadata,
    RespDeviceAuthorization,
    RespOAuthClient,
    RespOAuthTokens,
    add_query,
    check_auth_metadata,
    check_oauth_url,
    client_metadata,
    code_challenge,
    form_request,
    oauth_error,
    read_oauth_answer,
    registration_request,
)
from ..cancellation import CancelToken
from ..errors import HTTPError, MatrixError, SignInError, Unrecognized
from ..http.endpoint import Target
from ..http.exchange import Exchange
from ..http.messages import HttpRequest, HttpResponse
from .saved_sessions import Session

__all__ = ["Authorization", "OAuthProvider", "new_device_id"]

log = logging.getLogger("gomatrix_py.signing_in")

DEVICE_ID_LENGTH = 12


def new_device_id() -> str:
    """Return a new device id: with OAuth 2.0, clients choose it. Spec: "Device ID allocation"."""
    return "".join(secrets.choice(string.ascii_uppercase) for _ in range(DEVICE_ID_LENGTH))


@attrs.frozen
class Authorization:
    """One sign-in in a browser, from its address to its code; nothing of it is shown.

    Attributes:
        issuer: of the provider.
        client_id: that we are known by there.
        device_id: that we will have.
        redirect_uri: where the browser is sent back to.
        must_name_issuer: whether the provider says in each answer who it is.
        state, verifier: secrets of this sign-in.
    """

    issuer: str
    client_id: str
    device_id: str
    redirect_uri: str = attrs.field(default="", repr=False)
    must_name_issuer: bool = False
    state: str = attrs.field(factory=lambda: secrets.token_urlsafe(24), repr=False)
    verifier: str = attrs.field(factory=lambda: secrets.token_urlsafe(48), repr=False)

    @property
    def scope(self) -> str:
        """What is asked for: the whole API, as one device."""
        return f"{API_SCOPE} {DEVICE_SCOPE}{self.device_id}"

    def is_answered_by(self, answer: Mapping[str, str]) -> bool:
        """Tell whether an answer is to this sign-in; anybody could make up another."""
        return secrets.compare_digest(answer.get("state", "").encode(), self.state.encode())

    def code(self, answer: Mapping[str, str]) -> str:
        """Return the code out of an answer to this sign-in.

        Raises:
            SignInError: it was refused, or comes from another provider.
        """
        issuer = answer.get("iss")
        if issuer != self.issuer and (issuer is not None or self.must_name_issuer):
            raise SignInError("the browser was sent back by another provider than the one we asked")
        if reason := answer.get("error"):
            raise SignInError(f"the provider did not let us in: {reason}", reason=reason)
        if not answer.get("code"):
            raise SignInError("the browser was sent back without a code")
        return answer["code"]


class OAuthProvider:
    """The provider that a homeserver publishes.

    Args:
        exchange: carries the requests.
        homeserver_url: of the homeserver.
    """

    def __init__(self, exchange: Exchange, homeserver_url: str) -> None:
        self._exchange = exchange
        self._homeserver_url = homeserver_url
        self._metadata: AuthMetadata | None = None

    def metadata(self, cancel: CancelToken | None = None, *, fresh: bool = False) -> AuthMetadata:
        """Return what the homeserver publishes, read once.

        Args:
            cancel: lets another thread end the request.
            fresh: read it anew.

        Raises:
            SignInError: there is no provider, or none to be trusted.
        """
        if self._metadata is None or fresh:
            endpoint = GetAuthMetadata()
            request = attrs.evolve(endpoint.to_request(Target(self._homeserver_url)), cancel=cancel)
            try:
                answer = endpoint.parse(self._exchange.send(request))
            except Unrecognized as error:
                raise SignInError(f"{self._homeserver_url} has no sign-in with OAuth 2.0") from error
            self._metadata = check_auth_metadata(answer, self._homeserver_url)
        return self._metadata

    # ------------------------------------------------------------ signing in

    def register(self, name: str, uri: str, redirect_uri: str | None) -> str:
        """Make ourselves known, and return the client id; see `client_metadata` for what is told.

        Raises:
            OAuthError: the provider does not want us.
        """
        told = client_metadata(name, uri, redirect_uri)
        request = registration_request(self.metadata().registration_endpoint, told)
        return read_oauth_answer(self._send(request), RespOAuthClient).client_id

    def authorization(self, client_id: str, device_id: str) -> Authorization:
        """Begin a sign-in in a browser; where that is sent back to is still to be said."""
        metadata = self.metadata()
        names_issuer = metadata.extra.get("authorization_response_iss_parameter_supported") is True
        return Authorization(metadata.issuer, client_id, device_id, must_name_issuer=names_issuer)

    def address_of(self, authorization: Authorization, prompt: str | None = None) -> str:
        """Return the page to open for a sign-in.

        Args:
            authorization: the sign-in.
            prompt: "create" to make an account.

        Raises:
            SignInError: the provider cannot do this.
        """
        metadata = self.metadata()
        if "code" not in metadata.response_types_supported or "query" not in metadata.response_modes_supported:
            raise SignInError("the provider has no sign-in in a browser that this package knows")
        members = {
            "response_type": "code",
            "response_mode": "query",
            "client_id": authorization.client_id,
            "redirect_uri": authorization.redirect_uri,
            "scope": authorization.scope,
            "state": authorization.state,
            "code_challenge": code_challenge(authorization.verifier),
            "code_challenge_method": "S256",
        }
        if prompt is not None:
            members["prompt"] = prompt
        return add_query(metadata.authorization_endpoint, members)

    def tokens_for_code(self, authorization: Authorization, code: str) -> RespOAuthTokens:
        """Trade a code for tokens.

        Raises:
            OAuthError: the provider refuses.
            SignInError: it gives something else than was asked for.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": authorization.redirect_uri,
            "client_id": authorization.client_id,
            "code_verifier": authorization.verifier,
        }
        return _checked(self._tokens(form, may_retry=False), authorization.scope)

    def device_authorization(self, client_id: str, device_id: str) -> RespDeviceAuthorization:
        """Begin a sign-in on another device.

        Raises:
            SignInError: the provider has none, or one that cannot be trusted.
            OAuthError: the provider refuses.
        """
        endpoint = self.metadata().device_authorization_endpoint
        if endpoint is None:
            raise SignInError("the provider has no sign-in by a code on another device")
        form = {"client_id": client_id, "scope": f"{API_SCOPE} {DEVICE_SCOPE}{device_id}"}
        request = form_request(endpoint, "device", form, may_retry=True)
        answer = read_oauth_answer(self._send(request), RespDeviceAuthorization)
        for url in filter(None, (answer.verification_uri, answer.verification_uri_complete)):
            check_oauth_url(url, self._homeserver_url, "page for codes")
        return answer

    def tokens_for_device(self, client_id: str, device_id: str, device_code: str) -> RespOAuthTokens:
        """Ask whether a person has let us in.

        Raises:
            OAuthError: not yet, or no more; its `error` says which.
            SignInError: the provider gives something else than was asked for.
        """
        form = {"grant_type": DEVICE_GRANT, "device_code": device_code, "client_id": client_id}
        return _checked(self._tokens(form, may_retry=False), f"{API_SCOPE} {DEVICE_SCOPE}{device_id}")

    # ------------------------------------------------------------ later

    def refresh(self, session: Session, cancel: CancelToken | None = None) -> RespOAuthTokens:
        """Trade the refresh token of a session for new tokens.

        Raises:
            OAuthError: the provider refuses.
            SignInError: the homeserver names another provider than the one that made the session.
        """
        form = {
            "grant_type": "refresh_token",
            "refresh_token": session.refresh_token,
            "client_id": session.oauth_client_id,
        }
        self._check_issuer(session, cancel)
        return _checked(self._tokens(form, may_retry=True, cancel=cancel), "")

    def revoke(self, session: Session) -> None:
        """End a session: both tokens are good for nothing then. RFC 7009.

        Raises:
            OAuthError: the provider refuses.
            SignInError: the homeserver names another provider than the one that made the session.
        """
        metadata = self._check_issuer(session, None)
        is_refresh = bool(session.refresh_token)
        form = {
            "token": session.refresh_token or session.access_token,
            "token_type_hint": "refresh_token" if is_refresh else "access_token",
            "client_id": session.oauth_client_id,
        }
        self._send(form_request(metadata.revocation_endpoint, "revoke", form, may_retry=True))

    def forget(self, session: Session) -> None:
        """End a session that nobody will use, as far as that is possible."""
        try:
            self.revoke(session)
        except MatrixError as error:
            log.warning("a session that is not used could not be revoked: %s", error)

    def _check_issuer(self, session: Session, cancel: CancelToken | None) -> AuthMetadata:
        metadata = self.metadata(cancel)
        if metadata.issuer != session.oauth_issuer:
            raise SignInError("the homeserver has another provider now than the one that made this session")
        return metadata

    def _tokens(
        self, form: Mapping[str, str], *, may_retry: bool, cancel: CancelToken | None = None
    ) -> RespOAuthTokens:
        request = form_request(self.metadata(cancel).token_endpoint, "token", form, may_retry=may_retry)
        return read_oauth_answer(self._send(attrs.evolve(request, cancel=cancel)), RespOAuthTokens)

    def _send(self, request: HttpRequest) -> HttpResponse:
        try:
            return self._exchange.send(request)
        except HTTPError as error:
            raise oauth_error(error) from None


def _checked(tokens: RespOAuthTokens, scope: str) -> RespOAuthTokens:
    """Return tokens that are what was asked for."""
    if tokens.token_type.lower() != "bearer":
        raise SignInError("the provider gave a token of a kind that this package cannot use")
    granted = scope if tokens.scope is None else tokens.scope  # left out where it is as asked
    missing = set(scope.split()) - set(granted.split())
    if missing:
        raise SignInError(f"the provider did not grant {', '.join(sorted(missing))}")
    return tokens
