"""What the sliding syncer asks, and where it goes on from."""

from __future__ import annotations

import json

import pytest

from gomatrix_py import InMemoryStore, SyncResponse
from gomatrix_py.api.sliding_sync import RoomSubscription, SlidingList
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import HTTPError, RespError, ServerError, UnknownPosition, UnsupportedByServer
from gomatrix_py.sync import DefaultSyncer, RequestingSyncer, SlidingSyncer
from gomatrix_py.sync.sliding_position import SlidingPosition
from tests.conformance.six_methods import SixMethodStore
from tests.kit.scripted_homeserver import ROOM, USER, sync_answer
from tests.kit.sliding import Talk, sliding_answer

OTHER = "!other:scripted"


@pytest.fixture(params=["memory", "six methods"])
def talk(request: pytest.FixtureRequest) -> Talk:
    """A talk over a store of each kind."""
    return Talk(InMemoryStore() if request.param == "memory" else SixMethodStore())


# ------------------------------------------------------------------ what it asks


def test_it_asks_in_its_own_way() -> None:
    assert isinstance(SlidingSyncer(), RequestingSyncer)
    assert not isinstance(DefaultSyncer(), RequestingSyncer)


def test_the_first_request() -> None:
    asked = Talk().asks()
    assert asked["query"] == {"timeout": "0"}  # lists grow first
    assert asked["conn_id"] == "gomatrix_py"
    (wanted,) = asked["lists"].values()
    assert (wanted["ranges"], wanted["timeline_limit"]) == ([[0, 99]], 20)
    assert ["m.room.member", "$LAZY"] in wanted["required_state"]
    assert ["m.room.member", "$ME"] in wanted["required_state"]
    assert "room_subscriptions" not in asked
    enabled = {"enabled": True}
    assert asked["extensions"] == dict.fromkeys(("to_device", "e2ee", "account_data", "receipts", "typing"), enabled)


def test_a_list_grows_until_all_rooms_are_known() -> None:
    talk = Talk()
    ranges = []
    for number in range(4):
        ranges.append((talk.asks()["lists"]["all"]["ranges"], talk.asks()["query"].get("timeout")))
        talk.hears(sliding_answer(f"p{number}", count=250))
    assert ranges == [([[0, 99]], "0"), ([[0, 199]], "0"), ([[0, 299]], "0"), ([[0, 299]], "30000")]
    talk.hears(sliding_answer("p4", count=301))
    assert (talk.asks()["lists"]["all"]["ranges"], talk.asks()["query"]["timeout"]) == ([[0, 399]], "0")


def test_a_list_goes_on_growing_in_the_next_process() -> None:
    talk = Talk()
    talk.hears(sliding_answer("p1", count=250))
    again = Talk(talk.store)
    assert again.asks()["lists"]["all"]["ranges"] == [[0, 199]]
    assert again.asks()["query"] == {"pos": "p1", "timeout": "0"}


def test_lists_of_ones_own() -> None:
    talk = Talk(
        lists={
            "top": SlidingList([("m.room.name", "")], 1, ranges=[(0, 9)]),
            "all": SlidingList([("*", "*")], 5),
        },
        subscriptions={ROOM: RoomSubscription([("m.room.member", "*")], 50)},
        extensions={"typing": {"enabled": False}, "org.example.more": {"enabled": True, "limit": 7}},
        conn_id="",
    )
    asked = talk.asks()
    assert asked["lists"]["top"]["ranges"] == [[0, 9]]
    assert asked["lists"]["top"]["required_state"] == [["m.room.name", ""], ["m.room.member", "$ME"]]
    assert asked["lists"]["all"]["required_state"] == [["*", "*"]]
    assert asked["room_subscriptions"][ROOM]["required_state"] == [["m.room.member", "*"]]
    assert asked["extensions"]["typing"] == {"enabled": False}
    assert asked["extensions"]["org.example.more"] == {"enabled": True, "limit": 7}
    assert "conn_id" not in asked


def test_without_lists_that_grow_the_server_may_wait_at_once() -> None:
    asked = Talk(lists={}).asks()
    assert asked["query"] == {"timeout": "30000"}
    assert "lists" not in asked


