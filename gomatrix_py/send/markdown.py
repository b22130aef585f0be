"""Markdown as people write it in messages: CommonMark, tables, and what is struck through."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .html import MAX_HTML_CHARS, sanitize_html

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

__all__ = ["escape_markdown", "markdown_to_html"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+=\-.!|~&:])")
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
_ONE_PARAGRAPH = re.compile(r"<p>((?:(?!</?p>).)*)</p>\n?", re.DOTALL)


def escape_markdown(text: str) -> str:
    """Return plain text as Markdown that shows it, for what others said inside of one's own Markdown."""
    return _SPECIAL.sub(r"\\\1", _INDENT.sub("", text))


def markdown_to_html(text: str, *, allows_html: bool = False) -> str:
    """Return Markdown as sanitised HTML.

    The end of a line is the end of a line, as in other Matrix clients. Images that are not ``mxc://`` become
    links to them.

    Args:
        text: the Markdown.
        allows_html: True where HTML in it is HTML, sanitised; otherwise it is shown as it was written.

    Raises:
        UsageError: the text is longer than an event can be.
    """
    if len(text) > MAX_HTML_CHARS:
        raise UsageError(f"the text is {len(text)} characters long; no event holds more than {MAX_HTML_CHARS}")
    html = sanitize_html(_renderer(allows_html).render(text))
    one = _ONE_PARAGRAPH.fullmatch(html)
    return (one[1] if one else html).strip("\n")


@lru_cache(maxsize=2)
def _renderer(allows_html: bool) -> MarkdownIt:
    from markdown_it import MarkdownIt  # most scripts never send Markdown

    parser = MarkdownIt("commonmark", {"html": allows_html, "breaks": True}).enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image)
    return parser


def _image(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    address = str(token.attrGet("src") or "")
    if address.startswith("mxc:"):
        written: str = renderer.image(tokens, index, options, env)
        return written
    from html import escape

    shown = renderer.renderInlineAsText(token.children, options, env)
    return f'<a href="{escape(address)}">{escape(shown or address)}</a>'
