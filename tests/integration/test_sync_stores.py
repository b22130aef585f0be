"""Syncers and stores of every kind against a real homeserver, and what a restart remembers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, DefaultSyncer, Event, InMemoryStore, SQLiteStore, Storer, Syncer, SyncResponse
from gomatrix_py.errors import ListenerFailed, StoreError
from gomatrix_py.store import SyncStorer
from gomatrix_py.sync import raise_listener_error
from gomatrix_py.testing.pytest_plugin import MatrixUser
from tests.conformance.six_methods import SixMethodStore
from tests.kit.recorder import Recorder

StoreMaker = Callable[[], Storer]


@pytest.fixture(params=["memory", "sqlite", "six methods"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> StoreMaker:
    """Make a store of each kind."""
    makers: dict[str, StoreMaker] = {
        "memory": InMemoryStore,
        "sqlite": lambda: SQLiteStore(tmp_path / "store.sqlite3"),
        "six methods": SixMethodStore,
    }
    return makers[request.param]


def _listen(client: Client, event_type: str = "m.room.message") -> Recorder:
    heard = Recorder()
    assert isinstance(client.syncer, DefaultSyncer)
    client.syncer.on_event_type(event_type, heard)
    return heard


@pytest.fixture
def carol(alice: Client, room_id: str, matrix_user: MatrixUser, make_store: StoreMaker) -> Client:
    """A third member of the room, with a store of each kind."""
    carol = matrix_user("carol", store=make_store())
    alice.invite_user(room_id, carol.user_id)
    carol.join_room(room_id)
    return carol


def test_every_store_will_do(alice: Client, carol: Client, room_id: str) -> None:
    carol.sync_once()
    heard = _listen(carol)
    for number in range(5):
        alice.send_text(room_id, f"line {number}")
    alice.send_state_event(room_id, "m.room.topic", "", {"topic": "stores"})
    carol.sync_once(1000)
    assert heard.bodies == [f"line {number}" for number in range(5)]
    room = carol.load_room(room_id)
    assert (room.name, room.topic, room.membership) == ("Wonderland", "stores", "join")
    assert room.get_membership_state(alice.user_id) == "join"
    assert room.get_membership_state("@nobody:localhost") == "leave"
    assert set(room.joined_members) >= {alice.user_id, carol.user_id}


def test_a_failed_delivery_is_made_up_for_whatever_the_store(alice: Client, carol: Client, room_id: str) -> None:
    carol.sync_once()
    assert isinstance(carol.syncer, DefaultSyncer)
    carol.syncer.listener_policy = raise_listener_error
    heard: list[str | None] = []

    @carol.syncer.on_event_type("m.room.message")
    def fails_at_first(event: Event) -> None:
        heard.append(event.body)
        if heard == ["one"]:
            raise RuntimeError("not yet")

    for body in ("one", "two"):
        alice.send_text(room_id, body)
    with pytest.raises(ListenerFailed):
        carol.sync_once(1000)
    for _ in range(3):
        carol.sync_once()
    assert heard == ["one", "one", "two"]


def test_a_store_may_be_put_in_after_the_client_was_made(
    alice: Client, bob: Client, room_id: str, make_store: StoreMaker
) -> None:
    """gomatrix's example "custom interfaces": Store and Syncer are set before the first call."""
    with Client(bob.homeserver_url, bob.user_id, bob.access_token) as client:
        client.store = store = make_store()
        client.syncer = syncer = DefaultSyncer()
        heard = Recorder()
        syncer.on_event_type("m.room.message", heard)
        client.sync_once()
        alice.send_text(room_id, "Down the rabbit hole")
        client.sync_once(1000)
        assert heard.bodies == ["Down the rabbit hole"]
        room = store.load_room(room_id)
        assert room is not None
        assert room.name == "Wonderland"
        assert store.load_next_batch(bob.user_id)
        if isinstance(store, SyncStorer):
            assert store.has_event(room_id, heard.ids[0])


def test_a_syncer_made_by_hand_as_in_gomatrix(alice: Client, bob: Client, room_id: str) -> None:
    store = InMemoryStore()
    syncer = DefaultSyncer(bob.user_id, store)
    with Client(bob.homeserver_url, bob.user_id, bob.access_token, store=store, syncer=syncer) as client:
        client.sync_once()
        assert syncer.store is client.store is store
        assert store.rooms[room_id].name == "Wonderland"


# ------------------------------------------------------------------ a syncer of three methods


class Three:
    """A syncer that is nothing but gomatrix's three methods."""

    def __init__(self) -> None:
        self.processed: list[tuple[str, str]] = []
        self.bodies: list[str | None] = []

    def process_response(self, response: SyncResponse, since: str) -> None:
        self.processed.append((since, response.next_batch))
        for room in response.rooms.join.values():
            if room.timeline is not None:
                self.bodies += [event.body for event in room.timeline.events if event.body]

    def on_failed_sync(self, response: SyncResponse | None, error: Exception) -> float:
        raise error

    def get_filter_json(self, user_id: str) -> dict[str, Any]:
        return {"room": {"timeline": {"limit": 20}}}


