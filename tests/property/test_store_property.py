"""A model check: three stores are told the same and must show the same, whatever it is and however often reopened.

``GMPY_SERIES`` sets how many series of operations there are.
"""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gomatrix_py.codec import dumps, loads, loads_tolerant
from gomatrix_py.events import Event, EventSource
from gomatrix_py.rooms import Receipt, Room, UnreadCounts
from gomatrix_py.store import (
    AccountDataRow,
    Gap,
    InboxRow,
    InMemoryStore,
    RoomDelta,
    SQLiteStore,
    SyncBatch,
    SyncStorer,
)
from tests.kit.faultdb import faulty_sqlite
from tests.kit.stores import OWN, room_of, snapshot

ROOMS = ("!one:a", "!two", "!ONE:a", "!\0", "!é", "!'")
EVENTS = tuple(f"${number}" for number in range(12))

TEXTS = st.sampled_from(["", "a", "b", "A", "a\0", "é", "\N{GRINNING FACE}", "'; --", "x" * 300])
ROOM_IDS = st.sampled_from(ROOMS)
EVENT_IDS = st.sampled_from(EVENTS)
TYPES = st.sampled_from(["m.room.name", "m.room.member", "org.example.\0", "Org.Example", ""])
BODIES = st.sampled_from([rb'{"a":"\ud800"}', rb'{"\u0000":1}', b'{"n":9223372036854775808}', b"{}", b'{"n":1e308}'])
COUNTS = st.none() | st.integers(0, 2**63 - 1)


def _event(event_type: str, state_key: str | None, body: bytes) -> bytes:
    key = b"" if state_key is None else b',"state_key":' + dumps(state_key)
    return b'{"type":' + dumps(event_type) + key + b',"content":' + body + b"}"


PIECES = st.builds(lambda kind, key, body: (kind, key, _event(kind, key, body)), TYPES, TEXTS, BODIES)
SUMMARIES = st.none() | st.sampled_from([b'{"m.heroes":["@a"]}', b'{"m.joined_member_count":3}', b"{}", b"[]", b"?"])
USERS = st.sampled_from(["@a", "@b", "@\0", "@\ud800"])
RECEIPT_DATA = st.fixed_dictionaries(
    {}, optional={"ts": st.integers(0, 9) | st.just(2**63), "thread_id": st.sampled_from(["main", "$1", 5])}
)
RECEIPTS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    EVENT_IDS | st.just("$\udfff"),
    st.dictionaries(
        st.sampled_from(["m.read", "m.read.private", "org.example.read"]),
        st.dictionaries(USERS, RECEIPT_DATA | st.just(7), max_size=2) | st.just([]),
        max_size=2,
    ),
    max_size=2,
)
EPHEMERAL = st.just(b"[]") | st.lists(
    st.builds(lambda content: {"type": "m.receipt", "content": content}, RECEIPTS)
    | st.builds(lambda users: {"type": "m.typing", "content": {"user_ids": users}}, st.lists(USERS, max_size=2))
    | st.sampled_from([7, {"type": "m.receipt"}, {"type": "m.typing", "content": {"user_ids": 5}}]),
    max_size=2,
).map(lambda events: dumps(events, ascii_only=True))
DELTAS = st.builds(
    lambda room_id, membership, base, state, **more: RoomDelta(
        room_id, membership, base_state=b"[" + b",".join(data for _, _, data in base) + b"]", state=state, **more
    ),
    ROOM_IDS,
    st.sampled_from(["join", "leave", "invite", "knock"]),
    st.lists(PIECES, max_size=2),
    st.lists(PIECES, max_size=3),
    seen=st.lists(EVENT_IDS, max_size=3),
    summary=SUMMARIES,
    notification_count=COUNTS,
    highlight_count=COUNTS,
    prev_batch=st.none() | TEXTS,
    thread_counts=st.none() | st.sampled_from([b"{}", b'{"$1":{"notification_count":2}}', b"[]", b"?", b'{"$1":7}']),
    ephemeral=EPHEMERAL,
    has_all_members=st.none() | st.booleans(),
)
ROWS = st.builds(
    lambda room_id, event_id, source, body: InboxRow(room_id, event_id, source, _event("m", None, body)),
    ROOM_IDS,
    EVENT_IDS | st.just(""),
    st.sampled_from(EventSource),
    BODIES,
)
ACCOUNT_DATA = st.builds(AccountDataRow, st.just("") | ROOM_IDS, TYPES, BODIES)
GAPS = st.builds(Gap, ROOM_IDS, TEXTS, TEXTS)
BATCHES = st.builds(
    SyncBatch,
    st.just(OWN),
    TEXTS,
    st.lists(DELTAS, max_size=3),
    st.lists(ROWS, max_size=4),
    st.lists(ACCOUNT_DATA, max_size=2),
    st.lists(GAPS, max_size=2),
)


