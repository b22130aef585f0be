"""Threads that look at a room while another changes it: what is old never comes back, what is new is never missed.

Each race is played step by step: the source, or the step that is raced, waits for the test.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from gomatrix_py.events import Event
from gomatrix_py.events.skim import StatePiece, state_pieces
from gomatrix_py.rooms import Room, RoomState, state

LIVENESS_S = 5.0
ARRIVAL_S = 0.2
ROOM = "!room:example.org"


def version(number: int) -> bytes:
    return json.dumps({"type": "m.x", "state_key": "", "content": {"version": number}}).encode()


def version_of(found: Event | None) -> int:
    return -1 if found is None else int(found.content["version"])


class Step:
    """A place in one thread that another can wait for, and let go on."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._may_go_on = threading.Event()

    def wait_here(self) -> None:
        """Called by the raced thread, each time; it waits only the first time."""
        if not self._reached.is_set():
            self._reached.set()
            assert self._may_go_on.wait(LIVENESS_S)

    def reached(self) -> None:
        assert self._reached.wait(LIVENESS_S)

    def go_on(self) -> None:
        self._may_go_on.set()


class SlowSource:
    """A source whose first answer is on its way for as long as the test likes."""

    def __init__(self) -> None:
        self.stored = version(1)
        self.on_its_way = Step()

    def state_event(self, room_id: str, event_type: str, state_key: str) -> bytes | None:
        answer = self.stored
        self.on_its_way.wait_here()
        return answer

    def state_of_type(self, room_id: str, event_type: str) -> dict[str, bytes]:
        answer = {"": self.stored}
        self.on_its_way.wait_here()
        return answer

    def state_types(self, room_id: str) -> list[str]:
        return ["m.x"]


