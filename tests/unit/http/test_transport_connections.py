"""Connections: kept, shared, replaced, refused, and TLS."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from gomatrix_py import Client, Limits, RetryPolicy
from gomatrix_py.errors import ConnectError, ServerError, TLSError, TransportError, UsageError
from gomatrix_py.http.messages import HttpRequest
from gomatrix_py.http.transport import RequestsTransport
from tests.kit.raw_server import Certificate, Connection, RawServer, Script, always, answer, in_turn

TOKEN = "syt_planted"


def get(server: RawServer, **fields: Any) -> HttpRequest:
    return HttpRequest("GET", f"{server.url}/x", "GET /x", **{"limits": Limits(read_s=10, total_s=10), **fields})


# ------------------------------------------------------------------ keeping connections


def test_one_connection_serves_many_requests(transport: RequestsTransport) -> None:
    parts = [answer(b"{}", status) for status in (200, 404, 500, 302)]
    parts += [b"HTTP/1.1 204 No Content\r\n\r\n", answer(b"", 200), answer(b"x" * 500_000)]
    with RawServer(in_turn(*parts, answer(b"end"))) as server:
        for _ in parts:
            transport.send(get(server))
        assert transport.send(get(server)).body == b"end"
        assert len(server.connections) == 1


def test_a_head_request_leaves_the_connection_in_step(transport: RequestsTransport) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
    with RawServer(in_turn(head, answer(b'{"a":1}'))) as server:
        assert transport.send(HttpRequest("HEAD", server.url)).size == 0
        assert transport.send(get(server)).body == b'{"a":1}'
        assert len(server.connections) == 1


def test_a_connection_that_died_in_the_pool_is_replaced(transport: RequestsTransport) -> None:
    is_gone = threading.Event()

    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(answer())
        connection.cut()
        is_gone.set()

    with RawServer(script) as server:
        for _ in range(3):
            is_gone.clear()
            assert transport.send(get(server)).status == 200
            assert is_gone.wait(10)
            server.connections[-1].sock.close()


def test_many_threads_share_a_transport(transport: RequestsTransport) -> None:
    threads_at_once, calls_each = 40, 10
    barrier = threading.Barrier(threads_at_once)
    got: list[bytes] = []

    def script(connection: Connection) -> None:
        while True:
            request = connection.read_request()
            connection.send(answer(request.path.encode()))

    def work(number: int) -> None:
        barrier.wait(10)
        for call in range(calls_each):
            path = f"/{number}/{call}"
            body = transport.send(HttpRequest("GET", server.url + path)).body
            if body == path.encode():
                got.append(body)

    with RawServer(script) as server:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(threads_at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert len(set(got)) == threads_at_once * calls_each
    assert len(server.connections) <= threads_at_once * 2


def test_a_closed_transport_can_be_used_again(transport: RequestsTransport) -> None:
    with RawServer(always(answer())) as server:
        transport.send(get(server))
        transport.close()
        transport.send(get(server))
        assert len(server.connections) == 2


@pytest.mark.parametrize("with_session", [False, True])
def test_closing_closes_at_once_whatever_is_kept(with_session: bool) -> None:
    hung_up = threading.Event()

    def script(connection: Connection) -> None:
        try:
            while connection.read_request().path == "/x":
                connection.send(answer())
            connection.send(b"garbage\r\n\r\n")
        finally:
            hung_up.set()

    with RawServer(script) as server:
        transport = RequestsTransport(requests.Session() if with_session else None)
        with pytest.raises(TransportError) as kept:  # the error leads to the pool
            transport.send(HttpRequest("GET", f"{server.url}/other"))
        hung_up.clear()
        transport.send(get(server))
        transport.close()
        assert hung_up.wait(10)
        assert kept.value.__cause__ is not None


def test_many_origins_do_not_disturb_each_other(transport: RequestsTransport) -> None:
    """More origins than pools are kept: the first ones are opened anew."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(RawServer(always(answer(b"%d" % number)))) for number in range(20)]
        for _ in range(2):
            assert [transport.send(get(server)).body for server in servers] == [b"%d" % n for n in range(20)]


# ------------------------------------------------------------------ failures to connect


def refused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_nobody_listening_is_no_connection(transport: RequestsTransport) -> None:
    port = refused_port()
    with pytest.raises(ConnectError, match=f"cannot connect to 127.0.0.1:{port}: .*refused") as caught:
        transport.send(HttpRequest("POST", f"http://127.0.0.1:{port}/x", body=b"{}"))
    assert not caught.value.was_sent


def test_a_name_that_does_not_exist_is_no_connection(
    transport: RequestsTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConnectError, match=r"cannot connect to hs\.invalid:80: .*not known") as caught:
        transport.send(HttpRequest("GET", "http://hs.invalid/"))
    assert not caught.value.was_sent


