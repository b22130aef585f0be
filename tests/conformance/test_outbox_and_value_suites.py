"""The built-in stores pass the suites for outbox and values; and for each promise one that breaks it is found out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from gomatrix_py.errors import StoreError
from gomatrix_py.store import InMemoryStore, SQLiteStore, Storer, SyncStorer
from gomatrix_py.store.key_values import Change, MemoryKeyValues
from gomatrix_py.store.outbox import MemoryOutbox, OutboxRow, OutboxState
from gomatrix_py.testing.conformance import KeyValueStorerConformance, OutboxStorerConformance, StorerConformance


class TestInMemoryStore(OutboxStorerConformance, KeyValueStorerConformance):
    def make_store(self) -> SyncStorer:
        return InMemoryStore()


class TestSQLiteStore(OutboxStorerConformance, KeyValueStorerConformance):
    def make_store(self) -> SyncStorer:
        return SQLiteStore(self.folder / "store.sqlite3")


class TestSQLiteStoreReopened(TestSQLiteStore):
    def reopen(self, store: Any) -> SyncStorer:
        store.close()
        return self.make_store()


# ------------------------------------------------------------------ broken outboxes


class KnowsTransactionsByRoomOnly(MemoryOutbox):
    def add(self, row: OutboxRow) -> tuple[OutboxRow, bool]:
        known = [one for one in self.waiting(row.room_id) if one.txn_id == row.txn_id]
        return (known[0], False) if known else super().add(row)


class ForgetsTransactionsOnceSent(MemoryOutbox):
    def add(self, row: OutboxRow) -> tuple[OutboxRow, bool]:
        self.forget_sent(1 << 60)
        return super().add(row)


class TakesTheNewRow(MemoryOutbox):
    def add(self, row: OutboxRow) -> tuple[OutboxRow, bool]:
        kept, is_new = super().add(row)
        if not is_new:
            kept = attrs.evolve(row, id=kept.id)
            self.update([kept])
        return kept, is_new


class HandsOutItsOwn(MemoryOutbox):
    def get(self, row_id: int) -> OutboxRow | None:
        return self._row(row_id)


class SortsByTransaction(MemoryOutbox):
    def waiting(self, room_id: str | None = None) -> Sequence[OutboxRow]:
        return sorted(super().waiting(room_id), key=lambda row: row.txn_id)


class HidesParked(MemoryOutbox):
    def waiting(self, room_id: str | None = None) -> Sequence[OutboxRow]:
        return [row for row in super().waiting(room_id) if row.state is not OutboxState.PARKED]


class SendsWedged(MemoryOutbox):
    def due_ids(self, room_id: str | None = None) -> Sequence[tuple[int, str]]:
        return [(row.id, row.room_id) for row in self.waiting(room_id)]


class GivesIdsAgain(MemoryOutbox):
    def add(self, row: OutboxRow) -> tuple[OutboxRow, bool]:
        self._last_id = max([*self._waiting, *self._sent, 0])
        return super().add(row)


class UndoesEchoes(MemoryOutbox):
    def update(self, rows: Iterable[OutboxRow], *, is_durable: bool = True, changes: Sequence[Change] = ()) -> None:
        rows = list(rows)
        for row in rows:
            if row.id in self._sent and not row.is_sent:
                self._waiting[row.id] = self._sent.pop(row.id)
        super().update(rows, is_durable=is_durable, changes=changes)


class BringsRemovedBack(MemoryOutbox):
    def update(self, rows: Iterable[OutboxRow], *, is_durable: bool = True, changes: Sequence[Change] = ()) -> None:
        rows = list(rows)
        for row in rows:
            if self.get(row.id) is None:
                self._waiting[row.id] = attrs.evolve(row)
        super().update(rows, is_durable=is_durable, changes=changes)


class DropsValues(MemoryOutbox):
    def update(self, rows: Iterable[OutboxRow], *, is_durable: bool = True, changes: Sequence[Change] = ()) -> None:
        super().update(rows, is_durable=is_durable)


class LosesContents(MemoryOutbox):
    def add(self, row: OutboxRow) -> tuple[OutboxRow, bool]:
        return super().add(attrs.evolve(row, content=row.content.split(b"\\u0000")[0]))


class ForgetsAllThatIsOld(MemoryOutbox):
    def forget_sent(self, before_ts: int, keep: int = 0) -> None:
        super().forget_sent(before_ts, keep)
        self.remove([row.id for row in self.waiting() if row.created_ts < before_ts])


class KeepsNothing(MemoryOutbox):
    def forget_sent(self, before_ts: int, keep: int = 0) -> None:
        super().forget_sent(before_ts)


class WritesOnlyWhatIsDurable(MemoryOutbox):
    def update(self, rows: Iterable[OutboxRow], *, is_durable: bool = True, changes: Sequence[Change] = ()) -> None:
        super().update(rows if is_durable else [], changes=changes)
        if not is_durable:
            self.remove(row.id for row in rows)


BROKEN_OUTBOXES: list[tuple[type[MemoryOutbox], str]] = [
    (KnowsTransactionsByRoomOnly, "test_rooms_and_devices_have_transaction_ids_of_their_own"),
    (ForgetsTransactionsOnceSent, "test_what_was_sent_is_known_by_its_transaction_id"),
    (TakesTheNewRow, "test_a_transaction_id_is_kept_once"),
    (HandsOutItsOwn, "test_rows_are_copies"),
    (SortsByTransaction, "test_what_waits_comes_in_order"),
    (HidesParked, "test_all_that_is_not_sent_waits"),
    (SendsWedged, "test_all_that_is_not_sent_waits"),
    (GivesIdsAgain, "test_an_id_is_never_given_twice"),
    (UndoesEchoes, "test_what_was_sent_stays_sent"),
    (BringsRemovedBack, "test_what_was_removed_stays_removed"),
    (DropsValues, "test_values_are_written_with_rows"),
    (LosesContents, "test_contents_are_bytes"),
    (ForgetsAllThatIsOld, "test_only_what_was_sent_long_ago_is_forgotten"),
    (KeepsNothing, "test_the_last_ones_that_were_sent_stay_whatever_the_clock_says"),
    (WritesOnlyWhatIsDurable, "test_a_row_is_written_back"),
]


@pytest.mark.parametrize(("broken", "test"), BROKEN_OUTBOXES, ids=lambda one: getattr(one, "__name__", one))
def test_a_broken_outbox_is_found_out(broken: type[MemoryOutbox], test: str, tmp_path: Path) -> None:
    class Suite(OutboxStorerConformance):
        def make_store(self) -> SyncStorer:
            store = InMemoryStore()
            store.outbox = broken(store.key_values)
            return store

    _must_fail(Suite(), test, tmp_path)


# ------------------------------------------------------------------ broken values


class TakesEmptyForNone(MemoryKeyValues):
    def get(self, space: str, key: str) -> bytes | None:
        return super().get(space, key) or None


class IgnoresSpaces(MemoryKeyValues):
    def get(self, space: str, key: str) -> bytes | None:
        return super().get("", key)

    def write(self, changes: Iterable[Change]) -> None:
        super().write(Change("", key, value) for _, key, value in changes)


class RemovesFirst(MemoryKeyValues):
    def write(self, changes: Iterable[Change]) -> None:
        super().write(sorted(changes, key=lambda change: change.value is None))


class ScansInOrderOfWriting(MemoryKeyValues):
    def scan(self, space: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        return iter(sorted(super().scan(space, prefix), key=lambda pair: pair[0].encode("utf-16-be")))


class IgnoresCaseInScans(MemoryKeyValues):
    def scan(self, space: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        return iter([pair for pair in super().scan(space) if pair[0].lower().startswith(prefix.lower())])


class ScansWhileItIsWritten(MemoryKeyValues):
    def scan(self, space: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        seen: set[str] = set()
        while left := [pair for pair in super().scan(space, prefix) if pair[0] not in seen and len(seen) < 30]:
            seen.add(left[0][0])
            yield left[0]


class CountsRemoved(MemoryKeyValues):
    def count(self, space: str) -> int:
        return super().count(space) + 1


BROKEN_VALUES: list[tuple[type[MemoryKeyValues], str]] = [
    (TakesEmptyForNone, "test_values_are_bytes"),
    (IgnoresSpaces, "test_spaces_are_kept_apart"),
    (RemovesFirst, "test_the_last_change_counts"),
    (ScansInOrderOfWriting, "test_a_scan_comes_in_order_of_the_keys"),
    (IgnoresCaseInScans, "test_a_scan_takes_a_prefix_as_it_is"),
    (ScansWhileItIsWritten, "test_writing_may_go_on_during_a_scan"),
    (CountsRemoved, "test_a_value_is_kept"),
]


@pytest.mark.parametrize(("broken", "test"), BROKEN_VALUES, ids=lambda one: getattr(one, "__name__", one))
def test_broken_values_are_found_out(broken: type[MemoryKeyValues], test: str, tmp_path: Path) -> None:
    class Suite(KeyValueStorerConformance):
        def make_store(self) -> SyncStorer:
            store = InMemoryStore()
            store.key_values = broken()
            return store

    _must_fail(Suite(), test, tmp_path)


def test_values_that_a_sync_leaves_out_are_found_out(tmp_path: Path) -> None:
    class Leaves(InMemoryStore):
        def commit_sync(self, batch: Any) -> Any:
            return super().commit_sync(attrs.evolve(batch, changes=[]))

    class Suite(KeyValueStorerConformance):
        def make_store(self) -> SyncStorer:
            return Leaves()

    _must_fail(Suite(), "test_values_are_written_with_a_sync", tmp_path)


@pytest.mark.parametrize(
    ("suite", "test"),
    [
        (OutboxStorerConformance, "test_a_row_is_kept_whole"),
        (KeyValueStorerConformance, "test_a_value_is_kept"),
    ],
)
def test_a_store_that_keeps_nothing_on_disk_is_found_out(
    suite: type[StorerConformance], test: str, tmp_path: Path
) -> None:
    class Forgetful(suite):  # type: ignore[valid-type, misc]
        def make_store(self) -> Storer:
            return InMemoryStore()

        def reopen(self, store: Any) -> Storer:
            return InMemoryStore()

    _must_fail(Forgetful(), test, tmp_path)


def _must_fail(suite: StorerConformance, test: str, folder: Path) -> None:
    with suite.opened_in(folder) as opened, pytest.raises((AssertionError, StoreError)):
        getattr(suite, test)(opened)
