"""Skimming a JSON array of events: enough of each to sort it, the rest still bytes.

The array of a room's state is often looked at by nobody, so it is kept as one slice until somebody does.
"""

from __future__ import annotations

import logging

from ..codec import DECODE_FAILURES, RawJSON, Shape, dumps, fast_decoder, loads_tolerant
from ..errors import DecodeError
from .event import Event

__all__ = ["NO_EVENTS", "Skimmed", "StatePiece", "join_array", "skim", "sound_events", "state_pieces"]

log = logging.getLogger("gomatrix_py.events")

NO_EVENTS = b"[]"

StatePiece = tuple[str, str, bytes]
"""Event type, state key and the event's JSON."""


class Skimmed(Shape, gc=False):
    """What is read of an event at first."""

    type: str
    state_key: str | None = None
    event_id: str = ""


_heads = fast_decoder(list[Skimmed])
_slices = fast_decoder(list[RawJSON])


def skim(array: bytes | RawJSON) -> list[tuple[Skimmed, bytes]]:
    """Return the envelope and the JSON of each event of an array; what is no event is left out and logged."""
    try:
        return list(zip(_heads(array), map(bytes, _slices(array)), strict=True))
    except DECODE_FAILURES:
        return _skim_one_by_one(bytes(array))


def _skim_one_by_one(array: bytes) -> list[tuple[Skimmed, bytes]]:
    try:
        slices: list[bytes] = list(map(bytes, _slices(array)))
    except DECODE_FAILURES:
        slices = _slices_of_damaged(array)
    found = []
    for data in slices:
        try:
            event = Event.from_json(data)
        except DecodeError as error:
            log.warning("left out something that is no event: %s", error)
            continue
        found.append((Skimmed(event.type, event.state_key, event.event_id), event.json))
    return found


def _slices_of_damaged(array: bytes) -> list[bytes]:
    slices = []
    try:
        events = loads_tolerant(array)
    except DecodeError as error:
        log.warning("left out a list of events: %s", error)
        return []
    for event in events if isinstance(events, list) else ():
        try:
            slices.append(dumps(event, ascii_only=True))
        except ValueError:
            log.warning("left out something that is no event: it holds what is not JSON")
    return slices


def sound_events(array: bytes | RawJSON) -> list[Event]:
    """Return the events of an array; what is no event is left out and logged."""
    events = []
    for _, data in skim(array):
        try:
            events.append(Event.from_json(data))
        except DecodeError as error:
            log.warning("left out something that is no event: %s", error)
    return events


def state_pieces(array: bytes | RawJSON) -> list[StatePiece]:
    """Return the state events of an array, in order."""
    try:
        heads = _heads(array)
        return [
            (head.type, head.state_key, bytes(raw))
            for head, raw in zip(heads, _slices(array), strict=True)
            if head.state_key is not None
        ]
    except DECODE_FAILURES:
        return [
            (head.type, head.state_key, data)
            for head, data in _skim_one_by_one(bytes(array))
            if head.state_key is not None
        ]


def join_array(events: list[bytes], array: bytes | RawJSON = NO_EVENTS) -> bytes:
    """Return a JSON array of these events, followed by those of `array`."""
    inside = bytes(array).strip()[1:-1].strip()
    return b"[" + b",".join([*events, *([inside] if inside else [])]) + b"]"
