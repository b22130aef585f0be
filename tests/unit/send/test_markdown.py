"""Markdown becomes the HTML that a message may hold."""

from __future__ import annotations

import pytest

from gomatrix_py.errors import UsageError
from gomatrix_py.send import escape_markdown, markdown_to_html, plain_text
from tests.kit.html_faults import html_faults, shown_text

RENDERED = [
    ("plain", "plain"),
    ("**bold** and _it_", "<strong>bold</strong> and <em>it</em>"),
    ("~~gone~~", "<s>gone</s>"),
    ("one\ntwo", "one<br>\ntwo"),
    ("one\n\ntwo", "<p>one</p>\n<p>two</p>"),
    ("# Title", "<h1>Title</h1>"),
    ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
    ("7. a", '<ol start="7">\n<li>a</li>\n</ol>'),
    ("> q", "<blockquote>\n<p>q</p>\n</blockquote>"),
    ("```python\nx = 1\n```", '<pre><code class="language-python">x = 1\n</code></pre>'),
    ("```\n\n<x>\n```", "<pre><code>\n&lt;x&gt;\n</code></pre>"),
    ("[a](https://b.example)", '<a href="https://b.example">a</a>'),
    ("<https://b.example>", '<a href="https://b.example">https://b.example</a>'),
    ("![a](mxc://b.example/c)", '<img src="mxc://b.example/c" alt="a">'),
    ("![a *b*](https://b.example/c.png)", '<a href="https://b.example/c.png">a b</a>'),
    ("![](https://b.example/c.png)", '<a href="https://b.example/c.png">https://b.example/c.png</a>'),
    ("---", "<hr>"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "html"), RENDERED)
def test_markdown(text: str, html: str) -> None:
    assert markdown_to_html(text) == html
    assert html_faults(html) == []


def test_a_table() -> None:
    html = markdown_to_html("|a|b|\n|-|-:|\n|1|2|")
    assert html_faults(html) == []
    assert plain_text(html) == "a | b\n1 | 2"


HOSTILE = [
    "[a](javascript:alert(1))",
    "[a](<java\tscript:alert(1)>)",
    "[a](data:text/html,x)",
    "[a](vbscript:x)",
    "![a](javascript:alert(1))",
    "![a](data:image/png;base64,x)",
    '![a](https://b.example/"onerror="alert(1))',
    "<javascript:alert(1)>",
    '[a](https://b.example "title")',
    "[a]: javascript:alert(1)\n\n[a]",
    '```"><script>alert(1)</script>\nx\n```',
    "```evil language-x\nx\n```",
    "&lt;script&gt;",
    "[a](https://b.example/<script>)",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "| <script> |\n|-|\n| <b onclick=x> |",
    "\x00",
    ">" * 500,
    "- " * 500,
    "*" * 5000,
    "[" * 5000,
]


@pytest.mark.parametrize("allows_html", [False, True])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markdown(text: str, allows_html: bool) -> None:
    assert html_faults(markdown_to_html(text, allows_html=allows_html)) == []


def test_html_in_it_is_text_unless_it_is_allowed() -> None:
    text = "<b>a</b> <script>x</script>"
    assert shown_text(markdown_to_html(text)) == text
    assert markdown_to_html(text, allows_html=True) == "<b>a</b> "


@pytest.mark.parametrize(
    "text",
    [
        "*a* _b_ `c` ~~d~~ [e](https://f.example) <b> & &amp; https://g.example | h!",
        "# a\n- b\n+ c\n1. d\n2) e\n> f\n===\n---\n```\ng",
        "    indented",
        "| a |\n|---|\n| b |",
        "![a](mxc://b/c)",
        "a\\*b",
        "<https://a.example> <a@b.example>",
        "[a]: https://b.example\n[a]",
    ],
)
def test_escaped_markdown_shows_itself(text: str) -> None:
    html = markdown_to_html(escape_markdown(text))
    assert shown_text(html).split() == text.split()
    assert set(html.split("<")[1:]) <= {one for one in html.split("<") if one.startswith("br>")}


def test_markdown_that_is_not_escaped_is_noticed() -> None:
    assert shown_text(markdown_to_html("*a*")) != "*a*"


def test_text_that_no_event_can_hold_is_refused() -> None:
    with pytest.raises(UsageError, match="characters long"):
        markdown_to_html("x" * 65_537)
