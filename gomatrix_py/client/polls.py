"""Polls: starting, voting, ending, counting. MSC3381."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..api.room_events import RespSendEvent
from ..errors import NotFound
from ..events import Event
from ..events.contents.polls import PollOption
from ..rooms.creation import CreationView
from ..rooms.power_levels import PowerLevels
from ..rooms.state import RoomState
from ..send.mentions import AskedMentions
from ..send.polls import POLL_START, poll_content, poll_end, poll_of, poll_response
from ..send.relations import room_of
from .conversations import ConversationMethods
from .poll_counting import PollResults, count_votes
from .sending import SendingMethods

__all__ = ["PollMethods"]

_ENDED = "The poll has ended."


class PollMethods(SendingMethods, ConversationMethods):
    """Polls as Element sends and shows them."""

    def start_poll(
        self,
        room_id: str,
        question: str,
        answers: Sequence[str | PollOption],
        *,
        max_selections: int = 1,
        is_disclosed: bool = True,
        reply_to: Event | str | None = None,
        thread: Event | str | None = None,
        mentions: AskedMentions = None,
        txn_id: str | None = None,
        extra: Any = None,
    ) -> RespSendEvent:
        """Start a poll, under the names that Element knows (``org.matrix.msc3381.poll.start``).

        Args:
            room_id: where to.
            question: what is asked.
            answers: 1 to 20 texts, whose ids are then "1", "2", …; or `PollOption` with ids of your own.
            max_selections: how many answers one may choose.
            is_disclosed: False to show votes only when the poll has ended.
            reply_to, thread, mentions, txn_id, extra: see `send_message`.

        Raises:
            UsageError: the poll is none that could be held; nothing was sent.

        Source: MSC3381.
        """
        content = poll_content(question, answers, max_selections=max_selections, is_disclosed=is_disclosed)
        return self.send_message(
            room_id,
            content,
            event_type=POLL_START,
            reply_to=reply_to,
            thread=thread,
            mentions=mentions,
            txn_id=txn_id,
            extra=extra,
        )

    def vote_in_poll(
        self,
        poll: Event | str,
        answer_ids: Sequence[str],
        *,
        room_id: str | None = None,
        txn_id: str | None = None,
    ) -> RespSendEvent:
        """Vote in a poll; only the last vote of a user counts.

        Args:
            poll: the event that started it, or its id; with an id alone, the choice is not checked.
            answer_ids: of the answers chosen; [] takes the vote back.
            room_id: of a bare id.
            txn_id: see `send_message`.

        Raises:
            UsageError: the event is no poll, the poll has no such answer or does not allow so many.

        Source: MSC3381.
        """
        event_type, content = poll_response(poll, answer_ids)
        return self._send(room_of(poll, room_id), event_type, content, txn_id)

    def end_poll(
        self,
        poll: Event | str,
        text: str = _ENDED,
        *,
        room_id: str | None = None,
        txn_id: str | None = None,
    ) -> RespSendEvent:
        """End a poll: ours, or with the power to redact anybody's.

        Args:
            poll: the event that started it, or its id.
            text: what clients show that know no polls; it may tell the result, see `poll_results`.
            room_id: of a bare id.
            txn_id: see `send_message`.

        Raises:
            UsageError: the event is no poll.

        Source: MSC3381.
        """
        event_type, content = poll_end(poll, text)
        return self._send(room_of(poll, room_id), event_type, content, txn_id)

    def poll_results(self, poll: Event | str, *, room_id: str | None = None) -> PollResults:
        """Count the votes of a poll by the rules of MSC3381: the last valid one of each user before its end.

        Args:
            poll: the event that started it, or its id.
            room_id: of a bare id.

        Raises:
            UsageError: the event is no poll.
            NotFound: there is no such event, or we may not see it.
        """
        start = self.latest_version(poll, room_id=room_id)
        content = poll_of(start)
        levels: list[PowerLevels] = []

        def may_end(user_id: str) -> bool:
            if not levels:  # most polls are ended by who started them
                levels.append(self._power_levels(start.room_id))
            return levels[0].may_redact(user_id)

        is_secret = start.encryption is not None  # votes in the clear may then be anybody's
        related = self.relations_iter(start.room_id, start.event_id, "m.reference")
        counting = (event for event in related if event.encryption is not None or not is_secret)
        return count_votes(start, content, counting, may_end)

    def _power_levels(self, room_id: str) -> PowerLevels:
        room = _Founding(RoomState(room_id))
        for event_type in ("m.room.create", "m.room.power_levels"):
            event = self._whole_state_event(room_id, event_type)
            if event is not None:
                room.state.put(event_type, "", event)
        power_levels = room.state.event("m.room.power_levels", "")
        return PowerLevels.of(power_levels, room.creators, room.room_version)

    def _whole_state_event(self, room_id: str, event_type: str) -> Event | None:
        try:
            found = self.get_state_content(room_id, event_type, format="event")
        except NotFound:
            return None
        is_whole = found.get("type") == event_type and isinstance(found.get("content"), dict)
        # a server from before 1.16 may know contents only
        return Event.from_dict(
            found if is_whole else {"type": event_type, "content": found, "state_key": ""}, room_id
        )


class _Founding(CreationView):
    """As much of a room as its power levels depend on."""

    __slots__ = ("_known",)

    def __init__(self, known: RoomState) -> None:
        self._known = known

    @property
    def state(self) -> RoomState:
        """The state that was read."""
        return self._known
