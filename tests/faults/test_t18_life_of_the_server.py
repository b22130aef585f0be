"""T18: the server is killed and comes back, or comes back as it once was; nothing is lost, nothing is twice."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from gomatrix_py import Client, DefaultSyncer, Event, SQLiteStore
from gomatrix_py.client import syncing
from gomatrix_py.errors import InvalidParam, MatrixError
from gomatrix_py.testing import DevServer
from tests.faults.conftest import Rooms
from tests.kit.fault_mixes import SEED, of_size
from tests.kit.server_view import differences, texts
from tests.kit.waiting import wait_until

KILLS, SENDS = of_size(3, 50), of_size(240, 6_000)
ROOMS = 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """A Synapse that may be ill-treated; its data outlives it."""
    with DevServer(keep_in=tmp_path_factory.mktemp("synapse")) as hs:
        yield hs


@attrs.frozen
class Heard:
    """What a listener was told, by room."""

    by_room: dict[str, list[str]] = attrs.field(factory=dict)

    def __call__(self, event: Event) -> None:
        self.by_room.setdefault(event.room_id, []).append(str(event.body))

    def count(self) -> int:
        return sum(map(len, self.by_room.values()))


Reader = Callable[..., tuple[Client, Heard]]


@pytest.fixture
def reader(server: DevServer, tmp_path: Path) -> Iterator[Reader]:
    """Make members of rooms who listen; a store and a filter of their own."""
    with_stores: list[SQLiteStore] = []

    def make(owner: Client, room_ids: list[str], **options: Any) -> tuple[Client, Heard]:
        store = SQLiteStore(tmp_path / f"reader-{len(with_stores)}.db")
        with_stores.append(store)
        syncer = DefaultSyncer(timeline_limit=10, retry_wait_s=0.2, **options)
        name = f"reader-{owner.user_id[1:].partition(':')[0]}-{len(with_stores)}"
        member = server.register(name, "secret", store=store, syncer=syncer)
        for room_id in room_ids:
            owner.invite_user(room_id, member.user_id)
            member.join_room(room_id)
        member.sync_once()
        heard = Heard()
        syncer.on_event_type("m.room.message", heard)
        return member, heard

    yield make
    for store in with_stores:
        store.close()


def send_until_done(client: Client, room_ids: list[str], sent: list[str], troubles: list[BaseException]) -> None:
    """Say numbers to one room after the other, whatever happens to the server meanwhile."""
    try:
        for number in range(SENDS):
            while True:
                try:
                    client.send_text(room_ids[number % ROOMS], str(number), txn_id=f"n{number}")
                    break
                except MatrixError:
                    continue
            sent.append(str(number))
    except BaseException as error:  # noqa: BLE001 - raised in the thread of the test
        troubles.append(error)


def test_kills_of_the_server_while_we_send_and_listen(
    server: DevServer, rooms: Rooms, reader: Reader, impatient: dict[str, Any]
) -> None:
    print("seed", SEED)
    alice = server.register("alice", "secret", **impatient)
    room_ids = rooms(alice, ROOMS)
    bob, heard = reader(alice, room_ids, fill_gaps=1000)
    sent: list[str] = []
    troubles: list[BaseException] = []
    sender = threading.Thread(target=send_until_done, args=(alice, room_ids, sent, troubles))
    with bob.start_sync(poll_ms=2_000) as sync:
        sender.start()
        for number in range(KILLS):
            due = SENDS * (number + 1) // (KILLS + 2)
            wait_until(lambda due=due: len(sent) >= due or bool(troubles), "it sends", 120)  # type: ignore[misc]
            server.kill()
            server.start()
        sender.join()
        assert troubles == []
        said = [texts(alice, room_id) for room_id in room_ids]
        for room, found in enumerate(said):
            assert differences(map(str, range(room, SENDS, ROOMS)), found) == ""
        wait_until(lambda: heard.count() >= SENDS, "all was heard", 60)
        assert sync.error is None
    for room_id, found in zip(room_ids, said, strict=True):
        assert differences(found, heard.by_room[room_id]) == ""


# ------------------------------------------------------------------ as it once was


@attrs.frozen
class Copies:
    """A copy of a server's database, and how it comes back."""

    server: DevServer
    folder: Path

    def take(self) -> None:
        """Keep the database as it is now."""
        self.server.kill()
        self.folder.mkdir()
        for file in self.server.folder.glob("homeserver.db*"):
            shutil.copy(file, self.folder / file.name)
        self.server.start()

    def bring_back(self) -> None:
        """Let the server have the database of then."""
        self.server.kill()
        for file in self.server.folder.glob("homeserver.db*"):
            file.unlink()
        for file in self.folder.iterdir():
            shutil.copy(file, self.server.folder / file.name)
        self.server.start()


