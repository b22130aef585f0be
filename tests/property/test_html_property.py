"""Any HTML, and any text, comes out of the sanitiser sound."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gomatrix_py.errors import UsageError
from gomatrix_py.send import (
    escape_html,
    escape_markdown,
    geo_uri,
    markdown_to_html,
    parse_geo_uri,
    plain_text,
    sanitize_html,
)
from gomatrix_py.send.markup import tokens
from gomatrix_py.send.mentions import mentioned_user
from tests.kit.html_faults import TAGS, html_faults, shown_text

BAD_TAGS = [
    "script",
    "style",
    "svg",
    "math",
    "object",
    "form",
    "select",
    "template",
    "noscript",
    "textarea",
    "mx-reply",
]
NAMES = st.sampled_from([*sorted(TAGS), *BAD_TAGS])
ATTRIBUTES = [
    "href",
    "src",
    "class",
    "start",
    "onclick",
    "style",
    "data-mx-color",
    "data-mx-spoiler",
    "alt",
    "target",
]
VALUES = [
    "javascript:x",
    "https://a.example",
    "mxc://a.example/b",
    "#ff0000",
    "language-x",
    "3",
    '"',
    "<b>",
    "&lt;",
    "",
]
TEXT = st.text(st.characters(), max_size=8)
PARTS = st.one_of(
    NAMES.map("<{}>".format),
    NAMES.map("</{}>".format),
    st.builds('<{} {}="{}">'.format, NAMES, st.sampled_from(ATTRIBUTES), st.sampled_from(VALUES)),
    st.sampled_from(
        ["<!--", "-->", "<![CDATA[", "]]>", "<", ">", "\0", "\n", '"', "&lt;", "&#60;", "&nbsp", "</", "<a href="]
    ),
    TEXT,
)
HTML = st.lists(PARTS, max_size=30).map("".join)
FAST = settings(max_examples=200, deadline=None)


@FAST
@given(HTML)
@example("<a><object><a>x")
@example("<pre>\n\n<pre>\n\nx")
@example("<table><a><table><a>")
def test_any_html_comes_out_sound(html: str) -> None:
    clean = sanitize_html(html)
    assert html_faults(clean) == []
    assert sanitize_html(clean) == clean
    assert "".join(token.source for token in tokens(clean)) == clean


@FAST
@given(HTML)
def test_any_html_can_be_read_as_text(html: str) -> None:
    text = plain_text(html)
    assert isinstance(text, str)
    assert not set(text) & {"\0", "\x1b", "\r", "\x07", "\x9b"}


@FAST
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=40))
def test_escaped_text_shows_itself(text: str) -> None:
    assert shown_text(sanitize_html(escape_html(text))) == text.replace("\n", "")
    assert escape_html(text).count("<br>") == text.count("\n")


@FAST
@given(st.text(st.characters(), max_size=60), st.booleans())
def test_any_text_is_markdown(text: str, allows_html: bool) -> None:
    assert html_faults(markdown_to_html(text, allows_html=allows_html)) == []


@FAST
@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]) | st.sampled_from("é🐍\n"), max_size=40))
def test_escaped_markdown_shows_itself(text: str) -> None:
    assert shown_text(markdown_to_html(escape_markdown(text))).split() == text.split()


@FAST
@given(st.text(st.characters(), max_size=40) | st.builds("https://matrix.to/#/{}".format, TEXT))
def test_any_link_leads_to_a_user_or_does_not(link: str) -> None:
    user_id = mentioned_user(link)
    assert user_id is None or user_id.startswith("@")


@FAST
@given(st.floats(), st.floats(), st.none() | st.floats())
def test_numbers_are_a_place_or_refused(latitude: float, longitude: float, altitude: float | None) -> None:
    try:
        uri = geo_uri(latitude, longitude, altitude)
    except UsageError:
        return
    place = parse_geo_uri(uri)
    assert abs(place.latitude - latitude) < 1e-8
    assert abs(place.longitude - longitude) < 1e-8


@FAST
@given(st.text(st.characters(), max_size=40) | st.builds("geo:{},{};u={}".format, TEXT, TEXT, TEXT))
def test_any_text_is_a_place_or_refused(uri: str) -> None:
    try:
        place = parse_geo_uri(uri)
    except UsageError:
        return
    assert abs(place.latitude) <= 90
