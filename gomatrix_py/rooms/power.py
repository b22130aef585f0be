"""Who may do what in a room. Spec: "Permissions"; room versions, authorisation rules."""

from __future__ import annotations

from .members import MembersView
from .power_edit import PowerLevelsEdit
from .power_levels import Level

__all__ = ["PowerView"]


class PowerView(MembersView):
    """What users may do: by their levels, and as far as one knows who is in the room.

    Where members are loaded lazily, who is not known counts as being where the action wants them: the server
    has the last word.
    """

    __slots__ = ()

    def power_level(self, user_id: str) -> Level:
        """Return the power level of a user, infinite for creators of rooms from version 12 on."""
        return self.power.level_of(user_id)

    def may_send(self, user_id: str, event_type: str, is_state: bool | None = None) -> bool:
        """Tell whether a user may send a type of event.

        Args:
            user_id: who would send it.
            event_type: such as ``m.room.message``.
            is_state: True for state; where it is left out, types that the specification, or a registered
                class, knows as state are state.
        """
        return self._is_in(user_id) and self.power.may_send(user_id, event_type, is_state)

    def may_change_state(self, user_id: str, event_type: str, state_key: str = "") -> bool:
        """Tell whether a user may set a piece of state; what stands under another user's id only that one may."""
        return self._is_in(user_id) and self.power.may_change_state(user_id, event_type, state_key)

    def may_redact(self, user_id: str, *, own: bool = False) -> bool:
        """Tell whether a user may redact events: of others, or, with `own`, those they sent themselves."""
        return self._is_in(user_id) and self.power.may_redact(user_id, own=own)

    def may_invite(self, user_id: str, target: str | None = None) -> bool:
        """Tell whether a user may invite, or invite this one, who is neither in the room nor banned."""
        is_outside = target is None or self.membership_of(target) not in ("join", "ban")
        return self._is_in(user_id) and is_outside and self.power.may_invite(user_id)

    def may_kick(self, user_id: str, target: str) -> bool:
        """Tell whether a user may kick another, which also takes back an invite and refuses a knock."""
        is_there = self.membership_of(target) in ("join", "invite", "knock", None)
        return self._is_in(user_id) and is_there and self.power.may_kick(user_id, target)

    def may_ban(self, user_id: str, target: str) -> bool:
        """Tell whether a user may ban another, whether that one is in the room or not."""
        return self._is_in(user_id) and self.power.may_ban(user_id, target)

    def may_unban(self, user_id: str, target: str) -> bool:
        """Tell whether a user may lift the ban of another."""
        is_banned = self.membership_of(target) in ("ban", None)
        return self._is_in(user_id) and is_banned and self.power.may_unban(user_id, target)

    def may_notify_room(self, user_id: str) -> bool:
        """Tell whether a user may notify everybody by @room."""
        return self._is_in(user_id) and self.power.may_notify_room(user_id)

    def may_edit_levels(self, user_id: str, target: str | None = None, level: int | None = None) -> bool:
        """Tell whether a user may change power levels; `target` and `level` as in `PowerLevels.may_edit_levels`."""
        return self._is_in(user_id) and self.power.may_edit_levels(user_id, target, level)

    def edit_power_levels(self, by: str = "") -> PowerLevelsEdit:
        """Start a change of the power levels.

        ``room.edit_power_levels().with_user("@u:s", 50).content()`` is the content to send; it is refused
        where the server would refuse it, or where it would lock us out.

        Args:
            by: the id of the user who will send it; our own where it is left out.
        """
        return PowerLevelsEdit(self.power, by or self.own_user_id, self._is_in)

    def _is_in(self, user_id: str) -> bool:
        return self.membership_of(user_id) in ("join", None)
