"""Contents of polls. MSC3381.

Polls are sent under their unstable names (``org.matrix.msc3381.poll.*``): the stable ones may only be used in a
room version for extensible events, of which there is none, and Element neither sends nor shows them elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..errors import UsageError
from ..events import Event
from ..events.contents.extensible import TextRepresentation
from ..events.contents.polls import (
    MAX_ANSWERS,
    PollEndContent,
    PollOption,
    PollResponseContent,
    PollStartContent,
    StablePollResponseContent,
    UnstablePoll,
    UnstablePollAnswer,
    UnstablePollEndContent,
    UnstablePollQuestion,
    UnstablePollResponseContent,
    UnstablePollStartContent,
    UnstableSelections,
)
from ..events.readable import check_readable
from .relations import reference_relation

__all__ = ["END_TYPES", "POLL_START", "RESPONSE_TYPES", "poll_content", "poll_end", "poll_of", "poll_response"]

POLL_START: Final = "org.matrix.msc3381.poll.start"
RESPONSE_TYPES: Final = ("org.matrix.msc3381.poll.response", "m.poll.response")
END_TYPES: Final = ("org.matrix.msc3381.poll.end", "m.poll.end")
_DISCLOSED: Final = "org.matrix.msc3381.poll.disclosed"
_UNDISCLOSED: Final = "org.matrix.msc3381.poll.undisclosed"


def poll_content(
    question: str,
    answers: Sequence[str | PollOption],
    *,
    max_selections: int = 1,
    is_disclosed: bool = True,
) -> PollStartContent:
    """Return a poll.

    Args:
        question: what is asked.
        answers: 1 to 20 texts, whose ids are then "1", "2", …; or `PollOption` with ids of your own.
        max_selections: how many answers one may choose.
        is_disclosed: False to show votes only when the poll has ended.

    Raises:
        UsageError: no answers or too many, an empty text, an id twice, or a number that does not fit.

    Source: MSC3381, "Proposal", "Unstable prefix".
    """
    options = [
        answer if isinstance(answer, PollOption) else PollOption(str(number), answer)
        for number, answer in enumerate(answers, 1)
    ]
    if isinstance(answers, str) or not 1 <= len(options) <= MAX_ANSWERS:
        raise UsageError(f"a poll has 1 to {MAX_ANSWERS} answers")
    if not question or not all(option.id and option.text for option in options):
        raise UsageError("the question and the answers of a poll are not empty")
    if len({option.id for option in options}) < len(options):
        raise UsageError("each answer of a poll has an id of its own")
    if not 1 <= max_selections <= len(options):
        raise UsageError(f"of {len(options)} answers one may choose 1 to {len(options)}")
    lines = [question, *(f"{number}. {option.text}" for number, option in enumerate(options, 1))]
    poll = UnstablePoll(
        question=UnstablePollQuestion(question),
        answers=[UnstablePollAnswer(option.id, option.text) for option in options],
        kind=_DISCLOSED if is_disclosed else _UNDISCLOSED,
        max_selections=max_selections,
    )
    return UnstablePollStartContent(poll, "\n".join(lines))


def poll_of(event: Event) -> PollStartContent:
    """Return the poll that an event is.

    Raises:
        UsageError: it is none, or none that can be read.
    """
    check_readable(event)
    content = event.typed
    if not isinstance(content, PollStartContent):
        raise UsageError(f"{event.event_id} is no poll, but a {event.type}")
    return content


def poll_response(poll: Event | str, answer_ids: Sequence[str]) -> tuple[str, PollResponseContent]:
    """Return type and content of a vote, with the names the poll itself was sent with.

    Args:
        poll: the event that started it; of an id only, nothing can be checked.
        answer_ids: of the answers chosen; [] takes the vote back.

    Raises:
        UsageError: the event is no poll, or the poll has no such answer or does not allow so many.

    Source: MSC3381.
    """
    if isinstance(answer_ids, str):
        raise UsageError("a vote is a list of answer ids")
    chosen = list(answer_ids)
    if isinstance(poll, Event):
        content = poll_of(poll)
        unknown = set(chosen) - {option.id for option in content.answers}
        if unknown:
            raise UsageError(f"the poll has no answer {sorted(unknown)}")
        if len(chosen) > content.max_selections:
            raise UsageError(f"one may choose {content.max_selections} of the answers, not {len(chosen)}")
    relation = reference_relation(poll)
    if _is_stable(poll):
        return RESPONSE_TYPES[1], StablePollResponseContent(chosen, relates_to=relation)
    return RESPONSE_TYPES[0], UnstablePollResponseContent(UnstableSelections(chosen), relates_to=relation)


def poll_end(poll: Event | str, text: str) -> tuple[str, PollEndContent]:
    """Return type and content of the end of a poll, with the names the poll itself was sent with.

    Args:
        poll: the event that started it, or its id.
        text: what clients show that know no polls.

    Raises:
        UsageError: the event is no poll.

    Source: MSC3381.
    """
    relation = reference_relation(poll)
    if isinstance(poll, Event):
        poll_of(poll)
    if _is_stable(poll):
        return END_TYPES[1], PollEndContent(text=[TextRepresentation(text)], relates_to=relation)
    return END_TYPES[0], UnstablePollEndContent(text=text, relates_to=relation)


def _is_stable(poll: Event | str) -> bool:
    return isinstance(poll, Event) and poll.type == "m.poll.start"
