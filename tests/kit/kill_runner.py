"""Starts a child, ends it with SIGKILL at a random moment, starts it again, and so on; then lets it finish."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable

import attrs

from tests.kit.crash import Child

__all__ = ["KillRunner", "Lives"]

PATIENCE_S = 300.0


@attrs.frozen
class Lives:
    """How it went.

    Attributes:
        killed: how many lives ended by a kill.
        at_work: how many of these had not finished what they were to do.
    """

    killed: int
    at_work: int


@attrs.frozen
class KillRunner:
    """Kills at moments that follow from a seed, counted from when the child says "open".

    Attributes:
        start: starts life number so-and-so; the child says "open" once it is about to work, and "done" after.
        seed: of the moments; shown in what a test prints.
        longest_life_s: no life is longer.
    """

    start: Callable[[int], Child]
    seed: int
    longest_life_s: float = 0.6

    def run(self, kills: int) -> Lives:
        """Kill so many lives, then let one come to its end.

        Raises:
            AssertionError: a child ended by itself, or the last one does not come to its end.
        """
        chance = random.Random(self.seed)
        at_work = sum(self._kill_one(number, chance.uniform(0.0, self.longest_life_s)) for number in range(kills))
        with self.start(kills) as child:
            child.wait_until_it_says("done", PATIENCE_S)
        return Lives(kills, at_work)

    def _kill_one(self, number: int, life_s: float) -> bool:
        with self.start(number) as child:
            child.wait_until_it_says("open")
            is_done = threading.Event()
            reader = threading.Thread(target=self._read, args=(child, is_done), daemon=True)
            reader.start()
            time.sleep(life_s)  # the moment is what is random
            was_done = is_done.is_set()
            child.kill()
            assert child.wait() == -signal.SIGKILL, child.said
            reader.join()
        return not was_done

    def _read(self, child: Child, is_done: threading.Event) -> None:
        try:
            child.wait_until_it_says("done")
        except AssertionError:  # it was killed before
            return
        is_done.set()
