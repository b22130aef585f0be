"""Listeners bound to classes of contents: who is told of what, and what is journalled for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gomatrix_py import DefaultSyncer, Event, EventSource, InMemoryStore, SyncResponse
from gomatrix_py.codec import Document
from gomatrix_py.errors import UsageError
from gomatrix_py.events import registry
from gomatrix_py.events.contents.members import RoomMemberContent
from gomatrix_py.events.contents.messages import (
    RoomMessage,
    RoomMessageImage,
    RoomMessageMedia,
    RoomMessageNotice,
    RoomMessageText,
)
from gomatrix_py.events.contents.redaction import RedactedContent
from gomatrix_py.events.contents.room_state import RoomNameContent, RoomTopicContent
from gomatrix_py.events.contents.secret_storage import SecretStorageKeyContent
from gomatrix_py.events.messages import TextMessage
from gomatrix_py.events.registry import BadContent, UnknownContent, register_content
from gomatrix_py.store import SyncBatch
from gomatrix_py.sync.listeners import ContentClasses, Listeners
from tests.kit.recorder import Recorder
from tests.kit.scripted_homeserver import ROOM, USER, joined, message, state, sync_answer

TIMELINE, ACCOUNT_DATA = EventSource.TIMELINE, EventSource.ACCOUNT_DATA


class Temperature(Document):
    """A content of one's own."""

    celsius: int


@pytest.fixture
def own_class(monkeypatch: pytest.MonkeyPatch) -> type[Temperature]:
    """`Temperature`, registered for one test."""
    monkeypatch.setattr(registry, "_registered", {})
    return register_content(Temperature, "org.example.temperature")


def typed(event_id: str, msgtype: str, **content: Any) -> dict[str, Any]:
    return {**message(event_id), "content": {"msgtype": msgtype, "body": event_id, **content}}


TIMELINE_EVENTS = [
    typed("$text", "m.text"),
    typed("$notice", "m.notice"),
    typed("$image", "m.image", url="mxc://x/y"),
    typed("$own-kind", "org.example.kind"),
    {**message("$bad"), "content": {"msgtype": "m.text"}},
    {**message("$redacted"), "content": {}, "unsigned": {"redacted_because": {"type": "m.room.redaction"}}},
    state("m.room.name", {"name": "x"}, event_id="$name"),
    state("m.room.topic", {"topic": "x"}, event_id="$topic"),
    {**message("$unknown"), "type": "org.example.unheard_of", "content": {"a": 1}},
    {**message("$warm"), "type": "org.example.temperature", "content": {"celsius": 21}},
    state("m.room.message", {"body": "x", "msgtype": "m.text"}, event_id="$message-as-state"),
]


def told(content_class: ContentClasses) -> list[str]:
    """Return which events a listener bound to a class hears of."""
    syncer, heard = DefaultSyncer(USER, InMemoryStore()), Recorder()
    syncer.on_event(content_class, heard)
    body = json.dumps(sync_answer("s2", joined(*TIMELINE_EVENTS))).encode()
    syncer.process_response(SyncResponse.from_json(body), "s1")
    classes = content_class if isinstance(content_class, tuple) else (content_class,)
    assert all(isinstance(event.typed, classes) for event in heard.events)
    return heard.ids


@pytest.mark.parametrize(
    ("content_class", "ids"),
    [
        (RoomMessageText, ["$text"]),
        (RoomMessageNotice, ["$notice"]),
        (RoomMessageMedia, ["$image"]),
        (RoomMessageImage, ["$image"]),
        (RoomMessage, ["$text", "$notice", "$image", "$own-kind"]),
        (RoomNameContent, ["$name"]),
        ((RoomNameContent, RoomTopicContent), ["$name", "$topic"]),
        ((RoomMessage, RoomMessageText), ["$text", "$notice", "$image", "$own-kind"]),
        (BadContent, ["$bad"]),
        (RedactedContent, ["$redacted"]),
        (UnknownContent, ["$unknown", "$message-as-state"]),
        ((BadContent, UnknownContent, RoomNameContent), ["$bad", "$name", "$unknown", "$message-as-state"]),
    ],
)
def test_a_class_stands_for_itself_and_those_below_it(
    own_class: type[Temperature], content_class: ContentClasses, ids: list[str]
) -> None:
    assert told(content_class) == ids


