"""Checks of operations on accounts: signing in, sessions, profile, settings, notifications, the server itself."""

from __future__ import annotations

import pytest

from gomatrix_py.api.push import PushRuleKind
from gomatrix_py.errors import Conflict, Forbidden, UnknownToken, UserInteractive
from gomatrix_py.events.contents.ephemeral import Presence

from .served import PASSWORD, Calling, World, serves

__all__: list[str] = []


def password_for(client: Calling, session: str = "") -> dict[str, object]:
    identifier = {"type": "m.id.user", "user": client.user_id}
    auth: dict[str, object] = {"type": "m.login.password", "identifier": identifier, "password": PASSWORD}
    return {**auth, "session": session} if session else auth


# ------------------------------------------------------------------ signing in


@serves("getLoginFlows", "login", "logout")
def sign_in(world: World) -> None:
    assert "m.login.password" in [flow.type for flow in world.nobody().get_login_flows().flows]
    client = world.nobody()
    answer = client.login_with_password("bob", PASSWORD, device_id="SECOND")
    assert (answer.user_id, answer.device_id, client.whoami().device_id) == (world.bob.user_id, "SECOND", "SECOND")
    token = client.access_token
    client.logout()
    client.set_credentials(world.bob.user_id, token)
    with pytest.raises(UnknownToken):
        client.whoami()


@serves("logout_all")
def sign_out_everywhere(world: World) -> None:
    person = world.person()
    other = world.nobody()
    other.login_with_password(person.user_id, PASSWORD)
    person.logout_all()
    with pytest.raises(UnknownToken):
        other.whoami()


@serves("refresh")
def renew_tokens(world: World) -> None:
    client = world.nobody()
    identifier = {"type": "m.id.user", "user": "bob"}
    first = client.make_request(
        "POST",
        client.build_url("login"),
        {"type": "m.login.password", "identifier": identifier, "password": PASSWORD, "refresh_token": True},
    )
    renewed = client.refresh(first["refresh_token"])
    assert renewed.access_token not in ("", first["access_token"])
    assert renewed.expires_in_ms is None or renewed.expires_in_ms > 0


@serves("generateLoginToken")
def token_for_another_device(world: World) -> None:
    token = world.bob.generate_login_token().login_token
    client = world.nobody()
    assert client.login("m.login.token", token=token).user_id == world.bob.user_id


@serves("register", "checkUsernameAvailability")
def make_an_account(world: World) -> None:
    name, client = world.name(), world.nobody()
    assert client.register_available(name).available
    with pytest.raises(UserInteractive) as wanted:
        client.register(name, PASSWORD)
    auth = {"type": "m.login.dummy", "session": wanted.value.session}
    assert client.register(name, PASSWORD, auth=auth).user_id == f"@{name}:localhost"
    with pytest.raises(Conflict):
        client.register_available(name)


@serves("registrationTokenValidity")
def registration_token(world: World) -> None:
    assert world.nobody().get_registration_token_validity("nonsense").valid is False


@serves("changePassword", "deactivateAccount")
def password_and_end(world: World) -> None:
    person = world.person()
    person.change_password("another", auth=password_for(person))
    client = world.nobody()
    client.login_with_password(person.user_id, "another")
    auth = {**password_for(person), "password": "another"}
    client.deactivate_account(auth=auth)
    with pytest.raises(Forbidden):
        world.nobody().login_with_password(person.user_id, "another")


@serves("getTokenOwner", "requestOpenIdToken")
def who_are_we(world: World) -> None:
    assert world.alice.whoami().user_id == world.alice.user_id
    proof = world.alice.request_openid_token()
    assert (proof.token_type, proof.matrix_server_name) == ("Bearer", "localhost")


# ------------------------------------------------------------------ devices and ids


@serves("getDevices", "getDevice", "updateDevice", "deleteDevice", "deleteDevices")
def devices(world: World) -> None:
    person = world.person()
    for device_id in ("ONE", "TWO"):
        world.nobody().login_with_password(person.user_id, PASSWORD, device_id=device_id)
    assert {one.device_id for one in person.get_devices_info().devices} == {person.device_id, "ONE", "TWO"}
    person.set_device_info("ONE", "kitchen")
    assert person.get_device_info("ONE").display_name == "kitchen"
    person.delete_device("ONE", auth=password_for(person))
    person.delete_devices(["TWO"], auth=password_for(person))
    assert [one.device_id for one in person.get_devices_info().devices] == [person.device_id]


@serves("getAccount3PIDs", "delete3pidFromAccount", "unbind3pidFromAccount")
def third_party_ids(world: World) -> None:
    person, address = world.person(), f"{world.name()}@example.org"
    url = world.admin.build_base_url("_synapse", "admin", "v2", "users", person.user_id)
    world.admin.make_request("PUT", url, {"threepids": [{"medium": "email", "address": address}]})
    (ours,) = person.get_third_party_ids().threepids
    assert (ours.medium, ours.address) == ("email", address)
    assert person.unbind_third_party_id("email", address).id_server_unbind_result in ("success", "no-support")
    assert person.delete_third_party_id("email", address).id_server_unbind_result in ("success", "no-support")
    assert person.get_third_party_ids().threepids == []


