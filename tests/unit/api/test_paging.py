"""Pages are asked for one at a time, and no server leads round in circles."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py.api import paging
from gomatrix_py.api.paging import Paged, pages
from gomatrix_py.errors import PagingError, UsageError

Page = tuple[list[int], str | None]


class Server:
    """Answers with the page at a token, and remembers what it was asked for."""

    def __init__(self, by_token: dict[str | None, Page]) -> None:
        self.by_token = by_token
        self.asked: list[str | None] = []

    def read(self, token: str | None) -> Page:
        self.asked.append(token)
        return self.by_token[token]

    def paged(self, limit: int | None = None, key: Callable[[int], int] | None = None) -> Paged[Page, int]:
        return Paged(
            lambda: pages(self.read, lambda page: page[1], lambda page: page[0], operation="GET /things"),
            lambda page: page[0],
            key=key,
            limit=limit,
        )


def test_every_item_comes_and_the_last_page_ends_it() -> None:
    server = Server({None: ([1, 2], "a"), "a": ([], "b"), "b": ([3], None)})
    assert list(server.paged()) == [1, 2, 3]
    assert server.asked == [None, "a", "b"]


def test_an_empty_token_ends_it_too() -> None:
    assert list(Server({None: ([1], "")}).paged()) == [1]


def test_nothing_is_asked_for_before_it_is_wanted() -> None:
    server = Server({None: ([1, 2], "a"), "a": ([3], None)})
    paged = server.paged()
    assert server.asked == []
    assert [next(paged), next(paged)] == [1, 2]
    assert server.asked == [None]
    assert next(paged) == 3
    assert server.asked == [None, "a"]
    with pytest.raises(StopIteration):
        next(paged)


def test_a_limit_asks_for_no_more_than_it_needs() -> None:
    server = Server({None: ([1, 2], "a"), "a": ([3], None)})
    assert list(server.paged(limit=2)) == [1, 2]
    assert server.asked == [None]
    assert list(server.paged(limit=0)) == []
    assert server.asked == [None]
    with pytest.raises(UsageError):
        server.paged(limit=-1)


def test_an_empty_page_with_the_token_that_led_to_it_is_the_end() -> None:
    server = Server({None: ([1], "a"), "a": ([], "a")})
    assert list(server.paged()) == [1]


@pytest.mark.parametrize(
    "by_token",
    [
        {None: ([1], "a"), "a": ([2], "a")},
        {None: ([1], "a"), "a": ([2], "b"), "b": ([3], "a")},
        {None: ([1], "a"), "a": ([2], "b"), "b": ([], "a")},
    ],
)
def test_a_token_that_comes_again_is_an_error_after_what_was_new(by_token: dict[str | None, Page]) -> None:
    got: list[int] = []
    with pytest.raises(PagingError, match="GET /things") as caught:
        got.extend(Server(by_token).paged())
    assert got == [item for items, _ in by_token.values() for item in items]
    assert caught.value.operation == "GET /things"


def test_pages_without_end_that_hold_nothing_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MAX_EMPTY_PAGES", 5)
    read: list[str | None] = []

    def endless(token: str | None) -> Page:
        read.append(token)
        return [], f"t{len(read)}"

    walk = pages(endless, lambda page: page[1], lambda page: page[0], operation="GET /things")
    with pytest.raises(PagingError, match="5 pages in a row were empty"):
        list(walk)
    assert len(read) == 5


def test_some_empty_pages_among_others_are_none() -> None:
    by_token: dict[str | None, Page] = {None: ([], "0")}
    by_token |= {str(n): ([n] if n % 900 == 0 else [], str(n + 1)) for n in range(2000)}
    by_token["2000"] = ([], None)
    assert list(Server(by_token).paged()) == [0, 900, 1800]


def test_items_that_come_again_come_once() -> None:
    by_token: dict[str | None, Page] = {None: ([1, 2, 3], "a"), "a": ([3, 4, 4], "b"), "b": ([1, 5], None)}
    assert list(Server(by_token).paged(key=lambda item: item)) == [1, 2, 3, 4, 5]
    assert list(Server(by_token).paged()) == [1, 2, 3, 3, 4, 4, 1, 5]


def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "REMEMBERED_ITEMS", 2)
    assert list(Server({None: ([1, 1, 2, 3, 1], None)}).paged(key=lambda item: item)) == [1, 2, 3, 1]


def test_the_pages_themselves_are_a_walk_of_their_own() -> None:
    server = Server({None: ([1, 2], "a"), "a": ([3], None)})
    paged = server.paged(limit=1)
    assert [items for items, _ in paged.pages()] == [[1, 2], [3]]
    assert list(paged) == [1]


_answers = st.tuples(st.lists(st.integers(), max_size=3), st.sampled_from([None, "", "a", "b", "c", "d"]))


@settings(max_examples=200, deadline=None)
@given(st.lists(_answers, min_size=5, max_size=5))
def test_every_server_comes_to_an_end(answers: list[Page]) -> None:
    by_token: dict[str | None, Page] = dict(zip([None, "a", "b", "c", "d"], answers, strict=True))
    server = Server(by_token)
    with contextlib.suppress(PagingError):
        list(islice(server.paged(), 1000))
    assert len(server.asked) == len(set(server.asked)) <= 5
