"""What administrators do again and again, on a real Synapse; and what synadm 0.49 does wrong there, done right."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from gomatrix_py import Client, RetryPolicy
from gomatrix_py.errors import NotFound, TaskTimeout, UnknownToken, UsageError
from gomatrix_py.http.endpoint import Target
from gomatrix_py.synapse import (
    DevicesToPrune,
    Outcome,
    RoomDeletion,
    SynapseAdmin,
    days_ago,
    days_ahead,
    deactivate_users,
    delete_user_media,
    prune_devices,
    purge_empty_rooms,
    purge_histories,
    purge_remote_media,
    quarantine,
    read_server_name,
)
from gomatrix_py.synapse.accounts import PutUser, UserRow
from gomatrix_py.synapse.room_records import RoomRow
from gomatrix_py.times import in_milliseconds
from tests.kit.scripted_homeserver import ScriptedHomeserver
from tests.kit.synapse_world import World, running_world


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with running_world() as made:
        yield made


@pytest.fixture
def admin(world: World) -> SynapseAdmin:
    return world.admin


@pytest.fixture
def alice(world: World) -> Client:
    return world.user("alice")


def devices_of(admin: SynapseAdmin, user_id: str) -> set[str]:
    return {device.device_id for device in admin.users.list_devices(user_id).devices}


# ------------------------------------------------------------------ devices


def with_old_devices(world: World, user_id: str, *ages_in_days: int) -> None:
    for age in ages_in_days:
        device_id = f"{age} days {user_id}"
        world.admin.users.create_device(user_id, device_id)
        world.plant("UPDATE devices SET last_seen = ? WHERE device_id = ?", in_milliseconds(days_ago(age)), device_id)


def test_old_devices_are_pruned_after_a_plan(world: World, admin: SynapseAdmin, alice: Client) -> None:
    with_old_devices(world, alice.user_id, 10, 100, 200)
    admin.users.create_device(alice.user_id, "never seen")
    before = devices_of(admin, alice.user_id)
    plan = prune_devices(admin, [alice.user_id, world.root.user_id], dry_run=True)
    assert devices_of(admin, alice.user_id) == before
    (planned,) = plan.planned
    assert [device.device_id.partition(" ")[0] for device in planned.devices] == ["200", "100"]
    seen: list[tuple[int, int]] = []

    def progress(outcome: Outcome[DevicesToPrune], number: int, total: int) -> None:
        seen.append((number, total))

    report = prune_devices(admin, [alice.user_id], on_progress=progress)
    assert (report.done, seen) == ([planned], [(1, 1)])
    assert devices_of(admin, alice.user_id) == before - {device.device_id for device in planned.devices}
    assert prune_devices(admin, [alice.user_id]).outcomes == ()
    assert alice.whoami().user_id == alice.user_id


def test_devices_of_everybody_are_pruned(world: World, admin: SynapseAdmin, alice: Client) -> None:
    bob = world.user("bob")
    for user_id in (alice.user_id, bob.user_id):
        with_old_devices(world, user_id, 400)
    report = prune_devices(admin)
    assert {one.user_id for one in report.done} >= {alice.user_id, bob.user_id}
    assert devices_of(admin, bob.user_id) == {bob.device_id}


def test_our_own_device_stays(world: World, admin: SynapseAdmin) -> None:
    """Everything is old at once, and nothing has to be kept: we would log ourselves out."""
    with_old_devices(world, world.root.user_id, 5)
    report = prune_devices(admin, [world.root.user_id], idle_for=timedelta(0), keep=0)
    assert [len(one.devices) for one in report.done] == [1]
    assert devices_of(admin, world.root.user_id) == {world.root.device_id}


# ------------------------------------------------------------------ rooms


def test_empty_rooms_are_purged_and_awaited(admin: SynapseAdmin, alice: Client) -> None:
    left, lived_in = alice.create_room().room_id, alice.create_room().room_id
    alice.leave_room(left)

    def ours(room: RoomRow) -> bool:
        return room.room_id in (left, lived_in)

    plan = purge_empty_rooms(admin, ours, dry_run=True)
    assert [room.room_id for room in plan.planned] == [left]
    assert admin.rooms.get_room(left).joined_local_members == 0
    report = purge_empty_rooms(admin, ours)
    assert [room.room_id for room in report.done] == [left]
    with pytest.raises(NotFound):
        admin.rooms.get_room(left)
    assert admin.rooms.get_room(lived_in).joined_local_members == 1


def test_histories_are_purged_and_awaited(admin: SynapseAdmin, alice: Client) -> None:
    rooms = [alice.create_room().room_id for _ in range(2)]
    old = [alice.send_text(room, "old").event_id for room in rooms]
    for room in rooms:
        alice.send_text(room, "new")
    report = purge_histories(admin, rooms, days_ago(0), delete_local_events=True, timeout_s=60)
    assert report.done == rooms
    for event_id in old:
        with pytest.raises(NotFound):
            admin.rooms.fetch_event(event_id)
    again = purge_histories(admin, rooms, 30_000_000_001)
    assert again.done == rooms  # nothing is older: that is no failure
    refused = purge_histories(admin, ["no room", rooms[0]], 30_000_000_001)
    assert ([one.item for one in refused.failed], refused.done) == (["no room"], [rooms[0]])


# ------------------------------------------------------------------ users and media


def test_users_are_closed_by_what_they_are(world: World, admin: SynapseAdmin) -> None:
    spam = {world.user("spam").user_id for _ in range(8)}

    def is_spam(user: UserRow) -> bool:
        return user.user_id.startswith("@spam-")

    plan = deactivate_users(admin, is_spam, dry_run=True)
    assert {user.user_id for user in plan.planned} == spam
    assert not any(admin.users.get_user(user_id).is_deactivated for user_id in spam)
    report = deactivate_users(admin, is_spam, erase=True)
    assert {user.user_id for user in report.done} == spam
    assert all(admin.users.get_user(user_id).is_erased for user_id in spam)


def test_our_own_account_is_never_closed(world: World, admin: SynapseAdmin) -> None:
    world.user("one")
    world.user("another")
    plan = deactivate_users(admin, lambda user: True, dry_run=True)
    assert world.root.user_id not in {user.user_id for user in plan.planned}
    assert len(plan.planned) > 1


def test_media_of_a_user_is_deleted(world: World, admin: SynapseAdmin, alice: Client) -> None:
    small, large = world.upload(alice), world.upload(alice, b"x" * 5000)
    plan = delete_user_media(admin, alice.user_id, lambda one: (one.media_length or 0) > 1000, dry_run=True)
    assert [one.media_id for one in plan.planned] == [large]
    assert len(list(admin.media.iter_user_media(alice.user_id))) == 2
    report = delete_user_media(admin, alice.user_id)
    assert {one.media_id for one in report.done} == {small, large}
    assert list(admin.media.iter_user_media(alice.user_id)) == []


def test_media_is_quarantined(world: World, admin: SynapseAdmin, alice: Client) -> None:
    files = [world.upload(alice) for _ in range(3)]
    room = alice.create_room().room_id
    alice.send_image(room, "a rabbit", f"mxc://localhost/{files[1]}")
    uris = [f"mxc://localhost/{files[0]}"]
    assert len(quarantine(admin, uris=uris, room_ids=[room], dry_run=True).planned) == 2
    report = quarantine(admin, uris=uris, room_ids=[room], user_ids=["@ghost:localhost"])
    assert len(report.done) == 3
    quarantined = {one.media_id for one in admin.media.iter_user_media(alice.user_id) if one.quarantined_by}
    assert quarantined == set(files[:2])
    with pytest.raises(UsageError):
        quarantine(admin, uris=["mxc://../x"], user_ids=[alice.user_id])
    assert quarantine(admin, user_ids=[alice.user_id]).outcomes[0].result.num_quarantined == 1


def test_copies_of_remote_media_are_purged(admin: SynapseAdmin) -> None:
    assert str(purge_remote_media(admin, days_ago(30), dry_run=True)) == "1 planned"
    assert purge_remote_media(admin, days_ago(30)).outcomes[0].result.deleted == 0


# ------------------------------------------------------------------ what synadm 0.49 does wrong


def naive_deactivation(admin: SynapseAdmin, page_size: int) -> None:
    """What synadm does: page by offset through a list that shrinks meanwhile."""
    offset = 0
    while page := admin.users.list_users(offset, page_size, name="naive-").users:
        for user in page:
            admin.users.deactivate_user(user.user_id)
        offset += page_size


def test_1_an_error_is_no_answer(admin: SynapseAdmin) -> None:
    with pytest.raises(NotFound):
        admin.users.get_user("@nobody:localhost")


def test_2_nobody_slips_through_the_pages(world: World, admin: SynapseAdmin) -> None:
    for name in ("naive", "regex"):
        for _ in range(8):
            world.user(name)
    naive_deactivation(admin, 3)
    left = admin.users.list_users(name="naive-").total
    assert left > 0  # the control: so it goes wrong
    deactivate_users(admin, lambda user: user.user_id.startswith("@regex-"), filters={"page_size": 3})
    assert admin.users.list_users(name="regex-").total == 0


def test_3_both_ways_to_delete_a_room_do_what_purge_says(admin: SynapseAdmin, alice: Client) -> None:
    for purge in (True, False):
        one, other = (alice.create_room().room_id for _ in range(2))
        admin.rooms.delete_room_now(one, purge)
        admin.rooms.delete_room(other, purge=purge).wait(60, poll_s=0.05)
        assert [room_exists(admin, room) for room in (one, other)] == [not purge, not purge]


def room_exists(admin: SynapseAdmin, room_id: str) -> bool:
    try:
        admin.rooms.get_room(room_id)
    except NotFound:
        return False
    return True


def test_4_a_new_password_can_leave_sessions_alone(world: World, admin: SynapseAdmin, alice: Client) -> None:
    body = PutUser(alice.user_id, password="x", logout_devices=False).to_request(Target("https://x", "t")).body
    assert body == b'{"password":"x","logout_devices":false}'
    admin.users.put_user(alice.user_id, password="another rabbit", logout_devices=False)
    assert alice.whoami().user_id == alice.user_id
    admin.users.put_user(alice.user_id, password="a third rabbit")
    with pytest.raises(UnknownToken):
        alice.whoami()


def test_5_pruning_takes_zero_days_and_refuses_what_is_no_user_id(
    world: World, admin: SynapseAdmin, alice: Client
) -> None:
    with_old_devices(world, alice.user_id, 1)
    assert len(prune_devices(admin, [alice.user_id], idle_for=timedelta(0), keep=1).done) == 1
    with_old_devices(world, alice.user_id, 2)
    before = devices_of(admin, alice.user_id)
    with pytest.raises(Exception, match="M_INVALID_PARAM"):  # before anything is listed or deleted
        prune_devices(admin, [alice.user_id, alice.user_id[1:].partition(":")[0]], idle_for=timedelta(0))
    assert devices_of(admin, alice.user_id) == before


def test_6_the_base_url_stays_as_it_is(admin: SynapseAdmin) -> None:
    before = admin.client.homeserver_url
    answers = [admin.server.get_version() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert admin.client.homeserver_url == before


def test_7_no_other_host_sees_the_token(world: World, admin: SynapseAdmin) -> None:
    with ScriptedHomeserver() as other:
        other.route("GET", "/_matrix/key", {"server_name": "other.example"})
        assert read_server_name(other.url) == "other.example"
        assert all("authorization" not in request.headers for request in other.seen)
        assert world.root.access_token not in str(other.seen)
        with pytest.raises(UsageError):
            read_server_name(other.url, access_token=world.root.access_token)
    login = admin.users.login_as_user(world.user("alice").user_id)
    with SynapseAdmin(world.server.url, login.access_token) as as_alice:
        as_alice.own_ids()
    assert SynapseAdmin(admin.client).own_ids()[0] == world.root.user_id  # ours has not become hers


def test_8_nothing_ends_the_program() -> None:
    with (
        SynapseAdmin("http://127.0.0.1:9", retry=RetryPolicy.never()) as nowhere,
        pytest.raises(Exception, match=re.escape("127.0.0.1")) as failure,
    ):
        nowhere.server.get_version()
    assert not isinstance(failure.value, SystemExit)


# ------------------------------------------------------------------ waiting


def planted_task(world: World, task_id: str) -> None:
    """Put a deletion into the server's list that it will not come to today."""
    world.plant(
        "INSERT INTO scheduled_tasks (id, action, status, timestamp, resource_id, params) "
        "VALUES (?, 'shutdown_and_purge_room', 'scheduled', ?, '!later:localhost', '{}')",
        task_id,
        in_milliseconds(days_ahead(1)),
    )


