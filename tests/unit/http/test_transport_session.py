"""What goes out, and over what: headers, credentials, the environment, proxies, sessions, pools, TLS."""

from __future__ import annotations

import base64
import contextlib
import io
import select
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter

from gomatrix_py import Client, Limits, RetryPolicy, __version__
from gomatrix_py.errors import ConnectError, RequestTimeout, ServerError, TLSError, TransportError, UsageError
from gomatrix_py.http.messages import HttpRequest, HttpResponse, Redirects, Upload
from gomatrix_py.http.transport import RequestsTransport
from tests.kit.raw_server import Certificate, Connection, RawServer, Script, always, answer, in_turn

TOKEN = "syt_planted"


def get(server: RawServer, **fields: Any) -> HttpRequest:
    return HttpRequest("GET", f"{server.url}/x", "GET /x", **{"limits": Limits(read_s=10, total_s=10), **fields})


# ------------------------------------------------------------------ what goes out


def test_the_whole_request_on_the_wire(transport: RequestsTransport) -> None:
    with RawServer(always(answer())) as server:
        url = f"{server.url}/a%2Fb?since=s%2B1#never"
        transport.send(HttpRequest("PUT", url, headers={"X-One": "1"}, body=b'{"a":1}', access_token=TOKEN))
        (request,) = server.requests
    assert request.raw.startswith(b"PUT /a%2Fb?since=s%2B1 HTTP/1.1\r\n")
    assert request.headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": f"gomatrix_py/{__version__}",
        "accept": "application/json",
        "accept-encoding": "gzip",
        "authorization": f"Bearer {TOKEN}",
        "content-length": "7",
        "x-one": "1",
    }
    assert request.body == b'{"a":1}'


def test_the_token_stands_in_one_header_and_nowhere_else(transport: RequestsTransport) -> None:
    with RawServer(always(answer())) as server:
        transport.send(get(server, access_token=TOKEN))
        transport.send(get(server))
        assert server.seen.count(TOKEN.encode()) == 1
        assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert "authorization" not in server.requests[1].headers


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("GET", None, None), ("DELETE", None, None), ("POST", None, "0"), ("PUT", None, "0"), ("POST", b"", "0")],
)
def test_a_length_is_stated_where_a_body_may_be(
    transport: RequestsTransport, method: str, body: bytes | None, length: str | None
) -> None:
    with RawServer(always(answer())) as server:
        transport.send(HttpRequest(method, server.url, body=body))
        assert server.requests[0].headers.get("content-length") == length
        assert "transfer-encoding" not in server.requests[0].headers


@pytest.mark.parametrize("fields", [{"redirects": Redirects.MEDIA}])
def test_a_download_asks_for_the_bytes_as_they_are(transport: RequestsTransport, fields: dict[str, Any]) -> None:
    with RawServer(always(answer())) as server:
        transport.send(get(server, **fields))
        assert server.requests[0].headers["accept-encoding"] == "identity"
        assert server.requests[0].headers["accept"] == "*/*"


@pytest.mark.parametrize(
    "request_line",
    [
        "",
        "?a=b",
        "/",
        "/?a=b",
        "//double//",
        "/a/../b",
        "/%2e%2e/%2E",
        "/a;b=c",
        "/a%2fb",
        "/~a",
        "/a'b(c)*!",
        "/@:,$",
    ],
)
def test_the_path_is_sent_to_the_letter(transport: RequestsTransport, request_line: str) -> None:
    with RawServer(always(answer())) as server:
        transport.send(HttpRequest("GET", server.url + request_line))
        wanted = request_line if request_line.startswith("/") else f"/{request_line}"
        assert server.requests[0].target.upper() == wanted.upper()  # the case of %2e is all that may change


@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest("GET", "ftp://127.0.0.1/"),
        HttpRequest("GET", "http://user:planted@127.0.0.1/"),
        HttpRequest("GET", "http://127.0.0.1:99999/"),
        HttpRequest("GET", "no url"),
        HttpRequest("GET", "http://127.0.0.1/", headers={"X": "planted\r\nY: z"}),
        HttpRequest("GET", "http://127.0.0.1/", access_token="planted\n"),
    ],
)
def test_what_cannot_be_sent_is_the_callers_mistake(transport: RequestsTransport, request_: HttpRequest) -> None:
    with pytest.raises(UsageError) as caught:
        transport.send(request_)
    assert "planted" not in str(caught.value)


def test_a_bad_header_of_a_session_is_the_callers_mistake_and_not_shown() -> None:
    with requests.Session() as session, RawServer(always(answer())) as server:
        session.headers["X-Key"] = "planted\r\nY: z"
        with pytest.raises(UsageError) as caught:
            RequestsTransport(session).send(get(server))
        assert "planted" not in str(caught.value)
        assert server.requests == []


# ------------------------------------------------------------------ the environment is not read


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ~/.netrc with credentials for the loopback host."""
    path = tmp_path / ".netrc"
    path.write_text("machine 127.0.0.1\nlogin intruder\npassword netrc-secret\n", encoding="ascii")
    path.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(path))
    return path


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize("with_session", [False, True])
def test_netrc_is_not_read(with_session: bool) -> None:
    with RawServer(always(answer())) as server, contextlib.ExitStack() as stack:
        session = stack.enter_context(requests.Session()) if with_session else None
        transport = RequestsTransport(session)
        transport.send(get(server, access_token=TOKEN))
        transport.send(get(server))
        assert [one.headers.get("authorization") for one in server.requests] == [f"Bearer {TOKEN}", None]
        transport.close()


@pytest.mark.usefixtures("netrc")
def test_requests_reads_it_and_loses_the_token() -> None:
    """The control."""
    with RawServer(always(answer())) as server, requests.Session() as session:
        session.get(server.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
        assert server.requests[0].headers["authorization"] == basic("intruder", "netrc-secret")


@pytest.fixture
def proxy_environment(monkeypatch: pytest.MonkeyPatch) -> Callable[[RawServer], None]:
    def set_to(proxy: RawServer) -> None:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.upper(), proxy.url)
        for name in ("no_proxy", "NO_PROXY", "REQUEST_METHOD"):
            monkeypatch.delenv(name, raising=False)

    return set_to


def test_proxies_of_the_environment_are_not_used(proxy_environment: Callable[[RawServer], None]) -> None:
    with RawServer(always(answer())) as server, RawServer(always(answer(b"", 418))) as proxy:
        proxy_environment(proxy)
        with requests.Session() as session:
            for transport in (RequestsTransport(), RequestsTransport(session)):
                assert transport.send(get(server)).status == 200
                transport.close()
            assert proxy.seen == b""
            assert session.get(server.url, timeout=10).status_code == 418  # the control: requests uses them
        assert proxy.requests[0].target == f"{server.url}/"


# ------------------------------------------------------------------ explicit proxies


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


def stalling(connection: Connection) -> None:
    connection.read_request()
    connection.hold()


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
    """An adapter of the user's own that does something to each request."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        request.headers["X-Adapter"] = "mine"
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
