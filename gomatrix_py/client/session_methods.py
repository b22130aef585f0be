"""Going on with a session: from a file, from the environment, and with tokens that stay good."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs

from ..api.login import WhoAmI
from ..errors import SessionError, UnknownToken, UsageError
from .oauth import OAuthMethods
from .saved_sessions import Session
from .tokens import TokensChanged

__all__ = ["SessionMethods"]

C = TypeVar("C", bound="SessionMethods")


class SessionMethods(OAuthMethods):
    """`session`, saving and restoring it, and being told when its tokens change."""

    @property
    def session(self) -> Session:
        """Who this client is, as a value that can be saved; it holds secrets.

        Raises:
            UsageError: nobody is logged in.
        """
        session = self._tokens.session
        if not session.access_token:
            raise UsageError("there is no session: log in first")
        return attrs.evolve(session, device_id=self.device_id)

    def save_session(self, path: str | Path) -> None:
        """Save the session to a file that only its owner may read, and keep it there: new tokens go there, too.

        Args:
            path: of the file; `logout` removes it.

        Raises:
            UsageError: nobody is logged in.
            SessionError: it cannot be written.
        """
        self.session.save(path)
        self._tokens.path = Path(path)

    def on_tokens_changed(self, listener: TokensChanged) -> TokensChanged:
        """Call a function with each session whose tokens are new, before they are used; also as a decorator.

        What it raises keeps the new tokens from being used, and ends the call that needed them::

            client.on_tokens_changed(Session.save_to_keyring)
        """
        self._tokens.listeners.append(listener)
        return listener

    def renew_session(self) -> Session:
        """Trade the refresh token for new tokens now, and return the session with them.

        There is seldom need to: it happens by itself when the access token has expired.

        Raises:
            UsageError: the session has no refresh token.
            UnknownToken: the server refuses; `soft_logout` tells whether to log in again.
            SessionError: the new tokens could not be stored, and are not used.
            TransportError, HTTPError, DecodeError: as it was before.

        Spec: "Refreshing access tokens".
        """
        session = self.session
        if not session.refresh_token:
            raise UsageError("this session has no refresh token")
        self._tokens.after(session.access_token)
        return self.session

    @classmethod
    def from_session(cls: type[C], session: Session | str | Path, **options: Any) -> C:
        """Return a client that goes on with a session; nothing is sent.

        Args:
            session: a value, or the file it was saved in; new tokens go to that file, too.
            options: as for `Client`.

        Raises:
            SessionError: the file cannot be used.
            StoreError: the store belongs to somebody else.
        """
        path = None if isinstance(session, Session) else Path(session)
        known = session if isinstance(session, Session) else Session.load(session)
        client = cls(known.homeserver_url, **options)
        client._sign_in_as(known)
        client._tokens.path = path
        return client

    @classmethod
    def login_or_restore(
        cls: type[C],
        path: str | Path,
        homeserver_url: str,
        user: str,
        password: str,
        *,
        device_name: str = "",
        **options: Any,
    ) -> C:
        """Return a client that goes on with a saved session; where there is none, log in and save it.

        After a soft logout it logs in again as the same device. A session that has ended for good is not
        replaced: its device is gone, and what was stored for it with it. Remove the file to begin anew.

        Args:
            path: of the file.
            homeserver_url: such as ``https://matrix.example.org``.
            user: a user id or localpart.
            password: of the account.
            device_name: what people see in their list of sessions.
            options: as for `Client`.

        Raises:
            UnknownToken: the saved session has ended.
            SessionError: the file cannot be used, or is of another user.
            Forbidden, TransportError, HTTPError, DecodeError, StoreError: see `login_with_password`.
        """
        if not Path(path).exists():
            client = cls(homeserver_url, **options)
            client.login_with_password(user, password, device_name=device_name, refresh_token=True)
            client.save_session(path)
            return client
        client = cls.from_session(path, **options)
        if user not in (client.user_id, client.user_id[1:].partition(":")[0]):
            raise SessionError(f"{path} is the session of {client.user_id}, not of {user}")
        try:
            client.call(WhoAmI())
        except UnknownToken as error:
            if not error.soft_logout:
                raise
            client.login_again(password)
        return client

    @classmethod
    def from_env(cls: type[C], environment: Mapping[str, str] | None = None, **options: Any) -> C:
        """Return a client that is logged in as the environment says.

        ``MATRIX_HOMESERVER`` is its URL. Then either ``MATRIX_ACCESS_TOKEN``, with ``MATRIX_USER_ID`` and
        ``MATRIX_DEVICE_ID`` (the server is asked for what is left out), or ``MATRIX_USER_ID`` and
        ``MATRIX_PASSWORD``, with ``MATRIX_DEVICE_ID`` to go on as that device. Or ``MATRIX_SESSION_FILE``
        alone, the path of a saved session.

        Args:
            environment: instead of `os.environ`.
            options: as for `Client`.

        Raises:
            UsageError: a variable is missing; the message says which.
            MatrixError: as logging in, or `from_session`.
        """
        given = os.environ if environment is None else environment
        homeserver, user_id, token, device_id, password, file = (
            given.get(f"MATRIX_{name}", "")
            for name in ("HOMESERVER", "USER_ID", "ACCESS_TOKEN", "DEVICE_ID", "PASSWORD", "SESSION_FILE")
        )
        if file:
            return cls.from_session(file, **options)
        if not homeserver:
            raise UsageError("the environment variable MATRIX_HOMESERVER is missing")
        if not token and not (user_id and password):
            missing = "MATRIX_PASSWORD" if user_id else "MATRIX_USER_ID" if password else ""
            raise UsageError(
                f"the environment variable {missing} is missing"
                if missing
                else "an environment variable is missing: MATRIX_ACCESS_TOKEN, or MATRIX_USER_ID and MATRIX_PASSWORD"
            )
        client = cls(homeserver, **options)
        if not token:
            client.login_with_password(user_id, password, device_id=device_id)
            return client
        if not user_id or not device_id:
            who = client._who_is(token)
            user_id, device_id = user_id or who.user_id, device_id or who.device_id or ""
        client.set_credentials(user_id, token, device_id)
        return client
