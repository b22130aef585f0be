"""Who may come in, who sees what was said, how it is encrypted, what is pinned.

Spec: "Room Events"; modules "Guest Access", "Room history visibility", "End-to-End Encryption".
"""

from __future__ import annotations

import attrs

from ..events.contents.room_state import GuestAccess, HistoryVisibility, JoinRule
from .reading import StateReading, texts_in

__all__ = ["AccessView", "RoomEncryption"]

_WEEK_MS = 7 * 24 * 3600 * 1000
_MESSAGES = 100
_MOST = 2**53 - 1


@attrs.frozen
class RoomEncryption:
    """How a room is encrypted.

    Attributes:
        algorithm: such as ``m.megolm.v1.aes-sha2``; "" where the event does not say.
        rotation_period_ms: how long a key is used.
        rotation_period_msgs: for how many messages.
    """

    algorithm: str
    rotation_period_ms: int = _WEEK_MS
    rotation_period_msgs: int = _MESSAGES


class AccessView(StateReading):
    """The rules of access of a room."""

    __slots__ = ()

    @property
    def join_rule(self) -> JoinRule:
        """How one becomes a member, "invite" where nothing is said."""
        return JoinRule(self._text("m.room.join_rules", "join_rule") or JoinRule.INVITE.value)

    @property
    def is_public(self) -> bool:
        """True where anybody may join."""
        return self.join_rule == JoinRule.PUBLIC

    @property
    def is_knockable(self) -> bool:
        """True where one may ask to be let in."""
        return self.join_rule in (JoinRule.KNOCK, JoinRule.KNOCK_RESTRICTED)

    @property
    def allowed_rooms(self) -> list[str]:
        """The ids of the rooms whose members may join; [] where the room is not restricted to members of others."""
        if self.join_rule not in (JoinRule.RESTRICTED, JoinRule.KNOCK_RESTRICTED):
            return []
        allow = self._content("m.room.join_rules").get("allow")
        rules = [one for one in allow if isinstance(one, dict)] if isinstance(allow, list) else []
        return texts_in([one.get("room_id") for one in rules if one.get("type") == "m.room_membership"])

    @property
    def history_visibility(self) -> HistoryVisibility:
        """From when on a member sees what was said, "shared" where nothing is said."""
        said = self._text("m.room.history_visibility", "history_visibility")
        return HistoryVisibility(said or HistoryVisibility.SHARED.value)

    @property
    def guest_access(self) -> GuestAccess:
        """Whether guests may join, "forbidden" where nothing is said."""
        return GuestAccess(self._text("m.room.guest_access", "guest_access") or GuestAccess.FORBIDDEN.value)

    @property
    def is_encrypted(self) -> bool:
        """True once the room has been told to encrypt."""
        return self._state_event("m.room.encryption") is not None

    @property
    def encryption(self) -> RoomEncryption | None:
        """How the room is encrypted, None where it is not; periods that are not said are the specification's."""
        if not self.is_encrypted:
            return None
        content = self._content("m.room.encryption")
        periods = [content.get("rotation_period_ms"), content.get("rotation_period_msgs")]
        milliseconds, messages = (
            value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST else default
            for value, default in zip(periods, (_WEEK_MS, _MESSAGES), strict=True)
        )
        return RoomEncryption(self._text("m.room.encryption", "algorithm") or "", milliseconds, messages)

    @property
    def pinned_event_ids(self) -> list[str]:
        """The ids of the pinned events, in the order to show them."""
        return texts_in(self._content("m.room.pinned_events").get("pinned"))
