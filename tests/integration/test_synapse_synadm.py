"""Each row of docs/synadm.rst on a real Synapse: the effect that the method of synadm.api has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import TypeVar

import pytest

from gomatrix_py import Client
from gomatrix_py.errors import HTTPError, NotFound, UnknownToken, UnsupportedByServer
from gomatrix_py.synapse import (
    SynapseAdmin,
    days_ago,
    days_ahead,
    devices_to_prune,
    find_federation_url,
    format_moment,
    from_milliseconds,
    read_server_name,
    report_power_levels,
)
from gomatrix_py.times import in_milliseconds
from tests.kit.synapse_world import PASSWORD, World, running_world

F = TypeVar("F", bound=Callable[..., None])
A_MOMENT = timedelta(minutes=1)


def row(*names: str) -> Callable[[F], F]:
    """Mark a test with the rows of docs/synadm.rst that it shows; tests/meta/test_synadm_table.py reads the marks."""
    return lambda test: test


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


# ------------------------------------------------------------------ requests and moments


@row("ApiRequest.query", "Matrix.raw_request")
def test_requests_by_hand(world: World, admin: SynapseAdmin, alice: Client) -> None:
    answer = admin.make_request("GET", "v2", "users", query={"user_id": alice.user_id, "guests": False})
    assert [user["name"] for user in answer["users"]] == [alice.user_id]
    assert admin.make_request("POST", "v1", "deactivate", world.user("other").user_id)["id_server_unbind_result"]
    url = admin.client.build_url("account", "whoami")
    assert admin.client.make_request("GET", url)["user_id"] == world.root.user_id


@row("ApiRequest._timestamp_from_days_ago", "ApiRequest._timestamp_from_days_ahead")
def test_moments_from_now_are_what_the_server_counts_from(admin: SynapseAdmin, alice: Client) -> None:
    alice.create_room()
    assert admin.users.count_joined_rooms(alice.user_id, days_ago(1)).cumulative_joined_room_count == 1
    assert admin.users.count_joined_rooms(alice.user_id, days_ahead(1)).cumulative_joined_room_count == 0


@row("ApiRequest._timestamp_from_datetime", "ApiRequest._datetime_from_timestamp", "ApiRequest._format_datetime")
def test_moments_and_numbers(admin: SynapseAdmin, alice: Client) -> None:
    (user,) = admin.users.list_users(user_id=alice.user_id).users
    assert user.created_at is not None
    stamp = user.raw["creation_ts"]
    assert in_milliseconds(user.created_at) == stamp
    assert from_milliseconds(stamp) == user.created_at
    assert format_moment(user.created_at) == user.created_at.isoformat(sep=" ").removesuffix("+00:00")


# ------------------------------------------------------------------ discovery, and the client's own calls


@row("MiscRequest.federation_uri_well_known", "Matrix.server_name_keys_api")
def test_discovery(world: World) -> None:
    assert find_federation_url(world.server.url) == "https://localhost:443"  # as Synapse says by itself
    assert read_server_name(world.server.url) == "localhost"


@row("Matrix.user_login")
def test_logging_in(world: World, alice: Client) -> None:
    with SynapseAdmin(world.server.url) as nobody:
        nobody.client.login_with_password(alice.user_id, PASSWORD)
        assert nobody.own_ids()[0] == alice.user_id


@row("Matrix.room_get_id", "Matrix.room_get_aliases")
def test_aliases(admin: SynapseAdmin, alice: Client) -> None:
    name = alice.user_id[1:].partition(":")[0]
    room = alice.create_room(room_alias_name=name).room_id
    assert admin.client.resolve_room_alias(f"#{name}:localhost").room_id == room
    assert admin.client.get_room_aliases(room).aliases == [f"#{name}:localhost"]  # we are not in the room


# ------------------------------------------------------------------ users


@row("SynapseAdmin.user_list", "SynapseAdmin.user_details")
def test_users(world: World, admin: SynapseAdmin, alice: Client) -> None:
    page = admin.users.list_users(0, 1, guests=False, order_by="name", dir="b")
    assert [user.user_id for user in page.users] == [world.root.user_id]
    assert page.next_token == "1"
    assert alice.user_id in [user.user_id for user in admin.users.list_users(1, 100, order_by="name", dir="b").users]
    assert admin.users.get_user(alice.user_id).user_id == alice.user_id


@row("SynapseAdmin.user_membership")
def test_membership(admin: SynapseAdmin, alice: Client) -> None:
    room = alice.create_room().room_id
    assert admin.users.list_joined_rooms(alice.user_id).joined_rooms == [room]


@row("SynapseAdmin.user_deactivate")
def test_deactivation(admin: SynapseAdmin, alice: Client) -> None:
    admin.users.deactivate_user(alice.user_id)
    with pytest.raises(UnknownToken):
        alice.whoami()


@row("SynapseAdmin.user_password")
def test_a_password(world: World, admin: SynapseAdmin, alice: Client) -> None:
    admin.users.reset_password(alice.user_id, "another", logout_devices=False)
    assert world.server.login(alice.user_id, "another").user_id == alice.whoami().user_id


@row("SynapseAdmin.user_login")
def test_logging_in_as_a_user(world: World, admin: SynapseAdmin, alice: Client) -> None:
    answer = admin.users.login_as_user(alice.user_id, days_ahead(1))
    with Client(world.server.url, access_token=answer.access_token) as client:
        assert client.whoami().user_id == alice.user_id


@row("SynapseAdmin.user_modify")
def test_modifying_a_user(admin: SynapseAdmin, alice: Client) -> None:
    admin.users.put_user(alice.user_id, displayname="Alice", avatar_url="mxc://localhost/a", user_type="support")
    cleared = admin.users.put_user(alice.user_id, displayname="", avatar_url="", user_type=None)
    assert (cleared.displayname or None, cleared.avatar_url or None, cleared.user_type) == (None, None, None)
    assert admin.users.put_user(alice.user_id, locked=True).is_locked
    assert admin.users.put_user(alice.user_id, locked=False, deactivated=True).is_deactivated


@row("SynapseAdmin.user_whois")
def test_whois(admin: SynapseAdmin, alice: Client) -> None:
    alice.joined_rooms()
    assert [one.ip for one in admin.users.whois(alice.user_id).connections] == ["127.0.0.1"]


@row("SynapseAdmin.user_devices", "SynapseAdmin.user_devices_get_todelete", "SynapseAdmin.user_devices_delete")
def test_devices(world: World, admin: SynapseAdmin, alice: Client) -> None:
    for number in range(3):
        admin.users.create_device(alice.user_id, f"D{number}")
        stamp = in_milliseconds(days_ago(100 + number))
        world.plant("UPDATE devices SET last_seen = ? WHERE device_id = ?", stamp, f"D{number}")
    devices = admin.users.list_devices(alice.user_id).devices
    going = [device.device_id for device in devices_to_prune(devices, idle_for=timedelta(days=101), keep=1)]
    assert going == ["D2", "D1"]
    admin.users.delete_devices(alice.user_id, going)
    assert {one.device_id for one in admin.users.list_devices(alice.user_id).devices} == {"D0", alice.device_id}


@row("SynapseAdmin.user_shadow_ban")
def test_shadow_bans(admin: SynapseAdmin, alice: Client) -> None:
    admin.users.shadow_ban_user(alice.user_id)
    assert admin.users.list_users(user_id=alice.user_id).users[0].is_shadow_banned
    admin.users.unshadow_ban_user(alice.user_id)
    assert not admin.users.list_users(user_id=alice.user_id).users[0].is_shadow_banned


# ------------------------------------------------------------------ rooms


@row("SynapseAdmin.room_join", "SynapseAdmin.room_members", "SynapseAdmin.room_make_admin")
def test_people_in_rooms(world: World, admin: SynapseAdmin, alice: Client) -> None:
    bob, room = world.user("bob"), alice.create_room(preset="public_chat").room_id
    admin.rooms.add_user(room, bob.user_id)
    assert set(admin.rooms.list_members(room).members) == {alice.user_id, bob.user_id}
    admin.rooms.make_room_admin(room, bob.user_id)
    assert admin.rooms.get_state(room, "m.room.power_levels").state[0].content["users"][bob.user_id] >= 100


@row("SynapseAdmin.room_list", "SynapseAdmin.room_details", "SynapseAdmin.room_state")
def test_rooms(admin: SynapseAdmin, alice: Client) -> None:
    room = alice.create_room("Looking-glass").room_id
    (found,) = admin.rooms.list_rooms(search_term="looking-glass", order_by="name", dir="b").rooms
    assert found.room_id == room
    assert admin.rooms.get_room(room).name == "Looking-glass"
    assert "m.room.create" in [event.type for event in admin.rooms.get_state(room).state]


@row("SynapseAdmin.room_power_levels")
def test_power_levels(world: World, admin: SynapseAdmin, alice: Client) -> None:
    bob = world.user("bob")
    new = alice.create_room(power_level_content_override={"users": {bob.user_id: 30}}).room_id
    old = alice.create_room(room_version="10").room_id
    found = {one.room.room_id: one for one in report_power_levels(admin, page_size=1)}
    assert found[new].creators == (alice.user_id,)
    assert (found[new].level_of(bob.user_id), found[new].level_of(alice.user_id)) == (30, float("inf"))
    assert (found[old].users, found[old].creators) == ({alice.user_id: 100}, ())


@row("SynapseAdmin.room_delete")
def test_deleting_a_room(admin: SynapseAdmin, alice: Client) -> None:
    room = alice.create_room().room_id
    assert admin.rooms.delete_room_now(room, True, True, force_purge=True).kicked_users == [alice.user_id]
    assert admin.rooms.get_block_status(room).is_blocked is True
    with pytest.raises(NotFound):
        admin.rooms.get_room(room)


@row("SynapseAdmin.purge_history", "SynapseAdmin.purge_history_status")
def test_purging_history(admin: SynapseAdmin, alice: Client) -> None:
    room = alice.create_room().room_id
    old, last = (alice.send_text(room, body).event_id for body in ("old", "last"))
    task = admin.rooms.purge_history(room, up_to_event_id=last, delete_local_events=True)
    task.wait(60, poll_s=0.05)
    assert admin.rooms.get_purge_status(task.task_id).status == "complete"
    with pytest.raises(NotFound):
        admin.rooms.fetch_event(old)


@row("SynapseAdmin.version", "SynapseAdmin.group_delete")
def test_version_and_groups(admin: SynapseAdmin) -> None:
    assert admin.server.get_version().server_version.startswith("1.")
    with pytest.raises(UnsupportedByServer):
        admin.server.delete_group("+wonderland:localhost")


# ------------------------------------------------------------------ media


@row(
    "SynapseAdmin.room_media_list",
    "SynapseAdmin.media_quarantine",
    "SynapseAdmin.room_media_quarantine",
    "SynapseAdmin.user_media_quarantine",
    "SynapseAdmin.media_protect",
)
def test_quarantine(world: World, admin: SynapseAdmin, alice: Client) -> None:
    room = alice.create_room().room_id
    one, other, protected = (world.upload(alice) for _ in range(3))
    alice.send_image(room, "a rabbit", f"mxc://localhost/{one}")
    admin.media.protect_media(protected)
    assert admin.media.list_room_media(room).local == [f"mxc://localhost/{one}"]
    assert admin.media.quarantine_room_media(room).num_quarantined == 1
    admin.media.quarantine_media("localhost", other)
    assert admin.media.quarantine_user_media(alice.user_id).num_quarantined == 0  # all that may be, already is
    quarantined = {media.media_id: media.quarantined_by for media in admin.media.iter_user_media(alice.user_id)}
    assert quarantined == {one: world.root.user_id, other: world.root.user_id, protected: None}


@row(
    "SynapseAdmin.user_media",
    "SynapseAdmin.media_delete",
    "SynapseAdmin.media_delete_by_date_or_size",
    "SynapseAdmin.purge_media_cache",
)
def test_deleting_media(world: World, admin: SynapseAdmin, alice: Client) -> None:
    one, other = world.upload(alice), world.upload(alice, b"x" * 3000)
    assert admin.media.list_user_media(alice.user_id, order_by="media_length", dir="f").media[0].media_id == one
    admin.media.delete_media("localhost", one)
    assert admin.media.delete_media_before(days_ahead(1), 2048, keep_profiles=False).deleted_media == [other]
    assert admin.media.list_user_media(alice.user_id).total == 0
    assert admin.media.purge_remote_media(timedelta(days=1)).deleted == 0


# ------------------------------------------------------------------ registration tokens


@row(
    "SynapseAdmin.regtok_list",
    "SynapseAdmin.regtok_details",
    "SynapseAdmin.regtok_new",
    "SynapseAdmin.regtok_update",
    "SynapseAdmin.regtok_delete",
)
def test_registration_tokens(admin: SynapseAdmin) -> None:
    tokens = admin.registration_tokens
    made = tokens.new_token(length=20, uses_allowed=1, expires_at=timedelta(days=2))
    assert made.expires_at is not None
    assert abs(made.expires_at - datetime.now(timezone.utc) - timedelta(days=2)) < A_MOMENT
    assert tokens.get_token(made.token) == made
    assert tokens.update_token(made.token, uses_allowed=None, expires_at=None).uses_allowed is None
    with pytest.raises(HTTPError):
        tokens.update_token(made.token, uses_allowed=-1)
    assert [one.token for one in tokens.list_tokens(valid=True).registration_tokens] == [made.token]
    tokens.delete_token(made.token)
    assert tokens.list_tokens().registration_tokens == []