@pytest.mark.parametrize("end", [Connection.cut, Connection.reset])
def test_a_server_that_hangs_up_may_have_acted(
    transport: RequestsTransport, end: Callable[[Connection], None]
) -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        end(connection)

    with RawServer(script) as server, pytest.raises(TransportError) as caught:
        transport.send(HttpRequest("POST", server.url, body=b"{}"))
    assert type(caught.value) is TransportError
    assert caught.value.was_sent


# ------------------------------------------------------------------ TLS


def test_a_certificate_nobody_vouches_for_is_refused(certificate: Certificate, transport: RequestsTransport) -> None:
    with RawServer(always(answer()), tls=certificate) as server:
        with pytest.raises(TLSError, match=r"TLS failed.*certificate") as caught:
            transport.send(get(server, access_token=TOKEN))
        assert not caught.value.was_sent
        assert server.requests == []


def test_a_certificate_of_ones_own_is_taken(certificate: Certificate) -> None:
    transport = RequestsTransport(verify=certificate.certificate)
    with RawServer(always(answer(b'{"safe":true}')), tls=certificate) as server:
        assert transport.send(get(server)).body == b'{"safe":true}'
        assert transport.send(get(server)).body == b'{"safe":true}'
        assert len(server.connections) == 1
    transport.close()


def test_a_certificate_for_another_name_is_refused(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = RequestsTransport(verify=certificate.certificate)
    with RawServer(always(answer()), tls=certificate) as server:
        here = socket.getaddrinfo("127.0.0.1", server.port, type=socket.SOCK_STREAM)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: here)
        with pytest.raises(TLSError, match="TLS failed"):
            transport.send(HttpRequest("GET", f"https://other.example:{server.port}/"))
    transport.close()


def test_a_ca_bundle_that_is_not_there_is_the_callers_mistake() -> None:
    with pytest.raises(UsageError, match="no CA bundle"):
        RequestsTransport(verify="/no/such/bundle.pem")


def test_plain_http_at_an_https_address_is_a_tls_error(transport: RequestsTransport) -> None:
    def script(connection: Connection) -> None:
        connection.send(answer(b"", 400))
        connection.hold()

    with RawServer(script) as server, pytest.raises(TLSError):
        transport.send(HttpRequest("GET", f"https://127.0.0.1:{server.port}/"))


@pytest.mark.parametrize("end", [Connection.cut, Connection.reset])
def test_a_handshake_that_is_cut_is_no_connection_and_may_be_tried_again(
    transport: RequestsTransport, end: Callable[[Connection], None]
) -> None:
    def script(connection: Connection) -> None:
        connection.sock.recv(10_000)
        end(connection)

    with RawServer(script) as server, pytest.raises(ConnectError) as caught:
        transport.send(HttpRequest("POST", f"https://127.0.0.1:{server.port}/", body=b"{}"))
    assert not isinstance(caught.value, TLSError)
    assert RetryPolicy().wait_s(caught.value, 1, may_retry=False) is not None


def test_tls_that_breaks_after_the_request_may_have_been_acted_on(certificate: Certificate) -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        plain = socket.socket(fileno=connection.sock.detach())
        plain.sendall(b"\x15\x03\x03\x00\x02\x02\x50" + b"garbage" * 10)  # not a record of this session
        plain.close()

    transport = RequestsTransport(verify=certificate.certificate)
    with RawServer(script, tls=certificate) as server, pytest.raises(TransportError) as caught:
        transport.send(HttpRequest("POST", server.url, body=b"{}"))
    assert not isinstance(caught.value, TLSError)
    assert caught.value.was_sent
    transport.close()


def test_the_client_repeats_a_post_only_when_nothing_was_sent() -> None:
    """Through the client: a refused connection is tried again, a broken one is not."""
    with RawServer(in_turn(lambda connection: connection.reset())) as server:
        client = Client(server.url, "@me:s", TOKEN, retry=RetryPolicy(base_s=0.0))
        with pytest.raises(TransportError):
            client.logout()
        assert len(server.requests) == 1
        client.close()
    port = refused_port()
    tries: list[HttpRequest] = []
    client = Client(f"http://127.0.0.1:{port}", "@me:s", TOKEN, retry=RetryPolicy(base_s=0.0))
    client.on_request(tries.append)
    with pytest.raises(ConnectError):
        client.logout()
    assert len(tries) == 5


def test_a_busy_server_is_asked_again_over_the_same_connection() -> None:
    busy: list[bytes | Script] = [answer(b"", 503), answer(b"", 502), answer(b'{"versions":[]}')]
    with RawServer(in_turn(*busy)) as server:
        client = Client(server.url, retry=RetryPolicy(base_s=0.0))
        client.versions()
        assert len(server.requests) == 3
        assert len(server.connections) == 1
        client.close()
    with RawServer(always(answer(b"", 503))) as server:
        client = Client(server.url, retry=RetryPolicy(attempts=2, base_s=0.0))
        with pytest.raises(ServerError):
            client.versions()
        client.close()
