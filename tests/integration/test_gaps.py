"""Limited timelines on a real homeserver: noted, filled, each event once and in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, DefaultSyncer, EventSource, InMemoryStore, SQLiteStore, SyncResponse, UsageError
from gomatrix_py.store import Gap
from gomatrix_py.testing.pytest_plugin import MatrixUser
from tests.conformance.six_methods import SixMethodStore
from tests.kit.recorder import Recorder

LIMIT = 4


def lines(first: int, last: int) -> list[str]:
    """Return what is said in the room."""
    return [f"line {number}" for number in range(first, last)]


def say(client: Client, room_id: str, first: int, last: int) -> None:
    """Say it."""
    for line in lines(first, last):
        client.send_text(room_id, line)


@pytest.fixture
def reader(alice: Client, room_id: str, matrix_user: MatrixUser) -> Client:
    """A member of the room, up to date, who gets four events per room and sync."""
    return _member(alice, room_id, matrix_user)


def _member(alice: Client, room_id: str, matrix_user: MatrixUser, **options: Any) -> Client:
    options.setdefault("syncer", DefaultSyncer(timeline_limit=LIMIT))
    member = matrix_user("reader", **options)
    alice.invite_user(room_id, member.user_id)
    member.join_room(room_id)
    member.sync_once()
    return member


def _listen(client: Client, event_type: str = "m.room.message") -> Recorder:
    heard = Recorder()
    assert isinstance(client.syncer, DefaultSyncer)
    client.syncer.on_event_type(event_type, heard)
    return heard


def test_a_limited_timeline_is_noted(alice: Client, reader: Client, room_id: str) -> None:
    since = reader.store.load_next_batch(reader.user_id)
    heard = _listen(reader)
    say(alice, room_id, 0, 10)
    reader.sync_once()
    assert heard.bodies == lines(6, 10)
    (gap,) = reader.gaps(room_id)
    assert (gap.room_id, gap.since) == (room_id, since)
    assert gap.prev_batch
    assert reader.gaps() == [gap]
    assert reader.gaps("!another:localhost") == []


def test_a_timeline_that_fits_leaves_no_gap(alice: Client, reader: Client, room_id: str) -> None:
    say(alice, room_id, 0, LIMIT)
    reader.sync_once()
    assert reader.gaps() == []


def test_a_gap_is_filled_once_and_in_order(alice: Client, reader: Client, room_id: str) -> None:
    heard = _listen(reader)
    say(alice, room_id, 0, 30)
    reader.sync_once()
    (gap,) = reader.gaps(room_id)
    events = reader.fill_gap(gap)
    assert [event.body for event in events] == lines(0, 26)
    assert heard.bodies == lines(26, 30) + lines(0, 26)
    assert {event.source for event in events} == {EventSource.TIMELINE}
    assert {event.room_id for event in events} == {room_id}
    assert reader.gaps() == []
    assert reader.fill_gap(gap) == []  # filling it again brings nothing new
    reader.sync_once()
    assert len(heard.ids) == len(set(heard.ids)) == 30


def test_a_large_gap_takes_several_pages(alice: Client, reader: Client, room_id: str) -> None:
    say(alice, room_id, 0, 130)
    reader.sync_once()
    (gap,) = reader.gaps(room_id)
    assert [event.body for event in reader.fill_gap(gap)] == lines(0, 126)


def test_a_limit_leaves_a_smaller_gap(alice: Client, reader: Client, room_id: str) -> None:
    heard = _listen(reader)
    say(alice, room_id, 0, 24)
    reader.sync_once()
    filled: list[list[str | None]] = []
    while reader.gaps(room_id) and len(filled) < 10:
        (gap,) = reader.gaps(room_id)
        filled.append([event.body for event in reader.fill_gap(gap, limit=8)])
    assert [part for part in filled if part] == [lines(12, 20), lines(4, 12), lines(0, 4)]
    assert sorted(map(str, heard.bodies)) == sorted(lines(0, 24))


def test_two_gaps_are_filled_in_any_order(alice: Client, reader: Client, room_id: str) -> None:
    heard = _listen(reader)
    say(alice, room_id, 0, 10)
    reader.sync_once()
    say(alice, room_id, 10, 20)
    reader.sync_once()
    older, newer = reader.gaps(room_id)
    assert [event.body for event in reader.fill_gap(newer)] == lines(10, 16)
    assert [event.body for event in reader.fill_gap(older)] == lines(0, 6)
    assert sorted(map(str, heard.bodies)) == sorted(lines(0, 20))
    assert reader.gaps() == []


@pytest.mark.parametrize("source", [None, EventSource.STATE])
def test_state_that_came_with_the_limited_answer_does_not_end_the_filling(
    alice: Client, reader: Client, room_id: str, source: EventSource | None
) -> None:
    """The answer's `state` holds events of the gap; they are known before the gap is filled."""
    everything = Recorder()
    assert isinstance(reader.syncer, DefaultSyncer)
    if source is None:
        reader.syncer.on_event(everything)
    else:
        reader.syncer.on_source(source, everything)
        reader.syncer.on_source(EventSource.TIMELINE, everything)
    say(alice, room_id, 0, 10)
    alice.send_state_event(room_id, "m.room.topic", "", {"topic": "in the gap"})
    say(alice, room_id, 10, 20)
    reader.sync_once()
    (gap,) = reader.gaps(room_id)
    reader.fill_gap(gap)
    assert everything.bodies == lines(16, 20) + lines(0, 16)
    topics = [event for event in everything.events if event.type == "m.room.topic"]
    assert len(topics) == 1
    assert reader.load_room(room_id).topic == "in the gap"


