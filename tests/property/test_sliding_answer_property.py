"""Whatever a server answers to sliding sync: a value or a DecodeError, all sound events, none lost, none twice."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py import InMemoryStore
from gomatrix_py.api.sliding_sync import SlidingSyncResponse
from gomatrix_py.errors import DecodeError, UnknownPosition
from gomatrix_py.sync import SlidingSyncer
from gomatrix_py.sync.sliding_position import SlidingPosition
from tests.kit.poison import POISON
from tests.kit.recorder import Recorder
from tests.kit.scripted_homeserver import ROOM, USER, message
from tests.kit.sliding import own_member, sliding_answer, sliding_room
from tests.kit.strategies import damaged, events, json_values, mutants, places, room_ids, user_ids, with_slice

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_lists = st.lists(events(), max_size=3)
_own = st.sampled_from(["join", "leave", "invite", "knock", "ban"]).map(own_member)
_rooms = st.fixed_dictionaries(
    {},
    optional={
        "name": _texts,
        "heroes": st.lists(
            st.fixed_dictionaries({"user_id": user_ids}, optional={"displayname": _texts}), max_size=2
        ),
        "is_dm": st.booleans(),
        "initial": st.booleans(),
        "unstable_expanded_timeline": st.booleans(),
        "required_state": st.lists(events(is_state=True) | _own, max_size=3),
        "timeline": st.lists(events() | _own, max_size=3),
        "prev_batch": _texts,
        "limited": st.booleans(),
        "num_live": st.integers(-1, 5),
        "bump_stamp": st.integers(0, 2**70),
        "joined_count": st.integers(0, 2**70),
        "notification_count": st.integers(0, 2**70),
        "membership": st.sampled_from(["join", "invite", "knock", "leave", "ban", "x"]),
        "invite_state": st.lists(events(is_state=True) | _own, max_size=2),
    },
)
_by_room = st.dictionaries(room_ids, _lists, max_size=2)
_one_by_room = st.fixed_dictionaries({"rooms": st.dictionaries(room_ids, events(is_state=False), max_size=2)})
sliding_answers = st.fixed_dictionaries(
    {"pos": _texts.filter(bool)},
    optional={
        "lists": st.dictionaries(_texts | st.just("all"), st.fixed_dictionaries({"count": st.integers(0, 500)})),
        "rooms": st.dictionaries(room_ids | st.just(ROOM), _rooms, max_size=3),
        "extensions": st.fixed_dictionaries(
            {},
            optional={
                "to_device": st.fixed_dictionaries({"next_batch": _texts, "events": _lists}),
                "e2ee": st.fixed_dictionaries({"device_one_time_keys_count": st.dictionaries(_texts, st.integers())}),
                "account_data": st.fixed_dictionaries({"global": _lists, "rooms": _by_room}),
                "receipts": _one_by_room,
                "typing": _one_by_room,
            },
        ),
    },
)


def process(syncer: SlidingSyncer, body: bytes, since: str) -> str:
    """Take an answer in as the loop does, and return where to go on from."""
    response = syncer.read_answer(SlidingSyncResponse.from_json(body), since)
    syncer.process_response(response, since)
    assert syncer.store is not None
    assert syncer.store.load_next_batch(syncer.position_key(USER)) == response.next_batch
    assert SlidingPosition.from_text(response.next_batch).to_text() == response.next_batch
    return response.next_batch


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.binary(max_size=40)
        | json_values().map(lambda value: json.dumps(value).encode())
        | damaged(sliding_answers.map(lambda answer: json.dumps(answer).encode()))
        | mutants(sliding_answers).map(lambda answer: json.dumps(answer).encode()),
        max_size=3,
    )
)
def test_any_bytes_are_processed_or_a_decode_error(bodies: list[bytes]) -> None:
    syncer, heard, since = SlidingSyncer(USER, InMemoryStore()), Recorder(), ""
    syncer.on_event(heard)
    for body in bodies:
        try:
            since = process(syncer, body, since)
        except DecodeError:
            continue
    for event in heard.events:
        assert event.raw["type"] == event.type
    assert isinstance(syncer.store, InMemoryStore)
    for room in syncer.store.rooms.values():
        assert room.membership in ("join", "invite", "knock", "leave")
        assert isinstance(room.summary, dict)
        for by_key in room.state.values():
            assert all(event.is_state for event in by_key.values())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_poison_in_one_room_costs_no_event_of_another(data: st.DataObject) -> None:
    syncer, heard = SlidingSyncer(USER, InMemoryStore()), Recorder()
    syncer.on_event_type("m.room.message", heard)
    scene = sliding_room(initial=True, required_state=[own_member()], prev_batch="t0", num_live=0)
    since = process(syncer, json.dumps(sliding_answer("p1", rooms={ROOM: scene, "!bad:x": scene})).encode(), "")
    answer = sliding_answer("p2", rooms={ROOM: sliding_room(message("$1")), "!bad:x": data.draw(_rooms)})
    path = data.draw(st.sampled_from([path for path in places(answer) if path[:2] == ("rooms", "!bad:x")]))
    poison = data.draw(st.sampled_from([one for one in POISON.values() if len(one) < 20_000]))
    process(syncer, with_slice(answer, path, poison), since)
    assert "$1" in heard.ids


class Server:
    """One room and what a server of sliding sync says about it; a position is how many events there were."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def answer(self, pos: str, limit: int, *, is_whole: bool) -> dict[str, Any]:
        """Answer a request; where it has no position, or `is_whole`, the room comes whole."""
        is_initial = is_whole or not pos
        before = int(pos or 0)
        begin = max(len(self.events) - limit, 0 if is_initial else before)
        room = sliding_room(
            *(message(one) for one in self.events[begin:]),
            prev_batch=str(begin),
            limited=begin > (0 if is_initial else before),
            num_live=max(0, len(self.events) - max(begin, before)) if pos else 0,
        )
        if is_initial:
            room |= {"initial": True, "required_state": [own_member()]}
        return sliding_answer(str(len(self.events)), room)


_steps = st.tuples(
    st.integers(0, 6), st.sampled_from(["go on", "lost", "restart", "again", "whole"]), st.integers(1, 7)
)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 8), st.lists(_steps, max_size=8))
def test_each_event_is_told_once_or_lies_in_a_gap(old: int, steps: list[tuple[int, str, int]]) -> None:
    """Whatever is lost: the connection, the process before its answer was stored, the server's memory of a room."""
    server, store, heard = Server(), InMemoryStore(), Recorder()
    server.events = [f"${number}" for number in range(old)]

    def start() -> SlidingSyncer:
        syncer = SlidingSyncer(USER, store)
        syncer.on_event_type("m.room.message", heard)
        return syncer

    syncer = start()
    since = process(syncer, json.dumps(server.answer("", 3, is_whole=True)).encode(), "")
    for count, what, limit in steps:
        server.events += [f"${number}" for number in range(len(server.events), len(server.events) + count)]
        if what == "lost":
            since = syncer.position_after(since, UnknownPosition("sync", code=400)) or since
        if what == "restart":
            syncer = start()
        position = SlidingPosition.from_text(since)
        body = json.dumps(server.answer(position.pos, limit, is_whole=what == "whole")).encode()
        after = process(syncer, body, since)
        since = since if what == "again" else after  # "again": it was not the answer we thought it was
    told = heard.ids
    assert len(told) == len(set(told))
    assert not set(told) & {f"${number}" for number in range(old)}
    in_gaps = {f"${number}" for gap in store.gaps() for number in range(int(gap.since), int(gap.prev_batch))}
    assert set(server.events[old:]) <= set(told) | in_gaps
