"""`admin.users` on a real Synapse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from gomatrix_py import Client
from gomatrix_py.errors import Conflict, Forbidden, HTTPError, NotFound, UnknownToken
from gomatrix_py.synapse import days_ago
from gomatrix_py.synapse.accounts import (
    AllowCrossSigningReplacement,
    CheckUsername,
    DeactivateUser,
    FindUserByExternalId,
    FindUserByThreepid,
    GetAdminFlag,
    GetFeatures,
    GetUser,
    ListUsers,
    ListUsersV3,
    LoginAsUser,
    PutUser,
    RenewAccount,
    ResetPassword,
    SearchUsers,
    SetAdminFlag,
    SetFeatures,
    ShadowBanUser,
    SuspendUser,
    UnshadowBanUser,
)
from gomatrix_py.synapse.activity import (
    CountJoinedRooms,
    CountSentInvites,
    DeleteRateLimit,
    GetAccountData,
    GetRateLimit,
    GetUserRedaction,
    ListJoinedRooms,
    ListMemberships,
    ListPushers,
    RedactUser,
    SetRateLimit,
    WhoIsUser,
)
from gomatrix_py.synapse.devices import (
    CreateDevice,
    DeleteDevice,
    DeleteDevices,
    GetDevice,
    ListDevices,
    UpdateDevice,
)
from gomatrix_py.synapse.registration import GetNonce, RegisterWithSecret
from tests.kit.synapse_world import World, running_world, serves


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with running_world() as made:
        yield made


@pytest.fixture
def alice(world: World) -> Client:
    return world.user("alice")


def an_hour_around(moment: datetime | None) -> bool:
    now = datetime.now(timezone.utc)
    return moment is not None and moment.tzinfo is not None and abs(now - moment) < timedelta(hours=1)


# ------------------------------------------------------------------ accounts


@serves(ListUsers, ListUsersV3, GetUser)
def test_lists_and_details_agree_although_their_units_differ(world: World, alice: Client) -> None:
    row = world.admin.users.list_users(name=alice.user_id[1:12]).users[0]
    detail = world.admin.users.get_user(alice.user_id)
    assert row.user_id == detail.user_id == alice.user_id
    assert an_hour_around(row.created_at)
    assert row.created_at == detail.created_at
    assert row.raw["creation_ts"] == detail.raw["creation_ts"] * 1000
    assert (detail.is_admin, detail.is_guest, detail.is_suspended) == (False, False, False)
    third = world.admin.users.list_users_v3(user_id=alice.user_id, deactivated=False).users
    assert [one.user_id for one in third] == [alice.user_id]


@serves(ListUsers)
def test_pages_are_walked_to_their_end(world: World, alice: Client) -> None:
    world.user("more")
    in_one = {user.user_id for user in world.admin.users.iter_users()}
    one_by_one = [user.user_id for user in world.admin.users.iter_users(page_size=1)]
    assert set(one_by_one) == in_one
    assert len(one_by_one) == len(in_one) == world.admin.users.list_users().total
    assert alice.user_id in in_one


@serves(PutUser)
def test_an_account_is_made_and_changed(world: World) -> None:
    user_id = "@made/by?an#admin:localhost"
    with pytest.raises(HTTPError):  # such a name is none, but it arrives whole
        world.admin.users.put_user(user_id, password="x" * 9)
    user_id = "@made-by-an-admin:localhost"
    made = world.admin.users.put_user(
        user_id,
        password="x" * 9,
        displayname="Made",
        threepids=[("email", "made@example.org")],
        external_ids=[("oidc-test", "made/1")],
        user_type="bot",
    )
    assert (made.displayname, made.user_type) == ("Made", "bot")
    assert [(one.medium, one.address) for one in made.threepids] == [("email", "made@example.org")]
    assert an_hour_around(made.threepids[0].added_at)
    changed = world.admin.users.put_user(user_id, displayname="", user_type=None, threepids=made.threepids)
    assert (changed.displayname or "", changed.user_type) == ("", None)
    assert len(changed.threepids) == len(changed.external_ids) == 1  # replaced by itself; and left alone
    assert world.admin.users.put_user(user_id, external_ids=()).external_ids == []


@serves(FindUserByExternalId, FindUserByThreepid)
def test_people_are_found_by_other_ids(world: World, alice: Client) -> None:
    world.admin.users.put_user(
        alice.user_id, threepids=[("email", "alice+a@example.org")], external_ids=[("oidc-test", "a/b?c#d")]
    )
    assert world.admin.users.find_user_by_threepid("email", "alice+a@example.org").user_id == alice.user_id
    assert world.admin.users.find_user_by_external_id("oidc-test", "a/b?c#d").user_id == alice.user_id
    with pytest.raises(NotFound):
        world.admin.users.find_user_by_threepid("email", "nobody@example.org")
    with pytest.raises(NotFound):
        world.admin.users.find_user_by_external_id("oidc-test", "nobody")


@serves(SearchUsers)
def test_a_search_shows_no_password_hashes(world: World, alice: Client) -> None:
    (found,) = world.admin.users.search_users(world.root.user_id, alice.user_id)
    assert found.user_id == alice.user_id
    raw = world.admin.make_request("GET", "v1", "search_users", alice.user_id, query={"term": alice.user_id})
    assert raw[0]["password_hash"]  # Synapse does send it
    assert "password_hash" not in found.raw
    assert "password_hash" not in found.extra


@serves(DeactivateUser)
def test_an_account_is_closed_and_erased(world: World, alice: Client) -> None:
    assert world.admin.users.deactivate_user(alice.user_id, erase=True).id_server_unbind_result
    closed = world.admin.users.get_user(alice.user_id)
    assert (closed.is_deactivated, closed.is_erased) == (True, True)
    assert world.admin.users.list_users(user_id=alice.user_id).users == []
    assert len(world.admin.users.list_users(user_id=alice.user_id, deactivated=True).users) == 1
    assert len(world.admin.users.list_users_v3(user_id=alice.user_id).users) == 1


@serves(SuspendUser)
def test_a_user_is_suspended_and_not(world: World, alice: Client) -> None:
    assert world.admin.users.suspend_user(alice.user_id).is_suspended is True
    assert world.admin.users.get_user(alice.user_id).is_suspended is True
    assert world.admin.users.suspend_user(alice.user_id, False).is_suspended is False


@serves(ResetPassword)
def test_a_password_is_reset_with_and_without_ending_sessions(world: World, alice: Client) -> None:
    world.admin.users.reset_password(alice.user_id, "another rabbit", logout_devices=False)
    assert alice.whoami().user_id == alice.user_id
    world.admin.users.reset_password(alice.user_id, "a third rabbit")
    with pytest.raises(UnknownToken):
        alice.whoami()
    alice.login_with_password(alice.user_id, "a third rabbit")


@serves(GetAdminFlag, SetAdminFlag)
def test_a_user_becomes_administrator_and_not(world: World, alice: Client) -> None:
    assert world.admin.users.get_admin_flag(alice.user_id).is_admin is False
    world.admin.users.set_admin_flag(alice.user_id, True)
    assert world.admin.users.get_admin_flag(alice.user_id).is_admin is True
    world.admin.users.set_admin_flag(alice.user_id, False)
    with pytest.raises(HTTPError, match="demote"):
        world.admin.users.set_admin_flag(world.root.user_id, False)


@serves(LoginAsUser)
def test_logging_in_as_somebody(world: World, alice: Client) -> None:
    answer = world.admin.users.login_as_user(alice.user_id, timedelta(hours=1))
    assert answer.access_token not in repr(answer)
    with Client(world.server.url, access_token=answer.access_token) as client:
        who = client.whoami()
        assert (who.user_id, who.device_id) == (alice.user_id, None)
    with pytest.raises(HTTPError, match="self"):
        world.admin.users.login_as_user(world.root.user_id)


@serves(ShadowBanUser, UnshadowBanUser)
def test_a_shadow_ban(world: World, alice: Client) -> None:
    world.admin.users.shadow_ban_user(alice.user_id)
    assert world.admin.users.get_user(alice.user_id).is_shadow_banned is True
    world.admin.users.unshadow_ban_user(alice.user_id)
    assert world.admin.users.get_user(alice.user_id).is_shadow_banned is False
    with pytest.raises(NotFound):
        world.admin.users.shadow_ban_user("@ghost:localhost")


@serves(CheckUsername)
def test_usernames_are_free_taken_or_none(world: World, alice: Client) -> None:
    assert world.admin.users.check_username("nobody-yet").is_available is True
    with pytest.raises(Conflict):
        world.admin.users.check_username(alice.user_id[1:].partition(":")[0])
    with pytest.raises(HTTPError) as failure:
        world.admin.users.check_username("two words")
    assert failure.value.errcode == "M_INVALID_USERNAME"


@serves(AllowCrossSigningReplacement)
def test_cross_signing_keys_may_be_replaced_for_a_while(world: World, alice: Client) -> None:
    with pytest.raises(NotFound):
        world.admin.users.allow_cross_signing_replacement(alice.user_id)
    key = "u" * 43
    alice.upload_cross_signing_keys(
        master_key={"user_id": alice.user_id, "usage": ["master"], "keys": {f"ed25519:{key}": key}}
    )
    until = world.admin.users.allow_cross_signing_replacement(alice.user_id).updatable_until
    assert an_hour_around(until)


@serves(RenewAccount)
def test_an_account_is_valid_for_longer(world: World, alice: Client) -> None:
    until = datetime.now(timezone.utc) + timedelta(days=400)
    renewed = world.admin.users.renew_account(alice.user_id, until, enable_renewal_emails=False).expires_at
    assert renewed is not None
    assert abs(renewed - until) < timedelta(milliseconds=1)


@serves(GetFeatures, SetFeatures)
def test_features_under_trial(world: World, alice: Client) -> None:
    world.admin.users.set_features(alice.user_id, {"msc3881": True})
    assert world.admin.users.get_features(alice.user_id).features["msc3881"] is True
    with pytest.raises(HTTPError):
        world.admin.users.set_features(alice.user_id, {"no such feature": True})


@serves(GetNonce, RegisterWithSecret)
def test_registration_with_the_shared_secret(world: World) -> None:
    secret = world.server._settings()["registration_shared_secret"]
    made = world.admin.users.register(secret, "Herta-U", "rabbit", displayname="Herta", user_type="bot")
    assert made.user_id == "@herta-u:localhost"  # the code is over what was sent, the id is lower-cased
    assert made.access_token
    assert made.access_token not in repr(made)
    assert world.admin.users.get_user(made.user_id).user_type == "bot"
    boss = world.admin.users.register(secret, "boss", "rabbit", admin=True, inhibit_login=True)
    assert boss.access_token is None
    assert world.admin.users.get_admin_flag(boss.user_id).is_admin is True
    with pytest.raises(Conflict):
        world.admin.users.register(secret, "boss", "rabbit")
    with pytest.raises(Forbidden, match="HMAC"):
        world.admin.users.register("not the secret", "somebody", "rabbit")


# ------------------------------------------------------------------ activity


@serves(WhoIsUser)
def test_from_where_a_user_is_connected(world: World, alice: Client) -> None:
    alice.joined_rooms()
    (connection, *_) = world.admin.users.whois(alice.user_id).connections
    assert connection.ip == "127.0.0.1"
    assert an_hour_around(connection.last_seen_at)


@serves(ListJoinedRooms, ListMemberships, CountSentInvites, CountJoinedRooms)
def test_what_a_user_is_in_and_did(world: World, alice: Client) -> None:
    bob = world.user("bob")
    room = alice.create_room(invite=[bob.user_id]).room_id
    assert world.admin.users.list_joined_rooms(alice.user_id).joined_rooms == [room]
    assert world.admin.users.list_joined_rooms("@ghost:localhost").joined_rooms == []
    assert world.admin.users.list_memberships(bob.user_id).memberships == {room: "invite"}
    assert world.admin.users.count_sent_invites(alice.user_id, 0).invite_count == 1
    assert world.admin.users.count_sent_invites(alice.user_id, timedelta(days=1)).invite_count == 1
    assert world.admin.users.count_joined_rooms(alice.user_id, days_ago(1)).cumulative_joined_room_count == 1


@serves(ListPushers, GetAccountData)
def test_pushers_and_account_data(world: World, alice: Client) -> None:
    alice.set_pusher(
        "pushkey",
        "org.example",
        "http",
        app_display_name="App",
        device_display_name="Phone",
        lang="en",
        data={"url": "https://127.0.0.1:9/_matrix/push/v1/notify"},
    )
    alice.set_account_data("org.example.x", {"a": 1})
    (pusher,) = world.admin.users.list_pushers(alice.user_id).pushers
    assert (pusher.app_id, pusher.kind, pusher.is_enabled) == ("org.example", "http", True)
    data = world.admin.users.get_account_data(alice.user_id).account_data
    assert data.everywhere["org.example.x"] == {"a": 1}


@serves(GetRateLimit, SetRateLimit, DeleteRateLimit)
def test_limits_of_a_user(world: World, alice: Client) -> None:
    assert world.admin.users.get_rate_limit(alice.user_id).messages_per_second is None
    assert world.admin.users.set_rate_limit(alice.user_id, messages_per_second=7, burst_count=9).burst_count == 9
    assert world.admin.users.get_rate_limit(alice.user_id).messages_per_second == 7
    world.admin.users.delete_rate_limit(alice.user_id)
    assert world.admin.users.get_rate_limit(alice.user_id).burst_count is None


@serves(RedactUser, GetUserRedaction)
def test_all_that_a_user_sent_is_redacted(world: World, alice: Client) -> None:
    room = alice.create_room().room_id
    event_id = alice.send_text(room, "secret").event_id
    task = world.admin.users.redact_user(alice.user_id, reason="spam")
    assert task.wait(60, poll_s=0.1).failed_redactions == {}
    assert alice.get_event(room, event_id).content == {}


# ------------------------------------------------------------------ devices


@serves(ListDevices, CreateDevice, GetDevice, UpdateDevice, DeleteDevice, DeleteDevices)
def test_devices_come_and_go(world: World, alice: Client) -> None:
    users, odd = world.admin.users, "a/b?c#d ü"
    users.create_device(alice.user_id, odd)
    users.create_device(alice.user_id, odd)  # again is no error
    users.update_device(alice.user_id, odd, "Odd")
    device = users.get_device(alice.user_id, odd)
    assert (device.display_name, device.last_seen_at, device.is_dehydrated) == ("Odd", None, False)
    found = users.list_devices(alice.user_id)
    assert {one.device_id for one in found.devices} == {odd, alice.device_id}
    users.delete_device(alice.user_id, odd)
    users.delete_device(alice.user_id, "never was")
    users.delete_devices(alice.user_id, [alice.device_id, "never was"])
    assert users.list_devices(alice.user_id).devices == []
    with pytest.raises(UnknownToken):
        alice.whoami()
