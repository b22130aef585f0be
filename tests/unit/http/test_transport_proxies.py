"""Proxies that the user names: used as asked, watched as any connection, and told nothing."""

from __future__ import annotations

import base64
import select
import socket
from typing import Any

import pytest
import requests

from gomatrix_py import Limits
from gomatrix_py.errors import ConnectError, RequestTimeout, UsageError
from gomatrix_py.http.messages import HttpRequest
from gomatrix_py.http.transport import RequestsTransport
from tests.kit.raw_server import Certificate, Connection, RawServer, always, answer, stalling

TOKEN = "syt_planted"


def get(server: RawServer, **fields: Any) -> HttpRequest:
    return HttpRequest("GET", f"{server.url}/x", "GET /x", **{"limits": Limits(read_s=10, total_s=10), **fields})


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def tunnelling(connection: Connection) -> None:
    """A CONNECT proxy."""
    request = connection.read_request()
    assert request.method == "CONNECT"
    host, _, port = request.target.rpartition(":")
    with socket.create_connection((host, int(port))) as far:
        connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        while True:
            readable, _, _ = select.select([connection.sock, far], [], [], 0.05)
            if connection.server.stopping.is_set():
                return
            for here in readable:
                data = here.recv(65536)
                if not data:
                    return
                (far if here is connection.sock else connection.sock).sendall(data)


def with_credentials(url: str) -> str:
    return url.replace("://", "://me:proxy-secret@")


def test_plain_http_goes_over_a_proxy() -> None:
    with RawServer(always(answer(b'{"by":"proxy"}'))) as proxy:
        transport = RequestsTransport(proxies={"http": with_credentials(proxy.url)})
        response = transport.send(HttpRequest("GET", "http://hs.invalid/a%2Fb?c", access_token=TOKEN))
        transport.close()
        assert response.body == b'{"by":"proxy"}'
        (request,) = proxy.requests
        assert request.target == "http://hs.invalid/a%2Fb?c"
        assert request.headers["proxy-authorization"] == basic("me", "proxy-secret")
        assert request.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("with_session", [False, True])
def test_https_goes_through_a_proxy_that_sees_nothing(certificate: Certificate, with_session: bool) -> None:
    with RawServer(always(answer()), tls=certificate) as server, RawServer(tunnelling) as proxy:
        proxies = {"https": with_credentials(proxy.url)}
        if with_session:
            session = requests.Session()
            session.proxies.update(proxies)
            session.verify = certificate.certificate
            transport = RequestsTransport(session)
        else:
            transport = RequestsTransport(proxies=proxies, verify=certificate.certificate)
        transport.send(get(server, access_token=TOKEN))
        transport.send(get(server, access_token=TOKEN))
        transport.close()
        assert len(proxy.connections) == 1
        assert TOKEN.encode() not in proxy.seen
        assert proxy.requests[0].headers["proxy-authorization"] == basic("me", "proxy-secret")
        assert b"proxy-secret" not in server.seen
        assert "proxy-authorization" not in server.requests[0].headers


@pytest.mark.parametrize("with_session", [False, True])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_deadlines_hold_over_a_proxy(scheme: str, with_session: bool) -> None:
    with RawServer(stalling) as proxy:
        session = requests.Session() if with_session else None
        if session is not None:
            session.proxies[scheme] = proxy.url
        transport = RequestsTransport(session, proxies=None if session else {scheme: proxy.url})
        with pytest.raises(RequestTimeout, match="longer than it may"):
            transport.send(
                HttpRequest("GET", f"{scheme}://hs.invalid", limits=Limits(connect_s=30, read_s=30, total_s=0.3))
            )
        transport.close()


def refusing(connection: Connection) -> None:
    connection.read_request()
    connection.send(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")


def test_a_proxy_that_fails_is_no_connection() -> None:
    with RawServer(refusing) as proxy:
        transport = RequestsTransport(proxies={"https": with_credentials(proxy.url)})
        with pytest.raises(ConnectError, match=r"proxy failed.*407") as caught:
            transport.send(HttpRequest("POST", "https://hs.invalid", body=b"{}"))
        transport.close()
    assert not caught.value.was_sent
    assert "proxy-secret" not in str(caught.value)
    transport = RequestsTransport(proxies={"https": with_credentials(proxy.url)})
    with pytest.raises(ConnectError, match="proxy failed") as caught:
        transport.send(HttpRequest("POST", "https://hs.invalid", body=b"{}"))
    assert "proxy-secret" not in str(caught.value)
    transport.close()


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "gopher://127.0.0.1:1", "http://", "http://me:planted@"])
def test_a_proxy_that_cannot_be_used_is_the_callers_mistake(proxy: str) -> None:
    transport = RequestsTransport(proxies={"http": proxy})
    with pytest.raises(UsageError) as caught:
        transport.send(HttpRequest("GET", "http://hs.invalid"))
    assert "planted" not in str(caught.value)


def test_proxies_beside_a_session_are_refused_and_not_forgotten() -> None:
    with requests.Session() as session:
        for options in ({"proxies": {"http": "http://127.0.0.1:1"}}, {"verify": False}, {"verify": "/ca.pem"}):
            with pytest.raises(UsageError, match="session"):
                RequestsTransport(session, **options)
