"""Threads, edits, reactions and answers, read from a server that may say anything."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from gomatrix_py import Client, Event, UsageError
from gomatrix_py.errors import NotFound, PagingError
from tests.kit.scripted_homeserver import ROOM, USER, Reply, ScriptedHomeserver, Seen

BOB = "@bob:scripted"


def raw(event_id: str, body: str = "x", *, sender: str = USER, ts: int = 1, **further: Any) -> dict[str, Any]:
    """Return a message as it comes from the server; `relates_to` and `unsigned` may be said."""
    content: dict[str, Any] = {"msgtype": "m.text", "body": body}
    if "relates_to" in further:
        content["m.relates_to"] = further.pop("relates_to")
    return {
        "type": "m.room.message",
        "event_id": event_id,
        "room_id": ROOM,
        "sender": sender,
        "origin_server_ts": ts,
        "content": content,
    } | further


def edit(event_id: str, body: str, target: str = "$e", **further: Any) -> dict[str, Any]:
    """Return an edit as it comes from the server."""
    made = raw(event_id, f"* {body}", relates_to={"rel_type": "m.replace", "event_id": target}, **further)
    made["content"]["m.new_content"] = {"msgtype": "m.text", "body": body}
    return made


def bundle(**relations: Any) -> dict[str, Any]:
    """Return what a server adds to an event with relations."""
    return {"unsigned": {"m.relations": {f"m.{name}": value for name, value in relations.items()}}}


ORIGINAL = Event.from_dict(raw("$e", "old"))


# ------------------------------------------------------------------ threads


def in_thread(event_id: str, body: str, sender: str, **further: Any) -> dict[str, Any]:
    """Return a reply in the thread of $root."""
    return raw(event_id, body, sender=sender, relates_to={"rel_type": "m.thread", "event_id": "$root"}, **further)


@pytest.fixture
def replies(server: ScriptedHomeserver) -> list[dict[str, Any]]:
    """Five replies of a thread, handed out two at a time."""
    made = [in_thread(f"${number}", f"reply {number}", BOB if number % 2 else USER) for number in range(5)]
    made[2] |= bundle(replace=edit("$edit", "edited", "$2"))
    latest = made[4]
    summary = {"latest_event": latest, "count": 5, "current_user_participated": True}
    server.route("GET", "/event/$root", raw("$root", "root", sender=BOB, **bundle(thread=summary)))

    def page(request: Seen) -> Any:
        start = int(request.query.get("from", "0"))
        ordered = made if request.query["dir"] == "f" else made[::-1]
        more = {"next_batch": str(start + 2)} if start + 2 < len(made) else {}
        return {"chunk": ordered[start : start + 2], **more}

    server.route("GET", "/relations/$root/m.thread", page)
    return made


def test_a_thread(client: Client, server: ScriptedHomeserver, replies: list[dict[str, Any]]) -> None:
    thread = client.thread(ROOM, "$root")
    assert (thread.root.body, thread.count, thread.has_participated, thread.room_id) == ("root", 5, True, ROOM)
    assert thread.latest is not None
    assert thread.latest.event_id == "$4"
    assert server.asked("/relations/") == []  # nothing was asked for that nobody wants
    assert [event.body for event in thread] == ["reply 0", "reply 1", "edited", "reply 3", "reply 4"]
    assert [event.event_id for event in thread.replies(newest_first=True)] == ["$4", "$3", "$2", "$1", "$0"]
    assert thread.participants() == [BOB, USER]
    assert repr(thread) == f"<EventThread $root in {ROOM}, 5 replies>"


def test_pages_of_a_thread_are_asked_for_when_they_are_wanted(
    client: Client, server: ScriptedHomeserver, replies: list[dict[str, Any]]
) -> None:
    assert len(list(islice(client.thread(ROOM, "$root"), 2))) == 2
    assert len(server.asked("/relations/")) == 1


def test_a_thread_is_found_from_any_event_in_it(
    client: Client, server: ScriptedHomeserver, replies: list[dict[str, Any]]
) -> None:
    assert client.thread(ROOM, Event.from_dict(replies[3])).root.event_id == "$root"
    with pytest.raises(UsageError, match="no thread can begin"):
        client.thread(ROOM, Event.from_dict(reaction("$r", BOB, "👍")))
    with pytest.raises(UsageError, match="not in !other"):
        client.thread("!other:r", Event.from_dict(replies[3]))


@pytest.mark.parametrize(
    "summary", [None, [], "x", {"count": "x", "latest_event": []}, {"count": -1}, {"count": True}]
)
def test_a_thread_of_which_the_server_says_nothing_sensible(
    client: Client, server: ScriptedHomeserver, summary: Any
) -> None:
    server.route("GET", "/event/$root", raw("$root", **bundle(thread=summary)))
    server.route("GET", "/relations/", {"chunk": []})
    thread = client.thread(ROOM, "$root")
    assert (thread.count, thread.has_participated, thread.latest, list(thread)) == (0, False, None, [])


def test_a_server_that_leads_round_in_circles_is_noticed(client: Client, server: ScriptedHomeserver) -> None:
    server.route("GET", "/event/$root", raw("$root"))
    server.route("GET", "/relations/", lambda _: {"chunk": [in_thread("$1", "x", BOB)], "next_batch": "again"})
    with pytest.raises(PagingError):
        list(client.thread(ROOM, "$root"))


# ------------------------------------------------------------------ edits

UNSOUND = [
    edit("$by-bob", "bad", sender=BOB, ts=90),
    edit("$other-type", "bad", ts=91, type="m.sticker"),
    edit("$state", "bad", ts=92, state_key=""),
    edit("$of-another", "bad", "$x", ts=93),
    raw("$without-new", "bad", ts=94, relates_to={"rel_type": "m.replace", "event_id": "$e"}),
]


def test_edits_that_count(client: Client, server: ScriptedHomeserver) -> None:
    sound = [edit("$2", "newer", ts=3), edit("$1", "new", ts=2), edit("$3", "newest", ts=3)]
    server.route("GET", "/relations/$e/m.replace", {"chunk": [*UNSOUND, *sound]})
    assert [one.event_id for one in client.edits(ORIGINAL)] == ["$1", "$2", "$3"]
    latest = client.latest_version(ORIGINAL)
    assert (latest.body, latest.event_id, latest.sender) == ("newest", "$e", USER)
    assert ORIGINAL.body == "old"


def test_an_event_without_edits_is_its_latest_version(client: Client, server: ScriptedHomeserver) -> None:
    server.route("GET", "/relations/$e/m.replace", {"chunk": UNSOUND})
    assert client.edits(ORIGINAL) == []
    assert client.latest_version(ORIGINAL) is ORIGINAL


def test_the_original_is_asked_for_where_it_is_not_at_hand(client: Client, server: ScriptedHomeserver) -> None:
    server.route("GET", "/event/$e", raw("$e", "old"))
    server.route("GET", "/relations/$e/m.replace", {"chunk": [edit("$1", "new")]})
    for one in ("$e", Event.from_dict(edit("$1", "new"))):
        assert client.latest_version(one, room_id=ROOM).body == "new"
    assert len(server.asked("/event/$e")) == 2
    server.route("GET", "/event/$e", Reply(404, {"errcode": "M_NOT_FOUND"}))
    with pytest.raises(NotFound):
        client.edits("$e", room_id=ROOM)
    with pytest.raises(UsageError, match="room_id"):
        client.edits("$e")


@pytest.mark.parametrize("bad", [*UNSOUND, None, [], "x", {"type": 1}])
def test_a_bundled_edit_that_does_not_count_changes_nothing(
    client: Client, server: ScriptedHomeserver, bad: Any
) -> None:
    server.route("GET", "/event/$e", raw("$e", "old", **bundle(replace=bad)))
    assert client.thread(ROOM, "$e").root.body == "old"


def test_a_bundled_edit_keeps_the_relation_of_the_original(client: Client, server: ScriptedHomeserver) -> None:
    relation = {"m.in_reply_to": {"event_id": "$x"}}
    server.route("GET", "/event/$e", raw("$e", "old", relates_to=relation, **bundle(replace=edit("$1", "new"))))
    root = client.thread(ROOM, "$e").root
    assert (root.body, root.relates_to) == ("new", relation)


# ------------------------------------------------------------------ reactions


def reaction(event_id: str, sender: str, key: Any, **further: Any) -> dict[str, Any]:
    """Return a reaction to $e."""
    relation = {"rel_type": "m.annotation", "event_id": "$e", "key": key}
    return raw(event_id, sender=sender, **further) | {"type": "m.reaction", "content": {"m.relates_to": relation}}


def test_reactions_by_key_each_user_once(client: Client, server: ScriptedHomeserver) -> None:
    chunk = [
        reaction("$1", BOB, "👍"),
        reaction("$2", USER, "🎉"),
        reaction("$3", USER, "👍"),
        reaction("$4", BOB, "👍"),
        reaction("$5", "@c:d", "👍", unsigned={"redacted_because": {}}),
        reaction("$6", "@c:d", ""),
        reaction("$7", "@c:d", 5),
        raw("$8", sender="@c:d") | {"type": "m.reaction", "content": {}},
    ]
    server.route("GET", "/relations/$e/m.annotation/m.reaction", {"chunk": chunk})
    for event in (ORIGINAL, Event.from_dict(edit("$edit", "x"))):
        found = client.reactions(event)
        assert list(found) == ["👍", "🎉"]
        assert [[one.event_id for one in events] for events in found.values()] == [["$1", "$3"], ["$2"]]
    assert client.reactions(Event.from_dict(chunk[0])) == {}
    with pytest.raises(UsageError, match="room_id"):
        client.reactions("$e")


# ------------------------------------------------------------------ answers


def test_what_an_answer_answers(client: Client, server: ScriptedHomeserver) -> None:
    server.route("GET", "/event/$e", raw("$e", "old"))
    answer = Event.from_dict(raw("$a", relates_to={"m.in_reply_to": {"event_id": "$e"}}))
    found = client.replied_to(answer)
    assert found is not None
    assert (found.event_id, found.body) == ("$e", "old")
    server.route("GET", "/event/$e", Reply(404, {"errcode": "M_NOT_FOUND"}))
    with pytest.raises(NotFound):
        client.replied_to(answer)


@pytest.mark.parametrize(
    "relates_to",
    [
        {},
        {"rel_type": "m.thread", "event_id": "$r", "m.in_reply_to": {"event_id": "$e"}, "is_falling_back": True},
        {"m.in_reply_to": {"event_id": 1}},
        {"m.in_reply_to": "$e"},
        [],
    ],
)
def test_what_answers_nothing(client: Client, server: ScriptedHomeserver, relates_to: Any) -> None:
    assert client.replied_to(Event.from_dict(raw("$a", relates_to=relates_to))) is None
    assert server.seen == []
