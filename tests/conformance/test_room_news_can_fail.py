"""The control of what is kept of a room besides its state: stores that break a promise, and the test that notices."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from gomatrix_py.errors import StoreError
from gomatrix_py.rooms import Room
from gomatrix_py.store import InboxRow, InMemoryStore, SyncBatch, SyncStorer
from gomatrix_py.testing.conformance import SyncStorerConformance


def _changed(batch: SyncBatch, **changes: Any) -> SyncBatch:
    return attrs.evolve(batch, rooms=[attrs.evolve(one, **changes) for one in batch.rooms])


class ForgetsReceipts(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        return super().commit_sync(_changed(batch, ephemeral=b"[]"))


class KeepsOneReceiptPerUser(InMemoryStore):
    def load_room(self, room_id: str) -> Room | None:
        room = super().load_room(room_id)
        if room is not None:
            last = {one.user_id: one for one in room.receipts.all()}
            room.receipts._by_key = {(one.user_id, "", False): one for one in last.values()}
        return room


class RefusesPoisonedReceipts(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        try:
            for delta in batch.rooms:
                all(event["content"]["$1"] for event in json.loads(delta.ephemeral))
        except (TypeError, KeyError, ValueError):
            raise StoreError("no receipts") from None
        return super().commit_sync(batch)


class LetsTypeForEver(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        typed = [one for one in batch.rooms if b'"user_ids":[]' not in one.ephemeral]
        return super().commit_sync(attrs.evolve(batch, rooms=typed))


class LetsTypeWhereWeLeft(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        return super().commit_sync(_changed(batch, membership="join"))


class TakesNoneForNoThreads(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        rooms = [attrs.evolve(one, thread_counts=one.thread_counts or b"{}") for one in batch.rooms]
        return super().commit_sync(attrs.evolve(batch, rooms=rooms))


class TakesNoneForMissingMembers(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        rooms = [attrs.evolve(one, has_all_members=bool(one.has_all_members)) for one in batch.rooms]
        return super().commit_sync(attrs.evolve(batch, rooms=rooms))


class ForgetsLoadedMembers(InMemoryStore):
    def save_room(self, room: Room) -> None:
        super().save_room(room)
        room.has_all_members = False


class ListsAllRooms(InMemoryStore):
    def room_ids(self, membership: str | None = None) -> Sequence[str]:
        return super().room_ids()


class MixesAccountData(InMemoryStore):
    def account_content(self, event_type: str, room_id: str = "") -> dict[str, Any]:
        return super().account_content(event_type, room_id) or super().account_content(event_type)


class KeepsOldAccountData(InMemoryStore):
    def account_content(self, event_type: str, room_id: str = "") -> dict[str, Any]:
        known: dict[Any, dict[str, Any]] = self.__dict__.setdefault("_old", {})
        return known.setdefault((event_type, room_id), super().account_content(event_type, room_id))


class BelongsToNobody(InMemoryStore):
    def load_room(self, room_id: str) -> Room | None:
        self.own_user_id = ""
        return super().load_room(room_id)


BROKEN: list[tuple[type[InMemoryStore], str]] = [
    (ForgetsReceipts, "test_receipts_are_kept"),
    (ForgetsReceipts, "test_receipts_are_kept_by_room"),
    (ForgetsReceipts, "test_odd_receipts_are_kept_apart"),
    (ForgetsReceipts, "test_a_held_room_learns_of_receipts_and_typing"),
    (KeepsOneReceiptPerUser, "test_a_receipt_replaces_only_its_own_kind"),
    (RefusesPoisonedReceipts, "test_poisoned_receipts_keep_nothing_out"),
    (LetsTypeForEver, "test_who_types_is_known_until_they_stop"),
    (LetsTypeWhereWeLeft, "test_nobody_types_in_a_room_we_left"),
    (TakesNoneForNoThreads, "test_counts_of_threads_are_kept"),
    (TakesNoneForMissingMembers, "test_whether_all_members_are_known_is_kept"),
    (ForgetsLoadedMembers, "test_members_loaded_later_are_kept"),
    (ListsAllRooms, "test_rooms_are_listed_by_membership"),
    (MixesAccountData, "test_a_room_shows_our_own_data"),
    (KeepsOldAccountData, "test_a_room_shows_our_own_data"),
    (BelongsToNobody, "test_a_room_knows_whose_it_is"),
]


@pytest.mark.parametrize(("broken", "test"), BROKEN, ids=lambda one: getattr(one, "__name__", one))
def test_a_store_that_forgets_news_of_a_room_is_found_out(
    broken: type[InMemoryStore], test: str, tmp_path: Path
) -> None:
    class Suite(SyncStorerConformance):
        def make_store(self) -> SyncStorer:
            return broken()

    suite = Suite()
    with suite.opened_in(tmp_path) as opened, pytest.raises((AssertionError, StoreError)):
        getattr(suite, test)(opened)