# ------------------------------------------------------------------ what we tell of ourselves


@serves("getUserProfile", "getProfileField", "setProfileField", "deleteProfileField")
def profile(world: World) -> None:
    person = world.person()
    person.set_profile_field("displayname", "The Hatter")
    person.set_profile_field("m.tz", "Europe/London")
    whole = world.alice.get_profile(person.user_id)
    assert (whole.display_name, whole.time_zone) == ("The Hatter", "Europe/London")
    assert world.alice.get_profile_field(person.user_id, "m.tz") == {"m.tz": "Europe/London"}
    person.delete_profile_field("m.tz")
    assert world.alice.get_profile(person.user_id).time_zone is None


@serves("setPresence", "getPresence")
def presence(world: World) -> None:
    world.alice.set_status(Presence.UNAVAILABLE, "having tea")
    told = world.alice.get_status(world.alice.user_id)
    assert (told.presence, told.status_msg) == (Presence.UNAVAILABLE, "having tea")


@serves("setAccountData", "getAccountData", "setAccountDataPerRoom", "getAccountDataPerRoom")
def account_data(world: World) -> None:
    room_id = world.room()
    world.alice.set_account_data("org.example.tea", {"cups": 2})
    assert world.alice.get_account_data("org.example.tea") == {"cups": 2}
    world.alice.set_room_account_data(room_id, "org.example.tea", {"cups": 3})
    assert world.alice.get_room_account_data(room_id, "org.example.tea") == {"cups": 3}


@serves("setRoomTag", "getRoomTags", "deleteRoomTag")
def tags(world: World) -> None:
    room_id = world.room()
    world.alice.add_tag(room_id, "m.favourite", 0.25)
    assert world.alice.get_tags(room_id).tags["m.favourite"].order == 0.25
    world.alice.remove_tag(room_id, "m.favourite")
    assert world.alice.get_tags(room_id).tags == {}


# ------------------------------------------------------------------ notifications


@serves("getPushers", "postPusher")
def pushers(world: World) -> None:
    person = world.person()
    data = {"url": "https://127.0.0.1:1/_matrix/push/v1/notify", "format": "event_id_only"}
    person.set_pusher(
        "key",
        "org.example.tea",
        "http",
        app_display_name="Tea",
        device_display_name="Pot",
        lang="en",
        data=data,
    )
    (pusher,) = person.get_pushers().pushers
    assert (pusher.pushkey, pusher.kind, pusher.data.url) == ("key", "http", data["url"])
    person.set_pusher("key", "org.example.tea", None)
    assert person.get_pushers().pushers == []


@serves("getPushRules", "getPushRulesGlobal", "getPushRule", "setPushRule", "deletePushRule")
def push_rules(world: World) -> None:
    person, kind = world.person(), PushRuleKind.CONTENT
    person.put_push_rule(kind, "tea", ["notify"], pattern="tea*")
    assert person.get_push_rule(kind, "tea").pattern == "tea*"
    everything = person.get_push_rules()
    assert everything.global_ == person.get_global_push_rules()
    assert "tea" in [rule.rule_id for rule in everything.global_.content or ()]
    person.delete_push_rule(kind, "tea")
    assert "tea" not in [rule.rule_id for rule in person.get_global_push_rules().content or ()]


@serves("isPushRuleEnabled", "setPushRuleEnabled", "getPushRuleActions", "setPushRuleActions")
def push_rule_parts(world: World) -> None:
    person, kind, rule = world.person(), "underride", ".m.rule.message"
    assert person.get_push_rule_enabled(kind, rule).enabled
    person.set_push_rule_enabled(kind, rule, False)
    assert not person.get_push_rule_enabled(kind, rule).enabled
    person.put_push_rule_actions(kind, rule, ["notify", {"set_tweak": "sound", "value": "default"}])
    assert len(person.get_push_rule_actions(kind, rule).actions) == 2


@serves("getNotifications")
def notifications(world: World) -> None:
    person = world.person()
    room_id = world.alice.create_room(invite=[person.user_id]).room_id
    person.join_room(room_id)
    event_id = world.alice.send_text(room_id, f"{person.user_id[1:].partition(':')[0]}, tea is ready").event_id
    found = person.get_notifications(limit=10).notifications
    assert event_id in [one.event.event_id for one in found]


# ------------------------------------------------------------------ the server


@serves("getVersions", "getCapabilities", "getWellknown", "getTurnServer")
def the_server(world: World) -> None:
    assert "v1.11" in world.nobody().versions().versions
    versions = world.alice.capabilities().capabilities.room_versions
    assert versions is not None
    assert versions.available[versions.default] == "stable"
    assert world.nobody().get_well_known().homeserver.base_url.rstrip("/") == world.server.url
    assert world.alice.turn_server().uris == ["turn:127.0.0.1:3478?transport=udp"]


@serves("getWhoIs")
def where_from(world: World) -> None:
    world.alice.whoami()
    told = world.admin.admin_whois(world.alice.user_id)
    assert told.user_id == world.alice.user_id
    assert told.devices
