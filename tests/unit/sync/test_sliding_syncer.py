"""What of the answers of sliding sync is stored, and what is news, history, or a gap."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from gomatrix_py import Event, EventSource, InMemoryStore
from gomatrix_py.api.sliding_sync import SlidingList, SlidingSyncResponse
from gomatrix_py.store import Gap
from gomatrix_py.sync import SlidingSyncer
from tests.conformance.six_methods import SixMethodStore
from tests.kit.scripted_homeserver import ROOM, USER, message, state
from tests.kit.sliding import Talk, own_member, sliding_answer, sliding_room, whole_room

OTHER = "!other:scripted"


@pytest.fixture(params=["memory", "six methods"])
def talk(request: pytest.FixtureRequest) -> Talk:
    """A talk over a store of each kind."""
    return Talk(InMemoryStore() if request.param == "memory" else SixMethodStore())


# ------------------------------------------------------------------ news and history


def test_the_first_answer_sets_the_scene(talk: Talk) -> None:
    data = {"global": [{"type": "m.direct", "content": {}}], "rooms": {ROOM: [{"type": "m.tag", "content": {}}]}}
    room = whole_room(message("$1"), required_state=[own_member(), state("m.room.name", {"name": "x"})])
    typing = {ROOM: {"type": "m.typing", "content": {"user_ids": ["@bob:scripted"]}}}
    assert talk.hears(sliding_answer("p1", room, account_data=data, typing={"rooms": typing})) == []
    assert (talk.room.name, talk.room.membership, talk.room.prev_batch) == ("x", "join", "p0")
    assert list(talk.room.typing) == ["@bob:scripted"]
    assert talk.hears(sliding_answer("p2", sliding_room(message("$1"), message("$2")))) == ["$2"]


def test_what_changes_is_news(talk: Talk) -> None:
    talk.hears(sliding_answer("p1", whole_room()))
    data = {"global": [{"type": "m.direct", "content": {}}], "rooms": {ROOM: [{"type": "m.tag", "content": {}}]}}
    receipts = {ROOM: {"type": "m.receipt", "content": {}}}
    named = state("m.room.name", {"name": "new"}, event_id="$n")
    answer = sliding_answer(
        "p2",
        sliding_room(named, message("$1"), required_state=[named], notification_count=3, highlight_count=1),
        account_data=data,
        receipts={"rooms": receipts},
    )
    assert talk.hears(answer) == ["m.direct", "$n", "$1", "m.receipt", "m.tag"]
    assert (talk.room.name, talk.room.notification_count, talk.room.highlight_count) == ("new", 3, 1)


def test_history_can_be_asked_for() -> None:
    talk = Talk(deliver_initial=True)
    assert talk.hears(sliding_answer("p1", whole_room(message("$1")))) == ["$own", "$1"]


def test_a_room_that_comes_into_view_later_is_history_but_for_what_is_live(talk: Talk) -> None:
    talk.hears(sliding_answer("p1", whole_room()))
    room = whole_room(message("$1"), message("$2"), message("$3"), num_live=1)
    assert talk.hears(sliding_answer("p2", rooms={OTHER: room})) == ["$3"]
    assert talk.hears(sliding_answer("p3", rooms={OTHER: sliding_room(message("$2"), message("$4"))})) == ["$4"]


def test_where_we_join_news_begins_with_our_join(talk: Talk) -> None:
    talk.hears(sliding_answer("p1"))
    room = whole_room(message("$before"), own_member("join", "$join"), message("$after"), num_live=3)
    assert talk.hears(sliding_answer("p2", room)) == ["$join", "$after"]


def test_more_history_of_a_room_is_no_news(talk: Talk) -> None:
    """As it comes when a subscription asks for a longer timeline."""
    talk.hears(sliding_answer("p1", whole_room(message("$9"))))
    longer = [message(f"${number}") for number in range(1, 11)]
    for flag in ("unstable_expanded_timeline", "expanded_timeline"):
        room = sliding_room(*longer, **{flag: True}, num_live=1, limited=True, prev_batch="p9")
        assert talk.hears(sliding_answer("p2", room)) == (["$10"] if flag.startswith("unstable") else [])
    assert talk.hears(sliding_answer("p3", sliding_room(message("$3"), message("$11")))) == ["$11"]


def test_invitations_are_news_once(talk: Talk) -> None:
    stripped = [state("m.room.name", {"name": "party"}), own_member("invite", "")]
    invited = {"initial": True, "invite_state": [{**one, "event_id": ""} for one in stripped]}
    assert talk.hears(sliding_answer("p1", invited)) == ["m.room.name", "m.room.member"]
    assert (talk.room.membership, talk.room.name) == ("invite", "party")
    lost = talk.loses_the_connection()
    assert talk.hears(sliding_answer("p2", invited), lost) == []
    other = [{**one, "sender": "@carol:scripted"} for one in invited["invite_state"]]  # type: ignore[attr-defined]
    assert talk.hears(sliding_answer("p3", {**invited, "invite_state": other})) == ["m.room.name", "m.room.member"]


# ------------------------------------------------------------------ how we stand to rooms


@pytest.mark.parametrize(
    ("room", "membership"),
    [
        (whole_room(), "join"),
        (whole_room(required_state=[], membership="join"), "join"),
        (whole_room(message("$1"), required_state=[own_member("leave")]), "leave"),
        (whole_room(message("$1"), required_state=[own_member("ban")]), "leave"),
        (sliding_room(own_member("leave", "$left")), "leave"),
        (sliding_room(own_member("join", "$1"), own_member("leave", "$2"), required_state=[]), "leave"),
        (whole_room(required_state=[]), "leave"),  # not even our own membership is left of the state
        (whole_room(required_state=[state("m.room.name", {})]), "join"),
        (sliding_room(message("$1")), "join"),
        ({"initial": True, "invite_state": [own_member("invite")]}, "invite"),
        ({"initial": True, "stripped_state": [own_member("invite")]}, "invite"),
        ({"initial": True, "invite_state": [own_member("knock")]}, "knock"),
        ({"initial": True, "invite_state": []}, "invite"),
        ({"membership": "invite"}, "invite"),
    ],
)
def test_how_we_stand_to_a_room(room: dict[str, Any], membership: str) -> None:
    talk = Talk()
    talk.hears(sliding_answer("p1", whole_room()))  # a room we are in
    talk.hears(sliding_answer("p2", room))
    assert talk.room.membership == membership


def test_a_room_we_are_not_in_does_not_become_one_by_a_change_of_its_counts() -> None:
    talk = Talk()
    talk.hears(sliding_answer("p1", whole_room()))
    talk.hears(sliding_answer("p2", sliding_room(own_member("leave", "$left"))))
    talk.hears(sliding_answer("p3", {"bump_stamp": 5}))
    assert talk.room.membership == "leave"


def test_members_may_be_missing_unless_all_are_asked_for() -> None:
    talk = Talk()
    talk.hears(sliding_answer("p1", whole_room()))
    assert talk.room.has_all_members is False
    for required in ([("*", "*")], [("m.room.member", "*")]):
        talk = Talk(lists={"all": SlidingList(required, 1)})
        talk.hears(sliding_answer("p1", whole_room()))
        assert talk.room.has_all_members is True
    talk.syncer.set_subscription(ROOM)
    talk.hears(sliding_answer("p2", whole_room()))
    assert talk.room.has_all_members is False


def test_the_summary() -> None:
    talk = Talk()
    heroes = [{"user_id": "@bob:scripted", "displayname": "Bob"}]
    room = whole_room(heroes=heroes, joined_count=2, invited_count=1, is_dm=True, bump_stamp=7, name="Bob")
    talk.hears(sliding_answer("p1", room))
    talk.hears(sliding_answer("p2", sliding_room(joined_count=3)))
    assert talk.room.summary == {
        "m.heroes": ["@bob:scripted"],
        "m.joined_member_count": 3,
        "m.invited_member_count": 1,
        "org.matrix.msc4186.heroes": heroes,
        "org.matrix.msc4186.name": "Bob",
        "org.matrix.msc4186.is_dm": True,
        "org.matrix.msc4186.bump_stamp": 7,
    }


def test_what_is_said_of_rooms_without_news() -> None:
    talk = Talk()
    talk.hears(
        sliding_answer("p1", rooms={ROOM: whole_room(), OTHER: whole_room(required_state=[own_member("leave")])})
    )
    tag = [{"type": "m.tag", "content": {"tags": {}}}]
    receipts = {ROOM: {"type": "m.receipt", "content": {}}, OTHER: {"type": "m.receipt", "content": {}}}
    answer = sliding_answer("p2", account_data={"rooms": {ROOM: tag, OTHER: tag}}, receipts={"rooms": receipts})
    assert talk.hears(answer) == ["m.receipt", "m.tag", "m.tag"]
    assert isinstance(talk.store, InMemoryStore)
    assert talk.store.load_account_data("m.tag", OTHER) is not None


def test_encryption_is_passed_on() -> None:
    syncer = SlidingSyncer(USER)
    e2ee = {
        "device_lists": {"changed": ["@bob:scripted"], "left": []},
        "device_one_time_keys_count": {"signed_curve25519": 5},
        "device_unused_fallback_key_types": ["signed_curve25519"],
    }
    response = syncer.read_answer(
        SlidingSyncResponse.from_json(json.dumps(sliding_answer("p1", e2ee=e2ee)).encode()), ""
    )
    assert response.device_lists is not None
    assert response.device_lists.changed == ["@bob:scripted"]
    assert response.device_one_time_keys_count == {"signed_curve25519": 5}
    assert response.device_unused_fallback_key_types == ["signed_curve25519"]


# ------------------------------------------------------------------ gaps


def test_what_was_left_out_is_a_gap_from_where_the_known_events_begin() -> None:
    talk = Talk()
    talk.hears(sliding_answer("p1", whole_room(message("$1"), prev_batch="t1", limited=True)))
    assert isinstance(talk.store, InMemoryStore)
    assert talk.store.gaps() == []  # what came before the first answer is history
    talk.hears(sliding_answer("p2", sliding_room(message("$9"), limited=True, prev_batch="t2")))
    talk.hears(sliding_answer("p3", sliding_room(message("$10"), prev_batch="t3")))
    assert [attrs.evolve(gap, id=0) for gap in talk.store.gaps()] == [Gap(ROOM, "t1", "t2")]


def test_after_a_lost_connection_what_is_missing_is_a_gap() -> None:
    talk = Talk()
    talk.hears(sliding_answer("p1", whole_room(message("$1"), prev_batch="t1", limited=True)))
    assert isinstance(talk.store, InMemoryStore)
    missed = whole_room(message("$8"), message("$9"), prev_batch="t2", limited=True)
    assert talk.hears(sliding_answer("p2", missed), talk.loses_the_connection()) == ["$8", "$9"]
    assert [attrs.evolve(gap, id=0) for gap in talk.store.gaps()] == [Gap(ROOM, "t1", "t2")]


# ------------------------------------------------------------------ one bad room


@pytest.mark.parametrize(
    "bad",
    [
        5,
        None,
        {"timeline": 5, "required_state": {}},
        {"timeline": [5, {"type": 5}], "required_state": None},
        {"initial": "yes", "heroes": [{}], "num_live": -3},
        {"initial": True, "num_live": 10**30, "timeline": [message("$x")]},
        {"invite_state": 5},
        {"invite_state": [5]},
        {"membership": "sideways", "prev_batch": 7},
        {"joined_count": 10**400, "bump_stamp": 1.5, "notification_count": 2**70},
    ],
)
def test_a_bad_room_does_not_take_the_others_along(bad: Any) -> None:
    talk = Talk()
    talk.hears(sliding_answer("p1", whole_room()))
    answer = sliding_answer("p2", rooms={"!bad:x": bad, ROOM: sliding_room(message("$1"))})
    assert "$1" in talk.hears(answer)
    assert talk.position.pos == "p2"


def test_listeners_for_whole_answers_see_the_answer_itself() -> None:
    talk = Talk()
    seen: list[Any] = []
    talk.syncer.on_response(lambda response, since: seen.append((response, since)))
    answer = sliding_answer("p1")
    answer["extensions"]["io.element.msc4308.thread_subscriptions"] = {"subscribed": {}}
    talk.hears(answer)
    ((response, since),) = seen
    assert since == ""
    assert response.raw == answer
    assert response.sliding.lists["all"].count == 0
    assert json.loads(bytes(response.sliding.extensions.thread_subscriptions)) == {"subscribed": {}}


def test_events_say_where_they_come_from() -> None:
    talk = Talk()
    talk.hears(sliding_answer("p1", whole_room()))
    talk.hears(sliding_answer("p2", sliding_room(message("$1"))))
    (event,) = talk.heard.events
    assert isinstance(event, Event)
    assert (event.room_id, event.source) == (ROOM, EventSource.TIMELINE)
