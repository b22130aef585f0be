"""The store in memory: what the suite of all stores does not ask."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from gomatrix_py.rooms import Room
from gomatrix_py.store import InMemoryStore, RoomDelta, SyncBatch, journal
from tests.kit.stores import OTHER, OWN, ROOM, full_batch, inbox_row, room_of, snapshot


def test_it_forgets_old_ids_room_by_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "IDS_PER_ROOM", 10)
    store = InMemoryStore()
    store.commit_sync(SyncBatch(OWN, "s", [RoomDelta(OTHER, "join", seen=["$quiet"])]))
    for number in range(100):
        batch = SyncBatch(OWN, "s", [RoomDelta(ROOM, "join", seen=[f"$seen{number}"])], [inbox_row(f"${number}")])
        store.mark_delivered(store.commit_sync(batch))
    known = [number for number in range(100) if store.has_event(ROOM, f"${number}")]
    assert known == list(range(known[0], 100))
    assert 5 <= len(known) <= 20
    assert store.has_event(OTHER, "$quiet"), "a busy room made a quiet one forget"


def test_the_last_thousand_ids_of_a_room_are_known() -> None:
    store = InMemoryStore()
    for number in range(3_000):
        store.mark_delivered(store.commit_sync(SyncBatch(OWN, "s", inbox=[inbox_row(f"${number}")])))
    assert all(store.has_event(ROOM, f"${number}") for number in range(2_000, 3_000))


@pytest.mark.parametrize("nth", [0, 1])
@pytest.mark.parametrize("is_applied", [True, False])
def test_an_interrupted_batch_leaves_the_token_where_it_was(
    is_applied: bool, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory has no transactions: what was done stays, the server says it all again, and nothing counts twice."""
    store = InMemoryStore()
    store.commit_sync(full_batch(1))
    apply, calls = Room.apply, itertools.count()

    def interrupted(room: Room, *arguments: Any) -> None:
        is_due = next(calls) == nth
        if is_applied or not is_due:
            apply(room, *arguments)
        if is_due:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Room, "apply", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.commit_sync(full_batch(2))
    assert store.load_next_batch(OWN) == "s1"
    store.commit_sync(full_batch(2))
    assert store.load_next_batch(OWN) == "s2"
    assert room_of(store).name == "name 2"
    ids = [(row.room_id, row.event_id) for row in store.undelivered() if row.event_id]
    assert len(ids) == len(set(ids)) == 6


def test_it_says_what_it_holds_as_gomatrix_does() -> None:
    store = InMemoryStore()
    store.save_filter_id(OWN, "f1")
    store.commit_sync(full_batch(1))
    assert (store.filters, store.next_batches) == ({OWN: "f1"}, {OWN: "s1"})
    assert store.rooms == {ROOM: room_of(store), OTHER: room_of(store, OTHER)}
    assert snapshot(store)["next_batch"] == "s1"
