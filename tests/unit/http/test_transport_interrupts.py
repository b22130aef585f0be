"""Ctrl-C, signal handlers and forks: what they do to an exchange and its connections."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from gomatrix_py import Limits
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import RequestCancelled, RequestTimeout
from gomatrix_py.http.messages import MEBIBYTE, HttpRequest
from gomatrix_py.http.transport import RequestsTransport
from gomatrix_py.http.watch import _watchdog
from tests.kit.raw_server import Connection, RawServer, Script, always, answer, stalling

# ------------------------------------------------------------------ Ctrl-C


def interrupt_main() -> None:
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


def interrupting(head: bytes) -> Script:
    """Return the script that plays Ctrl-C in the middle of the first answer, and answers the next."""

    def script(connection: Connection) -> None:
        connection.read_request()
        if connection.number == 0:
            connection.send(head)
            interrupt_main()
            connection.hold()
        connection.send(answer(b'{"fine":true}'))

    return script


@pytest.mark.parametrize(
    "head",
    [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"],
    ids=["status", "headers", "body"],
)
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals go to a thread here")
def test_ctrl_c_closes_the_connection(transport: RequestsTransport, head: bytes) -> None:
    with RawServer(interrupting(head)) as server:
        with pytest.raises(KeyboardInterrupt):
            transport.send(HttpRequest("GET", server.url))
        assert not _watchdog._watches
        assert transport.send(HttpRequest("GET", server.url)).body == b'{"fine":true}'
        assert len(server.connections) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), RuntimeError("own"), OSError(28, "full")])
def test_what_a_sink_raises_goes_through_and_closes_the_connection(
    transport: RequestsTransport, error: BaseException
) -> None:
    class Broken(io.BytesIO):
        def write(self, data: Any) -> int:
            raise error

    picture = bytes(MEBIBYTE)
    with RawServer(always(answer(picture))) as server:
        with pytest.raises(type(error)) as caught:
            transport.send(HttpRequest("GET", server.url, sink=Broken()))
        assert caught.value is error
        assert transport.send(HttpRequest("GET", server.url)).body == picture
        assert len(server.connections) == 2


def test_a_signal_handler_may_cancel_what_its_own_thread_waits_for(transport: RequestsTransport) -> None:
    token = CancelToken()
    before = signal.signal(signal.SIGINT, lambda *_: token.cancel())
    try:
        with RawServer(interrupting(b"")) as server, pytest.raises(RequestCancelled):
            transport.send(HttpRequest("GET", server.url, cancel=token))
    finally:
        signal.signal(signal.SIGINT, before)


# ------------------------------------------------------------------ forks


def in_child(work: Callable[[], bytes]) -> bytes:
    """Run something in a forked child and return what it returned."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, work())
        except BaseException as error:  # noqa: BLE001 - told to the parent
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
forks = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@needs_fork
@forks
def test_deadlines_hold_in_a_forked_child(transport: RequestsTransport) -> None:
    with RawServer(always(answer())) as server:
        transport.send(HttpRequest("GET", server.url))  # the parent's watchdog runs
    with RawServer(stalling) as server:

        def late() -> bytes:
            try:
                transport.send(HttpRequest("GET", server.url, limits=Limits(read_s=30, total_s=0.3)))
            except RequestTimeout:
                return b"ended in time"
            return b"answered"

        assert in_child(late) == b"ended in time"


@needs_fork
@forks
def test_a_child_born_while_the_watchdog_works_is_not_stuck(transport: RequestsTransport) -> None:
    with RawServer(always(answer(b'{"fine":true}'))) as server:
        is_held, may_go = threading.Event(), threading.Event()

        def hold_the_lock() -> None:
            with _watchdog._changed:
                is_held.set()
                may_go.wait(20)

        holder = threading.Thread(target=hold_the_lock)
        holder.start()
        assert is_held.wait(20)
        child = threading.Timer(0, may_go.set)  # only the parent has this thread
        told = in_child(lambda: transport.send(HttpRequest("GET", server.url)).body)
        child.start()
        holder.join(20)
        child.join(20)
        assert told == b'{"fine":true}'


@needs_fork
@forks
@pytest.mark.parametrize("of_the_users_own", [False, True])
def test_a_child_leaves_the_parents_connections_alone(of_the_users_own: bool) -> None:
    transport = RequestsTransport(requests.Session() if of_the_users_own else None)
    with RawServer(always(answer(b'{"fine":true}'))) as server:
        request = HttpRequest("GET", server.url)
        transport.send(request)
        assert in_child(lambda: transport.send(request).body) == b'{"fine":true}'
        assert len(server.connections) == 2  # the child has one of its own
        transport.send(request)
        assert len(server.connections) == 2  # and the parent's still stands
    transport.close()
