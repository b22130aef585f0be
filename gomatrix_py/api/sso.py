"""Signing in through a web page. Spec: "SSO client login/authentication"."""

from __future__ import annotations

from ..events.open_enum import OpenEnum
from ..http.endpoint import Empty, Endpoint, Target, query
from ..http.urls import expand, query_string
from .base import Api, carries_out

__all__ = ["IdPRedirect", "SSOAction", "SSOApi", "SSORedirect", "auth_fallback_url"]

_FALLBACK = "/_matrix/client/v3/auth/{stage}/fallback/web"


class SSOAction(OpenEnum):
    """What the user is about to do, where they have chosen already."""

    LOGIN = "login"
    REGISTER = "register"


class SSORedirect(Endpoint[Empty]):
    """Begin single sign-on, in a browser: the answer is a redirect. Spec: GET /login/sso/redirect."""

    METHOD, PATH, ADDED = "GET", "/_matrix/client/v3/login/sso/redirect", "1.1"
    NEEDS_AUTH, SENDS_TOKEN = False, False
    redirect_url: str = query(name="redirectUrl")
    action: SSOAction | str | None = query(default=None)


class IdPRedirect(Endpoint[Empty]):
    """Begin single sign-on with one provider, in a browser. Spec: GET /login/sso/redirect/{idpId}."""

    METHOD, PATH, ADDED = "GET", "/_matrix/client/v3/login/sso/redirect/{idp_id}", "1.1"
    NEEDS_AUTH, SENDS_TOKEN = False, False
    idp_id: str
    redirect_url: str = query(name="redirectUrl")
    action: SSOAction | str | None = query(default=None)


def auth_fallback_url(base_url: str, stage: str, session: str) -> str:
    """Return the page on which a person can complete a stage in a browser.

    Args:
        base_url: of the homeserver.
        stage: such as ``m.login.recaptcha``.
        session: of the user-interactive authentication.

    Spec: "User-Interactive Authentication API", fallback.
    """
    return f"{base_url}{expand(_FALLBACK, {'stage': stage})}?{query_string({'session': session})}"


class SSOApi(Api):
    """Single sign-on; no request is made here, as the pages are for a browser."""

    @carries_out(SSORedirect)
    def get_sso_redirect_url(self, redirect_url: str, action: SSOAction | str | None = None) -> str:
        """Return the address to open in a browser to sign in.

        Args:
            redirect_url: where the browser ends up, with a ``loginToken`` in the query.
            action: "login" or "register", where the user has chosen already.

        Spec: GET /login/sso/redirect.
        """
        return SSORedirect(redirect_url, action).to_request(Target(self.homeserver_url)).url

    @carries_out(IdPRedirect)
    def get_idp_redirect_url(self, idp_id: str, redirect_url: str, action: SSOAction | str | None = None) -> str:
        """Return the address to open in a browser to sign in with one provider.

        Args:
            idp_id: of the provider, from the ``identity_providers`` of the login flow ``m.login.sso``.
            redirect_url: where the browser ends up, with a ``loginToken`` in the query.
            action: "login" or "register", where the user has chosen already.

        Spec: GET /login/sso/redirect/{idpId}.
        """
        return IdPRedirect(idp_id, redirect_url, action).to_request(Target(self.homeserver_url)).url
