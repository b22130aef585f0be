"""Jobs of an encrypting client, each in a process of its own that may end itself at a point of it.

A process that has imported all this, and done nothing with it, is forked for each job: a life costs as much as its
work. `Jobs` runs them; what they are given are names in `GIVEN`, and each goes on where a killed one was:

- ``say``: logs in where it has not, syncs, says some texts, and syncs again.
- ``say-saved-after``: the same, but the ratchet is stored after the message was sent; for control tests.
- ``hear``: syncs until it has noted so many texts, and once more.
- ``verify``: verifies with a user until a file appears, and notes the levels of that user's devices.
- ``import``: syncs, takes in a file of room keys, and syncs again.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from gomatrix_py import Crypto, CryptoClient, SQLiteStore
from gomatrix_py.client.saved_sessions import Session
from gomatrix_py.crypto.trust import BlindTrust
from tests.kit.crash import PATIENCE_S, ROOT
from tests.kit.crypto_bot import SavesAfter, noting, read, send
from tests.kit.failpoints import VARIABLE, set_failpoint
from tests.kit.key_server import KEY
from tests.kit.queue_bot import Progress

__all__ = ["DEVICE", "PASSPHRASE", "PASSWORD", "Jobs"]

DEVICE, PASSWORD, PASSPHRASE = "BOT", "secret", "correct horse"
ENDED = "ended"


# ------------------------------------------------------------------ from the outside


class Jobs:
    """Runs jobs, one at a time; ends all of them where its block ends."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kit.crypto_jobs"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, job: str, given: dict[str, Any], point: str = "") -> bool:
        """Tell whether a job got to its end; it may only end at the point otherwise.

        Raises:
            AssertionError: it failed, or took too long.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"job": job, "given": given, "point": point}) + "\n")
        self._process.stdin.flush()
        watchdog = threading.Timer(PATIENCE_S, self._kill)
        watchdog.start()
        said = []
        try:
            for line in self._process.stdout:
                said.append(line)
                if line.startswith(ENDED):
                    break
        finally:
            watchdog.cancel()
            watchdog.join()
        ends = {f"{ENDED} 0\n": True, f"{ENDED} {-signal.SIGKILL}\n": False}
        assert said, "the jobs have ended"
        assert said[-1] in ends, f"{job} at {point!r}: {''.join(said)}"
        assert point or ends[said[-1]], "it was killed, and not by itself"
        return ends[said[-1]]

    def _kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)

    def __enter__(self) -> Jobs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


# ------------------------------------------------------------------ the jobs


def _client(given: dict[str, Any], kind: type[CryptoClient] = CryptoClient) -> CryptoClient:
    """Return the client, logged in; the same device each time, whenever an earlier life ended."""
    options: dict[str, Any] = {
        "store": SQLiteStore(given["store"]),
        "crypto": Crypto(key=KEY, trust=BlindTrust(), library=given["library"]),
    }
    path = Path(given["session"])
    if path.exists():
        return kind.from_session(Session.load(path), **options)
    client = kind(given["url"], **options)
    client.login_with_password(given["user"], PASSWORD, device_id=DEVICE)
    client.session.save(path)
    return client


def say(given: dict[str, Any], kind: type[CryptoClient] = CryptoClient) -> None:
    client = _client(given, kind)
    client.sync_once()
    send(client, given["room"], Progress(Path(given["progress"])), given["up_to"])
    client.sync_once()
    client.close()


def hear(given: dict[str, Any]) -> None:
    client = _client(given)
    read(client, Path(given["heard"]), given["up_to"])
    client.sync_once()
    client.close()


def verify(given: dict[str, Any]) -> None:
    client, stop = _client(given), Path(given["stop"])
    client.crypto.auto_accept_sas([given["with"]])
    is_last = False
    while not is_last:
        is_last = stop.exists()
        client.sync_once(0 if is_last else 200)
    levels = {one.device_id: one.level for one in client.crypto.devices(given["with"], refresh=False)}
    Path(given["levels"]).write_text(json.dumps(levels), encoding="utf-8")
    client.close()


def forget(given: dict[str, Any]) -> None:
    client = _client(given)
    for device in client.crypto.devices(given["with"], refresh=False):
        client.crypto.unverify_device(device)
    client.close()


def take_keys(given: dict[str, Any]) -> None:
    client = _client(given)
    with noting(client, Path(given["heard"])) as synced:
        client.sync_once()
        synced()
        client.crypto.import_keys(given["keys"], PASSPHRASE)
        client.sync_once()
        synced()
    client.close()


WORK: dict[str, Callable[[dict[str, Any]], None]] = {
    "say": say,
    "say-saved-after": lambda given: say(given, SavesAfter),
    "hear": hear,
    "verify": verify,
    "forget": forget,
    "import": take_keys,
}


def _live(order: dict[str, Any]) -> int:
    """Do a job in this process, which was forked for it, and return how it ended."""
    try:
        os.environ[VARIABLE] = order["point"]
        set_failpoint()
        WORK[order["job"]](order["given"])
    except BaseException:  # noqa: BLE001 - told to who ordered it
        traceback.print_exc(file=sys.stdout)
        return 1
    finally:
        sys.stdout.flush()
    return 0


def main() -> None:
    """Take orders, one a line, and say how each ended."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(_live(json.loads(line)))
        print(ENDED, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
