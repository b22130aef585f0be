"""What the syncers of this package share: one batch per answer into the store, then the listeners."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import attrs

from ..api.sync import SyncResponse
from ..cancellation import CancelToken
from ..collector import quiet_collector
from ..errors import (
    DecodeError,
    LimitExceeded,
    MatrixError,
    MissingToken,
    UnknownToken,
    UserDeactivated,
    UserLocked,
)
from ..events import Event
from ..events.skim import NO_EVENTS
from ..rooms import Room
from ..store.base import Storer, SyncStorer, is_sync_storer
from ..store.journal import Journal
from ..store.records import InboxRow, SyncBatch
from .delivery import Delivery, Watched
from .handling import handling
from .listeners import Listener, ListenerPolicy, log_listener_error
from .listening import Listening
from .planner import Planner

__all__ = ["AroundCommit", "OpenEvent", "Processed", "StoringSyncer"]

log = logging.getLogger("gomatrix_py.sync")

AroundCommit = Callable[[SyncResponse, str, SyncBatch], AbstractContextManager[None]]
"""Entered with an answer, its `since` and the batch made of it, which it may change; left once that is stored."""

OpenEvent = Callable[[Event, InboxRow], Event]
"""Returns an encrypted event as its sender wrote it, or as it came where it cannot be read."""

LONGEST_WAIT_S = 3600.0
LONGEST_LOCKED_WAIT_S = 300.0


@attrs.frozen
class Processed:
    """What one answer took.

    Attributes:
        size: of the answer, in bytes.
        events: how many were for the listeners.
        plan_s: for finding out what it changes, in seconds.
        commit_s: for storing that.
        deliver_s: for the listeners; with workers, for handing over.
    """

    size: int
    events: int
    plan_s: float
    commit_s: float
    deliver_s: float

    @classmethod
    def between(cls, size: int, events: int, moments: Sequence[float]) -> Processed:
        """Return what was done between four moments."""
        begun, planned, stored, ended = moments
        return cls(size, events, planned - begun, stored - planned, ended - stored)


class StoringSyncer(Listening):
    """Processes /sync answers into a store and tells listeners what happened.

    Each event reaches its listeners once and in order of its room. The first sync sets the scene: state
    is applied, and only what waits for an answer (invites, knocks, to-device messages) is delivered. An
    event whose listeners raise goes by the listener policy; one whose delivery ended the process three
    times is set aside, see `Client.quarantine`.

    With `workers`, listeners run on threads while a sync of the client runs: still in order within a room, and
    rooms side by side. The sync waits where a thousand events are in flight. A sync that is stopped lets what runs
    finish, for half a minute at most; what waits stays in the journal for the next one. A whole answer is told to
    its listeners when its events are in flight, not when they are handled.

    Args:
        user_id: our own; the client fills it in where it is "".
        store: where to; the client fills it in where it is None.
        listener_policy: what happens when a listener raises; `log_listener_error` or
            `raise_listener_error` or one of your own.
        deliver_initial: deliver what the first sync brings too.
        fill_gaps: how many left-out events per room to fetch and deliver in order; 0 only notes the gap.
        retry_wait_s: how long to wait at most after failed syncs, in seconds.
        workers: how many rooms may be handled at the same time, each by a thread; 0 handles everything in the
            thread that syncs.
        handler_timeout_s: how long a listener may take, in seconds; needs workers. One that takes longer is
            reported to the listener policy as `HandlerTimeout`, its event is set aside, and its room goes on
            with another thread. Python cannot end the thread that hangs: what it still does, it does.

    Attributes:
        around_commit: entered with each answer, and left when that is stored.
        open_event: reads what is encrypted.
        delivery: how events get to the listeners.
        own_journal: where they wait where the store keeps none.
        on_processed: told of each answer that was processed, and how long that took.

    Raises:
        UsageError: fewer than no workers, or a time limit without any.
    """

    def __init__(
        self,
        user_id: str = "",
        store: Storer | None = None,
        *,
        listener_policy: ListenerPolicy = log_listener_error,
        deliver_initial: bool = False,
        fill_gaps: int = 0,
        retry_wait_s: float = 10.0,
        workers: int = 0,
        handler_timeout_s: float | None = None,
    ) -> None:
        super().__init__()
        self.user_id = user_id
        self.store = store
        self.listener_policy = listener_policy
        self.deliver_initial = deliver_initial
        self.fill_gaps = fill_gaps
        self.retry_wait_s = retry_wait_s
        self.around_commit: AroundCommit | None = None
        self.open_event: OpenEvent | None = None
        self.on_processed: Callable[[Processed], None] | None = None
        self.delivery = Delivery(self._notify, self._report, workers, handler_timeout_s)
        self.own_journal = Journal()
        self._failures = 0

    # ------------------------------------------------------------ gomatrix's three

    def process_response(self, response: SyncResponse, since: str) -> None:
        """Store an answer in one transaction, then tell the listeners.

        Raises:
            StoreError: nothing was stored, and no listener was told.
            ListenerFailed: a listener raised, and the policy says to stop.
        """
        for problem in response.problems:
            log.warning("left out of the sync answer: %s: %s", problem.path, problem.message)
        store, size = self.store, len(response.body)
        moments = [time.monotonic()]
        with quiet_collector(size):
            batch = self.plan(response, since)
        moments.append(time.monotonic())
        if is_sync_storer(store):
            with quiet_collector(size):
                rows = self._committed(store, response, since, batch)
            self._failures = 0
            moments.append(time.monotonic())
            self.deliver(store, rows)
        else:
            self._failures = 0
            moments.append(moments[-1])
            self._process_with_six_methods(store, batch)
        if self.on_processed is not None:
            self.on_processed(Processed.between(size, len(batch.inbox), [*moments, time.monotonic()]))
        for callback in self._response_listeners:
            try:
                callback(response, since)
            except Exception as error:  # noqa: BLE001 - a listener may raise anything
                self.listener_policy(response, callback, error)

    def _committed(
        self, store: SyncStorer, response: SyncResponse, since: str, batch: SyncBatch
    ) -> Sequence[InboxRow]:
        if self.around_commit is None:
            return store.commit_sync(batch)
        with self.around_commit(response, since, batch):
            return store.commit_sync(batch)

    def on_failed_sync(self, response: SyncResponse | None, error: Exception) -> float:
        """Wait a little longer each time, up to `retry_wait_s` seconds; as long as the server asks, an hour at most.

        A locked account is waited for, too, up to five minutes between two tries: the session stays.

        Raises:
            UnknownToken, MissingToken, UserDeactivated: trying again cannot help.
        """
        if isinstance(error, (UnknownToken, MissingToken, UserDeactivated)):
            raise error
        if isinstance(error, LimitExceeded) and error.retry_after_s is not None:
            return min(error.retry_after_s, LONGEST_WAIT_S)
        self._failures += 1
        longest_s = LONGEST_LOCKED_WAIT_S if isinstance(error, UserLocked) else self.retry_wait_s
        return min(longest_s, 0.5 * 2.0 ** min(self._failures, 20))

    def get_filter_json(self, user_id: str) -> dict[str, Any]:
        """Return the filter for /sync: here one that lets everything pass."""
        return {}

    # ------------------------------------------------------------ the steps, for those who override one

    def plan(self, response: SyncResponse, since: str) -> SyncBatch:
        """Return all that an answer changes; nothing is stored."""
        planner = Planner(
            self.user_id,
            self.listeners,
            self.known_membership,
            deliver_initial=self.deliver_initial,
            lazy_load_members=self.may_lack_members(),
        )
        return planner.plan(response, since)

    def may_lack_members(self) -> bool:
        """Tell whether answers may leave out members of a room."""
        return True

    def known_membership(self, room_id: str) -> str:
        """Return how we stood to a room until now, "leave" where it is new."""
        room = self.store.load_room(room_id) if self.store is not None else None
        return room.membership if room is not None else "leave"

    def gap_begin(self, room_id: str, since: str) -> str:
        """Return the token at which a gap of a room begins, "" where none is known."""
        return since

    def deliver(self, store: SyncStorer | Journal, rows: Sequence[InboxRow]) -> None:
        """Tell the listeners of journalled events, and mark those that were handled.

        Raises:
            ListenerFailed: the policy says to stop; this event and those after it stay in the journal.
        """
        self.delivery.deliver(store, rows)

    def deliver_again(self) -> None:
        """Deliver what an earlier run journalled but did not finish.

        What was with its listeners when the process ended, or the sync, comes alone and first of its room; where
        that has happened three times it is set aside.

        Raises:
            ListenerFailed: the policy says to stop.
        """
        self.delivery.deliver_again(self.store if is_sync_storer(self.store) else self.own_journal)

    def delivering(self, cancel: CancelToken) -> AbstractContextManager[None]:
        """Return a block during which listeners run on threads, where there are workers; see `Delivery.run`."""
        return self.delivery.run(cancel)

    def _notify(self, row: InboxRow, watched: Watched | None) -> None:
        try:
            event = Event.from_json(row.json, row.room_id, row.source)
        except DecodeError as error:
            log.warning("left out something that is no event: %s", error)
            return
        if self.open_event is not None and event.type in self.listeners.sealed_types:
            event = self.open_event(event, row)
        listeners = self.listeners.hearing(row.source, event)
        for place, listener in enumerate(listeners):
            if watched is not None:
                watched.begin_step((event, listener))
            try:
                with handling(row, listener, listeners[:place]):
                    listener(event)
            except Exception as error:  # noqa: BLE001 - a listener may raise anything
                if watched is not None:
                    watched.end_step()
                self.listener_policy(event, listener, error)
            if watched is not None:
                watched.end_step()

    def _report(self, event: Event, listener: Listener, error: Exception) -> None:
        self.listener_policy(event, listener, error)

    # ------------------------------------------------------------ stores that only have gomatrix's six

    def _process_with_six_methods(self, store: Storer | None, batch: SyncBatch) -> None:
        """Save room by room; the loop saves the token afterwards, so nothing is lost, but an interrupted
        answer is processed again. What was delivered in this process is remembered here."""
        if store is not None:
            for delta in batch.rooms:
                room = store.load_room(delta.room_id) or Room(delta.room_id)
                room.apply(attrs.evolve(delta, base_state=NO_EVENTS, state=[]))
                for event in _events(delta.room_id, (json for _, _, json in delta.all_state())):
                    room.update_state(event)
                store.save_room(room)
        for delta in batch.rooms:
            self.own_journal.note(delta.room_id, delta.seen)
        self.own_journal.append(batch.inbox)
        self.deliver(self.own_journal, self.own_journal.undelivered())


def _events(room_id: str, pieces: Iterable[bytes]) -> Iterable[Event]:
    for json in pieces:
        try:
            yield Event.from_json(json, room_id)
        except MatrixError:
            continue
