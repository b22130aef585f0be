"""Who hears of what, and what happens to a listener that raises."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py import Event, EventSource, SyncResponse
from gomatrix_py.errors import ListenerFailed
from gomatrix_py.sync import log_listener_error, raise_listener_error
from gomatrix_py.sync.listeners import Listeners

TIMELINE, STATE = EventSource.TIMELINE, EventSource.STATE


def listener(name: str) -> Callable[[Event], None]:
    """Make a listener that can be told from others."""

    def listen(event: Event) -> None:
        raise AssertionError("nobody calls it here")

    listen.__qualname__ = name
    return listen


A, B, C, D = map(listener, "ABCD")


@pytest.fixture
def listeners() -> Listeners:
    """A by type, B by source, C by both, D for everything."""
    listeners = Listeners()
    listeners.add(A, "m.room.message", None)
    listeners.add(B, None, STATE)
    listeners.add(C, "m.room.name", STATE)
    listeners.add(D, None, None)
    return listeners


@pytest.mark.parametrize(
    ("source", "event_type", "wanting"),
    [
        (TIMELINE, "m.room.message", (A, D)),
        (TIMELINE, "m.room.name", (D,)),
        (STATE, "m.room.message", (A, B, D)),
        (STATE, "m.room.name", (B, C, D)),
        (EventSource.PRESENCE, "m.presence", (D,)),
        (EventSource.TO_DEVICE, "m.room.message", (A, D)),
    ],
)
def test_listeners_are_found_in_the_order_they_came(
    listeners: Listeners, source: EventSource, event_type: str, wanting: tuple[Any, ...]
) -> None:
    for _ in range(2):  # looked up, then remembered
        assert listeners.wanting(source, event_type) == wanting


def test_what_is_remembered_is_forgotten_when_listeners_come_and_go(listeners: Listeners) -> None:
    assert listeners.wanting(TIMELINE, "m.room.name") == (D,)
    late = listener("late")
    listeners.add(late, "m.room.name", None)
    assert listeners.wanting(TIMELINE, "m.room.name") == (D, late)
    listeners.remove(D)
    assert listeners.wanting(TIMELINE, "m.room.name") == (late,)
    listeners.remove(D)  # twice does nothing
    listeners.remove(listener("late"))  # another of the same name is another
    assert listeners.wanting(TIMELINE, "m.room.name") == (late,)


def test_a_listener_may_have_several_wishes_and_loses_all_of_them(listeners: Listeners) -> None:
    listeners.add(A, "m.room.name", TIMELINE)
    assert listeners.wanting(TIMELINE, "m.room.name") == (D, A)
    listeners.remove(A)
    assert A not in listeners.wanting(TIMELINE, "m.room.name") + listeners.wanting(TIMELINE, "m.room.message")


def test_bound_methods_can_be_removed() -> None:
    class Bot:
        def hear(self, event: Event) -> None:
            pass

    bot, listeners = Bot(), Listeners()
    listeners.add(bot.hear, None, None)
    listeners.remove(bot.hear)  # not the same object, but equal
    assert listeners.wanting(TIMELINE, "x") == ()


def test_types_without_end_do_not_fill_the_memory(listeners: Listeners) -> None:
    for number in range(20_000):
        listeners.wanting(TIMELINE, f"com.example.{number}")
    assert len(listeners._table.found) <= 10_000
    assert listeners.wanting(TIMELINE, "com.example.19999") == (D,)


def test_a_listener_added_while_another_thread_looks_is_not_missed() -> None:
    """The look-up began before it came; what it found must not be remembered for those after."""
    listeners = Listeners()

    class Slow(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            if len(listeners._table.entries) == 1:  # in the middle of the look-up
                listeners.add(B, "m.room.name", None)
            return str.__eq__(self, other)

    listeners.add(A, Slow("m.room.name"), None)
    listeners.wanting(TIMELINE, "m.room.name")
    assert listeners.wanting(TIMELINE, "m.room.name") == (A, B)


# ------------------------------------------------------------------ without decoding


@pytest.mark.parametrize(
    ("array", "may"),
    [
        (b"[]", False),
        (b'[{"type":"m.room.name"}]', False),
        (b'[{"type":"m.room.message"}]', True),
        (b'[{"content":{"type":"m.room.message"}}]', True),  # perhaps; a closer look will tell
        (rb'[{"type":"m.room.\u006dessage"}]', True),
        (rb'[{"type":"com.example\/x"}]', True),
    ],
)
def test_what_nobody_can_want_is_known_without_decoding(array: bytes, may: bool) -> None:
    listeners = Listeners()
    listeners.add(A, "m.room.message", STATE)
    listeners.add(A, "com.example/x", STATE)
    assert listeners.may_want(STATE, array) is may
    assert listeners.may_want(TIMELINE, array) is False
    listeners.add(D, None, None)
    assert listeners.may_want(TIMELINE, array) is True


_types = st.sampled_from(
    ["m.room.message", "a/b", 'quo"te', "back\\slash", "ü☕", "tab\t", "del\x7f", "nul\x00", "💥"]
)


def _escaped(text: str) -> str:
    """Write a text as JSON in the most roundabout way: everything escaped."""
    units = text.encode("utf-16-be")
    return '"' + "".join(f"\\u{units[n]:02x}{units[n + 1]:02x}" for n in range(0, len(units), 2)) + '"'


_writers: list[Callable[[str], str]] = [
    json.dumps,
    lambda text: json.dumps(text, ensure_ascii=False),
    lambda text: json.dumps(text, ensure_ascii=False).replace("/", "\\/"),
    _escaped,
]


@settings(max_examples=200, deadline=None)
@given(wanted=_types, there=st.lists(st.tuples(_types, st.sampled_from(_writers)), max_size=4))
def test_no_writer_of_json_hides_what_is_wanted(wanted: str, there: list[tuple[str, Callable[[str], str]]]) -> None:
    listeners = Listeners()
    listeners.add(A, wanted, STATE)
    array = "[" + ",".join(f'{{"type":{write(kind)}}}' for kind, write in there) + "]"
    if wanted in [json.loads(array)[number]["type"] for number in range(len(there))]:
        assert listeners.may_want(STATE, array.encode())


# ------------------------------------------------------------------ policies

EVENT = Event("m.room.message", event_id="$1")
RESPONSE = SyncResponse("s1")


@pytest.mark.parametrize(("told", "shown"), [(EVENT, "m.room.message $1"), (RESPONSE, "<SyncResponse to 's1'")])
def test_the_default_policy_logs_and_goes_on(
    told: Event | SyncResponse, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        raise LookupError("the cause")
    except LookupError as error:
        log_listener_error(told, A, error)
    assert shown in caplog.text
    assert "listener A raised" in caplog.text
    assert "LookupError: the cause" in caplog.text  # with its traceback


@pytest.mark.parametrize("told", [EVENT, RESPONSE])
def test_the_strict_policy_raises(told: Event | SyncResponse) -> None:
    cause = LookupError("the cause")
    with pytest.raises(ListenerFailed, match="listener A raised LookupError") as failure:
        raise_listener_error(told, A, cause)
    assert failure.value.__cause__ is cause


def test_listeners_without_a_name_are_shown_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    class Bot:
        def __call__(self, event: Event) -> None:
            pass

        def __repr__(self) -> str:
            return "<my bot>"

    log_listener_error(EVENT, Bot(), LookupError())
    assert "listener <my bot> raised" in caplog.text
