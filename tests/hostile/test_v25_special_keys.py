"""V25: what a server calls its types, keys and members names nothing in Python: they are texts, and stay texts."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

import gomatrix_py.synapse  # noqa: F401 - for its operations
from gomatrix_py import DefaultSyncer, InMemoryStore, SQLiteStore
from gomatrix_py.api.sync import SyncResponse
from gomatrix_py.codec import structure
from gomatrix_py.errors import DecodeError
from gomatrix_py.events import Event
from gomatrix_py.http.endpoint import Endpoint, Response
from gomatrix_py.rooms import Room
from gomatrix_py.store import SyncStorer
from tests.kit.stores import OWN, ROOM, room_of

SPECIAL = [
    *("__class__", "__dict__", "__proto__", "__init__", "__slots__", "__reduce__", "__globals__", "constructor"),
    *("prototype", "toString", "hasOwnProperty", "{0.__init__}", "{0.__init__.__globals__}", "{}", "{0}", "%s"),
    *("%(secret)s", "%n%n%n", "${jndi:ldap://x}", "$where", "self", "cls", "raw", "extra", "type", "content", "json"),
    *("from_json", "is_state", "room_id", "store", "source", "' OR 1=1 --", "\0", "a\0b", "", "..", "\n", "keys"),
    *("items", "get", "pop", "update", "None", "True", "lambda: 0", "__import__('os')", "eval", "exec"),
]
KINDS: tuple[type, ...] = (Event, Room, dict, SyncResponse)


def shapes() -> list[Any]:
    """Return what the classes are that a key could change."""
    return [sorted((name, id(member)) for name, member in vars(kind).items()) for kind in KINDS]


def events() -> list[dict[str, Any]]:
    planted = {key: {key: "planted"} for key in SPECIAL}
    made = []
    for number, key in enumerate(SPECIAL):
        common = {"sender": f"@{number}:s", "content": {**planted, "body": key}, "unsigned": planted, **planted}
        made.append({**common, "type": key, "event_id": f"$message{number}", "content": {"body": key, **planted}})
        named = {**common, "type": "m.room.message", "event_id": f"$named{number}", "content": {key: key}}
        made.append(named)
        made.append({**named, "type": key, "state_key": key, "event_id": f"$state{number}"})
        made.append({**named, "type": "m.room.member", "state_key": f"@{key}:s", "event_id": f"$member{number}"})
    return made


def heard_by_a_listener(store: SyncStorer) -> list[tuple[str, Any]]:
    """Sync all of it, look at it in every way, and return type and content of what was heard."""
    heard: list[tuple[str, Any]] = []
    log = logging.getLogger("gomatrix_py.test")

    def listen(event: Event) -> None:
        log.warning("%s %r", event, event)
        for key in SPECIAL:
            assert event.content.get(key) is None or isinstance(event.content[key], (str, dict))
        heard.append((event.type, event.content))

    syncer = DefaultSyncer(OWN, store)
    syncer.on_event(listen)
    for key in SPECIAL:
        syncer.on_event_type(key, lambda event: heard.append(("by type", event.type)))
    of_room = {
        "timeline": {"events": events()},
        "account_data": {"events": [{"type": key, "content": {key: key}} for key in SPECIAL]},
        "summary": {key: key for key in SPECIAL},
        "unread_thread_notifications": {key: {key: 1} for key in SPECIAL},
    }
    answer = {
        "next_batch": "s1",
        "rooms": {"join": {ROOM: of_room}},
        **{key: key for key in SPECIAL if key != "store"},
    }
    syncer.process_response(SyncResponse.from_json(json.dumps(answer).encode()), "s0")
    room = room_of(store)
    for key in SPECIAL:
        if key:
            assert room.get_state_event(key, key) is not None, key
            assert store.load_account_data(key, ROOM) is not None
    for name in dir(type(room)):
        if not name.startswith("_") and isinstance(getattr(type(room), name), property):
            getattr(room, name)
    return heard


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_they_are_delivered_as_texts_and_change_nothing(kind: str, tmp_path: Path) -> None:
    before = shapes()
    with SQLiteStore(tmp_path / "store") as file:
        heard = heard_by_a_listener(InMemoryStore() if kind == "memory" else file)
    assert shapes() == before
    wanted = {event["type"] for event in events() if event["type"]}
    assert {name for name, _ in heard} >= wanted
    assert all(type(content) in (dict, str) for _, content in heard)


def _answers(kind: type[Endpoint[Any]]) -> set[Any]:
    found = {kind.ANSWER} if isinstance(kind.ANSWER, type) and issubclass(kind.ANSWER, Response) else set()
    return found.union(*(_answers(one) for one in kind.__subclasses__()))


def test_no_answer_lets_a_server_name_an_attribute() -> None:
    """Whatever is no declared member stays in `raw` and `extra`, by its name."""
    read = 0
    for answer in sorted(_answers(Endpoint), key=lambda one: one.__qualname__):
        declared = {name for one in answer.__mro__ for name in getattr(one, "__annotations__", {})}
        try:
            value: Any = structure(dict.fromkeys(SPECIAL, "planted"), answer)
        except DecodeError:
            continue
        read += 1
        assert type(value) is answer
        assert not isinstance(value.raw, str)
        named = set(getattr(value, "__dict__", ())) - declared
        assert not named & set(SPECIAL), answer
    assert read >= 40


def test_the_control_attributes_that_a_server_names_are_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain = Event.from_json.__func__  # type: ignore[attr-defined]

    def careless(cls: type[Event], *args: Any, **more: Any) -> Event:
        event: Event = plain(cls, *args, **more)
        for key, value in event.content.items():
            setattr(event.content, key, value)
        return event

    monkeypatch.setattr(Event, "from_json", classmethod(careless))
    with pytest.raises((AttributeError, TypeError, AssertionError)):
        heard_by_a_listener(InMemoryStore())
