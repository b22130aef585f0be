"""What a listener sends has the same transaction ids when it is run again, and no others have them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from gomatrix_py import Event, EventSource
from gomatrix_py.store import InboxRow
from gomatrix_py.sync.handling import handled_by, handling, next_transaction_id

ROW = InboxRow("!a:hs", "$1", EventSource.TIMELINE, b"{}", seq=7)


def listener(event: Event) -> None:
    """Do nothing."""


def other(event: Event) -> None:
    """Do nothing."""


class Plugin:
    def on_event(self, event: Event) -> None:
        """Do nothing."""


class Callables:
    def __call__(self, event: Event) -> None:
        """Do nothing."""


def ids(
    row: InboxRow = ROW, who: Callable[..., object] = listener, device: str = "DEV", count: int = 2
) -> list[str | None]:
    with handling(row, who):
        return [next_transaction_id(device) for _ in range(count)]


def test_the_same_run_asks_for_the_same_ids() -> None:
    first = ids()
    assert ids() == first
    assert len(set(first)) == 2
    assert all(one is not None and one.startswith("gmpy-h-") and one[7:].isalnum() and one.islower() for one in first)


def test_they_are_the_same_in_every_process() -> None:
    """A change of this value would make bots answer twice once, after an upgrade."""
    row = InboxRow("!a:hs", "$1", EventSource.TIMELINE, b"{}")
    assert ids(row, Plugin().on_event, count=1) == ids(row, Plugin().on_event, count=1)
    assert ids(row, len, count=1) == ["gmpy-h-2zfoeopvboqayaf7xyej3dxioggi77u5bbqp7ytxt6qpmohcdtwq"]


@pytest.mark.parametrize(
    "else_",
    [
        ids(who=other),
        ids(device="OTHER"),
        ids(InboxRow("!b:hs", "$1", EventSource.TIMELINE, b"{}", seq=7)),
        ids(InboxRow("!a:hs", "$2", EventSource.TIMELINE, b"{}", seq=7)),
        ids(InboxRow("!a:hs", "$1", EventSource.STATE, b"{}", seq=7)),
    ],
)
def test_what_differs_has_other_ids(else_: list[str | None]) -> None:
    assert not set(else_) & set(ids())


def test_an_event_without_an_id_is_known_by_its_place() -> None:
    rows = [InboxRow("", "", EventSource.TO_DEVICE, b"{}", seq=seq) for seq in (1, 1, 2)]
    first, again, next_one = (ids(row) for row in rows)
    assert first == again
    assert not set(first) & set(next_one)


def test_ids_of_events_may_be_anything() -> None:
    assert ids(InboxRow("!\ud800", "$\ud800\0", EventSource.TIMELINE, b"{}")) != ids()


def one_and_another() -> list[tuple[Callable[..., None], Callable[..., None]]]:
    def made(number: int) -> Callable[[Event], None]:
        return lambda event: None

    plugins, callables = (Plugin(), Plugin()), (Callables(), Callables())
    return [
        (made(1), made(2)),
        (plugins[0].on_event, plugins[1].on_event),
        (partial(listener), partial(other)),
        callables,
        (listener, listener),
    ]


@pytest.mark.parametrize(
    ("one", "another"), one_and_another(), ids=["lambdas", "methods", "partials", "objects", "twice"]
)
def test_listeners_of_one_name_have_ids_of_their_own(one: Callable[..., None], another: Callable[..., None]) -> None:
    """What the second one sends must not be taken for a repetition of the first."""
    found = []
    for _ in range(2):
        with handling(ROW, one):
            first = next_transaction_id("DEV")
        with handling(ROW, another, [one]):
            found.append((first, next_transaction_id("DEV")))
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]


def test_outside_of_listeners_there_is_none() -> None:
    assert (next_transaction_id("DEV"), handled_by()) == (None, None)
    with handling(ROW, listener):
        assert handled_by() is ROW
    assert (next_transaction_id("DEV"), handled_by()) == (None, None)


def test_a_run_ends_with_its_error() -> None:
    with pytest.raises(LookupError), handling(ROW, listener):
        raise LookupError
    assert handled_by() is None


def test_a_run_may_stand_in_another() -> None:
    inner = InboxRow("!b:hs", "$2", EventSource.TIMELINE, b"{}")
    with handling(ROW, listener):
        first = next_transaction_id("DEV")
        with handling(inner, other):
            assert handled_by() is inner
        assert handled_by() is ROW
        assert [first, next_transaction_id("DEV")] == ids()


def test_other_threads_are_not_the_listener() -> None:
    found: list[str | None] = []
    with handling(ROW, listener):
        thread = threading.Thread(target=lambda: found.append(next_transaction_id("DEV")))
        thread.start()
        thread.join()
    assert found == [None]
