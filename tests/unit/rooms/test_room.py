"""One room: its state, its views, and what stores take from it."""

from __future__ import annotations

import json
import weakref
from typing import Any

import pytest

from gomatrix_py.codec import loads
from gomatrix_py.errors import UsageError
from gomatrix_py.events import Event
from gomatrix_py.rooms import Membership, Room, UnreadCounts, merged_summary
from gomatrix_py.store import RoomDelta
from tests.kit.poison import BROKEN_DOCUMENTS, POISON


def state(event_type: str, state_key: str = "", **content: Any) -> Event:
    return Event(event_type, content, state_key=state_key)


def piece(event_type: str, state_key: str, **content: Any) -> tuple[str, str, bytes]:
    return event_type, state_key, state(event_type, state_key, **content).json


COUNTED: dict[str, Any] = {"notification_count": 3, "highlight_count": 1, "prev_batch": "t1"}


def delta(membership: str = "join", **changes: Any) -> RoomDelta:
    return RoomDelta("!r:example.org", membership, **changes)


def room_with(*events: Event) -> Room:
    room = Room("!r:example.org")
    for event in events:
        room.update_state(event)
    return room


# ------------------------------------------------------------------ state


def test_a_new_room_knows_nothing() -> None:
    room = Room("!r:example.org")
    assert (room.id, room.membership) == ("!r:example.org", "leave")
    assert (room.name, room.topic, room.canonical_alias, room.is_encrypted) == (None, None, None, False)
    assert (room.members, room.joined_members, room.summary) == ({}, {}, {})
    assert (room.notification_count, room.highlight_count, room.prev_batch) == (0, 0, "")
    assert len(room.state) == 0


def test_state_is_replaced_by_type_and_key() -> None:
    room = room_with(state("m.a", n=1), state("m.a", "k", n=2), state("m.a", n=3), state("m.b", n=4))
    assert [room.state["m.a"][""].content, room.state["m.a"]["k"].content] == [{"n": 3}, {"n": 2}]
    found = room.get_state_event("m.b")
    assert found is not None
    assert found.content == {"n": 4}
    assert room.get_state_event("m.a", "none") is None
    assert room.get_state_event("m.none") is None


def test_what_is_no_state_is_refused() -> None:
    room = Room("!r:example.org")
    with pytest.raises(UsageError, match="state key"):
        room.update_state(Event("m.room.message", {"body": "x"}))
    assert len(room.state) == 0
    assert room.take_changes() == {}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"membership": "join"}, "join"),
        ({"membership": "ban"}, "ban"),
        ({"membership": "leave"}, "leave"),
        ({"membership": 5}, "leave"),
        ({"membership": None}, "leave"),
        ({"membership": ["join"]}, "leave"),
        ({}, "leave"),
    ],
)
def test_how_a_user_stands_to_the_room(content: dict[str, Any], expected: str) -> None:
    room = room_with(state("m.room.member", "@a:b", **content))
    assert room.get_membership_state("@a:b") == expected


def test_an_unknown_user_has_left() -> None:
    assert room_with(state("m.room.member", "@a:b", membership="join")).get_membership_state("@x:y") == "leave"


@pytest.mark.parametrize(
    "damaged", [b"not json", b'{"type":"m.room.member","sender":5,"content":{"n":1e400}}', b"[]"]
)
def test_a_user_whose_event_is_damaged_has_left(damaged: bytes) -> None:
    room = Room("!r:example.org")
    pieces = [("m.room.member", "@a:b", damaged), piece("m.room.member", "@c:d", membership="join")]
    room.apply(delta(state=pieces))
    assert room.get_membership_state("@a:b") == "leave"
    assert list(room.members) == list(room.joined_members) == ["@c:d"]


def test_memberships_are_the_words_of_the_specification() -> None:
    assert [one.value for one in Membership] == ["join", "invite", "knock", "leave", "ban"]
    assert Membership("join") == "join"


# ------------------------------------------------------------------ views


@pytest.mark.parametrize(
    ("view", "event_type", "key"),
    [
        ("name", "m.room.name", "name"),
        ("topic", "m.room.topic", "topic"),
    ],
)
def test_texts_of_the_room(view: str, event_type: str, key: str) -> None:
    assert getattr(room_with(state(event_type, **{key: "x"})), view) == "x"
    wrongs: list[Any] = ["", None, 5, ["x"], {"x": 1}]
    for wrong in wrongs:
        assert getattr(room_with(state(event_type, **{key: wrong})), view) is None
    assert getattr(room_with(state(event_type, "other key", **{key: "x"})), view) is None
    assert getattr(room_with(state(event_type)), view) is None


def test_a_room_is_encrypted_once_it_was_told_to() -> None:
    assert room_with(state("m.room.encryption", algorithm="m.megolm.v1.aes-sha2")).is_encrypted is True
    assert room_with(state("m.room.encryption", "other key")).is_encrypted is False


