"""matrix: URIs and matrix.to links: built, parsed in new and old forms, and refused."""

from __future__ import annotations

import pytest

from gomatrix_py.errors import UsageError
from gomatrix_py.links import MAX_LINK_CHARS, MatrixLink, build_matrix_link, parse_matrix_link

EVENT = "$UM35xRaPMTSpNKcNZcHnZh5dw_DBldhFWNy-y9WE8QA"
ROOM_V12 = "31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM"
FUNGI = "%D0%B3%D1%80%D0%B8%D0%B1%D1%8B"

# What stands in the specification, in both forms.
BOTH = [
    (MatrixLink("#somewhere:example.org"), "r/somewhere:example.org", "%23somewhere%3Aexample.org"),
    (
        MatrixLink("!somewhere:example.org", via=("elsewhere.ca",)),
        "roomid/somewhere:example.org?via=elsewhere.ca",
        "!somewhere%3Aexample.org?via=elsewhere.ca",
    ),
    (
        MatrixLink("!somewhere:example.org", "$event:example.org", ("elsewhere.ca",)),
        "roomid/somewhere:example.org/e/event:example.org?via=elsewhere.ca",
        "!somewhere%3Aexample.org/%24event%3Aexample.org?via=elsewhere.ca",
    ),
    (MatrixLink("@alice:example.org"), "u/alice:example.org", "%40alice%3Aexample.org"),
    # what it does not show
    (MatrixLink(f"!{ROOM_V12}"), f"roomid/{ROOM_V12}", f"!{ROOM_V12}"),
    (MatrixLink("!a:b", "$ac+R1/l0"), "roomid/a:b/e/ac%2BR1%2Fl0", "!a%3Ab/%24ac%2BR1%2Fl0"),
    (MatrixLink("#a/b?c#d&e:example.org"), "r/a%2Fb%3Fc%23d%26e:example.org", "%23a%2Fb%3Fc%23d%26e%3Aexample.org"),
    (MatrixLink("#грибы:example.org"), f"r/{FUNGI}:example.org", f"%23{FUNGI}%3Aexample.org"),
    (
        MatrixLink("!a:b", via=("one.org", "two.org:8448", "[::1]:80")),
        "roomid/a:b?via=one.org&via=two.org:8448&via=%5B::1%5D:80",
        "!a%3Ab?via=one.org&via=two.org:8448&via=%5B::1%5D:80",
    ),
]


@pytest.mark.parametrize(("link", "uri", "matrix_to"), BOTH)
def test_a_link_has_two_forms(link: MatrixLink, uri: str, matrix_to: str) -> None:
    assert link.to_uri() == f"matrix:{uri}"
    assert link.to_matrix_to() == f"https://matrix.to/#/{matrix_to}"
    assert parse_matrix_link(link.to_uri()) == parse_matrix_link(link.to_matrix_to()) == link


@pytest.mark.parametrize(
    ("target", "event_id", "kind"),
    [
        ("@u:s", "", "user"),
        ("!r:s", "", "room"),
        ("#a:s", "", "alias"),
        ("!r:s", "$e", "event"),
        ("!r", EVENT, "event"),
    ],
)
def test_a_link_knows_what_it_points_to(target: str, event_id: str, kind: str) -> None:
    assert build_matrix_link(target, event_id).kind == kind


