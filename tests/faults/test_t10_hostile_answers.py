"""T10: answers that end early, and answers that are far larger than they look; on disk and in memory.

Each shape of answer, cut after every byte, meets the transport in tests/unit/http/test_transport_cuts.py, and each
hostile one in tests/unit/http/test_transport_hostile.py. Here they meet what a bot calls, and a process is measured.
"""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from gomatrix_py import Client, RetryPolicy
from gomatrix_py.errors import MatrixError
from gomatrix_py.http.messages import MEBIBYTE
from tests.kit.crash import ROOT
from tests.kit.fault_mixes import of_size
from tests.kit.raw_server import Connection, RawServer, Script, answer, chunked

BOMB_MIB = of_size(256, 1024)
STEP = of_size(7, 1)
MOST_GROWTH = 64 * MEBIBYTE

FILE = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(20))
PACKED = gzip.compress(FILE, mtime=0)
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: image/png\r\n"
FRAMINGS = {
    "length": answer(FILE),
    "chunked": chunked(FILE),
    "until close": CLOSING + b"\r\n" + FILE,
    "gzip, length": answer(PACKED, 200, "Content-Encoding: gzip"),
    "gzip, chunked": chunked(PACKED, "Content-Encoding: gzip"),
    "gzip, until close": CLOSING + b"Content-Encoding: gzip\r\n\r\n" + PACKED,
    "gzip cut, length": answer(PACKED[:-9], 200, "Content-Encoding: gzip"),
    "gzip cut, chunked": chunked(PACKED[:-9], "Content-Encoding: gzip"),
}


def cutting(whole: bytes) -> Script:
    """Return the script that sends as many bytes of a file as the name of the media says, and closes."""

    def script(connection: Connection) -> None:
        while True:
            path = connection.read_request().path
            if path.endswith("/versions"):
                connection.send(answer(b'{"versions": ["v1.11"]}'))
                continue
            connection.send(whole[: int(path.rpartition("/")[2])])
            return

    return script


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_download_that_ends_early_leaves_no_file(framing: str, tmp_path: Path) -> None:
    whole = FRAMINGS[framing]
    cases = taken = 0
    with RawServer(cutting(whole)) as server, Client(server.url, "@a:hs", "t", retry=RetryPolicy.never()) as client:
        for count in [*range(0, len(whole), STEP), len(whole)]:
            target = tmp_path / f"{count}.png"
            cases += 1
            try:
                client.download(f"mxc://hs/{count}", target)
            except MatrixError:
                assert not target.exists(), f"after {count} of {len(whole)} bytes"
            else:
                taken += 1
                assert target.read_bytes() == FILE, f"after {count} of {len(whole)} bytes"
    assert list(tmp_path.glob("*.part")) == []
    assert len(list(tmp_path.iterdir())) == taken
    print(f"{framing}: {cases} cases, {taken} whole")
    is_recognizable = "cut" not in framing and "until close" not in framing
    assert bool(taken) is is_recognizable


# ------------------------------------------------------------------ memory


def packed(mebibytes: int) -> bytes:
    """Return a little gzip that unpacks to a very long JSON string."""
    packer = zlib.compressobj(1, wbits=31)
    blank = b" " * MEBIBYTE
    return packer.compress(b'"') + b"".join(packer.compress(blank) for _ in range(mebibytes)) + packer.flush()


def growth(mebibytes: int, manner: str) -> tuple[str, int]:
    """Return how a bomb of this size ended in a process of its own, and what it cost there in bytes."""
    bomb = packed(mebibytes)

    def script(connection: Connection) -> None:
        while True:
            if connection.read_request().path.endswith("/small"):
                connection.send(answer(b"{}"))
            else:
                connection.send(answer(bomb, 200, "Content-Encoding: gzip"))

    with RawServer(script) as server:
        done = subprocess.run(
            [sys.executable, "-m", "tests.kit.memory_probe", server.url, manner],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    ended, grown = done.stdout.split()
    print(f"{mebibytes} MiB by {manner}: {ended}, {int(grown) / MEBIBYTE:.1f} MiB more")
    return ended, int(grown)


@pytest.mark.parametrize("manner", ["client", "download"])
def test_a_bomb_is_refused_in_little_memory(manner: str) -> None:
    ended, grown = growth(BOMB_MIB, manner)
    assert ended == "AnswerTooLarge"
    assert grown < MOST_GROWTH


def test_the_control_requests_unpacks_all_of_it() -> None:
    _, grown = growth(256, "requests")
    assert grown > MOST_GROWTH
