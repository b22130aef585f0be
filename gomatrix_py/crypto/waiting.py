"""Events that could not be read when they came: kept, and handed out again when their key has come."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

import attrs

from ..codec import loads
from ..errors import DecodeError
from ..events import Event, EventSource
from . import spaces
from .inbound import Inbound
from .steps import Step

__all__ = ["WaitingEvent", "awaited", "keep_waiting", "now_readable"]


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


def awaited(step: Step) -> list[tuple[str, str]]:
    """Return the keys that events wait for, as (room id, session id)."""
    places = (key.split(" ") for key, _ in step.scan(spaces.WAITING))
    return list(dict.fromkeys((place[0], place[1]) for place in places))


def now_readable(step: Step, inbound: Inbound, keys: Iterable[tuple[str, str]]) -> list[WaitingEvent]:
    """Take out the events that wait for these keys, oldest first; those from before a key begins wait on.

    Args:
        step: to change.
        inbound: what keeps the keys.
        keys: each as (room id, session id).
    """
    found = []
    for room_id, session_id in keys:
        if spaces.is_sound_id(room_id) and spaces.is_sound_id(session_id):
            of_key = []
            for key, value in list(step.scan(spaces.WAITING, f"{room_id} {session_id} ")):
                source, _, json = value.partition(b"\n")
                event = _read(json)
                if inbound.reaches_back_to(step, room_id, session_id, event.get("content")):
                    step.remove(spaces.WAITING, key)
                    of_key.append((_sent_at(event), WaitingEvent(room_id, EventSource(source.decode()), json)))
            found += [waiting for _, waiting in sorted(of_key, key=itemgetter(0))]
    return found


def _read(json: bytes) -> dict[str, Any]:
    try:
        event = loads(json)
    except DecodeError:
        event = None
    return event if isinstance(event, dict) else {}


def _sent_at(event: dict[str, Any]) -> int:
    stamp = event.get("origin_server_ts")
    return stamp if isinstance(stamp, int) else 0
