"""Answers, threads, edits and reactions, as relations."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.codec import unstructure
from gomatrix_py.errors import UsageError
from gomatrix_py.events import Event
from gomatrix_py.send.relations import (
    edit_relation,
    last_of_thread,
    message_relation,
    reaction_relation,
    reference_relation,
    room_of,
    target_id,
    thread_root,
)


def event(event_id: str = "$e", relates_to: Any = None, unsigned: Any = None, room_id: str = "!r") -> Event:
    """Return a message."""
    content = {"msgtype": "m.text", "body": "x"} | ({} if relates_to is None else {"m.relates_to": relates_to})
    raw = {"type": "m.room.message", "event_id": event_id, "room_id": room_id, "sender": "@a:b", "content": content}
    return Event.from_dict(raw | {"unsigned": unsigned or {}})


IN_THREAD = event("$t", {"rel_type": "m.thread", "event_id": "$root"})
EDIT = event("$edit", {"rel_type": "m.replace", "event_id": "$e"})
REACTION = event("$reaction", {"rel_type": "m.annotation", "event_id": "$e", "key": "+1"})
ANSWER = event("$answer", {"m.in_reply_to": {"event_id": "$e"}})


def fallback(root: str, last: str) -> dict[str, Any]:
    """Return the relation of a message in a thread."""
    return {
        "rel_type": "m.thread",
        "event_id": root,
        "m.in_reply_to": {"event_id": last},
        "is_falling_back": True,
    }


def answer_in(root: str, answered: str) -> dict[str, Any]:
    """Return the relation of an answer in a thread."""
    return fallback(root, answered) | {"is_falling_back": False}


RELATIONS: list[tuple[Any, Any, str | None, Any]] = [
    (None, None, None, None),
    ("$e", None, None, {"m.in_reply_to": {"event_id": "$e"}}),
    (event(), None, None, {"m.in_reply_to": {"event_id": "$e"}}),
    (ANSWER, None, None, {"m.in_reply_to": {"event_id": "$answer"}}),
    (EDIT, None, None, {"m.in_reply_to": {"event_id": "$e"}}),
    (REACTION, None, None, {"m.in_reply_to": {"event_id": "$reaction"}}),
    (IN_THREAD, None, None, answer_in("$root", "$t")),
    (event(), "$root", None, answer_in("$root", "$e")),
    ("$e", "$root", "$last", answer_in("$root", "$e")),
    (None, "$root", None, fallback("$root", "$root")),
    (None, "$root", "$last", fallback("$root", "$last")),
    (None, event("$root"), None, fallback("$root", "$root")),
    (None, IN_THREAD, "$t", fallback("$root", "$t")),
    (None, EDIT, None, fallback("$e", "$e")),
    (None, ANSWER, None, fallback("$answer", "$answer")),
]


@pytest.mark.parametrize(("reply_to", "thread", "latest", "expected"), RELATIONS)
def test_the_relation_of_a_message(reply_to: Any, thread: Any, latest: str | None, expected: Any) -> None:
    assert unstructure(message_relation(reply_to, thread, latest)) == expected


@pytest.mark.parametrize("other", [REACTION, event("$x", {"rel_type": "m.reference", "event_id": "$e"})])
def test_no_thread_begins_at_what_belongs_to_another_event(other: Event) -> None:
    with pytest.raises(UsageError, match="no thread can begin"):
        thread_root(other)


BUNDLE = {"m.relations": {"m.thread": {"latest_event": {"event_id": "$last"}, "count": 2}}}


@pytest.mark.parametrize(
    ("one", "last"),
    [
        (event("$root", unsigned=BUNDLE), "$last"),
        (event("$root"), None),
        (IN_THREAD, "$t"),
        (event(unsigned={"m.relations": []}), None),
        (event(unsigned={"m.relations": {"m.thread": 1}}), None),
        (event(unsigned={"m.relations": {"m.thread": {"latest_event": {"event_id": 1}}}}), None),
    ],
)
def test_the_last_event_of_a_thread(one: Event, last: str | None) -> None:
    assert last_of_thread(one) == last


def test_an_edit_stands_for_the_event_it_edits() -> None:
    assert target_id(EDIT) == "$e"
    assert unstructure(edit_relation(EDIT)) == {"rel_type": "m.replace", "event_id": "$e"}
    assert unstructure(reference_relation(EDIT)) == {"rel_type": "m.reference", "event_id": "$e"}
    assert unstructure(reaction_relation(EDIT, "+1"))["event_id"] == "$e"


@pytest.mark.parametrize(
    "relates_to", [[], "x", {"rel_type": 1}, {"rel_type": "m.thread", "event_id": 1}, {"m.in_reply_to": "x"}]
)
def test_a_relation_that_makes_no_sense_is_none(relates_to: Any) -> None:
    odd = event(relates_to=relates_to)
    assert unstructure(message_relation(odd, None)) == {"m.in_reply_to": {"event_id": "$e"}}
    assert last_of_thread(odd) is None


def test_reactions_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="key"):
        reaction_relation("$e", "")
    with pytest.raises(UsageError, match="cannot be reacted to"):
        reaction_relation(REACTION, "+1")


@pytest.mark.parametrize("event_id", ["", "x" * 256, "\ud800"])
def test_ids_that_cannot_be(event_id: str) -> None:
    for relation in (edit_relation, reference_relation, lambda one: message_relation(one, None)):
        with pytest.raises(UsageError, match="the event's id"):
            relation(event_id)
    with pytest.raises(UsageError):
        message_relation(None, event_id)


def test_the_room_of_an_event() -> None:
    assert room_of(event()) == room_of(event(), "!r") == room_of("$e", "!r") == "!r"
    assert room_of(event(room_id=""), "!r") == "!r"
    with pytest.raises(UsageError, match="pass room_id"):
        room_of("$e")
    with pytest.raises(UsageError, match="pass room_id"):
        room_of(event(room_id=""))
    with pytest.raises(UsageError, match="is in !r, not in !other"):
        room_of(event(), "!other")
