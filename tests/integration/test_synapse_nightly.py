"""The nightly example, run as its reader runs it: a plan first, and then for real."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gomatrix_py.errors import NotFound
from gomatrix_py.synapse import days_ago
from gomatrix_py.times import in_milliseconds
from tests.kit.example_scripts import credentials, run_script
from tests.kit.synapse_world import World, running_world

SCRIPT = "nightly_maintenance.py"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with running_world() as made:
        yield made


def test_the_plan_and_the_night(world: World) -> None:
    alice, settings = world.user("alice"), credentials(world.root)
    empty, lived_in = alice.create_room().room_id, alice.create_room(room_version="10").room_id
    alice.leave_room(empty)
    alice.send_state_event(lived_in, "m.room.power_levels", "", {"users": {}})
    world.admin.users.create_device(alice.user_id, "OLD")
    world.plant("UPDATE devices SET last_seen = ? WHERE device_id = 'OLD'", in_milliseconds(days_ago(400)))

    head, *plan = run_script(SCRIPT, settings=settings)
    assert head.startswith("Synapse 1.")
    assert head.endswith("a plan only")
    assert f"  1/1 planned: {alice.user_id}: OLD" in [line.rstrip() for line in plan]
    assert f"  1/1 planned: {empty}" in [line.rstrip() for line in plan]
    assert plan[-1] == f"nobody is in charge of {lived_in}"
    assert world.admin.rooms.get_room(empty).joined_members == 0
    assert world.admin.users.get_device(alice.user_id, "OLD").device_id == "OLD"

    night = run_script(SCRIPT, "--go", settings=settings)
    assert night.count("  1 done") == 3
    with pytest.raises(NotFound):
        world.admin.rooms.get_room(empty)
    with pytest.raises(NotFound):
        world.admin.users.get_device(alice.user_id, "OLD")
    assert run_script(SCRIPT, "--go", settings=settings).count("  nothing to do") == 2


def test_who_is_no_administrator_gets_an_error(world: World) -> None:
    with pytest.raises(AssertionError, match="M_FORBIDDEN"):
        run_script(SCRIPT, settings=credentials(world.user("alice")))
