"""Registration tokens, reports, federation, the server itself and its tasks, on a real Synapse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from gomatrix_py import Client
from gomatrix_py.errors import HTTPError, NotFound, UnsupportedByServer
from gomatrix_py.synapse import SynapseAdmin, days_ago
from gomatrix_py.synapse.federation import GetDestination, ListDestinationRooms, ListDestinations, ResetConnection
from gomatrix_py.synapse.registration_tokens import (
    DeleteRegistrationToken,
    GetRegistrationToken,
    ListRegistrationTokens,
    NewRegistrationToken,
    UpdateRegistrationToken,
)
from gomatrix_py.synapse.reports import (
    DeleteEventReport,
    DeleteUserReport,
    GetEventReport,
    GetUserReport,
    ListEventReports,
    ListUserReports,
)
from gomatrix_py.synapse.server import (
    GetBackgroundUpdates,
    GetBackgroundUpdatesEnabled,
    GetServerVersion,
    ListUserMediaStatistics,
    PutServerNotice,
    SendServerNotice,
    SetBackgroundUpdatesEnabled,
    StartBackgroundJob,
)
from gomatrix_py.synapse.tasks import ListTasks
from tests.kit.synapse_world import PNG, World, running_world, serves

# Nobody is there, and this server exchanges events with nobody anyway.
PLACE = "127.0.0.1:9"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with running_world() as made:
        yield made


@pytest.fixture
def alice(world: World) -> Client:
    return world.user("alice")


# ------------------------------------------------------------------ registration tokens


@serves(
    ListRegistrationTokens,
    GetRegistrationToken,
    NewRegistrationToken,
    UpdateRegistrationToken,
    DeleteRegistrationToken,
)
def test_registration_tokens_come_and_go(world: World) -> None:
    tokens, end = world.admin.registration_tokens, datetime.now(timezone.utc) + timedelta(days=1)
    made = tokens.new_token("A.token~1", uses_allowed=2, expires_at=end)
    assert (made.token, made.uses_allowed, made.completed) == ("A.token~1", 2, 0)
    assert made.expires_at is not None
    assert abs(made.expires_at - end) < timedelta(milliseconds=1)
    assert len(tokens.new_token(length=40).token) == 40
    changed = tokens.update_token("A.token~1", uses_allowed=None)
    assert (changed.uses_allowed, changed.expires_at) == (None, made.expires_at)  # null, and left alone
    assert tokens.update_token("A.token~1", expires_at=None).expires_at is None
    assert tokens.update_token("A.token~1", uses_allowed=0).uses_allowed == 0
    assert "A.token~1" in [one.token for one in tokens.list_tokens(valid=False).registration_tokens]
    assert "A.token~1" not in [one.token for one in tokens.list_tokens(valid=True).registration_tokens]
    assert len(tokens.list_tokens().registration_tokens) == 2
    tokens.delete_token("A.token~1")
    with pytest.raises(NotFound):
        tokens.get_token("A.token~1")
    with pytest.raises(HTTPError):
        tokens.new_token("not a/token?#")
    assert tokens.get_token(tokens.list_tokens().registration_tokens[0].token).uses_allowed is None


# ------------------------------------------------------------------ reports


@serves(ListEventReports, GetEventReport, DeleteEventReport)
def test_reported_events(world: World, alice: Client) -> None:
    bob = world.user("bob")
    room = alice.create_room(preset="public_chat").room_id
    bob.join_room(room)
    for number in range(3):
        bob.report_event(room, alice.send_text(room, f"spam {number}").event_id, reason=f"reason {number}")
    found = list(world.admin.reports.iter_event_reports(page_size=1, room_id=room))
    assert [one.reason for one in found] == ["reason 2", "reason 1", "reason 0"]
    report = world.admin.reports.get_event_report(found[0].id)
    assert (report.user_id, report.sender, report.event_json["content"]["body"]) == (
        bob.user_id,
        alice.user_id,
        "spam 2",
    )
    assert report.received_at is not None
    world.admin.reports.delete_event_report(report.id)
    with pytest.raises(NotFound):
        world.admin.reports.get_event_report(report.id)


@serves(ListUserReports, GetUserReport, DeleteUserReport)
def test_reported_users(world: World, alice: Client) -> None:
    bob = world.user("bob")
    bob.report_user(alice.user_id, "rude")
    (found,) = world.admin.reports.iter_user_reports(target_user_id=alice.user_id)
    assert world.admin.reports.get_user_report(found.id) == found
    assert (found.user_id, found.reason) == (bob.user_id, "rude")
    world.admin.reports.delete_user_report(found.id)
    assert list(world.admin.reports.iter_user_reports(target_user_id=alice.user_id)) == []


# ------------------------------------------------------------------ federation


@serves(ListDestinations, GetDestination, ListDestinationRooms, ResetConnection)
def test_other_servers(world: World, alice: Client) -> None:
    room = alice.create_room().room_id
    now = int(datetime.now(timezone.utc).timestamp() * 1000)
    world.plant("INSERT INTO destinations VALUES (?, ?, 600000, ?, 1)", PLACE, now, now)
    world.plant("INSERT INTO destinations VALUES ('127.0.0.2:9', 0, 0, NULL, NULL)")
    world.plant("INSERT INTO destination_rooms VALUES (?, ?, 3)", PLACE, room)
    found = {one.destination: one for one in world.admin.federation.iter_destinations(page_size=1)}
    assert set(found) == {PLACE, "127.0.0.2:9"}
    assert (found["127.0.0.2:9"].failed_at, found["127.0.0.2:9"].retry_last_at) == (None, None)
    failing = world.admin.federation.get_destination(PLACE)
    assert failing.failed_at is not None
    assert failing.failed_at.tzinfo is not None
    assert failing.retry_interval_ms == 600_000
    assert [one.room_id for one in world.admin.federation.iter_destination_rooms(PLACE)] == [room]
    world.admin.federation.reset_connection(PLACE)
    with pytest.raises(HTTPError):  # nothing to reset any more
        world.admin.federation.reset_connection(PLACE)
    with pytest.raises(NotFound):
        world.admin.federation.get_destination("nowhere.example")


# ------------------------------------------------------------------ the server


@serves(GetServerVersion)
def test_the_version_is_told_to_everybody(world: World) -> None:
    assert world.admin.server.get_version().server_version.startswith("1.")
    with SynapseAdmin(world.server.url) as nobody:
        assert nobody.server.get_version() == world.admin.server.get_version()


@serves(GetBackgroundUpdates, GetBackgroundUpdatesEnabled, SetBackgroundUpdatesEnabled, StartBackgroundJob)
def test_background_updates(world: World) -> None:
    server = world.admin.server
    assert server.get_background_updates().is_enabled is True
    assert server.set_background_updates_enabled(False).is_enabled is False
    assert server.get_background_updates_enabled().is_enabled is False
    world.plant("DELETE FROM background_updates")  # a new server has this one in its queue from the beginning
    server.start_background_job("populate_stats_process_rooms")
    with pytest.raises(HTTPError, match="already in queue"):
        server.start_background_job("populate_stats_process_rooms")
    with pytest.raises(HTTPError):
        server.start_background_job("no such job")
    assert server.set_background_updates_enabled(True).is_enabled is True


@serves(ListUserMediaStatistics)
def test_statistics_of_media(world: World, alice: Client) -> None:
    world.upload(alice)
    world.upload(world.user("bob"))
    found = {one.user_id: one for one in world.admin.server.iter_user_media_statistics(page_size=1)}
    assert (found[alice.user_id].media_count, found[alice.user_id].media_length) == (1, len(PNG) + 8)
    assert world.admin.server.list_user_media_statistics(since=days_ago(2), until=days_ago(1)).users == []


def test_statistics_of_the_database_need_another_database(world: World) -> None:
    with pytest.raises(HTTPError, match="PostgreSQL"):
        world.admin.server.list_largest_rooms()


@serves(SendServerNotice, PutServerNotice)
def test_notices_arrive_once(world: World, alice: Client) -> None:
    content = {"msgtype": "m.text", "body": "down at noon"}
    first = world.admin.server.put_notice("txn/1", alice.user_id, content)
    assert world.admin.server.put_notice("txn/1", alice.user_id, content).event_id == first.event_id
    assert world.admin.server.post_notice(alice.user_id, content).event_id != first.event_id
    assert world.admin.server.send_notice(alice.user_id, "up again").event_id
    (room,) = alice.sync_request().rooms.invite
    alice.join_room(room)
    bodies = [event.body for event in world.admin.rooms.iter_messages(room) if event.type == "m.room.message"]
    assert bodies == ["down at noon", "down at noon", "up again"]


@serves(ListTasks)
def test_tasks_are_listed(world: World, alice: Client) -> None:
    room = alice.create_room().room_id
    task = world.admin.rooms.delete_room(room, purge=True)
    task.wait(60, poll_s=0.05)
    (found,) = world.admin.tasks.list_tasks(resource_id=room).scheduled_tasks
    assert (found.id, found.action, found.status) == (task.task_id, "shutdown_and_purge_room", "complete")
    assert found.changed_at is not None
    assert world.admin.tasks.list_tasks(["purge_history"], ["failed", "complete"]).scheduled_tasks == []


def test_groups_are_gone(world: World) -> None:
    with pytest.raises(UnsupportedByServer):
        world.admin.server.delete_group("+group:localhost")
