"""kill -9 of a bot with workers on a real Synapse: every message answered, in order, and once.

``GMPY_SEED`` sets the moments, ``GMPY_KILLS`` how many there are.
"""

from __future__ import annotations

import os
import random
import signal
import time
from functools import partial
from pathlib import Path

import attrs
import pytest

from gomatrix_py import Client, SQLiteStore
from tests.kit.crash import Child
from tests.kit.waiting import wait_until
from tests.kit.worker_bot import ANSWER

SEED = int(os.environ.get("GMPY_SEED", "20260714"))
KILLS = int(os.environ.get("GMPY_KILLS", "30")) // 3
LONGEST_LIFE_S = 0.5
WORKERS = 4
PER_LIFE = 6
"""Messages in each of the rooms before each life: more than a life has to begin with, however fast it is."""


@attrs.frozen
class Bot:
    """A bot and its files."""

    client: Client
    store: Path
    log: Path

    def set_the_scene(self) -> None:
        """Let it sync for the first time."""
        with (
            SQLiteStore(self.store) as store,
            Client(
                self.client.homeserver_url,
                self.client.user_id,
                self.client.access_token,
                device_id=self.client.device_id,
                store=store,
            ) as first,
        ):
            first.sync_once()

    def start(self, manner: str, workers: int) -> Child:
        """Start it, and wait until its store is open."""
        session = self.client
        child = Child(
            "tests.kit.worker_bot",
            session.homeserver_url,
            session.user_id,
            session.access_token,
            session.device_id,
            self.store,
            self.log,
            manner,
            workers,
        )
        child.wait_until_it_says("open")
        return child

    @property
    def handled(self) -> int:
        """How often a handler began."""
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0

    def has_begun(self, times: int) -> bool:
        """Tell whether handlers began more often than that."""
        return self.handled > times

    def answers_in(self, room_id: str) -> list[str]:
        """Return what it answered, as the server knows it."""
        texts = [
            event.body or "" for event in self.client.messages_iter(room_id) if event.sender == self.client.user_id
        ]
        return [text.removeprefix(ANSWER) for text in reversed(texts) if text.startswith(ANSWER)]


@pytest.fixture
def bot(bob: Client, tmp_path: Path) -> Bot:
    """Bob, who is a bot."""
    return Bot(bob, tmp_path / "store", tmp_path / "log")


@pytest.fixture
def rooms(alice: Client, bob: Client) -> list[str]:
    """Four rooms of both."""
    made = [alice.create_room(invite=[bob.user_id]).room_id for _ in range(4)]
    for room_id in made:
        bob.join_room(room_id)
    return made


def said_by(alice: Client, rooms: list[str], about: str) -> list[str]:
    """Let her say the same few things in each room; returns the texts."""
    texts = [f"{about}, number {number}" for number in range(PER_LIFE)]
    for text in texts:
        for room_id in rooms:
            alice.send_text(room_id, text)
    return texts


def test_with_workers_nothing_is_lost_or_answered_twice(bot: Bot, alice: Client, rooms: list[str]) -> None:
    """Every second life lasts until those under suspicion are done: three ends in a row would set one aside."""
    print("seed", SEED)
    chance = random.Random(SEED)
    bot.set_the_scene()
    texts: list[str] = []
    for number in range(KILLS):
        texts += said_by(alice, rooms, f"life {number}")
        before = bot.handled
        with bot.start("answers", WORKERS) as child:
            if number % 2:
                wait_until(partial(bot.has_begun, before + 2 * WORKERS), "those that were interrupted are done", 60.0)
            time.sleep(chance.uniform(0, LONGEST_LIFE_S))  # its life is what is random
            child.kill()
            assert child.wait() == -signal.SIGKILL, child.said
    with bot.start("answers", WORKERS):
        wait_until(lambda: all(texts[-1] in bot.answers_in(room_id) for room_id in rooms), "all is answered", 60)
    for room_id in rooms:
        assert bot.answers_in(room_id) == texts, "lost, twice, or out of order"
    with SQLiteStore(bot.store) as store:
        assert list(store.quarantined()) == []


@pytest.mark.parametrize(("manner", "answers"), [("dies-after-answering", 1), ("dies-after-answering-anew", 3)])
@pytest.mark.parametrize("workers", [0, 4])
def test_a_bot_that_dies_after_answering_answers_once(
    bot: Bot, alice: Client, rooms: list[str], manner: str, answers: int, workers: int
) -> None:
    """The second manner is the control: with a new transaction id for each try it answers as often as it dies."""
    bot.set_the_scene()
    alice.send_text(rooms[0], "poison")
    for death in (1, 2, 3):
        with bot.start(manner, workers) as child:
            assert child.wait() == -signal.SIGKILL, child.said
        assert bot.handled == death
    assert bot.answers_in(rooms[0]) == ["poison"] * answers
    alice.send_text(rooms[1], "cure")
    with bot.start(manner, workers) as child:  # what killed it three times is set aside now
        assert child.wait() == -signal.SIGKILL, child.said
    assert bot.answers_in(rooms[1]) == ["cure"]
    assert bot.handled == 4
    with SQLiteStore(bot.store) as store:
        assert len(store.quarantined()) == 1