BLANK: dict[str, Any] = {
    "membership": "leave",
    "summary": {},
    "counts": (0, 0),
    "prev_batch": "",
    "receipts": {},
    "thread_counts": {},
    "has_all_members": False,
}


def model_receipts(known: dict[Any, Receipt], events: list[Any]) -> dict[Any, Receipt]:
    """Return receipts brought up to date, by user, thread and kind; in each answer the later stamp counts."""

    def is_text(value: Any) -> bool:
        return isinstance(value, str) and "\ud800" not in value and "\udfff" not in value

    news = []
    for event in events:
        if not isinstance(event, dict) or event["type"] != "m.receipt":
            continue
        for event_id, by_kind in event.get("content", {}).items():
            for kind in ("m.read", "m.read.private"):
                by_user = by_kind.get(kind, {})
                for user_id, data in by_user.items() if isinstance(by_user, dict) else ():
                    if isinstance(data, dict) and all(map(is_text, (event_id, user_id, data.get("thread_id", "")))):
                        ts = data.get("ts", 0) if data.get("ts") != 2**63 else 0
                        thread_id = data.get("thread_id", "")
                        news.append(Receipt(user_id, event_id, ts, thread_id, kind == "m.read.private"))
    return known | {(one.user_id, one.thread_id, one.is_private): one for one in sorted(news, key=lambda one: one.ts)}