def complete_task(world: World, task_id: str) -> None:
    world.plant("UPDATE scheduled_tasks SET status = 'complete', result = '{}' WHERE id = ?", task_id)


def test_a_wait_that_ends_leaves_the_work_going_on(world: World, admin: SynapseAdmin) -> None:
    planted_task(world, "later")
    task = RoomDeletion(admin, "later", "!later:localhost")
    with pytest.raises(TaskTimeout, match="it goes on") as failure:
        task.wait(0.1, poll_s=0.02)
    assert failure.value.task_id == "later"
    assert task.status().status == "scheduled"
    complete_task(world, "later")
    assert task.wait(20, poll_s=0.02).status == "complete"


def test_a_wait_survives_a_restart_of_the_server() -> None:
    with running_world() as world, ThreadPoolExecutor(1) as threads:
        planted_task(world, "over a restart")
        asked = threading.Event()
        task = RoomDeletion(world.impatient(), "over a restart")
        waiting = threads.submit(task.wait, 60, poll_s=0.02, on_progress=lambda status: asked.set())
        assert asked.wait(20)
        world.server.kill()
        world.server.start()
        assert not waiting.done()
        complete_task(world, "over a restart")
        assert waiting.result(20).status == "complete"


def test_moments_that_mean_seconds_delete_nothing(world: World, admin: SynapseAdmin, alice: Client) -> None:
    media_id = world.upload(alice)
    in_seconds = in_milliseconds(days_ahead(1)) // 1000
    for wrong in (in_seconds, in_milliseconds(days_ahead(1)) * 1000, 0, -5):
        with pytest.raises(UsageError, match="milliseconds"):
            admin.media.delete_media_before(wrong)
        with pytest.raises(UsageError):
            purge_remote_media(admin, wrong)
    with pytest.raises(UsageError, match="time zone"):
        admin.media.delete_media_before(days_ahead(1).replace(tzinfo=None))
    assert [one.media_id for one in admin.media.iter_user_media(alice.user_id)] == [media_id]
