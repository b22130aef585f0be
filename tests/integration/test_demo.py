"""`make demo` as a newcomer runs it: a conversation, exit status 0, and nothing left behind."""

from __future__ import annotations

import importlib
import uuid
from pathlib import Path
from types import ModuleType

import pytest

from gomatrix_py import Client
from tests.kit.example_scripts import EXAMPLES, run_script, running_script
from tests.kit.waiting import wait_until

MARK = "GOMATRIX_PY_TEST_MARK"


def processes_with(mark: str) -> list[int]:
    """Return the processes that were started, however indirectly, with a mark in their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (place / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
        except OSError:  # it ended meanwhile, or is another user's
            continue
    return found


@pytest.fixture
def mark() -> str:
    if not Path("/proc/self/environ").exists():
        pytest.skip("what a process left behind can be seen in /proc only")
    return uuid.uuid4().hex


def test_the_demo_talks_and_cleans_up(mark: str) -> None:
    lines = [line.strip() for line in run_script("demo.py", settings={MARK: mark})]
    talk = [line.split(None, 1) for line in lines if line.startswith(("alice ", "echo "))]
    asked, echoed = talk[::2], talk[1::2]
    assert [who for who, _ in asked] == ["alice"] * 4
    assert [who for who, _ in echoed] == ["echo"] * 4
    assert [text for _, text in asked] == [text for _, text in echoed]
    assert lines[-1] == "done: 4 lines were said and echoed, encrypted; everything is shut down"
    assert processes_with(mark) == []


def test_the_demo_cleans_up_after_ctrl_c(mark: str) -> None:
    with running_script("demo.py", settings={MARK: mark}) as script:
        while not script.next_line().strip().startswith("alice"):
            pass
        assert len(processes_with(mark)) == 2  # the demo and Synapse: the count below can fail
        assert script.interrupt() != 0
        wait_until(lambda: processes_with(mark) == [], "the demo and Synapse are gone")


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The demo as a module, with little patience."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    module = importlib.import_module("demo")
    monkeypatch.setattr(module, "PATIENCE_S", 1.0)
    return module


def test_a_bot_that_never_comes_fails_the_demo(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def make_nothing(client: Client) -> None:
        """A bot that does not listen."""

    monkeypatch.setattr(demo, "make_bot", make_nothing)
    assert demo.main() == 1
    assert "the demo failed: nothing came from the bot within 1 s" in capsys.readouterr().err


def test_a_bot_that_says_something_else_fails_the_demo(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_bot = demo.make_bot

    def make_parrot(client: Client) -> None:
        make_bot(client)
        monkeypatch.setattr(client, "send_notice", lambda room_id, text: client.send_text(room_id, "Polly!"))

    monkeypatch.setattr(demo, "make_bot", make_parrot)
    assert demo.main() == 1
    assert "the demo failed: the bot said 'Polly!'" in capsys.readouterr().err


def test_a_missing_extra_is_explained(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find_nothing(name: str) -> None:
        return None

    monkeypatch.setattr("importlib.util.find_spec", find_nothing)
    assert demo.main() == 1
    assert "pip install 'gomatrix_py[devserver]'" in capsys.readouterr().err
