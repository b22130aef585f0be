"""Messages as people send them: what leaves for the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gomatrix_py import Client, Event, ImageInfo, TextMessage, UsageError
from gomatrix_py.errors import Forbidden
from gomatrix_py.send import Mentions, markdown_content, mention, mention_markdown
from tests.kit.scripted_homeserver import ROOM, USER, Reply, ScriptedHomeserver

BOB = "@bob:scripted"
HTML = "org.matrix.custom.html"


def event(event_id: str, *, sender: str = BOB, room_id: str = ROOM, **content: Any) -> Event:
    """Return somebody's message."""
    return Event.from_dict(
        {
            "type": "m.room.message",
            "event_id": event_id,
            "room_id": room_id,
            "sender": sender,
            "content": {"msgtype": "m.text", "body": "x"} | content,
        }
    )


def sent(server: ScriptedHomeserver) -> dict[str, Any]:
    """Return the content of the last event that was sent."""
    content: dict[str, Any] = server.asked("/send/")[-1].json
    return content


SENDS: list[tuple[Callable[[Client], Any], str, dict[str, Any]]] = [
    (lambda one: one.send_emote(ROOM, "waves"), "m.room.message", {"msgtype": "m.emote", "body": "waves"}),
    (
        lambda one: one.send_html(ROOM, "<p>a</p><script>b</script>", msgtype="m.notice"),
        "m.room.message",
        {"msgtype": "m.notice", "body": "a", "format": HTML, "formatted_body": "<p>a</p>"},
    ),
    (
        lambda one: one.send_html(ROOM, "<b>a</b>", body="A"),
        "m.room.message",
        {"msgtype": "m.text", "body": "A", "format": HTML, "formatted_body": "<b>a</b>"},
    ),
    (
        lambda one: one.send_markdown(ROOM, "**a** <u>b</u>", allows_html=True, msgtype="m.emote"),
        "m.room.message",
        {
            "msgtype": "m.emote",
            "body": "**a** <u>b</u>",
            "format": HTML,
            "formatted_body": "<strong>a</strong> <u>b</u>",
        },
    ),
    (lambda one: one.send_markdown(ROOM, "a"), "m.room.message", {"msgtype": "m.text", "body": "a"}),
    (
        lambda one: one.send_sticker(ROOM, "cat", "mxc://a/b", ImageInfo(width=1)),
        "m.sticker",
        {"body": "cat", "url": "mxc://a/b", "info": {"w": 1}},
    ),
    (
        lambda one: one.send_location(ROOM, "geo:1,2", "here", asset="m.pin"),
        "m.room.message",
        {
            "msgtype": "m.location",
            "body": "here",
            "geo_uri": "geo:1,2",
            "org.matrix.msc1767.text": "here",
            "org.matrix.msc3488.location": {"uri": "geo:1,2"},
            "org.matrix.msc3488.asset": {"type": "m.pin"},
        },
    ),
    (
        lambda one: one.send_message(ROOM, {"x": 1}, event_type="com.example", extra={"y": 2}),
        "com.example",
        {"x": 1, "y": 2},
    ),
    (
        lambda one: one.send_message(ROOM, TextMessage("a"), extra={"body": "b"}),
        "m.room.message",
        {"msgtype": "m.text", "body": "b"},
    ),
]


@pytest.mark.parametrize(("send", "event_type", "content"), SENDS)
def test_what_is_sent(
    client: Client,
    server: ScriptedHomeserver,
    send: Callable[[Client], Any],
    event_type: str,
    content: dict[str, Any],
) -> None:
    assert send(client).event_id.startswith("$sent")
    assert sent(server) == content | {"m.mentions": {}}
    assert f"/rooms/{ROOM}/send/{event_type}/" in server.seen[-1].path


