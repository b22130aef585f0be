"""Changing power levels, so that the server takes it and the room does not slip out of one's hands.

Spec: room version 12, authorisation rules, ``m.room.power_levels``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from ..errors import UsageError
from ..events.contents.power_levels import MAX_LEVEL
from .creation import has_privileged_creators, version_number
from .power_levels import Level, PowerLevels

__all__ = ["PowerLevelsEdit"]

_POWER_LEVELS = "m.room.power_levels"
_SINGLE = ("users_default", "events_default", "state_default", "ban", "redact", "kick", "invite")
_TABLES = ("users", "events", "notifications")
_FIRST_VERSION_WITH_NOTIFICATIONS_CHECKED = 6


def _everybody(_: str) -> bool:
    return True


@attrs.frozen
class PowerLevelsEdit:
    """New power levels, made step by step; each step gives a new edit, and `content` checks the whole.

    Attributes:
        before: the levels as they are.
        by: the id of the user who will send them.
        is_present: tells of a user id whether the user is in the room, as far as one knows.
    """

    before: PowerLevels
    by: str
    is_present: Callable[[str], bool] = attrs.field(default=_everybody, repr=False)
    _new: dict[str, Any] = attrs.field(default=attrs.Factory(lambda self: _start(self.before), takes_self=True))

    # ------------------------------------------------------------ steps

    def with_user(self, user_id: str, level: int) -> PowerLevelsEdit:
        """Give a user a level.

        Raises:
            UsageError: no user id, no level, or a creator in a room of version 12 or later.
        """
        if not (isinstance(user_id, str) and user_id.startswith("@") and ":" in user_id):
            raise UsageError(f"{user_id!r} is not a user id")
        if self.before.is_privileged_creator(user_id):
            raise UsageError(f"{user_id} made this room and stands above all levels, which cannot be changed")
        return self._with_entry("users", user_id, level)

    def without_user(self, user_id: str) -> PowerLevelsEdit:
        """Take a user's own level away; the default counts then."""
        return self._with_entry("users", user_id, None)

    def with_event(self, event_type: str, level: int) -> PowerLevelsEdit:
        """Set the level needed to send a type of event.

        Raises:
            UsageError: the level is none.
        """
        return self._with_entry("events", event_type, level)

    def without_event(self, event_type: str) -> PowerLevelsEdit:
        """Let the default count for a type of event."""
        return self._with_entry("events", event_type, None)

    def with_notification(self, kind: str, level: int) -> PowerLevelsEdit:
        """Set the level needed for a kind of notification; "room" is @room.

        Raises:
            UsageError: the level is none.
        """
        return self._with_entry("notifications", kind, level)

    def with_defaults(
        self, *, users: int | None = None, events: int | None = None, state: int | None = None
    ) -> PowerLevelsEdit:
        """Set what counts where nothing is said of a user, a message, a piece of state; None leaves it as it is.

        Raises:
            UsageError: a level is none.
        """
        return self._with_single({"users_default": users, "events_default": events, "state_default": state})

    def with_actions(
        self,
        *,
        invite: int | None = None,
        kick: int | None = None,
        ban: int | None = None,
        redact: int | None = None,
    ) -> PowerLevelsEdit:
        """Set the levels needed to invite, kick, ban, and redact what others sent; None leaves one as it is.

        Raises:
            UsageError: a level is none.
        """
        return self._with_single({"invite": invite, "kick": kick, "ban": ban, "redact": redact})

    # ------------------------------------------------------------ the whole

    def content(self, *, allow_lockout: bool = False) -> dict[str, Any]:
        """Return the content to send as ``m.room.power_levels``.

        Args:
            allow_lockout: True to lower one's own level, or leave nobody who could change levels again.

        Raises:
            UsageError: the server would refuse it, or it would lock somebody out; the message says why.
        """
        fault = next(self._refusals(), None)
        if fault is not None:
            raise UsageError(f"the server would refuse these power levels: {fault}")
        danger = None if allow_lockout else self._lockout()
        if danger is not None:
            raise UsageError(f"{danger}; allow_lockout=True does it all the same")
        return _copied(self._new)

    def after(self) -> PowerLevels:
        """Return the levels as they would be, checked by nobody."""
        return PowerLevels.of_content(_copied(self._new), self.before.creators, self.before.room_version)

    # ------------------------------------------------------------ below

    def _with_entry(self, table: str, key: str, level: int | None) -> PowerLevelsEdit:
        entries = {name: value for name, value in self._new.get(table, {}).items() if name != key}
        if level is not None:
            entries[key] = _checked(level, key)
        return self._with_new({**self._new, table: entries})

    def _with_single(self, levels: dict[str, int | None]) -> PowerLevelsEdit:
        changed = {name: _checked(level, name) for name, level in levels.items() if level is not None}
        return self._with_new({**self._new, **changed})

    def _with_new(self, content: dict[str, Any]) -> PowerLevelsEdit:
        return PowerLevelsEdit(self.before, self.by, self.is_present, content)

    def _refusals(self) -> Iterator[str]:
        own = self.before.level_of(self.by)
        needed = self.before.required_for(_POWER_LEVELS)
        if own < needed:
            yield f"changing them takes level {needed}, and {self.by} has {own}"
        if not self.before.is_set:
            return
        old = _start(self.before)
        for name in _SINGLE:
            yield from _over(name, own, old.get(name), self._new.get(name))
        for table in _TABLES:
            if table != "notifications" or _checks_notifications(self.before.room_version):
                yield from self._refusals_in(table, own, old.get(table, {}), self._new.get(table, {}))

    def _refusals_in(self, table: str, own: Level, old: dict[str, int], new: dict[str, int]) -> Iterator[str]:
        for key in dict.fromkeys([*old, *new]):
            yield from _over(key, own, old.get(key), new.get(key))
            is_equal = table == "users" and key != self.by and old.get(key) == own
            if is_equal and new.get(key) != own:
                yield f"{key} has level {own} as {self.by} has, who may only change the levels of those below"

    def _lockout(self) -> str | None:
        after = self.after()
        needed = after.required_for(_POWER_LEVELS)
        if not self._controllers(after, needed):
            return f"nobody in the room would have level {needed}, which it takes to change power levels again"
        before, now = self.before.level_of(self.by), after.level_of(self.by)
        if now < before:
            return f"{self.by} would go from level {before} to {now} and could not undo it alone"
        return None

    def _controllers(self, levels: PowerLevels, needed: int) -> bool:
        if levels.users_default >= needed:
            return True
        candidates = {*levels.users, *levels.creators, self.by}
        return any(levels.level_of(one) >= needed and self.is_present(one) for one in candidates)


