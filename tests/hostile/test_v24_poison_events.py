"""V24: events with every field of every wrong type; the others are delivered, and the room can be looked at."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py.api.sync import SyncResponse
from gomatrix_py.codec import RawJSON, loads_tolerant
from gomatrix_py.events import Event
from gomatrix_py.events.skim import skim
from gomatrix_py.rooms import Room
from gomatrix_py.store import InMemoryStore, SQLiteStore, SyncStorer
from gomatrix_py.sync import DefaultSyncer, planner
from tests.kit.faultdb import faulty_sqlite
from tests.kit.stores import OWN, ROOM, room_of
from tests.kit.strategies import places, with_value

WRONG: tuple[Any, ...] = (None, True, 2**63, -(2**63) - 1, 1e300, "", "x" * 300, [], [None], {}, {"": []}, "\0", "..")
CONTENTS: dict[str, dict[str, Any]] = {
    "m.room.message": {"msgtype": "m.text", "body": "b", "m.relates_to": {"rel_type": "m.replace", "event_id": "$e"}},
    "m.room.member": {"membership": "join", "displayname": "A", "avatar_url": "mxc://a/b"},
    "m.room.power_levels": {"users": {"@a:b": 50}, "users_default": 0, "events": {"m.room.name": 50}, "ban": 50},
    "m.room.create": {"room_version": "12", "creator": "@a:b", "predecessor": {"room_id": "!o:b", "event_id": "$o"}},
    "m.room.name": {"name": "n"},
    "m.room.canonical_alias": {"alias": "#a:b", "alt_aliases": ["#c:d"]},
    "m.room.tombstone": {"body": "b", "replacement_room": "!n:b"},
    "m.room.join_rules": {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": "!a:b"}]},
    "m.space.child": {"via": ["a"], "order": "a", "suggested": True},
    "m.room.redaction": {"redacts": "$e", "reason": "r"},
    "m.room.encryption": {"algorithm": "m.megolm.v1.aes-sha2", "rotation_period_ms": 1, "rotation_period_msgs": 1},
    "m.reaction": {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$e", "key": "k"}},
}
NO_STATE = ("m.room.message", "m.room.redaction", "m.reaction")


def _malformed() -> Iterator[dict[str, Any]]:
    """Return every event there is with one of its values replaced by each of the wrong ones, or taken out."""
    number = 0
    for event_type, content in CONTENTS.items():
        sound = {
            "type": event_type,
            "sender": "@a:b",
            "event_id": "$",
            "origin_server_ts": 1,
            "content": content,
            "unsigned": {"age": 1, "transaction_id": "t", "prev_content": {}},
            **({} if event_type in NO_STATE else {"state_key": "" if event_type != "m.room.member" else "@a:b"}),
        }
        for place in places(sound)[1:]:
            for wrong in (*WRONG, ...):
                number += 1
                event = copy.deepcopy(sound)
                event["event_id"] = f"$m{number}"
                yield with_value(event, place, wrong)


MALFORMED = list(_malformed())


def _look_at(room: Room) -> None:
    """Use every public view of a room; none may raise."""
    for name in dir(type(room)):
        if not name.startswith("_") and isinstance(getattr(type(room), name), property):
            getattr(room, name)
    assert str(room.name or "") is not None


def _taken(store: SyncStorer, at_once: int = 50) -> tuple[list[str], list[str]]:
    """Sync all malformed events with a sound one behind each; return which sound ones were sent and were heard."""
    sent, heard = [], []
    syncer = DefaultSyncer(OWN, store)
    syncer.on_event_type("m.sound", lambda event: heard.append(event.event_id))
    syncer.on_event(_touch)
    for start in range(0, len(MALFORMED), at_once):
        timeline = []
        for number, event in enumerate(MALFORMED[start : start + at_once], start):
            sent.append(f"$sound{number}")
            timeline += [event, {"type": "m.sound", "event_id": sent[-1], "sender": "@a:b", "content": {}}]
        rooms = {"join": {ROOM: {"timeline": {"events": timeline}, "state": {"events": timeline[:20]}}}}
        body = json.dumps({"next_batch": f"s{start}", "rooms": rooms}).encode()
        syncer.process_response(SyncResponse.from_json(body), "s")
        assert store.load_next_batch(OWN) == f"s{start}"
        _look_at(room_of(store))
    return sent, heard


def _touch(event: Event) -> None:
    assert event.type is not None
    assert repr(event)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_what_is_malformed_keeps_nothing_else_back(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    assert len(MALFORMED) >= 200
    print(f"{len(MALFORMED)} events")
    if kind == "memory":
        sent, heard = _taken(InMemoryStore())
    else:
        with faulty_sqlite(), SQLiteStore(tmp_path / "store") as store:
            sent, heard = _taken(store)
        with SQLiteStore(tmp_path / "store") as store:
            _look_at(room_of(store))
    assert heard == sent


def test_the_control_a_reader_that_gives_up_on_a_list_loses_what_is_sound(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def all_or_nothing(array: bytes | RawJSON) -> Any:
        found = skim(array)
        return found if len(found) == len(loads_tolerant(bytes(array))) else []

    caplog.set_level("CRITICAL")
    monkeypatch.setattr(planner, "skim", all_or_nothing)
    sent, heard = _taken(InMemoryStore())
    assert len(heard) < len(sent)
