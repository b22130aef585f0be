"""Walking through a room's events, with the state as it was."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.events import Event
from gomatrix_py.rooms import history
from gomatrix_py.rooms.history import HistoricalState, SenderThen
from tests.kit.room_facts import OWN, FactsRoom

ALICE, BOB = "@alice:s", "@bob:s"
_number = 0


def told(event_type: str, sender: str, content: dict[str, Any], key: str | None = None, **unsigned: Any) -> Event:
    global _number
    _number += 1
    return Event(event_type, content, f"${_number}", sender, _number, key, "!room:example.org", unsigned)


def joined(name: str | None, avatar: str | None = None, membership: str = "join") -> dict[str, Any]:
    said = {"membership": membership, "displayname": name, "avatar_url": avatar}
    return {key: value for key, value in said.items() if value is not None}


def profile(user_id: str, now: dict[str, Any], before: dict[str, Any] | None = None, **more: Any) -> Event:
    unsigned = {} if before is None else {"prev_content": before, "replaces_state": "$before", **more}
    return told("m.room.member", user_id, now, user_id, **unsigned)


def says(user_id: str, body: str = "hello") -> Event:
    return told("m.room.message", user_id, {"body": body})


def current(*events: Event) -> FactsRoom:
    return FactsRoom(*(event for event in events if event.state_key is not None))


def story() -> list[Event]:
    """Return a room's whole life, the oldest first."""
    return [
        told("m.room.create", ALICE, {}, ""),
        profile(ALICE, joined("Alice", "mxc://s/1")),
        says(ALICE, "first"),
        profile(BOB, joined("Bob")),
        says(BOB, "second"),
        profile(ALICE, joined("Alicia", "mxc://s/2"), joined("Alice", "mxc://s/1")),
        says(ALICE, "third"),
        profile(BOB, joined("Alicia"), joined("Bob")),
        says(ALICE, "fourth"),
        says(BOB, "fifth"),
        profile(BOB, joined(None, membership="leave"), joined("Alicia")),
        says(ALICE, "sixth"),
        told("m.room.name", ALICE, {"name": "new"}, "", prev_content={"name": "old"}),
    ]


NAMES = [
    ALICE, "Alice", "Alice", "Bob", "Bob", "Alice", "Alicia", "Bob",
    f"Alicia ({ALICE})", f"Alicia ({BOB})", f"Alicia ({BOB})", "Alicia", "Alicia",
]  # fmt: skip


def test_going_back_gives_the_names_of_that_time() -> None:
    events = story()
    then = HistoricalState(current(*events))
    walked = list(then.back(reversed(events)))
    assert walked == events[::-1]
    assert [then.sender_name(event) for event in events] == NAMES
    assert [then.sender_avatar_url(events[at]) for at in (2, 6)] == ["mxc://s/1", "mxc://s/2"]


def test_while_walking_the_state_is_the_one_before_the_event() -> None:
    events = story()
    then = HistoricalState(current(*events))
    names = []
    for event in then.back(reversed(events)):
        if event.body is not None:
            names.append(then.sender_name(event))
            assert then.user_name(event.sender) == then.sender_name(event)
    assert names == ["Alicia", f"Alicia ({BOB})", f"Alicia ({ALICE})", "Alicia", "Bob", "Alice"]
    assert (then.event("m.room.create"), then.event("m.room.name")) == (None, then.event("m.room.name"))
    old = then.event("m.room.name")
    assert old is not None
    assert (old.content, old.room_id) == ({"name": "old"}, "!room:example.org")


def test_without_undoing_the_names_would_be_todays(monkeypatch: pytest.MonkeyPatch) -> None:
    events = story()
    monkeypatch.setattr(history, "_replaced", lambda event, room_id: event)
    then = HistoricalState(current(*events))
    list(then.back(reversed(events)))
    assert then.sender_name(events[2]) == "Alicia"


def test_going_forward_from_the_start_gives_the_same_names() -> None:
    events = story()
    then = HistoricalState(FactsRoom())
    assert [then.sender_name(event) for event in then.forward(events)] == NAMES
    assert [then.sender_name(event) for event in events] == NAMES
    name = then.event("m.room.name")
    assert name is not None
    assert name.content == {"name": "new"}


