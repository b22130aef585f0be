"""What the chapters of the API stand on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from ..http.endpoint import Caller, Empty, Endpoint, warn_if_deprecated

__all__ = ["Api", "carries_out"]

F = TypeVar("F", bound=Callable[..., Any])


class Api(Caller):
    """Base of every chapter's methods: what they may ask of the client they become part of."""

    @property
    def homeserver_url(self) -> str:
        """The homeserver's base URL, without a trailing slash."""
        raise NotImplementedError

    @property
    def user_id(self) -> str:
        """The user this client acts for."""
        raise NotImplementedError

    def own_user_id(self) -> str:
        """Return the user id, for calls that cannot do without.

        Raises:
            UsageError: the client is not logged in.
        """
        raise NotImplementedError

    def new_transaction_id(self) -> str:
        """Return an id no request of this device had before."""
        raise NotImplementedError

    def _check_may_be_plain(self, room_id: str, event_type: str) -> None:
        """Refuse an event that would go into an encrypted room in the clear; nothing is refused where none is known.

        Raises:
            EncryptionRequired: it would.
        """

    def _end_session(self, endpoint: Endpoint[Empty]) -> Empty:
        """Send a request that ends our session, and forget what that leaves behind."""
        raise NotImplementedError


def carries_out(endpoint: type[Endpoint[Any]]) -> Callable[[F], F]:
    """Mark a written-out method as the one that carries out this operation (see the registry test).

    Calling it warns where the operation is deprecated, as calling a `Call` does.
    """

    def mark(method: F) -> F:
        marked: Any = _warning(method, endpoint) if endpoint.DEPRECATED else method
        marked.__endpoint__ = endpoint
        return marked  # type: ignore[no-any-return]

    return mark


def _warning(method: Callable[..., Any], endpoint: type[Endpoint[Any]]) -> Callable[..., Any]:
    @functools.wraps(method)
    def warned(*args: Any, **kwargs: Any) -> Any:
        warn_if_deprecated(endpoint, method.__name__)
        return method(*args, **kwargs)

    return warned
