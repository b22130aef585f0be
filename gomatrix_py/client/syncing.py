"""The sync loop: one at a time, stopped within a second, no token saved ahead of what it stands for."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from types import TracebackType

from ..api.filters import CreateFilter
from ..api.room_history import GetMessages, RespMessages
from ..api.sync import GetSync, SyncResponse
from ..cancellation import CancelToken
from ..codec import dumps
from ..errors import (
    DecodeError,
    HTTPError,
    InvalidParam,
    MatrixError,
    NotFound,
    RequestCancelled,
    StoreFull,
    SyncTokenRejected,
    TransportError,
    UsageError,
)
from ..events import Event
from ..http.retry import RetryPolicy
from ..store import Gap, SyncStorer
from ..sync import DefaultSyncer
from ..sync.gaps import fetch_gap
from .base import BaseClient

__all__ = ["SyncHandle", "SyncMethods"]

log = logging.getLogger("gomatrix_py.sync")

POLL_MS = 30_000
REJECTIONS = 5


class _Run:
    """One run of the loop: who runs it, how to stop it, and how it fares."""

    def __init__(self) -> None:
        self.cancel = CancelToken()
        self.finished = threading.Event()
        self.thread = threading.current_thread()
        self.last_sync_at: datetime | None = None
        self.failures = 0


class SyncMethods(BaseClient):
    """`sync`, `sync_once`, `start_sync`, `stop_sync`, and filling gaps."""

    _run: _Run | None = None
    _run_lock: threading.Lock

    def sync(self, *, poll_ms: int = POLL_MS) -> None:
        """Sync until stopped: store each answer, tell the listeners, ask for the next.

        Returns when `stop_sync` was called, or another `sync` began. Ctrl-C leaves the store whole.

        Args:
            poll_ms: how long the server may hold each request, in milliseconds.

        Raises:
            UsageError: not logged in, or called by a listener.
            UnknownToken: the token is no longer good.
            SyncTokenRejected: the server keeps refusing the stored position.
            ListenerFailed: a listener raised, and the policy says to stop.
            StoreError: the store cannot be used.
            MatrixError: whatever `syncer.on_failed_sync` raises.

        Source: gomatrix Sync.
        """
        self._sync_as(self._begin_run(), poll_ms)

    def sync_once(self, timeout_ms: int = 0) -> SyncResponse:
        """Make one /sync request, process its answer and return it; for cron jobs and notebooks.

        Args:
            timeout_ms: how long the server may hold the request where there is no news.

        Raises:
            UsageError, TransportError, HTTPError, DecodeError, StoreError, ListenerFailed: see `sync`.
        """
        run = self._begin_run()
        try:
            self._deliver_again()
            return self._step(run, timeout_ms, None)
        finally:
            self._end_run(run)

    def start_sync(self, *, poll_ms: int = POLL_MS) -> SyncHandle:
        """Run `sync` in a thread of its own.

        Returns:
            A handle to watch and stop it; also a context manager.
        """
        self.own_user_id()
        return SyncHandle(self, poll_ms)

    def stop_sync(self) -> None:
        """End the running sync, if there is one, from any thread; a long-poll ends at once."""
        run = self._run
        if run is not None:
            run.cancel.cancel()

    # ------------------------------------------------------------ one run

    def _begin_run(self) -> _Run:
        self.own_user_id()
        run = _Run()
        with self._run_lock:
            before = self._run
            if before is not None and before.thread is run.thread and not before.finished.is_set():
                raise UsageError("a listener cannot start a sync; call stop_sync() and sync after it returns")
            self._run = run
        if before is not None:
            before.cancel.cancel()
            before.finished.wait()
        return run

    def _end_run(self, run: _Run) -> None:
        run.finished.set()
        with self._run_lock:
            if self._run is run:
                self._run = None

    def _sync_as(self, run: _Run, poll_ms: int) -> None:
        run.thread = threading.current_thread()
        try:
            self._deliver_again()
            self._loop(run, poll_ms)
        finally:
            self._end_run(run)

    def _loop(self, run: _Run, poll_ms: int) -> None:
        rejections: list[str] = []
        while not run.cancel.is_cancelled:
            try:
                self._step(run, poll_ms, RetryPolicy.never())
                rejections.clear()
            except RequestCancelled:
                continue
            except (TransportError, HTTPError, DecodeError, StoreFull) as error:
                self._note_rejection(error, rejections)
                run.failures += 1
                wait_s = self.syncer.on_failed_sync(None, error)
                log.warning("sync failed, trying again in %.1f s: %s", wait_s, error)
                run.cancel.wait(wait_s)

    def _note_rejection(self, error: MatrixError, rejections: list[str]) -> None:
        """Notice a server that refuses our position for good; starting over is the user's decision."""
        if isinstance(error, HTTPError) and error.code == 400 and self.store.load_next_batch(self.own_user_id()):
            if rejections and rejections[-1] != str(error):
                rejections.clear()
            rejections.append(str(error))
            if len(rejections) >= REJECTIONS:
                raise SyncTokenRejected(
                    f"the server refused the stored sync token {REJECTIONS} times ({error}); the store is"
                    " untouched. To start over: store.save_next_batch(user_id, '')"
                ) from error
        else:
            rejections.clear()

    def _step(self, run: _Run, timeout_ms: int, retry: RetryPolicy | None) -> SyncResponse:
        user_id = self.own_user_id()
        since = self.store.load_next_batch(user_id)
        try:
            response = self._ask(run, timeout_ms, since, retry)
        except (InvalidParam, NotFound):
            # the server no longer knows the filter: forget it, upload it again, try once more
            self.store.save_filter_id(user_id, "")
            response = self._ask(run, timeout_ms, since, retry)
        if run.cancel.is_cancelled:
            raise RequestCancelled("the sync was stopped; its answer will come again")
        self._fill_limited(response, since)
        self.syncer.process_response(response, since)
        if self.store.load_next_batch(user_id) != response.next_batch:
            self.store.save_next_batch(user_id, response.next_batch)
        run.last_sync_at = datetime.now(timezone.utc)
        run.failures = 0
        return response

    def _ask(self, run: _Run, timeout_ms: int, since: str, retry: RetryPolicy | None) -> SyncResponse:
        endpoint = GetSync(timeout_ms, since or None, self._filter_id(), use_state_after=True)
        return self.call(endpoint, cancel=run.cancel, retry=retry)

    def _deliver_again(self) -> None:
        syncer, store = self.syncer, self.store
        if isinstance(syncer, DefaultSyncer) and isinstance(store, SyncStorer):
            syncer.deliver_again(store)

    # ------------------------------------------------------------ the filter

    def _filter_id(self) -> str:
        """Return the stored filter id; upload the filter where it is new or changed.

        A fingerprint of filter and server is stored beside the id. An id without one was put there by
        the user, as gomatrix allows, and is used as it is.
        """
        user_id = self.own_user_id()
        wanted = self.syncer.get_filter_json(user_id)
        fingerprint = hashlib.sha256(self.homeserver_url.encode() + b"\0" + dumps(wanted)).hexdigest()[:32]
        known, known_fingerprint = (
            self.store.load_filter_id(user_id),
            self.store.load_filter_id(user_id + _FINGERPRINT),
        )
        if known and known_fingerprint in ("", fingerprint):
            return known
        filter_id = self.call(CreateFilter(user_id, wanted)).filter_id
        self.store.save_filter_id(user_id, filter_id)
        self.store.save_filter_id(user_id + _FINGERPRINT, fingerprint)
        return filter_id

    # ------------------------------------------------------------ gaps

    def _fill_limited(self, response: SyncResponse, since: str) -> None:
        """Complete limited timelines before they are processed, where the syncer asks for it."""
        limit = getattr(self.syncer, "fill_gaps", 0)
        if not since or not limit:
            return
        for room_id, room in response.rooms.join.items():
            timeline = room.timeline
            if timeline is None or not timeline.limited or not timeline.prev_batch:
                continue
            filled = fetch_gap(Gap(room_id, since, timeline.prev_batch), self._page_back, self._is_known, limit)
            timeline.put_before([row.json for row in filled.rows])
            timeline.limited = filled.rest is not None
            if filled.rest is not None:
                timeline.prev_batch = filled.rest.prev_batch

    def gaps(self, room_id: str | None = None) -> list[Gap]:
        """Return what syncs left out and nobody filled yet, of a room or of all rooms."""
        return list(self.store.gaps(room_id)) if isinstance(self.store, SyncStorer) else []

    def fill_gap(self, gap: Gap, limit: int | None = None) -> list[Event]:
        """Fetch what a sync left out and tell the listeners, each event once and in order.

        The room's current state is not touched: what was left out is older.

        Args:
            gap: from `gaps`.
            limit: fetch no more than about this many events; what is left stays a gap.

        Returns:
            The events that were new, oldest first.

        Raises:
            UsageError: the store keeps no gaps.
            TransportError, HTTPError, DecodeError, StoreError: nothing was stored.
            ListenerFailed: a listener raised, and the policy says to stop.
        """
        store = self.store
        if not isinstance(store, SyncStorer):
            raise UsageError("this store keeps no gaps")
        filled = fetch_gap(gap, self._page_back, self._is_known, limit)
        rows = store.commit_gap(gap, filled.rows, filled.rest)
        if isinstance(self.syncer, DefaultSyncer):
            self.syncer.deliver(store, rows)
        else:
            store.mark_delivered(rows)
        return [Event.from_json(row.json, row.room_id, row.source) for row in rows]

    def _page_back(self, room_id: str, token: str, to: str, limit: int) -> RespMessages:
        return self.call(GetMessages(room_id, token, to, "b", limit))

    def _is_known(self, room_id: str, event_id: str) -> bool:
        return isinstance(self.store, SyncStorer) and self.store.has_event(room_id, event_id)