@pytest.mark.parametrize(
    ("text", "link"),
    [
        # the words of before
        ("matrix:user/alice:example.org", MatrixLink("@alice:example.org")),
        ("matrix:room/a:example.org/event/e:example.org", MatrixLink("#a:example.org", "$e:example.org")),
        ("MATRIX:u/alice:example.org", MatrixLink("@alice:example.org")),
        # not escaped, or escaped throughout
        ("https://matrix.to/#/#somewhere:example.org", MatrixLink("#somewhere:example.org")),
        ("https://matrix.to/#/@alice:example.org", MatrixLink("@alice:example.org")),
        ("https://matrix.to/#/!r:s/$a/b+c/d", MatrixLink("!r:s", "$a/b+c/d")),
        ("https://matrix.to/#/#a/b:s", MatrixLink("#a/b:s")),
        ("https://matrix.to/#/#a/b:s/$e", MatrixLink("#a/b:s", "$e")),
        ("https://matrix.to/#/%21r%3As/%24e%3as?via=s", MatrixLink("!r:s", "$e:s", ("s",))),
        ("http://matrix.to/#/%40a:s", MatrixLink("@a:s")),
        ("https://matrix.to/#/#гриб:s", MatrixLink("#гриб:s")),
        # what is asked for
        ("matrix:u/alice:s?action=chat", MatrixLink("@alice:s", action="chat")),
        ("matrix:r/a:s?action=join&via=x.org&via=y.org", MatrixLink("#a:s", via=("x.org", "y.org"), action="join")),
        # and what is passed over
        ("matrix:u/alice:s?action=join", MatrixLink("@alice:s")),
        ("matrix:r/a:s?action=explode&org.example.mood=glad&&=", MatrixLink("#a:s")),
        ("matrix:r/a:s#fragment", MatrixLink("#a:s")),
        ("matrix:roomid/r:s?via=x&via=x", MatrixLink("!r:s", via=("x",))),
        ("matrix:u/Alice%20B:s", MatrixLink("@Alice B:s")),
    ],
)
def test_what_is_written_differently_is_understood(text: str, link: MatrixLink) -> None:
    assert parse_matrix_link(text) == link


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "@alice:example.org",
        "matrix:",
        "matrix:u",
        "matrix:u/",
        "matrix:u/alice",
        "matrix:u/%40alice%3Ab%00",
        "matrix:x/alice:example.org",
        "matrix:u/alice:example.org/e/event",
        "matrix:r/a:s/e",
        "matrix:r/a:s/e/",
        "matrix:r/a:s/x/event",
        "matrix:r/a:s/e/event/e/event",
        "matrix:r//a:s",
        "matrix://authority/r/a:s",
        "matrix:r/a:s?via=",
        "matrix:r/a:s?via=%0d%0aHost:x",
        "matrix:r/a:s?via=a/b",
        "matrix:r/a:s?via=user@host",
        "matrix:r/a:%zz",
        "matrix:r/a%2:s",
        "matrix:r/%ff:s",
        "matrix:r/a:s?via=%c3%28",
        "matrix:r/a:s with space",
        " matrix:r/a:s",
        "matrix:r/a:s\n",
        "matrix:r/a:s\x00",
        "matrix:r/\ud800:s",
        "matrix:r\\a:s",
        "https://matrix.to/",
        "https://matrix.to/#/",
        "https://matrix.to/#/alice:example.org",
        "https://matrix.to/#/%2Bgroup%3Aexample.org",
        "https://matrix.to/#/@alice:example.org/$event",
        "https://matrix.to/#/!r:s/not-an-event",
        "https://matrix.to.evil.example/#/@a:s",
        "https://matrix.to@evil.example/#/@a:s",
        "https://evil.example/https://matrix.to/#/@a:s",
        "https://matrix.to:443/#/@a:s",
        "javascript:matrix:u/a:s",
        "ftp://matrix.to/#/@a:s",
        "matrix:r/" + "a" * 255 + ":s",
        "matrix:r/a:s?" + "x" * MAX_LINK_CHARS,
        None,
        7,
        b"matrix:u/a:s",
    ],
)
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_matrix_link(text)


@pytest.mark.parametrize(
    ("target", "event_id", "via", "action"),
    [
        ("alice", "", [], ""),
        ("$event", "", [], ""),
        ("", "", [], ""),
        ("@a:s", "$event", [], ""),
        ("!r:s", "event", [], ""),
        ("!r:s", "", ["not a server"], ""),
        ("!r:s", "", ["s/../x"], ""),
        ("@a:s", "", [], "join"),
        ("!r:s", "", [], "chat"),
        ("!r:s", "", [], "explode&via=evil"),
    ],
)
def test_what_makes_no_link_is_refused(target: str, event_id: str, via: list[str], action: str) -> None:
    with pytest.raises(UsageError):
        build_matrix_link(target, event_id, via=via, action=action)


def test_an_action_is_written_into_the_uri_alone() -> None:
    link = build_matrix_link("@alice:example.org", action="chat")
    assert link.to_uri() == "matrix:u/alice:example.org?action=chat"
    assert link.to_matrix_to() == "https://matrix.to/#/%40alice%3Aexample.org"


def test_a_message_does_not_repeat_what_may_break_a_log() -> None:
    with pytest.raises(UsageError) as caught:
        parse_matrix_link("matrix:r/%0a%1b[31m")
    assert str(caught.value).isprintable()
