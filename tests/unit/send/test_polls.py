"""Contents of polls, with the names Element knows and with the stable ones."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.codec import unstructure
from gomatrix_py.errors import UsageError
from gomatrix_py.events import Event
from gomatrix_py.send import PollOption, poll_content
from gomatrix_py.send.polls import POLL_START, poll_end, poll_of, poll_response

TEXT, POLL = "org.matrix.msc1767.text", "org.matrix.msc3381.poll"


def started(**changes: Any) -> Event:
    """Return a poll as it comes from the server."""
    content = unstructure(poll_content("Tea?", ["yes", "no", "perhaps"], **changes))
    return Event.from_dict({"type": POLL_START, "event_id": "$poll", "room_id": "!r", "content": content})


STABLE = Event.from_dict(
    {
        "type": "m.poll.start",
        "event_id": "$poll",
        "content": {
            "m.text": [{"body": "Tea?"}],
            "m.poll": {
                "question": {"m.text": [{"body": "Tea?"}]},
                "answers": [{"m.id": "y", "m.text": [{"body": "yes"}]}],
            },
        },
    }
)


def test_a_poll() -> None:
    content = poll_content("Tea?", ["yes", PollOption("n", "no")], max_selections=2)
    assert unstructure(content) == {
        TEXT: "Tea?\n1. yes\n2. no",
        f"{POLL}.start": {
            "kind": f"{POLL}.disclosed",
            "max_selections": 2,
            "question": {TEXT: "Tea?"},
            "answers": [{"id": "1", TEXT: "yes"}, {"id": "n", TEXT: "no"}],
        },
    }
    assert not poll_content("Tea?", ["yes"], is_disclosed=False).is_disclosed


def test_a_poll_is_read_as_it_was_made() -> None:
    poll = poll_of(started(max_selections=2))
    assert (poll.question, poll.max_selections, poll.is_disclosed) == ("Tea?", 2, True)
    assert poll.answers == [("1", "yes"), ("2", "no"), ("3", "perhaps")]


WRONG: list[tuple[Any, Any, dict[str, Any]]] = [
    ("Tea?", [], {}),
    ("Tea?", "yes", {}),
    ("Tea?", [str(number) for number in range(21)], {}),
    ("", ["yes"], {}),
    ("Tea?", ["yes", ""], {}),
    ("Tea?", [PollOption("", "yes")], {}),
    ("Tea?", [PollOption("a", "yes"), PollOption("a", "no")], {}),
    ("Tea?", ["yes", PollOption("1", "no")], {}),
    ("Tea?", ["yes"], {"max_selections": 0}),
    ("Tea?", ["yes"], {"max_selections": 2}),
]


@pytest.mark.parametrize(("question", "answers", "options"), WRONG)
def test_polls_that_cannot_be_held(question: str, answers: Any, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        poll_content(question, answers, **options)


def test_a_vote() -> None:
    expected = {
        "m.relates_to": {"rel_type": "m.reference", "event_id": "$poll"},
        f"{POLL}.response": {"answers": ["2"]},
    }
    for poll in (started(), "$poll"):
        event_type, content = poll_response(poll, ["2"])
        assert (event_type, unstructure(content)) == (f"{POLL}.response", expected)
    assert unstructure(poll_response("$poll", [])[1])[f"{POLL}.response"] == {"answers": []}


def test_a_poll_with_stable_names_is_answered_with_them() -> None:
    event_type, content = poll_response(STABLE, ["y"])
    relation = {"rel_type": "m.reference", "event_id": "$poll"}
    assert (event_type, unstructure(content)) == (
        "m.poll.response",
        {"m.relates_to": relation, "m.selections": ["y"]},
    )
    event_type, end = poll_end(STABLE, "over")
    assert (event_type, unstructure(end)) == (
        "m.poll.end",
        {"m.relates_to": relation, "m.text": [{"body": "over"}]},
    )


def test_votes_that_do_not_count_are_not_sent() -> None:
    with pytest.raises(UsageError, match="no answer"):
        poll_response(started(), ["4"])
    with pytest.raises(UsageError, match="choose 1"):
        poll_response(started(), ["1", "2"])
    with pytest.raises(UsageError, match="list"):
        poll_response("$poll", "1")
    with pytest.raises(UsageError, match="no poll"):
        poll_response(Event("m.room.message", {}, "$e"), ["1"])


def test_the_end_of_a_poll() -> None:
    expected = {
        "m.relates_to": {"rel_type": "m.reference", "event_id": "$poll"},
        TEXT: "over",
        f"{POLL}.end": {},
    }
    for poll in (started(), "$poll"):
        event_type, content = poll_end(poll, "over")
        assert (event_type, unstructure(content)) == (f"{POLL}.end", expected)
    with pytest.raises(UsageError, match="no poll"):
        poll_end(Event("m.room.message", {}, "$e"), "over")
    with pytest.raises(UsageError, match="no poll"):
        poll_end(Event(POLL_START, {"bad": 1}, "$e"), "over")
