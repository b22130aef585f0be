"""T3: a job that sends is killed again and again, over a network that fails; each text arrives once, in order.

``GMPY_KILLS`` sets how often, and with it how many texts there are.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from pathlib import Path

import pytest

from gomatrix_py.testing import DevServer
from gomatrix_py.testing.faults import FaultProxy
from tests.faults.conftest import Rooms
from tests.kit.crash import Child
from tests.kit.fault_mixes import SEED, failing_sends, of_size
from tests.kit.kill_runner import KillRunner, Lives
from tests.kit.queue_bot import text_of
from tests.kit.server_view import differences, texts

KILLS = int(os.environ.get("GMPY_KILLS", of_size(15, 1_000)))
ROWS = 20 * KILLS
CONTROL_KILLS, CONTROL_ROWS = of_size(8, 60), of_size(160, 1_200)
ROOMS = 5
FAULTS = 0.1


class Stage:
    """A server, a network that fails, and the files of a job."""

    def __init__(self, server: DevServer, folder: Path, rooms: Rooms) -> None:
        self.server = server
        self.folder = folder
        self.alice = server.register(f"alice-{uuid.uuid4().hex[:8]}", "secret")
        self.room_ids = rooms(self.alice, ROOMS)

    def kill(self, kills: int, rows: int, manner: str) -> Lives:
        """Let the job send so many rows through so many lives; each may go a little further than the one before."""
        who = (self.alice.user_id, self.alice.access_token, self.alice.device_id)
        files = (self.folder / "store.db", self.folder / "progress")
        with FaultProxy(self.server.url, failing_sends(FAULTS), seed=SEED) as proxy:
            left = rows

            def start(number: int) -> Child:
                nonlocal left
                left = rows - (int(files[1].read_text(encoding="ascii")) if files[1].exists() else 0)
                up_to = rows * (number + 1) // (kills + 1)
                module = "tests.kit.queue_bot"
                return Child(module, proxy.url, *who, *files, up_to, manner, *self.room_ids)

            lives = KillRunner(start, SEED).run(kills)
            print(f"seed {SEED}, {manner}: {rows} rows, {lives}, {left} left to the last life, {proxy.faults()}")
        return lives

    def said(self) -> list[list[str]]:
        """Return what the server has of each room."""
        return [texts(self.alice, room_id) for room_id in self.room_ids]


@pytest.fixture
def stage(server: DevServer, tmp_path: Path, rooms: Rooms) -> Stage:
    return Stage(server, tmp_path, rooms)


def test_every_row_is_one_event_and_in_order(stage: Stage) -> None:
    lives = stage.kill(KILLS, ROWS, "kept")
    assert lives.at_work > KILLS // 3, "most kills came when all was done"
    for room, found in enumerate(stage.said()):
        assert differences(map(text_of, range(room, ROWS, ROOMS)), found) == ""


@pytest.mark.parametrize("manner", ["new-transaction", "kept-after"])
def test_the_control_is_found_out(stage: Stage, manner: str) -> None:
    stage.kill(CONTROL_KILLS, CONTROL_ROWS, manner)
    counts = Counter(text for found in stage.said() for text in found)
    lost = CONTROL_ROWS - len(counts)
    print(f"{manner}: {counts.total() - len(counts)} twice, {lost} lost")
    assert counts.total() > len(counts) or lost, "these kills would not have found a duplicate or a loss"
