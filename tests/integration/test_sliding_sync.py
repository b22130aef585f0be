"""Sliding sync on a real Synapse: the same rooms as /sync, nothing lost and nothing told twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from gomatrix_py import Client, DefaultSyncer, EventSource, SQLiteStore
from gomatrix_py.api.sliding_sync import ListFilters, SlidingList
from gomatrix_py.errors import MatrixError
from gomatrix_py.sync import SlidingSyncer, sliding_syncer
from gomatrix_py.sync.sliding_position import SlidingPosition
from gomatrix_py.testing import DevServer
from gomatrix_py.testing.pytest_plugin import MatrixUser
from tests.kit.recorder import Recorder
from tests.kit.sliding_bot import NOTE
from tests.kit.waiting import wait_until


@pytest.fixture
def sliding() -> SlidingSyncer:
    return SlidingSyncer()


@pytest.fixture
def bob(matrix_user: MatrixUser, sliding: SlidingSyncer, tmp_path: Path) -> Client:
    """Bob asks by sliding sync and keeps what he learns in a file."""
    return matrix_user("bob", syncer=sliding, store=SQLiteStore(tmp_path / "bob.sqlite3"))


@pytest.fixture
def heard(sliding: SlidingSyncer) -> Recorder:
    recorder = Recorder()
    sliding.on_event_type("m.room.message", recorder)
    sliding.on_event_type(NOTE, recorder)
    return recorder


def position(client: Client) -> SlidingPosition:
    syncer = client.syncer
    assert isinstance(syncer, SlidingSyncer)
    return SlidingPosition.from_text(client.store.load_next_batch(syncer.position_key(client.user_id)))


def save_position(client: Client, new: SlidingPosition) -> None:
    syncer = client.syncer
    assert isinstance(syncer, SlidingSyncer)
    client.store.save_next_batch(syncer.position_key(client.user_id), new.to_text())


def send_note(sender: Client, receiver: Client, number: int) -> None:
    sender.send_to_device(NOTE, {receiver.user_id: {"*": {"number": number}}})


# ------------------------------------------------------------------ rooms


def test_the_same_rooms_as_sync(
    alice: Client, bob: Client, matrix_server: DevServer, room_id: str, tmp_path: Path
) -> None:
    alice.send_text(room_id, "hello")
    alice.send_state_event(room_id, "m.room.name", "", {"name": "Looking-glass"})
    invited = alice.create_room("Party", invite=[bob.user_id]).room_id
    left = alice.create_room("Boring", invite=[bob.user_id]).room_id
    bob.join_room(left)
    bob.sync_once()
    bob.leave_room(left)
    bob.sync_once()
    with Client(matrix_server.url, bob.user_id, bob.access_token, syncer=DefaultSyncer()) as other:
        other.sync_once()
        for one in (room_id, invited):
            mine, theirs = bob.load_room(one), other.load_room(one)
            assert (mine.membership, mine.name) == (theirs.membership, theirs.name)
            for kind in ("m.room.create", "m.room.name", "m.room.power_levels", "m.room.join_rules"):
                known, wanted = mine.get_state_event(kind), theirs.get_state_event(kind)
                assert (known and known.content) == (wanted and wanted.content)
        mine, theirs = bob.load_room(room_id), other.load_room(room_id)
        assert set(mine.joined_members) <= set(theirs.joined_members)
        assert bob.user_id in mine.joined_members
        assert mine.summary["m.joined_member_count"] == 2
    assert bob.load_room(left).membership == "leave"
    assert not bob.load_room(room_id).has_all_members


def test_an_invitation_then_a_room_then_none(alice: Client, bob: Client, sliding: SlidingSyncer) -> None:
    events = Recorder()
    sliding.on_event(events)
    bob.sync_once()
    room_id = alice.create_room("Wonderland", invite=[bob.user_id]).room_id
    bob.sync_once()
    assert {event.source for event in events.events} == {EventSource.INVITE}
    assert (bob.load_room(room_id).membership, bob.load_room(room_id).name) == ("invite", "Wonderland")
    events.events.clear()
    bob.join_room(room_id)
    alice.send_text(room_id, "welcome")
    bob.sync_once()
    assert [event.type for event in events.events] == ["m.room.member", "m.room.message"]
    assert bob.load_room(room_id).membership == "join"
    alice.kick_user(room_id, bob.user_id, "enough")
    bob.sync_once()
    assert bob.load_room(room_id).membership == "leave"
    assert events.events[-1].content["membership"] == "leave"


def test_lists_grow_until_every_room_is_known(
    alice: Client, bob: Client, heard: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sliding_syncer, "ROOMS_PER_STEP", 2)
    rooms = [alice.create_room(f"Room {number}", invite=[bob.user_id]).room_id for number in range(5)]
    for one in rooms:
        bob.join_room(one)
    known = []
    while True:
        bob.sync_once()
        assert isinstance(bob.store, SQLiteStore)
        known.append(len(bob.store.room_ids("join")))
        if not position(bob).is_growing:
            break
    assert known == [2, 4, 5]
    for one in rooms:
        alice.send_text(one, f"to {one}")
    with bob.start_sync():
        heard.wait_for_bodies(*(f"to {one}" for one in rooms))


def test_filters_and_subscriptions(alice: Client, matrix_user: MatrixUser) -> None:
    encrypted = SlidingList([("m.room.encryption", "")], 5, filters=ListFilters(is_encrypted=True))
    syncer = SlidingSyncer(lists={"encrypted": encrypted})
    carol = matrix_user("carol", syncer=syncer)
    heard = Recorder()
    syncer.on_event_type("m.room.message", heard)
    rooms = [alice.create_room(f"Room {number}", invite=[carol.user_id]).room_id for number in range(2)]
    for one in rooms:
        carol.join_room(one)
    carol.sync_once()
    assert carol.store.load_room(rooms[0]) is None
    with carol.start_sync():
        wait_until(lambda: not position(carol).is_growing, "all lists are known")
        syncer.set_subscription(rooms[0])
        wait_until(lambda: carol.store.load_room(rooms[0]) is not None, "the room that is followed")
        alice.send_text(rooms[0], "one")
        heard.wait_for_bodies("one")
    syncer.unsubscribe(rooms[0])
    assert carol.store.load_room(rooms[1]) is None


def test_what_is_said_beside_rooms(alice: Client, bob: Client, sliding: SlidingSyncer, room_id: str) -> None:
    events = Recorder()
    sliding.on_event(events)
    bob.sync_once()
    bob.set_account_data("org.example.colour", {"is": "blue"})
    bob.add_tag(room_id, "u.friends", 0.5)
    sent = alice.send_text(room_id, "hello").event_id
    bob.sync_once()
    bob.mark_read(room_id, sent)
    alice.user_typing(room_id, True, 30_000)
    alice.mark_read(room_id, sent)
    with bob.start_sync():
        events.wait_until(lambda events: {"m.typing", "m.receipt"} <= {event.type for event in events.events})
    assert {"org.example.colour", "m.tag"} <= {event.type for event in events.events}
    assert isinstance(bob.store, SQLiteStore)
    assert b"blue" in (bob.store.load_account_data("org.example.colour") or b"")
    assert b"u.friends" in (bob.store.load_account_data("m.tag", room_id) or b"")
    assert list(bob.load_room(room_id).typing) == [alice.user_id]


def test_gaps_are_noted_and_filled(alice: Client, bob: Client, heard: Recorder, room_id: str) -> None:
    bob.sync_once()
    for number in range(30):
        alice.send_text(room_id, f"message {number}")
    bob.sync_once()
    assert heard.bodies == [f"message {number}" for number in range(10, 30)]
    (gap,) = bob.gaps(room_id)
    assert [event.body for event in bob.fill_gap(gap)] == [f"message {number}" for number in range(10)]
    assert bob.gaps(room_id) == []


def test_gaps_are_filled_in_order(alice: Client, matrix_user: MatrixUser) -> None:
    syncer, heard = SlidingSyncer(fill_gaps=100), Recorder()
    syncer.on_event_type("m.room.message", heard)
    carol = matrix_user("carol", syncer=syncer)
    room_id = alice.create_room("Talk", invite=[carol.user_id]).room_id
    carol.join_room(room_id)
    alice.send_text(room_id, "old")
    carol.sync_once()
    for number in range(30):
        alice.send_text(room_id, f"message {number}")
    carol.sync_once()
    assert heard.bodies == [f"message {number}" for number in range(30)]
    assert carol.gaps() == []


# ------------------------------------------------------------------ lost connections


def forget_by_garbage(bob: Client) -> None:
    save_position(bob, attrs.evolve(position(bob), pos="garbage"))


def forget_by_a_second_client(bob: Client) -> None:
    """A connection that is begun anew under the same name ends the one before it."""
    bob.sliding_sync_request(conn_id="gomatrix_py", lists={})


@pytest.mark.parametrize("forget", [forget_by_garbage, forget_by_a_second_client])
def test_a_forgotten_connection_costs_nothing(
    alice: Client, bob: Client, heard: Recorder, room_id: str, forget: Callable[[Client], None]
) -> None:
    alice.send_text(room_id, "before")
    bob.sync_once()
    alice.send_text(room_id, "one")
    send_note(alice, bob, 1)
    bob.sync_once()
    assert heard.bodies == ["one"]
    left = alice.create_room("Gone", invite=[bob.user_id]).room_id
    bob.join_room(left)
    bob.sync_once()
    forget(bob)
    alice.send_text(room_id, "two")
    send_note(alice, bob, 2)
    bob.leave_room(left)
    for number in range(3):
        bob.sync_once()
        alice.send_text(room_id, f"after {number}")
    bob.sync_once()
    assert heard.bodies == ["one", "two", "after 0", "after 1", "after 2"]
    assert [event.content["number"] for event in heard.events if event.type == NOTE] == [1, 2]
    assert bob.load_room(left).membership == "leave"
    assert bob.gaps() == []


def test_a_restart_of_the_server(tmp_path: Path) -> None:
    with DevServer() as server:
        syncer, heard = SlidingSyncer(retry_wait_s=0.2), Recorder()
        syncer.on_event_type("m.room.message", heard)
        syncer.on_event_type(NOTE, heard)
        alice = server.register("alice", "wonder")
        bob = server.register("bob", "wonder", syncer=syncer, store=SQLiteStore(tmp_path / "bob.sqlite3"))
        room_id = alice.create_room("Wonderland", invite=[bob.user_id]).room_id
        bob.join_room(room_id)
        with bob.start_sync():
            wait_until(lambda: bob.store.load_room(room_id) is not None, "the first answer")
            wait_until(lambda: not position(bob).is_growing, "all rooms are known")
            alice.send_text(room_id, "before")
            heard.wait_for_bodies("before")
            server.kill()
            server.start()
            alice.send_text(room_id, "after")
            send_note(alice, bob, 1)
            heard.wait_for_bodies("after")
            heard.wait_until(lambda heard: any(event.type == NOTE for event in heard.events))
        assert heard.bodies == ["before", "after"]
        assert len(heard.events) == 3


def test_a_wrong_list_is_refused_and_not_asked_for_ever(matrix_user: MatrixUser) -> None:
    syncer = SlidingSyncer(lists={"bad": SlidingList([], 5_000)}, retry_wait_s=0.01)
    carol = matrix_user("carol", syncer=syncer)
    with pytest.raises(MatrixError, match="400"):
        carol.sync_once()
