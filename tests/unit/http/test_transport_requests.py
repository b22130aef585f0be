"""What goes out on the wire, and that the environment has no say in it."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from gomatrix_py import Limits, __version__
from gomatrix_py.errors import UsageError
from gomatrix_py.http.messages import HttpRequest, Redirects
from gomatrix_py.http.transport import RequestsTransport
from tests.kit.raw_server import RawServer, always, answer

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
