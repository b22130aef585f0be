"""What a sync with a real homeserver delivers, and what it keeps to itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gomatrix_py import Client, DefaultSyncer, Event, EventSource, InMemoryStore, SyncResponse
from gomatrix_py.errors import ListenerFailed
from gomatrix_py.store import SyncStorer
from gomatrix_py.sync import raise_listener_error
from gomatrix_py.testing.pytest_plugin import MatrixUser
from tests.kit.recorder import Recorder


def syncer_of(client: Client) -> DefaultSyncer:
    """Return the client's syncer, which these tests know to be the default one."""
    assert isinstance(client.syncer, DefaultSyncer)
    return client.syncer


def record(client: Client, event_type: str | None = None, source: EventSource | None = None) -> Recorder:
    """Listen on a client."""
    recorder = Recorder()
    if source is not None:
        syncer_of(client).on_source(source, recorder, event_type=event_type)
    elif event_type is not None:
        syncer_of(client).on_event_type(event_type, recorder)
    else:
        syncer_of(client).on_event(recorder)
    return recorder


def sync_until(client: Client, is_enough: Callable[[], bool]) -> None:
    """Sync until it is enough, some rounds at most."""
    for _ in range(10):
        client.sync_once(1000)
        if is_enough():
            return
    raise AssertionError("ten syncs did not bring it")


# ------------------------------------------------------------------ who hears what


def test_each_listener_hears_what_it_asked_for(alice: Client, bob: Client, room_id: str) -> None:
    bob.sync_once()
    syncer = syncer_of(bob)
    by_type, by_source, by_both, everything = Recorder(), Recorder(), Recorder(), Recorder()
    responses: list[tuple[SyncResponse, str]] = []
    syncer.on_event_type("m.room.message", by_type)
    syncer.on_source(EventSource.TIMELINE, by_source)
    syncer.on_source(EventSource.TIMELINE, by_both, event_type="m.room.topic")
    syncer.on_event(everything)
    syncer.on_response(lambda response, since: responses.append((response, since)))
    since = bob.store.load_next_batch(bob.user_id)
    message = alice.send_text(room_id, "hello").event_id
    topic = alice.send_state_event(room_id, "m.room.topic", "", {"topic": "t"}).event_id
    sync_until(bob, lambda: topic in everything.ids)
    assert by_type.ids == [message]
    assert by_source.ids == [message, topic]
    assert by_both.ids == [topic]
    assert [one for one in everything.ids if one] == [message, topic]
    assert responses[0][1] == since
    assert responses[-1][0].next_batch == bob.store.load_next_batch(bob.user_id)
    event = by_type.events[0]
    assert (event.room_id, event.source, event.sender) == (room_id, EventSource.TIMELINE, alice.user_id)


def test_listeners_as_decorators_and_taken_away_again(alice: Client, bob: Client, room_id: str) -> None:
    bob.sync_once()
    syncer = syncer_of(bob)
    heard: list[str | None] = []

    @syncer.on_event_type("m.room.message")
    def by_type(event: Event) -> None:
        heard.append(f"type {event.body}")

    @syncer.on_event()
    def everything(event: Event) -> None:
        if event.body is not None:
            heard.append(f"all {event.body}")

    @syncer.on_source(EventSource.TIMELINE)
    def by_source(event: Event) -> None:
        heard.append(f"source {event.body}")

    alice.send_text(room_id, "one")
    sync_until(bob, lambda: bool(heard))
    assert heard == ["type one", "all one", "source one"]
    syncer.remove_listener(everything)
    syncer.remove_listener(by_source)
    alice.send_text(room_id, "two")
    sync_until(bob, lambda: len(heard) > 3)
    assert heard[3:] == ["type two"]


def test_an_echo_between_two_users(alice: Client, bob: Client, room_id: str) -> None:
    for client in (alice, bob):
        client.sync_once()

    @syncer_of(bob).on_event_type("m.room.message")
    def answer(event: Event) -> None:
        if event.sender != bob.user_id:
            bob.send_notice(event.room_id, f"you said: {event.body}")

    heard = record(alice, "m.room.message")
    alice.send_text(room_id, "is it tea time?")
    sync_until(bob, lambda: "is it tea time?" in str(alice.messages(room_id, limit=3).chunk[0].raw))
    sync_until(alice, lambda: len(heard.events) == 2)
    assert heard.bodies == ["is it tea time?", "you said: is it tea time?"]
    assert heard.events[1].message_type == "m.notice"