def _start(before: PowerLevels) -> dict[str, Any]:
    """Return the content to start from, all its levels as integers; without any levels, those that held so far."""
    if not before.is_set:
        is_named = not has_privileged_creators(before.room_version)
        return {"users": dict.fromkeys(before.creators, 100)} if is_named else {}
    content = dict(before.raw)
    for name in (*_SINGLE, *_TABLES):
        value = getattr(before.content, name)
        content[name] = dict(value) if isinstance(value, dict) else value
        if value is None:
            content.pop(name, None)
    for user_id in before.creators if has_privileged_creators(before.room_version) else ():
        content.get("users", {}).pop(user_id, None)
    return content


def _copied(content: dict[str, Any]) -> dict[str, Any]:
    return {name: dict(value) if isinstance(value, dict) else value for name, value in content.items()}


def _over(name: str, own: Level, old: int | None, new: int | None) -> Iterator[str]:
    if old == new:
        return
    if old is not None and old > own:
        yield f"{name} has level {old}, above the sender's {own}"
    if new is not None and new > own:
        yield f"{name} would have level {new}, above the sender's {own}"


def _checks_notifications(room_version: str) -> bool:
    number = version_number(room_version)
    return number is None or number >= _FIRST_VERSION_WITH_NOTIFICATIONS_CHECKED


def _checked(level: Any, name: str) -> int:
    if isinstance(level, bool) or not isinstance(level, int) or not -MAX_LEVEL <= level <= MAX_LEVEL:
        raise UsageError(f"the level of {name} must be an integer within ±(2**53 - 1)")
    return int(level)
