"""A session or adapter of the user's own, and the responses library in the place of the network."""

from __future__ import annotations

import io
import socket
from typing import Any

import pytest
import requests
import responses
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter

from gomatrix_py import Client, Limits, RetryPolicy, __version__
from gomatrix_py.errors import ConnectError, RequestTimeout, TransportError, UsageError
from gomatrix_py.http.messages import HttpRequest, HttpResponse, Redirects, Upload
from gomatrix_py.http.transport import RequestsTransport
from tests.kit.raw_server import Connection, RawServer, always, answer, in_turn, stalling

TOKEN = "syt_planted"


def get(server: RawServer, **fields: Any) -> HttpRequest:
    return HttpRequest("GET", f"{server.url}/x", "GET /x", **{"limits": Limits(read_s=10, total_s=10), **fields})


# ------------------------------------------------------------------ a session of the user's own


def test_headers_of_a_session_go_along_but_not_its_credentials() -> None:
    with RawServer(always(answer(b"{}", 200, "Set-Cookie: planted=1"))) as server, requests.Session() as session:
        session.headers.update({"X-Gateway": "7", "User-Agent": "other", "Authorization": "Basic other"})
        session.auth = ("someone", "else")
        session.cookies.set("cookie", "monster")
        session.params = {"planted": "query"}
        transport = RequestsTransport(session)
        for _ in range(2):
            transport.send(get(server, access_token=TOKEN))
        for request in server.requests:
            assert request.headers["x-gateway"] == "7"
            assert request.headers["user-agent"] == f"gomatrix_py/{__version__}"
            assert request.headers["authorization"] == f"Bearer {TOKEN}"
            assert "cookie" not in request.headers
            assert request.target == "/x"


def test_a_session_that_was_in_use_before_is_watched_too() -> None:
    with RawServer(in_turn(answer(), stalling)) as server, requests.Session() as session:
        session.get(f"{server.url}/x", timeout=10)
        with pytest.raises(RequestTimeout, match="longer than it may"):
            RequestsTransport(session).send(get(server, limits=Limits(read_s=30, total_s=0.3)))
        assert server.requests[1].target == "/x"


class Renaming(HTTPAdapter):
    """An adapter of the user's own that does something to each request, and waits for ever."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        request.headers["X-Adapter"] = "mine"
        kwargs["timeout"] = None
        return super().send(request, *args, **kwargs)


def test_an_adapter_of_a_session_is_used_and_watched() -> None:
    with RawServer(in_turn(answer(), stalling)) as server, requests.Session() as session:
        session.mount(server.url, Renaming())
        transport = RequestsTransport(session)
        transport.send(get(server))
        assert server.requests[0].headers["x-adapter"] == "mine"
        with pytest.raises(RequestTimeout, match="longer than it may"):
            transport.send(get(server, limits=Limits(read_s=30, total_s=0.3)))


class Ready(BaseAdapter):
    """An adapter that speaks no HTTP: a stand-in as people write them for tests."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        response = requests.Response()
        response.status_code = 200
        response.headers["X-Test"] = "ready"
        response.headers["Content-Length"] = "999"
        response._content = b'{"made":"up"}'
        return response

    def close(self) -> None:
        pass


def test_an_adapter_without_a_wire_will_do() -> None:
    with requests.Session() as session:
        session.mount("https://", Ready())
        got = RequestsTransport(session).send(HttpRequest("GET", "https://hs.invalid"))
    assert (got.status, got.body, got.headers) == (200, b'{"made":"up"}', {"x-test": "ready"})


class OwnPool(urllib3.HTTPConnectionPool):
    """Connections of the user's own making, as of a SOCKS proxy."""

    class ConnectionCls(urllib3.connection.HTTPConnection):
        made: list[str] = []  # noqa: RUF012 - looked at by the test

        def _new_conn(self) -> socket.socket:
            self.made.append(self.host)
            return socket.create_connection(("127.0.0.1", self.port))


def test_connections_of_an_adapters_own_are_kept_and_watched() -> None:
    with RawServer(in_turn(answer(), stalling)) as server, requests.Session() as session:
        adapter = HTTPAdapter()
        adapter.poolmanager.pool_classes_by_scheme = {"http": OwnPool}
        session.mount("http://", adapter)
        transport = RequestsTransport(session)
        url = f"http://elsewhere.invalid:{server.port}"
        transport.send(HttpRequest("GET", url))
        assert OwnPool.ConnectionCls.made == ["elsewhere.invalid"]
        with pytest.raises(RequestTimeout, match="longer than it may"):
            transport.send(HttpRequest("GET", url, limits=Limits(read_s=30, total_s=0.3)))


def test_what_an_adapter_sent_before_it_lost_its_server_counts_as_sent() -> None:
    """With retries of its own, an adapter may fail to connect after it has sent the request once."""

    def resets(connection: Connection) -> None:
        connection.read_request()
        connection.server._listener.close()
        connection.reset()

    with RawServer(resets) as server, requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=urllib3.Retry(2, backoff_factor=0, allowed_methods=None)))
        with pytest.raises(TransportError) as caught:
            RequestsTransport(session).send(HttpRequest("POST", server.url, body=b"{}"))
    assert caught.value.was_sent


