"""Counting polls by the rules of MSC3381."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py import Client, Event, UsageError
from gomatrix_py.client.poll_counting import PollResults, count_votes
from gomatrix_py.codec import unstructure
from gomatrix_py.send import poll_content
from gomatrix_py.send.polls import POLL_START, poll_of
from tests.kit.scripted_homeserver import ROOM, USER, Reply, ScriptedHomeserver

BOB, CAROL, MODERATOR = "@bob:scripted", "@carol:scripted", "@mod:scripted"
UNSTABLE = "org.matrix.msc3381.poll"


def started(max_selections: int = 1) -> Event:
    """Return a poll of ours."""
    content = unstructure(poll_content("Tea?", ["yes", "no", "perhaps"], max_selections=max_selections))
    return Event.from_dict(
        {"type": POLL_START, "event_id": "$poll", "room_id": ROOM, "sender": USER, "content": content}
    )


def related(event_type: str, sender: str, ts: int, content: Any, event_id: str = "", **further: Any) -> Event:
    """Return an event that refers to the poll."""
    reference = {"m.relates_to": {"rel_type": "m.reference", "event_id": "$poll"}}
    return Event.from_dict(
        {
            "type": event_type,
            "event_id": event_id or f"${event_type}{sender}{ts}",
            "sender": sender,
            "origin_server_ts": ts,
            "content": content | reference,
        }
        | further
    )


def vote(sender: str, ts: int, *answers: Any, **further: Any) -> Event:
    """Return a vote under the unstable name."""
    return related(
        f"{UNSTABLE}.response", sender, ts, {f"{UNSTABLE}.response": {"answers": list(answers)}}, **further
    )


def stable_vote(sender: str, ts: int, *answers: Any) -> Event:
    """Return a vote under the stable name."""
    return related("m.poll.response", sender, ts, {"m.selections": list(answers)})


def end(sender: str, ts: int) -> Event:
    """Return the end of the poll."""
    return related(f"{UNSTABLE}.end", sender, ts, {f"{UNSTABLE}.end": {}, "org.matrix.msc1767.text": "over"})


def count(*events: Event, max_selections: int = 1) -> PollResults:
    """Count a poll that only its sender and the moderator may end."""
    start = started(max_selections)
    return count_votes(start, poll_of(start), events, lambda user_id: user_id == MODERATOR)


def test_nobody_voted() -> None:
    results = count()
    assert (results.question, results.counts, results.winners) == ("Tea?", {"1": 0, "2": 0, "3": 0}, [])
    assert not results.is_ended


def test_the_last_vote_of_each_counts() -> None:
    results = count(vote(BOB, 5, "2"), vote(BOB, 3, "1"), stable_vote(CAROL, 4, "2"), vote(USER, 1, "3"))
    assert results.votes == {USER: ["3"], BOB: ["2"], CAROL: ["2"]}
    assert results.counts == {"1": 0, "2": 2, "3": 1}
    assert results.winners == [("2", "no")]


def test_a_tie_has_more_than_one_winner() -> None:
    assert [one.id for one in count(vote(BOB, 1, "2"), vote(CAROL, 1, "1")).winners] == ["1", "2"]


def test_votes_at_the_same_moment_are_told_apart_by_their_ids() -> None:
    assert count(vote(BOB, 1, "1", event_id="$b"), vote(BOB, 1, "2", event_id="$a")).votes == {BOB: ["1"]}


SPOILED = [
    vote(BOB, 2, "9"),
    vote(BOB, 2, "1", "9"),
    vote(BOB, 2),
    related(f"{UNSTABLE}.response", BOB, 2, {f"{UNSTABLE}.response": {"answers": "1"}}),
    related(f"{UNSTABLE}.response", BOB, 2, {}),
]


@pytest.mark.parametrize("spoiled", SPOILED)
def test_a_last_vote_that_is_not_valid_chooses_nothing(spoiled: Event) -> None:
    assert count(vote(BOB, 1, "1"), spoiled).votes == {BOB: []}


def test_one_answer_too_many_is_left_out() -> None:
    assert count(vote(BOB, 1, "1", "2", "3"), max_selections=2).votes == {BOB: ["1", "2"]}
    assert count(vote(BOB, 1, "1", "1", "2"), max_selections=2).votes == {BOB: ["1"]}


def test_a_redacted_vote_never_was() -> None:
    redacted = vote(BOB, 2, "2", unsigned={"redacted_because": {}})
    assert count(vote(BOB, 1, "1"), redacted).votes == {BOB: ["1"]}


def test_votes_after_the_end_never_were() -> None:
    results = count(vote(BOB, 1, "1"), end(USER, 2), vote(CAROL, 2, "2"), vote(BOB, 3, "2"))
    assert results.votes == {BOB: ["1"], CAROL: ["2"]}
    assert results.is_ended


def test_only_the_first_end_by_somebody_who_may_counts() -> None:
    results = count(end(BOB, 1), vote(CAROL, 2, "1"), end(MODERATOR, 3), end(USER, 4), vote(CAROL, 5, "2"))
    assert results.end is not None
    assert results.end.sender == MODERATOR
    assert results.votes == {CAROL: ["1"]}
    assert not count(end(BOB, 1)).is_ended


# ------------------------------------------------------------------ by the client


def serve(server: ScriptedHomeserver, *events: Event, levels: Any = None, create: Any = None) -> None:
    """Let a server know the poll, what refers to it, and the power levels."""
    server.route("GET", "/event/$poll", started().raw)
    server.route("GET", "/relations/$poll/m.replace", {"chunk": []})
    server.route("GET", "/relations/$poll/m.reference", {"chunk": [event.raw for event in events]})
    missing = Reply(404, {"errcode": "M_NOT_FOUND"})
    server.route("GET", "/state/m.room.create", missing if create is None else create)
    server.route("GET", "/state/m.room.power_levels", missing if levels is None else levels)


def state(event_type: str, content: Any, sender: str = USER) -> dict[str, Any]:
    """Return a whole state event."""
    return {"type": event_type, "state_key": "", "sender": sender, "content": content, "event_id": f"${event_type}"}


def test_results(client: Client, server: ScriptedHomeserver) -> None:
    serve(server, vote(BOB, 1, "1"), end(USER, 2))
    for poll in ("$poll", started()):
        assert client.poll_results(poll, room_id=ROOM).counts == {"1": 1, "2": 0, "3": 0}
    assert server.asked("/state/") == []  # nobody asks about power where our own end is the only one


LEVELS = {"users": {MODERATOR: 50}, "redact": 50}


@pytest.mark.parametrize(
    ("levels", "create", "is_ended"),
    [
        (None, None, False),
        (LEVELS, None, True),  # a server that answers with contents only
        (LEVELS, {"room_version": "11"}, True),
        (state("m.room.power_levels", LEVELS), state("m.room.create", {"room_version": "11"}), True),
        (state("m.room.power_levels", {"users": {MODERATOR: 49}}), None, False),
        (state("m.room.power_levels", {}), state("m.room.create", {"room_version": "12"}, MODERATOR), True),
        (state("m.room.power_levels", {}), state("m.room.create", {"room_version": "11"}, MODERATOR), False),
        (None, state("m.room.create", {"room_version": "11"}, MODERATOR), True),
        (state("m.room.power_levels", {"users": "x", "redact": "y"}), None, False),
    ],
)
def test_who_may_end_a_poll_of_another(
    client: Client, server: ScriptedHomeserver, levels: Any, create: Any, is_ended: bool
) -> None:
    serve(server, end(MODERATOR, 2), vote(BOB, 3, "1"), levels=levels, create=create)
    results = client.poll_results("$poll", room_id=ROOM)
    assert results.is_ended == is_ended
    assert results.votes == ({} if is_ended else {BOB: ["1"]})


def test_the_latest_version_of_a_poll_is_counted(client: Client, server: ScriptedHomeserver) -> None:
    new = unstructure(poll_content("Coffee?", ["yes"]))
    relation = {"rel_type": "m.replace", "event_id": "$poll"}
    edit = started().raw | {"event_id": "$edit", "content": {"m.new_content": new, "m.relates_to": relation}}
    serve(server, vote(BOB, 1, "1"))
    server.route("GET", "/relations/$poll/m.replace", {"chunk": [edit]})
    results = client.poll_results(started())
    assert (results.question, results.counts) == ("Coffee?", {"1": 1})


def test_what_is_no_poll_has_no_results(client: Client, server: ScriptedHomeserver) -> None:
    serve(server)
    server.route("GET", "/event/$poll", started().raw | {"type": "m.room.message"})
    with pytest.raises(UsageError, match="no poll"):
        client.poll_results("$poll", room_id=ROOM)
