"""What the chapters of the API stand on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..http.endpoint import Caller, Endpoint

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


def carries_out(endpoint: type[Endpoint[Any]]) -> Callable[[F], F]:
    """Mark a written-out method as the one that carries out this operation (see the registry test)."""

    def mark(method: F) -> F:
        method.__endpoint__ = endpoint  # type: ignore[attr-defined]
        return method

    return mark
