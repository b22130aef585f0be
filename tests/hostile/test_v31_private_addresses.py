"""V31: with private addresses blocked, nothing that a stranger names leads to a host beside us."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter, HTTPAdapter

from gomatrix_py import Client
from gomatrix_py.errors import AddressRefused, DiscoveryError, MatrixError, RedirectRefused, UsageError
from gomatrix_py.http.addresses import AddressBlock
from gomatrix_py.http.messages import HttpRequest, HttpResponse
from gomatrix_py.http.retry import RetryPolicy
from gomatrix_py.http.transport import RequestsTransport
from gomatrix_py.http.watch import Watch

HERE = "127.0.0.1"  # stands for the public internet in this test
BESIDE = "127.0.0.2"  # stands for what only we can reach
NAMES = {"public.test": HERE, "private.test": BESIDE}

PRIVATE = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "192.0.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fc00::1",
    "fdff::1",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:db8::1",
    "a socket of this machine",
]
PUBLIC = ["1.1.1.1", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]

Answer = tuple[int, dict[str, str], bytes]


class Host:
    """A server at one loopback address that answers all with one thing, and counts."""

    def __init__(self, address: str) -> None:
        self.answer: Answer = (200, {}, json.dumps({"versions": ["v1.11"]}).encode())
        self.asked: list[str] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked.append(self.path)
                status, headers, body = host.answer
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer((address, 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)


@contextmanager
def running(address: str) -> Iterator[Host]:
    host = Host(address)
    host.thread.start()
    try:
        yield host
    finally:
        host.server.shutdown()
        host.server.server_close()
        host.thread.join()


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *args, **more: look_up(NAMES.get(host, host), *args, **more)
    )
    with running(HERE) as host:
        yield host


@pytest.fixture
def private() -> Iterator[Host]:
    with running(BESIDE) as host:
        yield host


def blocking() -> RequestsTransport:
    return RequestsTransport(block_private_addresses=True, reachable=(f"{HERE}/32",))


def client_of(host: Host, transport: RequestsTransport) -> Client:
    url = f"http://public.test:{host.port}"
    return Client(url, "@me:public.test", "planted", transport=transport, retry=RetryPolicy.never())


# ------------------------------------------------------------------ which addresses


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert AddressBlock().refuses(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_not(address: str) -> None:
    assert not AddressBlock().refuses(address)


def test_networks_may_be_excepted() -> None:
    block = AddressBlock(["10.1.0.0/16", "fd00::/8"])
    assert not any(map(block.refuses, ("10.1.2.3", "fd00::1", "::ffff:10.1.2.3")))
    assert all(map(block.refuses, ("10.2.0.1", "fc00::1")))
    with pytest.raises(UsageError, match="look like"):
        AddressBlock(["10.1.2.3/8"])


# ------------------------------------------------------------------ nothing is sent there


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "0.0.0.0", "169.254.169.254", "100.64.0.1"),  # noqa: S104
        *("[::]", "[::1]", "[fc00::1]", "[fe80::1]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]"),
    ],
)
def test_no_connection_is_even_begun(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(Watch, "_connect", lambda *args: begun.append(args))
    with Client(f"http://{host}:9", retry=RetryPolicy(attempts=3, base_s=60), block_private_addresses=True) as client:
        with pytest.raises(AddressRefused, match=r"reachable") as caught:  # and is not tried again
            client.versions()
        with pytest.raises(AddressRefused):
            client.upload_link(f"http://{host}:9/latest/meta-data")
    assert begun == []
    assert caught.value.was_sent is False


@pytest.mark.parametrize(
    "link", ["file:///etc/passwd", "FILE:/etc/passwd", "ftp://public.test/", "gopher://127.0.0.1"]
)
@pytest.mark.parametrize("is_blocking", [True, False])
def test_files_are_refused_always(link: str, is_blocking: bool, public: Host) -> None:
    public.answer = (302, {"Location": link}, b"")
    with client_of(public, blocking() if is_blocking else RequestsTransport()) as client:
        with pytest.raises(UsageError):
            client.upload_link(link)
        with pytest.raises(RedirectRefused):
            client.upload_link(f"http://public.test:{public.port}/")


def upload(client: Client, public: Host, private: Host) -> None:
    client.upload_link(f"http://private.test:{private.port}/secret")


def redirected_upload(client: Client, public: Host, private: Host) -> None:
    public.answer = (307, {"Location": f"http://private.test:{private.port}/secret"}, b"")
    client.upload_link(f"http://public.test:{public.port}/")


def redirected_media(client: Client, public: Host, private: Host) -> None:
    public.answer = (308, {"Location": f"http://{BESIDE}:{private.port}/secret"}, b"")
    client.download("mxc://public.test/media")


def published_homeserver(client: Client, public: Host, private: Host) -> None:
    published = {"m.homeserver": {"base_url": f"http://private.test:{private.port}"}}
    transport = Published(client._exchange.transport, json.dumps(published).encode())
    Client.discover("public.test", transport=transport, retry=RetryPolicy.never())


class Published:
    """Says what a domain publishes, which needs a certificate otherwise, and leaves the rest to another transport."""

    def __init__(self, other: Any, body: bytes, elsewhere: tuple[int, str] = (200, "")) -> None:
        self.other, self.body = other, body
        self.status, self.location = elsewhere

    def send(self, request: HttpRequest) -> Any:
        if request.url.endswith("/.well-known/matrix/client"):
            return HttpResponse(self.status, {"location": self.location} if self.location else {}, self.body)
        return self.other.send(request)


ROADS = [upload, redirected_upload, redirected_media, published_homeserver]


@pytest.mark.parametrize("road", ROADS)
def test_no_road_leads_beside_us(road: Callable[..., None], public: Host, private: Host) -> None:
    with client_of(public, blocking()) as client, pytest.raises((AddressRefused, DiscoveryError)) as caught:
        road(client, public, private)
    assert isinstance(caught.value, AddressRefused) or isinstance(caught.value.__cause__, AddressRefused)
    assert "reachable" in str(caught.value)
    assert private.asked == []


@pytest.mark.parametrize("road", ROADS)
def test_the_control_without_the_block_they_do(road: Callable[..., None], public: Host, private: Host) -> None:
    with client_of(public, RequestsTransport()) as client, contextlib.suppress(MatrixError):
        road(client, public, private)  # what is fetched there cannot be uploaded here
    assert private.asked != []


def test_a_published_place_that_redirects_beside_us_is_as_good_as_none(
    public: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(Watch, "_connect", lambda *args: begun.append(args))
    transport = Published(blocking(), b"", (302, f"https://{BESIDE}/"))
    with pytest.raises(DiscoveryError):
        Client.discover("private.test", transport=transport, retry=RetryPolicy.never())
    assert begun == []


# ------------------------------------------------------------------ names that change what they mean


def test_a_name_that_means_another_host_at_each_look_is_no_way_around(
    public: Host, private: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    plain = socket.getaddrinfo

    def rebinding(host: str, port: int, *args: Any, **more: Any) -> Any:
        if host != "rebinding.test":
            return plain(host, port, *args, **more)
        looks.append(host)
        return plain(HERE if len(looks) % 2 else BESIDE, port, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    transport = blocking()
    for number in range(6):
        try:  # whatever is connected to is what was checked
            transport.send(HttpRequest("GET", f"http://rebinding.test:{private.port}/{number}"))
        except AddressRefused:
            continue
        except MatrixError:
            pass  # nobody listens at this port of the public host
    assert len(looks) == 6
    assert private.asked == []
    RequestsTransport().send(HttpRequest("GET", f"http://{BESIDE}:{private.port}/control"))
    assert private.asked == ["/control"]


def test_of_several_addresses_only_the_public_ones_are_used(
    public: Host, private: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, private.port)) for one in (BESIDE, HERE)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: both)
    with pytest.raises(MatrixError):
        blocking().send(HttpRequest("GET", "http://both.test/"))
    assert private.asked == []


def test_a_connection_from_before_the_block_is_not_used(public: Host, private: Host) -> None:
    request = HttpRequest("GET", f"http://{BESIDE}:{private.port}/before")
    with requests.Session() as session:
        RequestsTransport(session).send(request)
        with pytest.raises(AddressRefused):
            RequestsTransport(session, block_private_addresses=True).send(request)
    assert private.asked == ["/before"]


# ------------------------------------------------------------------ where it cannot be promised, it is said


class Elsewhere(HTTPAdapter):
    def get_connection_with_tls_context(self, *args: Any, **more: Any) -> Any:
        raise AssertionError("it connects by itself")


class Own(BaseAdapter):
    def send(self, *args: Any, **more: Any) -> Any:
        raise AssertionError("it connects by itself")

    def close(self) -> None:
        pass


@pytest.mark.parametrize("adapter", [Elsewhere(), Own()])
def test_an_adapter_that_connects_by_itself_is_refused(adapter: BaseAdapter) -> None:
    with requests.Session() as session:
        session.mount("http://", adapter)
        with pytest.raises(UsageError, match="connects by itself"):
            RequestsTransport(session, block_private_addresses=True).send(HttpRequest("GET", "http://private.test"))


def test_a_proxy_connects_in_our_place() -> None:
    proxies = {"http": "http://127.0.0.1:3128"}
    with pytest.raises(UsageError, match="proxy"):
        Client("http://private.test", proxies=proxies, block_private_addresses=True)
    with requests.Session() as session:
        session.proxies.update(proxies)
        with pytest.raises(UsageError, match="proxy"):
            RequestsTransport(session, block_private_addresses=True).send(HttpRequest("GET", "http://private.test"))


def test_a_transport_of_ones_own_must_see_to_it_itself() -> None:
    with pytest.raises(UsageError, match="by itself"):
        Client("http://private.test", transport=Published(None, b""), block_private_addresses=True)
    with pytest.raises(UsageError, match="exceptions"):
        RequestsTransport(reachable=["10.0.0.0/8"])
