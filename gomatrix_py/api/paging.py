"""Going through what a server hands out page by page, safe against one that leads us round in circles."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import islice
from typing import Generic, TypeVar

from ..errors import PagingError, UsageError

__all__ = ["Paged", "pages"]

P = TypeVar("P")
T = TypeVar("T")

MAX_EMPTY_PAGES = 1000
"""So many pages in a row may be empty: a filter may leave out most of a room, but not go on for ever."""

REMEMBERED_ITEMS = 10_000
"""So many items are remembered to tell one that comes again: pages overlap with their neighbours only."""


def pages(
    read: Callable[[str | None], P],
    next_token: Callable[[P], str | None],
    items: Callable[[P], Sequence[object]],
    *,
    operation: str,
    start: str | None = None,
) -> Iterator[P]:
    """Yield page after page, each asked for when it is wanted.

    The last page has no token, or is empty with the token that led to it.

    Args:
        read: asks for the page at a token, None for the first.
        next_token: of a page; None or "" where there is no more.
        items: of a page.
        operation: for errors.
        start: where to begin.

    Raises:
        PagingError: a token came again, or too many pages in a row were empty.
    """
    token = start
    used = {start}
    empty = 0
    while True:
        page = read(token)
        yield page
        following = next_token(page) or None
        is_empty = not items(page)
        if following is None or (is_empty and following == token):
            return
        empty = empty + 1 if is_empty else 0
        if following in used:
            raise PagingError("the server gave a page token for the second time", operation=operation)
        if empty >= MAX_EMPTY_PAGES:
            raise PagingError(f"{empty} pages in a row were empty", operation=operation)
        used.add(following)
        token = following


class Paged(Iterator[T], Generic[P, T]):
    """The items of all pages, one page asked for at a time, and none before the first item is wanted.

    Args:
        all_pages: makes a new walk through the pages.
        items: of a page.
        key: what two items have in common that are the same; None where pages cannot overlap.
        limit: stop after so many items; None for all.

    Raises:
        UsageError: `limit` is negative.
    """

    def __init__(
        self,
        all_pages: Callable[[], Iterator[P]],
        items: Callable[[P], Sequence[T]],
        *,
        key: Callable[[T], Hashable] | None = None,
        limit: int | None = None,
    ) -> None:
        if limit is not None and limit < 0:
            raise UsageError(f"limit must not be negative, but is {limit}")
        self._all_pages = all_pages
        self._items_of = items
        self._key = key
        self._walk = islice(self._items(), limit)

    def __next__(self) -> T:
        return next(self._walk)

    def pages(self) -> Iterator[P]:
        """Yield the answers themselves, from the first page on; `limit` does not count here."""
        return self._all_pages()

    def _items(self) -> Iterator[T]:
        known: OrderedDict[Hashable, None] = OrderedDict()
        for page in self._all_pages():
            for item in self._items_of(page):
                key = self._key(item) if self._key is not None else None
                if key is None:
                    yield item
                elif key not in known:
                    known[key] = None
                    if len(known) > REMEMBERED_ITEMS:
                        known.popitem(last=False)
                    yield item
