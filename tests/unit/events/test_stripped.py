"""What an invite or a knock tells of a room."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.events import Event, EventSource
from gomatrix_py.events.contents.members import RoomMemberContent
from gomatrix_py.events.contents.room_state import RoomNameContent, RoomTopicContent
from gomatrix_py.events.registry import BadContent, UnknownContent
from gomatrix_py.events.stripped import InviteState, KnockState, StrippedEvent, StrippedState

US, THEM = "@us:s", "@them:s"


def stripped(event_type: str, content: Any, state_key: str = "", sender: str = THEM) -> dict[str, Any]:
    return {"type": event_type, "state_key": state_key, "sender": sender, "content": content}


TOPICS = [{"body": "<b>new</b>", "mimetype": "text/html"}, {"body": "new"}]
INVITE = [
    stripped("m.room.create", {"room_version": "12", "type": "m.space"}),
    stripped("m.room.name", {"name": "A room"}),
    stripped("m.room.topic", {"topic": "old", "m.topic": {"m.text": TOPICS}}),
    stripped("m.room.avatar", {"url": "mxc://s/m"}),
    stripped("m.room.canonical_alias", {"alias": "#a:s"}),
    stripped("m.room.join_rules", {"join_rule": "invite"}),
    stripped("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}),
    stripped("m.room.member", {"membership": "join"}, THEM),
    stripped("m.room.member", {"membership": "invite", "is_direct": True, "reason": "come"}, US),
]


def as_events(events: list[dict[str, Any]]) -> list[Event]:
    return [Event.from_dict(event, "!r", EventSource.INVITE) for event in events]


@pytest.mark.parametrize(
    "events", [INVITE, as_events(INVITE), [*StrippedState(INVITE)]], ids=["json", "events", "stripped"]
)
def test_an_invite(events: list[Any]) -> None:
    state = InviteState(events, US)
    assert len(state) == len(INVITE)
    assert (state.name, state.topic, state.avatar_url) == ("A room", "new", "mxc://s/m")
    assert (state.canonical_alias, state.join_rule, state.room_type) == ("#a:s", "invite", "m.space")
    assert (state.inviter, state.is_direct, state.reason) == (THEM, True, "come")
    assert state.is_encrypted


def test_a_knock() -> None:
    state = KnockState([stripped("m.room.member", {"membership": "knock", "reason": "please"}, US, US)], US)
    assert state.reason == "please"
    assert InviteState(state, US).inviter is None


def test_nothing_is_known_of_an_empty_one() -> None:
    state = InviteState([], US)
    assert len(state) == 0
    for value in (state.name, state.topic, state.avatar_url, state.canonical_alias, state.join_rule, state.room_type):
        assert value is None
    assert (state.inviter, state.reason, state.member) == (None, None, None)
    assert not state.is_direct
    assert not state.is_encrypted


@pytest.mark.parametrize(
    "event",
    [
        None,
        5,
        [],
        {},
        {"type": "m.room.name", "content": {}},
        {"type": 5, "state_key": ""},
        {"type": "m.room.name", "state_key": 5},
        Event("m.room.name"),
    ],
)
def test_what_is_no_state_event_is_left_out(event: Any) -> None:
    state = StrippedState([stripped("m.room.topic", {"topic": "t"}), event])
    assert state.topic == "t"
    assert len(state) == 1


def test_malformed_contents_say_nothing() -> None:
    state = InviteState([stripped(event["type"], 5, event["state_key"]) for event in INVITE], US)
    assert len(state) == len(INVITE)
    assert (state.name, state.topic, state.join_rule, state.inviter, state.room_type) == (None,) * 5
    wrong = InviteState(
        [stripped("m.room.name", {"name": 5}), stripped("m.room.join_rules", {}), stripped("m.room.member", {}, US)],
        US,
    )
    assert (wrong.name, wrong.join_rule, wrong.inviter) == (None, None, None)


def test_a_state_that_pretends_we_are_in_is_no_invite() -> None:
    state = InviteState([stripped("m.room.member", {"membership": "join", "is_direct": True}, US)], US)
    assert (state.member, state.inviter, state.is_direct) == (None, None, False)


def test_somebody_elses_invite_is_not_ours() -> None:
    state = InviteState([stripped("m.room.member", {"membership": "invite"}, "@other:s")], US)
    assert state.inviter is None


def test_the_last_event_of_a_key_counts() -> None:
    state = StrippedState([stripped("m.room.name", {"name": "old"}), stripped("m.room.name", {"name": "new"})])
    assert state.name == "new"


def test_contents_are_typed() -> None:
    state = StrippedState([*INVITE, stripped("org.example", {"x": 1}), stripped("m.room.guest_access", {})])
    named = state.event("m.room.name")
    assert named is not None
    assert named.typed == RoomNameContent("A room")
    assert state.content(RoomNameContent, "m.room.name") == RoomNameContent("A room")
    assert state.content(RoomTopicContent, "m.room.name") is None
    assert state.content(RoomMemberContent, "m.room.member", "@nobody:s") is None
    by_type = {event.type: event.typed for event in state}
    assert by_type["org.example"] == UnknownContent({"x": 1})
    assert isinstance(by_type["m.room.guest_access"], BadContent)


def test_what_was_said_does_not_show() -> None:
    assert "hunter2" not in repr(StrippedEvent("m.room.name", "", THEM, {"name": "hunter2"}))
