"""How a message that is to be sent relates to others: answers, threads, edits, reactions.

An edit stands for the event it replaces: whatever relates to it relates to that event.
"""

from __future__ import annotations

from typing import Any

from ..codec import structure
from ..errors import DecodeError, UsageError
from ..events import Event
from ..events.contents.relations import InReplyTo, RelatesTo, RelType
from ..ids import check_id

__all__ = [
    "edit_relation",
    "last_of_thread",
    "message_relation",
    "reaction_relation",
    "reference_relation",
    "relation_of",
    "room_of",
    "target_id",
    "thread_root",
]


def room_of(event: Event | str, room_id: str | None = None) -> str:
    """Return the room of an event: its own, or the one that is named beside an id.

    Raises:
        UsageError: an id without a room, an event without one, or another room than the event's.
    """
    if isinstance(event, Event) and event.room_id:
        if room_id is not None and room_id != event.room_id:
            raise UsageError(f"{event.event_id} is in {event.room_id}, not in {room_id}")
        return event.room_id
    if room_id is None:
        raise UsageError("an event id alone does not say which room it is in: pass room_id")
    return room_id


def relation_of(event: Event) -> RelatesTo:
    """Return what an event relates to; what is not as specified is left out."""
    try:
        return structure(event.relates_to, RelatesTo)
    except DecodeError:
        return RelatesTo()


def target_id(event: Event | str) -> str:
    """Return the id that others relate to: of an edit, that of the event it replaces.

    Raises:
        UsageError: an event without an id, or an id that cannot be one.
    """
    if isinstance(event, Event):
        return check_id(relation_of(event).replaces or event.event_id, "the event's id")
    return check_id(event, "the event's id")


def thread_root(event: Event | str) -> str:
    """Return the root of the thread an event is in, or could begin.

    Raises:
        UsageError: no thread can begin at this event.

    Source: specification, "Threading".
    """
    if isinstance(event, Event):
        relation = relation_of(event)
        if relation.thread_root is not None:
            return check_id(relation.thread_root, "the thread's root")
        if relation.rel_type is not None and relation.replaces is None:
            raise UsageError(f"{event.event_id} is a {relation.rel_type.value}: no thread can begin there")
    return target_id(event)


def last_of_thread(event: Event) -> str | None:
    """Return the last event that an event shows to be in its thread, None where it shows none."""
    if relation_of(event).thread_root is not None:
        return event.event_id or None
    relations = event.unsigned.get("m.relations")
    thread = relations.get("m.thread") if isinstance(relations, dict) else None
    latest: Any = thread.get("latest_event") if isinstance(thread, dict) else None
    event_id = latest.get("event_id") if isinstance(latest, dict) else None
    return event_id if isinstance(event_id, str) and event_id else None


def message_relation(
    reply_to: Event | str | None, thread: Event | str | None, latest: str | None = None
) -> RelatesTo | None:
    """Return the relation of a message that may be an answer, and may be in a thread.

    An answer to an event of a thread stays in that thread.

    Args:
        reply_to: what is answered.
        thread: the root of a thread, or an event in it.
        latest: the last event known in the thread, which clients without threads show it as an answer to.

    Raises:
        UsageError: no thread can begin there, or an id cannot be one.

    Source: specification, "Rich replies", "Fallback for unthreaded clients", "Replies within threads".
    """
    answered = None if reply_to is None else InReplyTo(target_id(reply_to))
    if thread is None:
        root = relation_of(reply_to).thread_root if isinstance(reply_to, Event) else None
        if root is None:
            return None if answered is None else RelatesTo(in_reply_to=answered)
    else:
        root = thread_root(thread)
    fallback = InReplyTo(latest or root)
    return RelatesTo(
        rel_type=RelType.THREAD,
        event_id=root,
        in_reply_to=answered or fallback,
        is_falling_back=answered is None,
    )


def edit_relation(event: Event | str) -> RelatesTo:
    """Return the relation of an edit. Source: specification, "Event replacements"."""
    return RelatesTo(rel_type=RelType.REPLACE, event_id=target_id(event))


def reaction_relation(event: Event | str, key: str) -> RelatesTo:
    """Return the relation of a reaction.

    Raises:
        UsageError: the key is empty, or the event is a reaction itself.

    Source: specification, "Event annotations and reactions".
    """
    if not key:
        raise UsageError("a reaction needs a key, such as an emoji")
    if isinstance(event, Event) and relation_of(event).annotates is not None:
        raise UsageError("a reaction cannot be reacted to")
    return RelatesTo(rel_type=RelType.ANNOTATION, event_id=target_id(event), key=key)


def reference_relation(event: Event | str) -> RelatesTo:
    """Return the relation of an event that belongs to another, such as a vote to a poll."""
    return RelatesTo(rel_type=RelType.REFERENCE, event_id=target_id(event))
