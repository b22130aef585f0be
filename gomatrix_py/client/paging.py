"""What the specification hands out in pages, as iterators."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeVar

from ..api.directory import PublicRoom, PublicRooms, QueryPublicRooms, RespPublicRooms
from ..api.filters import FilterPart
from ..api.paging import Paged, pages
from ..api.push import GetNotifications, Notification, RespNotifications
from ..api.room_history import (
    Direction,
    GetMessages,
    GetRelations,
    GetRelationsByType,
    GetRelationsByTypeAndEventType,
    GetThreads,
    RespMessages,
    RespRelations,
    RespThreads,
    ThreadScope,
)
from ..api.room_summaries import GetHierarchy, HierarchyRoom, RespHierarchy
from ..api.search import (
    EventSearch,
    EventSearchResult,
    EventSearchResults,
    RespSearch,
    Search,
    SearchCategories,
    SearchKey,
    SearchOrder,
)
from ..api.users import (
    DirectoryUser,
    GetMutualRooms,
    RespMutualRooms,
    RespSearchUserDirectory,
    SearchUserDirectory,
)
from ..errors import UsageError
from ..events import Event
from ..http.endpoint import Endpoint
from .base import BaseClient

__all__ = ["PagingMethods"]

P = TypeVar("P")
T = TypeVar("T")


class PagingMethods(BaseClient):
    """Each returns an iterator that asks for one page at a time, and none before its first item is wanted.

    `limit` is how many items to hand out at most, `page_size` how many to ask for at a time; a server may
    send fewer. `Paged.pages` gives the answers themselves. While it runs, an iterator raises what the call
    raises, and `PagingError` where the server leads round in circles. It belongs to one thread.
    """

    def messages_iter(
        self,
        room_id: str,
        *,
        limit: int | None = None,
        direction: Direction | str = Direction.BACKWARD,
        from_: str | None = None,
        to: str | None = None,
        filter: FilterPart | dict[str, Any] | None = None,
        page_size: int = 100,
    ) -> Paged[RespMessages, Event]:
        """Go through a room's history.

        Args:
            room_id: which room.
            limit: stop after so many events.
            direction: "b" from the newest back, "f" from the oldest on.
            from_: a token to begin at.
            to: a token to end at.
            filter: which events.
            page_size: how many to ask for at a time.

        Raises:
            UsageError: `limit` is negative or `page_size` not positive.

        Spec: GET /rooms/{roomId}/messages.
        """
        return self._paged(
            lambda token: GetMessages(room_id, token, to, direction, page_size, filter=filter),
            lambda page: page.end,
            lambda page: page.chunk,
            key=_event_id,
            limit=limit,
            start=from_,
            page_size=page_size,
        )

    def relations_iter(
        self,
        room_id: str,
        event_id: str,
        rel_type: str | None = None,
        event_type: str | None = None,
        *,
        limit: int | None = None,
        direction: Direction | str = Direction.BACKWARD,
        recurse: bool | None = None,
        page_size: int = 100,
    ) -> Paged[RespRelations, Event]:
        """Go through the events that relate to an event.

        Args:
            room_id: which room.
            event_id: which event.
            rel_type: such as ``m.thread``; all where it is left out.
            event_type: such as ``m.reaction``; only together with `rel_type`.
            limit: stop after so many events.
            direction: "b" from the newest back, "f" from the oldest on.
            recurse: also what relates to those.
            page_size: how many to ask for at a time.

        Raises:
            UsageError: an `event_type` without a `rel_type`, `limit` is negative or `page_size` not positive.

        Spec: GET /rooms/{roomId}/relations/{eventId}.
        """
        if event_type is not None and rel_type is None:
            raise UsageError("relations are found by event type only within a rel_type")

        def endpoint(token: str | None) -> Endpoint[RespRelations]:
            how: dict[str, Any] = {"from_": token, "dir": direction, "limit": page_size, "recurse": recurse}
            if rel_type is None:
                return GetRelations(room_id, event_id, **how)
            if event_type is None:
                return GetRelationsByType(room_id, event_id, rel_type, **how)
            return GetRelationsByTypeAndEventType(room_id, event_id, rel_type, event_type, **how)

        return self._paged(
            endpoint,
            lambda page: page.next_batch,
            lambda page: page.chunk,
            key=_event_id,
            limit=limit,
            page_size=page_size,
        )

    def threads_iter(
        self,
        room_id: str,
        include: ThreadScope | str | None = None,
        *,
        limit: int | None = None,
        page_size: int = 50,
    ) -> Paged[RespThreads, Event]:
        """Go through the events that threads of a room began with, the one with the newest reply first.

        Args:
            room_id: which room.
            include: "all" or "participated".
            limit: stop after so many threads.
            page_size: how many to ask for at a time.

        Raises:
            UsageError: `limit` is negative or `page_size` not positive.

        Spec: GET /rooms/{roomId}/threads.
        """
        return self._paged(
            lambda token: GetThreads(room_id, include, token, limit=page_size),
            lambda page: page.next_batch,
            lambda page: page.chunk,
            key=_event_id,
            limit=limit,
            page_size=page_size,
        )

    def public_rooms_iter(
        self,
        filter: str | dict[str, Any] | None = None,
        server: str | None = None,
        *,
        limit: int | None = None,
        page_size: int = 100,
    ) -> Paged[RespPublicRooms, PublicRoom]:
        """Go through a room directory.

        Args:
            filter: a text to search for, or a filter as in the specification.
            server: whose directory; our own server's where it is left out.
            limit: stop after so many rooms.
            page_size: how many to ask for at a time.

        Raises:
            UsageError: `limit` is negative or `page_size` not positive.

        Spec: GET /publicRooms, and POST /publicRooms with a filter.
        """
        wanted = {"generic_search_term": filter} if isinstance(filter, str) else filter

        def endpoint(token: str | None) -> Endpoint[RespPublicRooms]:
            if wanted is None:
                return PublicRooms(page_size, token, server)
            return QueryPublicRooms(page_size, token, server, wanted)

        return self._paged(
            endpoint,
            lambda page: page.next_batch,
            lambda page: page.chunk,
            key=lambda room: room.room_id,
            limit=limit,
            page_size=page_size,
        )

    def hierarchy_iter(
        self,
        room_id: str,
        *,
        max_depth: int | None = None,
        suggested_only: bool | None = None,
        limit: int | None = None,
        page_size: int = 50,
    ) -> Paged[RespHierarchy, HierarchyRoom]:
        """Go through a space, depth first, the space itself first; a room in two places comes once.

        Args:
            room_id: of the space.
            max_depth: how deep to go.
            suggested_only: leave out what the space does not suggest.
            limit: stop after so many rooms.
            page_size: how many to ask for at a time.

        Raises:
            UsageError: `limit` is negative or `page_size` not positive.

        Spec: GET /rooms/{roomId}/hierarchy.
        """
        return self._paged(
            lambda token: GetHierarchy(room_id, page_size, token, max_depth=max_depth, suggested_only=suggested_only),
            lambda page: page.next_batch,
            lambda page: page.rooms,
            key=lambda room: room.room_id,
            limit=limit,
            page_size=page_size,
        )

    def search_iter(
        self,
        search_term: str,
        *,
        keys: Sequence[SearchKey | str] | None = None,
        filter: FilterPart | None = None,
        order_by: SearchOrder | str | None = None,
        event_context: dict[str, Any] | None = None,
        limit: int | None = None,
        page_size: int = 50,
    ) -> Paged[RespSearch, EventSearchResult]:
        """Go through what the server finds in the events of our rooms; encrypted ones are not found.

        Args:
            search_term: what to look for.
            keys: where to look; everywhere where it is left out.
            filter: which rooms, senders and types; its `limit` is taken as `page_size`.
            order_by: "rank" (the server's default) or "recent".
            event_context: ask for events around; ``{}`` for the server's defaults.
            limit: stop after so many results.
            page_size: how many to ask for at a time.

        Raises:
            UsageError: `limit` is negative or `page_size` not positive.

        Spec: POST /search.
        """
        narrowed = _with_limit(filter, page_size)
        wanted = SearchCategories(EventSearch(search_term, keys, narrowed, order_by, event_context))

        def found(page: RespSearch) -> EventSearchResults:
            return page.search_categories.room_events or EventSearchResults()

        return self._paged(
            lambda token: Search(wanted, token),
            lambda page: found(page).next_batch,
            lambda page: found(page).results,
            key=lambda one: one.result.event_id if one.result is not None else None,
            limit=limit,
            page_size=page_size,
        )

    def notifications_iter(
        self, only: str | None = None, *, limit: int | None = None, page_size: int = 100
    ) -> Paged[RespNotifications, Notification]:
        """Go through what the user was notified of, newest first.

        Args:
            only: "highlight", or everything where it is left out.
            limit: stop after so many.
            page_size: how many to ask for at a time.

        Raises:
            UsageError: `limit` is negative or `page_size` not positive.

        Spec: GET /notifications.
        """
        return self._paged(
            lambda token: GetNotifications(token, page_size, only=only),
            lambda page: page.next_token,
            lambda page: page.notifications,
            key=lambda one: (one.room_id, one.event.event_id),
            limit=limit,
            page_size=page_size,
        )

    def mutual_rooms_iter(self, user_id: str, *, limit: int | None = None) -> Paged[RespMutualRooms, str]:
        """Go through the ids of the rooms that we and another user are both in.

        Raises:
            UsageError: `limit` is negative.

        Spec: GET /mutual_rooms.
        """
        return self._paged(
            lambda token: GetMutualRooms(user_id, token),
            lambda page: page.next_batch,
            lambda page: page.joined,
            key=lambda room_id: room_id,
            limit=limit,
        )

    def user_directory_iter(
        self, search_term: str, *, limit: int | None = None, page_size: int = 50
    ) -> Paged[RespSearchUserDirectory, DirectoryUser]:
        """Go through the users that a search finds.

        The directory has no pages: it is asked for twice as many while it says that there are more and
        answers with more than before. A server may never tell more than so many.

        Args:
            search_term: a part of a name or an id.
            limit: stop after so many users.
            page_size: how many to ask for at first.

        Raises:
            UsageError: `limit` is negative or `page_size` not positive.

        Spec: POST /user_directory/search.
        """

        _check(page_size)

        def more_and_more() -> Iterator[RespSearchUserDirectory]:
            asked, known = page_size, 0
            while True:
                page = self.call(SearchUserDirectory(search_term, asked))
                yield page
                if not page.limited or len(page.results) <= known:
                    return
                asked, known = asked * 2, len(page.results)

        return Paged(more_and_more, lambda page: page.results, key=lambda user: user.user_id, limit=limit)

    def _paged(
        self,
        endpoint: Callable[[str | None], Endpoint[P]],
        next_token: Callable[[P], str | None],
        items: Callable[[P], Sequence[T]],
        *,
        key: Callable[[T], Hashable],
        limit: int | None,
        start: str | None = None,
        page_size: int = 1,
    ) -> Paged[P, T]:
        _check(page_size)
        operation = endpoint(start).route()

        def read(token: str | None) -> P:
            return self.call(endpoint(token))

        return Paged(
            lambda: pages(read, next_token, items, operation=operation, start=start), items, key=key, limit=limit
        )


def _check(page_size: int) -> None:
    if page_size < 1:
        raise UsageError(f"page_size must be positive, but is {page_size}")


def _event_id(event: Event) -> Hashable:
    return event.event_id or None


def _with_limit(filter: FilterPart | None, limit: int) -> FilterPart:
    narrowed = copy.copy(filter) if filter is not None else FilterPart()
    narrowed.limit = limit
    return narrowed
