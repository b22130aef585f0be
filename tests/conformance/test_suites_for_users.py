"""The suites as a user runs them: a test file of their own, pytest without our settings."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import gomatrix_py.testing.conformance as conformance
from tests.kit.crash import ROOT

THEIR_STORE = """
from gomatrix_py.store import InMemoryStore, SQLiteStore as MyStore
"""


def _example() -> str:
    """Return the class that the documentation of the suites shows."""
    assert conformance.__doc__ is not None
    lines = conformance.__doc__.partition("::\n")[2].splitlines()
    shown = [line for line in lines if not line or line.startswith("    ")]
    return textwrap.dedent("\n".join(shown))


def _run(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_mine.py").write_text(program, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", str(folder)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_documented_example_runs(tmp_path: Path) -> None:
    answer = _run(tmp_path, THEIR_STORE + _example())
    assert answer.returncode == 0, answer.stdout
    assert int(answer.stdout.split(" passed")[0].split()[-1]) > 40


def test_a_failure_is_shown_with_its_values(tmp_path: Path) -> None:
    broken = "class Broken(InMemoryStore):\n    def load_next_batch(self, user_id):\n        return 'always this'\n"
    suite = "class TestBroken(StorerConformance):\n    def make_store(self):\n        return Broken()\n"
    imports = "from gomatrix_py.testing.conformance import StorerConformance\n"
    answer = _run(tmp_path, THEIR_STORE + imports + broken + suite)
    assert answer.returncode == 1
    assert "test_the_sync_token_is_kept" in answer.stdout
    assert "'always this' == 's72594_4483_1934'" in answer.stdout, "the assertions are not explained"


def test_a_suite_without_a_store_says_what_it_needs(tmp_path: Path) -> None:
    answer = _run(
        tmp_path,
        "from gomatrix_py.testing.conformance import SyncerConformance, SyncStorerConformance\n"
        "class TestStore(SyncStorerConformance): pass\n"
        "class TestSyncer(SyncerConformance): pass\n",
    )
    assert "needs make_store()" in answer.stdout
    assert "needs make_syncer()" in answer.stdout
