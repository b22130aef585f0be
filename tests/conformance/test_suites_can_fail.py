"""The control: for each promise a store or syncer that breaks it, and the test that must notice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from gomatrix_py.api.sync import SyncResponse
from gomatrix_py.errors import StoreError
from gomatrix_py.events import Event
from gomatrix_py.rooms import Room
from gomatrix_py.store import Gap, InboxRow, InMemoryStore, RoomDelta, Storer, SyncBatch, SyncStorer
from gomatrix_py.sync import Syncer
from gomatrix_py.testing.conformance import StorerConformance, SyncerConformance, SyncStorerConformance
from tests.conformance.six_methods import SixMethodStore
from tests.conformance.test_builtin_syncers import MinimalSyncer

# ------------------------------------------------------------------ six methods


class SharesTokens(SixMethodStore):
    def save_next_batch(self, user_id: str, next_batch: str) -> None:
        super().save_next_batch("", next_batch)

    def load_next_batch(self, user_id: str) -> str:
        return super().load_next_batch("")


class CutsAtNul(SixMethodStore):
    def load_filter_id(self, user_id: str) -> str:
        return super().load_filter_id(user_id).split("\0")[0]


class IgnoresCase(SixMethodStore):
    def save_next_batch(self, user_id: str, next_batch: str) -> None:
        super().save_next_batch(user_id.lower(), next_batch)

    def load_next_batch(self, user_id: str) -> str:
        return super().load_next_batch(user_id.lower())


class MissesWithNone(SixMethodStore):
    def load_next_batch(self, user_id: str) -> str:
        return super().load_next_batch(user_id) or None  # type: ignore[return-value]


class MakesUpRooms(SixMethodStore):
    def load_room(self, room_id: str) -> Room | None:
        return super().load_room(room_id) or Room(room_id)


class ForgetsState(SixMethodStore):
    def save_room(self, room: Room) -> None:
        bare = Room(room.id)
        bare.membership = room.membership
        super().save_room(bare)


class KeepsOneKeyPerType(SixMethodStore):
    def save_room(self, room: Room) -> None:
        bare = Room(room.id)
        for kind in room.state:
            bare.update_state(list(room.state.of_type(kind).values())[-1])
        super().save_room(bare)


class WritesJsonAnew(SixMethodStore):
    def save_room(self, room: Room) -> None:
        copy = Room(room.id)
        for kind in room.state:
            for event in room.state.of_type(kind).values():
                copy.update_state(Event.from_json(json.dumps(event.raw).encode()))
        super().save_room(copy)


class SavesOnlyChanges(SixMethodStore):
    """As a store on disk may: what was not set by hand is thought to be saved already."""

    def save_room(self, room: Room) -> None:
        kept = self.rooms.get(room.id) or Room(room.id)
        kept.membership = room.membership
        for event in room.take_changes().values():
            kept.update_state(event)
        self.rooms[room.id] = kept


class MakesObjectsAnew(SixMethodStore):
    def load_room(self, room_id: str) -> Room | None:
        found = super().load_room(room_id)
        return None if found is None else Room(room_id)


BROKEN_STORERS: list[tuple[type[SixMethodStore], str]] = [
    (SharesTokens, "test_users_have_texts_of_their_own"),
    (CutsAtNul, "test_texts_are_kept_as_they_are"),
    (IgnoresCase, "test_texts_are_kept_as_they_are"),
    (MissesWithNone, "test_what_is_missing_is_an_empty_text_or_none"),
    (MakesUpRooms, "test_what_is_missing_is_an_empty_text_or_none"),
    (ForgetsState, "test_a_room_is_kept"),
    (ForgetsState, "test_state_set_later_is_added"),
    (KeepsOneKeyPerType, "test_state_is_kept_by_type_and_key"),
    (WritesJsonAnew, "test_state_is_kept_byte_by_byte"),
    (SavesOnlyChanges, "test_a_room_saved_anew_takes_the_place_of_the_old_one"),
    (SavesOnlyChanges, "test_a_room_from_another_store_is_saved_whole"),
    (MakesObjectsAnew, "test_a_held_room_is_the_one_that_is_loaded"),
]


@pytest.mark.parametrize(("broken", "test"), BROKEN_STORERS, ids=lambda one: getattr(one, "__name__", one))
def test_a_broken_storer_is_found_out(broken: type[SixMethodStore], test: str, tmp_path: Path) -> None:
    class Suite(StorerConformance):
        def make_store(self) -> Storer:
            return broken()

    _must_fail(Suite(), test, tmp_path)


def test_a_storer_that_keeps_nothing_on_disk_is_found_out(tmp_path: Path) -> None:
    class Suite(StorerConformance):
        def make_store(self) -> Storer:
            return SixMethodStore()

        def reopen(self, store: Any) -> Storer:
            return SixMethodStore()

    _must_fail(Suite(), "test_the_sync_token_is_kept", tmp_path)


# ------------------------------------------------------------------ whole syncs and the journal


class CountsEventsOncePerStore(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        known = {row.event_id for row in self.undelivered()}
        news = {row.event_id: row for row in reversed(batch.inbox) if row.event_id not in known}
        return super().commit_sync(attrs.evolve(batch, inbox=list(reversed(news.values()))))


class ForgetsDelivered(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        fresh = super().commit_sync(batch)
        open_ids = {row.event_id for row in self.undelivered()}
        return [*fresh, *(row for row in batch.inbox if row.event_id not in open_ids)]


class ForgetsSeen(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        return super().commit_sync(attrs.evolve(batch, rooms=[attrs.evolve(one, seen=[]) for one in batch.rooms]))


class SortsById(InMemoryStore):
    def undelivered(self) -> Sequence[InboxRow]:
        return sorted(super().undelivered(), key=lambda row: row.event_id)


class ReadsRowsTwice(InMemoryStore):
    def mark_delivered(self, rows: Iterable[InboxRow]) -> None:
        if all(row.event_id for row in rows):
            super().mark_delivered(rows)


class GivesPlacesAgain(InMemoryStore):
    """A row's `seq` and a gap's `id` are no more than its place in the list."""

    def mark_delivered(self, rows: Iterable[InboxRow]) -> None:
        super().mark_delivered(self.undelivered()[: len(list(rows))])

    def gaps(self, room_id: str | None = None) -> Sequence[Gap]:
        return [attrs.evolve(gap, id=place) for place, gap in enumerate(super().gaps(room_id))]

    def commit_gap(self, gap: Gap, rows: Sequence[InboxRow], rest: Gap | None) -> Sequence[InboxRow]:
        return super().commit_gap(super().gaps()[gap.id], rows, rest)


class CountsTriesOnTheCopy(InMemoryStore):
    def begin_try(self, row: InboxRow) -> int:
        return row.tries + 1


class DeliversWhatWasSetAside(InMemoryStore):
    def undelivered(self) -> Sequence[InboxRow]:
        return sorted([*super().undelivered(), *self.quarantined()], key=lambda row: row.seq)


class DropsWhatWasSetAside(InMemoryStore):
    def quarantined(self) -> Sequence[InboxRow]:
        return []


class PutsBackAtTheEnd(InMemoryStore):
    def put_back(self, rows: Iterable[InboxRow]) -> None:
        rows = list(rows)
        super().put_back(rows)
        for row in rows:
            kept = self._journal._open.pop(row.seq)
            self._journal._open[row.seq] = kept


class KeepsNoReasons(InMemoryStore):
    def set_aside(self, row: InboxRow, reason: str) -> None:
        super().set_aside(row, "")


class TakesNoneForZero(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        rooms = [attrs.evolve(one, notification_count=one.notification_count or 0) for one in batch.rooms]
        return super().commit_sync(attrs.evolve(batch, rooms=rooms))


class TakesZeroForNone(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        rooms = [attrs.evolve(one, prev_batch=one.prev_batch or None) for one in batch.rooms]
        return super().commit_sync(attrs.evolve(batch, rooms=rooms))


class SkipsBaseState(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        return super().commit_sync(
            attrs.evolve(batch, rooms=[attrs.evolve(one, base_state=b"[]") for one in batch.rooms])
        )


class BelievesInvitations(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        rooms = [attrs.evolve(one, forgets_state=False) for one in batch.rooms]
        return super().commit_sync(attrs.evolve(batch, rooms=rooms))


class ForgetsWhateverAnInvitationSaid(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        rooms = [attrs.evolve(one, forgets_state=one.membership == "join") for one in batch.rooms]
        return super().commit_sync(attrs.evolve(batch, rooms=rooms))


class ForgetsTooLate(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        rows = super().commit_sync(batch)
        rooms = [RoomDelta(one.room_id, one.membership, forgets_state=one.forgets_state) for one in batch.rooms]
        super().commit_sync(attrs.evolve(batch, rooms=rooms, inbox=[], gaps=[]))
        return rows


class SavesWhatWasForgotten(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        set_by_hand = {one: room.take_changes() for one, room in self.rooms.items()}
        rows = super().commit_sync(batch)
        for room_id, changes in set_by_hand.items():
            self.rooms[room_id].put_back_changes(changes)
        return rows

    def save_room(self, room: Room) -> None:
        for event in room.take_changes().values():
            room.update_state(event)
        super().save_room(room)


class KeepsFilledGaps(InMemoryStore):
    def commit_gap(self, gap: Gap, rows: Sequence[InboxRow], rest: Gap | None) -> Sequence[InboxRow]:
        return super().commit_gap(attrs.evolve(gap, id=-1), rows, rest)


class RefusesPoison(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        try:
            for row in batch.inbox:
                json.loads(row.json)
        except ValueError:
            raise StoreError("no JSON") from None
        return super().commit_sync(batch)


BROKEN_SYNC_STORERS: list[tuple[type[InMemoryStore], str]] = [
    (CountsEventsOncePerStore, "test_an_event_counts_once_per_room"),
    (ForgetsDelivered, "test_a_delivered_event_is_not_new"),
    (ForgetsSeen, "test_an_event_nobody_waited_for_is_not_new"),
    (SortsById, "test_undelivered_rows_come_in_order"),
    (ReadsRowsTwice, "test_marked_rows_are_gone_and_the_others_stay"),
    (GivesPlacesAgain, "test_marking_twice_does_no_harm"),
    (GivesPlacesAgain, "test_a_gap_filled_twice_takes_no_other_with_it"),
    (CountsTriesOnTheCopy, "test_tries_are_counted"),
    (DeliversWhatWasSetAside, "test_a_row_set_aside_is_kept_but_not_delivered"),
    (DropsWhatWasSetAside, "test_a_row_set_aside_is_kept_but_not_delivered"),
    (PutsBackAtTheEnd, "test_a_row_set_aside_can_be_put_back_in_its_place"),
    (KeepsNoReasons, "test_a_row_set_aside_can_be_put_back_in_its_place"),
    (TakesNoneForZero, "test_none_means_as_before"),
    (TakesZeroForNone, "test_zero_is_not_as_before"),
    (SkipsBaseState, "test_of_two_states_the_later_one_counts"),
    (BelievesInvitations, "test_state_that_counts_no_more_is_forgotten"),
    (BelievesInvitations, "test_a_held_room_forgets_with_its_store"),
    (ForgetsWhateverAnInvitationSaid, "test_state_that_counts_no_more_is_forgotten"),
    (ForgetsTooLate, "test_state_that_counts_no_more_is_forgotten"),
    (SavesWhatWasForgotten, "test_a_held_room_forgets_with_its_store"),
    (KeepsFilledGaps, "test_a_filled_gap_is_gone_and_its_events_are_journalled"),
    (RefusesPoison, "test_a_journal_keeps_any_bytes"),
]


@pytest.mark.parametrize(("broken", "test"), BROKEN_SYNC_STORERS, ids=lambda one: getattr(one, "__name__", one))
def test_a_broken_sync_storer_is_found_out(broken: type[InMemoryStore], test: str, tmp_path: Path) -> None:
    class Suite(SyncStorerConformance):
        def make_store(self) -> SyncStorer:
            return broken()

    _must_fail(Suite(), test, tmp_path)


def _must_fail(suite: StorerConformance, test: str, folder: Path) -> None:
    with suite.opened_in(folder) as opened, pytest.raises((AssertionError, StoreError)):
        getattr(suite, test)(opened)


# ------------------------------------------------------------------ syncers


class SavesTheTokenFirst(MinimalSyncer):
    """As gomatrix does: what is being processed when the process ends is lost."""

    def process_response(self, response: SyncResponse, since: str) -> None:
        self.store.save_next_batch("@own:example.org", response.next_batch)
        super().process_response(response, since)


class SkipsTimelineState(MinimalSyncer):
    def process_response(self, response: SyncResponse, since: str) -> None:
        for room_id, joined in response.rooms.join.items():
            room = self.store.load_room(room_id) or Room(room_id)
            for event in joined.state.events if joined.state is not None else []:
                room.update_state(event)
            self.store.save_room(room)


class PassesOverFailures(MinimalSyncer):
    def process_response(self, response: SyncResponse, since: str) -> None:
        try:
            super().process_response(response, since)
        except StoreError:
            return


class TellsNewestFirst(MinimalSyncer):
    def process_response(self, response: SyncResponse, since: str) -> None:
        told: list[Event] = []
        told_to, self.heard = self.heard, told.append
        super().process_response(response, since)
        self.heard = told_to
        for event in reversed(told):
            told_to(event)


class WaitsTwiceAsLongEachTime(MinimalSyncer):
    failures = 0

    def on_failed_sync(self, response: SyncResponse | None, error: Exception) -> float:
        self.failures += 1
        return 0.5 * 2.0**self.failures


class AsksForSomethingElseEachTime(MinimalSyncer):
    asked = 0

    def get_filter_json(self, user_id: str) -> dict[str, Any]:
        self.asked += 1
        return {"room": {"timeline": {"limit": self.asked}}}


BROKEN_SYNCERS: list[tuple[type[MinimalSyncer], str, tuple[Any, ...]]] = [
    (SavesTheTokenFirst, "test_no_token_is_saved_ahead_of_what_it_stands_for", ()),
    (SavesTheTokenFirst, "test_an_interrupted_event_is_not_lost", (True,)),
    (SavesTheTokenFirst, "test_an_interrupted_event_is_not_lost", (False,)),
    (SkipsTimelineState, "test_later_state_of_a_timeline_counts", ()),
    (TellsNewestFirst, "test_events_are_heard_in_order", ()),
    (WaitsTwiceAsLongEachTime, "test_a_long_outage_is_waited_out", ()),
    (AsksForSomethingElseEachTime, "test_the_filter_is_json_and_stays_the_same", ()),
]


class _BrokenSyncerSuite(SyncerConformance):
    """The suite of a syncer that hears twice what comes twice, over six methods."""

    drops_duplicates = False

    def __init__(self, broken: Callable[..., Syncer]) -> None:
        self.broken = broken

    def make_syncer(self, store: Storer, heard: Callable[[Event], Any]) -> Syncer:
        return self.broken(store, heard)

    def make_store(self) -> Storer:
        return SixMethodStore()


@pytest.mark.parametrize(
    ("broken", "test", "more"), BROKEN_SYNCERS, ids=lambda one: getattr(one, "__name__", str(one))
)
def test_a_broken_syncer_is_found_out(
    broken: Callable[..., Syncer], test: str, more: tuple[Any, ...], tmp_path: Path
) -> None:
    suite = _BrokenSyncerSuite(broken)
    with suite.store_in(tmp_path) as store, pytest.raises((AssertionError, OverflowError)):
        getattr(suite, test)(store, *more)


def test_a_syncer_that_passes_over_a_full_disk_is_found_out() -> None:
    with pytest.raises(pytest.fail.Exception):
        _BrokenSyncerSuite(PassesOverFailures).test_a_store_that_fails_is_not_passed_over()


def test_a_syncer_that_tells_twice_is_found_out(tmp_path: Path) -> None:
    suite = _BrokenSyncerSuite(MinimalSyncer)
    suite.drops_duplicates = True
    with suite.store_in(tmp_path) as store, pytest.raises(AssertionError):
        suite.test_an_event_that_comes_again_is_heard_once(store)
