"""What the views of a room are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from .receipts import Receipts
from .state import RoomState

__all__ = ["RoomFacts", "UnreadCounts"]


@attrs.frozen
class UnreadCounts:
    """How much is unread, as the server counts it."""

    notifications: int = 0
    highlights: int = 0


class RoomFacts:
    """The facts of a room: a stored `Room` has them, and a room handle of the client passes them on.

    The views (names, members, power levels, push rules, …) are mixins over this class, one purpose each.
    """

    __slots__ = ()

    @property
    def id(self) -> str:
        """The room's id."""
        raise NotImplementedError

    @property
    def own_user_id(self) -> str:
        """Whose view of the room this is, "" where nobody said."""
        raise NotImplementedError

    @property
    def membership(self) -> str:
        """How we stand to the room."""
        raise NotImplementedError

    @property
    def state(self) -> RoomState:
        """The current state, as ``room.state[type][state_key]``."""
        raise NotImplementedError

    @property
    def summary(self) -> dict[str, Any]:
        """Heroes and member counts, as the server last sent them."""
        raise NotImplementedError

    @property
    def has_all_members(self) -> bool:
        """True where every member is known, False where members are loaded lazily and some may be missing."""
        raise NotImplementedError

    @property
    def notification_count(self) -> int:
        """Unread messages that notify, outside of threads where the server counts threads apart."""
        raise NotImplementedError

    @property
    def highlight_count(self) -> int:
        """Unread messages that stand out, outside of threads where the server counts threads apart."""
        raise NotImplementedError

    @property
    def thread_counts(self) -> Mapping[str, UnreadCounts]:
        """What is unread in each thread, by the id of its root event."""
        raise NotImplementedError

    @property
    def receipts(self) -> Receipts:
        """Who has read how far."""
        raise NotImplementedError

    @property
    def typing(self) -> Sequence[str]:
        """The ids of the users who are typing."""
        raise NotImplementedError

    def account_data(self, event_type: str) -> dict[str, Any]:
        """Return the content of our own data about this room (tags, read marker), {} where there is none."""
        raise NotImplementedError

    def user_account_data(self, event_type: str) -> dict[str, Any]:
        """Return the content of our own data about everything (push rules, direct rooms), {} where there is none."""
        raise NotImplementedError
