"""T19: rooms go on while we are away; all of it arrives once and in order, or is reported as left out."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from gomatrix_py import Client, DefaultSyncer, Event, SQLiteStore
from gomatrix_py.testing import DevServer
from tests.faults.conftest import Rooms
from tests.kit.fault_mixes import of_size
from tests.kit.server_view import differences, texts

ROOMS, EVENTS = of_size(5, 20), of_size(60, 500)
SPEAKERS = 4


@attrs.frozen
class Absence:
    """A member of rooms who was away while others spoke.

    Attributes:
        client: theirs.
        heard: the texts its listener was told of, by room.
        said: what the server has of each room, asked by somebody else.
    """

    client: Client
    heard: dict[str, list[str]]
    said: dict[str, list[str]]


def speak(client: Client, room_ids: list[str], count: int) -> None:
    """Say numbers, several rooms at a time."""

    def work(first: int) -> None:
        for number in range(count):
            for room_id in room_ids[first::SPEAKERS]:
                client.send_text(room_id, str(number))

    threads = [threading.Thread(target=work, args=(first,)) for first in range(SPEAKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture
def away(server: DevServer, rooms: Rooms, tmp_path: Path) -> Callable[..., Absence]:
    def play(count: int = EVENTS, **options: Any) -> Absence:
        unique = uuid.uuid4().hex[:8]
        alice = server.register(f"alice-{unique}", "secret")
        room_ids = rooms(alice, ROOMS)
        syncer = DefaultSyncer(timeline_limit=10, **options)
        store = SQLiteStore(tmp_path / f"{unique}.db")
        bob = server.register(f"bob-{unique}", "secret", store=store, syncer=syncer)
        for room_id in room_ids:
            alice.invite_user(room_id, bob.user_id)
            bob.join_room(room_id)
        bob.sync_once()
        heard: dict[str, list[str]] = {room_id: [] for room_id in room_ids}

        def listen(event: Event) -> None:
            heard[event.room_id].append(str(event.body))

        syncer.on_event_type("m.room.message", listen)
        speak(alice, room_ids, count)
        bob.sync_once()
        return Absence(bob, heard, {room_id: texts(alice, room_id) for room_id in room_ids})

    return play


def test_with_filling_every_event_comes_once_and_in_order(away: Callable[..., Absence]) -> None:
    absence = away(fill_gaps=2 * EVENTS)
    for room_id, said in absence.said.items():
        assert differences(map(str, range(EVENTS)), said) == ""
        assert differences(said, absence.heard[room_id]) == ""
    assert absence.client.gaps() == []


def test_without_filling_each_gap_is_reported_and_can_be_filled_later(away: Callable[..., Absence]) -> None:
    absence = away()
    reported = absence.client.gaps()
    assert sorted(gap.room_id for gap in reported) == sorted(absence.said)
    for room_id, said in absence.said.items():
        assert absence.heard[room_id] == said[-10:]
    for gap in reported:
        filled = absence.client.fill_gap(gap)
        assert differences(absence.said[gap.room_id][:-10], [str(event.body) for event in filled]) == ""
    assert absence.client.gaps() == []


def test_the_control_a_filling_that_stops_early_is_found_out(
    away: Callable[..., Absence], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Client, "_fill_limited", lambda *_: None)
    absence = away(40, fill_gaps=100)
    lost = [room_id for room_id, said in absence.said.items() if differences(said, absence.heard[room_id])]
    assert len(lost) == ROOMS
