"""Which edits count, and what they make of an event. Spec: module "Event replacements"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .event import Event

__all__ = ["edit_fault", "edited_content", "latest_edit"]

_REPLACE, _NEW_CONTENT, _RELATES_TO = "m.replace", "m.new_content", "m.relates_to"


def edit_fault(
    original: Event, edit: Event, *, was_encrypted: bool = False, edit_was_encrypted: bool = False
) -> str | None:
    """Return why an event is no edit of another, None where it is one.

    Args:
        original: the event as first sent, decrypted.
        edit: the event that would replace it, decrypted.
        was_encrypted: True where the original came encrypted.
        edit_was_encrypted: True where the edit did.

    Source: specification, "Validity of replacement events", "Editing encrypted events".
    """
    rules = {
        "it does not replace this event": bool(original.event_id) and _replaces(edit) == original.event_id,
        "it is in another room": edit.room_id == original.room_id,
        "it is from another sender": bool(edit.sender) and edit.sender == original.sender,
        "it is of another type": edit.type == original.type,
        "state cannot be edited": not edit.is_state and not original.is_state,
        "an edit cannot be edited": original.relates_to.get("rel_type") != _REPLACE,
        "it has no new content": isinstance(edit.content.get(_NEW_CONTENT), dict),
        "the original was encrypted, and it was not": edit_was_encrypted or not was_encrypted,
    }
    return next((fault for fault, is_kept in rules.items() if not is_kept), None)


def _replaces(edit: Event) -> str | None:
    event_id = edit.relates_to.get("event_id")
    return event_id if edit.relates_to.get("rel_type") == _REPLACE and isinstance(event_id, str) else None


def latest_edit(edits: Iterable[Event]) -> Event | None:
    """Return the edit that counts among sound ones, None where there is none.

    Source: specification, "Server-side aggregation of m.replace relationships".
    """
    return max(edits, key=lambda edit: (edit.origin_server_ts, edit.event_id), default=None)


def edited_content(original: Event, edit: Event) -> dict[str, Any]:
    """Return the content that a sound edit gives an event: all new, but what it relates to stays.

    Source: specification, "Applying m.new_content".
    """
    new = {name: value for name, value in edit.content[_NEW_CONTENT].items() if name != _RELATES_TO}
    if _RELATES_TO in original.content:
        new[_RELATES_TO] = original.content[_RELATES_TO]
    return new
