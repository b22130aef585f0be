"""T1, the part about sending: a job ends before and after each commit and each request; each text arrives once."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from gomatrix_py import Client
from gomatrix_py.testing import DevServer
from tests.faults.conftest import Rooms
from tests.kit.crash import Child
from tests.kit.failpoints import POINTS, VARIABLE
from tests.kit.fault_mixes import of_size
from tests.kit.queue_bot import text_of
from tests.kit.server_view import differences, texts

ROWS, ROOMS = 10, 2
STEP = of_size(8, 1)
MOST = 200


class Job:
    """A job that sends ten texts to two rooms, and may end at a point of them."""

    def __init__(self, server: DevServer, alice: Client, folder: Path, rooms: Rooms, manner: str) -> None:
        self.room_ids = rooms(alice, ROOMS)
        self.alice = alice
        who = (server.url, alice.user_id, alice.access_token, alice.device_id)
        self._arguments = (*who, folder / "store.db", folder / "progress", ROWS, manner, *self.room_ids)

    def runs_to_its_end(self, point: str = "") -> bool:
        """Tell whether it got to its end; it may only end at the point otherwise."""
        with Child("tests.kit.queue_bot", *self._arguments, environment={VARIABLE: point}) as child:
            try:
                child.wait_until_it_says("done")
            except AssertionError:
                assert child.wait() == -signal.SIGKILL, child.said
                return False
        return True

    def complaint(self) -> str:
        """Return what is wrong with what the server has, "" for nothing."""
        said = [texts(self.alice, room_id) for room_id in self.room_ids]
        found = [differences(map(text_of, range(room, ROWS, ROOMS)), said[room]) for room in range(ROOMS)]
        return "; ".join(filter(None, found))


@pytest.fixture
def job(server: DevServer, rooms: Rooms, tmp_path: Path) -> Callable[[str], Job]:
    alice = server.register(f"alice-{uuid.uuid4().hex[:8]}", "secret")

    def make(manner: str = "kept") -> Job:
        folder = tmp_path / uuid.uuid4().hex
        folder.mkdir()
        return Job(server, alice, folder, rooms, manner)

    return make


@pytest.mark.parametrize("point", POINTS)
def test_a_job_that_ends_at_any_point_goes_on_where_it_was(job: Callable[..., Job], point: str) -> None:
    number = 1
    while not (one := job()).runs_to_its_end(f"{point}:{number}"):
        assert one.runs_to_its_end()
        assert one.complaint() == "", f"{point}:{number}"
        number += STEP
        assert number < MOST, "it never gets to its end"
    print(f"{point}: {len(range(1, number, STEP))} kills, of {number - 1} places")
    assert number > ROWS


def test_the_control_who_sends_first_and_keeps_afterwards_sends_twice(job: Callable[..., Job]) -> None:
    one = job("kept-after")
    assert not one.runs_to_its_end("request.after:4")  # a question about each of the two rooms, and two texts
    assert one.runs_to_its_end()
    assert "1 too many" in one.complaint()
