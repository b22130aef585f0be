"""Polls. MSC3381, with stable names and with those that are sent today.

The unstable classes are the stable ones with other names on the wire, so both are read alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...codec import Document, field
from .extensible import TextBlock, text_of
from .relations import RelatesTo

__all__ = [
    "MAX_ANSWERS",
    "Poll",
    "PollAnswer",
    "PollEndContent",
    "PollOption",
    "PollQuestion",
    "PollResponseContent",
    "PollStartContent",
    "StablePollResponseContent",
    "UnstablePoll",
    "UnstablePollAnswer",
    "UnstablePollEndContent",
    "UnstablePollQuestion",
    "UnstablePollResponseContent",
    "UnstablePollStartContent",
    "UnstableSelections",
]

MAX_ANSWERS = 20
_DISCLOSED = frozenset({"m.disclosed", "m.poll.disclosed", "org.matrix.msc3381.poll.disclosed"})


class PollOption(NamedTuple):
    """What can be voted for: its id, and its text."""

    id: str
    text: str


# ------------------------------------------------------------------ start


class PollQuestion(Document):
    """What is asked."""

    text: TextBlock = field(name="m.text")


class PollAnswer(Document):
    """What can be voted for."""

    id: str = field(name="m.id")
    text: TextBlock = field(name="m.text")


class Poll(Document):
    """The poll itself; `kind` tells whether votes are shown before its end."""

    question: PollQuestion
    answers: Sequence[PollAnswer]
    kind: str | None = None
    max_selections: int | None = None


class PollStartContent(Document):
    """Content of ``m.poll.start``; `text` is for clients that know no polls."""

    poll: Poll = field(name="m.poll")
    text: TextBlock | None = field(default=None, name="m.text")
    relates_to: RelatesTo | None = field(default=None, name="m.relates_to", kw_only=True)
    new_content: dict[str, Any] | None = field(default=None, name="m.new_content", kw_only=True)

    @property
    def question(self) -> str:
        """What is asked, "" where it is not said in plain text."""
        return text_of(self.poll.question.text) or ""

    @property
    def answers(self) -> list[PollOption]:
        """What can be voted for: at most 20."""
        return [PollOption(one.id, text_of(one.text) or "") for one in self.poll.answers[:MAX_ANSWERS]]

    @property
    def max_selections(self) -> int:
        """How many answers one may choose."""
        return max(1, self.poll.max_selections or 1)

    @property
    def is_disclosed(self) -> bool:
        """True where votes are shown before the poll ends."""
        return self.poll.kind in _DISCLOSED


class UnstablePollQuestion(PollQuestion):
    """What is asked."""

    text: TextBlock = field(name="org.matrix.msc1767.text")


class UnstablePollAnswer(PollAnswer):
    """What can be voted for."""

    id: str = field(name="id")
    text: TextBlock = field(name="org.matrix.msc1767.text")


class UnstablePoll(Poll):
    """The poll itself."""

    question: UnstablePollQuestion
    answers: Sequence[UnstablePollAnswer]
    kind: str | None = None
    max_selections: int | None = None


class UnstablePollStartContent(PollStartContent):
    """Content of ``org.matrix.msc3381.poll.start``."""

    poll: UnstablePoll = field(name="org.matrix.msc3381.poll.start")
    text: TextBlock | None = field(default=None, name="org.matrix.msc1767.text")


# ------------------------------------------------------------------ response and end


class PollResponseContent(Document):
    """A vote: the ids of the answers chosen, none to take the vote back."""

    relates_to: RelatesTo | None = field(default=None, name="m.relates_to", kw_only=True)

    @property
    def selections(self) -> list[str]:
        """The ids of the answers chosen, as sent: there may be more than the poll allows."""
        return []


class StablePollResponseContent(PollResponseContent):
    """Content of ``m.poll.response``."""

    chosen: list[str] = field(name="m.selections")

    @property
    def selections(self) -> list[str]:
        """The ids of the answers chosen, as sent: there may be more than the poll allows."""
        return self.chosen


class UnstableSelections(Document):
    """The ids of the answers chosen."""

    answers: list[str]


class UnstablePollResponseContent(PollResponseContent):
    """Content of ``org.matrix.msc3381.poll.response``."""

    response: UnstableSelections = field(name="org.matrix.msc3381.poll.response")

    @property
    def selections(self) -> list[str]:
        """The ids of the answers chosen, as sent: there may be more than the poll allows."""
        return self.response.answers


class PollEndContent(Document):
    """Content of ``m.poll.end``; `results` is how the sender counted, by answer id."""

    text: TextBlock | None = field(default=None, name="m.text")
    results: dict[str, int] | None = field(default=None, name="m.poll.results", kw_only=True)
    relates_to: RelatesTo | None = field(default=None, name="m.relates_to", kw_only=True)


class UnstablePollEndContent(PollEndContent):
    """Content of ``org.matrix.msc3381.poll.end``; `end` is empty, and has to be there."""

    text: TextBlock | None = field(default=None, name="org.matrix.msc1767.text")
    end: dict[str, Any] = field(factory=dict, name="org.matrix.msc3381.poll.end", kw_only=True)
