"""The sync loop: one at a time, stopped within a second, no token saved ahead of what it stands for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import partial

from ..api.room_history import GetMessages, RespMessages
from ..api.sync import SyncResponse, Timeline
from ..cancellation import CancelToken
from ..errors import (
    AnswerTooLarge,
    DecodeError,
    HTTPError,
    MatrixError,
    MissingToken,
    RequestCancelled,
    RequestTimeout,
    StoreFull,
    SyncTokenRejected,
    TransportError,
    UnknownToken,
    UsageError,
    UserLocked,
)
from ..events import Event
from ..http.retry import RetryPolicy
from ..store import Gap, is_sync_storer
from ..sync import StoringSyncer
from ..sync.gaps import fetch_gap
from ..sync.going_back import is_behind, open_gaps
from .client_warnings import PositionRejected, ServerWentBack, WarningMethods
from .outgoing import OutgoingMethods
from .sync_handle import SyncHandle
from .sync_requests import SyncRequests
from .sync_runs import SyncRun, SyncRuns

__all__ = ["SyncMethods"]

log = logging.getLogger("gomatrix_py.sync")

POLL_MS = 30_000
REJECTIONS = 5
CLOSE_WAIT_S = 10.0


class SyncMethods(WarningMethods, SyncRequests, OutgoingMethods):
    """`sync`, `sync_once`, `start_sync`, `stop_sync`, and filling gaps."""

    def _set_up(self) -> None:
        super()._set_up()
        self._runs = SyncRuns()

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
            StoreError: the store cannot be used; a full disk only pauses the sync.
            MatrixError: whatever `syncer.on_failed_sync` raises.

        Source: gomatrix Sync.
        """
        self.own_user_id()
        run = SyncRun()
        with self._begun(run):
            self._loop(run, poll_ms)

    def sync_once(self, timeout_ms: int = 0) -> SyncResponse:
        """Make one /sync request, process its answer and return it; for cron jobs and notebooks.

        Args:
            timeout_ms: how long the server may hold the request where there is no news.

        Raises:
            UsageError, TransportError, HTTPError, DecodeError, StoreError, ListenerFailed: see `sync`.
        """
        self.own_user_id()
        run = SyncRun()
        with self._begun(run):
            self._runs.take_turn(run)
            self._warn_of_store()
            with self._delivering(run):
                self._deliver_again()
                response, since = self._next_answer(run, timeout_ms, None)
                self._process(run, response, since)
                self._wait_until_delivered()
            return response

    def start_sync(self, *, poll_ms: int = POLL_MS) -> SyncHandle:
        """Run `sync` in a thread of its own.

        Returns:
            A handle to watch and stop it; also a context manager.

        Raises:
            UsageError: not logged in, or called by a listener.
        """
        self.own_user_id()
        run = SyncRun()

        def work() -> None:
            with self._ended_after(run):
                self._loop(run, poll_ms)

        try:
            self._runs.begin(run)
            return SyncHandle(run, work, poll_ms)
        except BaseException:
            self._runs.end(run)
            raise

    def stop_sync(self) -> None:
        """End the running sync, if there is one, from any thread; a long-poll ends at once.

        Nothing more is handed to the listeners then; those that run are finished, and `sync` returns after them.
        """
        self._runs.stop()

    def close(self) -> None:
        """End the sync, waiting some seconds for listeners that run, and close connections and store."""
        self.stop_sync()
        self._runs.wait_until_idle(CLOSE_WAIT_S)
        super().close()

    # ------------------------------------------------------------ one run

    @contextmanager
    def _begun(self, run: SyncRun) -> Iterator[None]:
        with self._ended_after(run):
            self._runs.begin(run)
            yield

    @contextmanager
    def _ended_after(self, run: SyncRun) -> Iterator[None]:
        try:
            yield
        finally:
            self._runs.end(run)

    def _loop(self, run: SyncRun, poll_ms: int) -> None:
        self._runs.take_turn(run)
        self._warn_of_store()
        with self._delivering(run):
            self._rounds(run, poll_ms)

    def _rounds(self, run: SyncRun, poll_ms: int) -> None:
        while not run.cancel.is_cancelled:
            try:
                self._deliver_again()
                break
            except StoreFull as error:
                self._pause(run, None, error)
        rejections: list[str] = []
        while not run.cancel.is_cancelled:
            try:
                response, since = self._next_answer(run, poll_ms, RetryPolicy.never())
            except RequestCancelled:
                continue
            except (TransportError, HTTPError, DecodeError, StoreFull) as error:
                self._note_rejection(error, rejections)
                self._pause(run, None, error)
                continue
            rejections.clear()
            try:
                self._process(run, response, since)
            except StoreFull as error:  # nothing else that processing raises can be waited out
                self._pause(run, response, error)

    def _pause(self, run: SyncRun, response: SyncResponse | None, error: MatrixError) -> None:
        run.failures += 1
        self._warn_of_token(error)
        wait_s = self.syncer.on_failed_sync(response, error)
        log.warning("sync failed, trying again in %.1f s: %s", wait_s, error)
        run.cancel.wait(wait_s)

    def _note_rejection(self, error: MatrixError, rejections: list[str]) -> None:
        """Notice a server that refuses our position for good; starting over is the user's decision."""
        if isinstance(error, HTTPError) and error.code == 400 and self.store.load_next_batch(self._position_key()):
            if rejections and rejections[-1] != str(error):
                rejections.clear()
            rejections.append(str(error))
            if len(rejections) >= REJECTIONS:
                self._warn(PositionRejected(self.store.load_next_batch(self._position_key()), str(error)))
                raise SyncTokenRejected(
                    f"the server refused the stored sync token {REJECTIONS} times ({error}); the store is"
                    f" untouched. To start over: store.save_next_batch({self._position_key()!r}, '')"
                ) from error
        else:
            rejections.clear()

    def _next_answer(self, run: SyncRun, timeout_ms: int, retry: RetryPolicy | None) -> tuple[SyncResponse, str]:
        """Return the next answer, complete as far as the syncer asks for it, and the `since` it answers."""
        response, since = self._ask(run, timeout_ms, self.store.load_next_batch(self._position_key()), retry)
        if is_behind(response.next_batch, since):
            self._note_step_back(response, since)
        self._fill_limited(run, response, since)
        if run.cancel.is_cancelled:
            raise RequestCancelled("the sync was stopped; its answer will come again")
        return response, since

    def _process(self, run: SyncRun, response: SyncResponse, since: str) -> None:
        self.syncer.process_response(response, since)
        self._settle_echoes(response)
        position = self._position_key()
        if self.store.load_next_batch(position) != response.next_batch:
            self.store.save_next_batch(position, response.next_batch)
        run.last_sync_at = datetime.now(timezone.utc)
        run.failures = 0

    def _deliver_again(self) -> None:
        if isinstance(self.syncer, StoringSyncer):
            self.syncer.deliver_again()

    @contextmanager
    def _delivering(self, run: SyncRun) -> Iterator[None]:
        if isinstance(self.syncer, StoringSyncer):
            with self.syncer.delivering(run.cancel):
                yield
        else:
            yield

    def _wait_until_delivered(self) -> None:
        if isinstance(self.syncer, StoringSyncer):
            self.syncer.delivery.wait_until_delivered()

    # ------------------------------------------------------------ gaps

    def _note_step_back(self, response: SyncResponse, since: str) -> None:
        self._warn(ServerWentBack(since, response.next_batch))
        if is_sync_storer(self.store):
            open_gaps(response, self.store.room_ids("join"))

    def _fill_limited(self, run: SyncRun, response: SyncResponse, since: str) -> None:
        """Complete limited timelines before they are processed, where the syncer asks for it.

        A room whose history the server does not give stays limited: it must not keep the others waiting.
        """
        limit = getattr(self.syncer, "fill_gaps", 0)
        if not since or not limit:
            return
        syncer = self.syncer
        page_back = partial(self._page_back, cancel=run.cancel)
        for room_id, timeline in self._timelines(response):
            if timeline is None or not timeline.limited or not timeline.prev_batch:
                continue
            begin = syncer.gap_begin(room_id, since) if isinstance(syncer, StoringSyncer) else since
            try:
                filled = fetch_gap(Gap(room_id, begin, timeline.prev_batch), page_back, self._is_known, limit)
            except (UnknownToken, MissingToken, UserLocked):
                raise
            except (HTTPError, DecodeError, RequestTimeout, AnswerTooLarge) as error:
                log.warning("the gap in %s is left open: %s", room_id, error)
                continue
            timeline.put_before([row.json for row in filled.rows])
            timeline.limited = filled.rest is not None
            if filled.rest is not None:
                timeline.prev_batch = filled.rest.prev_batch

    def _timelines(self, response: SyncResponse) -> Iterator[tuple[str, Timeline | None]]:
        """Return the timelines of the rooms we are in, and of those we were in until now."""
        for room_id, joined in response.rooms.join.items():
            yield room_id, joined.timeline
        for room_id, left in response.rooms.leave.items():
            known = self.store.load_room(room_id)
            if known is not None and known.membership == "join":
                yield room_id, left.timeline

    def gaps(self, room_id: str | None = None) -> list[Gap]:
        """Return what syncs left out and nobody filled yet, of a room or of all rooms."""
        return list(self.store.gaps(room_id)) if is_sync_storer(self.store) else []

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
        if not is_sync_storer(store):
            raise UsageError("this store keeps no gaps")
        filled = fetch_gap(gap, self._page_back, self._is_known, limit)
        rows = store.commit_gap(gap, filled.rows, filled.rest)
        if isinstance(self.syncer, StoringSyncer):
            self.syncer.deliver(store, rows)
        else:
            store.mark_delivered(rows)
        return [Event.from_json(row.json, row.room_id, row.source) for row in rows]

    def _page_back(
        self, room_id: str, token: str, to: str, limit: int, *, cancel: CancelToken | None = None
    ) -> RespMessages:
        return self.call(GetMessages(room_id, token, to or None, "b", limit), cancel=cancel)

    def _is_known(self, room_id: str, event_id: str) -> bool:
        return is_sync_storer(self.store) and self.store.has_event(room_id, event_id)
