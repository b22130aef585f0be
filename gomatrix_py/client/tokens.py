"""The tokens of a session: renewed once for all threads, and stored before they are used."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import attrs

from ..cancellation import CancelToken
from ..clock import Clock
from ..errors import RequestCancelled, SessionError, UnknownToken
from .saved_sessions import Session, sole_use_of

__all__ = ["Renew", "TokenKeeper", "TokensChanged"]

TokensChanged = Callable[[Session], object]
"""Called with a session whose tokens are new, before they are used; what it raises keeps them from being used."""

Renew = Callable[[Session, CancelToken | None], Session]
"""Asks for new tokens; returns the session with them."""

LOOK_S = 0.1


class _Flight:
    """One renewal, that several threads may wait for."""

    def __init__(self) -> None:
        self.is_over = threading.Event()
        self.error: BaseException | None = None


class TokenKeeper:
    """Keeps one session, for all threads of a client.

    Args:
        session: to begin with.
        clock: tells whether a token has expired.
        renew: asks for new tokens.
        take_over: told of each session that is to be acted as from now on.
    """

    def __init__(self, session: Session, clock: Clock, renew: Renew, take_over: Callable[[Session], None]) -> None:
        self._session = session
        self._clock = clock
        self._renew = renew
        self._take_over = take_over
        self._lock = threading.RLock()
        self._flight: _Flight | None = None
        self.path: Path | None = None
        self.listeners: list[TokensChanged] = []

    @property
    def session(self) -> Session:
        """The session as it is now."""
        return self._session

    @property
    def is_kept(self) -> bool:
        """True where new tokens are stored somewhere: in a file, or by a listener."""
        return self.path is not None or bool(self.listeners)

    def replace(self, session: Session) -> None:
        """Act as another session, or with other tokens, from now on; stored first where it is kept.

        Raises:
            SessionError: it cannot be stored; everything is as before.
        """
        if session.access_token:
            self._store(session)
        with self._lock:
            self._session = session
            self._take_over(session)

    def discard(self) -> None:
        """Forget what a session that has ended leaves behind: its file, and the refresh token."""
        path, self.path = self.path, None
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink()
        self._give_up(self._session)

    def _give_up(self, session: Session) -> None:
        with self._lock:
            if self._session is session:
                self._session = attrs.evolve(session, refresh_token="", expires_at_ts=None)

    # ------------------------------------------------------------ renewing

    def token(self, cancel: CancelToken | None = None) -> str:
        """Return the access token, a new one where it is known to have expired.

        Raises:
            MatrixError: whatever kept it from being renewed.
        """
        session = self._session
        if session.refresh_token and self._has_expired(session):
            return self.after(session.access_token, cancel) or session.access_token
        return session.access_token

    def _has_expired(self, session: Session) -> bool:
        return session.expires_at_ts is not None and self._clock.now_ms() >= session.expires_at_ts

    def after(self, failed: str, cancel: CancelToken | None = None) -> str:
        """Return a token that is newer than one the server did not take, "" where there is none to be had.

        However many threads ask, one of them asks the server; if another was faster altogether, none does.

        Raises:
            UnknownToken: the server refuses to give another; `soft_logout` tells whether to log in again.
            SessionError: the new tokens could not be stored, and are not used.
            MatrixError: whatever else kept it from being renewed, and may pass.
        """
        while True:
            with self._lock:
                session = self._session
                if session.access_token != failed or not session.refresh_token:
                    return session.access_token if session.access_token != failed else ""
                flight, is_ours = self._flight or _Flight(), self._flight is None
                self._flight = flight
            if is_ours:
                self._fly(flight, session, cancel)
            else:
                _wait_for(flight, cancel)
            if flight.error is None:
                return self._session.access_token
            if not isinstance(flight.error, RequestCancelled):
                raise flight.error

    def _fly(self, flight: _Flight, session: Session, cancel: CancelToken | None) -> None:
        try:
            self._renew_and_store(session, cancel)
        except RequestCancelled as error:
            flight.error = error
            raise
        except Exception as error:  # noqa: BLE001 - a listener may raise anything, and all who wait get it
            flight.error = error
        except BaseException:  # Ctrl-C is for this thread; the others try for themselves
            flight.error = RequestCancelled("the renewal of the token was interrupted")
            raise
        finally:
            with self._lock:
                self._flight = None
            flight.is_over.set()

    def _renew_and_store(self, session: Session, cancel: CancelToken | None) -> None:
        with sole_use_of(self.path, cancel) if self.path is not None else contextlib.nullcontext():
            newest = self._stored_by_others(session)
            if newest is session or self._has_expired(newest):
                try:
                    newest = self._renew(newest, cancel)
                except UnknownToken:
                    self._give_up(session)  # nobody need try that again
                    raise
                self._store(newest)
            with self._lock:
                if self._session is session:
                    self._session = newest
                    self._take_over(newest)

    def _stored_by_others(self, session: Session) -> Session:
        """Return what another process that uses the same file has made of the session."""
        if self.path is None:
            return session
        try:
            stored = Session.load(self.path)
        except SessionError:
            return session
        same = [(one.homeserver_url, one.user_id, one.device_id) for one in (stored, session)]
        return stored if same[0] == same[1] and stored.access_token != session.access_token else session

    def _store(self, session: Session) -> None:
        if self.path is not None:
            session.save(self.path)
        for listener in tuple(self.listeners):
            listener(session)


def _wait_for(flight: _Flight, cancel: CancelToken | None) -> None:
    while not flight.is_over.wait(LOOK_S):
        if cancel is not None and cancel.is_cancelled:
            raise RequestCancelled("cancelled while the token was renewed", was_sent=False)
