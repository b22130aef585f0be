"""The sending side of a homeserver, without HTTP: it knows transaction ids, and fails by a script."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import ConnectError, Forbidden, LimitExceeded, RequestTimeout, ServerError, UnknownToken
from gomatrix_py.store.outbox import OutboxRow

__all__ = ["Fault", "ForgetfulServer", "FrozenClock"]

Fault = str
"""What happens to one sending: "ok", "unreached", "lost", "failed", "broken", "refused", "busy" or "shut out"."""


class FrozenClock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.at_s = 1_000_000.0

    def monotonic(self) -> float:
        return self.at_s

    def now_ms(self) -> int:
        return int(self.at_s * 1000)


class ForgetfulServer:
    """Keeps events by transaction id, and answers by a script; where that ends, all is well."""

    def __init__(self, faults: Iterable[Fault] = (), *, by_row: Callable[[OutboxRow], Fault] | None = None) -> None:
        self.faults = iter(faults)
        self.by_row = by_row
        self.rooms: dict[str, list[str]] = {}
        self.contents: dict[str, bytes] = {}
        self.known: dict[tuple[str, str], str] = {}
        self.calls = 0
        self._lock = threading.Lock()

    def forget_transactions(self) -> None:
        self.known.clear()

    def transmit(self, row: OutboxRow, cancel: CancelToken | None = None) -> str:
        with self._lock:
            self.calls += 1
            fault = self.by_row(row) if self.by_row is not None else next(self.faults, "ok")
            if fault == "unreached":
                raise ConnectError("nobody there")
            if fault == "refused":
                raise Forbidden("no", code=403)
            if fault == "shut out":
                raise UnknownToken("who are you", code=401)
            if fault == "busy":
                raise LimitExceeded("slowly", code=429)
            if fault == "broken":  # not taken, and it cannot be told from "failed"
                raise ServerError("oops", code=500)
            event_id = self._take(row)
            if fault == "lost":
                raise RequestTimeout("no answer")
            if fault == "failed":
                raise ServerError("oops", code=502)
            return event_id

    def _take(self, row: OutboxRow) -> str:
        key = (row.room_id, row.txn_id)
        if key not in self.known:
            events = self.rooms.setdefault(row.room_id, [])
            self.known[key] = f"${row.room_id}-{len(events)}"
            events.append(row.txn_id)
            self.contents[row.txn_id] = row.content
        return self.known[key]
