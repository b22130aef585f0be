"""The development server leaves nothing behind, however its block or its parent ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from gomatrix_py import Client
from gomatrix_py.errors import Conflict, HTTPError, TransportError, UsageError
from gomatrix_py.http.retry import RetryPolicy
from gomatrix_py.testing import DevServer
from gomatrix_py.testing.devserver import DevServerError
from tests.kit.waiting import is_running, wait_until

PASSWORD = "wonderland"

_PARENT = """
import os, sys, time
from gomatrix_py.testing import DevServer

with DevServer() as hs:
    if "fork" in sys.argv and os.fork() == 0:  # a child that holds on to what it inherited
        time.sleep(60)
        os._exit(0)
    print(hs.pid, hs.folder, flush=True)
    time.sleep(60)
"""


@contextmanager
def parent(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int, Path]]:
    """Run a process that runs a server; gives the process, the server's pid and its folder."""
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            pid, folder = process.stdout.readline().decode().split()
            assert is_running(int(pid))
            yield process, int(pid), Path(folder)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def assert_nothing_is_left(pid: int, folder: Path) -> None:
    """Wait for the server and its data to be gone."""
    wait_until(lambda: not is_running(pid), "the server is gone")
    wait_until(lambda: not folder.exists(), "its data is gone")


# ------------------------------------------------------------------ how it ends


def test_nothing_is_left_after_the_block() -> None:
    with DevServer() as server:
        pid, folder = server.pid, server.folder
        client = server.register("alice", PASSWORD)
        handle = client.start_sync()
        assert is_running(pid)
        assert folder.exists()
    assert not is_running(pid)
    assert not folder.exists()
    assert not handle.is_running
    assert handle.error is None
    assert server.pid == 0
    server.stop()  # twice does nothing


def test_nothing_is_left_after_an_exception_and_the_log_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    server = DevServer()
    seen: list[tuple[int, Path]] = []

    def fail() -> None:
        with server:
            seen.append((server.pid, server.folder))
            raise LookupError("in the block")

    with pytest.raises(LookupError):
        fail()
    ((pid, folder),) = seen
    assert not is_running(pid)
    assert not folder.exists()
    assert "Synapse's log" in capsys.readouterr().err


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_after_a_signal(end: signal.Signals) -> None:
    with parent() as (process, pid, folder):
        process.send_signal(end)
        process.wait(20)
        assert_nothing_is_left(pid, folder)


def test_nothing_is_left_though_a_forked_child_lives_on() -> None:
    """It holds the pipe open whose end would tell the server that nobody needs it any more."""
    with parent("fork") as (process, pid, folder):
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        assert_nothing_is_left(pid, folder)


def test_a_server_that_nobody_stops_lives_on() -> None:
    """The control of the tests above: what they wait for does not happen by itself."""
    with parent() as (_, pid, folder):
        with pytest.raises(AssertionError):
            wait_until(lambda: not is_running(pid), "the server is gone", timeout_s=2)
        assert folder.exists()


def test_nothing_is_left_of_a_server_that_does_not_start() -> None:
    server = DevServer(config={"listeners": "nonsense"})
    before = threading.active_count()
    with pytest.raises(DevServerError, match="Synapse ended"):
        server.start()
    assert server.pid == 0
    with pytest.raises(UsageError):
        server.folder  # noqa: B018 - it is gone
    assert server.log_tail() == ""
    assert threading.active_count() <= before + 1


# ------------------------------------------------------------------ what it does while it runs


def test_data_and_port_stay_over_a_crash() -> None:
    with DevServer() as server:
        alice = server.register("alice", PASSWORD, retry=RetryPolicy.never())
        room_id = alice.create_room("Lasting").room_id
        url, pid = server.url, server.pid
        server.kill()
        assert server.pid == 0
        with pytest.raises(TransportError):
            alice.versions()
        server.start()
        assert (server.url, server.pid != pid) == (url, True)
        assert alice.state_event(room_id, "m.room.name") == {"name": "Lasting"}
        assert server.start() is server  # it runs already
        os.kill(server.pid, signal.SIGKILL)  # now it crashes by itself
        server.wait()
        assert server.pid == 0
        server.start()
        assert alice.whoami().user_id == "@alice:localhost"


def test_a_stopped_server_starts_from_nothing() -> None:
    server = DevServer()
    with server:
        server.register("alice", PASSWORD)
    with server:
        assert server.register("alice", PASSWORD).user_id == "@alice:localhost"


def test_data_can_be_kept(tmp_path: Path) -> None:
    with DevServer("kept.example", keep_in=tmp_path / "data") as server:
        alice = server.register("alice", PASSWORD)
        assert alice.user_id == "@alice:kept.example"
    with DevServer("kept.example", keep_in=tmp_path / "data") as server:
        assert server.login("alice", PASSWORD).whoami().user_id == alice.user_id
        with pytest.raises(HTTPError):
            server.register("alice", PASSWORD)


def test_settings_of_ones_own_win() -> None:
    with DevServer(config={"enable_registration": False}) as server, Client(server.url) as client:
        with pytest.raises(HTTPError) as failure:
            client.register_dummy("alice", PASSWORD)
        assert failure.value.errcode == "M_FORBIDDEN"
        assert server.register("alice", PASSWORD).whoami().user_id == "@alice:localhost"


def test_a_taken_name(matrix_server: DevServer) -> None:
    matrix_server.register("taken", PASSWORD)
    with pytest.raises(Conflict):
        matrix_server.register("taken", PASSWORD)


# ------------------------------------------------------------------ to play with


def test_it_can_be_run_to_play_with() -> None:
    command = [sys.executable, "-m", "gomatrix_py.testing.devserver"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        url = said.split('Client("')[1].split('"')[0]
        with Client(url) as client:
            client.login_with_password("alice", "secret")
            assert client.create_room("Playground").room_id
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
    assert (process.returncode, rest, errors) == (0, "ended\n", "")
    with Client(url, retry=RetryPolicy.never()) as client, pytest.raises(TransportError):
        client.versions()
