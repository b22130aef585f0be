"""HTML as it is read in a terminal."""

from __future__ import annotations

import pytest

from gomatrix_py.errors import UsageError
from gomatrix_py.send import mention, plain_text

READ = [
    ("a &lt;b&gt; &amp; c", "a <b> & c"),
    ("  a \n  b  <b> c </b> d", "a b c d"),
    ("a<br>b<br/>c", "a\nb\nc"),
    ("a<br><br>b", "a\n\nb"),
    ("<p>a</p><p>b</p>", "a\n\nb"),
    ("<p>a</p>\n\n<p>b</p>\n", "a\n\nb"),
    ("<div>a</div><div>b</div>", "a\nb"),
    ("<h1>a</h1>b", "a\n\nb"),
    ("a<hr>b", "a\n———\nb"),
    ("<ul><li>a</li><li>b</li></ul>", "• a\n• b"),
    ("a<ul><li>b</li></ul>c", "a\n\n• b\n\nc"),
    ("<ol><li>a</li><li>b</li></ol>", "1. a\n2. b"),
    ('<ol start="9"><li>a</li><li>b</li></ol>', "9. a\n10. b"),
    ("<ul><li>a<ol><li>b</li><li>c</li></ol></li><li>d</li></ul>", "• a\n  1. b\n  2. c\n• d"),
    ("<ul><li><p>a</p><p>b</p></li></ul>", "• a\n  b"),
    ("a<ul><li><p>b</p></li></ul>", "a\n\n• b"),
    ("<ul><li></li><li>a</li></ul>", "•\n• a"),
    ("<ul><li><ul><li>a</li></ul></li></ul>", "•\n  • a"),
    ("<li>a</li>", "• a"),
    ("<blockquote>a<br>b</blockquote>c", "> a\n> b\n\nc"),
    ("a<blockquote><p>b</p><blockquote>c</blockquote></blockquote>", "a\n\n> b\n>\n> > c"),
    ("<pre><code>a\n  b\n\nc\n</code></pre>", "a\n  b\n\nc"),
    ("a<pre>b  c</pre>d", "a\n\nb  c\n\nd"),
    ("<ol><li><pre>a\nb</pre></li></ol>", "1. a\n  b"),
    ("<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>", "a | b\n1 | 2"),
    ("<table><tr><td></td><td>2</td></tr></table>", "2"),
    ("<caption>x</caption>a", "xa"),
    ("<details><summary>a</summary>b</details>", "a\nb"),
    ('<a href="https://a.example/b">c</a>', "c (https://a.example/b)"),
    ('<a href="https://a.example/b">https://a.example/b</a>', "https://a.example/b"),
    ('<a href="https://a.example/b">a.example/b</a>', "a.example/b"),
    ('<a href="https://a.example/b"></a>', "https://a.example/b"),
    ('<a href="https://a.example/b"><img alt="c"></a>', "c (https://a.example/b)"),
    ('<a href="mailto:a@b.example">a@b.example</a>', "a@b.example"),
    ("<a>c</a>", "c"),
    (mention("@alice:a.example", "Alice"), "Alice"),
    ('<img src="mxc://a.example/b" alt="a cat">', "a cat"),
    ('<img src="mxc://a.example/b" title="a cat">', "a cat"),
    ('a <span data-mx-spoiler="why">secret <b>too</b></span> b', "a [Spoiler: why] b"),
    ("a <span data-mx-spoiler>secret</span> b", "a [Spoiler] b"),
    ('<span data-mx-spoiler="">a <span data-mx-color="#ffffff">b</span> c</span>d', "[Spoiler]d"),
    ('<span data-mx-color="#ffffff">a</span>', "a"),
    ("<script>a</script>b", "b"),
    ("<mx-reply>a</mx-reply>b", "b"),
    ("a\x1b[31mb\x07\x9b1m&#27;&#7;", "a[31mb1m"),
    ("a\u00a0b", "a\u00a0b"),
    ("</li></ul></blockquote></span></a></pre>a", "a"),
    ("", ""),
]


@pytest.mark.parametrize(("html", "text"), READ)
def test_html_as_text(html: str, text: str) -> None:
    assert plain_text(html) == text


def test_spoilers_for_those_who_ask() -> None:
    html = 'a <span data-mx-spoiler="why">secret</span>'
    assert plain_text(html, shows_spoilers=True) == "a secret"


def test_html_that_no_event_can_hold_is_refused() -> None:
    with pytest.raises(UsageError, match="characters long"):
        plain_text("x" * 65_537)
