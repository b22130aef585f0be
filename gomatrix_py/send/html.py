"""HTML that may be sent and shown: the sanitiser. Spec: "m.room.message msgtypes".

One allow-list for both ways: what it removes must neither be sent nor be shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from ..errors import UsageError
from ..ids import parse_mxc
from .markup import VOID_TAGS, EndTag, StartTag, Text, tokens

__all__ = ["MAX_DEPTH", "MAX_HTML_CHARS", "escape_html", "sanitize_html"]

MAX_DEPTH: Final = 100
"""How deep tags may be nested."""

MAX_HTML_CHARS: Final = 65_536
"""How long HTML may be: no event can hold more."""

_TAGS: Final = (
    "a b blockquote br caption code del details div em h1 h2 h3 h4 h5 h6 hr i img li ol p pre s span strong sub "
    "summary sup table tbody td th thead tr u ul"
)
_TAGS_GONE_WITH_TEXT: Final = "iframe mx-reply noembed noframes noscript script style template"
_ROUNDS = 8

# A value is kept where the whole of it fits; patterns are compiled at first use. Browsers skip tabs and line ends in
# addresses, so no control character may stand in one; and one without a host is relative to the page that shows it.
_ANYTHING: Final = r"(?s:.*)"
_COLOUR: Final = r"#[0-9A-Fa-f]{6}"
_ADDRESS: Final = (
    r"(?i:(?:https?|ftp)://[^/\\?#\s\x00-\x20\x7f]|(?:mailto|magnet|matrix):[^\s\x00-\x20\x7f])[^\x00-\x1f\x7f]*"
)
_VALUES: Final = {
    ("a", "href"): _ADDRESS,
    ("a", "target"): "_blank",
    ("div", "data-mx-maths"): _ANYTHING,
    ("img", "alt"): _ANYTHING,
    ("img", "height"): "[0-9]{1,5}",
    ("img", "title"): _ANYTHING,
    ("img", "width"): "[0-9]{1,5}",
    ("ol", "start"): "-?[0-9]{1,9}",
    ("span", "data-mx-bg-color"): _COLOUR,
    ("span", "data-mx-color"): _COLOUR,
    ("span", "data-mx-maths"): _ANYTHING,
    ("span", "data-mx-spoiler"): _ANYTHING,
}
_LANGUAGE: Final = r"language-[^\s\x00-\x1f]+"


def escape_html(text: str) -> str:
    """Return plain text as HTML that shows it.

    Args:
        text: anything; line ends become ``<br>``.
    """
    for char, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = text.replace(char, escaped)
    return text.replace("\r\n", "\n").replace("\n", "<br>")


def sanitize_html(html: str, *, link_rel: str | None = None) -> str:
    """Return HTML with nothing in it but what messages may hold.

    Tags outside the allow-list go, and their text stays, but for scripts, styles and the like, and for the
    quotation that older clients put into answers (``mx-reply``). To sanitise twice changes nothing.

    Args:
        html: such as the `formatted_body` of a message.
        link_rel: the ``rel`` of each link: "noopener noreferrer" for a page; None, for what is sent.

    Returns:
        The sanitised HTML; "" where nothing is left.

    Raises:
        UsageError: the HTML is longer than an event can be.

    Source: specification, client-server API, "m.room.message msgtypes"; ``matrix:`` links besides, which
    "User and room mentions" asks for.
    """
    if len(html) > MAX_HTML_CHARS:
        raise UsageError(f"the HTML is {len(html)} characters long; no event holds more than {MAX_HTML_CHARS}")
    html = html.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    # what is left may read differently from the whole it was part of, so it is read until it stands still
    for _ in range(_ROUNDS):
        before, html = html, _in_order(_cleaner(None)(html))
        if html == before:
            return html if link_rel is None else _in_order(_cleaner(link_rel)(html))
    return escape_html("".join(token.text for token in tokens(html) if isinstance(token, Text)))


@lru_cache(maxsize=8)
def _cleaner(link_rel: str | None) -> Callable[[str], str]:
    import nh3  # most scripts never send HTML

    attributes: dict[str, set[str]] = {"code": {"class"}, "img": {"src"}}
    for tag, attribute in _VALUES:
        attributes.setdefault(tag, set()).add(attribute)
    options: dict[str, Any] = {
        "tags": set(_TAGS.split()),
        "clean_content_tags": set(_TAGS_GONE_WITH_TEXT.split()),
        "attributes": attributes,
        "attribute_filter": _kept_value,
        "url_schemes": {"ftp", "http", "https", "magnet", "mailto", "matrix", "mxc"},
        "link_rel": link_rel,
    }
    return lambda html: nh3.clean(html, **options)


def _kept_value(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "rel":  # our own: that of the sender is not among the attributes
        return value
    if attribute == "class":
        return " ".join(name for name in value.split() if re.fullmatch(_LANGUAGE, name)) or None
    if attribute == "src":
        return value if _is_mxc(value) else None
    if attribute == "href":
        value = value.strip()
    rule = _VALUES.get((tag, attribute))
    return value if rule is not None and re.fullmatch(rule, value) else None


def _is_mxc(value: str) -> bool:
    try:
        parse_mxc(value)
    except UsageError:
        return False
    return True


def _in_order(clean_html: str) -> str:
    """Leave out tags that are nested too deeply, and keep the line end a ``pre`` begins with.

    A parser drops the first line end in a ``pre``, and the sanitiser does not write it again.
    """
    written: list[str] = []
    depth = 0
    after_pre = False
    for token in tokens(clean_html):
        if isinstance(token, EndTag):
            depth -= 1
            is_kept = depth < MAX_DEPTH
        elif isinstance(token, StartTag):
            is_kept = depth < MAX_DEPTH
            depth += token.name not in VOID_TAGS
        else:
            is_kept = True
            if after_pre and token.source.startswith("\n"):
                written.append("\n")
        if is_kept:
            written.append(token.source)
        after_pre = isinstance(token, StartTag) and token.name == "pre" and is_kept
    return "".join(written)
