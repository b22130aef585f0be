"""Encrypted events in the answers of calls, opened in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..api.legacy import RespEvents, RespInitialSync, RespRoomInitialSync
from ..api.push import RespNotifications
from ..api.room_history import Context, RespMessages, RespRelations, RespThreads
from ..api.search import RespSearch
from ..events import Event

__all__ = ["open_events"]

_PAGES = (RespMessages, RespRelations, RespThreads, RespEvents)


def open_events(answer: Any, opened: Callable[[Event], Event]) -> bool:
    """Open the events of an answer, and return whether it is one that holds any."""
    if isinstance(answer, _PAGES):
        answer.chunk = [opened(event) for event in answer.chunk]
    elif isinstance(answer, Context):
        answer.events_before = [opened(event) for event in answer.events_before]
        answer.events_after = [opened(event) for event in answer.events_after]
        if answer.event is not None:
            answer.event = opened(answer.event)
    elif isinstance(answer, RespSearch):
        _open_results(answer, opened)
    elif isinstance(answer, RespNotifications):
        for one in answer.notifications:
            one.event = opened(_placed(one.event, one.room_id))
    elif isinstance(answer, (RespInitialSync, RespRoomInitialSync)):
        for room in answer.rooms if isinstance(answer, RespInitialSync) else [answer]:
            if room.messages is not None:
                room.messages.chunk = [opened(_placed(event, room.room_id)) for event in room.messages.chunk]
    else:
        return False
    return True


def _placed(event: Event, room_id: str) -> Event:
    event.room_id = event.room_id or room_id
    return event


def _open_results(answer: RespSearch, opened: Callable[[Event], Event]) -> None:
    found = answer.search_categories.room_events
    for one in found.results if found is not None else ():
        if one.result is not None:
            one.result = opened(one.result)
        if one.context is not None:
            one.context.events_before = [opened(event) for event in one.context.events_before]
            one.context.events_after = [opened(event) for event in one.context.events_after]
