"""How large an event may be. Spec: "Size limits".

The server adds to an event before its size is measured: sender, time, hashes, signatures, and the events
before it, of which there may be twenty. So what is refused here begins a little below the limit, and the
server has the last word.
"""

from __future__ import annotations

from typing import Any, Final

from ..codec import dumps, unstructure
from ..errors import UsageError
from ..ids import check_id

__all__ = ["MAX_ENCRYPTED_BYTES", "MAX_EVENT_BYTES", "MAX_PLAIN_BYTES", "check_event_size", "event_size"]

MAX_EVENT_BYTES: Final = 65_536
"""What a whole event may take, with all that the server adds."""

MAX_PLAIN_BYTES: Final = 63 * 1024
"""What our part of an event may take: a server was seen to take 500 bytes more, in a room at rest."""

MAX_ENCRYPTED_BYTES: Final = 47 * 1024
"""The same where it will be encrypted: Base64 makes four bytes of three, and the envelope adds its own."""


def event_size(room_id: str, event_type: str, content: Any, state_key: str | None = None) -> int:
    """Return the bytes that our part of an event takes: type, room, state key and content as JSON.

    Raises:
        UsageError: the content cannot be sent as JSON.
    """
    event = {"type": event_type, "room_id": room_id, "content": unstructure(content)}
    if state_key is not None:
        event["state_key"] = state_key
    return len(dumps(event))


def check_event_size(
    room_id: str, event_type: str, content: Any, state_key: str | None = None, *, will_be_encrypted: bool = False
) -> None:
    """Refuse an event that is too large, or so large that what the server adds may not fit.

    Args:
        room_id: of the room.
        event_type: such as ``m.room.message``.
        content: a `Document` or plain values.
        state_key: of a state event, "" included; None for others.
        will_be_encrypted: True where the content is encrypted before it is sent; state never is.

    Raises:
        UsageError: a name is empty or over 255 bytes, the whole is too large, or it cannot be sent as JSON.

    Source: specification, client-server API, "Size limits"; the margins were measured on Synapse 1.163.
    """
    check_id(room_id, "the room id")
    check_id(event_type, "the event type")
    if state_key:
        check_id(state_key, "the state key")
    is_encrypted = will_be_encrypted and state_key is None
    limit = MAX_ENCRYPTED_BYTES if is_encrypted else MAX_PLAIN_BYTES
    size = event_size(room_id, event_type, content, state_key)
    if size > limit:
        how = "before it is encrypted" if is_encrypted else "before the server adds its part"
        raise UsageError(f"the event is {size} bytes long {how}; {limit} fit in the {MAX_EVENT_BYTES} of an event")
