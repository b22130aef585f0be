"""`admin.rooms` on a real Synapse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

import pytest

from gomatrix_py import Client
from gomatrix_py.errors import Forbidden, HTTPError, NotFound, ServerError, TaskFailed, UsageError
from gomatrix_py.synapse.removals import (
    DeleteRoom,
    DeleteRoomNow,
    GetPurgeStatus,
    GetRoomDeletion,
    ListRoomDeletions,
    PurgeHistory,
)
from gomatrix_py.synapse.room_records import (
    AddUserToRoom,
    BlockRoom,
    DeleteForwardExtremities,
    FetchEvent,
    FindEventAtTime,
    GetBlockStatus,
    GetEventContext,
    GetForwardExtremities,
    GetHierarchy,
    GetRoom,
    GetRoomMessages,
    GetRoomState,
    ListRoomMembers,
    ListRooms,
    MakeRoomAdmin,
)
from gomatrix_py.synapse.tasks import ListTasks
from gomatrix_py.synapse.waiting import RoomDeletion
from tests.kit.synapse_world import World, running_world, serves


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with running_world() as made:
        yield made


@pytest.fixture
def alice(world: World) -> Client:
    return world.user("alice")


@pytest.fixture
def room(alice: Client) -> str:
    return alice.create_room("Wonderland", "Tea").room_id


# ------------------------------------------------------------------ looking


@serves(ListRooms, GetRoom)
def test_rooms_are_listed_and_described(world: World, alice: Client, room: str) -> None:
    page = world.admin.rooms.list_rooms(search_term=room)
    assert [one.room_id for one in page.rooms] == [room]
    row, detail = page.rooms[0], world.admin.rooms.get_room(room)
    assert (row.name, row.joined_local_members, row.is_public, row.is_federatable) == ("Wonderland", 1, False, True)
    assert (detail.topic, detail.creator, detail.is_tombstoned) == ("Tea", alice.user_id, False)
    with pytest.raises(NotFound):
        world.admin.rooms.get_room("!no/such?room#:localhost")


@serves(ListRooms)
def test_pages_of_rooms_are_walked_to_their_end(world: World, alice: Client, room: str) -> None:
    alice.create_room()
    in_one = [one.room_id for one in world.admin.rooms.iter_rooms()]
    one_by_one = [one.room_id for one in world.admin.rooms.iter_rooms(page_size=1)]
    assert sorted(one_by_one) == sorted(in_one)
    assert len(set(one_by_one)) == len(one_by_one) > 1


@serves(ListRoomMembers, GetRoomState)
def test_members_and_state(world: World, alice: Client, room: str) -> None:
    assert world.admin.rooms.list_members(room).members == [alice.user_id]
    types = [event.type for event in world.admin.rooms.get_state(room).state]
    assert {"m.room.create", "m.room.name", "m.room.topic"} <= set(types)
    (topic,) = world.admin.rooms.get_state(room, "m.room.topic").state
    assert topic.content["topic"] == "Tea"


@serves(GetRoomMessages, GetEventContext, FindEventAtTime, FetchEvent)
def test_history_is_read_without_being_in_the_room(world: World, alice: Client, room: str) -> None:
    sent = [alice.send_text(room, f"number {number}").event_id for number in range(5)]
    forwards = [event.event_id for event in world.admin.rooms.iter_messages(room, page_size=2)]
    backwards = [event.event_id for event in world.admin.rooms.iter_messages(room, backwards=True, page_size=3)]
    assert forwards[-5:] == sent
    assert backwards == forwards[::-1]
    context = world.admin.rooms.get_event_context(room, sent[2], limit=2)
    assert context.event.body == "number 2"
    assert [event.event_id for event in context.events_after] == [sent[3]]
    first = world.admin.rooms.find_event_at_time(room, 0)
    assert first.event_id == forwards[0]
    assert first.sent_at is not None
    assert abs((datetime.now(timezone.utc) - first.sent_at).total_seconds()) < 3600
    assert world.admin.rooms.find_event_at_time(room, datetime.now(timezone.utc), "b").event_id == sent[-1]
    alice.redact_event(room, sent[0])
    assert world.admin.rooms.fetch_event(sent[0]).event["content"]["body"] == "number 0"


@serves(GetHierarchy)
def test_the_rooms_of_a_space(world: World, alice: Client, room: str) -> None:
    space = alice.create_room("Space", creation_content={"type": "m.space"}).room_id
    others = [room, alice.create_room("Second").room_id]
    for one in others:
        alice.send_state_event(space, "m.space.child", one, {"via": ["localhost"]})
    found = list(world.admin.rooms.iter_hierarchy(space, page_size=1))
    assert found[0].room_id == space
    assert {one.room_id for one in found} == {space, *others}
    with pytest.raises(ServerError):
        world.impatient().rooms.get_hierarchy("!nowhere:localhost")


@serves(GetForwardExtremities, DeleteForwardExtremities)
def test_the_ends_of_the_graph(world: World, alice: Client, room: str) -> None:
    event_id = alice.send_text(room, "the end").event_id
    found = world.admin.rooms.get_forward_extremities(room)
    assert (found.count, [one.event_id for one in found.results]) == (1, [event_id])
    assert world.admin.rooms.delete_forward_extremities(room).deleted == 0


# ------------------------------------------------------------------ changing


@serves(GetBlockStatus, BlockRoom)
def test_a_room_is_blocked_and_not(world: World, room: str) -> None:
    assert world.admin.rooms.get_block_status(room).is_blocked is False
    assert world.admin.rooms.block_room(room).is_blocked is True
    status = world.admin.rooms.get_block_status(room)
    assert (status.is_blocked, status.user_id) == (True, world.root.user_id)
    assert world.admin.rooms.block_room(room, False).is_blocked is False


@serves(AddUserToRoom)
def test_a_user_is_put_into_a_room(world: World, alice: Client) -> None:
    bob = world.user("bob")
    public = alice.create_room(preset="public_chat", room_alias_name=f"tea-{bob.user_id[5:9]}").room_id
    assert world.admin.rooms.add_user(public, bob.user_id).room_id == public
    assert bob.joined_rooms().joined_rooms == [public]
    private = alice.create_room(preset="private_chat").room_id
    with pytest.raises(Forbidden):
        world.admin.rooms.add_user(private, bob.user_id)


@serves(MakeRoomAdmin)
def test_a_user_is_given_power(world: World, alice: Client) -> None:
    bob = world.user("bob")
    room = alice.create_room(preset="public_chat").room_id
    bob.join_room(room)
    world.admin.rooms.make_room_admin(room, bob.user_id)
    assert alice.get_state_content(room, "m.room.power_levels")["users"][bob.user_id] >= 100
    with pytest.raises(HTTPError):
        world.admin.rooms.make_room_admin("!nowhere:localhost", bob.user_id)


# ------------------------------------------------------------------ removing


@serves(DeleteRoom, GetRoomDeletion, ListRoomDeletions)
def test_a_room_is_deleted_in_the_background(world: World, alice: Client, room: str) -> None:
    task = world.admin.rooms.delete_room(room, purge=True, new_room_user_id=world.root.user_id, room_name="New")
    seen: list[str] = []
    ended = task.wait(60, poll_s=0.05, on_progress=lambda status: seen.append(status.status))
    assert ended.shutdown_room is not None
    assert ended.shutdown_room.kicked_users == [alice.user_id]
    assert ended.shutdown_room.new_room_id in alice.joined_rooms().joined_rooms
    assert seen[-1] == "complete"
    assert [one.delete_id for one in world.admin.rooms.list_deletions(room).results] == [task.task_id]
    assert RoomDeletion(world.admin, task.task_id).status().status == "complete"  # a handle made again
    with pytest.raises(NotFound):
        world.admin.rooms.get_room(room)


@serves(DeleteRoomNow)
def test_a_room_is_deleted_while_we_wait(world: World, alice: Client, room: str) -> None:
    assert world.admin.rooms.delete_room_now(room, purge=False).kicked_users == [alice.user_id]
    left = world.admin.rooms.list_rooms(empty_rooms=True).rooms
    assert room in [one.room_id for one in left]
    world.admin.rooms.delete_room_now(room, True)
    with pytest.raises(NotFound):
        world.admin.rooms.get_room(room)


@serves(ListTasks)
def test_a_deletion_that_failed_says_why(world: World) -> None:
    """Synapse's answer leaves the reason out; the list of tasks has it."""
    world.plant(
        "INSERT INTO scheduled_tasks (id, action, status, timestamp, resource_id, params, result, error) "
        "VALUES ('failed-one', 'shutdown_and_purge_room', 'failed', ?, '!gone:localhost', '{}', NULL, 'boom')",
        int(datetime.now(timezone.utc).timestamp() * 1000),
    )
    task = RoomDeletion(world.admin, "failed-one", "!gone:localhost")
    with pytest.raises(TaskFailed, match="boom") as failure:
        task.wait(10)
    assert (failure.value.task_id, task.error) == ("failed-one", "boom")
    assert "error" not in task.status().raw


@serves(PurgeHistory, GetPurgeStatus)
def test_history_is_purged(world: World, alice: Client, room: str) -> None:
    old = alice.send_text(room, "old").event_id
    limit = alice.send_text(room, "new").event_id
    task = world.admin.rooms.purge_history(room, up_to_event_id=limit, delete_local_events=True)
    assert task.wait(60, poll_s=0.05).status == "complete"
    with pytest.raises(NotFound):
        world.admin.rooms.fetch_event(old)
    assert world.admin.rooms.fetch_event(limit).event["content"]["body"] == "new"
    with pytest.raises(NotFound, match="no event to be purged"):
        world.admin.rooms.purge_history(room, 30_000_000_001)
    with pytest.raises(UsageError):
        world.admin.rooms.purge_history(room)