@pytest.mark.parametrize("kind", [InMemoryStore, SixMethodStore])
def test_a_syncer_of_three_methods(
    alice: Client, room_id: str, matrix_user: MatrixUser, kind: Callable[[], Storer]
) -> None:
    syncer = Three()
    assert isinstance(syncer, Syncer)
    carol = matrix_user("carol", syncer=syncer, store=kind())
    alice.invite_user(room_id, carol.user_id)
    carol.join_room(room_id)
    alice.send_text(room_id, "one")
    carol.sync_once()
    alice.send_text(room_id, "two")
    carol.sync_once(1000)
    assert syncer.bodies == ["one", "two"]
    first, second = syncer.processed
    assert first[0] == ""
    assert second == (first[1], carol.store.load_next_batch(carol.user_id))  # the loop saved each token


def test_what_a_syncer_raises_ends_the_sync_and_saves_nothing(alice: Client, matrix_user: MatrixUser) -> None:
    class Broken(Three):
        def process_response(self, response: SyncResponse, since: str) -> None:
            raise LookupError("broken")

    carol = matrix_user("carol", syncer=Broken())
    with pytest.raises(LookupError, match="broken"):
        carol.sync()
    assert carol.store.load_next_batch(carol.user_id) == ""


# ------------------------------------------------------------------ restarts


def test_a_restart_goes_on_where_it_was(alice: Client, bob: Client, room_id: str, tmp_path: Path) -> None:
    path = tmp_path / "bob.sqlite3"
    seen: list[str | None] = []
    for start in range(4):
        alice.send_text(room_id, f"before start {start}")
        with Client(bob.homeserver_url, bob.user_id, bob.access_token, store=SQLiteStore(path)) as client:
            heard = _listen(client)
            client.sync_once()
            alice.send_text(room_id, f"during start {start}")
            client.sync_once(1000)
            seen += heard.bodies
            assert client.load_room(room_id).name == "Wonderland"
    expected = [f"{when} start {start}" for start in range(4) for when in ("before", "during")]
    assert seen == expected[1:]  # the first thing was history already


def test_what_was_not_delivered_comes_after_the_restart(
    alice: Client, bob: Client, room_id: str, tmp_path: Path
) -> None:
    path = tmp_path / "bob.sqlite3"

    def start() -> Client:
        return Client(bob.homeserver_url, bob.user_id, bob.access_token, store=SQLiteStore(path))

    class Killed(BaseException):
        pass

    with start() as client:
        client.sync_once()
        for number in range(4):
            alice.send_text(room_id, f"line {number}")

        def dies_at_line_2(event: Event) -> None:
            heard.append(event.body)
            if event.body == "line 2":
                raise Killed

        heard: list[str | None] = []
        assert isinstance(client.syncer, DefaultSyncer)
        client.syncer.on_event_type("m.room.message", dies_at_line_2)
        with pytest.raises(Killed):
            client.sync_once(1000)
        assert heard == ["line 0", "line 1", "line 2"]
    with start() as client:
        again = _listen(client)
        client.sync_once()
        assert again.bodies == ["line 2", "line 3"]
    with start() as client:
        nothing = _listen(client)
        client.sync_once()
        assert nothing.bodies == []


def test_an_event_that_ends_the_process_again_and_again_is_set_aside(
    alice: Client, bob: Client, room_id: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "bob.sqlite3"

    class Killed(BaseException):
        pass

    def poisoned(event: Event) -> None:
        if event.body == "poison":
            raise Killed

    with Client(bob.homeserver_url, bob.user_id, bob.access_token, store=SQLiteStore(path)) as client:
        client.sync_once()
    for body in ("poison", "cure"):
        alice.send_text(room_id, body)
    deaths = 0
    for _ in range(6):
        store = SQLiteStore(path)
        with Client(bob.homeserver_url, bob.user_id, bob.access_token, store=store) as client:
            assert isinstance(client.syncer, DefaultSyncer)
            client.syncer.on_event_type("m.room.message", poisoned)
            heard = _listen(client)
            try:
                client.sync_once(1000)
            except Killed:
                deaths += 1
            else:
                assert heard.bodies == ["cure"]
                assert [row.event_id for row in store.quarantined()] != []
                break
    assert deaths == 3
    assert "set aside" in caplog.text


def test_a_store_belongs_to_one_user(alice: Client, bob: Client, tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "store.sqlite3")
    with store:
        client = Client(bob.homeserver_url, bob.user_id, bob.access_token, store=store)
        client.sync_once()
        with pytest.raises(StoreError, match="store of"):
            client.set_credentials(alice.user_id, alice.access_token)
        assert client.whoami().user_id == bob.user_id  # nothing changed
        with pytest.raises(StoreError):
            alice.store = store
        assert alice.store is not store