def started(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


LOOKS: dict[str, Callable[[RoomState], int]] = {
    "event": lambda one: version_of(one.event("m.x", "")),
    "of_type": lambda one: version_of(one.of_type("m.x").get("")),
}
PUTS: dict[str, Callable[[RoomState], None]] = {
    "put": lambda one: one.put("m.x", "", version(2)),
    "put_unread": lambda one: one.put_unread(b"[" + version(2) + b"]"),
}


def version_after_a_slow_look(
    make: Callable[[str, SlowSource], RoomState], look: Callable[[RoomState], int], put: Callable[[RoomState], None]
) -> int:
    """Let one thread look, let another store and put a new version meanwhile; return what is seen afterwards."""
    source = SlowSource()
    one = make(ROOM, source)
    reader = started(lambda: look(one))
    source.on_its_way.reached()
    source.stored = version(2)
    writer = started(lambda: put(one))
    writer.join(ARRIVAL_S)  # it may have to wait for the reader
    source.on_its_way.go_on()
    for thread in (reader, writer):
        thread.join(LIVENESS_S)
        assert not thread.is_alive()
    seen = look(one)
    assert {kind(one) for kind in LOOKS.values()} == {seen}
    return seen


@pytest.mark.parametrize("put", PUTS.values(), ids=PUTS)
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_an_old_answer_of_the_source_never_replaces_what_was_put(
    look: Callable[[RoomState], int], put: Callable[[RoomState], None]
) -> None:
    assert version_after_a_slow_look(RoomState, look, put) == 2


class CarelessState(RoomState):
    """Keeps what the source answered without a second look."""

    def event(self, event_type: str, state_key: str) -> Event | None:
        by_key = self._entries.setdefault(event_type, {})
        if state_key not in by_key:
            assert self._source is not None
            answer = self._source.state_event(self._room_id, event_type, state_key)
            assert answer is not None
            by_key[state_key] = answer
        return self._as_event(event_type, state_key, by_key[state_key])


def test_a_careless_state_would_bring_the_old_back() -> None:
    assert version_after_a_slow_look(CarelessState, LOOKS["event"], PUTS["put"]) == 1


# ------------------------------------------------------------------ an event in the making


def test_an_event_made_of_old_bytes_does_not_replace_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    making = Step()

    class SlowEvent(Event):
        @classmethod
        def from_json(cls, data: Any, room_id: str = "", source: Any = None) -> Event:
            making.wait_here()
            return Event.from_json(data, room_id, source)

    monkeypatch.setattr(state, "Event", SlowEvent)
    one = RoomState(ROOM)
    one.put("m.x", "", version(1))
    reader = started(lambda: one.event("m.x", ""))
    making.reached()
    one.put("m.x", "", version(2))
    making.go_on()
    reader.join(LIVENESS_S)
    assert version_of(one.event("m.x", "")) == 2


# ------------------------------------------------------------------ an array being read


def version_seen_while_an_array_is_read(one: RoomState, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let one thread begin to read the array, and another look meanwhile; return what the other sees."""
    reading, seen = Step(), []

    def slow_pieces(array: bytes) -> list[StatePiece]:
        reading.wait_here()
        return state_pieces(array)

    monkeypatch.setattr(state, "state_pieces", slow_pieces)
    one.put_unread(b"[" + version(1) + b"]")
    first = started(lambda: one.event("m.x", ""))
    reading.reached()
    second = started(lambda: seen.append(version_of(one.event("m.x", ""))))
    second.join(ARRIVAL_S)  # it may have to wait for the first
    reading.go_on()
    for thread in (first, second):
        thread.join(LIVENESS_S)
    return int(seen[0])


def test_nobody_misses_what_is_being_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert version_seen_while_an_array_is_read(RoomState(ROOM), monkeypatch) == 1


class HastyState(RoomState):
    """Forgets the arrays before it has read them."""

    def _read(self) -> None:
        arrays, self._unread = self._unread, []
        for array in arrays:
            self._put(vars(state)["state_pieces"](array))


def test_a_hasty_state_would_let_somebody_miss_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert version_seen_while_an_array_is_read(HastyState(ROOM), monkeypatch) == -1


# ------------------------------------------------------------------ changes, for stores


class SlowEvent(Event):
    """An event that waits where it is about to be noted as a change."""

    step: Step
    looks: int

    @property
    def is_about_to_be_noted(self) -> bool:
        self.looks += 1
        return self.looks == 3  # to check it, to put it, to note it

    def __getattribute__(self, name: str) -> Any:
        if name == "state_key" and self.is_about_to_be_noted:
            self.step.wait_here()
        return super().__getattribute__(name)


def times_saved(room: Room) -> int:
    """Take the changes while one is being made, and once more later; count how often a store would save it."""
    event = SlowEvent("m.x", state_key="")
    event.looks, event.step = 0, Step()
    saved: list[dict[tuple[str, str], Event]] = []
    changing = started(lambda: room.update_state(event))
    event.step.reached()
    taking = started(lambda: saved.append(dict(room.take_changes())))
    taking.join(ARRIVAL_S)  # it may have to wait for the change
    event.step.go_on()
    for thread in (changing, taking):
        thread.join(LIVENESS_S)
    saved.append(room.take_changes())
    return sum(("m.x", "") in changes for changes in saved)


def test_a_change_made_while_changes_are_taken_is_saved_once() -> None:
    assert times_saved(Room(ROOM)) == 1


class NoLock:
    """What a room would be without its lock."""

    def __enter__(self) -> NoLock:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_without_the_lock_a_change_would_be_lost() -> None:
    room = Room(ROOM)
    room._lock = NoLock()  # type: ignore[assignment]
    assert times_saved(room) == 0


# ------------------------------------------------------------------ all at once


@pytest.fixture
def _threads_switch_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Database:
    """A source that a writer fills."""

    def __init__(self) -> None:
        self.stored = version(0)

    def state_event(self, room_id: str, event_type: str, state_key: str) -> bytes | None:
        return self.stored

    def state_of_type(self, room_id: str, event_type: str) -> dict[str, bytes]:
        return {"": self.stored}

    def state_types(self, room_id: str) -> list[str]:
        return ["m.x"]


@pytest.mark.usefixtures("_threads_switch_often")
def test_no_reader_ever_sees_time_run_backwards() -> None:
    backwards: list[tuple[int, int]] = []
    for _ in range(30):
        source = Database()
        one = RoomState(ROOM, source)
        is_over = threading.Event()

        def watch(look: Callable[[RoomState], int], one: RoomState = one, is_over: threading.Event = is_over) -> None:
            last = -1
            while not is_over.is_set():
                seen = look(one)
                if seen < last:
                    backwards.append((last, seen))
                last = seen

        readers = [started(partial(watch, look)) for look in (*LOOKS.values(), *LOOKS.values())]
        for number in range(1, 20):
            source.stored = version(number)  # first the store, then memory
            if number % 2:
                one.put("m.x", "", version(number))
            else:
                one.put_unread(b"[" + version(number) + b"]")
        is_over.set()
        for thread in readers:
            thread.join(LIVENESS_S)
        assert {look(one) for look in LOOKS.values()} == {19}
    assert backwards == []
