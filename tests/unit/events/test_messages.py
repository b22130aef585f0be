"""Message contents: from and to the wire, and HTML with its plain form."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.codec import Document, structure, unstructure
from gomatrix_py.errors import DecodeError
from gomatrix_py.events import (
    AudioInfo,
    AudioMessage,
    FileInfo,
    FileMessage,
    HTMLMessage,
    ImageInfo,
    ImageMessage,
    LocationMessage,
    TagContent,
    TagProperties,
    TextMessage,
    ThumbnailInfo,
    VideoInfo,
    VideoMessage,
    get_html_message,
)

THUMBNAIL = ThumbnailInfo(48, 64, "image/png", 900)
THUMBNAIL_ON_THE_WIRE = {"h": 48, "w": 64, "mimetype": "image/png", "size": 900}
IMAGE = ImageInfo(480, 640, "image/png", 9000, THUMBNAIL, "mxc://s/t")
IMAGE_ON_THE_WIRE = {
    "h": 480,
    "w": 640,
    "mimetype": "image/png",
    "size": 9000,
    "thumbnail_info": THUMBNAIL_ON_THE_WIRE,
    "thumbnail_url": "mxc://s/t",
}
URL = {"body": "b", "url": "mxc://s/m"}

WHOLE: list[tuple[Document, dict[str, Any]]] = [
    (
        TextMessage("b", "m.notice", "<b>b</b>", "org.matrix.custom.html"),
        {"body": "b", "msgtype": "m.notice", "formatted_body": "<b>b</b>", "format": "org.matrix.custom.html"},
    ),
    (
        HTMLMessage("b", "<b>b</b>"),
        {"body": "b", "formatted_body": "<b>b</b>", "msgtype": "m.text", "format": "org.matrix.custom.html"},
    ),
    (ImageMessage("b", "mxc://s/m", IMAGE), {**URL, "msgtype": "m.image", "info": IMAGE_ON_THE_WIRE}),
    (
        VideoMessage("b", "mxc://s/m", VideoInfo("video/mp4", THUMBNAIL, "mxc://s/t", 480, 640, 5000, 90000)),
        {
            **URL,
            "msgtype": "m.video",
            "info": {
                "mimetype": "video/mp4",
                "thumbnail_info": THUMBNAIL_ON_THE_WIRE,
                "thumbnail_url": "mxc://s/t",
                "h": 480,
                "w": 640,
                "duration": 5000,
                "size": 90000,
            },
        },
    ),
    (
        AudioMessage("b", "mxc://s/m", AudioInfo("audio/ogg", 700, 5000)),
        {**URL, "msgtype": "m.audio", "info": {"mimetype": "audio/ogg", "size": 700, "duration": 5000}},
    ),
    (
        FileMessage("b", "mxc://s/m", "b.pdf", FileInfo("application/pdf", 700), "mxc://s/t", IMAGE),
        {
            **URL,
            "msgtype": "m.file",
            "filename": "b.pdf",
            "info": {"mimetype": "application/pdf", "size": 700},
            "thumbnail_url": "mxc://s/t",
            "thumbnail_info": IMAGE_ON_THE_WIRE,
        },
    ),
    (
        LocationMessage("b", "geo:1.5,2.5", "mxc://s/t", IMAGE),
        {
            "body": "b",
            "geo_uri": "geo:1.5,2.5",
            "msgtype": "m.location",
            "thumbnail_url": "mxc://s/t",
            "thumbnail_info": IMAGE_ON_THE_WIRE,
        },
    ),
    (
        TagContent({"m.favourite": TagProperties(0.25), "u.x": TagProperties()}),
        {"tags": {"m.favourite": {"order": 0.25}, "u.x": {}}},
    ),
]
LEAST: list[tuple[Document, dict[str, Any]]] = [
    (TextMessage("b"), {"body": "b", "msgtype": "m.text"}),
    (ImageMessage("b", "mxc://s/m"), {**URL, "msgtype": "m.image"}),
    (VideoMessage("b", "mxc://s/m"), {**URL, "msgtype": "m.video"}),
    (AudioMessage("b", "mxc://s/m"), {**URL, "msgtype": "m.audio"}),
    (FileMessage("b", "mxc://s/m"), {**URL, "msgtype": "m.file"}),
    (LocationMessage("b", "geo:1,2"), {"body": "b", "geo_uri": "geo:1,2", "msgtype": "m.location"}),
    (ThumbnailInfo(), {}),
    (ImageInfo(), {}),
    (VideoInfo(), {}),
    (AudioInfo(), {}),
    (FileInfo(), {}),
    (TagProperties(), {}),
    (TagContent(), {"tags": {}}),
]
PAIRS = [*WHOLE, *LEAST]
NAMES = [f"{type(message).__name__}-{'whole' if (message, wire) in WHOLE else 'least'}" for message, wire in PAIRS]


@pytest.mark.parametrize(("message", "wire"), PAIRS, ids=NAMES)
def test_a_content_goes_to_the_wire_and_back(message: Document, wire: dict[str, Any]) -> None:
    assert unstructure(message) == wire
    again = structure(wire, type(message))
    assert again == message
    assert again.problems == ()


@pytest.mark.parametrize(("message", "wire"), PAIRS, ids=NAMES)
def test_members_we_do_not_know_are_kept_and_written_back(message: Document, wire: dict[str, Any]) -> None:
    more = {**wire, "org.example.new": {"a": [None, 1]}, "m.mentions": {"user_ids": ["@a:b"]}}
    again = structure(more, type(message))
    assert again.extra == {"org.example.new": {"a": [None, 1]}, "m.mentions": {"user_ids": ["@a:b"]}}
    assert unstructure(again) == more


@pytest.mark.parametrize(("message", "wire"), PAIRS, ids=NAMES)
def test_null_is_as_good_as_missing_and_is_never_written(message: Document, wire: dict[str, Any]) -> None:
    required = {"body", "url", "geo_uri", "formatted_body"} if "body" in wire else set()
    nulls = {key: value if key in required or key in ("msgtype", "format") else None for key, value in wire.items()}
    again = structure(nulls, type(message))
    assert again.problems == ()
    assert None not in unstructure(again).values()


def test_a_nested_size_of_the_wrong_type_costs_only_itself() -> None:
    wire = {**URL, "info": {"h": "480", "w": 640, "thumbnail_info": {"size": [], "w": 1}, "mimetype": 5}}
    message = structure(wire, ImageMessage)
    assert message.info == ImageInfo(width=640, thumbnail_info=ThumbnailInfo(width=1))
    assert [problem.path for problem in message.problems] == ["info.h", "info.mimetype", "info.thumbnail_info.size"]


@pytest.mark.parametrize("kind", [ImageMessage, VideoMessage, AudioMessage, FileMessage])
def test_a_medium_without_its_address_is_refused(kind: type[Document]) -> None:
    with pytest.raises(DecodeError) as caught:
        structure({"body": "b"}, kind)
    assert caught.value.path == "url"


# ------------------------------------------------------------------ HTML


@pytest.mark.parametrize(
    ("html", "plain"),
    [
        ("<b>bold</b> move", "bold move"),
        ("no tags", "no tags"),
        ("", ""),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
        ("&quot;caf&eacute;&quot; &#128512;", '"café" 😀'),
        ("<a href='x'>link</a><br/>next", "linknext"),
        ("<p>line\nbreak</p>", "line\nbreak"),
        ("<b\n>x</b\n>", "x"),
        ("a < b", "a < b"),
        ("a < b > c", "a  c"),
        ("<<b>x", "<x"),
        ("a <> b", "a <> b"),
        ("&lt;b&gt;", "<b>"),
        ("<!-- hidden -->shown", "shown"),
    ],
)
def test_the_plain_form_of_html_has_no_tags(html: str, plain: str) -> None:
    message = get_html_message("m.notice", html)
    assert message == HTMLMessage(plain, html, "m.notice", "org.matrix.custom.html")


def test_html_goes_to_the_wire_as_gomatrix_sends_it() -> None:
    assert unstructure(get_html_message("m.text", "<i>hi</i>")) == {
        "msgtype": "m.text",
        "body": "hi",
        "format": "org.matrix.custom.html",
        "formatted_body": "<i>hi</i>",
    }


def test_html_full_of_opening_brackets_is_no_burden() -> None:
    """A pattern that tries each bracket to the end of the text would take hours here."""
    text = "<" * 1_000_000
    assert get_html_message("m.text", text).body == text
