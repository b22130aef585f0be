"""Asking for new tokens, wherever the old ones came from."""

from __future__ import annotations

import attrs

from ..api.login import RefreshToken
from ..cancellation import CancelToken
from ..clock import Clock
from ..errors import HTTPError, UnknownToken, UserLocked
from ..http.endpoint import Target
from ..http.exchange import Exchange
from .oauth_provider import OAuthProvider
from .saved_sessions import Session

__all__ = ["Renewer", "in_ms", "stamp"]

_REFUSALS = frozenset({400, 401, 403})


def stamp(clock: Clock, expires_in_ms: int | None) -> int | None:
    """Return when a token ends that is good for so many milliseconds, None where nobody said anything sound."""
    return clock.now_ms() + expires_in_ms if expires_in_ms is not None and expires_in_ms > 0 else None


def in_ms(seconds: int | None) -> int | None:
    """Return seconds as milliseconds."""
    return None if seconds is None else seconds * 1000


class Renewer:
    """Trades the refresh token of a session for new tokens, which are not used yet.

    Args:
        exchange: carries the requests.
        provider: of sessions that were made with OAuth 2.0.
        clock: stamps what will expire.
    """

    def __init__(self, exchange: Exchange, provider: OAuthProvider, clock: Clock) -> None:
        self._exchange = exchange
        self._provider = provider
        self._clock = clock

    def __call__(self, session: Session, cancel: CancelToken | None = None) -> Session:
        """Return the session with new tokens.

        Raises:
            UnknownToken: the server refuses to give any; `soft_logout` tells whether to log in again.
            MatrixError: it could not be asked, or cannot answer now.
        """
        try:
            access_token, refresh_token, lifetime_ms = self._ask(session, cancel)
        except HTTPError as error:
            if error.code not in _REFUSALS or isinstance(error, UserLocked):
                raise
            raise UnknownToken(
                "the session has ended and cannot be renewed",
                code=error.code,
                contents=error.contents,
                wrapped_error=error.wrapped_error,
            ) from error
        return attrs.evolve(
            session,
            access_token=access_token,
            refresh_token=refresh_token or session.refresh_token,
            expires_at_ts=stamp(self._clock, lifetime_ms),
        )

    def _ask(self, session: Session, cancel: CancelToken | None) -> tuple[str, str | None, int | None]:
        if session.oauth_client_id:
            tokens = self._provider.refresh(session, cancel)
            return tokens.access_token, tokens.refresh_token, in_ms(tokens.expires_in)
        endpoint = RefreshToken(session.refresh_token)
        request = attrs.evolve(endpoint.to_request(Target(session.homeserver_url)), cancel=cancel)
        answer = endpoint.parse(self._exchange.send(request))
        return answer.access_token, answer.refresh_token, answer.expires_in_ms