def test_every_document_is_nearly_everything(own_class: type[Temperature]) -> None:
    not_documents = {"$bad", "$unknown", "$message-as-state"}
    assert told(Document) == [one["event_id"] for one in TIMELINE_EVENTS if one["event_id"] not in not_documents]


def test_a_class_of_ones_own(own_class: type[Temperature]) -> None:
    assert told(own_class) == ["$warm"]


def test_without_its_class_a_type_of_ones_own_is_unknown() -> None:
    """The control for the one before."""
    assert told(UnknownContent) == ["$unknown", "$warm", "$message-as-state"]


# ------------------------------------------------------------------ how they are bound


def test_as_a_decorator_and_removed_again() -> None:
    syncer = DefaultSyncer(USER)
    heard: list[str] = []

    @syncer.on_event(RoomMessageText)
    def text(event: Event) -> None:
        assert isinstance(event.typed, RoomMessageText)
        heard.append(event.typed.body)

    @syncer.on_event((RoomMessageNotice, RoomMessageImage))
    def other(event: Event) -> None:
        heard.append(f"other {event.event_id}")

    for number in range(2):
        body = sync_answer(f"s{number + 2}", joined(typed(f"$t{number}", "m.text"), typed(f"$n{number}", "m.notice")))
        syncer.process_response(SyncResponse.from_json(json.dumps(body).encode()), f"s{number + 1}")
        syncer.remove_listener(text)
    assert heard == ["$t0", "other $n0", "other $n1"]


def test_a_listener_alone_still_hears_of_everything() -> None:
    syncer, heard, decorated = DefaultSyncer(USER), Recorder(), Recorder()
    assert syncer.on_event(heard) is heard
    assert syncer.on_event()(decorated) is decorated
    syncer.process_response(
        SyncResponse.from_json(json.dumps(sync_answer("s2", joined(*TIMELINE_EVENTS))).encode()), "s1"
    )
    assert heard.ids == decorated.ids == [one["event_id"] for one in TIMELINE_EVENTS]


def test_by_source_and_class() -> None:
    syncer, states, timelines, both = DefaultSyncer(USER), Recorder(), Recorder(), Recorder()
    syncer.on_source(EventSource.STATE, states, content_class=RoomNameContent)
    syncer.on_source(TIMELINE, content_class=RoomNameContent)(timelines)
    syncer.on_source(TIMELINE, both, event_type="m.room.name", content_class=RoomMessage)
    room = joined(
        state("m.room.name", {"name": "new"}, event_id="$new"),
        message("$1"),
        state={"events": [state("m.room.name", {"name": "old"}, event_id="$old"), state("m.room.topic", {})]},
    )
    syncer.process_response(SyncResponse.from_json(json.dumps(sync_answer("s2", room)).encode()), "s1")
    assert (states.ids, timelines.ids, both.ids) == (["$old"], ["$new"], [])


@pytest.mark.parametrize("content_class", [TextMessage, Temperature])
def test_a_class_that_no_event_is_read_as_is_refused(content_class: type[Document]) -> None:
    with pytest.raises(UsageError, match=content_class.__name__):
        DefaultSyncer(USER).on_event(content_class, Recorder())


@pytest.mark.parametrize("content_class", [int, (RoomMessageText, int), "m.room.message", ()])
def test_what_is_no_class_of_contents_is_refused(content_class: Any) -> None:
    with pytest.raises(UsageError, match="no class of contents"):
        DefaultSyncer(USER).on_event(content_class, Recorder())
    with pytest.raises(UsageError, match="no class of contents"):
        DefaultSyncer(USER).on_source(TIMELINE, Recorder(), content_class=content_class)


