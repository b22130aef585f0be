"""How events relate to each other. Spec: "Forming relationships between events"."""

from __future__ import annotations

from ...codec import Document, field
from ..open_enum import OpenEnum

__all__ = ["InReplyTo", "ReactionContent", "RelType", "RelatesTo", "without_html_reply", "without_quoted_reply"]

_QUOTE = "> "
_HTML_REPLY, _HTML_REPLY_END = "<mx-reply>", "</mx-reply>"


class RelType(OpenEnum):
    """What one event is to another."""

    ANNOTATION = "m.annotation"
    REFERENCE = "m.reference"
    REPLACE = "m.replace"
    THREAD = "m.thread"


class InReplyTo(Document):
    """The event that is answered."""

    event_id: str


class RelatesTo(Document):
    """The ``m.relates_to`` of any content.

    Attributes:
        rel_type: what this event is to the other, None for a reply that is nothing else.
        event_id: the other event.
        key: the emoji of a reaction.
        in_reply_to: the event that is answered.
        is_falling_back: True where `in_reply_to` is only there for clients that know no threads.
    """

    rel_type: RelType | None = None
    event_id: str | None = None
    key: str | None = None
    in_reply_to: InReplyTo | None = field(default=None, name="m.in_reply_to")
    is_falling_back: bool | None = None

    def _other(self, rel_type: RelType) -> str | None:
        return self.event_id if self.rel_type == rel_type else None

    @property
    def annotates(self) -> str | None:
        """The id of the event that this one is a reaction to."""
        return self._other(RelType.ANNOTATION)

    @property
    def refers_to(self) -> str | None:
        """The id of the event that this one refers to."""
        return self._other(RelType.REFERENCE)

    @property
    def replaces(self) -> str | None:
        """The id of the event that this one edits."""
        return self._other(RelType.REPLACE)

    @property
    def thread_root(self) -> str | None:
        """The id of the event that the thread started from."""
        return self._other(RelType.THREAD)

    @property
    def replies_to(self) -> str | None:
        """The id of the event that this one answers, fallbacks of threads left out."""
        if self.in_reply_to is None or (self.thread_root is not None and self.is_falling_back):
            return None
        return self.in_reply_to.event_id


class ReactionContent(Document):
    """Content of ``m.reaction``. Spec: module "Event annotations and reactions"."""

    relates_to: RelatesTo | None = field(default=None, name="m.relates_to")

    @property
    def event_id(self) -> str | None:
        """The id of the event that is reacted to."""
        return self.relates_to.annotates if self.relates_to is not None else None

    @property
    def key(self) -> str | None:
        """The emoji, or whatever text was put in its place."""
        return self.relates_to.key if self.relates_to is not None else None


def without_quoted_reply(body: str) -> str:
    """Return the body of a reply without the quotation older clients put before it.

    Spec: module "Rich replies", the note on 1.13.
    """
    lines = body.split("\n")
    begin = 0
    while begin < len(lines) and lines[begin].startswith(_QUOTE):
        begin += 1
    if 0 < begin < len(lines) and not lines[begin]:
        begin += 1  # the empty line between quotation and answer
    return "\n".join(lines[begin:])


def without_html_reply(formatted_body: str) -> str:
    """Return the HTML of a reply without the quotation older clients put before it; nothing is sanitised.

    Spec: module "Rich replies", the note on 1.13.
    """
    if not formatted_body.startswith(_HTML_REPLY):
        return formatted_body
    _, end, answer = formatted_body.partition(_HTML_REPLY_END)
    return answer if end else formatted_body