def test_filling_leaves_the_state_of_today_alone(alice: Client, reader: Client, room_id: str) -> None:
    for number in range(10):
        alice.send_state_event(room_id, "m.room.topic", "", {"topic": f"topic {number}"})
    reader.sync_once()
    assert reader.load_room(room_id).topic == "topic 9"
    (gap,) = reader.gaps(room_id)
    filled = [event.content["topic"] for event in reader.fill_gap(gap)]
    assert set(filled) <= {f"topic {number}" for number in range(6)}
    assert reader.load_room(room_id).topic == "topic 9"


def test_nobody_is_missing_events_from_before_the_own_join(alice: Client, matrix_user: MatrixUser) -> None:
    room_id = alice.create_room(preset="public_chat").room_id
    reader = matrix_user("reader", syncer=DefaultSyncer(timeline_limit=LIMIT))
    reader.sync_once()
    heard = _listen(reader)
    say(alice, room_id, 0, 10)
    reader.join_room(room_id)
    alice.send_text(room_id, "welcome")
    reader.sync_once()
    assert heard.bodies == ["welcome"]
    assert reader.gaps() == []


def test_what_was_said_before_we_were_removed_is_a_gap_too(alice: Client, reader: Client, room_id: str) -> None:
    heard = _listen(reader)
    say(alice, room_id, 0, 10)
    alice.kick_user(room_id, reader.user_id)
    reader.sync_once()
    (gap,) = reader.gaps(room_id)
    reader.fill_gap(gap)
    assert sorted(map(str, heard.bodies)) == lines(0, 10)


# ------------------------------------------------------------------ filled by themselves


def test_gaps_fill_themselves_where_the_syncer_is_told_to(
    alice: Client, room_id: str, matrix_user: MatrixUser
) -> None:
    reader = _member(alice, room_id, matrix_user, syncer=DefaultSyncer(timeline_limit=LIMIT, fill_gaps=100))
    heard = _listen(reader)
    everything = Recorder()
    assert isinstance(reader.syncer, DefaultSyncer)
    reader.syncer.on_source(EventSource.TIMELINE, everything)
    say(alice, room_id, 0, 15)
    alice.send_state_event(room_id, "m.room.topic", "", {"topic": "by the way"})
    say(alice, room_id, 15, 30)
    reader.sync_once()
    assert heard.bodies == lines(0, 30)
    assert [event.type for event in everything.events].index("m.room.topic") == 15
    assert reader.gaps() == []
    assert reader.load_room(room_id).topic == "by the way"