class Model:
    """What a store is said to do, in the plainest Python."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.rooms: dict[str, dict[str, Any]] = {}
        self.seen: set[tuple[str, str]] = set()
        self.rows: list[dict[str, Any]] = []
        self.gaps: list[tuple[str, str, str]] = []
        self.account_data: dict[tuple[str, str], bytes] = {}

    def journal(self, rows: list[InboxRow]) -> list[str]:
        new = []
        for row in rows:
            if row.event_id and (row.room_id, row.event_id) in self.seen:
                continue
            if row.event_id:
                self.seen.add((row.room_id, row.event_id))
            self.rows.append({"row": row, "tries": 0, "is_aside": False})
            new.append(row.event_id)
        return new

    def commit(self, batch: SyncBatch) -> list[str]:
        new = self.journal(batch.inbox)
        for delta in batch.rooms:
            self._apply(delta)
        for data in batch.account_data:
            self.account_data[data.room_id, data.type] = data.json
        self.gaps += [(gap.room_id, gap.since, gap.prev_batch) for gap in batch.gaps]
        self.texts["next_batch"] = batch.next_batch
        return new

    def _apply(self, delta: RoomDelta) -> None:
        room = self.rooms.setdefault(delta.room_id, {**BLANK, "state": {}})
        room["membership"] = delta.membership
        room["receipts"] = model_receipts(room["receipts"], loads_tolerant(delta.ephemeral))
        if delta.thread_counts is not None:
            is_sound = delta.thread_counts == b'{"$1":{"notification_count":2}}'
            room["thread_counts"] = {"$1": UnreadCounts(2, 0)} if is_sound else {}
        if delta.has_all_members is not None:
            room["has_all_members"] = delta.has_all_members
        for kind, key, data in delta.all_state():
            room["state"].setdefault(kind, {})[key] = data
        if delta.summary is not None and delta.summary.startswith(b"{"):
            room["summary"] = {**room["summary"], **loads(delta.summary)}
        given = (delta.notification_count, delta.highlight_count)
        room["counts"] = tuple(old if new is None else new for old, new in zip(room["counts"], given, strict=True))
        room["prev_batch"] = room["prev_batch"] if delta.prev_batch is None else delta.prev_batch
        self.seen.update((delta.room_id, event_id) for event_id in delta.seen)

    def open_rows(self, *, is_aside: bool) -> list[dict[str, Any]]:
        return [one for one in self.rows if one["is_aside"] == is_aside]

    def snapshot(self) -> dict[str, Any]:
        def shown(one: dict[str, Any]) -> tuple[Any, ...]:
            row = one["row"]
            return (row.room_id, row.event_id, row.source, row.json, one["tries"])

        return {
            "next_batch": self.texts.get("next_batch", ""),
            "filter_id": self.texts.get("filter_id", ""),
            "rooms": {
                room_id: {**room, "state": _shown_state(room["state"]), "receipts": set(room["receipts"].values())}
                for room_id, room in self.rooms.items()
            },
            "undelivered": [shown(one) for one in self.open_rows(is_aside=False)],
            "quarantined": [shown(one) for one in self.open_rows(is_aside=True)],
            "gaps": self.gaps,
        }


def _shown_state(state: dict[str, dict[str, bytes]]) -> dict[str, dict[str, bytes]]:
    """Return state as a room shows it: an `Event` may write JSON anew that a strict parser refuses."""
    return {kind: {key: Event.from_json(data).json for key, data in by_key.items()} for kind, by_key in state.items()}


class StoresAgree(RuleBasedStateMachine):
    """The model, the store in memory, and the one in a file that is now and then closed and opened."""

    stores: list[SyncStorer]

    @initialize()
    def open_stores(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gmpy-model-"))
        self.model = Model()
        self.memory, self.file = self.make_memory(), self._opened()
        self.held: dict[str, Room] = {}

    def make_memory(self) -> InMemoryStore:
        return InMemoryStore()

    def _opened(self) -> SQLiteStore:
        with faulty_sqlite():
            return SQLiteStore(self.folder / "store")

    def teardown(self) -> None:
        self.file.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def both(self) -> tuple[SyncStorer, SyncStorer]:
        return self.memory, self.file

    @rule()
    def reopen(self) -> None:
        self.file.close()
        self.file = self._opened()
        self.held = {}

    @rule()
    def hold_all_rooms(self) -> None:
        self.held = {room_id: room_of(self.file, room_id) for room_id in self.file.room_ids()}

    @rule()
    def let_rooms_go(self) -> None:
        self.held = {}

    @rule(text=TEXTS)
    def save_filter_id(self, text: str) -> None:
        self.model.texts["filter_id"] = text
        for store in self.both:
            store.save_filter_id(OWN, text)

    @rule(text=TEXTS)
    def save_next_batch(self, text: str) -> None:
        self.model.texts["next_batch"] = text
        for store in self.both:
            store.save_next_batch(OWN, text)

    @rule(batch=BATCHES)
    def commit_sync(self, batch: SyncBatch) -> None:
        new = self.model.commit(copy.deepcopy(batch))
        for store in self.both:
            assert [row.event_id for row in store.commit_sync(copy.deepcopy(batch))] == new

    @rule(room_id=ROOM_IDS, pieces=st.lists(PIECES, max_size=3), is_new=st.booleans())
    def save_room(self, room_id: str, pieces: list[tuple[str, str, bytes]], is_new: bool) -> None:
        is_known = room_id in self.model.rooms
        state = self.model.rooms[room_id]["state"] if is_known and not is_new else {}
        for kind, key, data in pieces:
            state.setdefault(kind, {})[key] = data
        if is_new or not is_known:
            self.model.rooms[room_id] = {**BLANK, "state": state}
            self.held.pop(room_id, None)
        for store in self.both:
            room = (None if is_new else store.load_room(room_id)) or Room(room_id)
            for _, _, data in pieces:
                room.update_state(Event.from_json(data, room_id))
            store.save_room(room)

    @rule(data=st.data(), is_twice=st.booleans())
    def mark_delivered(self, data: st.DataObject, is_twice: bool) -> None:
        chosen = [one for one in self.model.open_rows(is_aside=False) if data.draw(st.booleans())]
        rows_of_each = self._rows_of(chosen)
        self.model.rows = [one for one in self.model.rows if not any(one is other for other in chosen)]
        for store, rows in rows_of_each:
            for _ in range(1 + is_twice):
                store.mark_delivered(rows)

    @precondition(lambda self: self.model.open_rows(is_aside=False))
    @rule(data=st.data())
    def begin_try(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.model.open_rows(is_aside=False)))
        rows = self._rows_of([one])
        one["tries"] += 1
        for store, (row,) in rows:
            assert store.begin_try(row) == one["tries"]

    @precondition(lambda self: self.model.open_rows(is_aside=False))
    @rule(data=st.data(), reason=TEXTS)
    def set_aside(self, data: st.DataObject, reason: str) -> None:
        one = data.draw(st.sampled_from(self.model.open_rows(is_aside=False)))
        rows = self._rows_of([one])
        one["is_aside"] = True
        for store, (row,) in rows:
            store.set_aside(row, reason)

    @precondition(lambda self: self.model.open_rows(is_aside=True))
    @rule()
    def mark_what_was_set_aside(self) -> None:
        self.model.rows = self.model.open_rows(is_aside=False)
        for store in self.both:
            store.mark_delivered(store.quarantined())

    @precondition(lambda self: self.model.gaps)
    @rule(data=st.data(), rows=st.lists(ROWS, max_size=3), rest=st.none() | GAPS)
    def commit_gap(self, data: st.DataObject, rows: list[InboxRow], rest: Gap | None) -> None:
        place = data.draw(st.integers(0, len(self.model.gaps) - 1))
        gaps = [(store, store.gaps()[place]) for store in self.both]
        del self.model.gaps[place]
        new = self.model.journal(copy.deepcopy(rows))
        if rest is not None:
            self.model.gaps.append((rest.room_id, rest.since, rest.prev_batch))
        for store, gap in gaps:
            assert [row.event_id for row in store.commit_gap(gap, copy.deepcopy(rows), rest)] == new

    def _rows_of(self, chosen: list[dict[str, Any]]) -> list[tuple[SyncStorer, list[InboxRow]]]:
        """Return each store with its own rows for some of the model's: they stand at the same places."""
        rows = self.model.open_rows(is_aside=False)
        places = [place for place, one in enumerate(rows) if any(one is other for other in chosen)]
        return [(store, [store.undelivered()[place] for place in places]) for store in self.both]

    @invariant()
    def all_show_the_same(self) -> None:
        expected = self.model.snapshot()
        for store in self.both:
            seen = snapshot(store)
            del seen["account_data"]
            assert seen == expected, type(store).__name__
            for (room_id, kind), data in self.model.account_data.items():
                assert store.load_account_data(kind, room_id) == data
            known = {(room_id, one) for room_id in ROOMS for one in EVENTS if store.has_event(room_id, one)}
            assert known == self.model.seen, type(store).__name__

    @invariant()
    def held_rooms_are_the_ones_that_are_loaded(self) -> None:
        for room_id, room in self.held.items():
            assert room_of(self.file, room_id) is room


