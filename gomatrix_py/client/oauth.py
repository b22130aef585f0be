"""Signing in with OAuth 2.0: in a browser of this machine, or by a code on another device. Spec: "OAuth 2.0 API"."""

from __future__ import annotations

import time
from collections.abc import Callable

import attrs

from ..api.login import WhoAmI, WhoAmIResponse
from ..api.oauth import RespDeviceAuthorization, RespOAuthTokens, add_query
from ..cancellation import CancelToken
from ..errors import MatrixError, OAuthError, RequestCancelled, ServerError, SignInError, TransportError
from ..http.endpoint import Target
from .oauth_provider import new_device_id
from .renewing import in_ms, stamp
from .saved_sessions import Session
from .signing_in import PATIENCE_S, SigningInMethods

__all__ = ["OAuthMethods", "print_code"]

CALLBACK = "/callback"
REGISTERED_CALLBACK = f"http://127.0.0.1{CALLBACK}"  # providers take any port for it. Spec: "Redirect URI validation"
SHORTEST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
SLOW_DOWN_S = 5.0


def print_code(wanted: RespDeviceAuthorization) -> None:
    """Print where to go with which code."""
    where = wanted.verification_uri_complete or f"{wanted.verification_uri} and enter the code {wanted.user_code}"
    print(f"To sign in, open {where}", flush=True)


