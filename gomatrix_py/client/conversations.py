"""Conversations as objects: threads, edits, reactions, and what an answer answers."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from ..api.room_events import RespSendEvent, RoomEventsApi
from ..api.room_history import Direction
from ..errors import DecodeError
from ..events import Event
from ..events.contents.relations import ReactionContent
from ..events.edits import edit_fault, edited_content, latest_edit
from ..send.relations import relation_of, room_of, target_id, thread_root
from .outgoing import OutgoingMethods
from .paging import PagingMethods

__all__ = ["ConversationMethods", "EventThread"]

_ENCRYPTED = "m.room.encrypted"


class EventThread:
    """A thread as the server had it when it was asked for; made by `Client.thread`.

    Iterating over it pages through the replies, the oldest first, each with its latest edit applied.

    Attributes:
        root: the event it began with, its latest edit applied.
    """

    def __init__(self, client: ConversationMethods, root: Event) -> None:
        self._client = client
        self.root = client._with_latest_edit(root)

    @property
    def room_id(self) -> str:
        """The room it is in."""
        return self.root.room_id

    @property
    def count(self) -> int:
        """How many replies there are, as the server counts them."""
        count = _summary(self.root).get("count")
        return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0

    @property
    def has_participated(self) -> bool:
        """True where we sent the root or a reply."""
        return _summary(self.root).get("current_user_participated") is True

    @property
    def latest(self) -> Event | None:
        """The newest reply, its latest edit applied; None where there is none."""
        reply = _event_in(_summary(self.root).get("latest_event"), self.room_id)
        return None if reply is None else self._client._with_latest_edit(self._client._as_written(reply))

    def __iter__(self) -> Iterator[Event]:
        return self.replies()

    def replies(self, *, newest_first: bool = False, page_size: int = 50) -> Iterator[Event]:
        """Yield the replies, each with its latest edit applied; a page is asked for when it is wanted.

        Args:
            newest_first: True to go back in time.
            page_size: how many to ask for at a time.

        Raises:
            PagingError: the server leads round in circles.
            TransportError, HTTPError, DecodeError: see `Client.call`.
        """
        direction = Direction.BACKWARD if newest_first else Direction.FORWARD
        found = self._client.relations_iter(
            self.room_id, self.root.event_id, "m.thread", direction=direction, page_size=page_size
        )
        return (self._client._with_latest_edit(event) for event in found)

    def participants(self) -> list[str]:
        """Return who wrote in it, in the order of their first word; pages through all replies.

        Raises:
            PagingError, TransportError, HTTPError, DecodeError: see `replies`.
        """
        return list(dict.fromkeys([self.root.sender, *(event.sender for event in self)]))

    def __repr__(self) -> str:
        return f"<EventThread {self.root.event_id} in {self.room_id}, {self.count} replies>"


class ConversationMethods(PagingMethods, OutgoingMethods, RoomEventsApi):
    """What belongs to an event. An event says which room it is in; a bare id needs `room_id`."""

    def thread(self, room_id: str, root: Event | str) -> EventThread:
        """Return a thread.

        Args:
            room_id: the room it is in.
            root: the event it began with, its id, or any event in the thread.

        Raises:
            UsageError: no thread can begin at this event, or it is in another room.
            NotFound: there is no such event, or we may not see it.
        """
        return EventThread(self, self.get_event(room_of(root, room_id), thread_root(root)))

    def edits(self, event: Event | str, *, room_id: str | None = None) -> list[Event]:
        """Return the edits of an event that count, the oldest first; the last is the one to show.

        Edits by others, of another type, of state and the like are left out.

        Args:
            event: as it was first sent; for an id, and for an edit, the original is asked for.
            room_id: of a bare id.

        Raises:
            UsageError: an id without a room.
            NotFound: there is no such event, or we may not see it.

        Source: specification, "Validity of replacement events".
        """
        original = self._original(event, room_id)
        found = self.relations_iter(original.room_id, original.event_id, "m.replace")
        sound = [edit for edit in found if _is_edit(original, edit)]
        return sorted(sound, key=lambda edit: (edit.origin_server_ts, edit.event_id))

    def latest_version(self, event: Event | str, *, room_id: str | None = None) -> Event:
        """Return an event with its latest edit applied, as the server has it now.

        Args:
            event: the event, an edit of it, or its id.
            room_id: of a bare id.

        Returns:
            The event itself where nobody edited it; otherwise an event of the same id with the new content.

        Raises:
            UsageError, NotFound: see `edits`.
        """
        original = self._original(event, room_id)
        edit = latest_edit(self.edits(original))
        return original if edit is None else _edited(original, edit)

    def reactions(self, event: Event | str, *, room_id: str | None = None) -> dict[str, list[Event]]:
        """Return the reactions to an event by their key, the first first.

        Each user counts once for each key. Reactions to reactions are none, and those to an edit belong to
        the event it edits.

        Args:
            event: the event or its id.
            room_id: of a bare id.

        Raises:
            UsageError: an id without a room.

        Source: specification, "Event annotations and reactions".
        """
        if isinstance(event, Event) and relation_of(event).annotates is not None:
            return {}
        found: dict[str, dict[str, Event]] = {}
        for reaction in self._reactions_to(room_of(event, room_id), target_id(event)):
            content = reaction.typed
            if isinstance(content, ReactionContent) and content.key:
                found.setdefault(content.key, {}).setdefault(reaction.sender, reaction)
        return {key: list(by_user.values()) for key, by_user in found.items()}

    def unreact(self, event: Event | str, key: str, *, room_id: str | None = None) -> list[RespSendEvent]:
        """Take our own reaction back.

        Args:
            event: the event or its id.
            key: such as an emoji.
            room_id: of a bare id.

        Returns:
            The redactions: one; [] where there was no such reaction, more where it came more than once.

        Raises:
            UsageError: an id without a room.
        """
        room_id = room_of(event, room_id)
        own = self.app_service_user_id or self.own_user_id()
        found = [
            reaction.event_id
            for reaction in self._reactions_to(room_id, target_id(event))
            if reaction.sender == own and relation_of(reaction).key == key
        ]
        return [self.redact_event(room_id, event_id) for event_id in found]

    def replied_to(self, event: Event) -> Event | None:
        """Return the event that an event answers, None where it answers none.

        What stands in for an answer in a thread, for clients without threads, is none.

        Raises:
            UsageError: the event is in no room.
            NotFound: there is no such event, or we may not see it.

        Source: specification, "Rich replies".
        """
        event_id = relation_of(event).replies_to
        return None if event_id is None else self.get_event(room_of(event), event_id)

    def _as_written(self, event: Event) -> Event:
        """Return an event as its sender wrote it; one that came encrypted stays so here."""
        return event

    def _with_latest_edit(self, event: Event) -> Event:
        """Return an event with the edit applied that the server sent along with it."""
        edit = _event_in(_bundled(event).get("m.replace"), event.room_id)
        if edit is None:
            return event
        edit = self._as_written(edit)
        return _edited(event, edit) if _is_edit(event, edit) else event

    def _original(self, event: Event | str, room_id: str | None) -> Event:
        room_id, event_id = room_of(event, room_id), target_id(event)
        if isinstance(event, Event) and event.event_id == event_id:
            return event
        return self.get_event(room_id, event_id)

    def _reactions_to(self, room_id: str, event_id: str) -> Iterator[Event]:
        found = self.relations_iter(room_id, event_id, "m.annotation", "m.reaction", direction=Direction.FORWARD)
        return (event for event in found if "redacted_because" not in event.unsigned)


def _is_edit(original: Event, edit: Event) -> bool:
    """Tell whether an edit counts: nobody but its sender's devices may change what was encrypted."""
    return (
        edit_fault(original, edit, was_encrypted=_was_encrypted(original), edit_was_encrypted=_was_encrypted(edit))
        is None
    )


def _was_encrypted(event: Event) -> bool:
    return event.encryption is not None or event.type == _ENCRYPTED


def _edited(event: Event, edit: Event) -> Event:
    edited = Event.from_dict({**event.raw, "content": edited_content(event, edit)}, event.room_id, event.source)
    return edited if event.encryption is None else attrs.evolve(edited, encryption=event.encryption)


def _bundled(event: Event) -> dict[str, object]:
    relations = event.unsigned.get("m.relations")
    return relations if isinstance(relations, dict) else {}


def _summary(root: Event) -> dict[str, object]:
    thread = _bundled(root).get("m.thread")
    return thread if isinstance(thread, dict) else {}


def _event_in(value: object, room_id: str) -> Event | None:
    """Return an event that came along with one of a room, None where it is none, or one of another room."""
    if isinstance(value, dict) and value.get("room_id", room_id) != room_id:
        return None
    try:
        return Event.from_dict(value, room_id)
    except DecodeError:
        return None
