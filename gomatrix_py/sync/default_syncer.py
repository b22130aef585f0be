"""The syncer most clients want: /sync, with a filter of its own."""

from __future__ import annotations

from typing import Any

from ..store.base import Storer
from .listeners import ListenerPolicy, log_listener_error
from .storing_syncer import StoringSyncer

__all__ = ["DefaultSyncer"]


class DefaultSyncer(StoringSyncer):
    """Processes the answers of /sync into a store and tells listeners what happened; see `StoringSyncer`.

    Args:
        user_id: our own; the client fills it in where it is "".
        store: where to; the client fills it in where it is None.
        listener_policy: what happens when a listener raises; `log_listener_error` or
            `raise_listener_error` or one of your own.
        deliver_initial: deliver what the first sync brings too.
        fill_gaps: how many left-out events per room to fetch and deliver in order; 0 only notes the gap.
        timeline_limit: how many events per room an answer may bring.
        lazy_load_members: let the server send only those members who said something. First syncs of large
            accounts get much smaller, but `Room.members` and what is counted from it then hold those only;
            the rest comes with `load_members`. Off by default, so that a room's members are its members.
        retry_wait_s: how long to wait at most after failed syncs, in seconds.
        workers, handler_timeout_s: let listeners run on threads, see `StoringSyncer`.
    """

    def __init__(
        self,
        user_id: str = "",
        store: Storer | None = None,
        *,
        listener_policy: ListenerPolicy = log_listener_error,
        deliver_initial: bool = False,
        fill_gaps: int = 0,
        timeline_limit: int = 50,
        lazy_load_members: bool = False,
        retry_wait_s: float = 10.0,
        workers: int = 0,
        handler_timeout_s: float | None = None,
    ) -> None:
        super().__init__(
            user_id,
            store,
            listener_policy=listener_policy,
            deliver_initial=deliver_initial,
            fill_gaps=fill_gaps,
            retry_wait_s=retry_wait_s,
            workers=workers,
            handler_timeout_s=handler_timeout_s,
        )
        self.timeline_limit = timeline_limit
        self.lazy_load_members = lazy_load_members

    def get_filter_json(self, user_id: str) -> dict[str, Any]:
        """Return a filter that limits each room's timeline to `timeline_limit` events, and counts threads apart."""
        timeline: dict[str, Any] = {"limit": self.timeline_limit, "unread_thread_notifications": True}
        room: dict[str, Any] = {"timeline": timeline}
        if self.lazy_load_members:
            timeline["lazy_load_members"] = True
            room["state"] = {"lazy_load_members": True}
        return {"room": room}

    def may_lack_members(self) -> bool:
        """Tell whether the filter may keep members of a room out."""
        if type(self).get_filter_json is DefaultSyncer.get_filter_json:
            return self.lazy_load_members
        room = self.get_filter_json(self.user_id).get("room")
        return bool(isinstance(room, dict) and room.get("state"))
