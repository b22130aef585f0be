"""Answers, edits, reactions and redactions: what leaves for the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gomatrix_py import Client, Event, UsageError
from gomatrix_py.errors import NotFound
from gomatrix_py.send import Mentions, html_content, markdown_content, mention
from tests.kit.scripted_homeserver import ROOM, USER, Reply, ScriptedHomeserver

BOB, CAROL = "@bob:scripted", "@carol:scripted"


def event(event_id: str = "$e", *, sender: str = USER, content: Any = None, **further: Any) -> Event:
    """Return a message, ours where nothing else is said."""
    return Event.from_dict(
        {
            "type": "m.room.message",
            "event_id": event_id,
            "room_id": ROOM,
            "sender": sender,
            "content": {"msgtype": "m.text", "body": "x"} | (content or {}),
        }
        | further
    )


EDIT = event("$edit", content={"m.relates_to": {"rel_type": "m.replace", "event_id": "$e"}})
INSIDE = event("$inside", sender=BOB, content={"m.relates_to": {"rel_type": "m.thread", "event_id": "$root"}})


def sent(server: ScriptedHomeserver) -> dict[str, Any]:
    """Return the content of the last event that was sent."""
    content: dict[str, Any] = server.asked("/send/")[-1].json
    return content


# ------------------------------------------------------------------ answers


def test_an_answer(client: Client, server: ScriptedHomeserver) -> None:
    client.reply(event(sender=BOB), "yes", msgtype="m.notice", txn_id="mine", extra={"y": 1})
    assert sent(server) == {
        "msgtype": "m.notice",
        "body": "yes",
        "m.relates_to": {"m.in_reply_to": {"event_id": "$e"}},
        "m.mentions": {"user_ids": [BOB]},
        "y": 1,
    }
    assert server.seen[-1].path.endswith(f"/rooms/{ROOM}/send/m.room.message/mine")


def test_an_answer_with_markdown_to_an_id(client: Client, server: ScriptedHomeserver) -> None:
    client.reply("$e", markdown_content("*yes*"), room_id=ROOM)
    content = sent(server)
    assert content["formatted_body"] == "<em>yes</em>"
    assert (content["m.relates_to"], content["m.mentions"]) == ({"m.in_reply_to": {"event_id": "$e"}}, {})


def test_an_answer_in_a_thread_stays_there(client: Client, server: ScriptedHomeserver) -> None:
    client.reply(INSIDE, "yes")
    assert sent(server)["m.relates_to"] == {
        "rel_type": "m.thread",
        "event_id": "$root",
        "m.in_reply_to": {"event_id": "$inside"},
        "is_falling_back": False,
    }


# ------------------------------------------------------------------ edits


def test_an_edit(client: Client, server: ScriptedHomeserver) -> None:
    client.edit(event(content={"msgtype": "m.notice"}), "new", extra={"y": 1})
    new = {"msgtype": "m.notice", "body": "new", "m.mentions": {}, "y": 1}
    relation = {"rel_type": "m.replace", "event_id": "$e"}
    assert sent(server) == new | {"body": "* new", "m.new_content": new, "m.relates_to": relation}
    assert "/send/m.room.message/" in server.seen[-1].path


def test_an_edit_of_an_edit_goes_to_the_original(client: Client, server: ScriptedHomeserver) -> None:
    client.edit(EDIT, "new")
    assert sent(server)["m.relates_to"] == {"rel_type": "m.replace", "event_id": "$e"}


def test_an_edit_notifies_only_those_who_are_new(client: Client, server: ScriptedHomeserver) -> None:
    original = event(content={"m.mentions": {"user_ids": [BOB]}})
    client.edit(original, html_content(f"{mention(BOB)} {mention(CAROL)}"))
    content = sent(server)
    assert content["m.mentions"] == {"user_ids": [CAROL]}
    assert content["m.new_content"]["m.mentions"] == {"user_ids": [BOB, CAROL]}
    client.edit(original, "nobody", mentions=Mentions(room=True))
    content = sent(server)
    assert content["m.mentions"] == content["m.new_content"]["m.mentions"] == {"room": True}


def test_for_an_id_it_is_asked_who_was_mentioned(client: Client, server: ScriptedHomeserver) -> None:
    server.route("GET", "/event/$e", event(content={"m.mentions": {"user_ids": [BOB]}}).raw)
    client.edit("$e", "progress: 50%", room_id=ROOM)
    assert server.asked("/event/") == []
    client.edit("$e", "look", room_id=ROOM, mentions=[BOB, CAROL])
    assert len(server.asked("/event/")) == 1
    assert sent(server)["m.mentions"] == {"user_ids": [CAROL]}


def test_an_edit_of_what_is_no_text(client: Client, server: ScriptedHomeserver) -> None:
    poll = event(type="org.matrix.msc3381.poll.start")
    client.edit(poll, {"x": 1})
    assert "/send/org.matrix.msc3381.poll.start/" in server.seen[-1].path
    assert sent(server)["m.new_content"] == {"x": 1, "m.mentions": {}}
    client.edit("$e", {"x": 1}, room_id=ROOM, event_type="com.example")
    assert "/send/com.example/" in server.seen[-1].path
    client.edit(event(type="m.room.encrypted"), "secret")
    assert "/send/m.room.message/" in server.seen[-1].path


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (lambda one: one.edit(event(sender=BOB), "x"), "only who sent"),
        (lambda one: one.edit(event(state_key=""), "x"), "state"),
        (lambda one: one.edit(event(unsigned={"redacted_because": {}}), "x"), "redacted"),
        (lambda one: one.edit(event(type="m.sticker"), "x"), "whole content"),
        (lambda one: one.edit(event(content={"msgtype": "m.image"}), "x"), "whole content"),
        (lambda one: one.edit(event(content={"msgtype": 1}), "x"), "whole content"),
        (lambda one: one.edit(event(), ["x"]), "JSON object"),
        (lambda one: one.edit("$e", "x"), "room_id"),
        (lambda one: one.edit(event(), "x", room_id="!other:r"), "not in"),
    ],
)
def test_edits_that_would_not_count_are_not_sent(
    client: Client, server: ScriptedHomeserver, edit: Callable[[Client], Any], why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        edit(client)
    assert server.seen == []


def test_an_edit_by_id_of_what_is_not_ours_is_noticed(client: Client, server: ScriptedHomeserver) -> None:
    server.route("GET", "/event/$e", event(sender=BOB).raw)
    with pytest.raises(UsageError, match="only who sent"):
        client.edit("$e", "x", room_id=ROOM, mentions=[CAROL])
    assert server.asked("/send/") == []


# ------------------------------------------------------------------ reactions and redactions


def test_a_reaction(client: Client, server: ScriptedHomeserver) -> None:
    relation = {"rel_type": "m.annotation", "event_id": "$e", "key": "👍"}
    client.react(event(sender=BOB), "👍", extra={"shortcode": ":up:"}, txn_id="mine")
    assert sent(server) == {"m.relates_to": relation, "shortcode": ":up:"}
    assert server.seen[-1].path.endswith("/send/m.reaction/mine")
    client.react(EDIT, "👍")
    assert sent(server) == {"m.relates_to": relation}


def reaction(event_id: str, sender: str, key: str, **further: Any) -> dict[str, Any]:
    """Return a reaction as it comes from the server."""
    content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$e", "key": key}}
    return event(event_id, sender=sender, **further).raw | {"type": "m.reaction", "content": content}


def test_a_reaction_is_taken_back(client: Client, server: ScriptedHomeserver) -> None:
    chunk = [
        reaction("$1", BOB, "👍"),
        reaction("$2", USER, "👎"),
        reaction("$3", USER, "👍"),
        reaction("$4", USER, "👍", unsigned={"redacted_because": {}}),
    ]
    server.route("GET", "/relations/$e/m.annotation/m.reaction", {"chunk": chunk})
    server.route("PUT", "/redact/", {"event_id": "$redaction"})
    assert [one.event_id for one in client.unreact(event(), "👍")] == ["$redaction"]
    assert [one.path.split("/")[-2] for one in server.asked("/redact/")] == ["$3"]
    assert client.unreact(event(), "🎉") == []


def test_a_redaction(client: Client, server: ScriptedHomeserver) -> None:
    server.route("PUT", "/redact/", {"event_id": "$redaction"})
    assert client.redact(EDIT, "spam", txn_id="mine").event_id == "$redaction"
    assert server.seen[-1].path.endswith(f"/rooms/{ROOM}/redact/$edit/mine")
    assert server.seen[-1].json == {"reason": "spam"}
    client.redact("$e", room_id=ROOM)
    assert "/redact/$e/" in server.seen[-1].path


@pytest.mark.parametrize(
    "act",
    [
        lambda one: one.redact("$e"),
        lambda one: one.redact(event("")),
        lambda one: one.redact("", room_id=ROOM),
        lambda one: one.react("$e", "👍"),
        lambda one: one.react(event(), ""),
        lambda one: one.reply("$e", "x"),
        lambda one: one.reply(event(""), "x"),
        lambda one: one.unreact("$e", "👍"),
    ],
)
def test_what_cannot_be_done_is_not_tried(
    client: Client, server: ScriptedHomeserver, act: Callable[[Client], Any]
) -> None:
    with pytest.raises(UsageError):
        act(client)
    assert server.seen == []


# ------------------------------------------------------------------ polls


def test_a_poll_from_start_to_end(client: Client, server: ScriptedHomeserver) -> None:
    client.start_poll(ROOM, "Tea?", ["yes", "no"], max_selections=2, is_disclosed=False)
    started = sent(server)
    assert "/send/org.matrix.msc3381.poll.start/" in server.seen[-1].path
    assert started["org.matrix.msc3381.poll.start"]["kind"] == "org.matrix.msc3381.poll.undisclosed"
    poll = event("$poll", type="org.matrix.msc3381.poll.start", content=started)
    client.vote_in_poll(poll, ["2", "1"])
    reference = {"rel_type": "m.reference", "event_id": "$poll"}
    assert sent(server) == {"m.relates_to": reference, "org.matrix.msc3381.poll.response": {"answers": ["2", "1"]}}
    client.end_poll("$poll", room_id=ROOM, txn_id="mine")
    assert sent(server) == {
        "m.relates_to": reference,
        "org.matrix.msc1767.text": "The poll has ended.",
        "org.matrix.msc3381.poll.end": {},
    }
    assert server.seen[-1].path.endswith("/send/org.matrix.msc3381.poll.end/mine")
    with pytest.raises(UsageError, match="no answer"):
        client.vote_in_poll(poll, ["3"])


def test_an_event_that_is_not_there(client: Client, server: ScriptedHomeserver) -> None:
    server.route("GET", "/event/", Reply(404, {"errcode": "M_NOT_FOUND"}))
    with pytest.raises(NotFound):
        client.edit("$e", "x", room_id=ROOM, mentions=[BOB])
