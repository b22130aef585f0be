"""What can be said of a store, its journal and its outbox; for `Client.doctor`."""

from __future__ import annotations

from collections.abc import Iterator

from ..clock import Clock
from ..store import Storer, is_sync_storer
from ..store.base import SyncStorer
from ..store.outbox import OutboxRow, OutboxState, outbox_of
from .diagnosis import Finding, Level

__all__ = ["check_journal", "check_outbox", "check_owner", "check_store"]

MANY = 1000
SHOWN = 5
HOUR_MS = 3600 * 1000


def check_store(store: Storer) -> Iterator[Finding]:
    """Say what kind of store it is, and whether it is whole.

    Raises:
        StoreError: it cannot be read.
    """
    kind, path = type(store).__name__, getattr(store, "path", None)
    if path is None:
        yield Finding(
            Level.OK, "store", f"{kind}: nothing in it outlives this process, unless it sees to that itself"
        )
    else:
        yield Finding(Level.OK, "store", f"{kind} at {path}, schema {getattr(store, 'schema_version', 'unknown')}")
    if not is_sync_storer(store):
        yield Finding(
            Level.WARNING,
            "store",
            "it has gomatrix's six methods only: after a crash the last answer is handled again",
            "use SQLiteStore where events must not be handled twice",
        )
    if getattr(store, "was_rolled_back", False):
        yield Finding(
            Level.WARNING,
            "store",
            "it was restored from an older copy: a newer one was in use at this place",
            "expect events to be handled again; what was queued since the copy is gone",
        )
    verify = getattr(store, "verify", None)
    if verify is None:
        return
    faults = list(verify())
    if faults:
        yield Finding(
            Level.PROBLEM,
            "store",
            f"the file is damaged: {'; '.join(faults[:SHOWN])}",
            "stop the client and restore the file from a backup",
        )
    else:
        yield Finding(Level.OK, "store", "every page of the file is sound")


def check_owner(store: Storer, user_id: str) -> Iterator[Finding]:
    """Say whose store it is."""
    owner = getattr(store, "own_user_id", "")
    if owner and user_id and owner != user_id:
        yield Finding(
            Level.PROBLEM,
            "store",
            f"it is the store of {owner}, not of {user_id}",
            "give each user a store of its own",
        )
    elif owner:
        yield Finding(Level.OK, "store", f"it belongs to {owner}")


def check_journal(store: SyncStorer) -> Iterator[Finding]:
    """Say what waits for its listeners, what was set aside, and what syncs left out.

    Raises:
        StoreError: it cannot be read.
    """
    waiting, aside, gaps = store.undelivered(), store.quarantined(), store.gaps()
    tried = [row for row in waiting if row.tries]
    if tried:
        yield Finding(
            Level.WARNING,
            "journal",
            f"{len(tried)} of {len(waiting)} events that wait have ended the process or the sync before",
            "see client.journal(); after three times an event is set aside",
        )
    elif len(waiting) > MANY:
        yield Finding(
            Level.WARNING,
            "journal",
            f"{len(waiting)} events wait for their listeners",
            "listeners are too slow, or no sync runs: try DefaultSyncer(workers=8)",
        )
    else:
        yield Finding(Level.OK, "journal", f"{len(waiting)} events wait for their listeners")
    if aside:
        reasons = "; ".join(f"{row.event_id or row.source.value}: {row.reason}" for row in aside[:SHOWN])
        yield Finding(
            Level.WARNING,
            "journal",
            f"{len(aside)} events were set aside ({reasons})",
            "see client.quarantine(); client.retry_quarantined() delivers them again",
        )
    if gaps:
        rooms = len({gap.room_id for gap in gaps})
        yield Finding(
            Level.WARNING,
            "gaps",
            f"syncs left something out {len(gaps)} times, in {rooms} rooms",
            "client.fill_gap(gap) for each of client.gaps(), or DefaultSyncer(fill_gaps=1000)",
        )


def check_outbox(store: Storer, device_id: str, clock: Clock) -> Iterator[Finding]:
    """Say what waits to be sent, and why.

    Raises:
        StoreError: it cannot be read.
    """
    outbox = outbox_of(store)
    rows = list(outbox.waiting()) if outbox is not None else []
    by_state: dict[OutboxState, list[OutboxRow]] = {}
    for row in rows:
        by_state.setdefault(row.state, []).append(row)
    wedged = by_state.get(OutboxState.WEDGED, [])
    parked = by_state.get(OutboxState.PARKED, [])
    if wedged:
        yield Finding(
            Level.PROBLEM,
            "outbox",
            f"{len(wedged)} messages were given up: {_reasons(wedged)}",
            "client.outbox.retry(row.id) or client.outbox.forget(row.id), for rows of client.outbox.pending()",
        )
    if parked:
        yield Finding(
            Level.WARNING,
            "outbox",
            f"{len(parked)} messages may have been sent: {_reasons(parked)}",
            "client.outbox.flush() settles them without sending anything twice",
        )
    strangers = [row for row in rows if device_id and row.device_id not in ("", device_id)]
    if strangers:
        yield Finding(
            Level.PROBLEM,
            "outbox",
            f"{len(strangers)} messages were kept for another device, and cannot be sent by this one",
            "sign in as that device, or forget them and send them anew",
        )
    others = [row for row in rows if row.state not in (OutboxState.WEDGED, OutboxState.PARKED)]
    now = clock.now_ms()
    old = [row for row in others if now - row.created_ts > HOUR_MS]
    if old:
        yield Finding(
            Level.WARNING,
            "outbox",
            f"{len(old)} of {len(others)} messages have waited for more than an hour: {_reasons(old)}",
            "client.outbox.flush() sends them",
        )
    elif not (wedged or parked or strangers):
        yield Finding(Level.OK, "outbox", f"{len(others)} messages wait to be sent")


def _reasons(rows: list[OutboxRow]) -> str:
    return "; ".join(
        f"{row.event_type} to {row.room_id} ({row.last_error or 'not tried yet'})" for row in rows[:SHOWN]
    )
