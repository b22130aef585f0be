"""Whatever fails, in whatever order things are asked for: every event once, in order, and none forgotten."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py import RetryPolicy
from gomatrix_py.errors import MatrixError
from gomatrix_py.send.outbox import Outbox
from gomatrix_py.store import SQLiteStore
from gomatrix_py.store.outbox import MemoryOutbox, OutboxRow, OutboxState, OutboxStorer
from tests.kit.forgetful_server import Fault, ForgetfulServer, FrozenClock

ROOMS = ("!a:hs", "!b:hs")
FAULTS = st.sampled_from(["ok", "ok", "unreached", "lost", "failed", "broken", "busy"])
# what a caller does: (what, room)
STEPS = st.lists(
    st.tuples(st.sampled_from(["send", "queue", "flush", "restart"]), st.sampled_from(ROOMS)), max_size=15
)


@contextmanager
def memory() -> Iterator[OutboxStorer]:
    yield MemoryOutbox()


@contextmanager
def sqlite() -> Iterator[OutboxStorer]:
    with tempfile.TemporaryDirectory() as folder, SQLiteStore(Path(folder) / "store.db") as store:
        yield store.outbox


class _Run:
    """One series of steps, and what its callers believe afterwards."""

    def __init__(self, rows: OutboxStorer, faults: list[Fault]) -> None:
        self.rows = rows
        self.clock = FrozenClock()
        self.server = ForgetfulServer(faults)
        self.outbox = self.make()
        self.count = 0
        self.sent: list[str] = []
        self.queued: list[str] = []
        self.failed: list[str] = []

    def make(self) -> Outbox:
        policy = RetryPolicy(attempts=2, randomness=lambda: 0.0)
        return Outbox(self.rows, self.server.transmit, policy=policy, clock=self.clock, workers=1)

    def step(self, what: str, room_id: str) -> None:
        if what == "restart":
            self.outbox = self.make()
        elif what == "flush":
            self.outbox.flush(timeout_s=1.0)
        else:
            self.count += 1
            row = OutboxRow(room_id, "m.room.message", b"{}", f"t{self.count:03}")
            if what == "queue":
                self.queued.append(self.outbox.queue(row).txn_id)
                return
            try:
                self.sent.append(self.outbox.send(row).txn_id)
            except MatrixError:
                self.failed.append(row.txn_id)

    def on_server(self) -> list[str]:
        return [txn_id for events in self.server.rooms.values() for txn_id in events]


@pytest.mark.parametrize("where", [memory, sqlite])
@given(faults=st.lists(FAULTS, max_size=40), steps=STEPS)
@settings(max_examples=100, deadline=None)
def test_every_event_once_and_none_forgotten(
    where: object, faults: list[Fault], steps: list[tuple[str, str]]
) -> None:
    with where() as rows:  # type: ignore[operator]
        run = _Run(rows, faults)
        for what, room_id in steps:
            run.step(what, room_id)
        before = run.on_server()
        assert set(run.sent) <= set(before), "a caller was told that it is sent, and it is not"
        for row in run.outbox.pending():
            run.outbox.retry(row.id)
        run.server.faults = iter(())
        assert run.outbox.flush()
        after = run.on_server()
        assert len(set(after)) == len(after), "sent twice"
        assert set(run.sent) | set(run.queued) <= set(after), "forgotten"
        # what failed may be there: its caller was told that this is not known
        assert set(after) <= set(run.sent) | set(run.queued) | set(run.failed)


@given(faults=st.lists(st.sampled_from(["ok", "unreached", "lost", "busy"]), max_size=40), count=st.integers(1, 12))
@settings(max_examples=100, deadline=None)
def test_what_is_queued_arrives_in_order(faults: list[Fault], count: int) -> None:
    run = _Run(MemoryOutbox(), faults)
    for number in range(count):
        run.step("queue", ROOMS[number % 2])
    while not run.outbox.flush(timeout_s=5.0):
        pass
    for events in run.server.rooms.values():
        assert events == sorted(events)


def test_a_new_transaction_id_for_each_try_would_send_twice() -> None:
    """The control: what the tests above look for happens where a try does not keep its transaction id."""
    run = _Run(MemoryOutbox(), ["lost", "ok"])
    plain = run.server.transmit
    tries = iter(range(100))

    def forgetting(row: OutboxRow, cancel: object = None) -> str:
        row.txn_id = f"{row.txn_id}-{next(tries)}"
        return plain(row)

    run.outbox._sender.transmit = forgetting
    run.step("send", ROOMS[0])
    assert len(run.on_server()) == 2
    assert run.outbox.pending() == [] or run.outbox.pending()[0].state is not OutboxState.QUEUED