def test_a_listener_that_raises_is_logged_and_stops_nobody(
    alice: Client, bob: Client, room_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    bob.sync_once()

    def broken(event: Event) -> None:
        raise RuntimeError(f"cannot bear {event.body}")

    syncer_of(bob).on_event_type("m.room.message", broken)
    heard = record(bob, "m.room.message")
    for body in ("one", "two"):
        alice.send_text(room_id, body)
    sync_until(bob, lambda: len(heard.events) == 2)
    assert heard.bodies == ["one", "two"]
    assert caplog.text.count("RuntimeError: cannot bear") == 2
    assert isinstance(bob.store, SyncStorer)
    assert bob.store.undelivered() == []


def test_a_listener_that_raises_stops_the_sync_where_the_policy_says_so(
    alice: Client, room_id: str, bob: Client
) -> None:
    bob.sync_once()
    syncer_of(bob).listener_policy = raise_listener_error
    heard: list[str | None] = []

    @syncer_of(bob).on_event_type("m.room.message")
    def fails_at_first(event: Event) -> None:
        heard.append(event.body)
        if heard == ["one"]:
            raise RuntimeError("not yet")

    for body in ("one", "two"):
        alice.send_text(room_id, body)
    with pytest.raises(ListenerFailed) as failure:
        sync_until(bob, lambda: False)
    assert isinstance(failure.value.__cause__, RuntimeError)
    assert heard == ["one"]
    bob.sync_once()
    assert heard == ["one", "one", "two"]


# ------------------------------------------------------------------ the first sync


@pytest.fixture
def old_hand(alice: Client, bob: Client, room_id: str, matrix_user: MatrixUser) -> Client:
    """Bob, with a past: a room with messages, an invite, a to-device message; in a client that never synced."""
    alice.send_text(room_id, "history")
    bob.set_display_name("Bobby")
    alice.create_room("A party", invite=[bob.user_id])
    send_to_device(alice, bob, "com.example.waiting", {"n": 1})
    return bob


def send_to_device(sender: Client, receiver: Client, event_type: str, content: dict[str, Any]) -> None:
    """Send a to-device message by hand, as gomatrix's MakeRequest would."""
    url = sender.build_url("sendToDevice", event_type, sender.new_transaction_id())
    sender.make_request("PUT", url, {"messages": {receiver.user_id: {"*": content}}})


def test_the_first_sync_sets_the_scene(old_hand: Client, alice: Client, room_id: str) -> None:
    heard = record(old_hand)
    old_hand.sync_once()
    assert {event.source for event in heard.events} == {EventSource.INVITE, EventSource.TO_DEVICE}
    assert heard.bodies == []
    room = old_hand.load_room(room_id)
    assert (room.name, room.membership) == ("Wonderland", "join")
    assert room.get_membership_state(alice.user_id) == "join"
    alice.send_text(room_id, "news")
    sync_until(old_hand, lambda: bool(heard.bodies))
    assert heard.bodies == ["news"]


def test_the_first_sync_delivers_history_where_it_is_asked_to(old_hand: Client, room_id: str) -> None:
    syncer_of(old_hand).deliver_initial = True
    heard = record(old_hand, source=EventSource.TIMELINE)
    old_hand.sync_once()
    assert "history" in heard.bodies
    assert [event.room_id for event in heard.events].count(room_id) == len(heard.events)
    assert len(set(heard.ids)) == len(heard.ids)


# ------------------------------------------------------------------ coming and going


def test_our_own_join_is_where_news_begin(alice: Client, bob: Client) -> None:
    room_id = alice.create_room(preset="public_chat").room_id
    bob.sync_once()
    heard = record(bob, source=EventSource.TIMELINE)
    alice.send_text(room_id, "before")
    bob.join_room(room_id)
    alice.send_text(room_id, "after")
    sync_until(bob, lambda: "after" in heard.bodies)
    assert heard.bodies == ["after"]
    assert heard.events[0].type == "m.room.member"
    assert heard.events[0].state_key == bob.user_id
    assert bob.load_room(room_id).membership == "join"


def test_a_change_of_our_own_name_is_no_join(alice: Client, bob: Client, room_id: str) -> None:
    bob.sync_once()
    heard = record(bob, source=EventSource.TIMELINE)
    alice.send_text(room_id, "before")
    content = {"membership": "join", "displayname": "Bobby"}
    bob.send_state_event(room_id, "m.room.member", bob.user_id, content)
    alice.send_text(room_id, "after")
    sync_until(bob, lambda: "after" in heard.bodies)
    assert heard.bodies == ["before", "after"]


def test_coming_back_after_a_while(alice: Client, bob: Client) -> None:
    room_id = alice.create_room(preset="public_chat").room_id
    bob.join_room(room_id)
    bob.sync_once()
    bob.leave_room(room_id)
    bob.sync_once()
    assert bob.load_room(room_id).membership == "leave"
    heard = record(bob, source=EventSource.TIMELINE)
    alice.send_text(room_id, "while he was away")
    bob.join_room(room_id)
    alice.send_text(room_id, "welcome back")
    sync_until(bob, lambda: "welcome back" in heard.bodies)
    assert heard.bodies == ["welcome back"]


def test_an_invite_then_a_join(alice: Client, bob: Client) -> None:
    bob.sync_once()
    invites = record(bob, source=EventSource.INVITE)
    room_id = alice.create_room("A party", invite=[bob.user_id]).room_id
    sync_until(bob, lambda: bool(invites.events))
    own = [event for event in invites.events if event.state_key == bob.user_id]
    assert own[0].content["membership"] == "invite"
    room = bob.load_room(room_id)
    assert (room.membership, room.name) == ("invite", "A party")
    assert room.get_membership_state(bob.user_id) == "invite"
    bob.join_room(room_id)
    sync_until(bob, lambda: bob.load_room(room_id).membership == "join")
    assert bob.load_room(room_id).get_membership_state(alice.user_id) == "join"


def test_being_removed_from_a_room(alice: Client, bob: Client, room_id: str) -> None:
    bob.sync_once()
    left = record(bob, source=EventSource.LEAVE)
    alice.send_text(room_id, "a last word")
    alice.kick_user(room_id, bob.user_id, "off with his head")
    alice.send_text(room_id, "not for Bob")
    sync_until(bob, lambda: bool(left.events))
    assert left.bodies == ["a last word"]
    kick = left.events[-1]
    assert (kick.state_key, kick.content["membership"], kick.sender) == (bob.user_id, "leave", alice.user_id)
    room = bob.load_room(room_id)
    assert (room.membership, room.get_membership_state(bob.user_id)) == ("leave", "leave")


def test_knocking_and_being_let_in(alice: Client, bob: Client) -> None:
    room_id = alice.create_room(
        "Closed",
        room_version="10",
        initial_state=[{"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}],
    ).room_id
    bob.sync_once()
    heard = record(bob, source=EventSource.KNOCK)
    bob.make_request("POST", bob.build_url("knock", room_id), {"reason": "may I?"})
    sync_until(bob, lambda: bool(heard.events))
    assert bob.load_room(room_id).membership == "knock"
    own = [event for event in heard.events if event.state_key == bob.user_id]
    assert own[0].content["membership"] == "knock"
    alice.invite_user(room_id, bob.user_id)
    sync_until(bob, lambda: bob.load_room(room_id).membership == "invite")


# ------------------------------------------------------------------ state


def test_state_in_a_timeline_updates_the_room(alice: Client, bob: Client, room_id: str) -> None:
    """gomatrix never applied it."""
    bob.sync_once()
    room = bob.load_room(room_id)
    assert room.topic is None
    alice.send_state_event(room_id, "m.room.topic", "", {"topic": "tarts"})
    alice.send_state_event(room_id, "m.room.name", "", {"name": "Court"})
    sync_until(bob, lambda: bob.load_room(room_id).name == "Court")
    assert bob.load_room(room_id).topic == "tarts"
    assert room.topic == "tarts"  # a room that was loaded before is brought up to date


def test_each_piece_of_state_is_its_own_event(alice: Client, bob: Client, room_id: str) -> None:
    """gomatrix's store kept pointers to its loop variable: most entries held the wrong event."""
    bob.sync_once()
    room = bob.load_room(room_id)
    stored = {(kind, key): event for kind, events in room.state.items() for key, event in events.items()}
    current = {(event.type, event.state_key): event for event in alice.get_room_state(room_id)}
    assert {place: event.event_id for place, event in stored.items()} == {
        place: event.event_id for place, event in current.items()
    }
    assert all((event.type, event.state_key) == place for place, event in stored.items())


# ------------------------------------------------------------------ what is in no timeline


def test_account_data_of_the_account_and_of_a_room(bob: Client, room_id: str) -> None:
    bob.sync_once()
    heard = record(bob, source=EventSource.ACCOUNT_DATA)
    bob.make_request("PUT", bob.build_url("user", bob.user_id, "account_data", "com.example"), {"n": 1})
    tags = {"tags": {"m.favourite": {"order": 0.5}}}
    bob.make_request("PUT", bob.build_url("user", bob.user_id, "rooms", room_id, "account_data", "m.tag"), tags)
    sync_until(bob, lambda: len(heard.events) >= 2)
    found = {(event.room_id, event.type): event.content for event in heard.events}
    assert found == {("", "com.example"): {"n": 1}, (room_id, "m.tag"): tags}
    assert isinstance(bob.store, SyncStorer)
    assert b'"m.favourite"' in (bob.store.load_account_data("m.tag", room_id) or b"")
    assert bob.store.load_account_data("com.example") is not None


def test_account_data_of_the_first_sync_is_kept_but_not_delivered(bob: Client) -> None:
    bob.make_request("PUT", bob.build_url("user", bob.user_id, "account_data", "com.example"), {"n": 1})
    heard = record(bob, source=EventSource.ACCOUNT_DATA)
    bob.sync_once()
    assert heard.events == []
    assert isinstance(bob.store, SyncStorer)
    assert bob.store.load_account_data("com.example") is not None


def test_presence_of_others(alice: Client, bob: Client, room_id: str) -> None:
    bob.sync_once()
    heard = record(bob, source=EventSource.PRESENCE)
    alice.set_status("online", "painting roses")
    sync_until(bob, lambda: any(event.sender == alice.user_id for event in heard.events))
    event = [event for event in heard.events if event.sender == alice.user_id][-1]
    assert (event.type, event.content["status_msg"], event.room_id) == ("m.presence", "painting roses", "")


def test_to_device_messages_come_once_and_in_order(alice: Client, bob: Client) -> None:
    bob.sync_once()
    heard = record(bob, source=EventSource.TO_DEVICE)
    for number in range(5):
        send_to_device(alice, bob, "com.example.order", {"n": number})
    sync_until(bob, lambda: len(heard.events) >= 5)
    bob.sync_once()
    assert [event.content["n"] for event in heard.events] == list(range(5))
    assert {event.sender for event in heard.events} == {alice.user_id}


# ------------------------------------------------------------------ duplicates


def test_an_answer_that_comes_twice_is_delivered_once(alice: Client, bob: Client, room_id: str) -> None:
    """As after a crash between the commit of a store of six methods and its token."""
    bob.sync_once()
    since = bob.store.load_next_batch(bob.user_id)
    heard = record(bob, source=EventSource.TIMELINE)
    alice.send_text(room_id, "once")
    sync_until(bob, lambda: bool(heard.events))
    bob.store.save_next_batch(bob.user_id, since)
    alice.send_text(room_id, "more")
    sync_until(bob, lambda: "more" in heard.bodies)
    assert heard.bodies == ["once", "more"]


def test_the_same_twice_is_delivered_twice_by_a_store_that_knows_no_ids(
    alice: Client, matrix_user: MatrixUser, room_id: str
) -> None:
    """The control of the test above."""

    class Forgetful(InMemoryStore):
        def commit_sync(self, batch: Any) -> Any:
            self._journal._known.clear()
            return super().commit_sync(batch)

    carol = matrix_user("carol", store=Forgetful())
    alice.invite_user(room_id, carol.user_id)
    carol.join_room(room_id)
    carol.sync_once()
    since = carol.store.load_next_batch(carol.user_id)
    heard = record(carol, source=EventSource.TIMELINE)
    alice.send_text(room_id, "once")
    sync_until(carol, lambda: bool(heard.events))
    carol.store.save_next_batch(carol.user_id, since)
    sync_until(carol, lambda: len(heard.events) > 1)
    assert heard.bodies == ["once", "once"]
