"""Maintenance over a scripted server: nothing is touched before the plan stands, and failures have their place."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gomatrix_py.errors import HTTPError, TaskFailed, UsageError
from gomatrix_py.synapse import (
    BulkReport,
    SynapseAdmin,
    deactivate_users,
    delete_user_media,
    purge_empty_rooms,
    purge_histories,
    purge_remote_media,
    quarantine,
)
from tests.kit.scripted_client import make_client
from tests.kit.scripted_homeserver import USER, Reply, ScriptedHomeserver, Seen

A_MOMENT = 1_700_000_000_000


@pytest.fixture
def server() -> Iterator[ScriptedHomeserver]:
    with ScriptedHomeserver() as made:
        made.route("GET", "/whoami", {"user_id": USER, "device_id": "D"})
        yield made


@pytest.fixture
def admin(server: ScriptedHomeserver) -> Iterator[SynapseAdmin]:
    with make_client(server) as client:
        yield SynapseAdmin(client)


def changes(server: ScriptedHomeserver) -> list[str]:
    """Return what was asked to be changed."""
    return [f"{seen.method} {seen.path}" for seen in server.seen if seen.method != "GET"]


def test_a_list_that_breaks_off_changes_nothing(server: ScriptedHomeserver, admin: SynapseAdmin) -> None:
    def answer(seen: Seen) -> Any:
        if "from" in seen.query:
            return Reply(500, {"errcode": "M_UNKNOWN", "error": "oops"})
        return {"users": [{"name": "@a:x"}], "rooms": [{"room_id": "!a:x"}], "next_token": "1", "next_batch": 1}

    server.route("GET", "/_synapse", answer)
    for broken in (lambda: deactivate_users(admin, lambda user: True), lambda: purge_empty_rooms(admin)):
        with pytest.raises(HTTPError):
            broken()
    assert changes(server) == []


def test_users_who_are_closed_already_and_we_ourselves_are_left_out(
    server: ScriptedHomeserver, admin: SynapseAdmin
) -> None:
    users = [{"name": USER}, {"name": "@closed:x", "deactivated": 1}, {"name": "@open:x", "deactivated": 0}]
    server.route("GET", "/v2/users", {"users": users})
    server.route("POST", "/deactivate/", {"id_server_unbind_result": "success"})
    report = deactivate_users(admin, lambda user: True, filters={"deactivated": True})
    assert [user.user_id for user in report.done] == ["@open:x"]
    assert changes(server) == ["POST /_synapse/admin/v1/deactivate/@open:x"]
    assert server.asked("/deactivate/")[0].json == {"erase": False}


def test_a_room_that_cannot_be_purged_is_an_outcome(server: ScriptedHomeserver, admin: SynapseAdmin) -> None:
    rooms = [{"room_id": "!bad:x", "joined_local_members": 0}, {"room_id": "!good:x", "joined_local_members": 0}]
    server.route("GET", "/v1/rooms", {"rooms": [*rooms, {"room_id": "!full:x", "joined_local_members": 1}]})
    server.route("DELETE", "/v2/rooms", lambda seen: {"delete_id": seen.path.rpartition("/")[2][1:4]})
    server.route("GET", "/delete_status/", {"status": "complete"})
    server.route("GET", "/delete_status/bad", {"status": "failed"})
    server.route(
        "GET",
        "/scheduled_tasks",
        {"scheduled_tasks": [{"id": "bad", "action": "a", "status": "failed", "error": "boom"}]},
    )
    report = purge_empty_rooms(admin, max_workers=1)
    assert [room.room_id for room in report.done] == ["!good:x"]
    (failed,) = report.failed
    assert (failed.item.room_id, type(failed.error)) == ("!bad:x", TaskFailed)
    assert "boom" in str(failed.error)
    assert all(seen.json == {"purge": True, "block": False} for seen in server.asked("/v2/rooms/", "DELETE"))


def test_histories_without_anything_older_are_done(server: ScriptedHomeserver, admin: SynapseAdmin) -> None:
    nothing = Reply(404, {"errcode": "M_NOT_FOUND", "error": "there is no event to be purged"})
    server.route("POST", "/purge_history/", nothing)
    server.route("GET", "/v1/rooms/!known:x", {"room_id": "!known:x"})
    server.route("GET", "/v1/rooms/!unknown:x", Reply(404, {"errcode": "M_NOT_FOUND", "error": "Room not found"}))
    server.route("POST", "/purge_history/!other:x", Reply(404, {"errcode": "M_NOT_FOUND", "error": "something else"}))
    report = purge_histories(admin, ["!known:x", "!unknown:x", "!other:x"], A_MOMENT)
    assert report.done == ["!known:x"]
    assert [one.item for one in report.failed] == ["!unknown:x", "!other:x"]


def test_what_is_no_moment_or_address_changes_nothing(server: ScriptedHomeserver, admin: SynapseAdmin) -> None:
    for wrong in (
        lambda: purge_histories(admin, ["!r:x"], A_MOMENT // 1000),
        lambda: purge_remote_media(admin, A_MOMENT * 1000),
        lambda: quarantine(admin, user_ids=["@a:x"], uris=["mxc://x/.."]),
        lambda: delete_user_media(admin, "no user"),
    ):
        with pytest.raises(UsageError):
            wrong()
    assert server.seen == []


def test_media_is_deleted_where_the_user_is(server: ScriptedHomeserver, admin: SynapseAdmin) -> None:
    server.route("GET", "/media", {"media": [{"media_id": "one"}, {"media_id": "two"}]})
    server.route("DELETE", "/media/x:8/", {"deleted_media": ["one"], "total": 1})
    report = delete_user_media(admin, "@a:x:8", lambda media: media.media_id == "one")
    assert [one.media_id for one in report.done] == ["one"]
    assert changes(server) == ["DELETE /_synapse/admin/v1/media/x:8/one"]


def test_an_interrupted_purge_does_not_wait_for_its_rooms(server: ScriptedHomeserver, admin: SynapseAdmin) -> None:
    server.route("GET", "/v1/rooms", {"rooms": [{"room_id": "!quick:x"}, {"room_id": "!slow:x"}]})
    server.route("DELETE", "/v2/rooms", lambda seen: {"delete_id": seen.path.rpartition("!")[2][:4]})
    server.route("GET", "/delete_status/slow", {"status": "active"})
    asked = threading.Event()

    def quick(seen: Seen) -> Any:
        return {"status": "complete" if server.asked("/delete_status/slow") else "active"}

    def interrupt(*_: Any) -> None:
        asked.set()
        raise KeyboardInterrupt

    server.route("GET", "/delete_status/quic", quick)
    with pytest.raises(KeyboardInterrupt):
        purge_empty_rooms(admin, on_progress=interrupt)
    assert asked.is_set()


def test_a_dry_run_of_everything_changes_nothing(server: ScriptedHomeserver, admin: SynapseAdmin) -> None:
    server.route("GET", "/v2/users", {"users": [{"name": "@a:x"}]})
    server.route("GET", "/v1/rooms", {"rooms": [{"room_id": "!a:x"}]})
    server.route("GET", "/media", {"media": [{"media_id": "one"}]})
    plans: list[BulkReport[Any]] = [
        deactivate_users(admin, lambda user: True, dry_run=True),
        purge_empty_rooms(admin, dry_run=True),
        delete_user_media(admin, "@a:x", dry_run=True),
        quarantine(admin, uris=["mxc://x/m"], room_ids=["!a:x"], user_ids=["@a:x"], dry_run=True),
        purge_histories(admin, ["!a:x"], A_MOMENT, dry_run=True),
        purge_remote_media(admin, A_MOMENT, dry_run=True),
    ]
    assert [len(plan.planned) for plan in plans] == [1, 1, 1, 3, 1, 1]
    assert [len(plan.outcomes) for plan in plans] == [1, 1, 1, 3, 1, 1]
    assert changes(server) == []
