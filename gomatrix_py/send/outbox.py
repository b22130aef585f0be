"""The outbox: everything that is sent waits here until the server has it, in order within a room.

A row is kept before the first byte of it leaves, so that neither a crash nor a broken connection loses it or
sends it twice. Whoever sends does the work in their own thread: there is none in the background.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from itertools import takewhile

import attrs

from ..cancellation import CancelToken
from ..clock import Clock, SystemClock
from ..codec import loads
from ..errors import DecodeError, MatrixError, OutboxFull, SendBlocked, StoreError, UsageError
from ..http.retry import RetryPolicy
from ..store.outbox import OutboxRow, OutboxState, OutboxStorer
from .outcomes import Outcome, outcome_of
from .row_sender import FindSent, RowSender, RowWatcher, Transmit

__all__ = ["FlushReport", "Outbox"]

log = logging.getLogger("gomatrix_py.send")

BATCH = 20
SENT_IS_KEPT_MS = 7 * 24 * 3600 * 1000
SENT_KEPT = 1000
"""So many stay whatever the clock says: one that is years ahead must not make the same be sent again."""
FORGETTING_EVERY_MS = 3600 * 1000
LANE_LOOK_S = 0.1
_TO_BE_SENT = (OutboxState.QUEUED, OutboxState.SENDING)
_TO_BE_FLUSHED = (*_TO_BE_SENT, OutboxState.PARKED)


@attrs.frozen
class FlushReport:
    """What a flush did; true where nothing is left.

    Attributes:
        sent: the rows the server has now.
        waiting: those that still wait, with why in `last_error`.
    """

    sent: Sequence[OutboxRow] = ()
    waiting: Sequence[OutboxRow] = ()

    def __bool__(self) -> bool:
        return not self.waiting


class _Lane:
    """The rows of one room: one thread at a time sends them."""

    __slots__ = ("is_sending", "lock")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.is_sending = False

    @contextmanager
    def used(self) -> Iterator[None]:
        """Keep this thread, which holds the lock, from sending while it sends."""
        if self.is_sending:
            raise UsageError("a hook that runs while something is sent cannot itself send to the same room")
        self.is_sending = True
        try:
            yield
        finally:
            self.is_sending = False


class Outbox:
    """Sends rows once each, in order within a room, rooms side by side; threads may share one.

    Args:
        rows: where they are kept.
        transmit: sends one once.
        find_sent: looks for one that was sent so long ago that the server forgot its transaction id.
        policy: when a failed one is tried again.
        clock: for waits and stamps.
        max_waiting: about how many rows may wait.
        workers: how many rooms a flush sends to at the same time.
    """

    def __init__(
        self,
        rows: OutboxStorer,
        transmit: Transmit,
        find_sent: FindSent | None = None,
        *,
        policy: RetryPolicy | None = None,
        clock: Clock | None = None,
        max_waiting: int = 10_000,
        workers: int = 8,
    ) -> None:
        self.rows = rows
        self.clock = clock or SystemClock()
        self.max_waiting = max_waiting
        self.workers = workers
        self._sender = RowSender(rows, transmit, find_sent, policy or RetryPolicy(), self.clock)
        self._lanes: dict[str, _Lane] = {}
        self._lock = threading.Lock()
        self._has_unsettled = True  # what an earlier process left is not known yet
        self._room_for = 0
        self._forgot_ts = 0
        self._forget_old()
        _outboxes.add(self)

    def _begin_in_child(self) -> None:
        """Wait for none of those who held a lane when the process was forked: they are not in the child."""
        self._lanes, self._lock = {}, threading.Lock()

    # ------------------------------------------------------------ sending

    def send(self, row: OutboxRow, cancel: CancelToken | None = None) -> OutboxRow:
        """Send a row now, after those of its room that wait, and return it as sent.

        What has its transaction id and was sent before is returned as it was then; nothing is sent.

        What was certainly not sent is forgotten when this raises. What may have been sent is parked: a flush,
        its echo in a sync, or the same transaction id settles it, and it never becomes two events.

        Raises:
            SendBlocked: an earlier row of the room cannot be sent; this one was not tried.
            HTTPError, TransportError, UsageError, StoreError: as the sending of it raised them.
        """
        with self._lane(row.room_id):
            earlier = [one.id for one in self.rows.waiting(row.room_id) if one.state in _TO_BE_SENT]
            kept, is_new = self._add(row, is_next=not earlier and not row.depends_on)
            if kept.is_sent:
                return kept
            try:
                self._send_earlier([one for one in earlier if one < kept.id], cancel)
                self._sender.send(kept, cancel, is_fresh=is_new)
            except BaseException:
                self._give_up(kept, may_forget=is_new)
                raise
            return kept

    def queue(self, row: OutboxRow) -> OutboxRow:
        """Keep a row for the next flush, or the next sending to its room, and return it as kept.

        Raises:
            OutboxFull: too many wait already.
            StoreError: it could not be kept.
        """
        self._check_room_for_more()
        return self._add(row, is_next=False)[0]

    def flush(
        self, timeout_s: float = 60.0, *, room_id: str | None = None, cancel: CancelToken | None = None
    ) -> FlushReport:
        """Send all that waits, of a room or of all rooms, trying again until the time is over.

        Args:
            timeout_s: for the whole of it, in seconds.
            room_id: of one room only.
            cancel: lets another thread end it.

        Raises:
            HTTPError: the server no longer accepts our access token.
            CryptoError: nothing can be encrypted here: the key of the store is wrong, its keys are lost, or a
                library is missing.
            StoreError: the outbox cannot be read or written.
        """
        before = self.rows.due_ids(room_id)
        rooms = list(dict.fromkeys(of_room for _, of_room in before))
        if rooms:
            flush = _Flush(self.clock, self.clock.monotonic() + timeout_s)
            with (cancel or CancelToken()).on_cancel(flush.token.cancel):
                self._flush_rooms(rooms, flush)
        now = [self.rows.get(row_id) for row_id, _ in before]
        return FlushReport([row for row in now if row is not None and row.is_sent], self.pending(room_id))

    # ------------------------------------------------------------ what waits

    def pending(self, room_id: str | None = None) -> list[OutboxRow]:
        """Return what the server does not have yet, as far as we know, and why in each row's `last_error`."""
        return list(self.rows.waiting(room_id))

    def cancel(self, row_id: int) -> bool:
        """Forget a row that the server cannot have; return whether it could be forgotten.

        Waits for what is being sent to the same room.
        """
        with self._untried(row_id) as row:
            if row is not None:
                self.rows.remove([row_id])
            return row is not None

    def edit(self, row_id: int, content: bytes) -> bool:
        """Give a row that the server cannot have another content; return whether it could be changed.

        What was encrypted already stays as it is. Waits for what is being sent to the same room.

        Args:
            row_id: of the row.
            content: a JSON object.

        Raises:
            UsageError: the content is none.
        """
        if not _is_object(content):
            raise UsageError("the content must be a JSON object")
        with self._untried(row_id) as row:
            if row is None or row.event_type == "m.room.encrypted":
                return False  # plain text in the place of a ciphertext would leave as it is
            row.content = content
            self.rows.update([row])
            return True

    @contextmanager
    def _untried(self, row_id: int) -> Iterator[OutboxRow | None]:
        row = self.rows.get(row_id)
        if row is None:
            yield None
            return
        with self._lane(row.room_id):
            row = self.rows.get(row_id)
            yield row if row is not None and not row.is_sent and not row.first_tried_ts else None

    def retry(self, row_id: int) -> bool:
        """Let a row that was given up be tried again by the next flush, however old it is.

        What it needs, and what needs it, is tried again with it where that was given up as well.

        Returns:
            Whether there is such a row that the server does not have yet.
        """
        row = self.rows.get(row_id)
        if row is None:
            return False
        with self._lane(row.room_id):
            waiting = self.rows.waiting(row.room_id)
            again = [one for one in waiting if one.id == row_id or _goes_with(one, row)]
            for one in again:
                one.state = OutboxState.SENDING if one.first_tried_ts else OutboxState.QUEUED
                one.refusals = one.expires_ts = 0
            self.rows.update(again)
        return any(one.id == row_id for one in again)

    def forget(self, row_id: int) -> None:
        """Forget a row, whatever became of it."""
        self.rows.remove([row_id])

    def settle(self, room_id: str, device_id: str, txn_id: str, event_id: str) -> None:
        """Take in that the server has a row: its echo came."""
        row = self.rows.find(room_id, device_id, txn_id)
        if row is not None and not row.is_sent:
            self._sender.note_sent(row, event_id)
            self.rows.update([row], is_durable=False)

    @property
    def may_have_unsettled(self) -> bool:
        """False where nothing waits for its echo."""
        if self._has_unsettled:
            self._has_unsettled = any(row.first_tried_ts for row in self.rows.waiting())
        return self._has_unsettled

    def on_change(self, watcher: RowWatcher) -> RowWatcher:
        """Call a function with each row that was kept, sent or given up; also as a decorator."""
        self._sender.watchers.append(watcher)
        return watcher

    # ------------------------------------------------------------ one room

    @contextmanager
    def _lane(self, room_id: str) -> Iterator[None]:
        lane = self._lane_of(room_id)
        with lane.lock, lane.used():
            yield

    def _lane_of(self, room_id: str) -> _Lane:
        with self._lock:
            return self._lanes.setdefault(room_id, _Lane())

    def _add(self, row: OutboxRow, *, is_next: bool) -> tuple[OutboxRow, bool]:
        now = self.clock.now_ms()
        if not 0 <= now - self._forgot_ts <= FORGETTING_EVERY_MS:
            self._forget_old()
        row = attrs.evolve(row, created_ts=row.created_ts or now)
        if is_next:  # kept as being sent from the start: one commit instead of two
            row.state, row.first_tried_ts = OutboxState.SENDING, now
        kept, is_new = self.rows.add(row)
        self._has_unsettled = True
        if is_new:
            self._sender.tell(kept)
        return kept, is_new

    def _forget_old(self) -> None:
        self._forgot_ts = self.clock.now_ms()
        self.rows.forget_sent(self._forgot_ts - SENT_IS_KEPT_MS, SENT_KEPT)

    def _check_room_for_more(self) -> None:
        with self._lock:
            if self._room_for <= 0:
                self._room_for = self.max_waiting - self.rows.count_waiting()
            if self._room_for <= 0:
                raise OutboxFull(f"{self.max_waiting} messages wait to be sent already: flush or forget some")
            self._room_for -= 1

    def _send_earlier(self, row_ids: list[int], cancel: CancelToken | None) -> None:
        for row_id in row_ids:
            row = self.rows.get(row_id)  # what was sent just now may have changed it
            if row is None or row.state not in _TO_BE_SENT:
                continue
            try:
                self._sender.send(row, cancel)
            except MatrixError as error:
                if row.state is not OutboxState.WEDGED:
                    raise SendBlocked(
                        f"an earlier message to {row.room_id} cannot be sent ({error}); see outbox.pending()"
                    ) from error

    def _give_up(self, row: OutboxRow, *, may_forget: bool) -> None:
        """Leave a row whose caller is told that it failed: forget it, or park it where it may be sent already."""
        if row.tries == 0 or not row.first_tried_ts:
            if may_forget:
                self.rows.remove([row.id])
            return
        if row.state is not OutboxState.WEDGED:
            row.state = OutboxState.PARKED
        self.rows.update([row])
        log.warning(
            "%s to %s may have been sent; it stays in the outbox as %s, %s",
            row.event_type,
            row.room_id,
            row.txn_id,
            row.state.value,
        )

    # ------------------------------------------------------------ all rooms

    def _flush_rooms(self, rooms: list[str], flush: _Flush) -> None:
        with ThreadPoolExecutor(min(self.workers, len(rooms)), "gomatrix_py-outbox") as pool:
            # each room is sent in what the caller said, such as for what it is sent
            running = [pool.submit(copy_context().run, self._flush_room, room_id, flush) for room_id in rooms]
            try:
                wait(running, flush.left_s, FIRST_EXCEPTION)
            finally:
                flush.token.cancel()  # what hangs, when the time is over or a room failed
        for one in running:
            one.result()

    def _flush_room(self, room_id: str, flush: _Flush) -> None:
        lane = self._lane_of(room_id)
        while not lane.lock.acquire(timeout=LANE_LOOK_S):  # somebody sends to this room
            if flush.is_over:
                return
        try:
            with lane.used():
                while self._flush_waiting(room_id, flush):
                    pass
        finally:
            lane.lock.release()

    def _flush_waiting(self, room_id: str, flush: _Flush) -> bool:
        """Send what waits now, and tell whether to look for more."""
        waiting = [row for row in self.rows.waiting(room_id) if row.state in _TO_BE_FLUSHED]
        start = 0
        while start < len(waiting) and not flush.is_over:
            few = waiting[start : start + BATCH]
            # what depends on a row of this batch comes with the next one, once that is sent
            batch = list(takewhile(self._sender.has_what_it_needs, few)) or few[:1]
            if not self._send_batch(batch, flush):
                return False
            start += len(batch)
        return bool(waiting) and not flush.is_over

    def _send_batch(self, batch: list[OutboxRow], flush: _Flush) -> bool:
        """Send rows in order and tell whether the next ones may follow; one commit before, one after."""
        fresh = {row.id for row in batch if not row.first_tried_ts}
        self._sender.mark_sending(batch)
        tried = 0
        try:
            for row in batch:
                tried += 1
                if not self._send_in_batch(row, flush, is_fresh=row.id in fresh) or flush.is_over:
                    return False
            return True
        finally:
            for row in batch[tried:]:
                if row.id in fresh:
                    row.state, row.first_tried_ts = OutboxState.QUEUED, 0
            self.rows.update(batch, is_durable=not all(row.is_sent for row in batch))

    def _send_in_batch(self, row: OutboxRow, flush: _Flush, *, is_fresh: bool) -> bool:
        try:
            self._sender.check_worth(row, is_fresh=is_fresh)
            self._sender.attempt(row, flush.token, is_fresh=is_fresh, deadline=flush.deadline)
        except MatrixError as error:
            if outcome_of(error) in (Outcome.SHUT_OUT, Outcome.UNABLE) or isinstance(error, StoreError):
                raise
            return row.state is OutboxState.WEDGED
        return True


def _is_object(content: bytes) -> bool:
    try:
        return isinstance(loads(content), dict)
    except DecodeError:
        return False


def _goes_with(one: OutboxRow, other: OutboxRow) -> bool:
    """Tell whether a row that was given up needs another, or the other needs it."""
    return one.state is OutboxState.WEDGED and (one.depends_on == other.id or other.depends_on == one.id)


class _Flush:
    """When one flush ends."""

    __slots__ = ("clock", "deadline", "token")

    def __init__(self, clock: Clock, deadline: float) -> None:
        self.clock = clock
        self.deadline = deadline
        self.token = CancelToken()

    @property
    def left_s(self) -> float:
        return min(max(0.0, self.deadline - self.clock.monotonic()), threading.TIMEOUT_MAX)

    @property
    def is_over(self) -> bool:
        return self.token.is_cancelled or self.clock.monotonic() >= self.deadline


_outboxes: weakref.WeakSet[Outbox] = weakref.WeakSet()


def _begin_in_child() -> None:
    for outbox in list(_outboxes):
        outbox._begin_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)
