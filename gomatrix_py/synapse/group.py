"""What the groups of the admin API stand on."""

from __future__ import annotations

from typing import TypeVar

from ..cancellation import CancelToken
from ..clock import Clock
from ..http.endpoint import Caller, Endpoint
from ..http.retry import RetryPolicy

__all__ = ["AdminCaller", "AdminGroup"]

R = TypeVar("R")


class AdminCaller(Caller):
    """What a group may ask of the `SynapseAdmin` that it belongs to."""

    def call(
        self, endpoint: Endpoint[R], *, cancel: CancelToken | None = None, retry: RetryPolicy | None = None
    ) -> R:
        """Send a declared request and return its parsed answer."""
        raise NotImplementedError

    @property
    def clock(self) -> Clock:
        """The clock for waits and deadlines."""
        raise NotImplementedError

    def new_transaction_id(self) -> str:
        """Return an id no request of this device had before."""
        raise NotImplementedError

    def delegates_accounts(self) -> bool:
        """Tell whether accounts are kept by an authentication service (MAS)."""
        raise NotImplementedError


class AdminGroup(Caller):
    """One group of operations; `SynapseAdmin` makes it."""

    def __init__(self, admin: AdminCaller) -> None:
        self._admin = admin

    def call(self, endpoint: Endpoint[R]) -> R:
        """Send a declared request and return its parsed answer; see `SynapseAdmin.call`."""
        return self._admin.call(endpoint)
