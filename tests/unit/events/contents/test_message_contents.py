"""What a message says of itself: text, HTML, files, places, relations."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.codec import unstructure
from gomatrix_py.events import ImageInfo
from gomatrix_py.events.contents.encrypted_file import EncryptedFile
from gomatrix_py.events.contents.extensible import TextRepresentation, fallback_text, text_of
from gomatrix_py.events.contents.messages import (
    Mentions,
    RoomMessage,
    RoomMessageAudio,
    RoomMessageEmote,
    RoomMessageFile,
    RoomMessageImage,
    RoomMessageLocation,
    RoomMessageMedia,
    RoomMessageNotice,
    RoomMessageServerNotice,
    RoomMessageText,
    RoomMessageVideo,
)
from gomatrix_py.events.contents.relations import (
    InReplyTo,
    ReactionContent,
    RelatesTo,
    RelType,
    without_html_reply,
    without_quoted_reply,
)
from gomatrix_py.events.contents.stickers import StickerContent
from gomatrix_py.events.registry import parse_content
from tests.kit.event_facts import ENCRYPTED_FILE

HTML = "org.matrix.custom.html"
REPLY = {"m.in_reply_to": {"event_id": "$question"}}


def message(**content: Any) -> Any:
    return parse_content("m.room.message", {"msgtype": "m.text", "body": "b", **content}, is_state=False)


# ------------------------------------------------------------------ text


@pytest.mark.parametrize(
    ("cls", "msgtype"), [(RoomMessageText, "m.text"), (RoomMessageNotice, "m.notice"), (RoomMessageEmote, "m.emote")]
)
def test_text_is_made_as_it_is_read(cls: type[RoomMessageText], msgtype: str) -> None:
    made = cls("b", "<b>b</b>", HTML, mentions=Mentions(["@a:s"]), relates_to=RelatesTo(RelType.THREAD, "$root"))
    content = {
        "msgtype": msgtype,
        "body": "b",
        "formatted_body": "<b>b</b>",
        "format": HTML,
        "m.mentions": {"user_ids": ["@a:s"]},
        "m.relates_to": {"rel_type": "m.thread", "event_id": "$root"},
    }
    assert unstructure(made) == content
    assert message(**content) == made


def test_html_counts_only_in_the_known_format() -> None:
    assert message(formatted_body="<b>b</b>", format=HTML).html == "<b>b</b>"
    assert message(formatted_body="<b>b</b>", format="org.example").html is None
    assert message(formatted_body="<b>b</b>").html is None
    assert message(format=HTML).html is None


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("> <@a:s> question\n> more\n\nanswer\n> no quote", "answer\n> no quote"),
        ("> question\nanswer", "answer"),
        (">question\nanswer", ">question\nanswer"),
        ("answer", "answer"),
        ("", ""),
        ("> only a quote", ""),
        ("\nanswer", "\nanswer"),
    ],
)
def test_the_quotation_of_older_clients_is_taken_off(body: str, text: str) -> None:
    assert without_quoted_reply(body) == text
    assert message(body=body, **{"m.relates_to": REPLY}).text == text
    assert message(body=body).text == body  # a quotation in what is no reply is meant


@pytest.mark.parametrize(
    ("html", "rest"),
    [
        ("<mx-reply><blockquote>q</blockquote></mx-reply>a", "a"),
        ("<mx-reply>never ends", "<mx-reply>never ends"),
        ("a<mx-reply>q</mx-reply>", "a<mx-reply>q</mx-reply>"),
        ("", ""),
    ],
)
def test_the_quotation_in_html_is_taken_off(html: str, rest: str) -> None:
    assert without_html_reply(html) == rest
    assert message(formatted_body=html, format=HTML).html == rest


# ------------------------------------------------------------------ relations


def relation(**content: Any) -> RelatesTo:
    made = message(**{"m.relates_to": content}).relates_to
    assert isinstance(made, RelatesTo)
    return made


def test_each_relation_is_told_from_the_others() -> None:
    def seen(one: RelatesTo) -> list[str | None]:
        return [one.annotates, one.refers_to, one.replaces, one.thread_root, one.replies_to]

    for number, rel_type in enumerate(("m.annotation", "m.reference", "m.replace", "m.thread")):
        expected: list[str | None] = [None] * 5
        expected[number] = "$e"
        assert seen(relation(rel_type=rel_type, event_id="$e")) == expected
    assert seen(relation(rel_type="org.example", event_id="$e")) == [None] * 5
    assert seen(relation(event_id="$e")) == [None] * 5
    assert seen(relation(**REPLY)) == [None, None, None, None, "$question"]


def test_a_fallback_in_a_thread_is_no_reply() -> None:
    thread = {"rel_type": "m.thread", "event_id": "$root", **REPLY}
    assert relation(**thread, is_falling_back=True).replies_to is None
    assert relation(**thread).replies_to == "$question"
    assert relation(**REPLY, is_falling_back=True).replies_to == "$question"


@pytest.mark.parametrize("wrong", [5, [], "$e", {"m.in_reply_to": 5}, {"m.in_reply_to": {}}, {"rel_type": 5}])
def test_a_wrong_relation_leaves_the_message(wrong: Any) -> None:
    made = message(**{"m.relates_to": wrong})
    assert isinstance(made, RoomMessageText)
    assert made.problems
    assert made.relates_to is None or made.relates_to.replies_to is None


def test_an_edit() -> None:
    made = message(**{"m.new_content": {"body": "new"}, "m.relates_to": {"rel_type": "m.replace", "event_id": "$e"}})
    assert made.relates_to.replaces == "$e"
    assert made.new_content == {"body": "new"}


def test_a_reaction() -> None:
    content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$e", "key": "👍"}}
    made = parse_content("m.reaction", content, is_state=False)
    assert made == ReactionContent(RelatesTo(RelType.ANNOTATION, "$e", "👍"))
    assert isinstance(made, ReactionContent)
    assert (made.event_id, made.key) == ("$e", "👍")
    assert (ReactionContent().event_id, ReactionContent().key) == (None, None)
    assert ReactionContent(RelatesTo(in_reply_to=InReplyTo("$e"))).event_id is None


# ------------------------------------------------------------------ files


MEDIA: list[tuple[type[RoomMessageMedia], str]] = [
    (RoomMessageImage, "m.image"),
    (RoomMessageVideo, "m.video"),
    (RoomMessageAudio, "m.audio"),
    (RoomMessageFile, "m.file"),
]


@pytest.mark.parametrize(("cls", "msgtype"), MEDIA)
def test_a_file_is_encrypted_or_not(cls: type[RoomMessageMedia], msgtype: str) -> None:
    clear = message(msgtype=msgtype, url="mxc://s/clear")
    assert type(clear) is cls
    assert (clear.mxc, clear.is_encrypted) == ("mxc://s/clear", False)
    both = message(msgtype=msgtype, url="mxc://s/clear", file=ENCRYPTED_FILE)
    assert (both.mxc, both.is_encrypted) == (ENCRYPTED_FILE["url"], True)
    neither = message(msgtype=msgtype)
    assert (neither.mxc, neither.is_encrypted) == (None, False)


def test_a_file_is_made_as_it_is_read() -> None:
    made = RoomMessageImage("a.png", url="mxc://s/m", info=ImageInfo(1, 2, blurhash="L"))
    assert unstructure(made) == {
        "msgtype": "m.image",
        "body": "a.png",
        "url": "mxc://s/m",
        "info": {"h": 1, "w": 2, "xyz.amorgan.blurhash": "L"},
    }
    assert message(**unstructure(made)) == made


@pytest.mark.parametrize(
    ("content", "caption", "filename"),
    [
        ({"body": "a.png"}, None, "a.png"),
        ({"body": "a.png", "filename": "a.png"}, None, "a.png"),
        ({"body": "look", "filename": "a.png"}, "look", "a.png"),
        ({"body": "look", "filename": ""}, "look", ""),
        ({"body": "x", "filename": "../../etc/x"}, "x", "../../etc/x"),
    ],
)
def test_captions_and_names(content: dict[str, Any], caption: str | None, filename: str) -> None:
    made = message(msgtype="m.image", **content)
    assert (made.caption, made.display_filename) == (caption, filename)


@pytest.mark.parametrize("missing", ["url", "key", "iv", "hashes", "v"])
def test_a_file_that_cannot_be_decrypted_is_left_out(missing: str) -> None:
    file = {name: value for name, value in ENCRYPTED_FILE.items() if name != missing}
    made = message(msgtype="m.file", file=file)
    assert made.file is None
    assert [problem.path for problem in made.problems] == [f"file.{missing}"]


def test_thumbnails_are_encrypted_too() -> None:
    made = message(msgtype="m.video", info={"thumbnail_file": ENCRYPTED_FILE})
    assert isinstance(made.info.thumbnail_file, EncryptedFile)


def test_a_voice_message() -> None:
    sound = message(msgtype="m.audio")
    voice = message(
        msgtype="m.audio",
        **{"org.matrix.msc3245.voice": {}, "org.matrix.msc1767.audio": {"duration": 1500, "waveform": [0, 256]}},
    )
    assert (sound.is_voice, voice.is_voice) == (False, True)
    assert (voice.audio_details.duration, voice.audio_details.waveform) == (1500, [0, 256])


def test_a_sticker() -> None:
    made = parse_content("m.sticker", {"body": "b", "info": {}, "file": ENCRYPTED_FILE}, is_state=False)
    assert isinstance(made, StickerContent)
    assert made.mxc == ENCRYPTED_FILE["url"]
    assert StickerContent("b", ImageInfo(), "mxc://s/m").mxc == "mxc://s/m"


# ------------------------------------------------------------------ places, notices


def test_a_place() -> None:
    made = RoomMessageLocation("here", geo_uri="geo:51.5,0.1")
    assert unstructure(made) == {"msgtype": "m.location", "body": "here", "geo_uri": "geo:51.5,0.1"}
    blocks = {
        "org.matrix.msc3488.location": {"uri": "geo:51.5,0.1", "description": "Us", "zoom_level": 15},
        "org.matrix.msc3488.asset": {"type": "m.self"},
        "org.matrix.msc3488.ts": 5,
    }
    read = message(msgtype="m.location", geo_uri="geo:1,1", **blocks)
    assert (read.location.description, read.asset.type, read.ts) == ("Us", "m.self", 5)


STABLE = ("m.location", "m.asset", "m.ts", "m.text")
UNSTABLE = (
    "org.matrix.msc3488.location",
    "org.matrix.msc3488.asset",
    "org.matrix.msc3488.ts",
    "org.matrix.msc1767.text",
)


@pytest.mark.parametrize(("event_type", "names"), [("m.location", STABLE), ("org.matrix.msc3488.location", UNSTABLE)])
def test_a_place_of_its_own(event_type: str, names: tuple[str, ...]) -> None:
    content = dict(zip(names, ({"uri": "geo:1,2"}, {"type": "m.pin"}, 7, "there"), strict=True))
    made: Any = parse_content(event_type, content, is_state=False)
    assert (made.location.uri, made.asset.type, made.ts, made.text) == ("geo:1,2", "m.pin", 7, "there")
    assert unstructure(made) == content


@pytest.mark.parametrize(
    ("event_type", "names"),
    [
        ("m.voice", ("m.file", "m.audio_details", "m.text")),
        (
            "org.matrix.msc3245.voice.v2",
            ("org.matrix.msc1767.file", "org.matrix.msc1767.audio_details", "org.matrix.msc1767.text"),
        ),
    ],
)
def test_a_voice_message_of_its_own(event_type: str, names: tuple[str, ...]) -> None:
    content = dict(zip(names, ({"url": "mxc://s/m"}, {"duration": 9}, [{"body": "hum"}]), strict=True))
    made: Any = parse_content(event_type, content, is_state=False)
    assert (made.file.url, made.audio_details.duration, text_of(made.text)) == ("mxc://s/m", 9, "hum")
    assert unstructure(made) == content


def test_a_server_notice() -> None:
    made = RoomMessageServerNotice("full", server_notice_type="m.server_notice.usage_limit_reached")
    assert unstructure(made)["msgtype"] == "m.server_notice"
    assert isinstance(message(**unstructure(made)), RoomMessageServerNotice)


# ------------------------------------------------------------------ blocks

FORMS = [{"body": "<b>x</b>", "mimetype": "text/html"}, {"body": "x"}]


def test_a_text_in_forms() -> None:
    forms = [TextRepresentation("<b>x</b>", "text/html"), TextRepresentation("x"), TextRepresentation("y")]
    assert text_of(forms) == "x"
    assert text_of(forms, "text/html") == "<b>x</b>"
    assert text_of(forms, "text/markdown") is None
    assert text_of("x") == "x"
    assert text_of("x", "text/html") is None
    assert text_of(None) is None


@pytest.mark.parametrize(
    ("content", "plain", "html"),
    [
        ({"m.text": FORMS}, "x", "<b>x</b>"),
        ({"org.matrix.msc1767.text": "x"}, "x", None),
        ({"m.text": "x", "body": "y"}, "x", None),
        ({"org.matrix.msc1767.message": FORMS}, "x", "<b>x</b>"),
        ({"body": "y", "formatted_body": "<b>y</b>"}, "y", None),
        ({"m.text": [{"body": 5}, {"no": "body"}, 5, {"body": "x"}]}, "x", None),
        ({"m.text": 5, "body": "y"}, "y", None),
        ({"m.text": [], "body": "y"}, "y", None),
        ({"m.text": None, "body": 5}, None, None),
        ({}, None, None),
    ],
)
def test_a_text_for_those_who_do_not_know_the_type(content: Any, plain: str | None, html: str | None) -> None:
    assert fallback_text(content) == plain
    assert fallback_text(content, "text/html") == html


@pytest.mark.parametrize("name", ["m.message", "org.matrix.msc1767.message"])
def test_a_message_of_text_and_nothing_else(name: str) -> None:
    block = {"m.message": "m.text"}.get(name, "org.matrix.msc1767.text")
    made: Any = parse_content(name, {block: FORMS}, is_state=False)
    assert text_of(made.text) == "x"
    assert unstructure(made) == {block: FORMS}


def test_an_unknown_msgtype_keeps_all() -> None:
    made = message(msgtype="org.example", extra={"x": 1})
    assert type(made) is RoomMessage
    assert made.extra == {"extra": {"x": 1}}
