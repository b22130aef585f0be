"""Contents of messages, made from what people write.

Each is a value that `Client.send_message`, `Client.reply` and `Client.edit` take.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..codec import unstructure
from ..errors import UsageError
from ..events import Event, ImageInfo
from ..events.contents.messages import (
    Mentions,
    RoomMessageEmote,
    RoomMessageFormatted,
    RoomMessageNotice,
    RoomMessageText,
)
from ..events.contents.relations import ReactionContent
from ..events.contents.stickers import StickerContent
from ..events.messages import HTML_FORMAT
from ..ids import parse_mxc
from .html import sanitize_html
from .markdown import markdown_to_html
from .markup import Text, tokens
from .plain_text import plain_text
from .relations import edit_relation, reaction_relation

__all__ = [
    "TEXT_TYPES",
    "as_object",
    "edit_content",
    "html_content",
    "html_of",
    "markdown_content",
    "reaction_content",
    "sticker_content",
    "text_content",
]

_TextClass = type[RoomMessageText] | type[RoomMessageNotice] | type[RoomMessageEmote]

TEXT_TYPES: Mapping[str, _TextClass] = {
    "m.text": RoomMessageText,
    "m.notice": RoomMessageNotice,
    "m.emote": RoomMessageEmote,
}
"""The kinds of messages that are text."""

_EDIT_MARK = "* "


def as_object(content: Any) -> dict[str, Any]:
    """Return a content as a JSON object of its own.

    Raises:
        UsageError: it is not an object.
    """
    plain = unstructure(content)
    if not isinstance(plain, dict):
        raise UsageError(f"the content of an event is a JSON object, not {type(content).__name__}")
    return dict(plain)


def html_of(content: dict[str, Any]) -> str:
    """Return the HTML of a content, sanitised, "" where it has none."""
    html = content.get("formatted_body")
    return sanitize_html(html) if isinstance(html, str) and content.get("format") == HTML_FORMAT else ""


def text_content(text: str, *, msgtype: str = "m.text") -> RoomMessageFormatted:
    """Return plain text as a content.

    Args:
        text: shown as it is.
        msgtype: ``m.text``, ``m.notice`` for bots, or ``m.emote`` for what somebody does.

    Raises:
        UsageError: another msgtype.
    """
    return _class_of(msgtype)(text)


def html_content(html: str, *, body: str | None = None, msgtype: str = "m.text") -> RoomMessageFormatted:
    """Return HTML as a content, sanitised.

    Args:
        html: text that is not yours belongs through `escape_html`.
        body: the plain form; made from the HTML where it is left out.
        msgtype: see `text_content`.

    Raises:
        UsageError: another msgtype, or HTML longer than an event can be.
    """
    clean = sanitize_html(html)
    return _formatted(msgtype, plain_text(clean) if body is None else body, clean)


def markdown_content(text: str, *, msgtype: str = "m.text", allows_html: bool = False) -> RoomMessageFormatted:
    """Return Markdown as a content: the body is the text as typed, and there is HTML where that differs.

    Args:
        text: the Markdown; text that is not yours belongs through `escape_markdown`.
        msgtype: see `text_content`.
        allows_html: True where HTML in it is HTML, sanitised; otherwise it is shown as it was written.

    Raises:
        UsageError: another msgtype, or text longer than an event can be.
    """
    html = markdown_to_html(text, allows_html=allows_html)
    return _class_of(msgtype)(text) if _is_just(text, html) else _formatted(msgtype, text, html)


def _is_just(text: str, clean_html: str) -> bool:
    """Tell whether HTML shows a text and nothing else."""
    return [token.text if isinstance(token, Text) else None for token in tokens(clean_html)] == [text]


def _formatted(msgtype: str, body: str, clean_html: str) -> RoomMessageFormatted:
    return _class_of(msgtype)(body, formatted_body=clean_html, format=HTML_FORMAT)


def _class_of(msgtype: str) -> _TextClass:
    if msgtype not in TEXT_TYPES:
        raise UsageError(f"{msgtype} is not a kind of text; those are {', '.join(TEXT_TYPES)}")
    return TEXT_TYPES[msgtype]


def reaction_content(event: Event | str, key: str) -> ReactionContent:
    """Return a reaction to an event; `key` is an emoji, or a text.

    Raises:
        UsageError: the key is empty, the event is a reaction itself, or the id cannot be one.
    """
    return ReactionContent(reaction_relation(event, key))


def sticker_content(body: str, url: str, info: ImageInfo | None = None) -> StickerContent:
    """Return a sticker: `body` describes the image, which was uploaded to `url` before.

    Raises:
        UsageError: the url is no ``mxc://`` address.

    Source: specification, "Sticker Messages".
    """
    parse_mxc(url)
    return StickerContent(body, info or ImageInfo(), url)


def edit_content(event_id: str, content: Any, newly_mentioned: Mentions) -> dict[str, Any]:
    """Return the content of an edit: the new one, and what clients that know no edits show in its place.

    Args:
        event_id: of the event as first sent.
        content: what it shall be; its own relation is left out, as an edit changes none.
        newly_mentioned: those who are to be notified of the edit.

    Source: specification, "Event replacements", "Edits of events with mentions", "Edits of replies".
    """
    new = as_object(content)
    new.pop("m.relates_to", None)
    outer = dict(new)
    for name in ("body", "formatted_body"):
        if isinstance(new.get(name), str):
            outer[name] = _EDIT_MARK + new[name]
    outer["m.mentions"] = unstructure(newly_mentioned)
    outer["m.new_content"] = new
    outer["m.relates_to"] = unstructure(edit_relation(event_id))
    return outer
