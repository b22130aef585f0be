"""What people send, on a real Synapse, as the other side receives it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gomatrix_py import Client, Event, ImageInfo, UsageError
from gomatrix_py.errors import HTTPError
from gomatrix_py.events.contents.messages import RoomMessageFormatted, RoomMessageLocation
from gomatrix_py.events.contents.polls import PollStartContent
from gomatrix_py.events.contents.stickers import StickerContent
from gomatrix_py.send import Mentions, geo_uri, markdown_content, mention, mention_markdown, plain_text, sanitize_html

HTML = "org.matrix.custom.html"


def test_text_in_every_form(alice: Client, bob: Client, room_id: str) -> None:
    sent = [
        alice.send_text(room_id, "<b> & ü 🐍"),
        alice.send_notice(room_id, "beep"),
        alice.send_emote(room_id, "waves"),
        alice.send_html(room_id, "<p>one</p><script>x</script><ul><li>two</li></ul>"),
        alice.send_markdown(room_id, "**one**\n\n|a|\n|-|\n|b|"),
        alice.send_formatted_text(room_id, "one", "<b>one</b>"),
        alice.send_message(room_id, markdown_content("~~one~~", msgtype="m.notice"), extra={"com.example": [1]}),
    ]
    received = [bob.get_event(room_id, one.event_id) for one in sent]
    assert [event.message_type for event in received] == [
        *("m.text", "m.notice", "m.emote", "m.text", "m.text", "m.text", "m.notice"),
    ]
    assert [event.body for event in received[:4]] == ["<b> & ü 🐍", "beep", "waves", "one\n\n• two"]
    contents = [event.typed for event in received]
    assert all(isinstance(content, RoomMessageFormatted) and not content.problems for content in contents)
    assert [content.html for content in contents[3:] if isinstance(content, RoomMessageFormatted)] == [
        "<p>one</p><ul><li>two</li></ul>",
        "<p><strong>one</strong></p>\n<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n"
        "<tbody>\n<tr>\n<td>b</td>\n</tr>\n</tbody>\n</table>",
        "<b>one</b>",
        "<s>one</s>",
    ]
    assert received[-1].content["com.example"] == [1]
    assert all(event.content["m.mentions"] == {} for event in received)


def test_what_others_send_is_made_safe_to_show(alice: Client, bob: Client, room_id: str) -> None:
    evil = "<mx-reply>quoted</mx-reply><img src=x onerror=alert(1)><b>hello</b>\x1b[2J"
    sent = bob.send_formatted_text(room_id, "hello", evil)
    html = alice.get_event(room_id, sent.event_id).content["formatted_body"]
    assert html == evil
    assert sanitize_html(html).startswith("<img><b>hello</b>")
    assert plain_text(html) == "hello[2J"


def test_mentions_notify(alice: Client, bob: Client, room_id: str) -> None:
    by_html = alice.send_html(room_id, f"hi {mention(bob.user_id, 'Bob')}")
    by_markdown = alice.send_markdown(room_id, f"hi {mention_markdown(bob.user_id, 'Bob')}")
    by_list = alice.send_text(room_id, "hi", mentions=[bob.user_id])
    everybody = alice.send_text(room_id, "hi all", mentions=Mentions(room=True))
    alice.send_text(room_id, "@room hi", mentions=[])
    for one in (by_html, by_markdown, by_list):
        assert bob.get_event(room_id, one.event_id).content["m.mentions"] == {"user_ids": [bob.user_id]}
    assert bob.get_event(room_id, everybody.event_id).content["m.mentions"] == {"room": True}
    bob.sync_once()
    assert bob.load_room(room_id).highlight_count == 4


def test_answers_and_threads(alice: Client, bob: Client, room_id: str) -> None:
    root = bob.get_event(room_id, alice.send_text(room_id, "root").event_id)
    answer = alice.get_event(room_id, bob.reply(root, "yes").event_id)
    assert answer.relates_to == {"m.in_reply_to": {"event_id": root.event_id}}
    assert answer.content["m.mentions"] == {"user_ids": [alice.user_id]}
    replied_to = alice.replied_to(answer)
    assert replied_to is not None
    assert (replied_to.event_id, replied_to.body) == (root.event_id, "root")

    first = bob.send_text(room_id, "first", thread=root).event_id
    second = alice.send_notice(room_id, "second", thread=root.event_id).event_id
    inside = alice.get_event(room_id, first)
    third = alice.reply(inside, "third").event_id
    relations = [alice.get_event(room_id, one).relates_to for one in (first, second, third)]
    assert [(one["event_id"], one["m.in_reply_to"]["event_id"], one["is_falling_back"]) for one in relations] == [
        (root.event_id, root.event_id, True),
        (root.event_id, first, True),
        (root.event_id, first, False),
    ]
    with pytest.raises(HTTPError):  # the server knows that a thread cannot begin in a thread
        alice.send_text(room_id, "x", thread=second)


def test_edits(alice: Client, bob: Client, room_id: str) -> None:
    sent = alice.send_notice(room_id, f"hello {bob.user_id}", mentions=[bob.user_id]).event_id
    original = alice.get_event(room_id, sent)
    by_event = alice.edit(original, markdown_content(f"*new* {mention_markdown(bob.user_id)}", msgtype="m.notice"))
    edit = bob.get_event(room_id, by_event.event_id)
    assert edit.body is not None
    assert edit.body.startswith("* *new* ")
    assert edit.content["m.mentions"] == {}
    assert edit.content["m.new_content"]["m.mentions"] == {"user_ids": [bob.user_id]}
    alice.edit(sent, "newest", room_id=room_id)
    assert [one.content["m.new_content"]["body"] for one in bob.edits(sent, room_id=room_id)][1] == "newest"
    assert bob.latest_version(original).body == "newest"
    with pytest.raises(UsageError, match="only who sent"):
        bob.edit(original, "mine")


def test_edits_by_others_do_not_count(alice: Client, bob: Client, room_id: str) -> None:
    original = alice.get_event(room_id, alice.send_text(room_id, "mine").event_id)
    forged = {
        "msgtype": "m.text",
        "body": "* forged",
        "m.new_content": {"msgtype": "m.text", "body": "forged"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": original.event_id},
    }
    bob.send_message(room_id, forged)
    assert alice.edits(original) == []
    assert alice.latest_version(original).body == "mine"


def test_reactions(alice: Client, bob: Client, room_id: str) -> None:
    event = alice.get_event(room_id, alice.send_text(room_id, "hello").event_id)
    alice.react(event, "👍")
    bob.react(event, "👍")
    bob.react(event.event_id, "🎉", room_id=room_id)
    with pytest.raises(HTTPError, match="M_DUPLICATE_ANNOTATION"):
        bob.react(event, "🎉")
    found = {key: [one.sender for one in events] for key, events in alice.reactions(event).items()}
    assert found == {"👍": [alice.user_id, bob.user_id], "🎉": [bob.user_id]}
    assert len(bob.unreact(event, "🎉")) == 1
    assert bob.unreact(event, "🎉") == []
    assert list(alice.reactions(event)) == ["👍"]


def test_redactions(alice: Client, bob: Client, room_id: str) -> None:
    event = bob.get_event(room_id, bob.send_text(room_id, "oops").event_id)
    redaction = alice.redact(event, "spam").event_id
    left = bob.get_event(room_id, event.event_id)
    assert left.content == {}
    assert left.unsigned["redacted_because"]["event_id"] == redaction
    assert left.unsigned["redacted_because"]["content"]["reason"] == "spam"
    with pytest.raises(UsageError, match="redacted"):
        bob.edit(left, "x")


def test_places_and_stickers(alice: Client, bob: Client, room_id: str) -> None:
    uri = geo_uri(51.5008, 0.1247, uncertainty_m=35)
    place = bob.get_event(
        room_id, alice.send_location(room_id, uri, description="Home", asset="m.pin").event_id
    ).typed
    assert isinstance(place, RoomMessageLocation)
    assert (place.geo_uri, place.problems) == (uri, ())
    assert place.location is not None
    assert place.location.description == "Home"
    sent = alice.send_sticker(room_id, "a cat", "mxc://localhost/cat", ImageInfo(width=64, height=64))
    event = bob.get_event(room_id, sent.event_id)
    assert event.type == "m.sticker"
    assert isinstance(event.typed, StickerContent)
    assert (event.typed.mxc, event.typed.info.width) == ("mxc://localhost/cat", 64)


def test_a_poll(alice: Client, bob: Client, room_id: str, matrix_user: Callable[..., Client]) -> None:
    carol = matrix_user("carol")
    alice.invite_user(room_id, carol.user_id)
    carol.join_room(room_id)
    poll = bob.get_event(room_id, bob.start_poll(room_id, "Tea?", ["yes", "no"]).event_id)
    assert isinstance(poll.typed, PollStartContent)
    assert poll.typed.question == "Tea?"
    carol.vote_in_poll(poll, ["1"])
    alice.vote_in_poll(poll, ["1"])
    alice.vote_in_poll(poll.event_id, ["2"], room_id=room_id)
    carol.end_poll(poll)  # neither hers, nor has she the power to redact it
    results = alice.poll_results(poll)
    assert (results.counts, results.is_ended) == ({"1": 1, "2": 1}, False)
    bob.vote_in_poll(poll, ["2"])
    alice.end_poll(poll, "The poll has ended: no.")  # she made the room
    bob.vote_in_poll(poll, ["1"])
    results = bob.poll_results(poll.event_id, room_id=room_id)
    assert results.votes == {carol.user_id: ["1"], alice.user_id: ["2"], bob.user_id: ["2"]}
    assert [one.text for one in results.winners] == ["no"]
    assert results.end is not None
    assert results.end.sender == alice.user_id


def test_a_thread_as_an_object(alice: Client, bob: Client, room_id: str) -> None:
    root = alice.send_text(room_id, "root").event_id
    replies = [bob.send_text(room_id, f"reply {number}", thread=root).event_id for number in range(5)]
    bob.edit(bob.get_event(room_id, replies[1]), "edited")
    alice.edit(root, "the root", room_id=room_id)
    thread = alice.thread(room_id, root)
    assert (thread.root.body, thread.count, thread.has_participated) == ("the root", 5, True)
    assert thread.latest is not None
    assert thread.latest.event_id == replies[4]
    bodies = ["reply 0", "edited", "reply 2", "reply 3", "reply 4"]
    assert [event.body for event in thread.replies(page_size=2)] == bodies
    assert [event.body for event in thread.replies(newest_first=True, page_size=2)] == bodies[::-1]
    assert thread.participants() == [alice.user_id, bob.user_id]
    assert alice.thread(room_id, bob.get_event(room_id, replies[2])).root.event_id == root


def test_the_same_transaction_is_the_same_event(alice: Client, room_id: str) -> None:
    def twice(send: Callable[..., Any]) -> bool:
        first, second = (send(txn_id=f"txn-{id(send)}").event_id for _ in range(2))
        return bool(first == second)

    target = alice.send_text(room_id, "target").event_id
    assert twice(lambda **options: alice.send_markdown(room_id, "*x*", **options))
    assert twice(lambda **options: alice.edit(target, "x", room_id=room_id, **options))
    assert twice(lambda **options: alice.react(target, "👍", room_id=room_id, **options))
    assert twice(lambda **options: alice.redact(target, room_id=room_id, **options))


def test_what_is_received_can_be_answered(alice: Client, bob: Client, room_id: str) -> None:
    """An event from a sync says itself where it is."""
    alice.sync_once()
    bob.send_text(room_id, "ping")
    heard: list[Event] = []
    alice.syncer.on_event_type("m.room.message", heard.append)  # type: ignore[attr-defined]
    alice.sync_once()
    sent = alice.reply(heard[-1], "pong")
    assert bob.get_event(room_id, sent.event_id).relates_to == {"m.in_reply_to": {"event_id": heard[-1].event_id}}