# ------------------------------------------------------------------ what is journalled for them


def test_only_types_that_may_be_wanted_are_journalled() -> None:
    journalled: list[list[str]] = []

    class Watched(InMemoryStore):
        def commit_sync(self, batch: SyncBatch) -> Any:
            journalled.append([row.event_id for row in batch.inbox])
            return super().commit_sync(batch)

    syncer = DefaultSyncer(USER, Watched())
    syncer.on_event(RoomMessageText, Recorder())
    body = json.dumps(sync_answer("s2", joined(*TIMELINE_EVENTS))).encode()
    syncer.process_response(SyncResponse.from_json(body), "s1")
    of_messages = [one["event_id"] for one in TIMELINE_EVENTS if one["type"] == "m.room.message"]
    assert journalled == [of_messages]
    assert syncer.store is not None
    assert not syncer.store.undelivered()  # type: ignore[attr-defined]


def test_state_is_not_looked_at_for_classes_of_other_types() -> None:
    listeners = Listeners()
    listeners.add(Recorder(), None, None, (RoomMemberContent, RoomMessage))
    listeners.add(Recorder(), None, None, SecretStorageKeyContent)
    assert not listeners.may_want(TIMELINE, b'[{"type":"m.room.name"}]')
    assert listeners.may_want(TIMELINE, b'[{"type":"m.room.member"}]')
    assert listeners.may_want(ACCOUNT_DATA, b'[{"type":"m.secret_storage.key.abc"}]')
    listeners.add(Recorder(), None, TIMELINE, UnknownContent)
    assert listeners.may_want(TIMELINE, b'[{"type":"m.room.name"}]')
    assert not listeners.may_want(ACCOUNT_DATA, b'[{"type":"m.room.name"}]')


def test_types_that_end_in_an_id_are_found_by_their_beginning() -> None:
    syncer, heard = DefaultSyncer(USER, InMemoryStore()), Recorder()
    syncer.on_event(SecretStorageKeyContent, heard)
    key = {"type": "m.secret_storage.key.abc", "content": {"algorithm": "m.secret_storage.v1.aes-hmac-sha2"}}
    body = sync_answer("s2", account_data={"events": [key, {"type": "m.secret_storage.default_key", "content": {}}]})
    syncer.process_response(SyncResponse.from_json(json.dumps(body).encode()), "s1")
    assert [event.type for event in heard.events] == ["m.secret_storage.key.abc"]


@pytest.mark.parametrize(
    ("wanted", "array", "may"),
    [
        ("m.room.message", rb'["caf\u00e9 \ud83d\ude00"]', False),  # escapes of what stands in no wanted type
        ("m.room.message", rb'["m.room.\u006dessage"]', True),
        ("m.room.message", rb'["m\/x"]', True),
        ("m.caf\u00e9", rb'["caf\u00e9"]', True),  # one that does stand there
    ],
)
def test_only_escapes_that_could_spell_a_type_count(wanted: str, array: bytes, may: bool) -> None:
    listeners = Listeners()
    listeners.add(Recorder(), wanted, None)
    assert listeners.may_want(TIMELINE, array) is may


def test_contents_are_not_read_where_no_class_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(event: Event) -> Any:
        raise AssertionError("nobody asked for it")

    syncer, heard = DefaultSyncer(USER), Recorder()
    syncer.on_event_type("m.room.message", heard)
    body = json.dumps({"next_batch": "s2", "rooms": {"join": {ROOM: joined(message("$1"))}}}).encode()
    monkeypatch.setattr(Event, "typed", property(never))
    syncer.process_response(SyncResponse.from_json(body), "s1")
    assert heard.ids == ["$1"]
    syncer.on_event(RoomMessage, heard)
    with pytest.raises(AssertionError, match="nobody asked"):  # the control
        syncer.process_response(SyncResponse.from_json(body.replace(b"$1", b"$2")), "s2")
