"""Python processes that are killed: by themselves at a given point, or by the test when it likes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

__all__ = ["ROOT", "Child", "run_python"]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0


def run_python(program: str, *arguments: object, timeout_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
    """Run a piece of Python in a process of its own and return how it ended; killed is a negative code."""
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


class Child:
    """A Python process that says on its standard output how far it is; killed at the latest when its block ends.

    Args:
        module: run as ``python -m``, from the root of the repository.
        arguments: of the command line.
        environment: added to this process's.
    """

    def __init__(self, module: str, *arguments: object, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.said: list[str] = []

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """True until it has ended."""
        return self._process.poll() is None

    def wait_until_it_says(self, line: str, timeout_s: float = PATIENCE_S) -> None:
        """Read its output up to this line.

        Raises:
            AssertionError: it ended, or took too long, without saying so.
        """
        watchdog = threading.Timer(timeout_s, self.kill)
        watchdog.start()
        try:
            assert self._process.stdout is not None
            for said in self._process.stdout:
                self.said.append(said.rstrip("\n"))
                if self.said[-1] == line:
                    return
        finally:
            watchdog.cancel()
            watchdog.join()
        raise AssertionError(f"the child never said {line!r}, but: {self.said}")

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self._process.send_signal(signal.SIGKILL)

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for its end and return its code, negative where a signal ended it."""
        return self._process.wait(timeout_s)

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
