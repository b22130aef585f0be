"""What a room is to us: tags, direct chats, what was read.

Spec: modules "Room Tagging", "Direct Messaging", "Read and unread markers", "Receipts".
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from .power import PowerView
from .receipts import MAIN_TIMELINE, Receipt

__all__ = ["PersonalView"]

_FAVOURITE, _LOW_PRIORITY, _SERVER_NOTICE = "m.favourite", "m.lowpriority", "m.server_notice"


class PersonalView(PowerView):
    """What the account keeps about a room, and who has read how far."""

    __slots__ = ()

    # ------------------------------------------------------------ tags

    @property
    def tags(self) -> dict[str, float | None]:
        """Our tags of this room, and where each puts it: 0 comes first, 1 last, None behind all of them."""
        tags = self.account_data("m.tag").get("tags")
        return {name: _order(value) for name, value in tags.items()} if isinstance(tags, dict) else {}

    @property
    def is_favourite(self) -> bool:
        """True for one of our favourite rooms."""
        return _FAVOURITE in self.tags

    @property
    def is_low_priority(self) -> bool:
        """True for a room that is to stand behind others."""
        return _LOW_PRIORITY in self.tags

    @property
    def is_server_notice_room(self) -> bool:
        """True for the room in which the server tells us something."""
        return _SERVER_NOTICE in self.tags

    # ------------------------------------------------------------ direct chats

    @property
    def is_direct(self) -> bool:
        """True for a direct chat: we keep it as one, or are invited to one."""
        return bool(self._direct_users()) or self._is_invited_to_direct()

    @property
    def direct_partner(self) -> str | None:
        """The id of the user this is a direct chat with, None where it is no direct chat, or with nobody known."""
        users = self._direct_users()
        if not users:
            return self.inviter if self._is_invited_to_direct() else None
        others = [user_id for user_id in users if user_id.startswith("@") and user_id != self.own_user_id]
        there = [user_id for user_id in others if self.membership_of(user_id) in ("join", "invite")]
        return next(iter(there or others), None)

    def _direct_users(self) -> list[str]:
        direct = self.user_account_data("m.direct")
        return [user_id for user_id, rooms in direct.items() if isinstance(rooms, list) and self.id in rooms]

    def _is_invited_to_direct(self) -> bool:
        content = self._content("m.room.member", self.own_user_id)
        return content.get("membership") == "invite" and content.get("is_direct") is True

    # ------------------------------------------------------------ what was read

    @property
    def is_marked_unread(self) -> bool:
        """True where we marked the room as unread."""
        said = self.account_data("m.marked_unread") or self.account_data("com.famedly.marked_unread")
        return said.get("unread") is True

    @property
    def is_unread(self) -> bool:
        """True where something notifies that we have not read, or where we marked the room as unread."""
        return self.is_marked_unread or self.unread_notifications > 0

    @property
    def unread_notifications(self) -> int:
        """Unread messages that notify, threads included."""
        return self.notification_count + sum(one.notifications for one in self.thread_counts.values())

    @property
    def unread_highlights(self) -> int:
        """Unread messages that stand out, threads included."""
        return self.highlight_count + sum(one.highlights for one in self.thread_counts.values())

    @property
    def fully_read_event_id(self) -> str | None:
        """The id of the event up to which we read everything; the read receipt's where no marker was set."""
        value = self.account_data("m.fully_read").get("event_id")
        if isinstance(value, str) and value:
            return value
        own = [self.receipts.of(self.own_user_id, thread) for thread in ("", MAIN_TIMELINE)]
        newest = max((one for one in own if one is not None), key=lambda one: one.ts, default=None)
        return newest.event_id if newest is not None else None

    def read_receipts(
        self, event_id: str, later: Iterable[str] = (), *, thread_id: str = MAIN_TIMELINE
    ) -> list[Receipt]:
        """Return a receipt of each user who has read an event, the earliest read first.

        A receipt stands for all that was sent before, and a room does not know the order of its events:
        without `later` this finds who read exactly up to here.

        Args:
            event_id: the event.
            later: ids of events known to follow it.
            thread_id: the root of the thread the event is in, "main" for none; receipts of other threads
                say nothing of it.
        """
        wanted = {event_id, *later}
        found: dict[str, Receipt] = {}
        for one in sorted(self.receipts.all(), key=lambda one: (one.ts, one.user_id)):
            if one.event_id == event_id or (one.event_id in wanted and one.thread_id in ("", thread_id)):
                found.setdefault(one.user_id, one)
        return list(found.values())

    def read_by(self, event_id: str, later: Iterable[str] = (), *, thread_id: str = MAIN_TIMELINE) -> list[str]:
        """Return the ids of the users who have read an event; see `read_receipts`."""
        return [one.user_id for one in self.read_receipts(event_id, later, thread_id=thread_id)]

    # ------------------------------------------------------------ whom we ignore

    def is_ignored(self, user_id: str) -> bool:
        """Tell whether we ignore a user. Spec: module "Ignoring Users"."""
        ignored = self.user_account_data("m.ignored_user_list").get("ignored_users")
        return isinstance(ignored, dict) and user_id in ignored


def _order(value: Any) -> float | None:
    order = value.get("order") if isinstance(value, dict) else None
    if isinstance(order, bool) or not isinstance(order, (int, float)):
        return None
    return float(order) if math.isfinite(order) and 0 <= order <= 1 else None
