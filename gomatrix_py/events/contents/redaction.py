"""What a redaction is, and what it leaves of an event. Spec: "Redactions"; room versions, "Redactions"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...codec import Document

__all__ = ["RedactedContent", "RoomRedactionContent", "redacted_content", "redacted_event"]

_LATEST: Final = 12

_ENVELOPE = frozenset(
    {
        "auth_events",
        "content",
        "depth",
        "event_id",
        "hashes",
        "origin_server_ts",
        "prev_events",
        "room_id",
        "sender",
        "signatures",
        "state_key",
        "type",
    }
)
_ENVELOPE_BEFORE_11 = _ENVELOPE | {"prev_state", "origin", "membership"}

_LEVELS = "ban events events_default kick redact state_default users users_default"

# Event type, the first room version in which it holds, and the members that stay; the last that holds counts.
_KEPT: Final[Mapping[str, tuple[tuple[int, str], ...]]] = {
    "m.room.aliases": ((1, "aliases"), (6, "")),
    "m.room.create": ((1, "creator"),),
    "m.room.history_visibility": ((1, "history_visibility"),),
    "m.room.join_rules": ((1, "join_rule"), (8, "join_rule allow")),
    "m.room.member": ((1, "membership"), (9, "membership join_authorised_via_users_server")),
    "m.room.power_levels": ((1, _LEVELS), (11, f"{_LEVELS} invite")),
    "m.room.redaction": ((11, "redacts"),),
}


class RoomRedactionContent(Document):
    """Content of ``m.room.redaction``; before room version 11 `redacts` may stand beside the content only."""

    redacts: str | None = None
    reason: str | None = None


class RedactedContent(Document):
    """What a redaction left where it is too little for the class of the type; all of it is in `extra`."""


def redacted_content(event_type: str, content: Any, room_version: str) -> dict[str, Any]:
    """Return what a redaction leaves of a content.

    Args:
        event_type: such as ``m.room.member``.
        content: the content before.
        room_version: such as "11"; one that is not known is read as the latest that is.
    """
    if not isinstance(content, Mapping):
        return {}
    version = _number(room_version)
    if event_type == "m.room.create" and version >= 11:
        return dict(content)
    rules = [names for since, names in _KEPT.get(event_type, ()) if since <= version]
    kept = {name: content[name] for name in (rules[-1].split() if rules else ()) if name in content}
    if event_type == "m.room.member" and version >= 11:
        invite = content.get("third_party_invite")
        if isinstance(invite, Mapping):
            kept["third_party_invite"] = {"signed": invite["signed"]} if "signed" in invite else {}
    return kept


def redacted_event(
    event: Mapping[str, Any], room_version: str, because: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what a redaction leaves of an event.

    Args:
        event: the event as JSON.
        room_version: see `redacted_content`.
        because: the redaction; it is put where a server puts it, in ``unsigned.redacted_because``.
    """
    envelope = _ENVELOPE if _number(room_version) >= 11 else _ENVELOPE_BEFORE_11
    left = {name: value for name, value in event.items() if name in envelope}
    event_type = event.get("type")
    left["content"] = redacted_content(
        event_type if isinstance(event_type, str) else "", event.get("content"), room_version
    )
    if because is not None:
        left["unsigned"] = {"redacted_because": dict(because)}
    return left


def _number(room_version: str) -> int:
    is_known = room_version.isascii() and room_version.isdigit() and len(room_version) <= 2
    number = int(room_version) if is_known else _LATEST
    return number if 1 <= number <= _LATEST else _LATEST
