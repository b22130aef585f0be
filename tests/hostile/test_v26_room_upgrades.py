"""V26: upgrades that lead in circles, on for ever, or to somebody else's room; nothing is joined or left for them.

The links themselves, and the control of a one-sided one, are in tests/unit/rooms/test_room_upgrades_view.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gomatrix_py import Client
from gomatrix_py.events import Event
from gomatrix_py.rooms import upgrades
from gomatrix_py.rooms.upgrades import MAX_UPGRADES
from tests.kit.scripted_client import make_client
from tests.kit.scripted_homeserver import USER, ScriptedHomeserver, state

CHAIN = 10_000
MINE = "!mine:scripted"


def room(before: str | None, after: str | None) -> dict[str, Any]:
    said = {} if before is None else {"predecessor": {"room_id": before, "event_id": "$last"}}
    events = [state("m.room.create", said), state("m.room.member", {"membership": "join"}, USER)]
    if after is not None:
        events.append(state("m.room.tombstone", {"body": "moved", "replacement_room": after}))
    return {"timeline": {"events": events}}


SELF_LOOP = {"!a:scripted": room("!a:scripted", "!a:scripted")}
CYCLE = {
    f"!{name}:scripted": room(f"!{before}:scripted", f"!{after}:scripted")
    for before, name, after in ("cab", "abc", "bca")
}
ONE_SIDED = {"!a:scripted": room(None, MINE), "!thief:scripted": room(MINE, None)}
LONG = {f"!{number}:scripted": room(f"!{number - 1}:scripted", f"!{number + 1}:scripted") for number in range(CHAIN)}
ATTACKS: dict[str, tuple[dict[str, Any], str, str]] = {
    "self-loop": (SELF_LOOP, "!a:scripted", "!a:scripted"),
    "cycle": (CYCLE, "!a:scripted", "!c:scripted"),
    "one-sided": (ONE_SIDED, "!a:scripted", "!a:scripted"),
    "10k chain": (LONG, "!0:scripted", f"!{MAX_UPGRADES}:scripted"),
}


@pytest.fixture
def server() -> Iterator[ScriptedHomeserver]:
    with ScriptedHomeserver() as server:
        yield server


@pytest.fixture
def client(server: ScriptedHomeserver) -> Iterator[Client]:
    with make_client(server) as client:
        yield client


def learn(server: ScriptedHomeserver, client: Client, rooms: dict[str, Any]) -> None:
    """Let the client sync rooms, beside one of its own that has nothing to do with them."""
    server.will_answer(
        {"next_batch": "s1"}, {"next_batch": "s2", "rooms": {"join": {**rooms, MINE: room(None, None)}}}
    )
    client.sync_once()
    client.sync_once()


def moved(server: ScriptedHomeserver) -> list[str]:
    """Return what was asked of the server that changes where somebody is."""
    return [one.path for one in server.seen if one.method != "GET" and not one.path.endswith("/filter")]


@pytest.mark.parametrize("attack", ATTACKS)
def test_they_end_and_nobody_goes_anywhere(attack: str, server: ScriptedHomeserver, client: Client) -> None:
    rooms, start, end = ATTACKS[attack]
    learn(server, client, rooms)
    steps: list[str] = []

    def lookup(room_id: str) -> Any:
        steps.append(room_id)
        return client.store.load_room(room_id)

    started = client.store.load_room(start)
    assert started is not None
    assert upgrades.current_version_of(started, lookup).id == end
    assert len(steps) <= MAX_UPGRADES
    assert moved(server) == []
    mine = client.store.load_room(MINE)
    assert mine is not None
    assert (mine.membership, mine.is_tombstoned, mine.successor(lookup)) == ("join", False, None)
    assert upgrades.first_version_of(mine, lookup) is mine
    assert set(client.rooms) >= {start, MINE}


@pytest.mark.parametrize("attack", ["cycle", "10k chain"])
def test_the_control_a_walk_without_bounds_does_not_end(
    attack: str, server: ScriptedHomeserver, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms, start, _ = ATTACKS[attack]
    learn(server, client, rooms)
    steps: list[str] = []

    def lookup(room_id: str) -> Any:
        steps.append(room_id)
        if len(steps) > 3 * MAX_UPGRADES:
            raise RecursionError("it goes on")
        return client.store.load_room(room_id)

    def walk(found: Any, step: Callable[[Any], Any]) -> Any:
        while (following := step(found)) is not None:
            found = following
        return found

    monkeypatch.setattr(upgrades, "_walk", walk)
    started = client.store.load_room(start)
    assert started is not None
    with pytest.raises(RecursionError):
        upgrades.current_version_of(started, lookup)


def test_the_control_a_bot_that_follows_every_link_is_seen_to(server: ScriptedHomeserver, client: Client) -> None:
    server.route("POST", "/join", {"room_id": MINE})

    def follow(event: Event) -> None:
        client.join_room(str(event.content["replacement_room"]))

    client.syncer.on_event_type("m.room.tombstone", follow)  # type: ignore[attr-defined]
    learn(server, client, ONE_SIDED)
    assert moved(server) != []
