"""Identifiers: localparts as gomatrix maps them, what may stand as an id, server names and mxc addresses."""

from __future__ import annotations

import pytest

from gomatrix_py.errors import UsageError
from gomatrix_py.ids import (
    MAX_ID_BYTES,
    MxcUri,
    check_id,
    decode_user_localpart,
    encode_user_localpart,
    extract_user_localpart,
    parse_mxc,
    server_name_of,
)

LOCALPARTS = [
    pytest.param("Alph@Bet_50up", "_alph=40_bet__50up", id="example-of-the-documentation"),
    pytest.param("abcdef", "abcdef", id="nothing-to-do"),
    pytest.param("i_like_pie_", "i__like__pie__", id="underscores-are-doubled"),
    pytest.param("ABCDEF", "_a_b_c_d_e_f", id="upper-case"),
    pytest.param("!£", "=21=c2=a3", id="punctuation-and-beyond-ascii"),
    pytest.param("___", "______", id="underscores-only"),
    pytest.param("hello-world.", "hello-world.", id="allowed-punctuation"),
    pytest.param("5+5=10", "5=2b5=3d10", id="equals-sign"),
    pytest.param("東方Project", "=e6=9d=b1=e6=96=b9_project", id="mixed-scripts"),
    pytest.param("\tfoo bar", "=09foo=20bar", id="white-space"),
    pytest.param("", "", id="empty"),
    pytest.param("\x00", "=00", id="nul"),
    pytest.param("🦊", "=f0=9f=a6=8a", id="beyond-the-basic-plane"),
    pytest.param("a/b", "a=2fb", id="slash"),
]

NOT_LOCALPARTS = [
    pytest.param("foo@bar", id="invalid-character"),
    pytest.param("foo_5bar", id="digit-after-underscore"),
    pytest.param("foo_._-bar", id="punctuation-after-underscore"),
    pytest.param("foo=2Hbar", id="no-hex-digit"),
    pytest.param("foo=2hbar", id="no-hex-digit-lower-case"),
    pytest.param("foo=======2fbar", id="many-equals-signs"),
    pytest.param("foo=2", id="end-inside-hex"),
    pytest.param("foo=", id="end-after-equals"),
    pytest.param("foo_", id="end-after-underscore"),
    pytest.param("Foo", id="upper-case"),
    pytest.param("foo=2F", id="upper-case-hex"),
    pytest.param("foo=ff", id="not-utf-8"),
    pytest.param("foo=e6=9d", id="utf-8-cut-short"),
    pytest.param("é", id="beyond-ascii"),
    pytest.param("foo_É", id="beyond-ascii-after-underscore"),
    pytest.param("a\n", id="line-feed"),
    pytest.param("=0\n", id="line-feed-inside-hex"),
]


# ------------------------------------------------------------------ localparts


@pytest.mark.parametrize(("text", "localpart"), LOCALPARTS)
def test_any_text_becomes_a_localpart_and_back(text: str, localpart: str) -> None:
    assert encode_user_localpart(text) == localpart
    assert decode_user_localpart(localpart) == text


@pytest.mark.parametrize("localpart", NOT_LOCALPARTS)
def test_what_the_encoding_never_makes_is_refused(localpart: str) -> None:
    with pytest.raises(UsageError):
        decode_user_localpart(localpart)


def test_the_position_of_the_mistake_is_told() -> None:
    with pytest.raises(UsageError, match="position 3"):
        decode_user_localpart("foo@bar")


def test_a_lone_surrogate_survives_the_round_trip() -> None:
    assert decode_user_localpart(encode_user_localpart("a\ud800b")) == "a\ud800b"


@pytest.mark.parametrize(
    ("user_id", "localpart"),
    [
        ("@foo:bar", "foo"),
        ("@foo:bar:8448", "foo"),
        ("@foo.bar:baz.quuz", "foo.bar"),
        ("@alice:matrix.org", "alice"),
        ("@foo", "foo"),
        ("@:bar", ""),
        ("@@foo:bar", "@foo"),
    ],
)
def test_the_localpart_ends_at_the_first_colon(user_id: str, localpart: str) -> None:
    assert extract_user_localpart(user_id) == localpart


