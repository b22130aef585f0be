"""Whether an event is worth a notification. Spec: module "Push Notifications"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from ..codec import structure
from ..errors import DecodeError
from ..events import Event
from ..events.contents.push_rules import PushRule
from .members import display_name_in
from .naming import NamingView
from .push_defaults import default_push_rules
from .push_matching import (
    MISSING,
    glob_matches,
    glob_matches_words,
    is_count,
    property_at,
    same_value,
    word_matches,
)

__all__ = ["Notification", "PushView"]

_KINDS: Final = ("override", "content", "room", "sender", "underride")
_BODY = "content.body"
_MENTIONS = "m.mentions"
_LOOKING_AT_THE_BODY = {".m.rule.contains_display_name", ".m.rule.contains_user_name", ".m.rule.roomnotif"}
"""Rules of older servers that look for mentions in the body; events that name whom they mention are not for them."""


@attrs.frozen
class Notification:
    """What push rules make of an event; false where it does not notify.

    Attributes:
        should_notify: True where the user is to be told.
        is_highlight: True where the event is to stand out.
        sound: the sound to play, "default" or a name; None for none.
        kind: the kind of the rule that decided, "" where none matched.
        rule: the rule that decided, None where none matched.
        tweaks: all that the rule sets, by name.
    """

    should_notify: bool = False
    is_highlight: bool = False
    sound: str | None = None
    kind: str = ""
    rule: PushRule | None = None
    tweaks: Mapping[str, Any] = attrs.field(factory=dict)

    def __bool__(self) -> bool:
        return self.should_notify


class PushView(NamingView):
    """What notifies, by the push rules of the account."""

    __slots__ = ()

    def notification_for(self, event: Event) -> Notification:
        """Return whether, and how, an event of this room notifies.

        Encrypted events are to be asked of once they are decrypted. What we sent ourselves never notifies,
        nor what users sent whom we ignore.

        Source: specification, "Push Rules"; without rules of the account, the predefined ones count.
        """
        own = self.own_user_id
        if (own and event.sender == own) or self.is_ignored(event.sender):
            return Notification()
        flat = _as_seen(event, self.id)
        for kind, rule in self._push_rules():
            if rule.get("enabled", True) is True and self._rule_matches(kind, rule, flat):
                return _notification(kind, rule)
        return Notification()

    def _push_rules(self) -> Iterator[tuple[str, dict[str, Any]]]:
        content = self.user_account_data("m.push_rules")
        rules = content.get("global")
        if not isinstance(rules, dict):
            rules = default_push_rules(self.own_user_id)["global"]
        for kind in _KINDS:
            of_kind = rules.get(kind)
            for rule in of_kind if isinstance(of_kind, list) else ():
                if isinstance(rule, dict):
                    yield kind, rule

    def _rule_matches(self, kind: str, rule: dict[str, Any], event: dict[str, Any]) -> bool:
        rule_id = rule.get("rule_id")
        if not isinstance(rule_id, str) or (rule_id in _LOOKING_AT_THE_BODY and _MENTIONS in event["content"]):
            return False
        if kind == "room":
            return rule_id == self.id
        if kind == "sender":
            return bool(rule_id == event["sender"])
        if kind == "content":
            return _event_matches({"key": _BODY, "pattern": rule.get("pattern")}, event)
        conditions = rule.get("conditions")
        if conditions is None:
            return True
        return isinstance(conditions, list) and all(
            self._holds(one, event) for one in sorted(conditions, key=_needs_the_room)
        )

    def _holds(self, condition: Any, event: dict[str, Any]) -> bool:
        match condition:
            case {"kind": "event_match"}:
                return _event_matches(condition, event)
            case {"kind": "event_property_is", "key": str(key), "value": value}:
                return same_value(property_at(event, key), value)
            case {"kind": "event_property_contains", "key": str(key), "value": value}:
                found = property_at(event, key)
                return isinstance(found, list) and any(same_value(one, value) for one in found)
            case {"kind": "contains_display_name"}:
                return self._names_us(event)
            case {"kind": "room_member_count", "is": str(wanted)}:
                return is_count(wanted, self.joined_count)
            case {"kind": "sender_notification_permission", "key": str(key)}:
                return self.power.may_notify(event["sender"], key)
        return False

    def _names_us(self, event: dict[str, Any]) -> bool:
        name = display_name_in(self._content("m.room.member", self.own_user_id))
        body = event["content"].get("body")
        return name is not None and isinstance(body, str) and word_matches(name, body)


def _needs_the_room(condition: Any) -> bool:
    """Tell which conditions are to be tried last, as they may take looking at all members."""
    return not (isinstance(condition, dict) and str(condition.get("kind")).startswith("event_"))


def _as_seen(event: Event, room_id: str) -> dict[str, Any]:
    """Return an event as rules see it: as it came, with what is known of it beside."""
    seen = {**event.raw, "type": event.type, "content": event.content, "sender": event.sender, "room_id": room_id}
    if event.state_key is not None:
        seen["state_key"] = event.state_key
    return seen


def _event_matches(condition: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    key, pattern = condition.get("key"), condition.get("pattern")
    if not isinstance(key, str) or not isinstance(pattern, str):
        return False
    value = property_at(event, key)
    if value is MISSING or not isinstance(value, str):
        return False
    return glob_matches_words(pattern, value) if key == _BODY else glob_matches(pattern, value)


def _notification(kind: str, rule: dict[str, Any]) -> Notification:
    actions = rule.get("actions")
    said = actions if isinstance(actions, list) else []
    tweaks: dict[str, Any] = {}
    for action in said:
        match action:
            case {"set_tweak": str(name)}:
                tweaks[name] = action.get("value", True if name == "highlight" else None)
    should_notify = "notify" in said
    sound = tweaks.get("sound")
    return Notification(
        should_notify,
        should_notify and tweaks.get("highlight") is True,
        sound if should_notify and isinstance(sound, str) and sound else None,
        kind,
        _as_rule(rule, said),
        tweaks,
    )


def _as_rule(rule: dict[str, Any], actions: list[Any]) -> PushRule:
    whole = {"default": False, **rule, "actions": actions, "enabled": True}
    try:
        return structure(whole, PushRule)
    except DecodeError:  # the id is a string, so it is `default` that is wrong
        return structure({**whole, "default": False}, PushRule)
