"""The views of a room against what a real homeserver says and does."""

from __future__ import annotations

import pytest

from gomatrix_py import Client
from gomatrix_py.client.room_handle import RoomHandle
from gomatrix_py.errors import Forbidden
from gomatrix_py.rooms.history import HistoricalState
from tests.kit.waiting import wait_until

LAZILY = {"lazy_load_members": True}


def rename(client: Client, room_id: str, name: str) -> None:
    """Change a display name, and wait until the room knows it."""
    client.set_display_name(name)
    wait_until(
        lambda: client.joined_members(room_id).joined[client.own_user_id()].display_name == name, "the new name"
    )


@pytest.mark.parametrize("lazily", [None, LAZILY])
def test_history_shows_senders_as_they_were(
    alice: Client, bob: Client, room_id: str, lazily: dict[str, bool] | None
) -> None:
    bob.send_text(room_id, "one")
    rename(alice, room_id, "Twin")
    rename(bob, room_id, "Twin")
    bob.send_text(room_id, "two")
    rename(bob, room_id, "Robert")
    alice.send_text(room_id, "three")
    bob.send_text(room_id, "four")
    alice.sync_once()
    then = HistoricalState(alice.room(room_id))
    names: dict[str, str] = {}
    token: str | None = None
    while "one" not in names:
        page = alice.messages(room_id, token, dir="b", limit=3, filter=lazily)
        walked = list(then.back(page.chunk, page.state))
        names |= {event.body: then.sender_name(event) for event in walked if event.body}
        token = page.end
    first = bob.own_user_id().partition(":")[0].removeprefix("@")
    assert names == {"four": "Robert", "three": "Twin", "two": f"Twin ({bob.own_user_id()})", "one": first}


@pytest.mark.parametrize("version", ["9", "11", "12"])
def test_what_we_may_do_is_what_the_server_lets_us_do(alice: Client, bob: Client, version: str) -> None:
    room_id = alice.create_room(preset="public_chat", room_version=version).room_id
    bob.join_room_by_id(room_id)
    alice.sync_once()
    bob.sync_once()
    hers, his = alice.room(room_id), bob.room(room_id)
    assert (
        hers.may_kick(alice.own_user_id(), bob.own_user_id()),
        his.may_kick(bob.own_user_id(), alice.own_user_id()),
    ) == (True, False)
    assert not his.may_send(bob.own_user_id(), "m.room.name")
    with pytest.raises(Forbidden):
        bob.send_state_event(room_id, "m.room.name", "", {"name": "his"})
    alice.send_state_event(room_id, "m.room.power_levels", "", raised(hers, bob.own_user_id(), 50))
    bob.sync_once()
    assert his.may_send(bob.own_user_id(), "m.room.name")
    bob.send_state_event(room_id, "m.room.name", "", {"name": "his"})
    assert not his.may_edit_levels(bob.own_user_id())
    with pytest.raises(Forbidden):
        bob.send_state_event(room_id, "m.room.power_levels", "", hers.power.raw | {"ban": 10})


def raised(room: RoomHandle, user_id: str, level: int) -> dict[str, object]:
    return room.edit_power_levels().with_user(user_id, level).content()
