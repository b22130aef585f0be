"""What is wrong with HTML that is said to be sanitised, by a parser that the sanitiser has nothing to do with."""

from __future__ import annotations

import re
from html.parser import HTMLParser

__all__ = ["html_faults", "shown_text"]

TAGS = frozenset(
    {
        *(
            "a",
            "b",
            "blockquote",
            "br",
            "caption",
            "code",
            "del",
            "details",
            "div",
            "em",
            "hr",
            "i",
            "img",
            "li",
            "ol",
        ),
        *("h1", "h2", "h3", "h4", "h5", "h6", "p", "pre", "s", "span", "strong", "sub", "summary", "sup", "table"),
        *("tbody", "td", "th", "thead", "tr", "u", "ul"),
    }
)
VOID = {"br", "hr", "img"}
ATTRIBUTES = {
    "a": {"href", "target"},
    "code": {"class"},
    "div": {"data-mx-maths"},
    "img": {"src", "alt", "title", "width", "height"},
    "ol": {"start"},
    "span": {"data-mx-bg-color", "data-mx-color", "data-mx-maths", "data-mx-spoiler"},
}
VALUES = {
    "class": r"language-\S+( language-\S+)*",
    "data-mx-bg-color": "#[0-9a-fA-F]{6}",
    "data-mx-color": "#[0-9a-fA-F]{6}",
    "height": "[0-9]{1,5}",
    "start": "-?[0-9]{1,9}",
    "target": "_blank",
    "width": "[0-9]{1,5}",
}
SCHEMES = {"https", "http", "ftp", "mailto", "magnet", "matrix"}
WITH_HOST = {"https", "http", "ftp"}
MAX_DEPTH = 100
# as browsers do before they look at the scheme
_SKIPPED = re.compile(r"[\t\n\r]")
_EDGES = "".join(map(chr, range(33)))


class _Watcher(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.faults.append(f"tag {tag}")
        for name, value in attrs:
            self._look_at(tag, name, value or "")
        if tag not in VOID:
            self.open.append(tag)
        if len(self.open) > MAX_DEPTH:
            self.faults.append("too deep")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def _look_at(self, tag: str, name: str, value: str) -> None:
        if name not in ATTRIBUTES.get(tag, set()):
            self.faults.append(f"attribute {name} of {tag}")
        elif name == "href":
            scheme, colon, rest = _SKIPPED.sub("", value).strip(_EDGES).partition(":")
            is_relative = scheme.lower() in WITH_HOST and not re.match(r"//[^/\\?#]", rest)
            if not colon or scheme.lower() not in SCHEMES or not rest or is_relative or "\0" in value:
                self.faults.append(f"link to {value!r}")
        elif name == "src" and not re.fullmatch(r"mxc://[A-Za-z0-9.:\[\]-]+/[A-Za-z0-9_-]+", value):
            self.faults.append(f"image from {value!r}")
        elif name in VALUES and not re.fullmatch(VALUES[name], value):
            self.faults.append(f"{name} {value!r}")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"end of {tag}, which is not open")

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if "\0" in data:
            self.faults.append("a NUL")

    def handle_comment(self, data: str) -> None:
        self.faults.append("a comment")

    def handle_decl(self, decl: str) -> None:
        self.faults.append("a declaration")

    def handle_pi(self, data: str) -> None:
        self.faults.append("a processing instruction")

    def unknown_decl(self, data: str) -> None:
        self.faults.append("a marked section")


def _watched(html: str) -> _Watcher:
    watcher = _Watcher()
    watcher.feed(html)
    watcher.close()
    if watcher.open:
        watcher.faults.append(f"never closed: {watcher.open[:5]}")
    return watcher


def html_faults(html: str) -> list[str]:
    """Return what HTML holds that a message must not, [] where it is sound."""
    return _watched(html).faults


def shown_text(html: str) -> str:
    """Return the text between the tags."""
    return "".join(_watched(html).text)
