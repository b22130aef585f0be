"""T16: a store in memory, one in a file that is closed and opened, and a model in plain Python show the same.

The machine of ``tests/property`` does what a sync does; here come the outbox and the small values of encryption.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import pytest
from hypothesis import Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from gomatrix_py.store import InMemoryStore, SyncBatch
from gomatrix_py.store.key_values import Change, MemoryKeyValues
from gomatrix_py.store.outbox import MemoryOutbox, OutboxKind, OutboxRow, OutboxState
from tests.kit.fault_mixes import SEED, of_size
from tests.property.test_store_property import BATCHES, ROOM_IDS, TEXTS, StoresAgree

SERIES, OPERATIONS = of_size(40, 500), 50
RUNS = of_size(1, 20)  # Hypothesis remembers every series of a run

DEVICES = st.sampled_from(["", "ONE", "TWO"])
TXN_IDS = st.sampled_from(["a", "b", "A", "a\0", "é"])
STAMPS = st.integers(0, 5)
ROWS = st.builds(
    OutboxRow,
    ROOM_IDS,
    TEXTS,
    st.binary(max_size=5),
    TXN_IDS,
    DEVICES,
    st.sampled_from(OutboxKind),
    target=TEXTS,
    sender=TEXTS,
    ts=st.none() | st.integers(0, 2**53),
    created_ts=STAMPS,
    expires_ts=STAMPS,
)
NEWS = st.fixed_dictionaries(
    {"state": st.sampled_from(OutboxState)},
    optional={
        "tries": st.integers(0, 9),
        "refusals": st.integers(0, 9),
        "first_tried_ts": STAMPS,
        "last_error": TEXTS,
        "event_id": TEXTS,
        "content": st.binary(max_size=5),
    },
)
SPACES = st.sampled_from(["olm", "megolm", "", "o"])
KEYS = st.sampled_from(["", "a", "ab", "a%", "a_", "A", "é", "\U0001f98a", "a\0", "a\uffff"])
CHANGES = st.lists(st.builds(Change, SPACES, KEYS, st.none() | st.binary(max_size=4)), max_size=4)


class WholeStoresAgree(StoresAgree):
    """The same three, with an outbox and small values."""

    @initialize()
    def open_stores(self) -> None:
        super().open_stores()
        self.rows: dict[int, OutboxRow] = {}
        self.last_id = 0
        self.values: dict[tuple[str, str], bytes] = {}
        self.ids: dict[str, dict[int, int]] = {"InMemoryStore": {}, "SQLiteStore": {}}

    def _ids_in(self, store: object) -> dict[int, int]:
        """Return the ids that a store gave to the rows of the model: they need only grow."""
        return self.ids[type(store).__name__]

    def _in(self, store: object, row: OutboxRow) -> OutboxRow:
        return attrs.evolve(row, id=self._ids_in(store)[row.id])

    def _apply(self, changes: Iterable[Change]) -> None:
        for space, key, value in changes:
            if value is None:
                self.values.pop((space, key), None)
            else:
                self.values[space, key] = value

    @rule(row=ROWS)
    def queue(self, row: OutboxRow) -> None:
        known = [
            one
            for one in self.rows.values()
            if (one.room_id, one.device_id, one.txn_id) == (row.room_id, row.device_id, row.txn_id)
        ]
        if not known:
            self.last_id += 1
            self.rows[self.last_id] = attrs.evolve(row, id=self.last_id)
        expected = known[0] if known else self.rows[self.last_id]
        for store in (self.memory, self.file):
            kept, is_new = store.outbox.add(copy.deepcopy(row))
            assert is_new == (not known)
            ids = self._ids_in(store)
            if is_new:
                assert kept.id > max(ids.values(), default=0), "an id was given twice, or out of order"
                ids[self.last_id] = kept.id
            assert kept == self._in(store, expected)

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), news=NEWS, changes=CHANGES, is_durable=st.booleans())
    def send(self, data: st.DataObject, news: dict[str, Any], changes: list[Change], is_durable: bool) -> None:
        row_id = data.draw(st.sampled_from(sorted(self.rows)))
        written = attrs.evolve(self.rows[row_id], **news)
        if written.is_sent or not self.rows[row_id].is_sent:  # what was sent stays sent
            self.rows[row_id] = written
        gone = attrs.evolve(self.rows[row_id], id=10**9, txn_id="never there")
        self._apply(changes)
        for store in (self.memory, self.file):
            rows = [self._in(store, written), attrs.evolve(gone)]
            store.outbox.update(rows, is_durable=is_durable, changes=changes)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        chosen = [row_id for row_id in self.rows if data.draw(st.booleans())]
        for row_id in chosen:
            self.rows.pop(row_id, None)
        for store in (self.memory, self.file):
            store.outbox.remove([*map(self._ids_in(store).__getitem__, chosen), 10**9])

    @rule(before_ts=STAMPS)
    def forget_sent(self, before_ts: int) -> None:
        self.rows = {
            row_id: row
            for row_id, row in self.rows.items()
            if not (row.state is OutboxState.SENT and row.created_ts < before_ts)
        }
        for store in (self.memory, self.file):
            store.outbox.forget_sent(before_ts)

    @rule(changes=CHANGES)
    def write_values(self, changes: list[Change]) -> None:
        self._apply(changes)
        for store in (self.memory, self.file):
            store.key_values.write(iter(changes))

    @rule(batch=BATCHES, changes=CHANGES)
    def commit_with_values(self, batch: SyncBatch, changes: list[Change]) -> None:
        self._apply(changes)
        self.commit_sync(attrs.evolve(batch, changes=changes))

    @invariant()
    def outboxes_are_the_same(self) -> None:
        waiting = [row for _, row in sorted(self.rows.items()) if row.state is not OutboxState.SENT]
        for store in (self.memory, self.file):
            shown = [self._in(store, row) for row in waiting]
            assert list(store.outbox.waiting()) == shown, type(store).__name__
            assert store.outbox.count_waiting() == len(shown)
            due = [(row.id, row.room_id) for row in shown if row.state is not OutboxState.WEDGED]
            assert list(store.outbox.due_ids()) == due
            for room_id in {row.room_id for row in self.rows.values()}:
                assert list(store.outbox.waiting(room_id)) == [row for row in shown if row.room_id == room_id]
            for row in (self._in(store, row) for row in self.rows.values()):
                assert store.outbox.get(row.id) == row
                assert store.outbox.find(row.room_id, row.device_id, row.txn_id) == row
            assert store.outbox.get(10**9) is None

    @invariant()
    def values_are_the_same(self) -> None:
        for store in (self.memory, self.file):
            for space in ("olm", "megolm", "", "o"):
                expected = sorted((key, value) for (one, key), value in self.values.items() if one == space)
                assert list(store.key_values.scan(space)) == expected, type(store).__name__
                assert store.key_values.count(space) == len(expected)
                for prefix in ("a", "a%", "é", "a\0"):
                    begun = [(key, value) for key, value in expected if key.startswith(prefix)]
                    assert list(store.key_values.scan(space, prefix)) == begun, (type(store).__name__, prefix)


SETTINGS = settings(
    max_examples=SERIES,
    stateful_step_count=OPERATIONS,
    deadline=None,
    database=None,
    print_blob=True,
    phases=[Phase.generate],  # the series that fails is told as it is: making it smaller takes many minutes
)


@pytest.mark.parametrize("number", range(RUNS))
def test_three_stores_agree(number: int) -> None:
    class Machine(WholeStoresAgree):
        """One for each run: the seed is kept with the class."""

    run_state_machine_as_test(seed(SEED + number)(Machine), settings=SETTINGS)


# ------------------------------------------------------------------ controls


class _ShowsNoParkedRows(MemoryOutbox):
    def waiting(self, room_id: str | None = None) -> Sequence[OutboxRow]:
        return [row for row in super().waiting(room_id) if row.state is not OutboxState.PARKED]


class _ForgetsTheValues(MemoryOutbox):
    def update(self, rows: Iterable[OutboxRow], *, is_durable: bool = True, changes: Sequence[Change] = ()) -> None:
        super().update(rows, is_durable=is_durable)


class _ReadsPrefixesAsPatterns(MemoryKeyValues):
    def scan(self, space: str, prefix: str = "") -> Any:
        return super().scan(space, prefix.rstrip("%\0"))


@pytest.mark.parametrize("broken", [_ShowsNoParkedRows, _ForgetsTheValues, _ReadsPrefixesAsPatterns])
def test_the_control_a_broken_store_is_found_out(broken: type[Any]) -> None:
    class Machine(WholeStoresAgree):
        def make_memory(self) -> InMemoryStore:
            store = InMemoryStore()
            if issubclass(broken, MemoryOutbox):
                store.outbox = broken(store.key_values)
            else:
                store.key_values = broken()
                store.outbox = MemoryOutbox(store.key_values)
            return store

    found = settings(SETTINGS, max_examples=300, derandomize=True, report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Machine, settings=found)