def test_members_whatever_their_membership_and_those_who_are_in() -> None:
    stands: dict[str, Any] = {"@j:b": "join", "@i:b": "invite", "@l:b": "leave", "@b:b": "ban", "@x:b": 5}
    room = room_with(*(state("m.room.member", user_id, membership=one) for user_id, one in stands.items()))
    assert sorted(room.members) == sorted(stands)
    assert list(room.joined_members) == ["@j:b"]
    room.members.clear()
    assert len(room.members) == 5


def test_the_repr_names_the_room() -> None:
    assert repr(room_with(state("m.room.name", name="Tea"))) == "<Room !r:example.org 'Tea' (leave)>"


# ------------------------------------------------------------------ what a sync says


def test_an_answer_is_applied_as_a_whole() -> None:
    room = Room("!r:example.org")
    base = b"[" + state("m.room.name", name="base").json + b"," + state("m.room.topic", topic="base").json + b"]"
    later = [piece("m.room.name", "", name="later")]
    room.apply(delta(base_state=base, state=later, summary=b'{"m.joined_member_count":2}', **COUNTED))
    assert (room.membership, room.name, room.topic) == ("join", "later", "base")
    assert room.summary == {"m.joined_member_count": 2}
    assert (room.notification_count, room.highlight_count, room.prev_batch) == (3, 1, "t1")


def test_none_means_as_before() -> None:
    room = Room("!r:example.org")
    room.apply(delta(state=[piece("m.room.name", "", name="n")], summary=b'{"a":1}', **COUNTED))
    room.apply(delta("leave"))
    assert (room.membership, room.name, room.summary) == ("leave", "n", {"a": 1})
    assert (room.notification_count, room.highlight_count, room.prev_batch) == (3, 1, "t1")


def test_a_count_may_go_back_to_zero() -> None:
    room = Room("!r:example.org")
    room.apply(delta(**COUNTED))
    room.apply(delta(notification_count=0, highlight_count=0, prev_batch=""))
    assert (room.notification_count, room.highlight_count, room.prev_batch) == (0, 0, "")


def test_what_a_sync_says_is_no_change_of_ours() -> None:
    room = Room("!r:example.org")
    room.apply(delta(state=[piece("m.room.name", "", name="n")]))
    assert room.take_changes() == {}


# ------------------------------------------------------------------ changes, for stores


def test_changes_are_taken_once() -> None:
    first, second = state("m.a", n=1), state("m.a", n=2)
    room = room_with(first, state("m.b", "k"), second)
    changes = room.take_changes()
    assert list(changes) == [("m.a", ""), ("m.b", "k")]
    assert changes["m.a", ""] is second
    assert room.take_changes() == {}
    assert room.get_state_event("m.a") is second


def test_changes_that_could_not_be_saved_come_back_behind_newer_ones() -> None:
    room = room_with(state("m.a", n=1), state("m.b", n=1))
    changes = room.take_changes()
    newer = state("m.a", n=2)
    room.update_state(newer)
    room.put_back_changes(changes)
    again = room.take_changes()
    assert again["m.a", ""] is newer
    assert again["m.b", ""].content == {"n": 1}


def test_a_room_can_be_held_weakly() -> None:
    room = Room("!r:example.org")
    assert weakref.ref(room)() is room


# ------------------------------------------------------------------ the summary


def test_a_summary_is_kept_as_bytes_until_somebody_looks() -> None:
    room = Room("!r:example.org")
    room.summary = b'{"m.heroes":["@a:b"]}'
    assert room.summary_json() == b'{"m.heroes":["@a:b"]}'
    assert room.summary == {"m.heroes": ["@a:b"]}
    assert room.summary is room.summary
    assert json.loads(room.summary_json()) == {"m.heroes": ["@a:b"]}


@pytest.mark.parametrize(
    "damaged", [b"", b"[]", b"null", b'"x"', *BROKEN_DOCUMENTS.values()], ids=lambda data: repr(data[:30])
)
def test_a_damaged_summary_is_empty(damaged: bytes) -> None:
    room = Room("!r:example.org")
    room.summary = damaged
    assert room.summary == {}


def test_a_summary_is_brought_up_to_date_member_by_member() -> None:
    known = b'{"m.heroes":["@a:b"],"m.joined_member_count":1}'
    merged = loads(merged_summary(known, b'{"m.joined_member_count":2,"new":{"x":[1]}}'))
    assert merged == {"m.heroes": ["@a:b"], "m.joined_member_count": 2, "new": {"x": [1]}}
    assert loads(merged_summary(None, b'{"a":1}')) == {"a": 1}


