"""Who is mentioned: pills in HTML and Markdown, and ``m.mentions``. Spec: module "User and room mentions"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..codec import structure
from ..errors import DecodeError, UsageError
from ..events import Event
from ..events.contents.messages import Mentions
from ..ids import check_id
from ..links import build_matrix_link, parse_matrix_link
from .html import escape_html
from .markdown import escape_markdown
from .markup import StartTag, tokens

__all__ = [
    "AskedMentions",
    "mention",
    "mention_markdown",
    "mentioned_user",
    "mentioned_users",
    "mentions_of",
    "new_mentions",
    "resolve_mentions",
]

AskedMentions = Sequence[str] | Mentions | None
"""Who is to be notified: user ids, or `Mentions`; None for whoever the text and the reply mention."""


def mention(user_id: str, name: str | None = None) -> str:
    """Return the HTML that mentions a user, a "pill"; for `Client.send_html`.

    Args:
        user_id: such as ``@alice:example.org``.
        name: what is shown, plain text: the display name; the user id where it is left out.

    Raises:
        UsageError: this is no user id.
    """
    return f'<a href="{_link(user_id)}">{escape_html(name or user_id)}</a>'


def mention_markdown(user_id: str, name: str | None = None) -> str:
    """Return the Markdown that mentions a user; for `Client.send_markdown`. See `mention`.

    Raises:
        UsageError: this is no user id.
    """
    shown = escape_markdown(" ".join((name or user_id).split()))
    return f"[{shown}](<{_link(user_id)}>)"


def _link(user_id: str) -> str:
    link = build_matrix_link(user_id)
    if link.kind != "user":
        raise UsageError(f"{user_id!r} is not a user id: they look like @alice:example.org")
    return link.to_matrix_to()


def mentioned_user(link: str) -> str | None:
    """Return the user that a matrix.to or ``matrix:`` link leads to, None where it leads elsewhere."""
    try:
        found = parse_matrix_link(link)
    except UsageError:
        return None
    return found.target if found.kind == "user" else None


def mentioned_users(clean_html: str) -> list[str]:
    """Return the users that sanitised HTML mentions, each once, in order."""
    links = (token.attributes.get("href", "") for token in tokens(clean_html) if isinstance(token, StartTag))
    return _once(user for link in links if (user := mentioned_user(link)) is not None)


def resolve_mentions(asked: AskedMentions, clean_html: str, replied_to: str, own_user_id: str) -> Mentions:
    """Return who is to be notified of a message.

    Args:
        asked: a list is taken as it is, [] for nobody; None, or `Mentions` whose `user_ids` is None, stands
            for the users that the text mentions and the one who is answered. Everybody (``@room``) is
            notified only where `Mentions` says so.
        clean_html: of the message, "" for none.
        replied_to: who is answered, "" where that is nobody or not known.
        own_user_id: it is left out, as nobody notifies themselves.

    Raises:
        UsageError: something that is no user id is asked for.

    Source: specification, "User and room mentions", "Mentioning the replied to user".
    """
    if isinstance(asked, str):
        raise UsageError("mentions are a list of user ids")
    room = asked.room if isinstance(asked, Mentions) else None
    users = asked.user_ids if isinstance(asked, Mentions) else asked
    if users is None:
        users = [*([replied_to] if replied_to else []), *mentioned_users(clean_html)]
    for user_id in users:
        if not check_id(user_id, "a mentioned user's id").startswith("@"):
            raise UsageError(f"{user_id!r} is not a user id; for everybody, ask for Mentions(room=True)")
    found = [user_id for user_id in _once(users) if user_id != own_user_id]
    return Mentions(user_ids=found or None, room=room or None)


def mentions_of(content: dict[str, Any]) -> Mentions:
    """Return whom a content mentions; nobody where it does not say so as specified."""
    try:
        return structure(content.get("m.mentions"), Mentions)
    except DecodeError:
        return Mentions()


def new_mentions(event: Event, now: Mentions) -> Mentions:
    """Return whom an edit mentions that no version of the event did that we know of.

    Args:
        event: as first sent; the latest edit is taken from what the server added to it.
        now: whom the edited message mentions.

    Source: specification, "Edits of events with mentions".
    """
    relations = event.unsigned.get("m.relations")
    edit = relations.get("m.replace") if isinstance(relations, dict) else None
    content = edit.get("content") if isinstance(edit, dict) else None
    latest = content.get("m.new_content") if isinstance(content, dict) else None
    versions = [event.content, event.content.get("m.new_content"), latest]
    before = [mentions_of(version) for version in versions if isinstance(version, dict)]
    known = {user_id for one in before for user_id in one.user_ids or ()}
    users = [user_id for user_id in now.user_ids or () if user_id not in known]
    is_new_room = bool(now.room) and not any(one.room for one in before)
    return Mentions(user_ids=users or None, room=is_new_room or None)


def _once(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
