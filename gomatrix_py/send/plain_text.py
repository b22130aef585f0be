"""HTML as text: for the plain body of a message, and for terminals."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from .html import sanitize_html
from .markup import EndTag, StartTag, Text, tokens
from .mentions import mentioned_user

__all__ = ["plain_text"]

_BLOCKS: Final = frozenset({"caption", "details", "div", "li", "summary", "tr"})
_PARAGRAPHS: Final = frozenset({"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul"})
_BLANKS = re.compile(r"[ \t\n\r\f]+")
_RULE, _BULLET, _INDENT, _QUOTE, _CELLS = "———", "• ", "  ", "> ", " | "


def plain_text(html: str, *, shows_spoilers: bool = False) -> str:
    """Return what HTML says, as text: line breaks, lists, quotations, tables and where links lead.

    It holds no control characters but line ends and tabs, so it can be printed.

    Args:
        html: such as the `formatted_body` of a message; it need not be sanitised.
        shows_spoilers: True to show what the sender hid behind a spoiler.

    Raises:
        UsageError: the HTML is longer than an event can be.
    """
    page = _Page(shows_spoilers)
    for token in tokens(sanitize_html(html)):
        if isinstance(token, Text):
            page.write(token.text)
        elif isinstance(token, StartTag):
            page.begin(token)
        else:
            page.end(token)
    return page.finish()


def _printable(text: str) -> str:
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) != "Cc")


class _Page:
    """Lines that are finished, the one that is being written, and what stands open around it."""

    def __init__(self, shows_spoilers: bool) -> None:
        self._shows_spoilers = shows_spoilers
        self._lines: list[str] = []
        self._line = ""
        self._blank_line: str | None = None
        self._margins: list[str] = []
        self._marker = ""
        self._numbers: list[int | None] = []
        self._links: list[tuple[str, str]] = []
        self._spans: list[bool] = []
        self._pre_depth = 0

    # ------------------------------------------------------------ text

    def write(self, text: str) -> None:
        if any(self._spans):
            return
        text = _printable(text.replace("\r\n", "\n"))
        if self._pre_depth:
            first, *further = text.split("\n")
            self._add(first)
            for line in further:
                self._break_line()
                self._add(line)
        else:
            text = _BLANKS.sub(" ", text)
            self._add(text.lstrip(" ") if not self._line or self._line.endswith(" ") else text)
        if self._links:
            address, shown = self._links[-1]
            self._links[-1] = (address, shown + text)

    def _add(self, text: str) -> None:
        self._line += text

    def _break_line(self) -> None:
        """End the line, even one that is empty."""
        if self._blank_line is not None and self._lines:
            self._lines.append(self._blank_line)
        self._blank_line = None
        margin = "".join(self._margins)
        if self._marker:
            margin = margin.removesuffix(_INDENT) + self._marker
            self._marker = ""
        self._lines.append((margin + self._line).rstrip())
        self._line = ""

    def _end_line(self) -> None:
        """End the line, if anything stands in it; the bullet of an item waits for its first word."""
        if self._line.strip():
            self._break_line()
        self._line = ""

    def _end_bullet(self) -> None:
        """End the line of an item that has no words."""
        self._end_line()
        if self._marker:
            self._break_line()

    def _end_paragraph(self) -> None:
        self._end_line()
        self._leave_space()

    def _leave_space(self) -> None:
        """Let an empty line come before the next one; in lists all stays close."""
        if not self._numbers:
            margin = "".join(self._margins).rstrip()
            self._blank_line = margin if self._blank_line is None else min(margin, self._blank_line, key=len)

    # ------------------------------------------------------------ tags

    def begin(self, tag: StartTag) -> None:
        if tag.name in _PARAGRAPHS:
            self._begin_paragraph(tag)
        elif tag.name in _BLOCKS:
            self._begin_block(tag)
        elif tag.name == "br":
            self._break_line()
        elif tag.name == "hr":
            self._end_line()
            self.write(_RULE)
            self._end_line()
        elif tag.name == "img":
            self.write(tag.attributes.get("alt") or tag.attributes.get("title") or "")
        elif tag.name == "a":
            self._links.append((tag.attributes.get("href", ""), ""))
        elif tag.name == "span":
            self._begin_span(tag)
        elif tag.name in ("td", "th") and self._line.strip():
            self._line = self._line.rstrip() + _CELLS

    def _begin_paragraph(self, tag: StartTag) -> None:
        self._end_paragraph()
        if tag.name == "blockquote":
            self._end_bullet()
            self._margins.append(_QUOTE)
        elif tag.name == "pre":
            self._pre_depth += 1
        elif tag.name == "ul":
            self._numbers.append(None)
        elif tag.name == "ol":
            self._numbers.append(int(tag.attributes.get("start", "1")))

    def _begin_block(self, tag: StartTag) -> None:
        self._end_line()
        if tag.name != "li":
            return
        self._end_bullet()
        number = self._numbers[-1] if self._numbers else None
        self._marker = _BULLET if number is None else f"{number}. "
        if number is not None:
            self._numbers[-1] = number + 1
        self._margins.append(_INDENT)

    def _begin_span(self, tag: StartTag) -> None:
        reason = tag.attributes.get("data-mx-spoiler")
        is_hidden = reason is not None and not self._shows_spoilers
        if is_hidden:
            self.write(f"[Spoiler: {reason}]" if reason else "[Spoiler]")
        self._spans.append(is_hidden)

    def end(self, tag: EndTag) -> None:
        if tag.name in _PARAGRAPHS:
            self._end_paragraph()
            self._close(tag.name)
        elif tag.name in _BLOCKS:
            self._end_line()
            if tag.name == "li":
                self._end_bullet()
                self._margins.pop()
        elif tag.name == "a" and self._links:
            self._end_link(*self._links.pop())
        elif tag.name == "span" and self._spans:
            self._spans.pop()

    def _close(self, name: str) -> None:
        if name == "blockquote":
            self._margins.pop()
        elif name == "pre":
            self._pre_depth -= 1
        elif name in ("ol", "ul"):
            self._numbers.pop()
        self._leave_space()

    def _end_link(self, address: str, shown: str) -> None:
        says_it = {address, address.removeprefix("mailto:"), address.partition("://")[2]}
        if address and mentioned_user(address) is None and shown.strip() not in says_it:
            self.write(f" ({address})" if shown.strip() else address)

    def finish(self) -> str:
        self._end_line()
        return "\n".join(self._lines).strip("\n")
