"""The sliding syncer after the server forgot its connection: nothing is lost, and nothing told twice."""

from __future__ import annotations

import json

import pytest

from gomatrix_py import InMemoryStore, SyncResponse
from gomatrix_py.api.sliding_sync import SlidingList
from gomatrix_py.sync import DefaultSyncer
from gomatrix_py.sync.sliding_position import SlidingPosition
from tests.conformance.six_methods import SixMethodStore
from tests.kit.recorder import Recorder
from tests.kit.scripted_homeserver import ROOM, USER, joined, message, state, sync_answer
from tests.kit.sliding import Talk, own_member, sliding_answer, sliding_room, whole_room

OTHER = "!other:scripted"


@pytest.fixture(params=["memory", "six methods"])
def talk(request: pytest.FixtureRequest) -> Talk:
    """A talk over a store of each kind."""
    return Talk(InMemoryStore() if request.param == "memory" else SixMethodStore())


# ------------------------------------------------------------------ after a lost connection


def test_nothing_is_lost_and_nothing_told_twice_when_a_connection_is_lost(talk: Talk) -> None:
    note = {"type": "org.example.note", "sender": USER, "content": {}}
    data = {"global": [{"type": "m.direct", "content": {"a": 1}}]}
    name = state("m.room.name", {"name": "x"}, event_id="$name")
    room = whole_room(message("$1"), message("$2"), required_state=[own_member(), name])
    talk.hears(sliding_answer("p1", room, to_device=("7", []), account_data=data))
    assert talk.hears(sliding_answer("p2", sliding_room(message("$3")))) == ["$3"]
    lost = talk.loses_the_connection()
    assert SlidingPosition.from_text(lost).to_device == "7"
    topic = state("m.room.topic", {"topic": "new"}, event_id="$topic")
    room = whole_room(
        message("$0"), message("$2"), message("$3"), message("$4"), required_state=[own_member(), name, topic]
    )
    told = talk.hears(sliding_answer("p3", room, to_device=("8", [note]), account_data=data), lost)
    assert set(told) - {"m.direct"} == {"org.example.note", "$4", "$topic"}
    assert "m.direct" not in told or isinstance(talk.store, SixMethodStore)  # which keeps no account data
    assert talk.hears(sliding_answer("p4", sliding_room(message("$0"), message("$1"), message("$5")))) == ["$5"]


def test_without_looking_at_what_is_known_history_would_be_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control for the one before."""
    monkeypatch.setattr("gomatrix_py.sync.sliding_syncer.leave_out_what_is_known", lambda *_, **__: None)
    talk = Talk()
    assert talk.hears(sliding_answer("p1", whole_room(message("$1")))) == ["$own", "$1"]


def test_rooms_joined_while_the_connection_was_lost() -> None:
    talk = Talk()
    talk.hears(sliding_answer("p1", whole_room()))
    lost = talk.loses_the_connection()
    new = whole_room(message("$before"), own_member("join", "$join"), message("$after"))
    assert talk.hears(sliding_answer("p2", rooms={ROOM: whole_room(), OTHER: new}), lost) == ["$join", "$after"]


def test_what_is_not_known_is_history_where_the_lists_grow_for_the_first_time() -> None:
    """The control for the one before: this time nothing was lost, the room only comes later."""
    talk = Talk()
    talk.hears(sliding_answer("p1", whole_room(), count=101))
    old = whole_room(message("$before"), own_member("join", "$join"), message("$after"))
    assert talk.hears(sliding_answer("p2", rooms={OTHER: old}, count=101)) == []


@pytest.mark.parametrize("is_new_process", [False, True])
def test_rooms_left_while_the_connection_was_lost(is_new_process: bool) -> None:
    talk = Talk()
    rooms = {f"!{number}:x": whole_room() for number in range(150)}
    talk.hears(sliding_answer("p1", rooms=rooms))
    lost = talk.loses_the_connection()
    names = list(rooms)[1:]  # the first one is gone
    talk.hears(sliding_answer("p2", rooms={name: whole_room() for name in names[:100]}, count=149), lost)
    assert talk.position.is_catching_up
    if is_new_process:
        talk = Talk(talk.store)
    talk.hears(sliding_answer("p3", rooms={name: whole_room() for name in names[100:]}, count=149))
    assert not talk.position.is_catching_up
    assert isinstance(talk.store, InMemoryStore)
    left = talk.store.room_ids("leave")
    assert left == ([] if is_new_process else ["!0:x"])  # half of an account is not held to be gone


def test_rooms_are_not_held_to_be_left_where_only_some_are_listed() -> None:
    talk = Talk(lists={"all": SlidingList([], 1, ranges=[(0, 9)])})
    talk.hears(sliding_answer("p1", rooms={ROOM: whole_room(), OTHER: whole_room()}))
    talk.hears(sliding_answer("p2", rooms={ROOM: whole_room()}), talk.loses_the_connection())
    assert isinstance(talk.store, InMemoryStore)
    assert set(talk.store.room_ids("join")) == {ROOM, OTHER}


def test_from_the_default_syncer_to_this_one_and_nothing_is_told_twice() -> None:
    store, heard = InMemoryStore(), Recorder()
    default = DefaultSyncer(USER, store)
    default.on_event(heard)
    for number, since in ((1, ""), (2, "s1")):
        room = joined(
            message(f"${number}"), prev_batch=f"t{number}", state={"events": [] if since else [own_member()]}
        )
        default.process_response(SyncResponse.from_json(json.dumps(sync_answer(f"s{number}", room)).encode()), since)
    talk = Talk(store)
    assert talk.hears(sliding_answer("p1", whole_room(message("$1"), message("$2"), message("$3")))) == ["$3"]
    assert heard.ids == ["$2"]
