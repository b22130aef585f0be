"""The fixtures for users of the library, in pytest runs of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.kit.waiting import is_running, wait_until


def run_pytest(folder: Path, source: str, *arguments: str) -> tuple[int, str]:
    """Run pytest on one test file in a process of its own."""
    (folder / "test_bot.py").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments, "test_bot.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


_BOT_TEST = """
from pathlib import Path
import pytest

def answer_once(client):
    @client.syncer.on_event_type("m.room.message")
    def answer(event):
        if event.sender != client.user_id:
            client.send_notice(event.room_id, event.body[::-1])
    client.sync_once()

def test_a_bot(matrix_server, matrix_user):
    Path("pid").write_text(str(matrix_server.pid))
    alice, bot = matrix_user("alice"), matrix_user("bot")
    room = alice.create_room(invite=[bot.user_id]).room_id
    bot.join_room(room)
    bot.sync_once()
    alice.send_text(room, "live")
    answer_once(bot)
    assert alice.messages(room, limit=1).chunk[0].body == "evil"

def test_another_has_users_of_its_own(matrix_user):
    assert matrix_user("alice").joined_rooms().joined_rooms == []
    assert matrix_user("alice").user_id != matrix_user("alice").user_id

def test_options_reach_the_client(matrix_user):
    alice = matrix_user("alice", "the password", admin=True, app_service_user_id="")
    alice.login_with_password(alice.user_id, "the password")
    url = alice.build_base_url("_synapse", "admin", "v2", "users", alice.user_id)
    assert alice.make_request("GET", url)["admin"] is True

def test_a_sync_is_stopped_at_the_end(matrix_user):
    test_a_sync_is_stopped_at_the_end.handle = matrix_user("alice").start_sync()

def test_it_was(matrix_user):
    handle = test_a_sync_is_stopped_at_the_end.handle
    assert not handle.is_running
    assert handle.error is None
"""


def test_a_bot_is_tested(tmp_path: Path) -> None:
    code, output = run_pytest(tmp_path, _BOT_TEST, "-W", "error")
    assert code == 0, output
    assert "5 passed" in output
    pid = int((tmp_path / "pid").read_text(encoding="ascii"))
    wait_until(lambda: not is_running(pid), "the server is gone")


_FAILING_TEST = """
from pathlib import Path

def test_fails(matrix_server, matrix_user):
    Path("pid").write_text(str(matrix_server.pid))
    matrix_user("alice").start_sync()
    raise LookupError("the bot is broken")
"""


def test_a_failing_test_leaves_no_process_and_shows_the_log(tmp_path: Path) -> None:
    code, output = run_pytest(tmp_path, _FAILING_TEST)
    assert code == 1
    assert "the bot is broken" in output
    assert "Synapse log" in output
    assert "STARTING SERVER" in output
    pid = int((tmp_path / "pid").read_text(encoding="ascii"))
    wait_until(lambda: not is_running(pid), "the server is gone")


_WITHOUT_SYNAPSE = """
import importlib.util

real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "synapse" else real(name, *rest)

def test_needs_a_server(matrix_user):
    raise LookupError("never runs")

def test_needs_none():
    assert True
"""


def test_without_synapse_a_test_says_what_to_install(tmp_path: Path) -> None:
    code, output = run_pytest(tmp_path, _WITHOUT_SYNAPSE)
    assert code == 1
    assert "1 passed, 1 error" in output
    assert "pip install 'gomatrix_py[devserver]'" in output
    assert "skipped" not in output
    assert "Traceback" not in output


def test_the_plugin_can_be_turned_off(tmp_path: Path) -> None:
    code, output = run_pytest(tmp_path, "def test_bot(matrix_user): pass\n", "-p", "no:gomatrix_py")
    assert code == 1
    assert "fixture 'matrix_user' not found" in output