def test_a_gap_larger_than_the_limit_stays_a_smaller_gap(
    alice: Client, room_id: str, matrix_user: MatrixUser
) -> None:
    reader = _member(alice, room_id, matrix_user, syncer=DefaultSyncer(timeline_limit=LIMIT, fill_gaps=10))
    heard = _listen(reader)
    say(alice, room_id, 0, 30)
    reader.sync_once()
    assert heard.bodies == lines(16, 30)
    (gap,) = reader.gaps(room_id)
    assert [event.body for event in reader.fill_gap(gap)] == lines(0, 16)
    assert reader.gaps() == []


def test_a_room_joined_anew_is_not_filled_with_the_past(alice: Client, matrix_user: MatrixUser) -> None:
    room_id = alice.create_room(preset="public_chat").room_id
    reader = matrix_user("reader", syncer=DefaultSyncer(timeline_limit=LIMIT, fill_gaps=100))
    reader.sync_once()
    heard = _listen(reader)
    say(alice, room_id, 0, 10)
    reader.join_room(room_id)
    say(alice, room_id, 10, 20)
    reader.sync_once()
    assert heard.bodies == lines(10, 20)
    assert reader.gaps() == []


# ------------------------------------------------------------------ stores and syncers of other kinds


def test_a_gap_outlives_the_process(alice: Client, room_id: str, matrix_user: MatrixUser, tmp_path: Path) -> None:
    path = tmp_path / "reader.sqlite3"
    reader = _member(alice, room_id, matrix_user, store=SQLiteStore(path))
    say(alice, room_id, 0, 10)
    reader.sync_once()
    reader.close()
    again = Client(reader.homeserver_url, reader.user_id, reader.access_token, store=SQLiteStore(path))
    with again:
        heard = _listen(again)
        (gap,) = again.gaps()
        again.fill_gap(gap)
        assert heard.bodies == lines(0, 10)[:-LIMIT]
        assert again.gaps() == []


class OwnSyncer:
    """gomatrix's three methods and nothing else; it hands each answer to the store of a default one."""

    def __init__(self) -> None:
        self.inner = DefaultSyncer(timeline_limit=LIMIT)

    def process_response(self, response: SyncResponse, since: str) -> None:
        self.inner.process_response(response, since)

    def on_failed_sync(self, response: SyncResponse | None, error: Exception) -> float:
        raise error

    def get_filter_json(self, user_id: str) -> dict[str, Any]:
        return self.inner.get_filter_json(user_id)


def test_a_syncer_of_ones_own_gets_the_events_of_a_gap_as_the_answer(
    alice: Client, room_id: str, matrix_user: MatrixUser
) -> None:
    syncer, store = OwnSyncer(), InMemoryStore()
    syncer.inner.store = store
    reader = _member(alice, room_id, matrix_user, syncer=syncer, store=store)
    say(alice, room_id, 0, 10)
    reader.sync_once()
    (gap,) = reader.gaps()
    assert [event.body for event in reader.fill_gap(gap)] == lines(0, 6)
    assert store.undelivered() == []


def test_a_store_of_six_methods_keeps_no_gaps_but_they_fill_themselves(
    alice: Client, room_id: str, matrix_user: MatrixUser
) -> None:
    store = SixMethodStore()
    syncer = DefaultSyncer(timeline_limit=LIMIT, fill_gaps=100)
    reader = _member(alice, room_id, matrix_user, syncer=syncer, store=store)
    heard = _listen(reader)
    say(alice, room_id, 0, 10)
    reader.sync_once()
    assert heard.bodies == lines(0, 10)
    assert reader.gaps() == []
    syncer.fill_gaps = 0
    say(alice, room_id, 10, 20)
    reader.sync_once()
    assert reader.gaps() == []
    with pytest.raises(UsageError):
        reader.fill_gap(Gap(room_id, "s1", "t1"))
