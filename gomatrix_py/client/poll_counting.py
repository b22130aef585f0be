"""How the votes of a poll are counted. MSC3381."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs

from ..events import Event
from ..events.contents.polls import PollOption, PollResponseContent, PollStartContent
from ..send.polls import END_TYPES, RESPONSE_TYPES

__all__ = ["PollResults", "count_votes"]


@attrs.frozen
class PollResults:
    """What came of a poll, so far or for good.

    Attributes:
        question: what was asked.
        answers: what could be voted for.
        votes: the ids of the answers each user chose; [] where they chose none, or what cannot be chosen.
        end: the event that ended the poll, None while it goes on.
        is_disclosed: False where its votes should not be shown before it has ended.
    """

    question: str
    answers: Sequence[PollOption]
    votes: dict[str, list[str]]
    end: Event | None = None
    is_disclosed: bool = True

    @property
    def is_ended(self) -> bool:
        """True where votes no longer count."""
        return self.end is not None

    @property
    def counts(self) -> dict[str, int]:
        """How many chose each answer, by its id, in the order of the answers."""
        chosen = [answer_id for answer_ids in self.votes.values() for answer_id in answer_ids]
        return {answer.id: chosen.count(answer.id) for answer in self.answers}

    @property
    def winners(self) -> list[PollOption]:
        """The answers that most chose; more than one where they are equal, none where nobody voted."""
        counts = self.counts
        most = max(counts.values(), default=0)
        return [answer for answer in self.answers if most and counts[answer.id] == most]


def count_votes(
    start: Event, poll: PollStartContent, related: Iterable[Event], may_end: Callable[[str], bool]
) -> PollResults:
    """Count a poll.

    The last vote of each user counts, by its time, even where it is not valid and so chooses nothing; votes
    after the end never happened. An answer that the poll does not have spoils a vote, one too many is left out.

    Args:
        start: the event that started the poll.
        poll: what it is by now, edits applied.
        related: the events that refer to it.
        may_end: tells whether a user other than its sender may end it: one who may redact what others sent.

    Source: MSC3381, "Proposal".
    """
    events = [event for event in related if "redacted_because" not in event.unsigned]
    ends = sorted((event for event in events if event.type in END_TYPES), key=_moment)
    end = next((event for event in ends if event.sender == start.sender or may_end(event.sender)), None)
    votes: dict[str, list[str]] = {}
    for event in sorted((event for event in events if event.type in RESPONSE_TYPES), key=_moment):
        if end is None or event.origin_server_ts <= end.origin_server_ts:
            votes[event.sender] = _chosen(event, poll)
    return PollResults(poll.question, poll.answers, votes, end, poll.is_disclosed)


def _moment(event: Event) -> tuple[int, str]:
    return event.origin_server_ts, event.event_id


def _chosen(response: Event, poll: PollStartContent) -> list[str]:
    content = response.typed
    selections = content.selections if isinstance(content, PollResponseContent) else []
    if not {option.id for option in poll.answers}.issuperset(selections):
        return []
    return list(dict.fromkeys(selections[: poll.max_selections]))