def go_back(server: DevServer, folder: Path, alice: Client, bob: Client, room_ids: list[str]) -> None:
    """Let Bob hear of ten texts per room that the server then knows nothing of, and say three others meanwhile."""
    for room_id in room_ids:
        alice.send_text(room_id, "before")
    bob.sync_once()
    copies = Copies(server, folder)
    copies.take()
    for number in range(10):
        for room_id in room_ids:
            alice.send_text(room_id, f"undone {number}")
    bob.sync_once()
    for room_id in room_ids:
        for number in range(3):
            alice.queue_text(room_id, f"after {number}")
    copies.bring_back()
    assert alice.outbox.flush()
    bob.sync_once()


AFTER = [f"after {number}" for number in range(3)]
ALL = ["before", *(f"undone {number}" for number in range(10)), *AFTER]


@pytest.fixture
def going_back(
    server: DevServer, rooms: Rooms, reader: Reader, tmp_path: Path
) -> Callable[..., tuple[Client, Heard]]:
    def play(name: str, **options: Any) -> tuple[Client, Heard]:
        alice = server.register(name, "secret")
        room_ids = rooms(alice, 2)
        bob, heard = reader(alice, room_ids, **options)
        go_back(server, tmp_path / "copy", alice, bob, room_ids)
        assert [texts(alice, room_id) for room_id in room_ids] == [["before", *AFTER]] * 2
        return bob, heard

    return play


def test_a_server_that_went_back_in_time_is_noticed_and_caught_up_with(
    going_back: Callable[..., tuple[Client, Heard]], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "gomatrix_py.sync"):
        bob, heard = going_back("anna", fill_gaps=100)
    assert list(heard.by_room.values()) == [ALL] * 2
    assert bob.gaps() == []
    assert sum("went back in time" in record.message for record in caplog.records) == 1


def test_without_filling_it_is_a_gap_in_every_room(going_back: Callable[..., tuple[Client, Heard]]) -> None:
    bob, heard = going_back("berta")
    assert list(heard.by_room.values()) == [ALL[:-3]] * 2
    assert len(bob.gaps()) == 2
    for gap in bob.gaps():
        bob.fill_gap(gap)
    assert list(heard.by_room.values()) == [ALL] * 2
    bob.sync_once()
    assert bob.gaps() == []


def test_the_control_a_position_that_is_simply_taken_over_loses_events(
    going_back: Callable[..., tuple[Client, Heard]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "is_behind", lambda position, since: False)
    bob, heard = going_back("clara", fill_gaps=100)
    assert list(heard.by_room.values()) == [ALL[:-3]] * 2
    assert bob.gaps() == []


# ------------------------------------------------------------------ without what it had stored for us


def lose_filters(server: DevServer) -> None:
    """Let the server forget every filter."""
    server.kill()
    with sqlite3.connect(server.folder / "homeserver.db") as db:
        db.execute("DELETE FROM user_filters")
    db.close()
    server.start()


def test_a_lost_filter_is_uploaded_again(server: DevServer, rooms: Rooms, reader: Reader) -> None:
    alice = server.register("dora", "secret")
    (room_id,) = rooms(alice, 1)
    bob, heard = reader(alice, [room_id])
    lose_filters(server)
    alice.send_text(room_id, "hello")
    bob.sync_once()
    assert heard.by_room == {room_id: ["hello"]}


def test_the_control_a_filter_that_is_kept_ends_the_sync(
    server: DevServer, rooms: Rooms, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = server.register("elsa", "secret")
    bob, _ = reader(alice, rooms(alice, 1))
    lose_filters(server)
    monkeypatch.setattr(bob.store, "save_filter_id", lambda user_id, filter_id: None)
    with pytest.raises(InvalidParam):
        bob.sync_once()
