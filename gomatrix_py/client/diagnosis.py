"""What a check-up found: findings in plain words, and as data."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import attrs

__all__ = ["Diagnosis", "Finding", "Level"]


class Level(str, Enum):
    """How bad something is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@attrs.frozen
class Finding:
    """One thing that was looked at.

    Attributes:
        level: how bad it is.
        topic: what it is about, in a word or two.
        what: how it is.
        advice: what to do about it, "" where nothing is to be done.
    """

    level: Level
    topic: str
    what: str
    advice: str = ""

    def __str__(self) -> str:
        line = f"{self.level.value:8} {self.topic}: {self.what}"
        return f"{line}\n{'':9}-> {self.advice}" if self.advice else line


@attrs.frozen
class Diagnosis:
    """All that a check-up found; true where nothing is wrong.

    Attributes:
        findings: in the order they were looked at.
        is_offline: True where the server could not be asked.
    """

    findings: Sequence[Finding]
    is_offline: bool = False

    @property
    def problems(self) -> list[Finding]:
        """What keeps the client from working."""
        return [one for one in self.findings if one.level is Level.PROBLEM]

    @property
    def warnings(self) -> list[Finding]:
        """What may keep it from working one day."""
        return [one for one in self.findings if one.level is Level.WARNING]

    def about(self, topic: str) -> list[Finding]:
        """Return the findings of one topic."""
        return [one for one in self.findings if one.topic == topic]

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain JSON values."""
        return {
            "is_offline": self.is_offline,
            "findings": [
                {"level": one.level.value, "topic": one.topic, "what": one.what, "advice": one.advice}
                for one in self.findings
            ],
        }

    def __bool__(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))
