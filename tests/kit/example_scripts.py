"""The example scripts, run as their reader runs them: each in a process of its own."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gomatrix_py import Client

__all__ = ["EXAMPLES", "RunningScript", "credentials", "run_script", "running_script"]

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
LIMIT_S = 60.0


def credentials(client: Client) -> dict[str, str]:
    """Return what the examples want to find in the environment."""
    return {
        "MATRIX_URL": client.homeserver_url,
        "MATRIX_USER": client.user_id,
        "MATRIX_TOKEN": client.access_token,
    }


def _command(script: str, arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-W", "error", str(EXAMPLES / script), *arguments]


def run_script(script: str, *arguments: str, settings: Mapping[str, str]) -> list[str]:
    """Run a script to its end, and return the lines it printed; fails where it fails or complains."""
    ran = subprocess.run(
        _command(script, arguments),
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
    return ran.stdout.splitlines()


class RunningScript:
    """A script that runs, and its lines as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.errors = ""
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._readers = [threading.Thread(target=self._read_lines), threading.Thread(target=self._read_errors)]
        for reader in self._readers:
            reader.start()

    def _read_lines(self) -> None:
        for line in self.process.stdout or ():
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _read_errors(self) -> None:
        self.errors = self.process.stderr.read() if self.process.stderr else ""

    def next_line(self, timeout_s: float = 20.0) -> str:
        """Return the next line it prints; fails where none comes."""
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise AssertionError(f"it printed nothing for {timeout_s:g} s") from None
        if line is None:
            self.process.wait()
            self._readers[1].join()
            raise AssertionError(f"it ended with {self.process.returncode}: {self.errors}")
        return line

    def interrupt(self) -> int:
        """Press Ctrl-C, and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(LIMIT_S)

    def end(self) -> None:
        """Make sure that it is gone."""
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@contextmanager
def running_script(
    script: str, *arguments: str, settings: Mapping[str, str], folder: Path | None = None
) -> Iterator[RunningScript]:
    """Run a script, in a folder of its own where one is given, for as long as the block runs."""
    running = RunningScript(
        subprocess.Popen(
            _command(script, arguments),
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )
    try:
        yield running
    finally:
        running.end()
