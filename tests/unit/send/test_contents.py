"""Contents made from what people write."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.codec import unstructure
from gomatrix_py.errors import UsageError
from gomatrix_py.events import ImageInfo, TextMessage
from gomatrix_py.events.contents.messages import RoomMessageNotice, RoomMessageText
from gomatrix_py.send import (
    Mentions,
    html_content,
    markdown_content,
    reaction_content,
    sticker_content,
    text_content,
)
from gomatrix_py.send.contents import as_object, edit_content, html_of

HTML = "org.matrix.custom.html"
MADE: list[tuple[Any, dict[str, Any]]] = [
    (text_content("<b>"), {"msgtype": "m.text", "body": "<b>"}),
    (text_content("x", msgtype="m.emote"), {"msgtype": "m.emote", "body": "x"}),
    (
        html_content("<b>x</b><br>y<script>z</script>", msgtype="m.notice"),
        {"msgtype": "m.notice", "body": "x\ny", "format": HTML, "formatted_body": "<b>x</b><br>y"},
    ),
    (
        html_content("<b>x</b>", body="mine"),
        {"msgtype": "m.text", "body": "mine", "format": HTML, "formatted_body": "<b>x</b>"},
    ),
    (
        markdown_content("**x**"),
        {"msgtype": "m.text", "body": "**x**", "format": HTML, "formatted_body": "<strong>x</strong>"},
    ),
    (
        markdown_content("a\\*b"),
        {"msgtype": "m.text", "body": "a\\*b", "format": HTML, "formatted_body": "a*b"},
    ),
    (markdown_content('x & y <z> "it\'s"'), {"msgtype": "m.text", "body": 'x & y <z> "it\'s"'}),
    (markdown_content("just words"), {"msgtype": "m.text", "body": "just words"}),
    (
        markdown_content("<u>x</u>", allows_html=True, msgtype="m.emote"),
        {"msgtype": "m.emote", "body": "<u>x</u>", "format": HTML, "formatted_body": "<u>x</u>"},
    ),
    (reaction_content("$e", "👍"), {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$e", "key": "👍"}}),
    (sticker_content("a cat", "mxc://a/b"), {"body": "a cat", "url": "mxc://a/b", "info": {}}),
    (
        sticker_content("a cat", "mxc://a/b", ImageInfo(height=1, width=2)),
        {"body": "a cat", "url": "mxc://a/b", "info": {"h": 1, "w": 2}},
    ),
]


@pytest.mark.parametrize(("made", "expected"), MADE)
def test_contents(made: Any, expected: dict[str, Any]) -> None:
    assert unstructure(made) == expected


def test_texts_have_the_class_of_their_kind() -> None:
    assert isinstance(text_content("x"), RoomMessageText)
    assert isinstance(markdown_content("*x*", msgtype="m.notice"), RoomMessageNotice)


def test_contents_that_cannot_be() -> None:
    for make in (text_content, html_content, markdown_content):
        with pytest.raises(UsageError, match="not a kind of text"):
            make("x", msgtype="m.image")
    with pytest.raises(UsageError):
        sticker_content("x", "https://a.example/b")
    with pytest.raises(UsageError, match="JSON object"):
        as_object(["x"])


@pytest.mark.parametrize(
    ("content", "html"),
    [
        ({"format": HTML, "formatted_body": "<b onclick=x>y</b>"}, "<b>y</b>"),
        ({"format": "other", "formatted_body": "<b>y</b>"}, ""),
        ({"format": HTML, "formatted_body": 1}, ""),
        ({}, ""),
    ],
)
def test_the_html_of_a_content(content: dict[str, Any], html: str) -> None:
    assert html_of(content) == html


def test_an_edit() -> None:
    new = as_object(markdown_content("*x*")) | {
        "m.mentions": {"user_ids": ["@a:b", "@c:d"]},
        "m.relates_to": {"m.in_reply_to": {"event_id": "$old"}},
    }
    made = edit_content("$e", new, Mentions(["@c:d"]))
    assert made == {
        "msgtype": "m.text",
        "body": "* *x*",
        "format": HTML,
        "formatted_body": "* <em>x</em>",
        "m.mentions": {"user_ids": ["@c:d"]},
        "m.new_content": {
            "msgtype": "m.text",
            "body": "*x*",
            "format": HTML,
            "formatted_body": "<em>x</em>",
            "m.mentions": {"user_ids": ["@a:b", "@c:d"]},
        },
        "m.relates_to": {"rel_type": "m.replace", "event_id": "$e"},
    }
    assert "m.relates_to" in new  # what was passed stays as it is


def test_an_edit_of_what_has_no_body() -> None:
    made = edit_content("$e", {"body": 1, "x": "y"}, Mentions())
    assert made["m.new_content"] == {"body": 1, "x": "y"}
    assert (made["body"], made["m.mentions"]) == (1, {})


def test_a_content_is_copied() -> None:
    content = {"body": "x"}
    as_object(content)["body"] = "y"
    assert content == {"body": "x"}
    assert as_object(TextMessage("x")) == {"msgtype": "m.text", "body": "x"}
