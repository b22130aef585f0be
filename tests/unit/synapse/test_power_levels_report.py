"""Who may do what: with and without power levels, with and without creators above them, and rooms that vanish."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.errors import Forbidden, NotFound
from gomatrix_py.synapse import RoomPower, SynapseAdmin, report_power_levels
from tests.kit.scripted_client import make_client
from tests.kit.scripted_homeserver import Reply, ScriptedHomeserver, Seen, state

ROOM = "!r:x"


def report(
    *events: dict[str, Any], version: str | None = "10", room_ids: tuple[str, ...] = (ROOM,)
) -> list[RoomPower]:
    """Return the report of rooms that all have this state."""
    with ScriptedHomeserver() as server, make_client(server) as client:
        server.route("GET", "/v1/rooms", {"rooms": [{"room_id": one, "version": version} for one in room_ids]})

        def answer(seen: Seen) -> Any:
            if "gone" in seen.path:
                return Reply(404, {"errcode": "M_NOT_FOUND", "error": "Room not found"})
            return {"state": [one for one in events if one["type"] == seen.query["type"]]}

        server.route("GET", "/state", answer)
        return list(report_power_levels(SynapseAdmin(client)))


LEVELS = state("m.room.power_levels", {"users": {"@a:x": 100, "@b:x": "50"}, "users_default": 5})
CREATION = state("m.room.create", {"additional_creators": ["@c:x", 3, "@bob:scripted"]})


def test_levels_by_user() -> None:
    (one,) = report(LEVELS, CREATION)
    assert (one.users, one.users_default, one.creators) == ({"@a:x": 100, "@b:x": 50}, 5, ())
    assert (one.level_of("@a:x"), one.level_of("@z:x")) == (100, 5)
    assert one.levels == LEVELS["content"]


def test_creators_are_above_all_levels() -> None:
    (one,) = report(LEVELS, CREATION, version="12")
    assert one.creators == ("@bob:scripted", "@c:x")
    assert one.level_of("@c:x") > 10**9
    assert one.level_of("@a:x") == 100


def test_without_levels_the_creator_alone_has_power() -> None:
    (one,) = report(CREATION)
    assert (one.levels, one.users, one.level_of("@z:x")) == ({}, {"@bob:scripted": 100}, 0)
    assert one.creators == ()  # of an older room: not above all levels


@pytest.mark.parametrize("content", [{}, {"users": 3}, {"users": {"@a:x": []}}, {"users_default": "high"}])
def test_levels_that_are_none_are_left_out(content: dict[str, Any]) -> None:
    (one,) = report(state("m.room.power_levels", content))
    assert (one.users, one.users_default) == ({}, 0)


@pytest.mark.parametrize("version", [None, "", "org.example.12", "²"])
def test_versions_that_are_no_number_have_no_creators(version: str | None) -> None:
    (one,) = report(LEVELS, CREATION, version=version)
    assert one.creators == ()


def test_a_room_that_vanished_is_left_out() -> None:
    found = report(LEVELS, room_ids=("!gone:x", ROOM, "!gone2:x"))
    assert [one.room.room_id for one in found] == [ROOM]


def test_other_refusals_end_the_report() -> None:
    with ScriptedHomeserver() as server, make_client(server) as client:
        server.route("GET", "/v1/rooms", {"rooms": [{"room_id": ROOM}]})
        server.route("GET", "/state", Reply(403, {"errcode": "M_FORBIDDEN", "error": "no"}))
        with pytest.raises(Forbidden):
            list(report_power_levels(SynapseAdmin(client)))
        server.route("GET", "/state", Reply(404, {"errcode": "M_NOT_FOUND", "error": "no"}))
        with pytest.raises(NotFound):
            SynapseAdmin(client).rooms.get_state(ROOM)
