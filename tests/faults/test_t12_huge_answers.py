"""T12: answers as large as accounts get, and larger; they are taken within a few times their size, or refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.crash import ROOT
from tests.kit.fault_mixes import of_size
from tests.kit.huge_answers import Account, endless, serving
from tests.kit.poison import nested
from tests.kit.raw_server import RawServer

ACCOUNT = Account(rooms=of_size(1_000, 10_000), members=100)
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what a process holds is read there")
MOST_TIMES_THE_BODY = 6.0
REFUSED_WITHIN_S = 1.0
"""Of processor time, and a microsecond for each level."""


def _synced(answer: Iterator[bytes], store: Path | None, patch: str = "") -> dict[str, Any]:
    """Let a process of its own sync once, and return what it says of it."""
    program = f"{patch}\nimport sys\nfrom tests.kit.huge_answers import main\nmain(*sys.argv[1:])"
    with RawServer(serving(answer)) as server:
        ended = subprocess.run(
            [sys.executable, "-c", program, server.url, str(store or "")],
            cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def _took_it_all(found: dict[str, Any]) -> None:
    print(f"{found['size'] / 1e6:.0f} MB, {found['grown'] / found['size']:.2f} times that, {found['used_s']:.1f} s")
    assert (found["error"], found["next_batch"]) == ("", "s1")
    assert (found["rooms"], found["members"]) == (ACCOUNT.rooms, ACCOUNT.members)
    assert found["size"] > 300 * ACCOUNT.rooms * ACCOUNT.members
    assert found["grown"] <= MOST_TIMES_THE_BODY * found["size"]


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_a_large_account_is_taken(store: str, tmp_path: Path) -> None:
    _took_it_all(_synced(ACCOUNT.answer(), tmp_path / "store" if store == "sqlite" else None))


def test_the_control_an_answer_kept_as_objects_is_too_large(tmp_path: Path) -> None:
    """As one is that is decoded whole: again for each part that looks at it."""
    patch = (
        "from gomatrix_py.api.sync import SyncResponse\n"
        "from gomatrix_py.codec import loads_tolerant\n"
        "sound = SyncResponse.from_json\n"
        "def careless(body):\n"
        "    answer = sound(body)\n"
        "    SyncResponse.kept = [loads_tolerant(body) for _ in range(4)]\n"
        "    return answer\n"
        "SyncResponse.from_json = staticmethod(careless)\n"
    )
    found = _synced(Account(200, 100).answer(), None, patch)
    assert found["grown"] > MOST_TIMES_THE_BODY * found["size"]


REFUSED = {
    "lists that never end": endless(b"["),
    "objects that never end": endless(b'{"a":'),
    "a string that never ends": endless(b"x" * 50),
}
_LIMITED = (
    "from gomatrix_py.api.sync import GetSync\n"
    "import attrs\n"
    "limits = GetSync.limits\n"
    "GetSync.limits = lambda self: attrs.evolve(limits(self), max_bytes=32 * 1024 * 1024)\n"
)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_never_ends_is_refused_at_the_limit(kind: str, tmp_path: Path) -> None:
    """The limit of a sync is 512 MB; here it is lowered, for the sake of the machine."""
    found = _synced(REFUSED[kind], tmp_path / "store", _LIMITED)
    assert (found["error"], found["next_batch"]) == ("AnswerTooLarge", "")
    assert found["grown"] < 3 * 32 * 1024 * 1024


@pytest.mark.parametrize("depth", [1_000, of_size(1_000_000, 20_000_000)])
def test_what_is_deeper_than_anything_costs_only_itself(depth: int, tmp_path: Path) -> None:
    room = b'{"timeline":{"events":[{"type":"m","event_id":"$1","content":{"a":1}}]}}'
    deep = nested(depth, b"1")
    answer = iter([b'{"next_batch":"s1","deep":', deep, b',"rooms":{"join":{"!r:huge":', room, b"}}}"])
    found = _synced(answer, tmp_path / "store")
    assert (found["error"], found["next_batch"], found["rooms"]) == ("", "s1", 1)
    assert found["used_s"] < REFUSED_WITHIN_S + depth / 1e6
