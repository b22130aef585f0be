"""What is true for the moment: typing, receipts, presence. Spec: the modules of these names."""

from __future__ import annotations

from ...codec import Document, Problem, field, structure
from ..open_enum import OpenEnum

__all__ = [
    "EventReceipts",
    "Presence",
    "PresenceContent",
    "Receipt",
    "ReceiptContent",
    "TypingContent",
]


class TypingContent(Document):
    """Content of ``m.typing``: who is typing now, all others are not."""

    user_ids: list[str]


class Presence(OpenEnum):
    """Whether somebody is there."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNAVAILABLE = "unavailable"


class PresenceContent(Document):
    """Content of ``m.presence``; `last_active_ago` is milliseconds."""

    presence: Presence
    last_active_ago: float | None = None
    currently_active: bool | None = None
    status_msg: str | None = None
    displayname: str | None = None
    avatar_url: str | None = None


class Receipt(Document):
    """When a user read up to an event; `thread_id` is "main" or the id of a thread's root, None for both."""

    ts: int | None = None
    thread_id: str | None = None


class EventReceipts(Document):
    """The receipts for one event, by user id."""

    read: dict[str, Receipt] | None = field(default=None, name="m.read")
    read_private: dict[str, Receipt] | None = field(default=None, name="m.read.private")


class _Events(Document):
    events: dict[str, EventReceipts] = field(factory=dict)


class ReceiptContent(Document):
    """Content of ``m.receipt``: receipts by event id, which are members of the content themselves.

    They stand in `extra` as they came, and in `events` as objects.
    """

    def __attrs_post_init__(self) -> None:
        wrong = self._read().problems
        self.problems += tuple(Problem(path.partition(".")[2], message) for path, message in wrong)

    def _read(self) -> _Events:
        return structure({"events": self.extra}, _Events)

    @property
    def events(self) -> dict[str, EventReceipts]:
        """The receipts by event id; what is not as specified is left out and stands in `problems`."""
        return self._read().events
