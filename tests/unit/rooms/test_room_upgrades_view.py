"""Rooms that replace each other: only links that both sides state count."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.rooms.upgrades import MAX_UPGRADES, UpgradesView, current_version_of, first_version_of
from tests.kit.room_facts import FactsRoom, state

Rooms = dict[str, FactsRoom]


def room(room_id: str, before: str | None = None, after: str | None = None) -> FactsRoom:
    said: dict[str, Any] = {} if before is None else {"predecessor": {"room_id": before, "event_id": "$last"}}
    events = [state("m.room.create", sender="@admin:one.example", room_version="11", **said)]
    if after is not None:
        events.append(state("m.room.tombstone", sender="@admin:two.example", body="moved", replacement_room=after))
    return FactsRoom(*events, room_id=room_id)


def rooms(*links: tuple[str, str | None, str | None]) -> Rooms:
    return {room_id: room(room_id, before, after) for room_id, before, after in links}


def chain(length: int) -> Rooms:
    names = [None, *(f"!{number}:s" for number in range(length)), None]
    return rooms(*((names[at] or "", names[at - 1], names[at + 1]) for at in range(1, length + 1)))


def test_what_a_room_says_of_its_neighbours() -> None:
    one = room("!a:s", "!before:s", "!after:s")
    tombstone, stated = one.tombstone, one.stated_predecessor
    assert tombstone is not None
    assert (tombstone.body, tombstone.replacement_room_id, tombstone.via) == ("moved", "!after:s", ["two.example"])
    assert stated is not None
    assert (stated.room_id, stated.event_id, stated.via) == ("!before:s", "$last", ["one.example"])
    assert one.is_tombstoned
    new = room("!b:s")
    assert (new.tombstone, new.is_tombstoned, new.stated_predecessor) == (None, False, None)


@pytest.mark.parametrize("predecessor", [None, "!a:s", [], {}, {"room_id": 5}, {"room_id": ""}])
def test_a_strange_predecessor_is_none(predecessor: object) -> None:
    assert FactsRoom(state("m.room.create", predecessor=predecessor)).stated_predecessor is None


def test_a_strange_tombstone_is_one_without_a_room() -> None:
    strange = FactsRoom(state("m.room.tombstone", sender="nobody", body=5, replacement_room=["!a:s"]))
    tombstone = strange.tombstone
    assert tombstone is not None
    assert (tombstone.body, tombstone.replacement_room_id, tombstone.via) == ("", None, [])
    assert strange.successor(lambda _: room("!x:s")) is None


def test_links_that_both_state_are_followed() -> None:
    known = chain(4)
    assert known["!0:s"].successor(known.get) is known["!1:s"]
    assert known["!1:s"].predecessor(known.get) is known["!0:s"]
    assert current_version_of(known["!0:s"], known.get) is known["!3:s"]
    assert first_version_of(known["!3:s"], known.get) is known["!0:s"]
    assert current_version_of(known["!3:s"], known.get) is known["!3:s"]


def test_a_link_that_one_side_states_is_not_followed() -> None:
    known = rooms(("!old:s", None, "!victim:s"), ("!victim:s", None, None), ("!fake:s", "!victim:s", None))
    assert known["!old:s"].successor(known.get) is None
    assert known["!fake:s"].predecessor(known.get) is None
    assert current_version_of(known["!old:s"], known.get) is known["!old:s"]
    assert first_version_of(known["!fake:s"], known.get) is known["!fake:s"]


def test_a_one_sided_link_would_be_followed_without_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    known = rooms(("!old:s", None, "!victim:s"), ("!victim:s", None, None))

    def credulous(self: UpgradesView, lookup: object) -> UpgradesView | None:
        tombstone = self.tombstone
        return known.get(tombstone.replacement_room_id or "") if tombstone is not None else None

    monkeypatch.setattr(UpgradesView, "successor", credulous)
    assert current_version_of(known["!old:s"], known.get) is known["!victim:s"]


def test_loops_end() -> None:
    of_one = rooms(("!a:s", "!a:s", "!a:s"))
    assert current_version_of(of_one["!a:s"], of_one.get) is of_one["!a:s"]
    of_three = rooms(("!a:s", "!c:s", "!b:s"), ("!b:s", "!a:s", "!c:s"), ("!c:s", "!b:s", "!a:s"))
    assert current_version_of(of_three["!a:s"], of_three.get) is of_three["!c:s"]
    assert first_version_of(of_three["!a:s"], of_three.get) is of_three["!b:s"]


def test_a_long_chain_is_followed_fifty_times_at_most() -> None:
    known = chain(10_000)
    looked_up: list[str] = []

    def lookup(room_id: str) -> FactsRoom | None:
        looked_up.append(room_id)
        return known.get(room_id)

    assert current_version_of(known["!0:s"], lookup).id == f"!{MAX_UPGRADES}:s"
    assert len(looked_up) == MAX_UPGRADES == 50


def test_a_lookup_that_gives_another_room_is_not_believed() -> None:
    known = chain(2)
    assert known["!0:s"].successor(lambda _: room("!other:s", "!0:s")) is None
    assert known["!0:s"].successor(lambda _: None) is None
