"""Lists of the admin API, page after page: each element once, and an error where the pages would never end."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeVar

from ..api.paging import Paged, pages
from ..errors import UsageError

__all__ = ["check_page_size", "listing"]

P = TypeVar("P")
T = TypeVar("T")


def listing(
    read: Callable[[str | None], P],
    items: Callable[[P], Sequence[T]],
    next_token: Callable[[P], str | None],
    *,
    key: Callable[[T], Hashable] | None,
    start: str | None = None,
) -> Paged[P, T]:
    """Return the elements of all pages; none is asked for before it is wanted.

    Args:
        read: reads the page of a token; None is the first.
        items: of a page.
        next_token: what a page says of the next, None for nothing.
        key: what is the same in an element that comes again: a list may shift while it is paged through.
        start: the token to begin with.

    A page that names a token that was read already ends the list with `PagingError`, an empty one too: so Synapse
    answers where `limit` is 0.
    """
    what = read.__qualname__.partition(".<locals>")[0]

    def walk() -> Iterator[P]:
        return pages(read, next_token, lambda page: (page,), operation=what, start=start)

    return Paged(walk, items, key=key)


def check_page_size(page_size: int | None) -> int | None:
    """Return how many elements a page shall have.

    Raises:
        UsageError: none, or less: the server would answer with the same page for ever.
    """
    if page_size is not None and (not isinstance(page_size, int) or isinstance(page_size, bool) or page_size < 1):
        raise UsageError(f"a page has at least one element, not {page_size!r}")
    return page_size
