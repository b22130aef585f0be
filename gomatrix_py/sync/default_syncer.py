"""The syncer most clients want: keeps rooms up to date and tells listeners, each event once and in order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, overload

from ..api.sync import SyncResponse
from ..collector import quiet_collector
from ..errors import DecodeError, LimitExceeded, MatrixError, MissingToken, UnknownToken, UserDeactivated
from ..events import Event, EventSource
from ..events.skim import NO_EVENTS
from ..rooms import Room
from ..store.base import MAX_TRIES, Storer, SyncStorer, is_sync_storer
from ..store.journal import Journal
from ..store.records import InboxRow, SyncBatch
from .listeners import Listener, ListenerPolicy, Listeners, ResponseListener, log_listener_error
from .planner import Planner

__all__ = ["DefaultSyncer"]

log = logging.getLogger("gomatrix_py.sync")

LONGEST_WAIT_S = 3600.0


class DefaultSyncer:
    """Processes /sync answers into a store and tells listeners what happened.

    Each event reaches its listeners once and in order of its room. The first sync sets the scene: state
    is applied, and only what waits for an answer (invites, knocks, to-device messages) is delivered. An
    event whose listeners raise goes by the listener policy; one whose delivery ended the process three
    times is set aside, see `SyncStorer.quarantined`.

    Args:
        user_id: our own; the client fills it in where it is "".
        store: where to; the client fills it in where it is None.
        listener_policy: what happens when a listener raises; `log_listener_error` or
            `raise_listener_error` or one of your own.
        deliver_initial: deliver what the first sync brings too.
        fill_gaps: how many left-out events per room to fetch and deliver in order; 0 only notes the gap.
        timeline_limit: how many events per room an answer may bring.
        retry_wait_s: how long to wait at most after failed syncs, in seconds.
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
        retry_wait_s: float = 10.0,
    ) -> None:
        self.user_id = user_id
        self.store = store
        self.listener_policy = listener_policy
        self.deliver_initial = deliver_initial
        self.fill_gaps = fill_gaps
        self.timeline_limit = timeline_limit
        self.retry_wait_s = retry_wait_s
        self.listeners = Listeners()
        self._response_listeners: list[ResponseListener] = []
        self._own_journal = Journal()
        self._failures = 0

    # ------------------------------------------------------------ listening

    @overload
    def on_event_type(self, event_type: str, callback: Listener) -> Listener: ...

    @overload
    def on_event_type(self, event_type: str) -> Callable[[Listener], Listener]: ...

    def on_event_type(self, event_type: str, callback: Listener | None = None) -> Any:
        """Tell a listener of every event of a type, wherever it comes from; also as a decorator."""
        return self._listen(callback, event_type, None)

    @overload
    def on_event(self, callback: Listener) -> Listener: ...

    @overload
    def on_event(self, callback: None = None) -> Callable[[Listener], Listener]: ...

    def on_event(self, callback: Listener | None = None) -> Any:
        """Tell a listener of everything; also as a decorator."""
        return self._listen(callback, None, None)

    @overload
    def on_source(self, source: EventSource, callback: Listener, *, event_type: str | None = None) -> Listener: ...

    @overload
    def on_source(self, source: EventSource, *, event_type: str | None = None) -> Callable[[Listener], Listener]: ...

    def on_source(
        self, source: EventSource, callback: Listener | None = None, *, event_type: str | None = None
    ) -> Any:
        """Tell a listener of events from one part of the answer, of one type or any; also as a decorator."""
        return self._listen(callback, event_type, source)

    def on_response(self, callback: ResponseListener) -> ResponseListener:
        """Tell a listener of every whole answer, after its events; also as a decorator."""
        self._response_listeners.append(callback)
        return callback

    def remove_listener(self, callback: Listener | ResponseListener) -> None:
        """Tell a listener of nothing any more."""
        self.listeners.remove(callback)  # type: ignore[arg-type]
        self._response_listeners = [one for one in self._response_listeners if one != callback]

    def _listen(self, callback: Listener | None, event_type: str | None, source: EventSource | None) -> Any:
        def register(listener: Listener) -> Listener:
            self.listeners.add(listener, event_type, source)
            return listener

        return register if callback is None else register(callback)

    # ------------------------------------------------------------ gomatrix's three

    def process_response(self, response: SyncResponse, since: str) -> None:
        """Store an answer in one transaction, then tell the listeners.

        Raises:
            StoreError: nothing was stored, and no listener was told.
            ListenerFailed: a listener raised, and the policy says to stop.
        """
        for problem in response.problems:
            log.warning("left out of the sync answer: %s: %s", problem.path, problem.message)
        store = self.store
        with quiet_collector(len(response.body)):
            batch = self.plan(response, since)
            rows = store.commit_sync(batch) if is_sync_storer(store) else None
        self._failures = 0
        if is_sync_storer(store) and rows is not None:
            self.deliver(store, rows)
        else:
            self._process_with_six_methods(store, batch)
        for callback in tuple(self._response_listeners):
            try:
                callback(response, since)
            except Exception as error:  # noqa: BLE001 - a listener may raise anything
                self.listener_policy(response, callback, error)

    def on_failed_sync(self, response: SyncResponse | None, error: Exception) -> float:
        """Wait a little longer each time, up to `retry_wait_s` seconds; as long as the server asks, an hour at most.

        Raises:
            UnknownToken, MissingToken, UserDeactivated: trying again cannot help.
        """
        if isinstance(error, (UnknownToken, MissingToken, UserDeactivated)):
            raise error
        if isinstance(error, LimitExceeded) and error.retry_after_s is not None:
            return min(error.retry_after_s, LONGEST_WAIT_S)
        self._failures += 1
        return min(self.retry_wait_s, 0.5 * 2.0 ** min(self._failures, 20))

    def get_filter_json(self, user_id: str) -> dict[str, Any]:
        """Return a filter that limits each room's timeline to `timeline_limit` events."""
        return {"room": {"timeline": {"limit": self.timeline_limit}}}

    # ------------------------------------------------------------ the steps, for those who override one

    def plan(self, response: SyncResponse, since: str) -> SyncBatch:
        """Return all that an answer changes; nothing is stored."""
        planner = Planner(self.user_id, self.listeners, self._known_membership, deliver_initial=self.deliver_initial)
        return planner.plan(response, since)

    def _known_membership(self, room_id: str) -> str:
        room = self.store.load_room(room_id) if self.store is not None else None
        return room.membership if room is not None else "leave"

    def deliver(self, store: SyncStorer | Journal, rows: Sequence[InboxRow]) -> None:
        """Tell the listeners of journalled events, and mark those that were handled.

        Raises:
            ListenerFailed: the policy says to stop; this event and those after it stay in the journal.
        """
        if not rows:
            return
        done = 0
        try:
            for row in rows:
                self._notify(row)
                done += 1
        finally:
            if done:
                store.mark_delivered(rows[:done])

    def deliver_again(self) -> None:
        """Deliver what an earlier run journalled but did not finish.

        Each row is counted before its listeners run, so that one that keeps ending the process is set
        aside instead of ending it for ever.

        Raises:
            ListenerFailed: the policy says to stop.
        """
        store = self.store if is_sync_storer(self.store) else self._own_journal
        for row in store.undelivered():
            if row.tries >= MAX_TRIES - 1:
                log.error("set aside after %d tries: %s in %s", row.tries + 1, row.event_id, row.room_id)
                store.set_aside(row, "its delivery ended the process again and again")
                continue
            store.begin_try(row)
            self._notify(row)
            store.mark_delivered([row])

    def _notify(self, row: InboxRow) -> None:
        try:
            event = Event.from_json(row.json, row.room_id, row.source)
        except DecodeError as error:
            log.warning("left out something that is no event: %s", error)
            return
        for listener in self.listeners.wanting(row.source, event.type):
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - a listener may raise anything
                self.listener_policy(event, listener, error)

    # ------------------------------------------------------------ stores that only have gomatrix's six

    def _process_with_six_methods(self, store: Storer | None, batch: SyncBatch) -> None:
        """Save room by room; the loop saves the token afterwards, so nothing is lost, but an interrupted
        answer is processed again. What was delivered in this process is remembered here."""
        if store is not None:
            for delta in batch.rooms:
                room = store.load_room(delta.room_id) or Room(delta.room_id)
                room.apply(
                    delta.membership,
                    NO_EVENTS,
                    (),
                    delta.summary,
                    delta.notification_count,
                    delta.highlight_count,
                    delta.prev_batch,
                )
                for event in _events(delta.room_id, (json for _, _, json in delta.all_state())):
                    room.update_state(event)
                store.save_room(room)
        self._own_journal.append(batch.inbox)
        self.deliver(self._own_journal, self._own_journal.undelivered())


def _events(room_id: str, pieces: Iterable[bytes]) -> Iterable[Event]:
    for json in pieces:
        try:
            yield Event.from_json(json, room_id)
        except MatrixError:
            continue