def test_a_handshake_over_connections_of_an_adapters_own_is_watched() -> None:
    class OwnTlsPool(urllib3.HTTPSConnectionPool):
        class ConnectionCls(urllib3.connection.HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return socket.create_connection(("127.0.0.1", self.port))

    def silent(connection: Connection) -> None:
        connection.server.stopping.wait()

    with RawServer(silent) as server, requests.Session() as session:
        adapter = HTTPAdapter()
        adapter.poolmanager.pool_classes_by_scheme = {"https": OwnTlsPool}
        session.mount("https://", adapter)
        with pytest.raises(RequestTimeout, match="longer than it may") as caught:
            RequestsTransport(session).send(
                HttpRequest("GET", f"https://x.invalid:{server.port}", limits=Limits(connect_s=30, total_s=0.3))
            )
        assert not caught.value.was_sent


def test_an_adapter_that_blocks_on_a_full_pool_gets_its_connections_back() -> None:
    """Each failed exchange must free its place, or the next one would wait for ever."""
    broken = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"

    def cut(connection: Connection) -> None:
        connection.send(broken)

    with RawServer(in_turn(cut, cut, cut, answer())) as server, requests.Session() as session:
        session.mount("http://", HTTPAdapter(pool_maxsize=1, pool_block=True))
        transport = RequestsTransport(session)
        for _ in range(3):
            with pytest.raises(TransportError):
                transport.send(get(server))
        assert transport.send(get(server)).status == 200


def test_a_client_takes_a_session_or_any_transport() -> None:
    class Mine:
        def send(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse(200, {}, b'{"versions":["v1.1"]}')

    with RawServer(always(answer(b'{"versions":["v1.2"]}'))) as server, requests.Session() as session:
        assert Client(server.url, transport=session).versions().versions == ["v1.2"]
        assert Client(server.url, transport=Mine()).versions().versions == ["v1.1"]


# ------------------------------------------------------------------ the responses library


@responses.activate
def test_responses_can_stand_in_for_the_network() -> None:
    base = "https://hs.example/_matrix/client/v3"
    responses.get("https://hs.example/_matrix/client/versions", json={"versions": ["v1.11"]})
    responses.put(f"{base}/rooms/!r:s/typing/@me:s", body="")
    responses.post(f"{base}/logout", json={"errcode": "M_UNKNOWN_TOKEN"}, status=401)
    responses.get("https://hs.example/media", body=b"\x89PNG", content_type="image/png")
    client = Client("https://hs.example", "@me:s", TOKEN)
    assert client.versions().versions == ["v1.11"]
    transport = RequestsTransport()
    assert transport.send(HttpRequest("PUT", f"{base}/rooms/!r:s/typing/@me:s", body=b"{}")).body == b""
    refused = transport.send(HttpRequest("POST", f"{base}/logout"))
    assert (refused.status, refused.body) == (401, b'{"errcode": "M_UNKNOWN_TOKEN"}')
    picture = transport.send(HttpRequest("GET", "https://hs.example/media", redirects=Redirects.MEDIA))
    assert (picture.body, picture.headers["content-type"]) == (b"\x89PNG", "image/png")
    assert responses.calls[0].request.headers["Authorization"] == f"Bearer {TOKEN}"


@responses.activate
@pytest.mark.parametrize("size", [10, 300_000])
def test_responses_sees_bodies_however_they_are_sent(size: int) -> None:
    responses.put("https://hs.example/x", json={})
    transport = RequestsTransport()
    content = b"x" * size
    transport.send(HttpRequest("PUT", "https://hs.example/x", body=content))
    transport.send(HttpRequest("PUT", "https://hs.example/x", body=Upload(io.BytesIO(content), size)))
    assert [call.request.body for call in responses.calls] == [content, content]


@responses.activate
def test_a_call_nobody_mocked_is_an_error_that_says_so() -> None:
    client = Client("https://hs.example", retry=RetryPolicy.never())
    with pytest.raises(TransportError, match="Connection refused by Responses"):
        client.versions()


@responses.activate
def test_responses_may_raise_what_requests_would() -> None:
    url = "https://hs.example/x"
    kinds: list[tuple[Exception, type[Exception]]] = [
        (requests.exceptions.ConnectTimeout(), ConnectError),
        (requests.exceptions.ReadTimeout(), RequestTimeout),
        (requests.exceptions.SSLError(), TransportError),
        (requests.exceptions.ConnectionError("down"), TransportError),
        (requests.exceptions.InvalidURL("bad"), UsageError),
    ]
    for raised, kind in kinds:
        responses.replace("GET", url, body=raised) if responses.registered() else responses.get(url, body=raised)
        with pytest.raises(kind):
            RequestsTransport().send(HttpRequest("GET", url))