_FINGERPRINT = "#filter-fingerprint"


class SyncHandle:
    """A sync that runs in a thread of its own; also a context manager that stops it.

    Its failure cannot go unseen: it is logged, kept in `error`, and raised by `stop` and `join`.
    """

    def __init__(self, client: SyncMethods, poll_ms: int) -> None:
        self._client = client
        self._poll_s = poll_ms / 1000
        self._error: BaseException | None = None
        self._run_of_thread = client._begin_run()
        self._thread = threading.Thread(
            target=self._work, args=(client._sync_as, poll_ms), name="gomatrix_py-sync", daemon=True
        )
        self._thread.start()

    def _work(self, sync_as: Callable[[_Run, int], None], poll_ms: int) -> None:
        try:
            sync_as(self._run_of_thread, poll_ms)
        except BaseException as error:  # noqa: BLE001 - kept, and raised in the thread that asks
            self._error = error
            log.error("the sync thread ended: %s", error)

    @property
    def error(self) -> BaseException | None:
        """What ended the sync, None while it runs or after it was stopped."""
        return self._error

    @property
    def is_running(self) -> bool:
        """True while the thread lives."""
        return self._thread.is_alive()

    @property
    def last_sync_at(self) -> datetime | None:
        """When the last answer was processed; None before the first."""
        return self._run_of_thread.last_sync_at

    @property
    def is_healthy(self) -> bool:
        """True while it runs, its last try worked, and that was no longer ago than three polls."""
        last = self.last_sync_at
        if not self.is_running or self._run_of_thread.failures or last is None:
            return False
        return (datetime.now(timezone.utc) - last).total_seconds() <= 3 * self._poll_s + 30

    def join(self, timeout_s: float | None = None) -> None:
        """Wait until the sync ends.

        Raises:
            TimeoutError: it still runs after `timeout_s` seconds.
            MatrixError: what ended it.
        """
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise TimeoutError(f"the sync still runs after {timeout_s} s")
        if self._error is not None:
            raise self._error

    def stop(self, timeout_s: float | None = 60.0) -> None:
        """End the sync and wait for it; listeners that run are waited for.

        Raises:
            TimeoutError: a listener still runs after `timeout_s` seconds.
            MatrixError: what had ended it before.
        """
        self._run_of_thread.cancel.cancel()
        if threading.current_thread() is not self._thread:
            self.join(timeout_s)

    def __enter__(self) -> SyncHandle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except Exception:
            if error is None:  # what the block raised is not to be hidden
                raise