def test_going_forward_from_the_middle_learns_what_was_before() -> None:
    events = story()
    then = HistoricalState(current(*events))  # today's state, which is wrong for the middle
    walked = list(then.forward(events[5:8], [events[1], events[3]]))
    assert [then.sender_name(event) for event in walked] == ["Alice", "Alicia", "Bob"]
    late = HistoricalState(current(*events))
    assert [late.sender_name(event) for event in late.forward(events[7:8])] == ["Bob"]


def test_back_and_forth_comes_to_the_same_state() -> None:
    events = story()
    then = HistoricalState(current(*events))
    list(then.back(reversed(events)))
    list(then.forward(events))
    assert then.user_name(ALICE) == "Alicia"
    assert then.user_name(BOB) == BOB


def test_lazily_loaded_members_come_with_the_page() -> None:
    page = [says(BOB, "two"), says(ALICE, "one")]
    lazily = FactsRoom(profile(OWN, joined("Me")), has_all_members=False)
    without = HistoricalState(lazily)
    list(without.back(page))
    assert [without.sender_name(event) for event in page] == [BOB, ALICE]
    then = HistoricalState(lazily)
    state = [profile(BOB, joined("Bob", "mxc://s/b")), profile(ALICE, joined("Bob"))]
    list(then.back(page, state))
    assert [then.sender_name(event) for event in page] == [f"Bob ({BOB})", f"Bob ({ALICE})"]
    assert then.sender(page[0]) == SenderThen(BOB, f"Bob ({BOB})", "Bob", "mxc://s/b")


def test_what_a_page_brings_counts_from_its_start_on() -> None:
    then = HistoricalState(FactsRoom(profile(ALICE, joined("Today"))))
    first = [says(ALICE), profile(ALICE, joined("Then"), joined("Earlier")), says(ALICE)]
    list(then.back(first, [profile(ALICE, joined("Then"))]))
    assert [then.sender_name(event) for event in first] == ["Then", "Earlier", "Earlier"]
    second = [says(ALICE)]
    list(then.back(second, []))
    assert then.sender_name(second[0]) == "Earlier"


def test_a_walk_that_starts_in_the_past_is_set_right_by_the_events_it_meets() -> None:
    then = HistoricalState(FactsRoom(profile(ALICE, joined("Today"))))
    events = [profile(ALICE, joined("Then"), joined("Earlier")), says(ALICE)]
    list(then.back(events))
    assert then.sender_name(events[1]) == "Earlier"


def test_later_changes_of_the_room_do_not_reach_the_walk() -> None:
    room = FactsRoom(profile(ALICE, joined("Alice")))
    then = HistoricalState(room)
    room.state.put("m.room.member", ALICE, profile(ALICE, joined("Changed")))
    assert then.sender_name(says(ALICE)) == "Alice"


def test_events_seen_twice_change_nothing() -> None:
    events = story()
    then = HistoricalState(current(*events))
    for event in reversed(events):
        list(then.back([event, event]))
    assert [then.sender_name(event) for event in events] == NAMES


@pytest.mark.parametrize("unsigned", [{}, {"prev_content": "x"}, {"prev_content": []}, {"prev_content": None}])
def test_what_is_not_known_counts_as_nothing(unsigned: dict[str, Any]) -> None:
    then = HistoricalState(FactsRoom(profile(ALICE, joined("Alice"))))
    change = told("m.room.member", ALICE, joined("Alice"), ALICE, **unsigned)
    old = says(ALICE)
    list(then.back([change, old]))
    assert (then.sender_name(change), then.sender_name(old)) == ("Alice", ALICE)


def test_strange_replaced_state_is_read() -> None:
    then = HistoricalState(FactsRoom())
    said = {"prev_content": {"name": 5}, "replaces_state": 5, "prev_sender": ["x"]}
    list(then.back([told("m.room.name", ALICE, {}, "", **said)]))
    found = then.event("m.room.name")
    assert found is not None
    assert (found.event_id, found.sender, found.content) == ("", "", {"name": 5})
    known = {"prev_content": {"name": "x"}, "replaces_state": "$1", "prev_sender": BOB}
    list(then.back([told("m.room.name", ALICE, {}, "", **known)]))
    found = then.event("m.room.name")
    assert found is not None
    assert (found.event_id, found.sender) == ("$1", BOB)


def test_events_without_an_id_are_answered_from_where_the_walk_is() -> None:
    then = HistoricalState(FactsRoom(profile(ALICE, joined("Alice"))))
    (event,) = then.back([Event("m.room.message", {}, "", ALICE)])
    assert then.sender_name(event) == "Alice"
