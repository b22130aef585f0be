"""What the sanitiser keeps, and what it costs."""

from __future__ import annotations

import pytest

from gomatrix_py.errors import UsageError
from gomatrix_py.send import escape_html, sanitize_html
from gomatrix_py.send.html import MAX_DEPTH, MAX_HTML_CHARS
from gomatrix_py.send.markup import EndTag, StartTag, Text, tokens
from tests.kit.html_faults import html_faults

KEPT = [
    "<h1>a</h1><h2>b</h2><h3>c</h3><h4>d</h4><h5>e</h5><h6>f</h6>",
    "<p><b>a</b><i>b</i><u>c</u><s>d</s><del>e</del><em>f</em><strong>g</strong><sup>h</sup><sub>i</sub></p>",
    "<blockquote>a<br>b</blockquote><hr>",
    '<ul><li>a</li></ul><ol start="3"><li>b</li></ol><ol start="-3"><li>b</li></ol>',
    '<pre><code class="language-c++ language-x">if a &lt; b &amp;&amp; c:\n\n    pass</code></pre>',
    "<table><caption>a</caption><thead><tr><th>b</th></tr></thead><tbody><tr><td>c</td></tr></tbody></table>",
    "<details><summary>a</summary>b</details>",
    '<div data-mx-maths="\\frac{a}{b}">a/b</div><span data-mx-maths="a">a</span>',
    '<span data-mx-color="#ff0000" data-mx-bg-color="#00FF00">a</span>',
    '<span data-mx-spoiler="why &lt;&quot;">a</span><span data-mx-spoiler="">b</span>',
    '<img src="mxc://a.example:8448/b-c_D" alt="&lt;" title="t" width="32" height="32">',
    '<a href="https://a.example/b?c=d&amp;e#f" target="_blank">a</a>',
    '<a href="http://a.example">a</a><a href="ftp://a.example">b</a><a href="mailto:a@b.example">c</a>',
    '<a href="magnet:?xt=urn:x">a</a><a href="matrix:u/alice:a.example">b</a>',
    '<a href="HTTPS://xn--bcher-kva.example/ü">a</a>',
    "<pre>\n\n\na</pre><pre></pre>\n<pre>\n\n<b>x</b></pre>",
    "plain &amp; simple",
]


@pytest.mark.parametrize("html", KEPT)
def test_what_may_be_said_stays_as_it_is(html: str) -> None:
    assert sanitize_html(html) == html
    assert html_faults(html) == []


CHANGED = [
    ("a <unknown>b</unknown>", "a b"),
    ("<font color=red>a</font>", "a"),
    ("<strike>a</strike>", "a"),
    ('<a href=" https://a.example ">a</a>', '<a href="https://a.example">a</a>'),
    ('<code class="x language-py y">a</code>', '<code class="language-py">a</code>'),
    ('<code class="x">a</code>', "<code>a</code>"),
    ('<img src="https://a.example/b.png" alt="a">', '<img alt="a">'),
    ("<mx-reply><blockquote>quoted</blockquote></mx-reply>answer", "answer"),
    ("<mx-reply>never closed", ""),
    ("<b>a", "<b>a</b>"),
    ("<p>a<p>b", "<p>a</p><p>b</p>"),
    ("a\ud800b", "a\ufffdb"),
    ("", ""),
]


@pytest.mark.parametrize(("html", "clean"), CHANGED)
def test_what_may_not_be_said_goes(html: str, clean: str) -> None:
    assert sanitize_html(html) == clean


def test_the_rel_of_links_is_ours() -> None:
    html = '<a href="https://a.example" rel="opener">a</a><pre>\n\nx</pre>'
    shown = sanitize_html(html, link_rel="noopener")
    assert shown == '<a href="https://a.example" rel="noopener">a</a><pre>\n\nx</pre>'
    assert sanitize_html(shown, link_rel="noopener") == shown
    assert "rel=" not in sanitize_html(shown)


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1, 5 * MAX_DEPTH])
def test_tags_are_nested_a_hundred_deep_at_most(depth: int) -> None:
    clean = sanitize_html("<div>" * depth + "<br>deep" + "</div>" * depth + "flat")
    kept = min(depth, MAX_DEPTH)
    assert clean.count("<div>") == clean.count("</div>") == kept
    assert ("<br>" in clean) == (depth < MAX_DEPTH)
    assert "deep" in clean
    assert clean.endswith("</div>flat")


def test_html_that_no_event_can_hold_is_refused() -> None:
    assert sanitize_html("x" * MAX_HTML_CHARS) == "x" * MAX_HTML_CHARS
    with pytest.raises(UsageError, match="65537 characters"):
        sanitize_html("x" * (MAX_HTML_CHARS + 1))


HOSTILE = [
    "<div>",
    "<b><p>",
    "<a><div>",
    "<b><i><p>",
    "<table><div>",
    "<li><a>",
    "<svg><a><b>",
    "<b><i><u><s><a><p>",
    "&",
]


@pytest.mark.parametrize("part", HOSTILE)
def test_html_made_to_take_long_comes_to_an_end(part: str) -> None:
    clean = sanitize_html((part * MAX_HTML_CHARS)[:MAX_HTML_CHARS])
    assert html_faults(clean) == []


def test_html_that_never_stands_still_is_shown_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gomatrix_py.send.html._cleaner", lambda _: lambda html: f"<b>{html}</b>")
    assert sanitize_html("a &lt; <i>b</i>") == "a &lt; b"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<b>&amp;</b>", "&lt;b&gt;&amp;amp;&lt;/b&gt;"),
        ('"it\'s"', "&quot;it&#39;s&quot;"),
        ("a\nb\r\nc", "a<br>b<br>c"),
    ],
)
def test_escaped_text_shows_itself(text: str, html: str) -> None:
    assert escape_html(text) == html


def test_tokens_are_the_html_again() -> None:
    html = '<p>a &lt; b</p><img alt="&quot;&lt;x&gt;">c &amp; d'
    found = list(tokens(html))
    assert "".join(token.source for token in found) == html
    assert found[0] == StartTag("p", {}, "<p>")
    assert found[1] == Text("a < b", "a &lt; b")
    assert found[2] == EndTag("p", "</p>")
    assert isinstance(found[3], StartTag)
    assert found[3].attributes == {"alt": '"<x>'}
    assert found[4] == Text("c & d", "c &amp; d")
