"""Events that could not be read when they came: kept, and handed out again when their key has come."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from ..codec import loads
from ..errors import DecodeError
from ..events import Event, EventSource
from . import spaces
from .steps import Step

__all__ = ["WaitingEvent", "keep_waiting", "now_readable", "waiting_for"]


@attrs.frozen
class WaitingEvent:
    """An event whose key is missing, as it came."""

    room_id: str
    source: EventSource
    json: bytes = attrs.field(repr=False)


def keep_waiting(step: Step, event: Event, session_id: str) -> bool:
    """Keep an event until the key of its session comes; return whether it can be kept."""
    names = (event.room_id, session_id, event.event_id)
    if not all(spaces.is_sound_id(name) for name in names):
        return False
    source = event.source or EventSource.TIMELINE
    step.put(spaces.WAITING, spaces.place(*names), source.value.encode() + b"\n" + event.json)
    return True


def waiting_for(step: Step, room_id: str, session_id: str) -> list[WaitingEvent]:
    """Return the events that wait for a key, oldest first."""
    if not spaces.is_sound_id(room_id) or not spaces.is_sound_id(session_id):
        return []
    found = []
    for _, value in step.scan(spaces.WAITING, f"{room_id} {session_id} "):
        source, _, json = value.partition(b"\n")
        found.append(WaitingEvent(room_id, EventSource(source.decode()), json))
    return sorted(found, key=_sent_at)


def now_readable(step: Step, keys: Iterable[tuple[str, str]]) -> list[WaitingEvent]:
    """Take out the events that wait for these keys, each as (room id, session id)."""
    found = []
    for room_id, session_id in keys:
        found += waiting_for(step, room_id, session_id)
        for key, _ in list(step.scan(spaces.WAITING, f"{room_id} {session_id} ")):
            step.remove(spaces.WAITING, key)
    return found


def _sent_at(waiting: WaitingEvent) -> int:
    try:
        event = loads(waiting.json)
    except DecodeError:
        return 0
    stamp = event.get("origin_server_ts") if isinstance(event, dict) else 0
    return stamp if isinstance(stamp, int) else 0
