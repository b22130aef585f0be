"""URLs: every segment quoted or refused, queries encoded, base URLs checked, origins told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from gomatrix_py.errors import UsageError
from gomatrix_py.http.urls import build_url, check_base_url, expand, origin, path_fields, query_string, segment

BASE = "https://hs.example"
CORPUS = Path(__file__).resolve().parents[2] / "corpus" / "http" / "urls"


# ------------------------------------------------------------------ segments


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain-AZ09._~", "plain-AZ09._~"),
        ("@alice:example.org", "%40alice%3Aexample.org"),
        ("!room:example.org", "%21room%3Aexample.org"),
        ("$a/b+c=", "%24a%2Fb%2Bc%3D"),
        ("a b", "a%20b"),
        ("?#&;%", "%3F%23%26%3B%25"),
        ("%2e%2e", "%252e%252e"),
        ("...", "..."),
        ("..a", "..a"),
        ("a\\..\\b", "a%5C..%5Cb"),
        ("ü", "%C3%BC"),
        ("\x00\n", "%00%0A"),
        ("🦄", "%F0%9F%A6%84"),
    ],
)
def test_a_segment_is_quoted_whole(text: str, quoted: str) -> None:
    assert segment(text) == quoted
    assert unquote(segment(text)) == text


@pytest.mark.parametrize("text", ["", ".", "..", "a" * 256, "ü" * 128, "\ud800", None, 7, b"bytes"])
def test_what_cannot_be_a_segment_is_refused(text: Any) -> None:
    with pytest.raises(UsageError, match="room_id"):
        segment(text, "room_id")


def test_255_bytes_are_the_limit() -> None:
    assert segment("a" * 255) == "a" * 255
    assert unquote(segment("ü" * 127)) == "ü" * 127


def test_the_text_of_a_refused_surrogate_is_not_in_the_message() -> None:
    with pytest.raises(UsageError) as caught:
        segment("secret\ud800")
    assert "secret" not in str(caught.value)


# ------------------------------------------------------------------ templates


def test_a_template_names_its_fields() -> None:
    assert path_fields("/rooms/{room_id}/state/{event_type}/{state_key}") == ["room_id", "event_type", "state_key"]


def test_a_template_is_filled() -> None:
    values = {"room_id": "!a/b:c", "event_type": "m.a/b"}
    assert expand("/rooms/{room_id}/event/{event_type}", values) == "/rooms/%21a%2Fb%3Ac/event/m.a%2Fb"


def test_an_empty_state_key_has_a_path_of_its_own() -> None:
    template = "/rooms/{room_id}/state/{event_type}/{state_key}"
    values = {"room_id": "!r:s", "event_type": "m.room.name", "state_key": ""}
    assert expand(template, values) == "/rooms/%21r%3As/state/m.room.name"
    assert expand(template, {**values, "state_key": "x"}).endswith("/m.room.name/x")


@pytest.mark.parametrize(
    ("template", "values"),
    [
        ("/rooms/{room_id}", {"room_id": ""}),  # empty, last, but no state key
        ("/state/{state_key}/more", {"state_key": ""}),  # a state key, but not last
        ("/rooms/{room_id}/x", {"room_id": ".."}),
    ],
)
def test_only_a_last_state_key_may_be_empty(template: str, values: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        expand(template, values)


# ------------------------------------------------------------------ base URLs


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://hs.example", "https://hs.example"),
        ("https://hs.example/", "https://hs.example"),
        ("http://localhost:8008//", "http://localhost:8008"),
        ("https://[::1]:8448", "https://[::1]:8448"),
        ("https://hs.example/a/b/", "https://hs.example/a/b"),
        ("HTTPS://HS.example", "HTTPS://HS.example"),
        ("https://münchen.example", "https://münchen.example"),
    ],
)
def test_a_base_url_is_kept_without_its_last_slash(url: str, kept: str) -> None:
    assert check_base_url(url) == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hs.example",
        "ftp://hs.example",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://:80",
        "https://user:secret@hs.example",
        "https://user@hs.example",
        "https://@hs.example",
        "https://hs.example?x=1",
        "https://hs.example?",
        "https://hs.example#x",
        "https://hs.example#",
        "https://hs.example/a b",
        "https://hs.example/a\n",
        "https://hs.example/\x7f",
        "https://hs.example/\u00a0",
        "https://hs.example\\@other",
        "https://hs.example/a/../b",
        "https://hs.example/./b",
        "https://hs.example/%2e%2E/b",
        "https://hs.example:port",
        "https://hs.example:99999",
        "https://hs.example:0",
        "https://[::1",
        "https://a..example",
        "https://" + "a" * 64 + ".example",
        None,
        b"https://hs.example",
    ],
)
def test_what_is_no_base_url_is_refused_without_being_shown(url: Any) -> None:
    with pytest.raises(UsageError) as caught:
        check_base_url(url)
    assert "secret" not in str(caught.value)


def test_a_token_in_the_place_of_the_url_is_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        check_base_url("syt_YWxpY2U_secret")
    assert "syt_" not in str(caught.value)


# ------------------------------------------------------------------ whole URLs, and queries


def test_segments_are_joined_behind_the_prefix() -> None:
    assert build_url(BASE, "/_matrix/client/v3", ["rooms", "!a/b:c", "messages"], {"dir": "b"}) == (
        "https://hs.example/_matrix/client/v3/rooms/%21a%2Fb%3Ac/messages?dir=b"
    )


def test_a_last_empty_segment_is_left_out() -> None:
    assert build_url(BASE, "", ["state", "m.room.name", ""]) == "https://hs.example/state/m.room.name"
    with pytest.raises(UsageError):
        build_url(BASE, "", ["state", "", "x"])


@pytest.mark.parametrize(
    ("values", "encoded"),
    [
        ({}, ""),
        ({"a": None}, ""),
        ({"a": []}, ""),
        ({"a": ""}, "a="),
        ({"a": True, "b": False}, "a=true&b=false"),
        ({"a": 5, "b": 1.5}, "a=5&b=1.5"),
        ({"a": ["x", None, "y z"]}, "a=x&a=y%20z"),
        (
            {"filter": {"room": {"rooms": ["!a:b"]}}},
            "filter=%7B%22room%22%3A%7B%22rooms%22%3A%5B%22%21a%3Ab%22%5D%7D%7D",
        ),
        ({"a&b": "c=d&e"}, "a%26b=c%3Dd%26e"),
        ({"since": "s1_2+3/4"}, "since=s1_2%2B3%2F4"),
    ],
)
def test_a_query_is_encoded(values: dict[str, Any], encoded: str) -> None:
    assert query_string(values) == encoded


def test_a_query_comes_back_as_it_was() -> None:
    values = {"one": "ü & =+%", "two": "\x00", "three": "🦄"}
    assert dict(parse_qsl(query_string(values), strict_parsing=True)) == values


@pytest.mark.parametrize("value", ["\ud800", {"a": "\ud800"}, float("nan"), b"bytes", object()])
def test_a_query_value_that_cannot_be_sent_is_refused(value: Any) -> None:
    with pytest.raises(UsageError):
        query_string({"a": value})


# ------------------------------------------------------------------ origins


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://hs.example/x?y#z", ("https", "hs.example", 443)),
        ("http://HS.example", ("http", "hs.example", 80)),
        ("HTTPS://hs.example:443", ("https", "hs.example", 443)),
        ("https://[::1]:8448/", ("https", "::1", 8448)),
        ("https://hs.example:", ("https", "hs.example", 443)),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, place: tuple[str, str, int]) -> None:
    assert origin(url) == place


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://hs.example",
            "//hs.example",
            "https://",
            "https://h:0",
            "https://h:1x",
            "https://u@h",
            "https://[",
            "x",
        ),
        *(
            "https://hs.example\\.evil.example",
            "https://hs.example evil.example",
            " https://hs.example",
            "ht\ttps://h",
        ),
        *("https://hs.example\x00", "https://hs.example\u2044.evil.example", "https://hs%2eexample", "https://h*"),
    ],
)
def test_what_has_no_origin_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        origin(url)


def test_lookalikes_have_other_origins() -> None:
    home = origin("https://hs.example")
    lookalikes = ["http://hs.example", "https://hs.example:8448", "https://hs.example.evil", "https://hs.example."]
    assert all(origin(other) != home for other in lookalikes)


def test_a_built_url_keeps_its_path_to_the_letter() -> None:
    url = build_url(BASE, "/p", ["a..b", "%2e%2e", "a/../b"])
    assert [unquote(part) for part in urlsplit(url).path.split("/")[2:]] == ["a..b", "%2e%2e", "a/../b"]


@pytest.mark.parametrize("path", sorted(CORPUS.iterdir()), ids=lambda path: path.name)
def test_urls_that_mean_two_things_are_refused(path: Path) -> None:
    with pytest.raises(UsageError):
        origin(path.read_text(encoding="utf-8"))
