"""kill -9 at random moments of sliding sync, and connections that the server forgets, lose nothing.

``GMPY_SEED`` sets the moments.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path

import attrs
import pytest

from gomatrix_py import Client, SlidingSyncer, SQLiteStore
from gomatrix_py.testing import DevServer
from gomatrix_py.testing.pytest_plugin import MatrixUser
from tests.kit.crash import Child
from tests.kit.recorder import Recorder
from tests.kit.sliding_bot import NOTE
from tests.kit.sync_bot import handled_in
from tests.kit.waiting import wait_until

SEED = int(os.environ.get("GMPY_SEED", "20260714"))
KILLS = 6
LONGEST_LIFE_S = 0.3


class Traffic:
    """Alice talks to Bob, in a room and to his devices, until told to stop.

    Attributes:
        sent: the ids of the messages, in order.
        notes: the numbers of the messages to his devices.
    """

    def __init__(self, alice: Client, bob: Client, room_id: str) -> None:
        self.sent: list[str] = []
        self.notes: list[str] = []
        self._people = alice, bob, room_id
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._talk)

    def _talk(self) -> None:
        alice, bob, room_id = self._people
        while not self._is_over.wait(0.02):
            self.sent.append(alice.send_text(room_id, f"message {len(self.sent)}").event_id)
            if len(self.sent) % 3 == 0:
                alice.send_to_device(NOTE, {bob.user_id: {"*": {"number": len(self.notes)}}})
                self.notes.append(str(len(self.notes)))

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()


@attrs.frozen
class Stage:
    """Two people, their room, and the files of a bot that acts as one of them."""

    alice: Client
    bob: Client
    room_id: str
    url: str
    store: Path
    log: Path

    def start(self) -> Child:
        """Start the bot and wait until its store is open."""
        child = Child(
            "tests.kit.sliding_bot", self.url, self.store, self.log, self.bob.user_id, self.bob.device_id,
            environment={"BOT_TOKEN": self.bob.access_token},
        )  # fmt: skip
        child.wait_until_it_says("open")
        return child

    def handled(self) -> list[str]:
        """Return what the bot handled so far."""
        return [one for _, one in handled_in(self.log)]

    def open(self) -> None:
        """Let the bot come to know the room: what was said there before is history."""
        with self.start():
            while not self.handled():
                self.alice.send_text(self.room_id, "are you there?")
                time.sleep(0.2)

    def kill_at_random_moments(self) -> list[int]:
        """Start and kill the bot; return how much each life had handled. Every second life handles something."""
        print("seed", SEED)
        chance = random.Random(SEED)
        lengths = [len(self.handled())]
        for number in range(KILLS):
            with self.start() as child:
                if number % 2:
                    wait_until(lambda: len(self.handled()) > lengths[-1], "the bot handles something")
                time.sleep(chance.uniform(0, LONGEST_LIFE_S))  # its life is what is random
                child.kill()
                assert child.wait() == -signal.SIGKILL, child.said
            lengths.append(len(self.handled()))
            if number % 3 == 2:  # a connection that is begun under the same name ends the one before it
                self.bob.sliding_sync_request(conn_id="gomatrix_py", lists={})
        return lengths

    def finish(self) -> tuple[list[str], list[str]]:
        """Sync to the end in this process; return what was told, and what was fetched of gaps afterwards."""
        syncer, rest = SlidingSyncer(), Recorder()
        syncer.on_event_type("m.room.message", rest)
        syncer.on_event_type(NOTE, rest)
        store = SQLiteStore(self.store)
        bob = Client(
            self.url,
            self.bob.user_id,
            self.bob.access_token,
            device_id=self.bob.device_id,
            store=store,
            syncer=syncer,
        )
        with bob:
            with bob.start_sync():
                rest.wait_for_bodies("the end")
                wait_until(lambda: not store.undelivered(), "all is handled")
            told = [event.event_id or str(event.content["number"]) for event in rest.events]
            return told, [event.event_id for gap in bob.gaps() for event in bob.fill_gap(gap)]


@pytest.fixture
def stage(alice: Client, matrix_user: MatrixUser, matrix_server: DevServer, tmp_path: Path) -> Stage:
    bob = matrix_user("bob")
    room_id = alice.create_room("Wonderland", invite=[bob.user_id]).room_id
    bob.join_room(room_id)
    return Stage(alice, bob, room_id, matrix_server.url, tmp_path / "store.sqlite3", tmp_path / "log")


def test_kills_and_forgotten_connections_lose_nothing(stage: Stage) -> None:
    stage.open()
    with Traffic(stage.alice, stage.bob, stage.room_id) as traffic:
        lengths = stage.kill_at_random_moments()
    stage.alice.send_text(stage.room_id, "the end")
    told, filled = stage.finish()
    known = stage.handled() + told
    assert set(traffic.sent) <= set(known) | set(filled), "messages were lost"
    assert set(traffic.notes) <= set(known), "messages to the device were lost"
    for begin, end in zip([0, *lengths], [*lengths, len(known)], strict=True):
        life = known[begin:end]
        again = set(known[:begin]) & set(life)
        assert len(life) == len(set(life)), "twice in one life"
        assert set(life[: len(again)]) == again, "not only what was in flight came again"
    firsts = [one for one in dict.fromkeys(known) if one in set(traffic.sent)]
    assert firsts == [one for one in traffic.sent if one in set(firsts)], "out of order"
