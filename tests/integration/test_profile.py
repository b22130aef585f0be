"""Profiles, presence, receipts, typing and relay servers on a real homeserver."""

from __future__ import annotations

import pytest

from gomatrix_py import Client, EventSource
from gomatrix_py.errors import Forbidden, NotFound
from tests.kit.recorder import Recorder
from tests.kit.waiting import wait_until


def test_display_name(alice: Client, bob: Client) -> None:
    alice.set_display_name("Alice Liddell ☕")
    assert alice.get_own_display_name().display_name == "Alice Liddell ☕"
    assert bob.get_display_name(alice.user_id).display_name == "Alice Liddell ☕"


def test_avatar(alice: Client, bob: Client) -> None:
    assert alice.get_avatar_url() == ""
    alice.set_avatar_url("mxc://localhost/cheshire")
    assert alice.get_avatar_url() == bob.get_avatar_url(alice.user_id) == "mxc://localhost/cheshire"


def test_the_whole_profile(alice: Client, bob: Client) -> None:
    alice.set_display_name("Alice")
    alice.set_avatar_url("mxc://localhost/cat")
    alice.set_profile_field("com.example.tea", "Earl Grey")
    profile = bob.get_profile(alice.user_id)
    assert (profile.display_name, profile.avatar_url) == ("Alice", "mxc://localhost/cat")
    assert profile.extra["com.example.tea"] == "Earl Grey"
    assert bob.get_profile_field(alice.user_id, "com.example.tea") == {"com.example.tea": "Earl Grey"}


def test_nobody_has_no_profile(alice: Client) -> None:
    with pytest.raises(NotFound):
        alice.get_profile("@nobody-at-all:localhost")


def test_presence(alice: Client, bob: Client, room_id: str) -> None:
    alice.set_status("online", "at tea")
    assert (alice.get_own_status().presence, alice.get_own_status().status_msg) == ("online", "at tea")
    seen = bob.get_status(alice.user_id)  # they share a room
    assert (seen.presence, seen.status_msg) == ("online", "at tea")
    assert seen.last_active_ago is not None
    alice.set_status("unavailable")
    assert bob.get_status(alice.user_id).presence == "unavailable"


def test_presence_of_strangers_is_not_shown(alice: Client, bob: Client) -> None:
    with pytest.raises(Forbidden):
        bob.get_status(alice.user_id)


def test_turn_server(alice: Client) -> None:
    server = alice.turn_server()
    assert server.uris == ["turn:127.0.0.1:3478?transport=udp"]
    assert alice.user_id in server.username
    assert server.ttl > 0
    assert server.password
    assert server.password not in repr(server)


def _ephemeral(client: Client, event_type: str) -> Recorder:
    seen = Recorder()
    client.syncer.on_source(EventSource.EPHEMERAL, seen, event_type=event_type)  # type: ignore[attr-defined]
    client.sync_once()
    return seen


def test_receipts_reach_the_others(alice: Client, bob: Client, room_id: str) -> None:
    event_id = alice.send_text(room_id, "read me").event_id
    seen = _ephemeral(alice, "m.receipt")
    bob.mark_read(room_id, event_id)
    wait_until(lambda: bool(alice.sync_once(2000) and seen.events), "the receipt came")
    assert bob.user_id in seen.events[-1].content[event_id]["m.read"]
    assert seen.events[-1].room_id == room_id


def test_a_receipt_in_a_thread(alice: Client, bob: Client, room_id: str) -> None:
    event_id = alice.send_text(room_id, "root").event_id
    seen = _ephemeral(alice, "m.receipt")
    bob.send_receipt(room_id, "m.read", event_id, "main")
    wait_until(lambda: bool(alice.sync_once(2000) and seen.events), "the receipt came")
    assert seen.events[-1].content[event_id]["m.read"][bob.user_id]["thread_id"] == "main"


def test_a_private_receipt_stays_private(alice: Client, bob: Client, room_id: str) -> None:
    event_id = alice.send_text(room_id, "read me").event_id
    others, own = _ephemeral(alice, "m.receipt"), _ephemeral(bob, "m.receipt")
    bob.send_receipt(room_id, "m.read.private", event_id)
    wait_until(lambda: bool(bob.sync_once(2000) and own.events), "Bob's own receipt came")
    assert bob.user_id in own.events[-1].content[event_id]["m.read.private"]
    alice.sync_once()
    assert others.events == []


def test_typing_reaches_the_others(alice: Client, bob: Client, room_id: str) -> None:
    seen = _ephemeral(alice, "m.typing")
    bob.user_typing(room_id, True, 20_000)
    wait_until(lambda: bool(alice.sync_once(2000) and seen.events), "somebody types")
    assert seen.events[-1].content["user_ids"] == [bob.user_id]
    bob.user_typing(room_id, False)
    wait_until(
        lambda: bool(alice.sync_once(2000)) and seen.events[-1].content["user_ids"] == [], "nobody types any more"
    )
