"""Events on a real homeserver: every kind of message, state with odd keys, redaction, reading back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gomatrix_py import (
    AudioInfo,
    AudioMessage,
    Client,
    FileInfo,
    FileMessage,
    HTMLMessage,
    ImageInfo,
    ImageMessage,
    LocationMessage,
    TextMessage,
    ThumbnailInfo,
    UsageError,
    VideoInfo,
    VideoMessage,
    get_html_message,
)
from gomatrix_py.api.room_events import SendMessageEvent
from gomatrix_py.codec import Document
from gomatrix_py.errors import Forbidden, HTTPError, NotFound, TooLarge

MXC = "mxc://localhost/abc"
HTML = "org.matrix.custom.html"
ODD_CHARACTERS = ["/", "a/b", "?", "#", "%", "%2F", "ü☕", "a b", "+&=;", "\\", "'\"", "...", "\u0000"]
STATE_KEYS = ["", "plain", "x" * 255, *ODD_CHARACTERS]
INFO = {"h": 10, "w": 20, "mimetype": "image/png", "size": 300}

MESSAGES: list[tuple[Any, dict[str, Any]]] = [
    (TextMessage("hi"), {"msgtype": "m.text", "body": "hi"}),
    (TextMessage("waves", "m.emote"), {"msgtype": "m.emote", "body": "waves"}),
    (
        HTMLMessage("hi", "<b>hi</b>"),
        {"msgtype": "m.text", "body": "hi", "format": HTML, "formatted_body": "<b>hi</b>"},
    ),
    (
        get_html_message("m.notice", "<b>5 &lt; 6</b>"),
        {"msgtype": "m.notice", "body": "5 < 6", "format": HTML, "formatted_body": "<b>5 &lt; 6</b>"},
    ),
    (
        ImageMessage("a cat", MXC, ImageInfo(10, 20, "image/png", 300, ThumbnailInfo(1, 2, "image/png", 3), MXC)),
        {
            "msgtype": "m.image",
            "body": "a cat",
            "url": MXC,
            "info": {
                **INFO,
                "thumbnail_info": {"h": 1, "w": 2, "mimetype": "image/png", "size": 3},
                "thumbnail_url": MXC,
            },
        },
    ),
    (
        VideoMessage("a film", MXC, VideoInfo("video/mp4", None, None, 10, 20, 5000, 300)),
        {
            "msgtype": "m.video",
            "body": "a film",
            "url": MXC,
            "info": {"mimetype": "video/mp4", "h": 10, "w": 20, "duration": 5000, "size": 300},
        },
    ),
    (
        AudioMessage("a song", MXC, AudioInfo("audio/ogg", 300, 5000)),
        {
            "msgtype": "m.audio",
            "body": "a song",
            "url": MXC,
            "info": {"mimetype": "audio/ogg", "size": 300, "duration": 5000},
        },
    ),
    (
        FileMessage("a file", MXC, "a.pdf", FileInfo("application/pdf", 300)),
        {
            "msgtype": "m.file",
            "body": "a file",
            "url": MXC,
            "filename": "a.pdf",
            "info": {"mimetype": "application/pdf", "size": 300},
        },
    ),
    (
        LocationMessage("here", "geo:51.5,-0.1"),
        {"msgtype": "m.location", "body": "here", "geo_uri": "geo:51.5,-0.1"},
    ),
    ({"msgtype": "m.text", "body": "ü☕\u0000\n", "com.example": [1, None, {"a": True}]},) * 2,
]


@pytest.mark.parametrize(("content", "arrives"), MESSAGES, ids=lambda value: type(value).__name__)
def test_every_message_class_arrives_as_meant(
    alice: Client, bob: Client, room_id: str, content: Any, arrives: dict[str, Any]
) -> None:
    event_id = alice.send_message_event(room_id, "m.room.message", content).event_id
    event = bob.get_event(room_id, event_id)
    assert event.content == arrives
    assert (event.event_id, event.sender, event.room_id) == (event_id, alice.user_id, room_id)
    assert event.state_key is None
    assert event.sent_at is not None


def test_the_short_ways_to_send(alice: Client, bob: Client, room_id: str) -> None:
    sent = [
        alice.send_text(room_id, "text"),
        alice.send_notice(room_id, "notice"),
        alice.send_formatted_text(room_id, "plain", "<i>rich</i>"),
        alice.send_image(room_id, "image", MXC),
        alice.send_video(room_id, "video", MXC),
    ]
    arrived = [bob.get_event(room_id, one.event_id) for one in sent]
    assert [(event.message_type, event.body) for event in arrived] == [
        ("m.text", "text"),
        ("m.notice", "notice"),
        ("m.text", "plain"),
        ("m.image", "image"),
        ("m.video", "video"),
    ]
    assert arrived[2].content["formatted_body"] == "<i>rich</i>"
    assert {event.content.get("url") for event in arrived[3:]} == {MXC}


def test_one_transaction_id_is_one_event(alice: Client, room_id: str) -> None:
    first = alice.send_message_event(room_id, "m.room.message", TextMessage("once"), txn_id="txn-1")
    again = alice.send_message_event(room_id, "m.room.message", TextMessage("once"), txn_id="txn-1")
    other = alice.send_message_event(room_id, "m.room.message", TextMessage("once"))  # the control
    assert first.event_id == again.event_id != other.event_id
    bodies = [event.body for event in alice.messages(room_id, limit=50).chunk if event.body == "once"]
    assert len(bodies) == 2


def test_the_sending_device_sees_its_transaction_id(alice: Client, room_id: str) -> None:
    event_id = alice.send_message_event(room_id, "m.room.message", TextMessage("mine"), txn_id="txn-2").event_id
    assert alice.get_event(room_id, event_id).transaction_id == "txn-2"


@pytest.mark.parametrize("event_type", ["com.example.plain", "m.a/b", "a?b", "a#b", "a%2Fb", "ü☕ &="])
def test_every_event_type_arrives(alice: Client, room_id: str, event_type: str) -> None:
    event_id = alice.send_message_event(room_id, event_type, {"n": 1}).event_id
    event = alice.get_event(room_id, event_id)
    assert (event.type, event.content) == (event_type, {"n": 1})


@pytest.mark.parametrize("state_key", STATE_KEYS)
def test_every_state_key_is_its_own_piece_of_state(alice: Client, room_id: str, state_key: str) -> None:
    event_id = alice.send_state_event(room_id, "com.example.key", state_key, {"is": state_key}).event_id
    assert alice.state_event(room_id, "com.example.key", state_key) == {"is": state_key}
    assert alice.get_state_content(room_id, "com.example.key", state_key) == {"is": state_key}
    event = alice.get_event(room_id, event_id)
    assert (event.type, event.state_key, event.is_state) == ("com.example.key", state_key, True)


@pytest.mark.parametrize("state_key", [".", "..", "x" * 256, "ü" * 128])
def test_state_keys_that_cannot_be_sent_are_refused_before_any_byte(
    alice: Client, room_id: str, state_key: str
) -> None:
    sent: list[Any] = []
    alice.on_request(sent.append)
    with pytest.raises(UsageError):
        alice.send_state_event(room_id, "com.example.key", state_key, {})
    with pytest.raises(UsageError):
        alice.state_event(room_id, "com.example.key", state_key)
    assert sent == []


def test_a_whole_state_event_can_be_asked_for(alice: Client, room_id: str) -> None:
    event = alice.get_state_content(room_id, "m.room.name", format="event")
    assert (event["type"], event["sender"], event["content"]["name"]) == ("m.room.name", alice.user_id, "Wonderland")


def test_state_that_is_not_there_is_not_found(alice: Client, room_id: str) -> None:
    with pytest.raises(NotFound):
        alice.state_event(room_id, "com.example.none")


def test_state_as_a_class_of_ones_own(alice: Client, room_id: str) -> None:
    """gomatrix's StateEvent example: the content goes into a class the caller has."""

    class Name(Document):
        name: str

    assert alice.state_event(room_id, "m.room.name", response_type=Name).name == "Wonderland"


