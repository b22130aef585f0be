"""The watch by itself: which socket it shuts down, and which it leaves alone."""

from __future__ import annotations

import socket
import time

import pytest

from gomatrix_py.http.watch import Watch
from tests.kit.raw_server import RawServer, always, answer


def test_a_watch_shuts_down_what_it_adopts_after_its_end() -> None:
    ours, theirs = socket.socketpair()
    watch = Watch(time.monotonic() + 60)
    watch.end("cancelled")
    watch.adopt(ours)
    assert theirs.recv(1) == b""
    watch.end("deadline")
    assert watch.ended_by == "cancelled"  # the first word counts
    watch.let_go()
    ours.close()
    theirs.close()


def test_a_watch_that_let_go_does_nothing_any_more() -> None:
    ours, theirs = socket.socketpair()
    watch = Watch(time.monotonic() + 60)
    watch.adopt(ours)
    watch.let_go()
    watch.end("deadline")
    ours.send(b"x")
    assert theirs.recv(1) == b"x"
    ours.close()
    theirs.close()


def test_a_watch_goes_on_to_the_next_address() -> None:
    """localhost may have an address nobody listens at; the time is shared among all of them."""
    with RawServer(always(answer())) as server:
        watch = Watch(time.monotonic() + 60)
        sock = watch.connect("localhost", server.port, 10)
        assert sock.getpeername()[1] == server.port
        sock.close()
        watch.let_go()


def test_nobody_at_any_address_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    watch = Watch(time.monotonic() + 60)
    with pytest.raises(ConnectionRefusedError):
        watch.connect("localhost", port, 10)
    here = socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: here * 3)
    with pytest.raises(ConnectionRefusedError):
        watch.connect("many.example", port, 10)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    with pytest.raises(OSError, match="timed out"):
        watch.connect("none.example", port, 10)
