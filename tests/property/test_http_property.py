"""Properties of the HTTP layer: a value or its documented error, and every segment where it was meant to go."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest
import requests
import urllib3
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gomatrix_py.errors import DecodeError, HTTPError, RedirectRefused, TransportError, UsageError
from gomatrix_py.http.answers import error_from, json_object
from gomatrix_py.http.endpoint import Empty, Endpoint, Target, query
from gomatrix_py.http.incoming import Incoming
from gomatrix_py.http.messages import HttpRequest, HttpResponse, Limits, Redirects
from gomatrix_py.http.redirects import next_request
from gomatrix_py.http.retry import RetryPolicy, retry_after_s
from gomatrix_py.http.transport import RequestsTransport
from gomatrix_py.http.urls import build_url, check_base_url, origin, query_string, segment
from tests.kit.raw_server import Connection, RawServer, answer, chunked

often = settings(max_examples=200, deadline=None)
on_the_wire = settings(max_examples=150, deadline=None)

TEXT = st.text(max_size=80)
NASTY = st.text(alphabet="./\\%?#&;:@+ =!$~*'()[]{}<>|^`\"\t\r\n\x00\x7f2eE0aä🦄\u2025\uff0f", max_size=40)
IDS = st.one_of(
    TEXT,
    NASTY,
    st.builds("{}{}:{}".format, st.sampled_from("@!#$"), NASTY, st.sampled_from(["hs", "[::1]:8448", "a.b:1"])),
    st.sampled_from(
        ["..", ".", "", "...", "%2e%2e", "%2E", "..%2f", "a/../b", "/", "//", "?", "#", "\ud800", "a" * 256]
    ),
)


def is_segment(text: str) -> bool:
    """Say from the rule, not from the code, what can be a segment."""
    try:
        return 0 < len(text.encode()) <= 255 and text not in (".", "..")
    except UnicodeEncodeError:
        return False


# ------------------------------------------------------------------ segments arrive as they were meant


@given(IDS)
@often
def test_a_segment_comes_back_or_is_refused(text: str) -> None:
    if is_segment(text):
        assert unquote(segment(text), errors="strict") == text
        assert not set(segment(text)) & set("/?#\\ \t\r\n")
    else:
        with pytest.raises(UsageError):
            segment(text)


class PutState(Endpoint[Empty]):
    METHOD, PATH = "PUT", "/_matrix/client/v3/rooms/{room_id}/state/{event_type}/{state_key}"
    room_id: str
    event_type: str
    state_key: str
    ts: str | None = query(default=None)


class Echo:
    """A server that keeps the target of the last request, over a direct connection or as a proxy."""

    def __init__(self) -> None:
        self.target = ""

    def __call__(self, connection: Connection) -> None:
        while True:
            self.target = connection.read_request().target
            connection.send(answer())


@pytest.fixture(scope="module", params=["direct", "proxy"])
def road(request: pytest.FixtureRequest) -> Iterator[tuple[Target, Echo, RequestsTransport]]:
    """A homeserver, reached directly or over a proxy that requests writes whole URLs to."""
    echo = Echo()
    with RawServer(echo) as server:
        is_proxy = request.param == "proxy"
        transport = RequestsTransport(proxies={"http": server.url} if is_proxy else None)
        yield Target("http://hs.invalid/base" if is_proxy else f"{server.url}/base", "syt_token"), echo, transport
        transport.close()


@given(room_id=IDS, event_type=IDS, state_key=IDS, ts=st.one_of(st.none(), TEXT, NASTY))
@example(room_id="!r:s", event_type="m.room.name", state_key="", ts=None)
@example(room_id="%2e%2e", event_type="%2E", state_key="a/../b", ts="a&b=c")
@on_the_wire
def test_the_server_sees_exactly_the_segments_that_were_meant(
    road: tuple[Target, Echo, RequestsTransport], room_id: str, event_type: str, state_key: str, ts: str | None
) -> None:
    target, echo, transport = road
    endpoint = PutState(room_id, event_type, state_key, ts)
    try:
        request = endpoint.to_request(target)
    except UsageError:
        assert not (
            is_segment(room_id)
            and is_segment(event_type)
            and (state_key == "" or is_segment(state_key))
            and _is_utf_8(ts)
        )
        return
    transport.send(request)
    seen = echo.target.removeprefix("http://hs.invalid")
    path, _, sent_query = seen.partition("?")
    wanted = ["", "base", "_matrix", "client", "v3", "rooms", room_id, "state", event_type]
    assert [unquote(part, errors="strict") for part in path.split("/")] == wanted + ([state_key] if state_key else [])
    assert parse_qsl(sent_query, keep_blank_values=True) == ([] if ts is None else [("ts", ts)])
    assert "#" not in seen


def test_requests_sends_other_segments_than_were_meant() -> None:
    """The control: quoted as usual and sent as usual, a segment of ".." takes the one before it along."""
    echo = Echo()
    with RawServer(echo) as server, requests.Session() as session:
        session.get(f"{server.url}/rooms/{quote('..', safe='')}/admin", timeout=10)
        assert echo.target == "/admin"
        session.get(f"{server.url}/rooms/%2e%2e/admin", timeout=10)
        assert echo.target == "/rooms/../admin"  # and the server's software does the rest


def _is_utf_8(text: str | None) -> bool:
    try:
        (text or "").encode()
    except UnicodeEncodeError:
        return False
    return True


@given(st.lists(IDS, max_size=4), st.dictionaries(TEXT, st.one_of(TEXT, NASTY), max_size=3))
@often
def test_a_url_by_hand_keeps_its_segments(segments: list[str], values: dict[str, str]) -> None:
    try:
        url = build_url("https://hs.example/base", "/prefix", segments, values)
    except UsageError:
        return
    parts = urlsplit(url)
    kept = segments[:-1] if segments and segments[-1] == "" else segments
    assert [unquote(part) for part in parts.path.split("/")] == ["", "base", "prefix", *kept]
    assert dict(parse_qsl(parts.query, keep_blank_values=True)) == values
    assert parts.fragment == ""


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=10), inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=10), JSON, max_size=4))
@often
def test_a_query_is_encoded_or_refused(values: dict[str, Any]) -> None:
    try:
        encoded = query_string(values)
    except UsageError:
        return
    assert encoded.isascii()
    for key, value in parse_qsl(encoded, keep_blank_values=True):
        given_value = values[key]
        if isinstance(given_value, str):
            assert value == given_value
        elif isinstance(given_value, dict):
            assert json.loads(value) == given_value


# ------------------------------------------------------------------ URLs that mean one thing only

PIECES = st.lists(
    st.sampled_from(
        [
            *("http://", "https://", "HTTP://", "ftp:", "//", "/", "\\", "@", ":", "#", "?", "%40", "%2f", "%5c"),
            *(".", "..", "\t", "\n", " ", "\x00", "[::1]", "[", "]", "80", "443", "0", "99999", "user", "a" * 70),
            *("hs.example", "evil.example", "localhost", "127.0.0.1", "xn--", "ü", "\u2044", "\uff0e", "\u3002"),
        ]
    ),
    max_size=8,
).map("".join)


@given(st.one_of(PIECES, PIECES.map(lambda rest: "https://hs.example" + rest), TEXT))
@example("https://hs.example\\@evil.example")
@example("https://hs.example#@evil.example")
@example("https://evil.example%40hs.example")
@settings(max_examples=600, deadline=None)
def test_an_origin_is_the_same_to_whoever_connects(url: str) -> None:
    try:
        scheme, host, port = origin(url)
    except UsageError:
        return
    try:
        other = urllib3.util.parse_url(url)
    except urllib3.exceptions.LocationParseError:
        return  # nobody connects
    assert (other.scheme or "").lower() == scheme
    if host.isascii() and "%" not in host:
        assert (other.host or "").strip("[]").lower() == host
    assert (other.port or {"http": 80, "https": 443}[scheme]) == port
    assert other.auth is None


@given(st.one_of(PIECES, PIECES.map(lambda rest: "https://hs.example" + rest), TEXT))
@settings(max_examples=400, deadline=None)
def test_a_base_url_stays_in_front_of_every_path(url: str) -> None:
    try:
        base = check_base_url(url)
    except UsageError:
        return
    whole = base + "/_matrix/client/versions"
    assert origin(whole) == origin(url)
    assert urlsplit(whole).path.endswith("/_matrix/client/versions")
    assert check_base_url(base) == base


@given(
    st.one_of(PIECES, TEXT),
    st.sampled_from(["https://hs.example/a/b?c", "http://127.0.0.1:8008/"]),
    st.sampled_from(list(Redirects)),
    st.integers(0, 6),
)
@settings(max_examples=400, deadline=None)
def test_a_redirect_is_followed_by_the_rules_or_refused(
    location: str, url: str, redirects: Redirects, followed: int
) -> None:
    request = HttpRequest("GET", url, "GET /x", {"X": "planted"}, access_token="syt_planted", redirects=redirects)
    try:
        following = next_request(request, HttpResponse(302, {"location": location}), followed)
    except RedirectRefused as error:
        refusal = str(error)
    else:
        refusal = ""
    assert "planted" not in refusal
    if refusal:
        return
    assert redirects is not Redirects.NEVER
    assert followed < 5
    before, after = origin(url), origin(following.url)
    assert not (before[0] == "https" and after[0] == "http")
    assert ("planted" in str(following.wire_headers())) == (before == after)


# ------------------------------------------------------------------ whatever a server says


@given(
    st.integers(300, 999), st.binary(max_size=200), st.dictionaries(st.sampled_from(["retry-after", "date"]), TEXT)
)
@often
def test_any_bytes_become_an_http_error(status: int, content: bytes, headers: dict[str, str]) -> None:
    error = error_from(HttpResponse(status, headers, content), "GET /x")
    assert isinstance(error, HTTPError)
    assert (error.code, error.contents) == (status, content)
    assert str(error)


MEMBERS = st.sampled_from(
    ["errcode", "error", "flows", "session", "params", "completed", "retry_after_ms", "soft_logout", "stages"]
)


@given(
    st.sampled_from([400, 401, 403, 404, 429, 500]),
    st.dictionaries(
        MEMBERS,
        st.one_of(
            JSON,
            st.lists(st.dictionaries(MEMBERS, JSON, max_size=2), max_size=3),
            st.sampled_from(["M_UNKNOWN_TOKEN", "M_LIMIT_EXCEEDED", "M_FORBIDDEN", "M_UNKNOWN", ""]),
        ),
        max_size=6,
    ),
)
@often
def test_any_error_object_becomes_an_http_error(status: int, document: dict[str, Any]) -> None:
    error = error_from(HttpResponse(status, {}, json.dumps(document).encode()), "GET /x")
    assert isinstance(error, HTTPError)
    for flow in getattr(error, "flows", []):
        assert all(isinstance(stage, str) for stage in flow)
    wait = RetryPolicy().wait_s(error, 1, may_retry=True)
    assert wait is None or 0 <= wait <= 60


@given(
    st.one_of(TEXT, st.text(alphabet="0123456789.-+eE MonTueGMT:,", max_size=40)), st.one_of(JSON, st.floats()), TEXT
)
@often
def test_a_wait_is_a_number_of_seconds_or_nothing(header: str, milliseconds: Any, date: str) -> None:
    wait = retry_after_s({"retry-after": header, "date": date}, milliseconds)
    assert wait is None or (wait >= 0 and math.isfinite(wait))


HEADERS = st.dictionaries(
    st.sampled_from(["content-length", "content-encoding", "transfer-encoding"]),
    st.one_of(st.sampled_from(["0", "2", "5", "-1", "gzip", "identity", "chunked", "br", "gzip, chunked", ""]), TEXT),
)
BODIES = st.one_of(st.binary(max_size=100), st.binary(max_size=50).map(gzip.compress), st.just(b"{}"))


@given(st.sampled_from([200, 204, 302, 404, 500]), HEADERS, BODIES, st.booleans(), st.sampled_from(list(Redirects)))
@often
def test_any_body_is_taken_or_refused(
    status: int, headers: dict[str, str], content: bytes, is_on_wire: bool, redirects: Redirects
) -> None:
    left = [content]

    def read(size: int | None) -> bytes:
        data, left[0] = (left[0], b"") if size is None else (left[0][:size], left[0][size:])
        return data

    request = HttpRequest("GET", "https://hs.example", redirects=redirects, limits=Limits(max_bytes=64))
    try:
        response = Incoming(request, status, headers, read, is_on_wire=is_on_wire).receive()
    except TransportError:
        return
    assert response.size == len(response.body) <= 64
    if "content-encoding" not in headers and status == 200:
        assert content.startswith(response.body)


WHOLE = (
    answer(b'{"a":1}'),
    chunked(b'{"a":1}'),
    answer(gzip.compress(b'{"a":1}'), 200, "Content-Encoding: gzip"),
    b"HTTP/1.0 200 OK\r\n\r\n" + b'{"a":1}',
    b"HTTP/1.1 103 Hints\r\n\r\n" + answer(b'{"errcode":"M_X"}', 403),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """An answer with a few bytes changed, dropped, put in or repeated."""
    data = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(["change", "drop", "put in", "repeat", "cut"]))
        if kind == "change" and data:
            data[at] = draw(st.integers(0, 255))
        elif kind == "drop":
            del data[at : at + draw(st.integers(1, 8))]
        elif kind == "put in":
            data[at:at] = draw(
                st.one_of(st.binary(max_size=5), st.sampled_from([b"\r\n", b"\n", b"\x00", b"-1", b": "]))
            )
        elif kind == "repeat":
            data[at:at] = data[at : at + draw(st.integers(1, 40))]
        else:
            del data[at:]
    return bytes(data)


class OneByOne:
    """A server that gives each connection the bytes of the moment, and closes it."""

    def __init__(self) -> None:
        self.data = b""

    def __call__(self, connection: Connection) -> None:
        connection.read_request()
        connection.send(self.data)
        connection.cut()


@pytest.fixture(scope="module")
def damaging() -> Iterator[tuple[RawServer, OneByOne]]:
    """A server whose answers are damaged."""
    script = OneByOne()
    with RawServer(script) as server:
        yield server, script


@given(data=st.one_of(damaged(), st.binary(max_size=60)))
@settings(max_examples=300, deadline=None)
def test_a_damaged_answer_is_taken_or_refused(damaging: tuple[RawServer, OneByOne], data: bytes) -> None:
    server, script = damaging
    script.data = data
    transport = RequestsTransport()
    try:
        response = transport.send(HttpRequest("GET", server.url, limits=Limits(connect_s=10, read_s=10, total_s=10)))
        if response.is_success:
            json_object(response)
    except (TransportError, DecodeError):
        pass
    finally:
        transport.close()