@pytest.mark.parametrize("text", ["", "foo:bar", "!room:bar", " @foo:bar"])
def test_what_does_not_start_with_an_at_sign_is_no_user_id(text: str) -> None:
    with pytest.raises(UsageError):
        extract_user_localpart(text)


# ------------------------------------------------------------------ any id


@pytest.mark.parametrize(
    "value",
    ["x", "!nodomain", "$a/b+c", "..", "é" * 127, "a" * MAX_ID_BYTES, "%2e", "a?b#c", "\x00", " "],
)
def test_ids_are_opaque(value: str) -> None:
    assert check_id(value) is value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "empty"),
        ("a" * 256, "256 bytes"),
        ("é" * 128, "256 bytes"),
        ("a\ud800", "surrogate"),
        (None, "NoneType"),
        (5, "int"),
        (b"!x:y", "bytes"),
    ],
)
def test_what_no_server_could_take_is_refused_by_name(value: object, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        check_id(value, "room id")
    assert str(caught.value).startswith("room id ")


# ------------------------------------------------------------------ server names


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("@alice:example.org", "example.org"),
        ("#room:example.org:8448", "example.org:8448"),
        ("@a:1.2.3.4", "1.2.3.4"),
        ("@a:1.2.3.4:80", "1.2.3.4:80"),
        ("@a:[1234:5678::abcd]", "[1234:5678::abcd]"),
        ("@a:[::1]:8448", "[::1]:8448"),
        ("@a:localhost", "localhost"),
        ("@UPPER/strange:h", "h"),
    ],
)
def test_the_server_is_what_stands_after_the_first_colon(text: str, server: str) -> None:
    assert server_name_of(text) == server


@pytest.mark.parametrize(
    "text",
    [
        "@alice",
        "@alice:",
        "@alice:ex ample",
        "@alice:example.org/path",
        "@alice:example.org:port",
        "@alice:example.org:123456",
        "@alice:example.org:80\n",
        "@alice:exämple.org",
        "@alice:user@host",
        "@alice:[::1",
        "@alice:::1",
        "@alice:a_b",
        "@alice:" + "a" * 256,
        "",
    ],
)
def test_a_name_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        server_name_of(text)


# ------------------------------------------------------------------ mxc addresses


@pytest.mark.parametrize(
    ("uri", "server", "media"),
    [
        ("mxc://example.org/AbC-_09", "example.org", "AbC-_09"),
        ("mxc://example.org:8448/x", "example.org:8448", "x"),
        ("mxc://[::1]/x", "[::1]", "x"),
        ("mxc://1.2.3.4/x", "1.2.3.4", "x"),
    ],
)
def test_an_mxc_address_has_two_parts(uri: str, server: str, media: str) -> None:
    parsed = parse_mxc(uri)
    assert (parsed.server_name, parsed.media_id) == (server, media)
    assert str(parsed) == uri
    assert parsed == MxcUri(server, media)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "mxc://",
        "mxc://example.org",
        "mxc://example.org/",
        "mxc:///media",
        "mxc://example.org//media",
        "mxc://example.org/a/b",
        "mxc://example.org/media/",
        "mxc://example.org/../../x",
        "mxc://../../x",
        "mxc://../x",
        "mxc://./x",
        "mxc://example.org/..",
        "mxc://example.org/.",
        "mxc://example.org/a?b",
        "mxc://example.org/a#b",
        "mxc://example.org/a%2eb",
        "mxc://exa%2fmple.org/a",
        "mxc://exa?mple.org/a",
        "mxc://exa#mple.org/a",
        "mxc://user@example.org/a",
        "mxc://example.org:test/a",
        "mxc://example.org:/a",
        "mxc://example.org\\evil/a",
        "mxc://example.org/a b",
        "mxc://example.org/a\n",
        "mxc://example.org\n/a",
        "mxc://example.org/é",
        "mxc://example.org/" + "a" * 256,
        "MXC://example.org/a",
        "http://example.org/a",
        " mxc://example.org/a",
    ],
)
def test_an_address_that_could_leave_its_path_is_refused(uri: str) -> None:
    with pytest.raises(UsageError):
        parse_mxc(uri)


@pytest.mark.parametrize("value", [None, 5, b"mxc://example.org/a", ["mxc://example.org/a"]])
def test_what_is_no_string_is_no_address(value: object) -> None:
    with pytest.raises(UsageError):
        parse_mxc(value)  # type: ignore[arg-type]
