"""T11: an answer that comes byte by byte, or never; a sync is stopped within a second, a call ends at its deadline.

What a single exchange does at each stage is shown in tests/unit/http/test_transport_ending.py.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from gomatrix_py import Client, Limits, RetryPolicy, SQLiteStore
from gomatrix_py.errors import RequestTimeout
from gomatrix_py.http.watch import Watch, _watchdog
from tests.kit.fault_mixes import SOAKS, of_size
from tests.kit.raw_server import Connection, RawServer, always, answer
from tests.kit.waiting import wait_until

ROUNDS = of_size(1, 25)
AT_MOST_S = 1.0 if SOAKS else 5.0
"""The bar where nothing else runs; on a machine that does other things as well, only that it ends."""

OK = b"HTTP/1.1 200 OK\r\n"
PROMISED = OK + b"Content-Length: 100000\r\n\r\n"

# What a server has said when it falls silent, and what it goes on dripping, "" for nothing.
STALLS: dict[str, tuple[bytes, bytes]] = {
    "says nothing": (b"", b""),
    "status line": (b"HTTP/1.1 20", b""),
    "status line, dripping": (b"HTTP/1.1 200 ", b"x"),
    "headers": (OK + b"Content-Le", b""),
    "headers, dripping": (OK + b"X: ", b"x"),
    "body": (PROMISED + b'{"next', b""),
    "body, dripping": (PROMISED, b" "),
    "body until close, dripping": (OK + b"Connection: close\r\n\r\n", b" "),
    "chunks, dripping": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "error page, dripping": (b"HTTP/1.1 502 Bad\r\nConnection: close\r\n\r\n", b"x"),
}
HANDSHAKE = "TLS handshake"
STAGES = [*STALLS, HANDSHAKE]


def stalling(stage: str, is_stalled: threading.Event) -> Callable[[Connection], None]:
    """Return the script that answers what comes before a sync, and stalls the sync at a stage."""

    def script(connection: Connection) -> None:
        if stage == HANDSHAKE:
            is_stalled.set()
            connection.hold()
        said, dripping = STALLS[stage]
        while not connection.read_request().path.endswith("/sync"):
            connection.send(answer(b'{"filter_id": "1"}'))
        connection.send(said)
        is_stalled.set()
        while dripping:
            connection.drip(dripping)
        connection.hold()

    return script


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Fail where a thread, a file or a watch is left behind."""
    with RawServer(always(answer())) as server, Client(server.url) as warm:  # the watchdog stays
        warm.make_request("GET", warm.build_url("x"))
    threads, files = set(threading.enumerate()), open_files()
    yield
    wait_until(lambda: set(threading.enumerate()) <= threads, "all threads ended")
    wait_until(lambda: open_files() <= files, "all files are closed")
    assert not _watchdog._watches


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open files are counted in /proc")
@pytest.mark.parametrize("stage", STAGES)
def test_a_sync_that_hangs_is_stopped(
    stage: str, nothing_left: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    longest_s = 0.0
    for _ in range(ROUNDS):
        is_stalled = threading.Event()
        store = SQLiteStore(tmp_path_factory.mktemp("store") / "store.db")
        with RawServer(stalling(stage, is_stalled)) as server:
            url = f"https://127.0.0.1:{server.port}" if stage == HANDSHAKE else server.url
            with Client(url, "@a:hs", "token", device_id="D", store=store) as client:
                sync = client.start_sync()
                assert is_stalled.wait(20)
                began = time.monotonic()
                sync.stop(AT_MOST_S)
                longest_s = max(longest_s, time.monotonic() - began)
                assert not sync.is_running
    print(f"{stage}: stopped {ROUNDS} times, in {longest_s:.3f} s at most")


@pytest.mark.parametrize("stage", ["says nothing", "body, dripping"])
def test_the_control_without_closing_the_socket_it_hangs(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, "_shut_down", lambda self: None)
    is_stalled = threading.Event()
    with RawServer(stalling(stage, is_stalled)) as server:
        client = Client(server.url, "@a:hs", "token", device_id="D")
        sync = client.start_sync()
        assert is_stalled.wait(20)
        with pytest.raises(TimeoutError):
            sync.stop(0.5)
    wait_until(lambda: not sync.is_running, "the server is gone")


@pytest.mark.parametrize("stage", STAGES)
def test_a_call_that_hangs_ends_at_its_deadline(stage: str) -> None:
    """Every try and wait included: the policy would try again for long."""
    limits = Limits(connect_s=30, read_s=30, total_s=0.3)
    with RawServer(stalling(stage, threading.Event())) as server:
        url = f"https://127.0.0.1:{server.port}" if stage == HANDSHAKE else server.url
        with Client(url, "@a:hs", "token", limits=limits, retry=RetryPolicy(attempts=1000, base_s=0.01)) as client:
            thread = threading.Thread(target=_times_out, args=(client,), daemon=True)
            thread.start()
            thread.join(limits.total_s + AT_MOST_S)
            assert not thread.is_alive()


def _times_out(client: Client) -> None:
    with pytest.raises(RequestTimeout):
        client.make_request("GET", client.build_url("sync"))