def test_rooms_are_followed_and_let_go() -> None:
    talk = Talk()
    outdated = CancelToken()
    talk.syncer.next_request("", 0, outdated)
    talk.syncer.set_subscription(ROOM, timeline_limit=3, required_state=[("m.room.name", "")])
    assert outdated.is_cancelled  # whatever is being asked is asked anew
    assert talk.asks()["room_subscriptions"] == {
        ROOM: {"timeline_limit": 3, "required_state": [["m.room.name", ""], ["m.room.member", "$ME"]]}
    }
    assert list(talk.syncer.subscriptions) == [ROOM]
    talk.syncer.unsubscribe(ROOM)
    talk.syncer.unsubscribe(OTHER)
    assert "room_subscriptions" not in talk.asks()


# ------------------------------------------------------------------ where it stands


def test_both_tokens_are_saved_with_what_they_stand_for(talk: Talk) -> None:
    saved: list[SlidingPosition] = []
    talk.syncer.on_event_type("org.example.note", lambda _: saved.append(talk.position))
    note = {"type": "org.example.note", "sender": USER, "content": {}}
    assert talk.hears(sliding_answer("p1", to_device=("7", [note]))) == ["org.example.note"]
    assert (talk.position.pos, talk.position.to_device) == ("p1", "7")
    assert talk.asks()["extensions"]["to_device"] == {"enabled": True, "since": "7"}
    talk.hears(sliding_answer("p2"))  # nothing said of to-device messages: their token stays
    assert (talk.position.pos, talk.position.to_device) == ("p2", "7")
    assert [(one.pos, one.to_device) for one in saved] in ([("p1", "7")], [("", "")])  # journalled, or not ahead


def test_tokens_of_other_syncers_are_not_touched() -> None:
    store = InMemoryStore()
    default = DefaultSyncer(USER, store)
    default.process_response(SyncResponse.from_json(json.dumps(sync_answer("s1")).encode()), "")
    talk = Talk(store)
    assert talk.since == ""
    talk.hears(sliding_answer("p1"))
    assert store.load_next_batch(USER) == "s1"
    second = Talk(store, conn_id="second")
    assert second.since == ""


def test_a_position_survives_as_text() -> None:
    position = SlidingPosition('p"1', "7", {"all": 300}, is_growing=False, is_catching_up=True)
    assert SlidingPosition.from_text(position.to_text()) == position


@pytest.mark.parametrize("text", ["", "s72595_4483", "[]", "5", '{"pos":5}', '{"windows":{"a":true}}', "{", "\ud800"])
def test_any_other_text_is_the_beginning(text: str) -> None:
    assert SlidingPosition.from_text(text) == SlidingPosition()


@pytest.mark.parametrize(
    ("error", "begins_anew"),
    [
        (UnknownPosition("sync", code=400), True),
        (HTTPError("sync", code=400, wrapped_error=RespError("M_UNKNOWN", "Invalid stream token")), True),
        (HTTPError("sync", code=500, wrapped_error=RespError("M_UNKNOWN", "oops")), False),
        (HTTPError("sync", code=400, wrapped_error=RespError("M_BAD_JSON", "oops")), False),
        (ServerError("sync", code=502), False),
    ],
)
def test_when_a_new_connection_is_made(error: HTTPError, begins_anew: bool) -> None:
    syncer = SlidingSyncer(USER)
    since = SlidingPosition("p1", "7", {"all": 300}, is_growing=False).to_text()
    after = syncer.position_after(since, error)
    assert after == (SlidingPosition("", "7", is_catching_up=True).to_text() if begins_anew else None)
    if after is not None:  # and if that is refused as well, there is nothing else to try
        assert syncer.position_after(after, error) is None


def test_a_server_without_sliding_sync_ends_the_loop() -> None:
    error = UnsupportedByServer("sync", code=404)
    with pytest.raises(UnsupportedByServer):
        SlidingSyncer().on_failed_sync(None, error)
    assert SlidingSyncer().on_failed_sync(None, ServerError("sync", code=502)) == 1.0
