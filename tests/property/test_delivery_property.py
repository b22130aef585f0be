"""Workers, whatever the listeners do: in order per room, nothing lost, nothing twice without a reason."""

from __future__ import annotations

import tempfile
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py import DefaultSyncer, Event, EventSource, InMemoryStore, SQLiteStore
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import ListenerFailed
from gomatrix_py.store import InboxRow, SyncBatch, SyncStorer
from gomatrix_py.store.journal import Journal
from gomatrix_py.sync import raise_listener_error
from gomatrix_py.sync.lanes import LanePool
from gomatrix_py.testing.conformance.specimens import event_json
from tests.kit.handlers import Handlers

OWN = "@own:example.org"
LONGEST_NAP_S = 0.002
MAX_RUNS = 200

ROOMS = ("!a:x", "!b:x", "!c:x", "!d:x")
PLANS = st.lists(st.tuples(st.sampled_from(ROOMS), st.sampled_from((0.0, LONGEST_NAP_S))), min_size=1, max_size=24)


def rows_of(plan: list[tuple[str, float]]) -> list[InboxRow]:
    """Return a row for each entry of a plan."""
    return [
        InboxRow(room_id, f"${place}", EventSource.TIMELINE, event_json(f"${place}"))
        for place, (room_id, _) in enumerate(plan)
    ]


def journalled(syncer: DefaultSyncer, store: SyncStorer, plan: list[tuple[str, float]], batches: int) -> int:
    """Deliver a plan in some batches, run after run until nothing is left; return how many runs it took."""
    rows, runs = rows_of(plan), 0
    size = -(-len(rows) // batches)
    waiting = deque(rows[begin : begin + size] for begin in range(0, len(rows), size))
    while waiting or store.undelivered():
        runs += 1
        assert runs < MAX_RUNS, "it never ends"
        token = CancelToken()
        tokens.append(token)
        try:
            with syncer.delivering(token):
                syncer.deliver_again()
                while waiting and not token.is_cancelled:
                    new = store.commit_sync(SyncBatch(OWN, "s", inbox=waiting.popleft()))
                    syncer.deliver(store, new)
                syncer.delivery.wait_until_delivered()
        except ListenerFailed:
            continue
    return runs


tokens: list[CancelToken] = []


@settings(max_examples=100, deadline=None)
@given(PLANS, st.integers(1, 4), st.integers(1, 3), st.sets(st.integers(0, 23), max_size=3), st.booleans())
def test_stops_lose_nothing_and_repeat_nothing(
    plan: list[tuple[str, float]], workers: int, batches: int, stops: set[int], is_on_disk: bool
) -> None:
    naps_s = {f"${place}": nap_s for place, (_, nap_s) in enumerate(plan)}
    handlers = Handlers(naps_s)
    with tempfile.TemporaryDirectory() as folder:
        store = SQLiteStore(Path(folder, "store")) if is_on_disk else InMemoryStore()
        syncer = DefaultSyncer(OWN, store, workers=workers)
        syncer.on_event(handlers)
        syncer.on_event(lambda event: tokens[-1].cancel() if int(event.event_id[1:]) in stops else None)
        journalled(syncer, store, plan, batches)
        assert list(store.quarantined()) == []
        if isinstance(store, SQLiteStore):
            store.close()
    assert sorted(event_id for _, event_id in handlers.heard) == sorted(naps_s), "lost, or twice"
    for room_id in ROOMS:
        assert handlers.of(room_id) == [f"${place}" for place, (one, _) in enumerate(plan) if one == room_id]
    assert (handlers.overlaps, handlers.most_at_once <= workers) == ([], True)


@settings(max_examples=100, deadline=None)
@given(
    PLANS, st.integers(1, 4), st.integers(1, 3), st.dictionaries(st.integers(0, 23), st.integers(1, 4), max_size=3)
)
def test_what_fails_comes_again_and_is_set_aside_after_three_times(
    plan: list[tuple[str, float]], workers: int, batches: int, failures: dict[int, int]
) -> None:
    store, handlers = InMemoryStore(), Handlers({}, {f"${place}": times for place, times in failures.items()})
    syncer = DefaultSyncer(OWN, store, workers=workers, listener_policy=raise_listener_error)
    syncer.on_event(handlers)
    journalled(syncer, store, plan, batches)
    times = {f"${place}": min(3, failures.get(place, 0) + 1) for place in range(len(plan))}
    assert {event_id: [one for _, one in handlers.heard].count(event_id) for event_id in times} == times
    aside = [f"${place}" for place in range(len(plan)) if failures.get(place, 0) >= 3]
    assert sorted(row.event_id for row in store.quarantined()) == sorted(aside)
    for room_id in ROOMS:
        firsts = list(dict.fromkeys(handlers.of(room_id)))
        assert firsts == [f"${place}" for place, (one, _) in enumerate(plan) if one == room_id]


def _breaks_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gomatrix_py.sync.delivery._lane", lambda row: row.event_id)


def _forgets_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    taken_back = LanePool.take_back

    def lossy(pool: LanePool[object]) -> list[object]:
        left = taken_back(pool)
        for work in left:
            journal.mark_delivered([work.row])  # type: ignore[attr-defined]
        return left

    monkeypatch.setattr(LanePool, "take_back", lossy)


journal = Journal()


@pytest.mark.parametrize("breaks", [_breaks_order, _forgets_what_waits])
def test_the_control_a_broken_delivery_is_noticed(
    breaks: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(monkeypatch)
    store, handlers = InMemoryStore(), Handlers({f"${place}": 0.02 for place in range(0, 8, 2)})
    monkeypatch.setitem(globals(), "journal", store)
    syncer = DefaultSyncer(OWN, store, workers=2)
    syncer.on_event(handlers)
    syncer.on_event(lambda event: tokens[-1].cancel() if event.event_id == "$2" else None)
    journalled(syncer, store, [(ROOMS[0], 0.0)] * 8, 1)
    is_complete = sorted(event_id for _, event_id in handlers.heard) == [f"${place}" for place in range(8)]
    is_ordered = not handlers.overlaps and handlers.of(ROOMS[0]) == sorted(handlers.of(ROOMS[0]))
    assert not (is_complete and is_ordered)


def test_the_thread_that_stops_may_be_any() -> None:
    store, entered, go_on = InMemoryStore(), threading.Event(), threading.Event()
    syncer = DefaultSyncer(OWN, store, workers=2)

    @syncer.on_event()
    def slow(event: Event) -> None:
        entered.set()
        assert go_on.wait(20)

    token = CancelToken()
    rows = store.commit_sync(SyncBatch(OWN, "s", inbox=rows_of([(ROOMS[0], 0.0)] * 3)))

    def stop() -> None:
        assert entered.wait(20)
        token.cancel()
        go_on.set()

    stopper = threading.Thread(target=stop)
    stopper.start()
    with syncer.delivering(token):
        syncer.deliver(store, rows)
        syncer.delivery.wait_until_delivered()
    stopper.join()
    assert [row.event_id for row in store.undelivered()] == ["$1", "$2"]
