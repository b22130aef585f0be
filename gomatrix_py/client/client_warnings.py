"""What a client notices beside its work and nobody waits for: typed warnings, for the log and for who wants them."""

from __future__ import annotations

import logging
from collections.abc import Callable

import attrs

from ..errors import UnknownToken
from ..store.records import InboxRow
from ..sync import StoringSyncer
from .base import BaseClient

__all__ = [
    "AccessTokenRejected",
    "ClientWarning",
    "DeviceKeysChanged",
    "EventSetAside",
    "PositionRejected",
    "ServerWentBack",
    "StoreRolledBack",
    "WarningListener",
    "WarningMethods",
]

log = logging.getLogger("gomatrix_py.client")


@attrs.frozen
class ClientWarning:
    """Something that is wrong without being an error of any one call; as text, in plain words."""


@attrs.frozen
class ServerWentBack(ClientWarning):
    """The server answered our position with an earlier one: its database was restored from a copy.

    Attributes:
        since: our position.
        next_batch: the one it answered.
    """

    since: str
    next_batch: str

    def __str__(self) -> str:
        return (
            f"the server went back in time, from {self.since} to {self.next_batch}: its database was restored from"
            " a copy; what happened there since is a gap in every room"
        )


@attrs.frozen
class StoreRolledBack(ClientWarning):
    """The store is an older copy of one that was used at the same place, or something else shows that it is.

    Attributes:
        where: its path, or what else names it.
        sign: what it was noticed by.
    """

    where: str
    sign: str = "a newer generation of it was open here before"

    def __str__(self) -> str:
        return (
            f"the store {self.where} was restored from an older copy ({self.sign}): events may be delivered again,"
            " and what was queued since is missing"
        )


@attrs.frozen
class PositionRejected(ClientWarning):
    """The server keeps refusing the position that is stored; the sync ends with `SyncTokenRejected`.

    Attributes:
        since: our position.
        said: what the server said.
    """

    since: str
    said: str

    def __str__(self) -> str:
        return f"the server keeps refusing our position {self.since} ({self.said}); the sync ends"


@attrs.frozen
class AccessTokenRejected(ClientWarning):
    """The access token is no longer good, and could not be renewed; the sync ends with `UnknownToken`.

    Attributes:
        is_soft_logout: True where signing in again brings the same device back.
    """

    is_soft_logout: bool

    def __str__(self) -> str:
        advice = "sign in again as the same device" if self.is_soft_logout else "the session is over"
        return f"the server no longer accepts our access token: {advice}"


@attrs.frozen
class DeviceKeysChanged(ClientWarning):
    """The server gave other keys to a device that we know; they were refused: nothing is encrypted for them.

    Attributes:
        user_id, device_id: whose.
        fingerprint: the one that goes on to count.
    """

    user_id: str
    device_id: str
    fingerprint: str

    def __str__(self) -> str:
        return (
            f"the server changed the keys of device {self.device_id} of {self.user_id}: they are refused, those with"
            f" the fingerprint {self.fingerprint} still count; somebody may be posing as that device"
        )


@attrs.frozen
class EventSetAside(ClientWarning):
    """An event was set aside, see `Client.quarantine`.

    Attributes:
        row: the event, as it stands in the journal.
        reason: why.
    """

    row: InboxRow
    reason: str

    def __str__(self) -> str:
        what = self.row.event_id or f"something without an id from {self.row.source.value}"
        return f"{what} in {self.row.room_id or 'no room'} was set aside: {self.reason}"


WarningListener = Callable[[ClientWarning], None]
"""Called with each warning, in the thread that noticed it; what it raises is logged."""


class WarningMethods(BaseClient):
    """`on_warning`, and what warns."""

    def _set_up(self) -> None:
        super()._set_up()
        self._warning_listeners: tuple[WarningListener, ...] = ()
        self._rolled_back_told: object = None

    def on_warning(self, callback: WarningListener) -> WarningListener:
        """Call a function with each warning of `client.client_warnings`; also as a decorator. All are logged, too."""
        self._warning_listeners = (*self._warning_listeners, callback)
        return callback

    def _warn(self, warning: ClientWarning) -> None:
        log.warning("%s", warning)
        for callback in self._warning_listeners:
            try:
                callback(warning)
            except Exception:
                log.exception("an on_warning callback raised")

    def _warn_of_token(self, error: BaseException) -> None:
        if isinstance(error, UnknownToken):
            self._warn(AccessTokenRejected(error.soft_logout))

    def _warn_of_store(self) -> None:
        """Say once of each store that it is an older copy."""
        store = self.store
        if self._rolled_back_told is not store and getattr(store, "was_rolled_back", False):
            self._rolled_back_told = store
            self._warn(StoreRolledBack(str(getattr(store, "path", store))))

    def _introduce_syncer(self) -> None:
        super()._introduce_syncer()
        if isinstance(self.syncer, StoringSyncer):
            self.syncer.delivery.on_set_aside = self._note_set_aside

    def _note_set_aside(self, row: InboxRow, reason: str) -> None:
        self._warn(EventSetAside(row, reason))
