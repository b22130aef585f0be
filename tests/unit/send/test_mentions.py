"""Pills, and who is notified."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.codec import unstructure
from gomatrix_py.errors import UsageError
from gomatrix_py.events import Event
from gomatrix_py.send import (
    Mentions,
    markdown_to_html,
    mention,
    mention_markdown,
    mentioned_users,
    sanitize_html,
)
from gomatrix_py.send.mentions import mentioned_user, mentions_of, new_mentions, resolve_mentions

ALICE, BOB, ME = "@alice:a.example", "@bob:b.example:8448", "@me:a.example"
NAMES = [
    "Alice",
    "<b>",
    "a & b",
    "*x* [y](z)",
    "q\"uote's",
    "emoji 🐍",
    "two\nlines",
    "https://x.example",
    "1. a",
    "@room",
]
USERS = [ALICE, BOB, "@a/b:c.example", "@a+b=c_d!e$:[::1]:80", "@ü:c.example", "@a?b#c%d:e.example", "@a)b:c.example"]


@pytest.mark.parametrize("user_id", USERS)
@pytest.mark.parametrize("name", [None, *NAMES])
def test_pills_lead_to_their_user_and_show_their_name(user_id: str, name: str | None) -> None:
    for html in (mention(user_id, name), markdown_to_html(mention_markdown(user_id, name))):
        clean = sanitize_html(html)
        assert mentioned_users(clean) == [user_id]
        shown = "".join(clean.replace("<br>", " ").partition(">")[2].rpartition("<")[0].split())
        assert shown == "".join(sanitize_html(_escaped(name or user_id)).split())


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


@pytest.mark.parametrize("user_id", ["", "alice", "@alice", "#room:a.example", "@" + "x" * 255 + ":a"])
def test_what_is_no_user_cannot_be_mentioned(user_id: str) -> None:
    with pytest.raises(UsageError):
        mention(user_id, "name")
    with pytest.raises(UsageError):
        mention_markdown(user_id, "name")


LINKS = [
    ("https://matrix.to/#/@alice:a.example", ALICE),
    ("https://matrix.to/#/%40alice%3Aa.example", ALICE),
    ("https://matrix.to/#/@alice:a.example?via=a.example", ALICE),
    ("matrix:u/alice:a.example", ALICE),
    ("matrix:user/alice:a.example?action=chat", ALICE),
    ("MATRIX:u/alice:a.example", ALICE),
    ("https://matrix.to/#/#room:a.example", None),
    ("https://matrix.to/#/!room:a.example/$event", None),
    ("https://matrix.to/#/@alice:a.example/$event", None),
    ("https://matrix.to/@alice:a.example", None),
    ("https://evil.example/#/@alice:a.example", None),
    ("matrix:r/room:a.example", None),
    ("matrix:u/alice", None),
    ("@alice:a.example", None),
    ("", None),
]


@pytest.mark.parametrize(("link", "user_id"), LINKS)
def test_whom_a_link_leads_to(link: str, user_id: str | None) -> None:
    assert mentioned_user(link) == user_id


HTML = f"{mention(ALICE)} {mention(BOB)} {mention(ALICE)} {mention(ME)}"
WHO: list[tuple[Any, str, str, dict[str, Any]]] = [
    (None, "", "", {}),
    (None, HTML, "", {"user_ids": [ALICE, BOB]}),
    (None, HTML, BOB, {"user_ids": [BOB, ALICE]}),
    (None, "", BOB, {"user_ids": [BOB]}),
    (None, "", ME, {}),
    (None, "@room", "", {}),
    ([], HTML, BOB, {}),
    ([ALICE], HTML, BOB, {"user_ids": [ALICE]}),
    ((ALICE, ALICE, ME), "", "", {"user_ids": [ALICE]}),
    (Mentions(room=True), HTML, "", {"user_ids": [ALICE, BOB], "room": True}),
    (Mentions(room=False), HTML, "", {"user_ids": [ALICE, BOB]}),
    (Mentions([], room=True), HTML, BOB, {"room": True}),
    (Mentions([BOB]), HTML, "", {"user_ids": [BOB]}),
]


@pytest.mark.parametrize(("asked", "html", "replied_to", "expected"), WHO)
def test_who_is_notified(asked: Any, html: str, replied_to: str, expected: dict[str, Any]) -> None:
    assert unstructure(resolve_mentions(asked, html, replied_to, ME)) == expected


@pytest.mark.parametrize("asked", [ALICE, ["alice"], ["@room", ""], [None], Mentions(["#room:a.example"])])
def test_who_cannot_be_notified(asked: Any) -> None:
    with pytest.raises(UsageError):
        resolve_mentions(asked, "", "", ME)


@pytest.mark.parametrize("said", [None, [], "x", {"user_ids": 1}, {"user_ids": [1]}, {"room": "yes"}])
def test_mentions_that_make_no_sense_are_none(said: Any) -> None:
    assert unstructure(mentions_of({"m.mentions": said})) in ({}, {"user_ids": []})
    assert unstructure(mentions_of({})) == {}


def original(**unsigned: Any) -> Event:
    """Return a message that mentioned Alice."""
    content = {"body": "x", "m.mentions": {"user_ids": [ALICE]}}
    return Event.from_dict({"type": "m.room.message", "content": content, "unsigned": unsigned})


def test_an_edit_notifies_those_who_are_new() -> None:
    now = Mentions([ALICE, BOB], room=True)
    assert unstructure(new_mentions(original(), now)) == {"user_ids": [BOB], "room": True}
    assert unstructure(new_mentions(original(), Mentions([ALICE]))) == {}


def test_an_edit_notifies_nobody_whom_an_edit_before_notified() -> None:
    new = {"body": "y", "m.mentions": {"user_ids": [BOB], "room": True}}
    bundle = {"m.replace": {"content": {"m.new_content": new}}}
    now = Mentions([ALICE, BOB], room=True)
    assert unstructure(new_mentions(original(**{"m.relations": bundle}), now)) == {}


@pytest.mark.parametrize("bundle", [None, [], {}, {"m.replace": 1}, {"m.replace": {"content": {"m.new_content": 1}}}])
def test_a_bundle_that_makes_no_sense_does_not_count(bundle: Any) -> None:
    assert unstructure(new_mentions(original(**{"m.relations": bundle}), Mentions([ALICE, BOB]))) == {
        "user_ids": [BOB]
    }
