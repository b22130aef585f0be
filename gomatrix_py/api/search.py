"""Searching what was said, on the server. Spec: "Server Side Search"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..codec import Document, field
from ..events import Event
from ..events.open_enum import OpenEnum
from ..http.endpoint import Endpoint, Response, query
from .base import Api, carries_out
from .filters import FilterPart

__all__ = [
    "EventSearch",
    "EventSearchResult",
    "EventSearchResults",
    "RespSearch",
    "Search",
    "SearchApi",
    "SearchCategories",
    "SearchContext",
    "SearchGroup",
    "SearchKey",
    "SearchOrder",
    "SearchProfile",
    "SearchResultCategories",
]


class SearchKey(OpenEnum):
    """Where in an event to look."""

    BODY = "content.body"
    NAME = "content.name"
    TOPIC = "content.topic"


class SearchOrder(OpenEnum):
    """What comes first: the newest, or what fits best."""

    RECENT = "recent"
    RANK = "rank"


class EventSearch(Document):
    """What to look for in events of rooms; `event_context` and `groupings` are as in the specification."""

    search_term: str
    keys: Sequence[SearchKey | str] | None = None
    filter: FilterPart | dict[str, Any] | None = None
    order_by: SearchOrder | str | None = None
    event_context: dict[str, Any] | None = None
    include_state: bool | None = None
    groupings: dict[str, Any] | None = None


class SearchCategories(Document):
    """Where to search; the specification knows events of rooms only."""

    room_events: EventSearch | None = None


class SearchProfile(Document):
    """A sender's profile at the time of an event."""

    display_name: str | None = field(default=None, name="displayname")
    avatar_url: str | None = None


class SearchContext(Document):
    """What stood around a found event, and the profiles of its senders by user id."""

    start: str | None = None
    end: str | None = None
    profile_info: dict[str, SearchProfile] = field(factory=dict)
    events_before: list[Event] = field(factory=list)
    events_after: list[Event] = field(factory=list)


class EventSearchResult(Document):
    """A found event; a higher `rank` fits better."""

    result: Event | None = None
    rank: float | None = None
    context: SearchContext | None = None


class SearchGroup(Document):
    """The found events of a group, by id, and where to go on in it."""

    results: list[str] = field(factory=list)
    order: int | None = None
    next_batch: str | None = None


class EventSearchResults(Document):
    """Found events, groups by kind and value, and the state of their rooms; `next_batch` is None at the end."""

    results: list[EventSearchResult] = field(factory=list)
    count: int | None = None
    highlights: list[str] = field(factory=list)
    state: dict[str, list[Event]] = field(factory=dict)
    groups: dict[str, dict[str, SearchGroup]] = field(factory=dict)
    next_batch: str | None = None


class SearchResultCategories(Document):
    """What was found, by where it was searched."""

    room_events: EventSearchResults | None = None


class RespSearch(Response):
    """One page of what was found."""

    search_categories: SearchResultCategories


class Search(Endpoint[RespSearch]):
    """Search on the server. Spec: POST /search."""

    METHOD, PATH, RATE_LIMITED = "POST", "/_matrix/client/v3/search", True
    search_categories: SearchCategories | dict[str, Any]
    next_batch: str | None = query(default=None)


class SearchApi(Api):
    """Searching on the server; encrypted events are not found."""

    @carries_out(Search)
    def search(
        self,
        search_term: str,
        next_batch: str | None = None,
        *,
        keys: Sequence[SearchKey | str] | None = None,
        filter: FilterPart | dict[str, Any] | None = None,
        order_by: SearchOrder | str | None = None,
        event_context: dict[str, Any] | None = None,
        include_state: bool | None = None,
        groupings: dict[str, Any] | None = None,
    ) -> RespSearch:
        """Search the events of our rooms.

        Args:
            search_term: what to look for.
            next_batch: of the page before.
            keys: where to look; everywhere where it is left out.
            filter: which rooms, senders and types.
            order_by: "rank" (the server's default) or "recent".
            event_context: ask for events around; ``{}`` for the server's defaults.
            include_state: ask for the state of the rooms too.
            groupings: ask for groups, as ``{"group_by": [{"key": "room_id"}]}``.

        Spec: POST /search.
        """
        wanted = EventSearch(search_term, keys, filter, order_by, event_context, include_state, groupings)
        return self.call(Search(SearchCategories(wanted), next_batch))
