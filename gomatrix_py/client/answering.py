"""Answering, editing, reacting to and redacting events."""

from __future__ import annotations

from typing import Any

from ..api.room_events import RespSendEvent
from ..codec import unstructure
from ..errors import UsageError
from ..events import Event
from ..ids import check_id
from ..send.contents import TEXT_TYPES, as_object, edit_content, reaction_content, text_content
from ..send.mentions import AskedMentions, mentions_of, new_mentions
from ..send.relations import room_of, target_id
from .sending import SendingMethods

__all__ = ["AnsweringMethods"]

_MESSAGE, _ENCRYPTED = "m.room.message", "m.room.encrypted"


class AnsweringMethods(SendingMethods):
    """What is done to an event: it says itself which room it is in; a bare id needs `room_id`."""

    def reply(
        self,
        event: Event | str,
        text: Any,
        *,
        room_id: str | None = None,
        msgtype: str = "m.text",
        thread: Event | str | None = None,
        mentions: AskedMentions = None,
        txn_id: str | None = None,
        extra: Any = None,
    ) -> RespSendEvent:
        """Answer an event; in a thread, if it is in one.

        Args:
            event: what is answered, or its id; an id alone does not say whose it is or which thread it is in.
            text: the answer, or a content such as `markdown_content` makes.
            room_id: of a bare id.
            msgtype: of a text: ``m.text``, ``m.notice`` or ``m.emote``.
            thread, mentions, txn_id, extra: see `send_message`. The sender of the event is notified.

        Raises:
            UsageError: as in `send_message`, or an id without a room.
        """
        content = text_content(text, msgtype=msgtype) if isinstance(text, str) else text
        return self.send_message(
            room_of(event, room_id),
            content,
            reply_to=event,
            thread=thread,
            mentions=mentions,
            txn_id=txn_id,
            extra=extra,
        )

    def react(
        self,
        event: Event | str,
        key: str,
        *,
        room_id: str | None = None,
        txn_id: str | None = None,
        extra: Any = None,
    ) -> RespSendEvent:
        """React to an event; a reaction to an edit goes to the event it edits.

        Args:
            event: the event or its id.
            key: an emoji, or a text.
            room_id: of a bare id.
            txn_id, extra: see `send_message`.

        Raises:
            UsageError: the key is empty, the event is a reaction, or an id without a room.
            HTTPError: ``M_DUPLICATE_ANNOTATION``: we reacted so before.
        """
        content = as_object(reaction_content(event, key)) | as_object(extra or {})
        return self._send(room_of(event, room_id), "m.reaction", content, txn_id)

    def redact(
        self, event: Event | str, reason: str | None = None, *, room_id: str | None = None, txn_id: str | None = None
    ) -> RespSendEvent:
        """Strip an event of its content; of an edit, that edit alone.

        Args:
            event: the event or its id.
            reason: why, for everybody to read.
            room_id: of a bare id.
            txn_id: see `send_message`.

        Raises:
            UsageError: an id without a room, or an event without an id.

        Spec: PUT /rooms/{roomId}/redact/{eventId}/{txnId}.
        """
        event_id = check_id(event.event_id if isinstance(event, Event) else event, "the event's id")
        return self.redact_event(room_of(event, room_id), event_id, reason, txn_id=txn_id)

    def edit(
        self,
        event: Event | str,
        text: Any,
        *,
        room_id: str | None = None,
        event_type: str | None = None,
        mentions: AskedMentions = None,
        txn_id: str | None = None,
        extra: Any = None,
    ) -> RespSendEvent:
        """Replace what a message of ours says; clients that know no edits show it as a new one after ``*``.

        Only who was not mentioned before is notified. To tell, the event is asked for where an id is passed
        and the new content mentions somebody.

        Args:
            event: the message, an edit of it, or its id.
            text: what it shall say, in the same msgtype; or a whole content such as `markdown_content` makes.
            room_id: of a bare id.
            event_type: of a bare id; ``m.room.message`` where it is left out.
            mentions: everybody the edited message mentions, as in `send_message`.
            txn_id, extra: see `send_message`.

        Raises:
            UsageError: the event is somebody else's, is state, is redacted, or is no text and a text is all
                there is to put in its place; an id without a room; or as in `send_message`.

        Source: specification, "Event replacements", "Edits of events with mentions".
        """
        room_id = room_of(event, room_id)
        if isinstance(event, Event):
            self._check_edit(event)
        content = _edited_text(event, text) if isinstance(text, str) else as_object(text)
        if mentions is not None or "m.mentions" not in content:
            content["m.mentions"] = unstructure(self._mentions(mentions, content))
        content |= as_object(extra or {})
        newly = mentions_of(content)
        if isinstance(event, str) and (newly.user_ids or newly.room):
            event = self.get_event(room_id, event)
            self._check_edit(event)
        if isinstance(event, Event):
            newly = new_mentions(event, newly)
            event_type = _MESSAGE if event.type == _ENCRYPTED else event.type
        content = edit_content(target_id(event), content, newly)
        return self._send(room_id, event_type or _MESSAGE, content, txn_id)

    def _check_edit(self, event: Event) -> None:
        own = self._acting_user_id
        if own and event.sender != own:
            raise UsageError(f"{event.event_id} is by {event.sender}: only who sent an event may edit it")
        if event.is_state:
            raise UsageError("state cannot be edited: set it anew")
        if "redacted_because" in event.unsigned:
            raise UsageError(f"{event.event_id} is redacted")


def _edited_text(event: Event | str, text: str) -> dict[str, Any]:
    msgtype = "m.text"
    if isinstance(event, Event) and event.type != _ENCRYPTED:
        msgtype = event.message_type or ""
        if event.type != _MESSAGE or msgtype not in TEXT_TYPES:
            raise UsageError(f"{event.event_id} is no text: to edit it, pass the whole content")
    return as_object(text_content(text, msgtype=msgtype))
