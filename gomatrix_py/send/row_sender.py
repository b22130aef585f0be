"""Sending one row until the server has it, refuses it, or patience ends; what became of it stands in the row."""

from __future__ import annotations

import logging
from collections.abc import Callable

import attrs

from ..cancellation import CancelToken
from ..clock import Clock
from ..codec import dumps
from ..errors import MatrixError, RequestCancelled, SendBlocked
from ..http.retry import RetryPolicy
from ..store.outbox import OutboxRow, OutboxState, OutboxStorer
from .outcomes import Outcome, outcome_of

__all__ = ["FindSent", "RowSender", "RowWatcher", "Transmit", "pending_uri"]

Transmit = Callable[[OutboxRow, "CancelToken | None"], str]
"""Sends one row once and returns the id it became."""

FindSent = Callable[[OutboxRow], "str | None"]
"""Looks for a row among what the server has, and returns the id it became."""

RowWatcher = Callable[[OutboxRow], None]
"""Called with a copy of each row that was kept, sent or given up."""

log = logging.getLogger("gomatrix_py.send")

WEDGED_AFTER = 8
SERVER_REMEMBERS_MS = 20 * 3600 * 1000


@attrs.define(eq=False)
class RowSender:
    """Sends rows, one at a time for each room; its owner sees to that.

    Attributes:
        rows: where they are kept.
        transmit: sends one once.
        find_sent: looks for one that was sent so long ago that the server forgot its transaction id.
        policy: when a failed one is tried again.
        clock: for waits and stamps.
        watchers: who is told.
    """

    rows: OutboxStorer
    transmit: Transmit
    find_sent: FindSent | None
    policy: RetryPolicy
    clock: Clock
    watchers: list[RowWatcher] = attrs.field(factory=list)

    def send(self, row: OutboxRow, cancel: CancelToken | None, *, is_fresh: bool = False) -> None:
        """Send one row by the policy, and write down what became of it.

        Args:
            row: to be sent.
            cancel: lets another thread end it.
            is_fresh: True where the row is marked as being sent, but was not tried by anybody yet.

        Raises:
            SendBlocked: it is too old, or what it needs is missing; it is wedged.
            MatrixError: as sending it raised.
        """
        is_fresh = is_fresh or not row.first_tried_ts
        self.check_worth(row, is_fresh=is_fresh)
        if row.state is not OutboxState.SENDING or not row.first_tried_ts or row.depends_on:
            self.mark_sending([row])
        self.attempt(row, cancel, is_fresh=is_fresh)
        self.rows.update([row], is_durable=False)

    def mark_sending(self, rows: list[OutboxRow]) -> None:
        """Make sure, durably, that rows are known as ones that may have reached the server, and as what."""
        now = self.clock.now_ms()
        for row in rows:
            self._fill_in(row)
            row.state, row.first_tried_ts = OutboxState.SENDING, row.first_tried_ts or now
        self.rows.update(rows)

    def _fill_in(self, row: OutboxRow) -> None:
        """Put the address of an upload where a row that needs it has left room for it."""
        needed = self.rows.get(row.depends_on) if row.depends_on else None
        if needed is not None and needed.is_sent:
            uri = dumps(needed.event_id, ascii_only=True)[1:-1]  # what a server calls an address may be anything
            row.content = row.content.replace(pending_uri(needed.txn_id).encode(), uri)
            row.depends_on = 0

    def check_worth(self, row: OutboxRow, *, is_fresh: bool) -> None:
        """Wedge a row that cannot be sent any more.

        Args:
            row: to be sent.
            is_fresh: True where the server cannot have it; what may be there already is never too old.

        Raises:
            SendBlocked: it is such a row.
        """
        why = ""
        if is_fresh and row.expires_ts and self.clock.now_ms() > row.expires_ts:
            why = "it is too old to be worth sending"
        elif not self.has_what_it_needs(row):
            why = "what it needs was not sent"
        if why:
            row.state, row.last_error = OutboxState.WEDGED, why
            row.first_tried_ts = 0 if is_fresh else row.first_tried_ts
            self.rows.update([row])
            self.tell(row)
            raise SendBlocked(f"{row.event_type} to {row.room_id}: {why}")

    def has_what_it_needs(self, row: OutboxRow) -> bool:
        """Tell whether the row that this one depends on was sent."""
        if not row.depends_on:
            return True
        needed = self.rows.get(row.depends_on)
        return needed is not None and needed.is_sent

    def attempt(
        self, row: OutboxRow, cancel: CancelToken | None, *, is_fresh: bool, deadline: float | None = None
    ) -> None:
        """Send a row, trying again by the policy, or until a deadline where there is one.

        Success stands in the row and is for the caller to write down; failure is written down here. An echo
        that comes meanwhile is success.

        Args:
            row: marked as being sent.
            cancel: lets another thread end it.
            is_fresh: True where nobody tried the row before.
            deadline: by the monotonic clock.

        Raises:
            MatrixError: as sending it raised.
        """
        attempts, may_be_sent = 0, not is_fresh
        while True:
            attempts += 1
            row.tries += 1
            try:
                self.note_sent(row, self._once(row, cancel))
                return
            except MatrixError as error:
                if self._was_settled(row):
                    return
                outcome = outcome_of(error)
                may_be_sent = may_be_sent or outcome.may_be_sent
                self._note_failure(row, error, outcome, may_be_sent=may_be_sent)
                wait_s = self._wait_s(row, error, outcome, attempts, deadline)
                if wait_s is None:
                    self.rows.update([row])
                    raise
                log.warning("%s to %s: %s; trying again in %.1f s", row.event_type, row.room_id, error, wait_s)
                if (cancel or _NEVER).wait(wait_s):
                    self.rows.update([row])
                    raise RequestCancelled("the sending was cancelled", was_sent=may_be_sent) from error

    def _once(self, row: OutboxRow, cancel: CancelToken | None) -> str:
        if self._is_old(row) and self.find_sent is not None:
            found = self.find_sent(row)
            if found is not None:
                return found
        return self.transmit(row, cancel)

    def _was_settled(self, row: OutboxRow) -> bool:
        """Tell whether the row's echo came while its answer did not, and take that over."""
        kept = self.rows.get(row.id)
        if kept is None or not kept.is_sent:
            return False
        row.state, row.event_id, row.last_error, row.content = kept.state, kept.event_id, "", b""
        return True

    def _is_old(self, row: OutboxRow) -> bool:
        """Tell whether the server may have forgotten the row's transaction id."""
        age_ms = self.clock.now_ms() - row.first_tried_ts
        # where the clock was set back since, nobody knows how old it is
        return bool(row.first_tried_ts) and not 0 <= age_ms <= SERVER_REMEMBERS_MS

    def _wait_s(
        self, row: OutboxRow, error: MatrixError, outcome: Outcome, attempts: int, deadline: float | None
    ) -> float | None:
        if row.state is OutboxState.WEDGED or not outcome.is_passing:
            return None
        if deadline is None:
            return self.policy.wait_s(error, attempts, may_retry=True)
        wait_s = self.policy.backoff_s(min(attempts, 10))
        return wait_s if self.clock.monotonic() + wait_s < deadline else None

    def _note_failure(self, row: OutboxRow, error: MatrixError, outcome: Outcome, *, may_be_sent: bool) -> None:
        text = str(error)
        is_again = outcome is Outcome.FAILED and text == row.last_error
        row.refusals = row.refusals + 1 if is_again else 1
        if not (row.last_error and isinstance(error, RequestCancelled)):  # why it waits is what happened before
            row.last_error = text
        if may_be_sent:
            row.state, row.first_tried_ts = OutboxState.SENDING, row.first_tried_ts or self.clock.now_ms()
        else:
            row.state, row.first_tried_ts = OutboxState.QUEUED, 0
        if outcome is Outcome.REFUSED or (is_again and row.refusals >= WEDGED_AFTER):
            row.state = OutboxState.WEDGED
            self.tell(row)

    def note_sent(self, row: OutboxRow, event_id: str) -> None:
        """Put down in a row that the server has it."""
        row.state, row.event_id, row.last_error, row.content = OutboxState.SENT, event_id, "", b""
        self.tell(row)

    def tell(self, row: OutboxRow) -> None:
        """Tell the watchers of a row."""
        for watcher in tuple(self.watchers):
            try:
                watcher(attrs.evolve(row))
            except Exception:
                log.exception("a watcher of the outbox raised")


_NEVER = CancelToken()


def pending_uri(txn_id: str) -> str:
    """Return what stands in a content for the address of an upload that is not made yet."""
    return f"mxc://pending.invalid/{txn_id}"