def test_the_whole_state(alice: Client, bob: Client, room_id: str) -> None:
    state = {(event.type, event.state_key) for event in bob.get_room_state(room_id)}
    members = {("m.room.member", alice.user_id), ("m.room.member", bob.user_id)}
    assert members | {("m.room.create", ""), ("m.room.power_levels", ""), ("m.room.name", "")} <= state


def test_a_redaction_strips_the_content(alice: Client, bob: Client, room_id: str) -> None:
    event_id = alice.send_text(room_id, "a secret").event_id
    redaction = alice.redact_event(room_id, event_id, "told by mistake", txn_id="redact-1")
    assert alice.redact_event(room_id, event_id, "told by mistake", txn_id="redact-1").event_id == redaction.event_id
    stripped = bob.get_event(room_id, event_id)
    assert stripped.content == {}
    assert stripped.unsigned["redacted_because"]["content"]["reason"] == "told by mistake"
    assert bob.get_event(room_id, redaction.event_id).redacts == event_id


def test_others_events_are_not_ours_to_redact(alice: Client, bob: Client, room_id: str) -> None:
    event_id = alice.send_text(room_id, "mine").event_id
    with pytest.raises(Forbidden):
        bob.redact_event(room_id, event_id)


def test_an_unknown_event_is_not_found(alice: Client, room_id: str) -> None:
    with pytest.raises(NotFound):
        alice.get_event(room_id, "$nosuchevent")


def test_what_is_too_large_is_an_error_of_its_own(alice: Client, room_id: str) -> None:
    with pytest.raises(UsageError, match="bytes long"):
        alice.send_text(room_id, "x" * 70_000)
    with pytest.raises(TooLarge):  # what the server says of it, where nobody looked before
        alice.call(SendMessageEvent(room_id, "m.room.message", "txn", TextMessage("x" * 70_000)))


def test_what_canonical_json_forbids_is_refused_by_the_server(alice: Client, room_id: str) -> None:
    for number in (1.5, 2**53):
        with pytest.raises(HTTPError) as failure:
            alice.send_message_event(room_id, "com.example.number", {"n": number})
        assert (failure.value.code, failure.value.errcode) == (400, "M_BAD_JSON")


def test_what_is_no_json_is_refused_before_any_byte(alice: Client, room_id: str) -> None:
    sent: list[Any] = []
    alice.on_request(sent.append)
    for content in ({"n": float("nan")}, {"n": object()}, {"n": "\ud800"}):
        with pytest.raises(UsageError):
            alice.send_message_event(room_id, "com.example", content)
    assert sent == []


def test_many_threads_send_on_one_client_each_event_once(alice: Client, bob: Client, room_id: str) -> None:
    threads, each = 10, 6
    start = threading.Barrier(threads)

    def send(thread: int) -> list[str]:
        start.wait(10)
        return [alice.send_text(room_id, f"{thread}-{number}").event_id for number in range(each)]

    with ThreadPoolExecutor(threads) as pool:
        sent = [event_id for ids in pool.map(send, range(threads)) for event_id in ids]
    assert len(set(sent)) == threads * each
    page = bob.messages(room_id, dir="b", limit=200)
    arrived = [event for event in page.chunk if event.type == "m.room.message"]
    assert sorted(event.event_id for event in arrived) == sorted(sent)
    expected = sorted(f"{thread}-{number}" for thread in range(threads) for number in range(each))
    assert sorted(str(event.body) for event in arrived) == expected
