"""Measuring one piece of work: each contender, and each repetition, in a fresh process of its own.

So neither imports, nor memory peaks, nor what the garbage collector has seen are shared. Contenders take
turns, so that what else the machine does hits all of them; the best repetition counts.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Contender", "Meter", "Readings", "child_environment", "measure"]

ROOT = Path(__file__).parent.parent
_LIMIT_S = 600


class Meter:
    """What a contender measures itself with."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.wall_s = 0.0
        self._resident_before = 0

    def note_memory(self) -> None:
        """Take what the process holds now as the ground from which its peak is counted."""
        gc.collect()
        self._resident_before = _resident_bytes()

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the CPU time and wall time of a block."""
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.cpu_s += time.process_time() - cpu
            self.wall_s += time.perf_counter() - wall

    def growth(self) -> int:
        """Return how far above `note_memory` the process ever was, in bytes."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return max(0, peak * (1 if sys.platform == "darwin" else 1024) - self._resident_before)


def _resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:  # no /proc: the peak so far is the next best thing
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return pages * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Contender:
    """A function ``module:name`` that takes a `Meter` and settings, and returns facts about its work."""

    name: str
    function: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    rounds: int | None = None


@dataclass
class Readings:
    """What came out of one contender: the best CPU and wall times, the smallest growth of memory."""

    cpu_s: float = float("inf")
    wall_s: float = float("inf")
    growth: int = sys.maxsize
    facts: dict[str, Any] = field(default_factory=dict)
    problem: str = ""

    def take(self, outcome: dict[str, Any]) -> None:
        """Take in the outcome of one repetition."""
        self.problem = outcome.get("problem", "")
        if not self.problem:
            self.cpu_s = min(self.cpu_s, outcome["cpu_s"])
            self.wall_s = min(self.wall_s, outcome["wall_s"])
            self.growth = min(self.growth, outcome["growth"])
            self.facts = outcome["facts"]


def measure(contenders: Sequence[Contender], rounds: int) -> dict[str, Readings]:
    """Run the contenders in turns, each in `rounds` fresh processes (or fewer where it says so)."""
    readings = {contender.name: Readings() for contender in contenders}
    for number in range(rounds):
        for contender in contenders:
            wanted = rounds if contender.rounds is None else min(rounds, contender.rounds)
            if number < wanted and not readings[contender.name].problem:
                readings[contender.name].take(_run(contender))
    return readings


def _run(contender: Contender) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.child", contender.function, json.dumps(dict(contender.settings))]
    done = subprocess.run(
        command, cwd=ROOT, env=child_environment(), capture_output=True, text=True, timeout=_LIMIT_S, check=False
    )
    if done.returncode:
        print(f"{contender.name} failed:\n{done.stderr[-1000:]}", file=sys.stderr)
        return {"problem": "failed, see above"}
    outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return outcome


def child_environment() -> dict[str, str]:
    """Return the environment without proxies: everything here stays on this machine."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
