"""T7: a recorded sync answer with anything in it broken; what is sound in it is heard once, stored, and the same."""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py.api.sync import SyncResponse
from gomatrix_py.codec import RawJSON, loads_tolerant
from gomatrix_py.errors import DecodeError
from gomatrix_py.events import Event
from gomatrix_py.events.skim import skim
from gomatrix_py.store import InboxRow, InMemoryStore, SQLiteStore, SyncBatch, SyncStorer
from gomatrix_py.sync import DefaultSyncer, planner
from tests.kit.fault_mixes import of_size
from tests.kit.faultdb import faulty_sqlite
from tests.kit.fuzz import FuzzFailure, fuzz, inputs_of
from tests.kit.stores import OWN, snapshot
from tests.kit.strategies import places
from tests.kit.sync_mutations import Mutated, Place, mutate, recorded_answer

AREA = "sync_mutations"
ANSWERS = of_size(2_000, 200_000)
STORES_LIVE_FOR = 100
LONGEST_S = 1.0
"""Of processor time, for an answer of up to 20 MB in one store."""

RECORDED = recorded_answer()
WHOLE = Mutated(RECORDED, ()).dump()


def _at(value: Any, path: Place) -> Any:
    for key in path:
        value = value[key]
    return value


EVENTS: dict[int, Place] = {
    _at(RECORDED, path): path[:-2] for path in places(RECORDED) if path[-2:] == ("content", "mark")
}
"""Where each event of the recorded answer stands, by the mark in its content."""


class Listening:
    """A syncer on a store, and the marks its listeners heard in the last answer."""

    def __init__(self, store: SyncStorer) -> None:
        self.store = store
        self.heard: list[int] = []
        self.syncer = DefaultSyncer(OWN, store)
        self.syncer.on_event(self._hear)

    def _hear(self, event: Event) -> None:
        mark = event.content.get("mark")
        self.heard.append(mark if type(mark) is int else -1)

    def take(self, body: bytes) -> None:
        """Take an answer, within the processor time it may cost.

        Raises:
            DecodeError: it is none.
        """
        self.heard = []
        begin = time.thread_time()
        self.syncer.process_response(SyncResponse.from_json(body), "s0")
        assert time.thread_time() - begin < LONGEST_S, "it took too long"

    def state_marks(self) -> set[tuple[str, str, str, int]]:
        """Return the marks of all state there is, with room, type and key."""
        rooms = [room for room_id in self.store.room_ids() if (room := self.store.load_room(room_id)) is not None]
        return {
            (room.id, kind, key, mark)
            for room in rooms
            for kind in room.state
            for key, event in room.state.of_type(kind).items()
            if type(mark := event.content.get("mark")) is int
        }


class Pair:
    """The store in memory and the one in a file, told the same; both anew every so many answers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken = 0
        self._open()

    def _open(self) -> None:
        with faulty_sqlite():
            self.file = SQLiteStore(self._folder / f"store-{self._taken}")
        self.listening = [Listening(InMemoryStore()), Listening(self.file)]

    def check(self, data: bytes) -> None:
        """Let both stores take an answer; what is sound in it must be in each of them, and they must agree."""
        mutated = Mutated.load(data)
        if self._taken % STORES_LIVE_FOR == STORES_LIVE_FOR - 1:
            self.file.close()
            self._open()
        self._taken += 1
        body = mutated.body(f"{self._taken}-")
        sound = {mark for mark, path in EVENTS.items() if not mutated.touches(path)}
        for one in self.listening:
            try:
                one.take(body)
            except DecodeError:
                assert mutated.touches(("next_batch",)), "an answer with a position was refused"
                return
            self._check_sound(one, sound)
        assert self.listening[0].heard == self.listening[1].heard
        if self._taken % 5 == 0 or self._taken == 1:
            assert snapshot(self.listening[0].store) == snapshot(self.listening[1].store)

    def _check_sound(self, one: Listening, sound: set[int]) -> None:
        heard = Counter(one.heard)
        assert sound & BASELINE.heard_marks <= set(heard), f"lost {sound & BASELINE.heard_marks - set(heard)}"
        assert all(heard[mark] == 1 for mark in sound & BASELINE.heard_marks), "heard twice"
        kept = one.state_marks()
        expected = {piece for piece in BASELINE.state if piece[3] in sound}
        assert expected <= kept, f"state lost: {expected - kept}"
        assert not one.store.undelivered()
        assert one.store.load_next_batch(OWN)

    def close(self) -> None:
        self.file.close()


class _Baseline:
    """What the answer holds when nothing in it is broken."""

    def __init__(self) -> None:
        whole = Listening(InMemoryStore())
        whole.take(Mutated(RECORDED, ()).body())
        self.heard_marks = set(whole.heard)
        self.state = whole.state_marks()


BASELINE = _Baseline()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Each thing left out is logged: a hundred thousand lines that nobody reads."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    stores = Pair(tmp_path)
    yield stores
    stores.close()


def _make(chance: random.Random) -> bytes:
    return mutate(RECORDED, chance).dump()


def test_broken_answers_cost_nothing_that_is_sound(pair: Pair) -> None:
    assert len(BASELINE.heard_marks) >= 10
    assert len(BASELINE.state) >= 6
    fuzz(AREA, ANSWERS, _make, pair.check)


@pytest.mark.parametrize("path", inputs_of(AREA), ids=lambda path: path.name)
def test_answers_that_once_did(path: Path, pair: Pair) -> None:
    pair.check(path.read_bytes())


# ------------------------------------------------------------------ controls


def test_the_control_a_reader_that_gives_up_on_a_list_is_found_out(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As one does that decodes the events of a list all at once."""

    def all_or_nothing(array: bytes | RawJSON) -> Any:
        found = skim(array)
        return found if len(found) == len(loads_tolerant(bytes(array))) else []

    pair.check(WHOLE)
    monkeypatch.setattr(planner, "skim", all_or_nothing)
    with pytest.raises(FuzzFailure, match="lost"):
        fuzz(AREA, 300, _make, pair.check, folder=tmp_path)
    assert list(tmp_path.glob(f"{AREA}/found-*"))


def test_the_control_a_store_that_forgets_ids_is_found_out(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One event of an answer comes again in the next."""
    pair.check(WHOLE)
    monkeypatch.setattr(InMemoryStore, "commit_sync", lambda store, batch: _twice(store, batch))
    with pytest.raises(FuzzFailure, match="twice"):
        fuzz(AREA, 300, _make, pair.check, folder=tmp_path)


_commit_sync = InMemoryStore.commit_sync


def _twice(store: InMemoryStore, batch: SyncBatch) -> list[InboxRow]:
    rows = _commit_sync(store, batch)
    return [*rows, *rows[:1]]
