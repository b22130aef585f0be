"""What Synapse serves of proposals, each switched on in a server of this module's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gomatrix_py import Client
from gomatrix_py.api.profile import DeleteProfileField
from gomatrix_py.api.server_proposals import RetentionPolicy
from gomatrix_py.errors import NotFound, UnsupportedByServer
from gomatrix_py.testing import DevServer
from tests.meta.make_operations_table import methods_by_endpoint
from tests.meta.operations import proposed

CONFIG = {
    "max_event_delay_duration": "24h",
    "matrix_rtc": {"transports": [{"type": "livekit", "livekit_service_url": "http://127.0.0.1:1"}]},
    "retention": {"enabled": True, "default_policy": {"min_lifetime": "1d", "max_lifetime": "1y"}},
    "rc_delayed_event_mgmt": {"per_second": 1000, "burst_count": 1000},
    "experimental_features": {
        "msc1763_enabled": True,
        "msc2815_enabled": True,
        "msc3391_enabled": True,
        "msc3720_enabled": True,
        "msc3814_enabled": True,
        "msc4069_profile_inhibit_propagation": True,
        "msc4143_enabled": True,
        "msc4306_enabled": True,
        "msc4354_enabled": True,
    },
}


@pytest.fixture(scope="module")
def server() -> Iterator[DevServer]:
    """A Synapse with proposals."""
    with DevServer(config=CONFIG) as server:
        yield server


@pytest.fixture(scope="module")
def admin(server: DevServer) -> Client:
    """An administrator of it."""
    return server.register("admin", "wonderland", admin=True)


@pytest.fixture
def room(admin: Client) -> str:
    """A room of the administrator's."""
    return admin.create_room("Proposals").room_id


def test_an_event_is_sent_later_or_called_off(admin: Client, room: str) -> None:
    content = {"body": "late", "msgtype": "m.text"}
    waiting = admin.send_delayed_event(room, "m.room.message", content, timedelta(hours=1)).delay_id
    (listed,) = admin.get_delayed_events().delayed_events
    assert (listed.delay_id, listed.room_id, listed.content) == (waiting, room, content)
    assert (listed.type, listed.delay_ms, listed.state_key) == ("m.room.message", 3_600_000, None)
    assert admin.get_delayed_event(waiting).delayed_since_ts == listed.delayed_since_ts > 0
    admin.restart_delayed_event(waiting)
    admin.send_delayed_event_now(waiting)
    assert admin.get_delayed_events().delayed_events == []
    assert [event.content for event in admin.messages_iter(room, limit=1)] == [content]
    topic = admin.send_delayed_state_event(room, "m.room.topic", "", {"topic": "later"}, 60_000).delay_id
    assert admin.get_delayed_event(topic).state_key == ""
    admin.cancel_delayed_event(topic)
    with pytest.raises(NotFound):
        admin.get_delayed_event(topic)


def test_a_thread_is_followed(admin: Client, room: str) -> None:
    root = admin.send_text(room, "root").event_id
    with pytest.raises(NotFound):
        admin.get_thread_subscription(room, root)
    admin.subscribe_to_thread(room, root)
    assert admin.get_thread_subscription(room, root).automatic is False
    assert admin.get_thread_subscriptions().subscribed[room][root].automatic is False
    admin.unsubscribe_from_thread(room, root)
    listed = admin.get_thread_subscriptions()
    assert listed.subscribed == {}
    assert listed.unsubscribed[room][root].bump_stamp > 0


def test_account_data_is_deleted(admin: Client, room: str) -> None:
    admin.set_account_data("org.example.a", {"a": 1})
    admin.delete_account_data("org.example.a")
    with pytest.raises(NotFound):
        admin.get_account_data("org.example.a")
    admin.set_room_account_data(room, "org.example.a", {"a": 1})
    admin.delete_room_account_data(room, "org.example.a")
    with pytest.raises(NotFound):
        admin.get_room_account_data(room, "org.example.a")


def test_a_device_waits_on_the_server(admin: Client) -> None:
    user, keys = admin.user_id, {"ed25519:DEHYDRATED": "a", "curve25519:DEHYDRATED": "b"}
    device_keys = {
        "user_id": user,
        "device_id": "DEHYDRATED",
        "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
        "keys": keys,
        "signatures": {user: {"ed25519:DEHYDRATED": "c"}},
    }
    data = {"algorithm": "org.example.none", "account": "secret"}
    assert admin.put_dehydrated_device("DEHYDRATED", data, device_keys).device_id == "DEHYDRATED"
    assert admin.get_dehydrated_device().device_data == data
    admin.send_to_device("org.example.hello", {user: {"DEHYDRATED": {"a": 1}}})
    (event,) = admin.get_dehydrated_device_events("DEHYDRATED").events
    assert (event.type, event.content) == ("org.example.hello", {"a": 1})
    assert admin.delete_dehydrated_device().device_id == "DEHYDRATED"
    with pytest.raises(NotFound):
        admin.get_dehydrated_device()


def test_what_the_server_tells_of_itself(admin: Client) -> None:
    assert admin.get_retention_configuration().policies == {"*": RetentionPolicy(86_400_000, 31_536_000_000)}
    statuses = admin.get_account_statuses([admin.user_id, "@nobody:localhost"]).account_statuses
    assert {user: one.exists for user, one in statuses.items()} == {admin.user_id: True, "@nobody:localhost": False}
    assert [one["type"] for one in admin.get_rtc_transports().rtc_transports] == ["livekit"]


def test_events_that_stick_and_events_that_were_redacted(admin: Client, room: str) -> None:
    sticky = admin.send_sticky_event(room, "org.example.hand", {"raised": True}, timedelta(minutes=1)).event_id
    assert admin.get_event(room, sticky).content == {"raised": True}
    said = admin.send_text(room, "unsaid").event_id
    admin.redact_event(room, said)
    assert admin.get_event(room, said).content == {}
    assert admin.get_unredacted_event(room, said).content["body"] == "unsaid"


def test_a_quiet_change_of_the_profile(admin: Client, room: str) -> None:
    admin.set_profile_field_quietly("displayname", "Quiet")
    assert admin.get_own_display_name().display_name == "Quiet"
    assert admin.joined_members(room).joined[admin.user_id].display_name != "Quiet"


def test_every_proposal_is_called() -> None:
    """Sliding sync has tests of its own."""
    source = Path(__file__).read_text(encoding="utf-8")
    methods = {name for endpoint, name in methods_by_endpoint().items() if endpoint.MSC not in (0, 4186)}
    assert len(methods) == len(proposed()) - 1
    assert [name for name in methods if f"admin.{name}(" not in source] == []


def test_a_server_without_them_says_so(alice: Client) -> None:
    assert not alice.supports("org.matrix.msc4306")
    assert alice.supports("v1.11")
    assert alice.supports(DeleteProfileField)  # of 1.16, which is not listed yet
    with pytest.raises(UnsupportedByServer, match="MSC4308"):
        alice.get_thread_subscriptions()
    with pytest.raises(UnsupportedByServer, match="MSC3814"):
        alice.get_dehydrated_device()
