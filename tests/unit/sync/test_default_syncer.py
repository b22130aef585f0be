"""The default syncer without a client: gomatrix's three methods, delivery, and what is made up for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gomatrix_py import DefaultSyncer, Event, EventSource, InMemoryStore, Storer, Syncer, SyncResponse
from gomatrix_py.errors import (
    ConnectError,
    DecodeError,
    HTTPError,
    LimitExceeded,
    ListenerFailed,
    MissingToken,
    ServerError,
    StoreFull,
    UnknownToken,
    UserDeactivated,
    UserLocked,
)
from gomatrix_py.store import SyncBatch
from gomatrix_py.sync import raise_listener_error
from tests.conformance.six_methods import SixMethodStore
from tests.kit.recorder import Recorder
from tests.kit.scripted_homeserver import ROOM, USER, joined, message, state, sync_answer


def response(answer: dict[str, Any]) -> SyncResponse:
    """Decode an answer."""
    return SyncResponse.from_json(json.dumps(answer).encode())


@pytest.fixture(params=["memory", "six methods"])
def store(request: pytest.FixtureRequest) -> Storer:
    """A store of each kind."""
    return InMemoryStore() if request.param == "memory" else SixMethodStore()


@pytest.fixture
def syncer(store: Storer) -> DefaultSyncer:
    """A syncer made by hand, as in gomatrix."""
    return DefaultSyncer(USER, store)


def test_it_is_a_syncer() -> None:
    assert isinstance(DefaultSyncer(), Syncer)


# ------------------------------------------------------------------ process_response


def test_rooms_are_kept(syncer: DefaultSyncer, store: Storer) -> None:
    members = [state("m.room.member", {"membership": "join"}, user, f"${user}") for user in (USER, "@bob:scripted")]
    room = joined(
        state("m.room.name", {"name": "later"}, event_id="$n2"),
        state={"events": [*members, state("m.room.name", {"name": "first"}, event_id="$n1")]},
        summary={"m.joined_member_count": 2},
        unread_notifications={"notification_count": 4},
        prev_batch="p1",
    )
    syncer.process_response(response(sync_answer("s1", room)), "")
    kept = store.load_room(ROOM)
    assert kept is not None
    assert (kept.name, kept.membership, kept.prev_batch, kept.notification_count) == ("later", "join", "p1", 4)
    assert kept.summary == {"m.joined_member_count": 2}
    assert set(kept.joined_members) == {USER, "@bob:scripted"}
    assert kept.get_membership_state("@carol:scripted") == "leave"
    syncer.process_response(response({"next_batch": "s2", "rooms": {"leave": {ROOM: {}}}}), "s1")
    kept = store.load_room(ROOM)
    assert kept is not None
    assert (kept.membership, kept.name) == ("leave", "later")


def test_each_event_is_delivered_once_and_in_order(syncer: DefaultSyncer) -> None:
    heard = Recorder()
    syncer.on_event(heard)
    syncer.process_response(response(sync_answer("s1", joined())), "")
    answers = [joined(message("$1"), message("$2")), joined(message("$2"), message("$3")), joined(message("$1"))]
    for number, room in enumerate(answers):
        syncer.process_response(response(sync_answer(f"s{number + 2}", room)), f"s{number + 1}")
    assert heard.ids == ["$1", "$2", "$3"]
    assert {(event.room_id, event.source) for event in heard.events} == {(ROOM, EventSource.TIMELINE)}


def test_the_same_id_in_two_rooms_is_two_events(syncer: DefaultSyncer) -> None:
    heard = Recorder()
    syncer.on_event(heard)
    rooms = {"!a:x": joined(message("$1")), "!b:x": joined(message("$1"))}
    syncer.process_response(response({"next_batch": "s2", "rooms": {"join": rooms}}), "s1")
    assert [event.room_id for event in heard.events] == ["!a:x", "!b:x"]


def test_without_a_store_events_are_delivered_all_the_same() -> None:
    syncer = DefaultSyncer(USER)
    heard = Recorder()
    syncer.on_event(heard)
    syncer.process_response(response(sync_answer("s2", joined(message("$1")))), "s1")
    assert heard.ids == ["$1"]


def test_nobody_is_told_of_what_was_not_stored() -> None:
    class Full(InMemoryStore):
        def commit_sync(self, batch: SyncBatch) -> Any:
            raise StoreFull("no room")

    syncer = DefaultSyncer(USER, Full())
    heard = Recorder()
    syncer.on_event(heard)
    with pytest.raises(StoreFull):
        syncer.process_response(response(sync_answer("s2", joined(message("$1")))), "s1")
    assert heard.events == []


def test_events_are_stored_before_they_are_delivered() -> None:
    store = InMemoryStore()
    syncer = DefaultSyncer(USER, store)
    found: list[tuple[bool, str, int]] = []

    @syncer.on_event()
    def look(event: Event) -> None:
        found.append((store.has_event(ROOM, event.event_id), store.load_next_batch(USER), len(store.undelivered())))

    syncer.process_response(response(sync_answer("s2", joined(message("$1"), message("$2")))), "s1")
    assert found == [(True, "s2", 2)] * 2
    assert store.undelivered() == []


def test_whole_answers_are_told_after_their_events(syncer: DefaultSyncer) -> None:
    order: list[str] = []
    syncer.on_event(lambda event: order.append(event.event_id))

    @syncer.on_response
    def whole(answer: SyncResponse, since: str) -> None:
        order.append(f"{since} to {answer.next_batch}")

    syncer.process_response(response(sync_answer("s2", joined(message("$1")))), "s1")
    syncer.remove_listener(whole)
    syncer.process_response(response(sync_answer("s3", joined(message("$2")))), "s2")
    assert order == ["$1", "s1 to s2", "$2"]


def test_what_was_left_out_is_logged(syncer: DefaultSyncer, caplog: pytest.LogCaptureFixture) -> None:
    syncer.process_response(response({"next_batch": "s2", "rooms": {"join": {ROOM: 7}}}), "s1")
    assert f"rooms.join.{ROOM}" in caplog.text


def test_a_listener_may_add_and_remove_listeners(syncer: DefaultSyncer) -> None:
    heard: list[str] = []

    def once(event: Event) -> None:
        heard.append(f"once {event.event_id}")
        syncer.remove_listener(once)
        syncer.on_event(lambda event: heard.append(f"late {event.event_id}"))

    syncer.on_event(once)
    syncer.process_response(response(sync_answer("s2", joined(message("$1"), message("$2")))), "s1")
    assert heard == ["once $1", "late $2"]


def test_methods_can_be_overridden(store: Storer) -> None:
    class Shouting(DefaultSyncer):
        def plan(self, response: SyncResponse, since: str) -> SyncBatch:
            batch = super().plan(response, since)
            batch.inbox = [row for row in batch.inbox if b"quiet" not in row.json]
            return batch

    syncer = Shouting(USER, store)
    heard = Recorder()
    syncer.on_event(heard)
    syncer.process_response(response(sync_answer("s2", joined(message("$1", "quiet"), message("$2")))), "s1")
    assert heard.ids == ["$2"]


# ------------------------------------------------------------------ listeners that fail


def failing(heard: list[str], *times: str) -> Callable[[Event], None]:
    """Make a listener that raises on these events, each time they come."""

    def listen(event: Event) -> None:
        heard.append(event.event_id)
        if event.event_id in times:
            raise LookupError(event.event_id)

    return listen


def test_a_listener_that_raises_stops_nobody(syncer: DefaultSyncer, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []
    others = Recorder()
    syncer.on_event(failing(heard, "$1"))
    syncer.on_event(others)
    syncer.process_response(response(sync_answer("s2", joined(message("$1"), message("$2")))), "s1")
    assert heard == others.ids == ["$1", "$2"]
    assert "LookupError" in caplog.text


def test_under_the_strict_policy_what_failed_comes_again_until_it_is_set_aside(
    syncer: DefaultSyncer, store: Storer, caplog: pytest.LogCaptureFixture
) -> None:
    syncer.listener_policy = raise_listener_error
    heard: list[str] = []
    syncer.on_event(failing(heard, "$2"))
    answer = response(sync_answer("s2", joined(message("$1"), message("$2"), message("$3"))))
    with pytest.raises(ListenerFailed):
        syncer.process_response(answer, "s1")
    for _ in range(2):
        with pytest.raises(ListenerFailed):
            syncer.deliver_again()
    syncer.deliver_again()
    assert heard == ["$1", "$2", "$2", "$2", "$3"]
    assert "set aside" in caplog.text
    if isinstance(store, InMemoryStore):
        assert [row.event_id for row in store.quarantined()] == ["$2"]
    syncer.deliver_again()
    assert heard[5:] == []


def test_a_policy_of_ones_own(syncer: DefaultSyncer) -> None:
    told: list[tuple[str, str]] = []

    def policy(what: Event | SyncResponse, listener: object, error: Exception) -> None:
        assert isinstance(what, Event)
        told.append((what.event_id, str(error)))

    syncer.listener_policy = policy
    syncer.on_event(failing([], "$1", "$2"))
    syncer.process_response(response(sync_answer("s2", joined(message("$1"), message("$2")))), "s1")
    assert told == [("$1", "$1"), ("$2", "$2")]


def test_what_is_stronger_than_an_error_passes_through_and_nothing_is_lost(syncer: DefaultSyncer) -> None:
    heard: list[str] = []

    def interrupted(event: Event) -> None:
        heard.append(event.event_id)
        if heard == ["$1", "$2"]:
            raise KeyboardInterrupt

    syncer.on_event(interrupted)
    with pytest.raises(KeyboardInterrupt):
        syncer.process_response(
            response(sync_answer("s2", joined(message("$1"), message("$2"), message("$3")))), "s1"
        )
    syncer.deliver_again()
    assert heard == ["$1", "$2", "$2", "$3"]


# ------------------------------------------------------------------ on_failed_sync and get_filter_json


def test_waits_grow_to_their_limit_and_start_anew_after_a_success() -> None:
    syncer = DefaultSyncer(USER, InMemoryStore(), retry_wait_s=10)
    waits = [syncer.on_failed_sync(None, ConnectError("gone")) for _ in range(6)]
    assert waits == sorted(waits)
    assert waits[0] <= 1
    assert waits[-1] == 10
    syncer.process_response(response(sync_answer("s1")), "")
    assert syncer.on_failed_sync(None, ConnectError("gone")) == waits[0]


def test_a_full_disk_makes_the_waits_grow_too() -> None:
    """The answer came, so the server is well; but nothing was processed."""

    class Full(InMemoryStore):
        def commit_sync(self, batch: SyncBatch) -> Any:
            raise StoreFull("no room")

    syncer = DefaultSyncer(USER, Full())
    waits = []
    for _ in range(4):
        with pytest.raises(StoreFull) as failure:
            syncer.process_response(response(sync_answer("s1")), "")
        waits.append(syncer.on_failed_sync(None, failure.value))
    assert waits == sorted(set(waits))


def test_a_thousand_failures_are_still_waited_out() -> None:
    syncer = DefaultSyncer(retry_wait_s=7)
    assert [syncer.on_failed_sync(None, ConnectError("gone")) for _ in range(2000)][-1] == 7


@pytest.mark.parametrize(("asked", "waited"), [(0.5, 0.5), (0.0, 0.0), (90.0, 90.0), (1e9, 3600.0)])
def test_the_server_may_say_how_long(asked: float, waited: float) -> None:
    error = LimitExceeded("sync", code=429)
    error.retry_after_s = asked
    assert DefaultSyncer().on_failed_sync(None, error) == waited


def test_a_limit_without_a_time_is_waited_out_as_any_failure() -> None:
    assert DefaultSyncer().on_failed_sync(None, LimitExceeded("sync", code=429)) == 1.0


@pytest.mark.parametrize("kind", [UnknownToken, MissingToken, UserDeactivated])
def test_what_waiting_cannot_help_is_raised(kind: type[HTTPError]) -> None:
    error = kind("sync", code=401)
    with pytest.raises(kind) as failure:
        DefaultSyncer().on_failed_sync(None, error)
    assert failure.value is error


@pytest.mark.parametrize(
    "error",
    [ServerError("sync", code=502), UserLocked("sync", code=401), DecodeError("garbage"), StoreFull("no room")],
)
def test_everything_else_is_waited_out(error: Exception) -> None:
    assert 0 < DefaultSyncer().on_failed_sync(None, error) <= 10


def test_the_filter_limits_timelines() -> None:
    assert DefaultSyncer(timeline_limit=7).get_filter_json(USER) == {
        "room": {"timeline": {"limit": 7, "unread_thread_notifications": True}}
    }


def test_a_locked_account_is_waited_for_longer_and_longer() -> None:
    syncer = DefaultSyncer(retry_wait_s=10)
    waits = [syncer.on_failed_sync(None, UserLocked("sync", code=401)) for _ in range(12)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (1.0, 300.0)
    assert syncer.on_failed_sync(None, ServerError("sync", code=502)) == 10  # the control


def test_members_are_loaded_lazily_where_asked() -> None:
    syncer = DefaultSyncer(lazy_load_members=True, timeline_limit=7)
    assert syncer.get_filter_json(USER) == {
        "room": {
            "timeline": {"limit": 7, "unread_thread_notifications": True, "lazy_load_members": True},
            "state": {"lazy_load_members": True},
        }
    }


class OwnFilter(DefaultSyncer):
    """Leaves state out by a filter of its own."""

    def get_filter_json(self, user_id: str) -> dict[str, Any]:
        return {"room": {"state": {"not_types": ["m.room.member"]}}}


@pytest.mark.parametrize(
    ("syncer", "has_all"),
    [(DefaultSyncer(USER), True), (DefaultSyncer(USER, lazy_load_members=True), False), (OwnFilter(USER), False)],
)
def test_a_room_knows_whether_members_may_be_missing(syncer: DefaultSyncer, has_all: bool) -> None:
    (delta,) = syncer.plan(response(sync_answer("s1", joined())), "").rooms
    assert delta.has_all_members is has_all
