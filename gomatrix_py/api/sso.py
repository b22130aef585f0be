"""Signing in through a web page. Spec: "SSO client login/authentication"."""

from __future__ import annotations

from ..http.endpoint import Empty, Endpoint, Target, query
from .base import Api, carries_out

__all__ = ["IdPRedirect", "SSOApi", "SSORedirect"]


class SSORedirect(Endpoint[Empty]):
    """Begin single sign-on, in a browser: the answer is a redirect. Spec: GET /login/sso/redirect."""

    METHOD, PATH, ADDED = "GET", "/_matrix/client/v3/login/sso/redirect", "1.1"
    NEEDS_AUTH, SENDS_TOKEN = False, False
    redirect_url: str = query(name="redirectUrl")
    action: str | None = query(default=None)


class IdPRedirect(Endpoint[Empty]):
    """Begin single sign-on with one provider, in a browser. Spec: GET /login/sso/redirect/{idpId}."""

    METHOD, PATH, ADDED = "GET", "/_matrix/client/v3/login/sso/redirect/{idp_id}", "1.1"
    NEEDS_AUTH, SENDS_TOKEN = False, False
    idp_id: str
    redirect_url: str = query(name="redirectUrl")
    action: str | None = query(default=None)


class SSOApi(Api):
    """Single sign-on; no request is made here, as the pages are for a browser."""

    @carries_out(SSORedirect)
    def get_sso_redirect_url(self, redirect_url: str, action: str | None = None) -> str:
        """Return the address to open in a browser to sign in.

        Args:
            redirect_url: where the browser ends up, with a ``loginToken`` in the query.
            action: "login" or "register", where the user has chosen already.

        Spec: GET /login/sso/redirect.
        """
        return SSORedirect(redirect_url, action).to_request(Target(self.homeserver_url)).url

    @carries_out(IdPRedirect)
    def get_idp_redirect_url(self, idp_id: str, redirect_url: str, action: str | None = None) -> str:
        """Return the address to open in a browser to sign in with one provider.

        Args:
            idp_id: of the provider, from the ``identity_providers`` of the login flow ``m.login.sso``.
            redirect_url: where the browser ends up, with a ``loginToken`` in the query.
            action: "login" or "register", where the user has chosen already.

        Spec: GET /login/sso/redirect/{idpId}.
        """
        return IdPRedirect(idp_id, redirect_url, action).to_request(Target(self.homeserver_url)).url