class OAuthMethods(SigningInMethods):
    """OAuth 2.0; the tokens it gives are renewed, and revoked by `logout`, at the provider."""

    def login_oauth(
        self,
        client_name: str,
        client_uri: str,
        *,
        device_id: str = "",
        client_id: str = "",
        show: Callable[[str], object] | None = None,
        timeout_s: float = PATIENCE_S,
        prompt: str | None = None,
    ) -> Session:
        """Log in with a browser on this machine and act as that user from now on.

        Args:
            client_name: of your program; people are asked whether to let it in.
            client_uri: a page about it, https.
            device_id: of an earlier session, to go on as that device; "" for a new one.
            client_id: where the provider knows your program already; "" makes it known.
            show: gets the address to open; where it is left out, the browser is opened, or the address is printed.
            timeout_s: how long to wait for the browser, in seconds.
            prompt: "create" where the person wants to make an account.

        Raises:
            SignInError: there is no provider, it cannot be trusted, it let nobody in, or nobody signed in in time.
            OAuthError: the provider refuses a request.
            TransportError, HTTPError, DecodeError, StoreError, SessionError: as for `login_with_password`.

        Spec: "Authorisation code flow".
        """
        from .sso_catcher import RedirectCatcher, open_in_browser  # few programs need a server

        device_id = self._device_to_be(device_id)
        provider = self._provider
        provider.metadata(fresh=True)
        client_id = client_id or provider.register(client_name, client_uri, REGISTERED_CALLBACK)
        wanted_device = device_id or new_device_id()
        asked = provider.authorization(client_id, wanted_device)
        with RedirectCatcher(CALLBACK, wants=("state",), is_ours=asked.is_answered_by) as catcher:
            asked = attrs.evolve(asked, redirect_uri=catcher.url)
            (show or open_in_browser)(provider.address_of(asked, prompt))
            code = asked.code(catcher.wait(timeout_s))
        return self._adopt_tokens(provider.tokens_for_code(asked, code), client_id, wanted_device, bool(device_id))

    def login_oauth_device(
        self,
        client_name: str,
        client_uri: str,
        *,
        device_id: str = "",
        client_id: str = "",
        show: Callable[[RespDeviceAuthorization], object] = print_code,
        cancel: CancelToken | None = None,
    ) -> Session:
        """Log in by a code that is entered in a browser anywhere, and act as that user from now on.

        Args:
            client_name: of your program; people are asked whether to let it in.
            client_uri: a page about it, https.
            device_id: of an earlier session, to go on as that device; "" for a new one.
            client_id: where the provider knows your program already; "" makes it known.
            show: gets the code and where to enter it; where it is left out, they are printed.
            cancel: lets another thread give up.

        Raises:
            SignInError: there is no provider, it cannot be trusted, or nobody entered the code in time.
            OAuthError: the provider refuses; its `error` is ``access_denied`` where the person did.
            RequestCancelled: by `cancel`.
            TransportError, HTTPError, DecodeError, StoreError, SessionError: as for `login_with_password`.

        Spec: "Device authorisation flow".
        """
        device_id = self._device_to_be(device_id)
        self._provider.metadata(fresh=True)
        client_id = client_id or self._provider.register(client_name, client_uri, None)
        wanted_device = device_id or new_device_id()
        wanted = self._provider.device_authorization(client_id, wanted_device)
        show(wanted)
        tokens = self._poll(wanted, client_id, wanted_device, cancel or CancelToken())
        return self._adopt_tokens(tokens, client_id, wanted_device, bool(device_id))

    def _poll(
        self, wanted: RespDeviceAuthorization, client_id: str, device_id: str, cancel: CancelToken
    ) -> RespOAuthTokens:
        """Ask again and again whether the code was entered; the pace is the provider's. RFC 8628, 3.5."""
        deadline = time.monotonic() + wanted.expires_in
        wait_s = min(max(float(wanted.interval), SHORTEST_WAIT_S), LONGEST_WAIT_S)
        while time.monotonic() < deadline:
            if cancel.wait(wait_s):
                raise RequestCancelled("the sign-in was cancelled", was_sent=False)
            try:
                return self._provider.tokens_for_device(client_id, device_id, wanted.device_code)
            except OAuthError as error:
                if error.error == "slow_down":
                    wait_s += SLOW_DOWN_S
                elif error.error == "expired_token":
                    break
                elif error.error != "authorization_pending":
                    raise
            except (TransportError, ServerError):  # it may pass; asking again does no harm
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        raise SignInError("nobody entered the code in time", reason="expired_token")

    def _adopt_tokens(self, tokens: RespOAuthTokens, client_id: str, device_id: str, is_same_device: bool) -> Session:
        """Act as the session that a provider has just made; whose it is only the homeserver knows."""
        session = Session(
            self.homeserver_url,
            self._user_id if is_same_device else "",
            tokens.access_token,
            device_id,
            refresh_token=tokens.refresh_token or "",
            expires_at_ts=stamp(self.clock, in_ms(tokens.expires_in)),
            oauth_issuer=self._provider.metadata().issuer,
            oauth_client_id=client_id,
        )
        try:
            who = self._who_is(tokens.access_token)
            if session.user_id not in ("", who.user_id):
                raise SignInError(f"that is {who.user_id}, and not {session.user_id}")
            if who.device_id not in (None, device_id):
                raise SignInError("the provider made another device than the one that was asked for")
            session = attrs.evolve(session, user_id=who.user_id)
            self._sign_in_as(session)
        except MatrixError:
            self._provider.forget(session)
            raise
        return session

    def _who_is(self, access_token: str) -> WhoAmIResponse:
        endpoint = WhoAmI()
        return endpoint.parse(self._exchange.send(endpoint.to_request(Target(self.homeserver_url, access_token))))

    def get_account_management_url(self, action: str | None = None, device_id: str | None = None) -> str:
        """Return the page on which a person manages the account: with OAuth 2.0, programs cannot.

        Args:
            action: what the person wants to do there, such as ``org.matrix.devices_list``.
            device_id: of the device that it is about.

        Raises:
            SignInError: the homeserver publishes no such page.
            TransportError, HTTPError, DecodeError: it cannot be asked.

        Spec: "Account management URL discovery".
        """
        page = self._provider.metadata().account_management_uri
        if page is None:
            raise SignInError("the homeserver names no page to manage accounts on")
        wanted = {"action": action, "device_id": device_id}
        members = {name: value for name, value in wanted.items() if value is not None}
        return add_query(page, members) if members else page
