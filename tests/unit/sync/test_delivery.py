"""Delivery by workers: time limits, back-pressure, marks, what is counted as a try, and who is alone with it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from gomatrix_py import DefaultSyncer, Event, EventSource, InMemoryStore, SlidingSyncer, SQLiteStore, UsageError
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import HandlerTimeout, ListenerFailed, StoreFull
from gomatrix_py.store import InboxRow, SyncBatch, SyncStorer
from gomatrix_py.sync import StoringSyncer, delivery, lanes, raise_listener_error
from gomatrix_py.sync.handling import next_transaction_id
from gomatrix_py.testing.conformance.specimens import event_json
from tests.conformance.six_methods import SixMethodStore
from tests.kit.handlers import Handlers
from tests.kit.recorder import Recorder
from tests.kit.waiting import wait_until

OWN, ROOM, OTHER = "@own:example.org", "!room:example.org", "!other:example.org"


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SyncStorer]:
    """A store of each kind."""
    if request.param == "memory":
        yield InMemoryStore()
    else:
        with SQLiteStore(tmp_path / "store") as store:
            yield store


def put(store: SyncStorer, *event_ids: str, room_id: str = ROOM) -> list[InboxRow]:
    """Journal events of a room, and return their rows."""
    rows = [InboxRow(room_id, event_id, EventSource.TIMELINE, event_json(event_id)) for event_id in event_ids]
    return list(store.commit_sync(SyncBatch(OWN, "s", inbox=rows)))


def left(store: SyncStorer) -> list[str]:
    """Return what waits."""
    return [row.event_id for row in store.undelivered()]


def deliver_until_it_fails(syncer: DefaultSyncer, store: SyncStorer, token: CancelToken, *event_ids: str) -> None:
    """Deliver events of a room, and wait for news as a sync does until a failure wakes it."""
    with syncer.delivering(token):
        syncer.deliver(store, put(store, *event_ids))
        assert token.wait(20), "a sync that waits for news would not notice"


# ------------------------------------------------------------------ what may be asked for


@pytest.mark.parametrize("kind", [DefaultSyncer, SlidingSyncer])
def test_both_syncers_take_workers(kind: type[StoringSyncer]) -> None:
    syncer = kind(OWN, workers=3, handler_timeout_s=5)
    assert (syncer.delivery.workers, syncer.delivery.handler_timeout_s) == (3, 5)


@pytest.mark.parametrize(("workers", "timeout_s"), [(-1, None), (0, 1.0), (2, 0.0), (2, -1.0)])
def test_what_makes_no_sense_is_refused(workers: int, timeout_s: float | None) -> None:
    with pytest.raises(UsageError):
        DefaultSyncer(OWN, workers=workers, handler_timeout_s=timeout_s)


# ------------------------------------------------------------------ rooms side by side


def test_a_slow_listener_in_one_room_holds_no_other_room(store: SyncStorer) -> None:
    go_on, heard = threading.Event(), Recorder()
    syncer = DefaultSyncer(OWN, store, workers=2)

    @syncer.on_event()
    def slow(event: Event) -> None:
        if event.event_id == "$1":
            assert go_on.wait(20)
        heard(event)

    with syncer.delivering(CancelToken()):
        syncer.deliver(store, [*put(store, "$1", "$2"), *put(store, "$3", "$4", room_id=OTHER)])
        heard.wait_until(lambda heard: heard.ids == ["$3", "$4"])
        go_on.set()
        syncer.delivery.wait_until_delivered()
    assert heard.ids == ["$3", "$4", "$1", "$2"]
    assert left(store) == []


def test_what_belongs_to_no_room_is_in_order_by_its_source() -> None:
    store, handlers = InMemoryStore(), Handlers({"$0": 0.05})
    syncer = DefaultSyncer(OWN, store, workers=4)
    order: list[str] = []
    syncer.on_event(handlers)
    syncer.on_event(lambda event: order.append(event.event_id))
    sources = (EventSource.TO_DEVICE, EventSource.PRESENCE)
    rows = [InboxRow("", f"${place}", sources[place % 2], event_json(f"${place}")) for place in range(6)]
    with syncer.delivering(CancelToken()):
        syncer.deliver(store, store.commit_sync(SyncBatch(OWN, "s", inbox=rows)))
        syncer.delivery.wait_until_delivered()
    assert [one for one in order if int(one[1:]) % 2 == 0] == ["$0", "$2", "$4"]
    assert [one for one in order if int(one[1:]) % 2] == ["$1", "$3", "$5"]
    assert order[0] == "$1", "to-device messages held presence"


def test_outside_of_a_sync_listeners_run_in_the_thread_that_asks(store: SyncStorer) -> None:
    threads: list[threading.Thread] = []
    syncer = DefaultSyncer(OWN, store, workers=2)
    syncer.on_event(lambda event: threads.append(threading.current_thread()))
    syncer.deliver(store, put(store, "$1"))
    assert (threads, left(store)) == ([threading.current_thread()], [])


def test_a_listener_may_deliver_itself(store: SyncStorer) -> None:
    heard = Recorder()
    syncer = DefaultSyncer(OWN, store, workers=1)

    @syncer.on_event()
    def nested(event: Event) -> None:
        heard(event)
        if event.event_id == "$1":
            syncer.deliver(store, put(store, "$2"))

    with syncer.delivering(CancelToken()):
        syncer.deliver(store, put(store, "$1"))
        syncer.delivery.wait_until_delivered()
    assert (heard.ids, left(store)) == (["$1", "$2"], [])


def test_with_six_methods_only_nothing_is_left_when_the_token_is_saved() -> None:
    store, handlers = SixMethodStore(), Handlers({"$1": 0.05})
    syncer = DefaultSyncer(OWN, store, workers=2)
    syncer.on_event(handlers)
    rows = [InboxRow(ROOM, "$1", EventSource.TIMELINE, event_json("$1"))]
    with syncer.delivering(CancelToken()):
        syncer.own_journal.append(rows)
        syncer.deliver(syncer.own_journal, syncer.own_journal.undelivered())
        assert handlers.returned == ["$1"]


def test_transaction_ids_are_derived_on_workers_too(tmp_path: Path) -> None:
    asked: list[str | None] = []
    for workers in (0, 3):
        with SQLiteStore(tmp_path / f"{workers}") as store:
            syncer = DefaultSyncer(OWN, store, workers=workers)

            @syncer.on_event()
            def ask(event: Event) -> None:
                asked.append(next_transaction_id("DEVICE"))

            with syncer.delivering(CancelToken()):
                syncer.deliver(store, put(store, "$1"))
                syncer.delivery.wait_until_delivered()
    assert asked[0] == asked[1]
    assert asked[0] is not None


# ------------------------------------------------------------------ back-pressure and marks


def test_the_sync_waits_where_too_much_is_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MOST_IN_FLIGHT", 3)
    store, go_on, handed_over = InMemoryStore(), threading.Event(), threading.Event()
    syncer = DefaultSyncer(OWN, store, workers=1)
    heard = Recorder()

    @syncer.on_event()
    def slow(event: Event) -> None:
        heard(event)
        assert go_on.wait(20)

    rows = put(store, *(f"${number}" for number in range(9)))
    token = CancelToken()

    def sync() -> None:
        with syncer.delivering(token):
            syncer.deliver(store, rows)
            handed_over.set()
            syncer.delivery.wait_until_delivered()

    thread = threading.Thread(target=sync)
    thread.start()
    heard.wait_until(lambda heard: len(heard.ids) == 1)
    assert syncer.delivery.in_flight == 3
    assert not handed_over.wait(0.1)
    go_on.set()
    thread.join(20)
    assert heard.ids == [f"${number}" for number in range(9)]
    assert left(store) == []


def test_a_stop_frees_a_sync_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MOST_IN_FLIGHT", 1)
    store, go_on, token = InMemoryStore(), threading.Event(), CancelToken()
    syncer = DefaultSyncer(OWN, store, workers=1)
    heard = Recorder()

    @syncer.on_event()
    def slow(event: Event) -> None:
        heard(event)
        token.cancel()
        go_on.set()

    with syncer.delivering(token):
        syncer.deliver(store, put(store, "$1", "$2", "$3"))
    assert go_on.is_set()
    assert (heard.ids, left(store)) == (["$1"], ["$2", "$3"])


class CountingStore(InMemoryStore):
    """Counts its marks, and fails some of them."""

    def __init__(self) -> None:
        super().__init__()
        self.marks: list[int] = []
        self.failures = 0

    def mark_delivered(self, rows: Iterable[InboxRow]) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreFull("no room")
        rows = list(rows)
        self.marks.append(len(rows))
        super().mark_delivered(rows)


def test_marks_come_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "PUMP_S", 3600)
    store = CountingStore()
    syncer = DefaultSyncer(OWN, store, workers=4)
    syncer.on_event(Recorder())
    rows = [row for room in range(8) for row in put(store, *(f"${n}" for n in range(100)), room_id=f"!{room}")]
    with syncer.delivering(CancelToken()):
        syncer.deliver(store, rows)
        syncer.delivery.wait_until_delivered()
    assert sum(store.marks) == 800
    assert len(store.marks) <= 8, "hardly a batch"


def test_what_could_not_be_marked_is_marked_later(caplog: pytest.LogCaptureFixture) -> None:
    store, heard = CountingStore(), Recorder()
    syncer = DefaultSyncer(OWN, store, workers=1)
    syncer.on_event(heard)
    with syncer.delivering(CancelToken()):
        store.failures = 1
        syncer.deliver(store, put(store, "$1"))
        wait_until(lambda: "not marked yet" in caplog.text, "the worker tells of its failure")
        assert left(store) == ["$1"]
        syncer.deliver(store, put(store, "$2"))
        syncer.delivery.wait_until_delivered()
    assert (heard.ids, left(store)) == (["$1", "$2"], [])


# ------------------------------------------------------------------ listeners that fail


def test_under_the_strict_policy_the_run_ends_and_says_why(store: SyncStorer) -> None:
    token = CancelToken()
    syncer = DefaultSyncer(OWN, store, workers=2, listener_policy=raise_listener_error)

    @syncer.on_event()
    def fails(event: Event) -> None:
        raise LookupError(event.event_id)

    with pytest.raises(ListenerFailed):
        deliver_until_it_fails(syncer, store, token, "$1", "$2")
    assert left(store) == ["$1", "$2"]
    assert [row.tries for row in store.undelivered()] == [1, 0]


@pytest.mark.parametrize(("error", "tries"), [(KeyboardInterrupt, 0), (SystemExit, 0), (GeneratorExit, 1)])
@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_stronger_than_an_error_ends_the_run_too(
    store: SyncStorer, workers: int, error: type[BaseException], tries: int
) -> None:
    syncer = DefaultSyncer(OWN, store, workers=workers)

    @syncer.on_event()
    def fails(event: Event) -> None:
        raise error

    with pytest.raises(error):
        deliver_until_it_fails(syncer, store, CancelToken(), "$1", "$2")
    assert [row.tries for row in store.undelivered()] == [tries, 0]


# ------------------------------------------------------------------ the time limit


def test_a_listener_that_hangs_is_given_up_and_its_room_goes_on(
    store: SyncStorer, caplog: pytest.LogCaptureFixture
) -> None:
    go_on, ended, heard = threading.Event(), threading.Event(), Recorder()
    syncer = DefaultSyncer(OWN, store, workers=1, handler_timeout_s=0.05)

    @syncer.on_event()
    def hangs(event: Event) -> None:
        if event.event_id == "$1":
            go_on.wait(20)
            ended.set()

    syncer.on_event(heard)
    with syncer.delivering(CancelToken()):
        syncer.deliver(store, put(store, "$1", "$2"))
        syncer.delivery.wait_until_delivered()
        assert heard.ids == ["$2"]
    go_on.set()
    assert ended.wait(20)
    (aside,) = store.quarantined()
    assert (aside.event_id, "longer than 0.05 s" in aside.reason) == ("$1", True)
    assert "HandlerTimeout" in caplog.text
    assert (left(store), heard.ids) == ([], ["$2"]), "the thread that was given up went on with the next listener"


def test_the_strict_policy_stops_at_a_listener_that_hangs(store: SyncStorer) -> None:
    go_on, token = threading.Event(), CancelToken()
    syncer = DefaultSyncer(OWN, store, workers=1, handler_timeout_s=0.05, listener_policy=raise_listener_error)
    syncer.on_event(lambda event: go_on.wait(20))
    with pytest.raises(ListenerFailed) as failed:
        deliver_until_it_fails(syncer, store, token, "$1", "$2")
    go_on.set()
    assert isinstance(failed.value.__cause__, HandlerTimeout)
    assert [row.event_id for row in store.quarantined()] == ["$1"]
    assert left(store) == ["$2"]


def test_the_limit_is_for_each_listener_and_not_for_all_together(store: SyncStorer) -> None:
    syncer = DefaultSyncer(OWN, store, workers=1, handler_timeout_s=0.5)
    handlers = [Handlers({"$1": 0.2}) for _ in range(4)]
    for one in handlers:
        syncer.on_event(one)
    with syncer.delivering(CancelToken()):
        syncer.deliver(store, put(store, "$1"))
        syncer.delivery.wait_until_delivered()
    assert [one.returned for one in handlers] == [["$1"]] * 4
    assert list(store.quarantined()) == []


def test_too_many_threads_that_hang_end_the_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "MOST_ABANDONED", 2)
    store, go_on, token = InMemoryStore(), threading.Event(), CancelToken()
    syncer = DefaultSyncer(OWN, store, workers=1, handler_timeout_s=0.02)
    syncer.on_event(lambda event: go_on.wait(20))
    with pytest.raises(TimeoutError):
        deliver_until_it_fails(syncer, store, token, "$1", "$2", "$3", "$4")
    go_on.set()
    assert [row.event_id for row in store.quarantined()] == ["$1", "$2", "$3"]


# ------------------------------------------------------------------ stopping


def test_a_stop_waits_for_what_runs_only_so_long(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(delivery, "STOP_WAIT_S", 0.05)
    store, inside, go_on, heard = InMemoryStore(), threading.Event(), threading.Event(), Recorder()
    syncer = DefaultSyncer(OWN, store, workers=1)

    @syncer.on_event()
    def slow(event: Event) -> None:
        inside.set()
        assert go_on.wait(20)
        heard(event)

    with syncer.delivering(CancelToken()):
        syncer.deliver(store, put(store, "$1", "$2"))
        assert inside.wait(20)
    assert "$1" in caplog.text
    assert left(store) == ["$1", "$2"]
    with syncer.delivering(CancelToken()):  # the next run must not begin what still runs once more
        syncer.deliver_again()
        go_on.set()
        syncer.delivery.wait_until_delivered()
    assert (heard.ids, left(store)) == (["$1", "$2"], [])
