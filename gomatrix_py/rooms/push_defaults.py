"""The push rules of an account that has none. Spec: module "Push Notifications", "Predefined Rules"."""

from __future__ import annotations

from typing import Any

__all__ = ["default_push_rules"]

_HIGHLIGHT = {"set_tweak": "highlight"}
_SOUND = {"set_tweak": "sound", "value": "default"}


def default_push_rules(user_id: str) -> dict[str, Any]:
    """Return the predefined rules of a user, in the form of the content of ``m.push_rules``.

    Args:
        user_id: the user's; where it is "", the rules that look for it are switched off.
    """
    return {"global": {"override": _override(user_id), "underride": _underride()}}


def _override(user_id: str) -> list[dict[str, Any]]:
    is_invite = [
        _match("type", "m.room.member"),
        _match("content.membership", "invite"),
        _match("state_key", user_id),
    ]
    names_user = {
        "kind": "event_property_contains",
        "key": r"content.m\.mentions.user_ids",
        "value": user_id,
    }
    names_room = {"kind": "event_property_is", "key": r"content.m\.mentions.room", "value": True}
    may_name_room = {"kind": "sender_notification_permission", "key": "room"}
    is_edit = {"kind": "event_property_is", "key": r"content.m\.relates_to.rel_type", "value": "m.replace"}
    return [
        _rule(".m.rule.master", [], [], is_enabled=False),
        _rule(".m.rule.suppress_notices", [_match("content.msgtype", "m.notice")], []),
        _rule(".m.rule.invite_for_me", is_invite, ["notify", _SOUND], is_enabled=bool(user_id)),
        _rule(".m.rule.member_event", [_match("type", "m.room.member")], []),
        _rule(".m.rule.is_user_mention", [names_user], ["notify", _SOUND, _HIGHLIGHT], is_enabled=bool(user_id)),
        _rule(".m.rule.is_room_mention", [names_room, may_name_room], ["notify", _HIGHLIGHT]),
        _rule(".m.rule.tombstone", _state("m.room.tombstone"), ["notify", _HIGHLIGHT]),
        _rule(".m.rule.reaction", [_match("type", "m.reaction")], []),
        _rule(".m.rule.room.server_acl", _state("m.room.server_acl"), []),
        _rule(".m.rule.suppress_edits", [is_edit], []),
    ]


def _underride() -> list[dict[str, Any]]:
    of_two = {"kind": "room_member_count", "is": "2"}
    is_message, is_encrypted = _match("type", "m.room.message"), _match("type", "m.room.encrypted")
    ring = {"set_tweak": "sound", "value": "ring"}
    return [
        _rule(".m.rule.call", [_match("type", "m.call.invite")], ["notify", ring]),
        _rule(".m.rule.encrypted_room_one_to_one", [of_two, is_encrypted], ["notify", _SOUND]),
        _rule(".m.rule.room_one_to_one", [of_two, is_message], ["notify", _SOUND]),
        _rule(".m.rule.message", [is_message], ["notify"]),
        _rule(".m.rule.encrypted", [is_encrypted], ["notify"]),
    ]


def _rule(rule_id: str, conditions: list[Any], actions: list[Any], *, is_enabled: bool = True) -> dict[str, Any]:
    return {
        "rule_id": rule_id,
        "default": True,
        "enabled": is_enabled,
        "conditions": conditions,
        "actions": actions,
    }


def _match(key: str, pattern: str) -> dict[str, Any]:
    return {"kind": "event_match", "key": key, "pattern": pattern}


def _state(event_type: str) -> list[dict[str, Any]]:
    return [_match("type", event_type), _match("state_key", "")]
