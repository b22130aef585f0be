"""kill -9 at random moments of the sync loop loses nothing; an event that kills its handler is set aside.

``GMPY_SEED`` sets the moments, ``GMPY_KILLS`` how many there are.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from gomatrix_py import SQLiteStore
from tests.kit.crash import Child
from tests.kit.scripted_homeserver import ScriptedHomeserver, Seen, message
from tests.kit.sync_bot import OWN, handled_in

SEED = int(os.environ.get("GMPY_SEED", "20260714"))
KILLS = int(os.environ.get("GMPY_KILLS", "50"))
LONGEST_LIFE_S = 0.08
ROOMS = ("!one:scripted", "!two:scripted", "!three:scripted")
PER_BATCH = 6


class History:
    """What happened on the homeserver, without end: the answer to each token is always the same.

    Attributes:
        newest: the number of the newest answer that was given.
        requests: how often anybody asked.
        end: the number of the last one to be given; None while there is none.
        is_read: set when somebody asks what comes after the end.
    """

    def __init__(self) -> None:
        self.newest = 0
        self.requests = 0
        self.end: int | None = None
        self.is_read = threading.Event()
        self._is_over = threading.Event()
        self._asked = threading.Condition()

    def answer(self, request: Seen) -> dict[str, Any]:
        with self._asked:
            self.requests += 1
            self._asked.notify_all()
        number = int(request.query.get("since", "s0")[1:])
        if self.end is not None and number > self.end:
            self.is_read.set()
            self._is_over.wait(30)
            return {"next_batch": f"s{number}"}
        self.newest = max(self.newest, number)
        rooms: dict[str, Any] = {}
        for room_id, event_id in self.events(number):
            events = rooms.setdefault(room_id, {"timeline": {"events": []}})["timeline"]["events"]
            events.append(message(event_id))
        return {"next_batch": f"s{number + 1}", "rooms": {"join": rooms}}

    def events(self, number: int) -> list[tuple[str, str]]:
        """Return the events of one answer; the first answer is what came before the bot."""
        return [(ROOMS[(number + place) % 3], f"${number}/{place}") for place in range(PER_BATCH)]

    def all_events(self) -> list[tuple[str, str]]:
        """Return every event that the bot must handle."""
        assert self.end is not None
        return [event for number in range(1, self.end + 1) for event in self.events(number)]

    def wait_for_a_request(self, before: int) -> None:
        """Block until there were more requests than `before`."""
        with self._asked:
            assert self._asked.wait_for(lambda: self.requests > before, 60), "the bot does not ask"

    def close(self) -> None:
        """Let go of whoever waits for news."""
        self._is_over.set()


@attrs.frozen
class Stage:
    """A homeserver and the files of a bot."""

    history: History
    url: str
    store: Path
    log: Path

    def start(self, manner: str, deadly: str = "") -> Child:
        """Start the bot and wait until its store is open."""
        child = Child("tests.kit.sync_bot", self.url, self.store, self.log, manner, deadly)
        child.wait_until_it_says("open")
        return child

    def kill_at_random_moments(self, kills: int, manner: str) -> list[int]:
        """Start and kill the bot so often, then let it finish; return how much each life had handled.

        Every second life is let alone until it asks for news: were three in a row to end while the same
        event is delivered again, that event would rightly be set aside.
        """
        print("seed", SEED)
        chance = random.Random(SEED)
        lengths = []
        for number in range(kills):
            before = self.history.requests
            with self.start(manner) as child:
                if number % 2:
                    self.history.wait_for_a_request(before)
                time.sleep(chance.uniform(0, LONGEST_LIFE_S))  # its life is what is random
                child.kill()
                assert child.wait() == -signal.SIGKILL, child.said
            lengths.append(len(handled_in(self.log)))
        self.history.end = self.history.newest + 2
        with self.start(manner):
            assert self.history.is_read.wait(60), "the bot does not get to the end"
        return lengths


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    history = History()
    with ScriptedHomeserver() as server:
        server.route("GET", "/sync", history.answer)
        yield Stage(history, server.url, tmp_path / "store", tmp_path / "log")
        history.close()


def test_kills_at_random_moments_lose_nothing(stage: Stage) -> None:
    lengths = stage.kill_at_random_moments(KILLS, "journalled")
    handled = handled_in(stage.log)
    firsts = list(dict.fromkeys(handled))
    expected = stage.history.all_events()
    for room_id in ROOMS:
        assert _of(room_id, firsts) == _of(room_id, expected), "lost, or out of order"
    for begin, end in zip([0, *lengths], [*lengths, len(handled)], strict=True):
        again = set(handled[:begin]) & set(handled[begin:end])
        assert len({event_id.split("/")[0] for _, event_id in again}) <= 1, "more than what was in flight came again"
        assert len(handled[begin:end]) == len(set(handled[begin:end])), "twice in one life"
    with SQLiteStore(stage.store) as store:
        assert store.load_next_batch(OWN) == f"s{stage.history.newest + 1}"
        assert [list(store.undelivered()), list(store.quarantined())] == [[], []]
    assert len(set(lengths)) > len(lengths) // 3, "the kills all came at the same moment"


def _of(room_id: str, events: list[tuple[str, str]]) -> list[str]:
    return [event_id for one, event_id in events if one == room_id]


def test_the_control_a_token_saved_first_loses_events(stage: Stage) -> None:
    stage.kill_at_random_moments(max(12, KILLS // 4), "token-first")
    lost = set(stage.history.all_events()) - set(handled_in(stage.log))
    assert lost, "these kills would not have found a loss"


# ------------------------------------------------------------------ an event that kills

DEADLY = "$2/3"


def _lives(stage: Stage, manner: str, count: int) -> list[int]:
    """Start the bot so often; return how each life ended, 0 for one that got to the end."""
    ends = []
    for _ in range(count):
        with stage.start(manner, DEADLY) as child:
            while child.is_alive and not stage.history.is_read.wait(0.02):
                pass
            ends.append(0 if stage.history.is_read.is_set() else child.wait())
    return ends


def test_an_event_that_kills_three_times_is_set_aside(stage: Stage) -> None:
    stage.history.end = 4
    assert _lives(stage, "deadly", 4) == [-9, -9, -9, 0]
    handled = [event_id for _, event_id in handled_in(stage.log)]
    counts = {event_id: handled.count(event_id) for _, event_id in stage.history.all_events()}
    assert counts.pop(DEADLY) == 3
    assert set(counts.values()) <= {1, 2}
    behind = [event_id for event_id in counts if event_id > DEADLY]
    assert len(behind) == 2 + 2 * PER_BATCH
    assert [counts[event_id] for event_id in behind] == [1] * len(behind), "innocents were handled again"
    with SQLiteStore(stage.store) as store:
        assert [row.event_id for row in store.quarantined()] == [DEADLY]
        assert list(store.undelivered()) == []


def test_the_control_without_counting_it_kills_for_ever(stage: Stage) -> None:
    stage.history.end = 4
    assert _lives(stage, "deadly-uncounted", 5) == [-9] * 5
