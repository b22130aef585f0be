"""Signing in, in every way but OAuth 2.0, and making accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..api.login import GetLoginFlows, Identifier, Login, RespLogin, ThirdpartyIdentifier, UserIdentifier
from ..api.registration import Register, RegisterAvailable, RespRegister
from ..api.sso import IdPRedirect, SSORedirect
from ..errors import Conflict, HTTPError, SignInError, UsageError
from ..http.endpoint import Target
from ..http.uia import AuthInput, DummyAuth, MultiAuth
from .base import BaseClient

__all__ = ["SigningInMethods"]

PATIENCE_S = 300.0


class SigningInMethods(BaseClient):
    """Logging in and registering; each sets the client's credentials.

    Wherever `refresh_token` is an argument: True asks for an access token that expires and a refresh token, with
    which this client renews it in time; False asks for none; None asks for them where the session is kept, by
    `save_session` or `on_tokens_changed`. A script that hands its access token on does better without.
    """

    def login_with_password(
        self,
        user: str | Identifier,
        password: str,
        *,
        device_id: str = "",
        device_name: str = "",
        refresh_token: bool | None = None,
    ) -> RespLogin:
        """Log in with a password and act as that user from now on.

        Args:
            user: a user id, a localpart, an e-mail address, or another identifier.
            password: of the account.
            device_id: of an earlier session, to go on as that device; "" for a new one.
            device_name: what people see in their list of sessions.
            refresh_token: see `SigningInMethods`.

        Raises:
            Forbidden: wrong user or password.
            UserDeactivated, LimitExceeded, TransportError, HTTPError, DecodeError: see `gomatrix_py.errors`.
            StoreError: the store belongs to somebody else.
            SessionError: the session is kept in a file, and cannot be stored there.

        Spec: POST /login with m.login.password.
        """
        return self._log_in(
            "m.login.password",
            device_id,
            device_name,
            refresh_token,
            identifier=_identifier(user),
            password=password,
        )

    def login_with_token(
        self, token: str, *, device_id: str = "", device_name: str = "", refresh_token: bool | None = None
    ) -> RespLogin:
        """Log in with a login token: of single sign-on, or of `generate_login_token` on another device.

        Args:
            token: works once, and not for long.
            device_id, device_name, refresh_token: as for `login_with_password`.

        Raises:
            Forbidden: the token is not, or no longer, good.
            UserDeactivated, LimitExceeded, TransportError, HTTPError, DecodeError: see `gomatrix_py.errors`.
            StoreError, SessionError: as for `login_with_password`.

        Spec: POST /login with m.login.token.
        """
        return self._log_in("m.login.token", device_id, device_name, refresh_token, token=token)

    def login_with(
        self,
        type: str,
        *,
        device_id: str = "",
        device_name: str = "",
        refresh_token: bool | None = None,
        **fields: Any,
    ) -> RespLogin:
        """Log in, in a way of the server's own.

        Args:
            type: such as ``org.matrix.login.jwt``.
            device_id, device_name, refresh_token: as for `login_with_password`.
            fields: what this type takes, such as ``token="…"``; they are taken for secrets.

        Raises:
            Forbidden: the server does not let us in.
            UserDeactivated, LimitExceeded, TransportError, HTTPError, DecodeError: see `gomatrix_py.errors`.
            StoreError, SessionError: as for `login_with_password`.

        Spec: POST /login.
        """
        return self._log_in(type, device_id, device_name, refresh_token, extra_fields=fields)

    def login_as_app_service_user(
        self, user: str, *, device_id: str = "", device_name: str = "", refresh_token: bool | None = None
    ) -> RespLogin:
        """Make a session for a user of our application service, whose token this client has now.

        Args:
            user: a user id or localpart, in the namespace of the application service, and registered.
            device_id, device_name, refresh_token: as for `login_with_password`.

        Raises:
            UsageError: this client has no token.
            Forbidden: it is not that of an application service, or there is no such user.
            HTTPError: the user is not in the namespace (M_EXCLUSIVE).
            TransportError, DecodeError, StoreError, SessionError: as for `login_with_password`.

        Spec: POST /login with m.login.application_service.
        """
        kind = "m.login.application_service"
        answer = self._log_in(kind, device_id, device_name, refresh_token, identifier=UserIdentifier(user))
        self.app_service_user_id = ""
        return answer

    def login_sso(
        self,
        idp_id: str = "",
        *,
        token: str = "",
        show: Callable[[str], object] | None = None,
        timeout_s: float = PATIENCE_S,
        device_id: str = "",
        device_name: str = "",
        refresh_token: bool | None = None,
        action: str | None = None,
    ) -> RespLogin:
        """Log in by single sign-on: a browser signs in, and is sent back to this program.

        Args:
            idp_id: which identity provider to go through, from `get_login_flows`; "" leaves the choice to the page.
            token: one that a person has pasted; no browser is opened then.
            show: gets the address to open; where it is left out, the browser is opened, or the address is printed.
            timeout_s: how long to wait for the browser, in seconds.
            device_id, device_name, refresh_token: as for `login_with_password`.
            action: "login" or "register", where the person has chosen already.

        Raises:
            SignInError: the server has no single sign-on or no such provider, or nobody signed in in time.
            Forbidden, TransportError, HTTPError, DecodeError, StoreError, SessionError: as for `login_with_token`.

        Spec: "Client login via SSO".
        """
        if not token:
            from .sso_catcher import RedirectCatcher, open_in_browser  # few programs need a server

            self._check_sso(idp_id)
            with RedirectCatcher(wants=("loginToken",)) as catcher:
                (show or open_in_browser)(self._sso_page(idp_id, catcher.url, action))
                token = catcher.wait(timeout_s)["loginToken"]
        return self.login_with_token(token, device_id=device_id, device_name=device_name, refresh_token=refresh_token)

    def _check_sso(self, idp_id: str) -> None:
        flows = [flow for flow in self.call(GetLoginFlows()).flows if flow.type == "m.login.sso"]
        if not flows:
            raise SignInError("the server has no single sign-on")
        known = [provider.id for flow in flows for provider in flow.identity_providers]
        if idp_id and idp_id not in known:
            raise SignInError(f"the server has no identity provider {idp_id!r}; it has {', '.join(known) or 'none'}")

    def _sso_page(self, idp_id: str, redirect_url: str, action: str | None) -> str:
        target = Target(self.homeserver_url)
        if idp_id:
            return IdPRedirect(idp_id, redirect_url, action).to_request(target).url
        return SSORedirect(redirect_url, action).to_request(target).url

    def login_again(
        self, password: str = "", *, token: str = "", device_name: str = "", refresh_token: bool | None = None
    ) -> RespLogin:
        """Log in again as the same user and device, after a soft logout: store and keys stay good.

        Args:
            password: of the account; or else
            token: a login token.
            device_name: what people see in their list of sessions.
            refresh_token: see `SigningInMethods`; where it is left out, one is asked for where there was one.

        Raises:
            UsageError: this client was never logged in, or neither password nor token is given.
            SignInError: the token is somebody else's; the client stays as it was.
            Forbidden, TransportError, HTTPError, DecodeError, StoreError, SessionError: as for the other ways.

        Spec: "Soft logout".
        """
        if bool(password) == bool(token):
            raise UsageError("login_again needs a password or a login token")
        session = self._tokens.session
        if refresh_token is None:
            refresh_token = bool(session.refresh_token) or None
        who: dict[str, Any] = {"token": token}
        if password:
            who = {"identifier": UserIdentifier(self.own_user_id()), "password": password}
        kind = "m.login.password" if password else "m.login.token"
        return self._log_in(kind, self.device_id, device_name, refresh_token, only=self.own_user_id(), **who)

    def _log_in(
        self,
        kind: str,
        device_id: str,
        device_name: str,
        refresh_token: bool | None,
        *,
        only: str = "",
        **fields: Any,
    ) -> RespLogin:
        device_id = self._device_to_be(device_id)
        answer = self.call(
            Login(
                kind,
                fields.pop("identifier", None),
                device_id=device_id or None,
                initial_device_display_name=device_name or None,
                refresh_token=self._wants_refresh(refresh_token),
                **fields,
            )
        )
        if only and answer.user_id != only:
            raise SignInError(f"that is {answer.user_id}, and not {only}")
        self._adopt(answer)
        return answer

    def _device_to_be(self, device_id: str) -> str:
        """Return the device to sign in as; what would be of no use is refused before there is one."""
        return device_id

    def _wants_refresh(self, wanted: bool | None) -> bool | None:
        """Return what to send: True, or nothing."""
        return (self._tokens.is_kept if wanted is None else wanted) or None

    # ------------------------------------------------------------ making accounts

    def register_account(
        self,
        username: str | None,
        password: str,
        *,
        auth: AuthInput | None = None,
        device_id: str = "",
        device_name: str = "",
        refresh_token: bool | None = None,
    ) -> RespRegister:
        """Make an account, through all the stages the server wants, and act as that user from now on.

        Args:
            username: the localpart; None lets the server choose.
            password: of the new account.
            auth: answers the stages, ``TokenAuth("…")`` or ``[TermsAuth(), EmailAuth(…)]`` for example; the stage
                that asks for nothing is answered in any case.
            device_id, device_name, refresh_token: as for `login_with_password`.

        Raises:
            Conflict: the name is taken.
            UserInteractive: a stage was not completed, or there is no answer for one; the message says which.
            Forbidden: the server makes no accounts.
            TransportError, HTTPError, DecodeError, StoreError, SessionError: as for `login_with_password`.

        Spec: POST /register.
        """
        device_id = self._device_to_be(device_id)
        answers = auth if isinstance(auth, dict) else MultiAuth(*([auth] if auth else []), DummyAuth())
        answer = self.call(
            Register(
                username,
                password,
                auth=answers,
                device_id=device_id or None,
                initial_device_display_name=device_name or None,
                refresh_token=self._wants_refresh(refresh_token),
            )
        )
        self._adopt(answer)
        return answer

    def is_username_available(self, username: str) -> bool:
        """Tell whether a localpart is free, allowed, and no application service's.

        Raises:
            TransportError, HTTPError, DecodeError: the server does not say.

        Spec: GET /register/available.
        """
        try:
            return self.call(RegisterAvailable(username)).available
        except Conflict:
            return False
        except HTTPError as error:
            if error.errcode in ("M_INVALID_USERNAME", "M_EXCLUSIVE"):
                return False
            raise


def _identifier(user: str | Identifier) -> Identifier:
    if isinstance(user, Identifier):
        return user
    is_address = "@" in user[1:] and not user.startswith("@")
    return ThirdpartyIdentifier(medium="email", address=user) if is_address else UserIdentifier(user)
