"""Redirects: as a rule, and on the wire between two servers. No token and no body reaches another origin."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import requests

from gomatrix_py import Limits, RetryPolicy
from gomatrix_py.errors import HTTPError, RedirectRefused, TransportError
from gomatrix_py.http.exchange import Exchange
from gomatrix_py.http.messages import HttpRequest, HttpResponse, Redirects
from gomatrix_py.http.redirects import MAX_REDIRECTS, is_redirect, next_request
from gomatrix_py.http.transport import RequestsTransport
from gomatrix_py.http.urls import origin
from tests.kit.raw_server import Certificate, Connection, RawServer, Script, always, answer

TOKEN = "syt_planted"
BODY = b'{"planted":"body"}'
CODES = (301, 302, 303, 307, 308)
METHODS = ("GET", "PUT", "POST", "DELETE")
LIMITS = Limits(read_s=10, total_s=20)


# ------------------------------------------------------------------ the rule


def request(url: str = "https://hs.example/media/x?token=1", **fields: Any) -> HttpRequest:
    fields.setdefault("redirects", Redirects.MEDIA)
    headers = {"X-Secret": "planted"}
    return HttpRequest(fields.pop("method", "GET"), url, "GET /media", headers, access_token=TOKEN, **fields)


def to(location: str, status: int = 302) -> HttpResponse:
    return HttpResponse(status, {"location": location})


@pytest.mark.parametrize("status", [200, 300, 304, 305, 306, 399, 404])
def test_other_statuses_are_no_redirects(status: int) -> None:
    assert not is_redirect(HttpResponse(status, {"location": "/x"}))


def test_a_redirect_has_a_place() -> None:
    assert all(is_redirect(to("/x", status)) for status in CODES)
    assert not is_redirect(HttpResponse(302))


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/y", "https://hs.example/y"),
        ("y", "https://hs.example/media/y"),
        ("?z", "https://hs.example/media/x?z"),
        ("//hs.example/y", "https://hs.example/y"),
        ("https://HS.example:443/y", "https://HS.example:443/y"),
    ],
)
def test_within_an_origin_everything_goes_along(location: str, url: str) -> None:
    followed = next_request(request(), to(location), 0)
    assert followed == request(url)


@pytest.mark.parametrize(
    "location",
    [
        "https://cdn.example/y",
        "https://hs.example:8448/y",
        "https://hs.example.cdn.example/y",
        "https://sub.hs.example/y",
        "https://hs.example./y",
        "//cdn.example/y",
    ],
)
def test_to_another_origin_nothing_goes_along(location: str) -> None:
    followed = next_request(request(body=BODY), to(location), 0)
    assert (followed.access_token, followed.headers, followed.body) == ("", {}, None)
    assert "planted" not in str(followed.wire_headers())
    assert followed.redirects is Redirects.MEDIA


def test_the_token_does_not_come_back_with_a_second_redirect() -> None:
    away = next_request(request(), to("https://cdn.example/y"), 0)
    home = next_request(away, to("https://hs.example/z"), 1)
    assert (home.url, home.access_token) == ("https://hs.example/z", "")


def test_plain_http_may_become_https_without_the_token() -> None:
    followed = next_request(request("http://hs.example/x"), to("https://hs.example/x"), 0)
    assert (followed.url, followed.access_token) == ("https://hs.example/x", "")


@pytest.mark.parametrize(
    "location",
    [
        "http://hs.example/x",  # from https to http
        "http://cdn.example/x",
        "https://user:planted@cdn.example/x",
        "https://planted@hs.example/x",
        "https://hs.example@cdn.example/x",
        "file:///etc/passwd",
        "ftp://cdn.example/x",
        "javascript:alert(1)",
        "data:text/html,planted",
        "https://[planted",
        "https://cdn.example:port/x",
        "https://cdn.example:0/x",
        "https://a..b/",
        "https://\u2100.planted.example/",
    ],
)
def test_where_no_redirect_may_lead(location: str) -> None:
    with pytest.raises(RedirectRefused) as caught:
        next_request(request(), to(location), 0)
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "get"])
@pytest.mark.parametrize("redirects", list(Redirects))
def test_only_get_is_ever_redirected(method: str, redirects: Redirects) -> None:
    with pytest.raises(RedirectRefused):
        next_request(request(method=method, redirects=redirects), to("/y"), 0)


def test_other_calls_are_not_redirected_at_all() -> None:
    with pytest.raises(RedirectRefused):
        next_request(request(redirects=Redirects.NEVER), to("/y"), 0)


def test_five_redirects_are_followed_and_no_more() -> None:
    assert MAX_REDIRECTS == 5
    next_request(request(), to("/y"), 4)
    with pytest.raises(RedirectRefused, match="more than 5"):
        next_request(request(), to("/y"), 5)


def test_a_place_beyond_ascii_is_read_as_utf_8() -> None:
    on_the_wire = "/müsli".encode().decode("latin-1")  # headers are read as Latin-1
    assert next_request(request(), to(on_the_wire), 0).url == "https://hs.example/müsli"
    assert next_request(request(), to("/m\xfcsli"), 0).url == "https://hs.example/m\xfcsli"


# ------------------------------------------------------------------ on the wire


def redirecting(status: int, location: str) -> Script:
    return always(answer(b"gone away", status, f"Location: {location}"))


def send(request_: HttpRequest, verify: bool | str = True) -> HttpResponse:
    transport = RequestsTransport(verify=verify)
    try:
        return Exchange(transport, RetryPolicy.never()).send(request_)
    finally:
        transport.close()


def asking(server: RawServer, method: str, redirects: Redirects, path: str = "/home") -> HttpRequest:
    return HttpRequest(
        method,
        server.url + path,
        f"{method} /home",
        {"X-Secret": "planted"},
        body=BODY if method in ("PUT", "POST") else None,
        access_token=TOKEN,
        redirects=redirects,
        limits=LIMITS,
    )


PLACES = {
    "same origin": "/elsewhere",
    "other port": "http://127.0.0.1:{port}/elsewhere",
    "other host": "http://localhost:{port}/elsewhere",
    "other host, same port": "http://localhost:{home}/elsewhere",
}


@pytest.mark.parametrize("redirects", list(Redirects), ids=lambda mode: mode.value)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("status", CODES)
def test_no_token_and_no_body_leaves_the_origin(status: int, method: str, place: str, redirects: Redirects) -> None:
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(RawServer(always(answer(b'{"at":"other"}'))))
        locations: list[str] = []

        def script(connection: Connection) -> None:
            while True:
                if connection.read_request().path == "/home":
                    connection.send(answer(b"", status, f"Location: {locations[0]}"))
                else:
                    connection.send(answer(b'{"at":"home"}'))

        home = stack.enter_context(RawServer(script))
        locations.append(PLACES[place].format(port=other.port, home=home.port))
        may_follow = method == "GET" and redirects is not Redirects.NEVER
        if may_follow:
            assert send(asking(home, method, redirects)).status == 200
        else:
            with pytest.raises(RedirectRefused):
                send(asking(home, method, redirects))
            assert len(home.requests) == 1
            assert other.seen == b""
        strangers = [one for one in (*home.requests, *other.requests) if one.path != "/home"]
        assert len(strangers) == may_follow
        for stranger in strangers:
            if place == "same origin":
                assert stranger.headers["authorization"] == f"Bearer {TOKEN}"
            else:
                assert b"planted" not in stranger.raw


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("status", CODES)
@pytest.mark.parametrize("redirects", list(Redirects), ids=lambda mode: mode.value)
def test_https_never_falls_to_http(certificate: Certificate, status: int, method: str, redirects: Redirects) -> None:
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(RawServer(always(answer())))
        script = redirecting(status, f"http://localhost:{plain.port}/")
        home = stack.enter_context(RawServer(script, tls=certificate))
        with pytest.raises(RedirectRefused):
            send(asking(home, method, redirects), certificate.certificate)
        assert plain.seen == b""
        assert len(home.requests) == 1


def test_requests_would_send_the_body_to_the_other_server() -> None:
    """The control: bodies follow a 307 or 308 to anywhere, and so do headers that are not called Authorization."""
    with RawServer(always(answer())) as other, RawServer(redirecting(307, f"http://localhost:{other.port}/")) as home:
        with requests.Session() as session:
            session.put(home.url, data=BODY, headers={"X-Secret": "planted"}, timeout=10)
        assert other.requests[0].body == BODY
        assert other.requests[0].headers["x-secret"] == "planted"


@pytest.mark.parametrize("hops", [5, 6])
def test_a_chain_is_followed_so_far(hops: int) -> None:
    def script(connection: Connection) -> None:
        while True:
            number = int(connection.read_request().path[1:])
            connection.send(answer(b"{}") if number == hops else answer(b"", 302, f"Location: /{number + 1}"))

    with RawServer(script) as server:
        if hops == 5:
            assert send(asking(server, "GET", Redirects.MEDIA, "/0")).body == b"{}"
            assert len(server.connections) == 1
        else:
            with pytest.raises(RedirectRefused, match="more than 5"):
                send(asking(server, "GET", Redirects.MEDIA, "/0"))
            assert len(server.requests) == 6


def test_a_circle_ends_at_the_deadline_or_the_count() -> None:
    with RawServer(redirecting(302, "/home")) as server, pytest.raises(RedirectRefused):
        send(asking(server, "GET", Redirects.MEDIA))


def test_credentials_in_the_place_are_never_used() -> None:
    with RawServer(always(answer())) as other:
        location = f"http://user:planted@127.0.0.1:{other.port}/"
        with RawServer(redirecting(302, location)) as home, pytest.raises(RedirectRefused):
            send(asking(home, "GET", Redirects.MEDIA))
        assert other.seen == b""


def test_cookies_of_one_origin_are_not_sent_anywhere() -> None:
    with RawServer(always(answer())) as other:
        cookie = "Set-Cookie: planted=1; Domain=127.0.0.1; Path=/"
        with RawServer(always(answer(b"", 302, f"Location: {other.url}/x", cookie))) as home:
            send(asking(home, "GET", Redirects.MEDIA))
            assert b"planted=1" not in home.seen
        assert b"planted" not in other.seen


@pytest.mark.parametrize("status", [300, 304, 305])
def test_what_is_no_redirect_is_an_error_of_its_status(status: int) -> None:
    with RawServer(redirecting(status, "/elsewhere")) as server, pytest.raises(HTTPError) as caught:
        send(asking(server, "GET", Redirects.MEDIA))
    assert caught.value.code == status


def test_a_redirect_to_nobody_is_an_error_without_the_token() -> None:
    with RawServer(always(answer())) as gone:
        pass
    script = redirecting(302, f"{gone.url}/x?signature=planted")
    with RawServer(script) as home, pytest.raises(TransportError) as caught:
        send(asking(home, "GET", Redirects.MEDIA))
    assert "planted" not in str(caught.value)
    assert origin(gone.url)[1] in str(caught.value)