COMMON: list[Callable[..., Any]] = [
    lambda one, **options: one.send_text(ROOM, "a", **options),
    lambda one, **options: one.send_notice(ROOM, "a", **options),
    lambda one, **options: one.send_emote(ROOM, "a", **options),
    lambda one, **options: one.send_html(ROOM, "a", **options),
    lambda one, **options: one.send_markdown(ROOM, "a", **options),
    lambda one, **options: one.send_message(ROOM, TextMessage("a"), **options),
    lambda one, **options: one.send_location(ROOM, "geo:1,2", **options),
    lambda one, **options: one.send_sticker(ROOM, "a", "mxc://a/b", **options),
    lambda one, **options: one.start_poll(ROOM, "a", ["b"], **options),
]


@pytest.mark.parametrize("send", COMMON)
def test_the_options_that_are_common_to_all(
    client: Client, server: ScriptedHomeserver, send: Callable[..., Any]
) -> None:
    send(
        client,
        reply_to=event("$answered"),
        thread=event("$root"),
        mentions=["@carol:c"],
        txn_id="mine",
        extra={"com.example": 1},
    )
    content = sent(server)
    assert server.seen[-1].path.endswith("/mine")
    assert content["com.example"] == 1
    assert content["m.mentions"] == {"user_ids": ["@carol:c"]}
    assert content["m.relates_to"] == {
        "rel_type": "m.thread",
        "event_id": "$root",
        "m.in_reply_to": {"event_id": "$answered"},
        "is_falling_back": False,
    }


# ------------------------------------------------------------------ mentions


def test_mentions_are_filled_in(client: Client, server: ScriptedHomeserver) -> None:
    client.send_html(ROOM, f"{mention('@carol:c', 'Carol')} and {mention(USER)}", reply_to=event("$e"))
    assert sent(server)["m.mentions"] == {"user_ids": [BOB, "@carol:c"]}
    client.send_markdown(ROOM, f"hi {mention_markdown('@carol:c', 'Carol')}")
    assert sent(server)["m.mentions"] == {"user_ids": ["@carol:c"]}
    client.send_formatted_text(ROOM, "hi Carol", f"hi {mention('@carol:c', 'Carol')}")
    assert sent(server)["m.mentions"] == {"user_ids": ["@carol:c"]}


def test_everybody_is_notified_only_where_that_is_asked_for(client: Client, server: ScriptedHomeserver) -> None:
    client.send_text(ROOM, "@room look")
    assert sent(server)["m.mentions"] == {}
    client.send_text(ROOM, "@room look", mentions=Mentions(room=True))
    assert sent(server)["m.mentions"] == {"room": True}


def test_an_answer_can_be_silent(client: Client, server: ScriptedHomeserver) -> None:
    client.send_text(ROOM, "a", reply_to=event("$e"), mentions=[])
    assert sent(server)["m.mentions"] == {}
    client.send_text(ROOM, "a", reply_to=event("$e", sender=USER))
    assert sent(server)["m.mentions"] == {}


def test_a_content_may_bring_its_own_mentions(client: Client, server: ScriptedHomeserver) -> None:
    content = {"msgtype": "m.text", "body": "a", "m.mentions": {"user_ids": [BOB]}}
    client.send_message(ROOM, content)
    assert sent(server) == content
    client.send_message(ROOM, content, mentions=[])
    assert sent(server)["m.mentions"] == {}


def test_an_application_service_does_not_notify_the_user_it_acts_as(
    client: Client, server: ScriptedHomeserver
) -> None:
    client.app_service_user_id = BOB
    client.send_text(ROOM, "a", mentions=[BOB, USER])
    assert sent(server)["m.mentions"] == {"user_ids": [USER]}


# ------------------------------------------------------------------ threads


def relation(last: str) -> dict[str, Any]:
    """Return the relation of a message in the thread of $root."""
    return {"rel_type": "m.thread", "event_id": "$root", "m.in_reply_to": {"event_id": last}, "is_falling_back": True}


def test_the_last_event_of_a_thread_is_asked_for(client: Client, server: ScriptedHomeserver) -> None:
    last = event("$last").raw
    server.route("GET", "/relations/$root/m.thread", {"chunk": [last]})
    client.send_text(ROOM, "a", thread="$root")
    assert sent(server)["m.relates_to"] == relation("$last")
    assert server.asked("/relations/")[0].query == {"limit": "1"}