SERIES = int(os.environ.get("GMPY_SERIES", "80"))
SETTINGS = settings(max_examples=SERIES, stateful_step_count=20, deadline=None)

TestStoresAgree = StoresAgree.TestCase
TestStoresAgree.settings = SETTINGS


class _CountsEventsOncePerStore(InMemoryStore):
    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        known = {row.event_id for row in self.undelivered() if row.event_id}
        return super().commit_sync(
            attrs.evolve(batch, inbox=[one for one in batch.inbox if one.event_id not in known])
        )


class _ForgetsTries(InMemoryStore):
    def undelivered(self) -> Sequence[InboxRow]:
        return [attrs.evolve(row, tries=min(row.tries, 1)) for row in super().undelivered()]


class _DropsTheReceiptsOfThreads(InMemoryStore):
    def load_room(self, room_id: str) -> Room | None:
        room = super().load_room(room_id)
        if room is not None and any(one.thread_id for one in room.receipts.all()):
            room.receipts._by_key = {key: one for key, one in room.receipts._by_key.items() if not one.thread_id}
        return room


class _SavesOnlyChanges(InMemoryStore):
    def save_room(self, room: Room) -> None:
        known = self.load_room(room.id)
        if known is None or known is room:
            super().save_room(room)
        else:
            for event in room.take_changes().values():
                known.update_state(event)


@pytest.mark.parametrize(
    "broken", [_CountsEventsOncePerStore, _ForgetsTries, _DropsTheReceiptsOfThreads, _SavesOnlyChanges]
)
def test_the_control_a_broken_store_is_found_out(broken: type[InMemoryStore]) -> None:
    class Machine(StoresAgree):
        def make_memory(self) -> InMemoryStore:
            return broken()

    found = settings(SETTINGS, max_examples=500, database=None, derandomize=True, report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Machine, settings=settings(found, phases=[Phase.generate]))
