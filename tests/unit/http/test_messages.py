"""Requests and answers as values: what they hold, what they refuse, what they do not show."""

from __future__ import annotations

import io
import math
from typing import Any

import attrs
import pytest

from gomatrix_py import Limits, __version__
from gomatrix_py.errors import UsageError
from gomatrix_py.http.messages import HttpRequest, HttpResponse, Redirects, Transport, Upload
from gomatrix_py.http.transport import RequestsTransport

URL = "https://hs.example/_matrix/x?secret=1"
TOKEN = "syt_planted"


def test_the_headers_on_the_wire() -> None:
    request = HttpRequest("GET", URL, headers={"X-One": "1"}, access_token=TOKEN)
    assert request.wire_headers() == {
        "User-Agent": f"gomatrix_py/{__version__}",
        "Accept": "application/json",
        "X-One": "1",
        "Authorization": f"Bearer {TOKEN}",
    }
    assert "Authorization" not in request.headers


def test_without_a_token_there_is_no_authorization() -> None:
    assert "Authorization" not in HttpRequest("GET", URL).wire_headers()


@pytest.mark.parametrize("changes", [{"redirects": Redirects.MEDIA}, {"sink": io.BytesIO()}])
def test_a_download_accepts_anything(changes: dict[str, Any]) -> None:
    request = HttpRequest("GET", URL, **changes)
    assert request.is_download
    assert request.wire_headers()["Accept"] == "*/*"


def test_discovery_is_no_download() -> None:
    assert not HttpRequest("GET", URL, redirects=Redirects.DISCOVERY).is_download


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain\r\nX-Evil: 1"},
        {"Content-Type": "text/plain\n continued"},
        {"Content-Type": "nul\x00"},
        {"Content-Type": "not latin \u2026"},
        {"Content-Type": "c1 \x85"},
        {"X Evil": "1"},
        {"X:Evil": "1"},
        {"": "1"},
        {"X\r\n": "1"},
    ],
)
def test_a_header_that_would_become_two_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="cannot be sent"):
        HttpRequest("GET", URL, headers=headers).wire_headers()


@pytest.mark.parametrize(
    "token", ["planted\n", "planted\r\nX: y", " planted", "plan ted", "plantedü", "planted\u2026"]
)
def test_a_token_read_with_its_line_break_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(UsageError, match="access token") as caught:
        HttpRequest("GET", URL, access_token=token).wire_headers()
    assert "plan" not in str(caught.value)


@pytest.mark.parametrize("method", ["", "GET /x HTTP/1.1\r\nX:", "GE T", None])
def test_a_verb_is_one_word(method: Any) -> None:
    with pytest.raises(UsageError):
        HttpRequest(method, URL)


def test_a_request_shows_neither_query_nor_credentials_nor_body() -> None:
    shown = repr(HttpRequest("PUT", "https://me:secret@hs.example/p?secret=1", body=b"secret", access_token="secret"))
    assert "secret" not in shown
    assert "'https://hs.example/p'" in shown


def test_a_request_with_a_broken_url_can_be_shown() -> None:
    assert "HttpRequest" in repr(HttpRequest("GET", "https://[secret"))


def test_equal_requests_are_equal() -> None:
    assert HttpRequest("GET", URL, access_token=TOKEN) == HttpRequest("GET", URL, access_token=TOKEN)
    assert HttpRequest("GET", URL) != HttpRequest("GET", URL, access_token=TOKEN)


def test_values_do_not_change() -> None:
    for value in (HttpRequest("GET", URL), HttpResponse(200), Limits(), Upload(io.BytesIO(), 0)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, attrs.fields(type(value))[0].name, None)


@pytest.mark.parametrize("length", [-1, 1.5, True, None, "5"])
def test_an_upload_has_a_length(length: Any) -> None:
    with pytest.raises(UsageError):
        Upload(io.BytesIO(b"12345"), length)


@pytest.mark.parametrize("name", ["connect_s", "read_s", "total_s"])
@pytest.mark.parametrize("value", [0, -1, math.nan, None, "5", True])
def test_times_are_above_zero(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=name):
        Limits(**{name: value})


@pytest.mark.parametrize("value", [-1, 1.5, None])
def test_a_size_is_a_number_of_bytes(value: Any) -> None:
    with pytest.raises(UsageError, match="max_bytes"):
        Limits(max_bytes=value)


def test_times_may_be_endless() -> None:
    assert Limits(total_s=math.inf).total_s == math.inf


@pytest.mark.parametrize(
    ("status", "is_success"), [(199, False), (200, True), (204, True), (299, True), (300, False)]
)
def test_only_2xx_is_success(status: int, is_success: bool) -> None:
    assert HttpResponse(status).is_success is is_success


def test_an_answer_shows_no_body() -> None:
    assert "secret" not in repr(HttpResponse(200, {"set-cookie": "secret"}, b"secret"))


def test_a_transport_is_known_by_its_method() -> None:
    assert isinstance(RequestsTransport(), Transport)
    assert not isinstance(object(), Transport)