def test_a_thread_that_cannot_be_asked_about_keeps_no_message_back(
    client: Client, server: ScriptedHomeserver
) -> None:
    answers: list[Any] = [Reply(500, {}), Reply(404, {"errcode": "M_NOT_FOUND"}), {"chunk": []}, {"chunk": "x"}]
    for answer in answers:
        server.route("GET", "/relations/", answer)
        client.send_text(ROOM, "a", thread="$root")
        assert sent(server)["m.relates_to"] == relation("$root")
    assert len(server.asked("/relations/")) == 4


def test_an_event_says_itself_what_is_last_in_its_thread(client: Client, server: ScriptedHomeserver) -> None:
    relates_to: Any = {"m.relates_to": {"rel_type": "m.thread", "event_id": "$root"}}
    inside = event("$inside", **relates_to)
    client.send_text(ROOM, "a", thread=inside)
    assert sent(server)["m.relates_to"] == relation("$inside")
    client.send_text(ROOM, "a", thread=event("$root"))
    assert sent(server)["m.relates_to"] == relation("$root")
    assert server.asked("/relations/") == []


# ------------------------------------------------------------------ what is not sent


@pytest.mark.parametrize(
    "send",
    [
        lambda one: one.send_text(ROOM, "a", reply_to=event("$e", room_id="!other:r")),
        lambda one: one.send_text(ROOM, "a", thread=event("$e", room_id="!other:r")),
        lambda one: one.send_text(ROOM, "a", reply_to=""),
        lambda one: one.send_text(ROOM, "a", mentions="@a:b"),
        lambda one: one.send_text(ROOM, "a", mentions=["bob"]),
        lambda one: one.send_text(ROOM, "a", extra=["x"]),
        lambda one: one.send_message(ROOM, "a"),
        lambda one: one.send_html(ROOM, "a", msgtype="m.image"),
        lambda one: one.send_location(ROOM, "1,2"),
        lambda one: one.send_sticker(ROOM, "a", "https://a/b"),
        lambda one: one.start_poll(ROOM, "a", []),
        lambda one: one.send_text(ROOM, "x" * 65_000),
        lambda one: one.send_html(ROOM, "x" * 40_000),
        lambda one: one.react("$e", "x" * 65_000, room_id=ROOM),
        lambda one: one.edit("$e", "x" * 33_000, room_id=ROOM),
        lambda one: one.end_poll("$e", "x" * 65_000, room_id=ROOM),
    ],
)
def test_what_cannot_be_sent_is_not_tried(
    client: Client, server: ScriptedHomeserver, send: Callable[[Client], Any]
) -> None:
    with pytest.raises(UsageError):
        send(client)
    assert server.seen == []


def test_without_the_check_of_sizes_it_would_be_tried(
    client: Client, server: ScriptedHomeserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("sending", "outgoing"):
        monkeypatch.setattr(f"gomatrix_py.client.{place}.check_event_size", lambda *_: None, raising=False)
    client.send_text(ROOM, "x" * 65_000)
    assert len(server.asked("/send/")) == 1


def test_what_the_server_refuses_is_raised(client: Client, server: ScriptedHomeserver) -> None:
    server.route("PUT", "/send/", Reply(403, {"errcode": "M_FORBIDDEN", "error": "no"}))
    with pytest.raises(Forbidden):
        client.send_markdown(ROOM, "*a*")


def test_what_is_passed_stays_as_it_is(client: Client, server: ScriptedHomeserver) -> None:
    content, extra = {"msgtype": "m.text", "body": "a"}, {"x": 1}
    client.send_message(ROOM, content, extra=extra, reply_to="$e")
    assert (content, extra) == ({"msgtype": "m.text", "body": "a"}, {"x": 1})
    made = markdown_content("*a*")
    client.send_message(ROOM, made, reply_to="$e")
    assert (made.relates_to, made.mentions) == (None, None)
