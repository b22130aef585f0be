"""Reads HTML as the sanitiser writes it: every tag closed, every attribute quoted, all else escaped.

It is not for HTML from anywhere else, which has no such order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["VOID_TAGS", "EndTag", "StartTag", "Text", "Token", "tokens"]

VOID_TAGS = frozenset({"br", "hr", "img"})
"""Tags that have no end; there are more, but the specification of Matrix allows only these."""

_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [a-z-]+="[^"]*")*)>')
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')


class StartTag(NamedTuple):
    """The beginning of an element; its attributes are unescaped, `source` is how it was written."""

    name: str
    attributes: dict[str, str]
    source: str


class EndTag(NamedTuple):
    """The end of an element."""

    name: str
    source: str


class Text(NamedTuple):
    """What stands between tags; `source` is how it was written, with its escapes."""

    text: str
    source: str


Token = StartTag | EndTag | Text


def tokens(clean_html: str) -> Iterator[Token]:
    """Yield the tags and texts of sanitised HTML; what is joined again is the same HTML.

    Args:
        clean_html: what `gomatrix_py.send.html.sanitize_html` returned.
    """
    from html import unescape  # its table of entities is not needed before

    at = 0
    for found in _TAG.finditer(clean_html):
        if found.start() > at:
            between = clean_html[at : found.start()]
            yield Text(unescape(between), between)
        slash, name, attributes = found.groups()
        if slash:
            yield EndTag(name, found[0])
        else:
            pairs = {key: unescape(value) for key, value in _ATTRIBUTE.findall(attributes)}
            yield StartTag(name, pairs, found[0])
        at = found.end()
    if at < len(clean_html):
        yield Text(unescape(clean_html[at:]), clean_html[at:])