@pytest.mark.parametrize(
    "damaged", [b"[]", b"null", b"5", *BROKEN_DOCUMENTS.values()], ids=lambda data: repr(data[:30])
)
def test_a_summary_that_makes_no_sense_changes_nothing(damaged: bytes) -> None:
    assert merged_summary(b'{"a":1}', damaged) == b'{"a":1}'
    assert merged_summary(None, damaged) == b"{}"


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_poison_in_a_summary_ends_in_a_summary(poison: bytes) -> None:
    room = Room("!r:example.org")
    room.summary = {"known": 1}
    room.apply(delta(summary=b'{"poison":' + poison + b"}"))
    assert room.summary["known"] == 1
    assert isinstance(loads(room.summary_json()), dict)


def test_a_summary_nested_to_the_limit_ends_in_a_summary() -> None:
    """Reading and writing have limits that differ by a little."""
    for depth in range(900, 1010):
        deep = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
        assert isinstance(loads(merged_summary(b'{"known":1}', deep))["known"], int)


# ------------------------------------------------------------------ threads, account data, members


@pytest.mark.parametrize("poison", POISON.values(), ids=list(POISON))
def test_poison_in_the_counts_of_threads_ends_in_counts(poison: bytes) -> None:
    room = Room("!r:example.org")
    room.apply(delta(thread_counts=b'{"$a":{"notification_count":' + poison + b"}}"))
    assert all(isinstance(one, UnreadCounts) and one.notifications >= 0 for one in room.thread_counts.values())
    assert isinstance(loads(room.thread_counts_json()), dict)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b'{"$a":{"notification_count":2,"highlight_count":1}}', {"$a": UnreadCounts(2, 1)}),
        (
            b'{"$a":{"notification_count":-5,"highlight_count":9223372036854775808}}',
            {"$a": UnreadCounts(0, 2**53 - 1)},
        ),
        (b'{"$a":{"notification_count":true,"highlight_count":"1"},"$b":7}', {"$a": UnreadCounts(0, 0)}),
        (b"[]", {}),
        (b"not json", {}),
    ],
)
def test_what_is_unread_in_threads(said: bytes, shown: dict[str, UnreadCounts]) -> None:
    room = Room("!r:example.org")
    room.apply(delta(thread_counts=said))
    assert room.thread_counts == shown
    again = Room("!r:example.org")
    again.apply(delta(thread_counts=room.thread_counts_json()))
    assert again.thread_counts == shown
    room.apply(delta())
    assert room.thread_counts == shown, "None means as before"


def test_a_room_of_nobody_has_no_account_data() -> None:
    room = Room("!r:example.org")
    assert (room.own_user_id, room.account_data("m.tag"), room.user_account_data("m.direct")) == ("", {}, {})


def member(user_id: str, membership: str, event_id: str) -> Event:
    return Event("m.room.member", {"membership": membership}, event_id, user_id, state_key=user_id)


def member_piece(event: Event) -> tuple[str, str, bytes]:
    return "m.room.member", event.state_key or "", event.json


def test_loaded_members_are_added_and_changed() -> None:
    room = room_with(member("@stale:b", "join", "$old"), member("@same:b", "join", "$same"))
    room.take_changes()
    known, resets = room.state.of_type("m.room.member"), room.member_resets
    listed = [
        member("@stale:b", "leave", "$new"),
        member("@same:b", "join", "$same"),
        member("@unknown:b", "join", "$more"),
        state("m.room.name", name="not a member"),
        Event("m.room.member", {"membership": "join"}, "$no-state"),
    ]
    room.add_members(listed, known, resets)
    assert {one: room.get_membership_state(one) for one in ("@stale:b", "@same:b", "@unknown:b")} == {
        "@stale:b": "leave",
        "@same:b": "join",
        "@unknown:b": "join",
    }
    assert room.has_all_members
    assert room.name is None
    assert {key for _, key in room.take_changes()} >= {"@stale:b", "@unknown:b"}


def test_what_a_sync_said_meanwhile_is_newer_than_the_list() -> None:
    room = room_with(member("@a:b", "join", "$1"))
    known, resets = room.state.of_type("m.room.member"), room.member_resets
    news = [member_piece(member("@a:b", "ban", "$3")), member_piece(member("@b:b", "leave", "$4"))]
    room.apply(delta(state=news))
    room.add_members([member("@a:b", "join", "$2"), member("@b:b", "join", "$2b")], known, resets)
    assert (room.get_membership_state("@a:b"), room.get_membership_state("@b:b")) == ("ban", "leave")
    assert room.has_all_members


def test_a_gap_that_came_meanwhile_leaves_members_missing() -> None:
    room = Room("!r:example.org")
    known, resets = room.state.of_type("m.room.member"), room.member_resets
    room.apply(delta(has_all_members=False))
    room.add_members([member("@a:b", "join", "$1")], known, resets)
    assert not room.has_all_members
    room.add_members([], known, room.member_resets)
    assert room.has_all_members, "the control: without a gap all are known"
