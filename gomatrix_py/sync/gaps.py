"""Fetching what a limited timeline left out. No I/O of its own: pages come from a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import attrs

from ..api.room_history import RespMessages
from ..events import Event, EventSource
from ..store.records import Gap, InboxRow
from .going_back import is_behind

__all__ = ["GapPages", "Pages", "fetch_gap"]

PAGE = 100

Pages = Callable[[str, str, str, int], RespMessages]
"""Takes room id, from token, to token and limit; returns one page, going back in time."""


class GapPages(NamedTuple):
    """What was fetched of a gap: its events in order of time, and what is left of it."""

    rows: list[InboxRow]
    rest: Gap | None


def fetch_gap(gap: Gap, pages: Pages, is_known: Callable[[str, str], bool], limit: int | None) -> GapPages:
    """Page back from the end of a gap to its beginning.

    Args:
        gap: what is missing.
        pages: fetches one page.
        is_known: tells whether an event of a room came before; those are left out.
        limit: fetch no more than about this many events; None for all.

    Returns:
        The events, oldest first, and the part of the gap before them that was not fetched.
    """
    newest_first: list[Event] = []
    token = gap.prev_batch
    begin = "" if is_behind(token, gap.since) else gap.since  # the server knows no such token any more
    seen_tokens = {token}
    while limit is None or len(newest_first) < limit:
        wanted = PAGE if limit is None else min(PAGE, limit - len(newest_first))
        page = pages(gap.room_id, token, begin, wanted)
        fresh = [event for event in page.chunk if not (event.event_id and is_known(gap.room_id, event.event_id))]
        newest_first += fresh
        # State of the gap may be known from the answer that left it out; a message may not. So a page of
        # nothing but known events, a message among them, lies before the gap: the server went past `to`.
        is_past_the_gap = not fresh and not all(event.is_state for event in page.chunk)
        # a server that repeats its token has no more to say
        if is_past_the_gap or not page.end or page.end in seen_tokens:
            return GapPages(_rows(gap, newest_first), None)
        token = page.end
        seen_tokens.add(token)
    return GapPages(_rows(gap, newest_first), attrs.evolve(gap, prev_batch=token, id=0))


def _rows(gap: Gap, newest_first: list[Event]) -> list[InboxRow]:
    return [
        InboxRow(gap.room_id, event.event_id, EventSource.TIMELINE, event.json) for event in reversed(newest_first)
    ]
