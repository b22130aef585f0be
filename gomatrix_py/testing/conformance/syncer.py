"""What any `Syncer` must do: gomatrix's three methods, and lose nothing."""
# ruff: noqa: S101 - these are tests, though they stand in the package

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ...api.sync import SyncResponse
from ...codec import dumps, loads
from ...errors import ConnectError, DecodeError, MatrixError, RequestTimeout, ServerError, StoreFull
from ...events import Event
from ...rooms import Room
from ...store import InMemoryStore, Storer, is_sync_storer
from ...sync import Syncer
from .specimens import NOT_EVENTS, OTHER, POISONED_EVENTS, ROOM, event_json, room_of, sync_json

__all__ = ["SyncerConformance"]

_OWN = "@own:example.org"

_Heard = Callable[[Event], None]


class SyncerConformance:
    """Tests for any syncer; subclass it as ``class TestMySyncer(...)``.

    Attributes:
        folder: an empty folder for each test.
        drops_duplicates: True where an event that comes in two answers is told of once.
    """

    folder: Path
    drops_duplicates: bool = True

    def make_syncer(self, store: Storer, heard: _Heard) -> Syncer:
        """Return a new syncer of the user ``@own:example.org``.

        Args:
            store: where it puts what it learns; never None.
            heard: to be called with each event of a joined room's timeline.
        """
        raise NotImplementedError("a conformance suite needs make_syncer()")

    def make_store(self) -> Storer:
        """Return a new, empty store for the syncer to use."""
        return InMemoryStore()

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Storer]:
        """Return the store, which is closed after the test."""
        with self.store_in(tmp_path) as store:
            yield store

    @contextmanager
    def store_in(self, folder: Path) -> Iterator[Storer]:
        """Make the store for one test, and close it afterwards."""
        self.folder = folder
        store = self.make_store()
        try:
            yield store
        finally:
            close = getattr(store, "close", None)
            if close is not None:
                close()

    # ------------------------------------------------------------ the protocol

    def test_it_is_a_syncer(self, store: Storer) -> None:
        assert isinstance(self.make_syncer(store, _ignore), Syncer)

    def test_the_filter_is_json_and_stays_the_same(self, store: Storer) -> None:
        syncer = self.make_syncer(store, _ignore)
        wanted = syncer.get_filter_json(_OWN)
        assert isinstance(wanted, dict)
        assert loads(dumps(wanted)) == wanted
        _process(syncer, store, sync_json("s1"), "")
        assert syncer.get_filter_json(_OWN) == wanted, "the loop would upload the filter again and again"

    # ------------------------------------------------------------ answers

    def test_an_answer_without_news_is_taken(self, store: Storer) -> None:
        syncer = self.make_syncer(store, _ignore)
        for since, body in (("", sync_json("s1")), ("s1", sync_json("s2", rooms={})), ("s2", sync_json("s2"))):
            _process(syncer, store, body, since)
        assert store.load_next_batch(_OWN) == "s2"

    def test_every_part_of_an_answer_is_taken(self, store: Storer) -> None:
        syncer = self.make_syncer(store, _ignore)
        for since, token in (("", "s1"), ("s1", "s2")):
            _process(syncer, store, _full_answer(token), since)
        assert room_of(store, ROOM).membership == "join"

    def test_state_is_applied(self, store: Storer) -> None:
        syncer = self.make_syncer(store, _ignore)
        _process(syncer, store, sync_json("s1", rooms={"join": {ROOM: {"state": {"events": [_name("old")]}}}}), "")
        assert room_of(store, ROOM).name == "old"
        _process(syncer, store, _timeline("s2", _name("new")), "s1")
        assert room_of(store, ROOM).name == "new"

    def test_later_state_of_a_timeline_counts(self, store: Storer) -> None:
        syncer = self.make_syncer(store, _ignore)
        joined = {"state": {"events": [_name("a")]}, "timeline": {"events": [_name("b"), _name("c")]}}
        _process(syncer, store, sync_json("s1", rooms={"join": {ROOM: joined}}), "s0")
        assert room_of(store, ROOM).name == "c"

    def test_events_are_heard_in_order(self, store: Storer) -> None:
        heard: list[Event] = []
        syncer = self.make_syncer(store, heard.append)
        _process(syncer, store, sync_json("s1"), "")
        events = {room_id: [event_json(f"${room_id}{number}") for number in range(4)] for room_id in (ROOM, OTHER)}
        joined = {room_id: {"timeline": {"events": some[:3]}} for room_id, some in events.items()}
        _process(syncer, store, sync_json("s2", rooms={"join": joined}), "s1")
        _process(syncer, store, _timeline("s3", events[ROOM][3]), "s2")
        for room_id, count in ((ROOM, 4), (OTHER, 3)):
            ids = [event.event_id for event in heard if event.room_id == room_id]
            assert ids == [f"${room_id}{number}" for number in range(count)]

    def test_an_event_that_comes_again_is_heard_once(self, store: Storer) -> None:
        heard: list[Event] = []
        syncer = self.make_syncer(store, heard.append)
        _process(syncer, store, _timeline("s1", event_json("$1")), "s0")
        _process(syncer, store, _timeline("s2", event_json("$1"), event_json("$2")), "s1")
        ids = [event.event_id for event in heard]
        assert ids == ["$1", "$2"] or not self.drops_duplicates
        assert ids[-1] == "$2"

    def test_poison_does_not_take_its_neighbours_along(self, store: Storer) -> None:
        for number, poison in enumerate((*POISONED_EVENTS.values(), *NOT_EVENTS.values())):
            if poison == b"" or poison == NOT_EVENTS["cut short"]:
                continue  # these cannot stand in an answer
            heard: list[Event] = []
            syncer = self.make_syncer(store, heard.append)
            poison = poison.replace(b'"$1"', b'"$poison%d"' % number)
            body = _timeline(f"s{number + 1}", event_json(f"$before{number}"), poison, event_json(f"$after{number}"))
            _process(syncer, store, body, f"s{number}")
            ids = [event.event_id for event in heard]
            assert (ids[0], ids[-1]) == (f"$before{number}", f"$after{number}"), f"lost beside {poison[:80]!r}"

    def test_numbers_past_64_bits_are_survived(self, store: Storer) -> None:
        syncer = self.make_syncer(store, _ignore)
        for number in (2**53, 2**63 - 1, 2**63, 2**64, 10**40, -(2**63) - 1):
            counts = {"notification_count": number, "highlight_count": number}
            joined = {"unread_notifications": counts, "summary": {"m.joined_member_count": number}}
            _process(syncer, store, sync_json(f"s{number}", rooms={"join": {ROOM: joined}}), "s0")
            assert store.load_next_batch(_OWN) == f"s{number}"

    # ------------------------------------------------------------ losing nothing

    def test_a_store_that_fails_is_not_passed_over(self) -> None:
        store = _FullStore()
        heard: list[Event] = []
        syncer = self.make_syncer(store, heard.append)
        body = _timeline("s1", _name("lost"), event_json("$1"))
        with pytest.raises(StoreFull):
            syncer.process_response(SyncResponse.from_json(body), "s0")
        store.is_full = False
        _process(syncer, store, body, "s0")
        assert room_of(store, ROOM).name == "lost"
        assert "$1" in [event.event_id for event in heard]

    def test_no_token_is_saved_ahead_of_what_it_stands_for(self, store: Storer) -> None:
        tokens: list[str] = []
        syncer = self.make_syncer(store, lambda _: tokens.append(_token_that_loses_nothing(store)))
        _process(syncer, store, sync_json("s1"), "")
        _process(syncer, store, _timeline("s2", event_json("$1"), event_json("$2")), "s1")
        assert tokens == ["s1", "s1"]
        assert store.load_next_batch(_OWN) == "s2"

    @pytest.mark.parametrize("is_new_process", [False, True], ids=["notebook", "restart"])
    def test_an_interrupted_event_is_not_lost(self, store: Storer, is_new_process: bool) -> None:
        """Ctrl-C while an event is handled: it is journalled, or the server is asked for it again."""
        heard: list[str] = []
        interrupts = [KeyboardInterrupt()]

        def hear(event: Event) -> None:
            if interrupts:
                raise interrupts.pop()
            heard.append(event.event_id)

        syncer = self.make_syncer(store, hear)
        _process(syncer, store, sync_json("s1"), "")
        body = _timeline("s2", event_json("$1"), event_json("$2"))
        with pytest.raises(KeyboardInterrupt):
            _process(syncer, store, body, "s1")
        if is_sync_storer(store):
            heard += [row.event_id for row in store.undelivered()]
        if store.load_next_batch(_OWN) == "s1":
            _process(self.make_syncer(store, hear) if is_new_process else syncer, store, body, "s1")
        assert {"$1", "$2"} <= set(heard)

    # ------------------------------------------------------------ failures

    def test_a_failure_is_waited_out_or_ends_the_sync(self, store: Storer) -> None:
        errors: tuple[Exception, ...] = (
            ConnectError("no route to host"),
            RequestTimeout("60 s without a byte"),
            ServerError("502 Bad Gateway", code=502, contents=b"<html>"),
            DecodeError("not JSON"),
            StoreFull("no room"),
            OSError("out of files"),
        )
        syncer = self.make_syncer(store, _ignore)
        response = SyncResponse.from_json(sync_json("s1"))
        for error in errors:
            for answer in (None, response):
                wait_s = self._wait_after(syncer, answer, error)
                assert wait_s is None or (math.isfinite(wait_s) and wait_s >= 0), f"{wait_s} s after {error!r}"

    def test_a_long_outage_is_waited_out(self, store: Storer) -> None:
        syncer = self.make_syncer(store, _ignore)
        for _ in range(5_000):
            wait_s = self._wait_after(syncer, None, ConnectError("no route to host"))
            assert wait_s is None or 0 <= wait_s <= 24 * 3600

    def _wait_after(self, syncer: Syncer, response: SyncResponse | None, error: Exception) -> float | None:
        try:
            return syncer.on_failed_sync(response, error)
        except Exception as raised:
            if raised is error or isinstance(raised, MatrixError):
                return None
            raise


class _FullStore:
    """gomatrix's six methods on a disk that is full until somebody makes room."""

    def __init__(self) -> None:
        self.is_full = True
        self._store = InMemoryStore()

    def save_filter_id(self, user_id: str, filter_id: str) -> None:
        self._store.save_filter_id(user_id, filter_id)

    def load_filter_id(self, user_id: str) -> str:
        return self._store.load_filter_id(user_id)

    def save_next_batch(self, user_id: str, next_batch: str) -> None:
        self._store.save_next_batch(user_id, next_batch)

    def load_next_batch(self, user_id: str) -> str:
        return self._store.load_next_batch(user_id)

    def save_room(self, room: Room) -> None:
        if self.is_full:
            raise StoreFull("no room on the disk")
        self._store.save_room(room)

    def load_room(self, room_id: str) -> Room | None:
        return self._store.load_room(room_id)


def _ignore(_: Event) -> None:
    pass


def _process(syncer: Syncer, store: Storer, body: bytes, since: str) -> None:
    """Do with an answer what the sync loop does."""
    response = SyncResponse.from_json(body)
    syncer.process_response(response, since)
    if store.load_next_batch(_OWN) != response.next_batch:
        store.save_next_batch(_OWN, response.next_batch)


def _token_that_loses_nothing(store: Storer) -> str:
    """Return the token an event being handled would come back with, were the process killed now."""
    if is_sync_storer(store) and store.undelivered():
        return "s1"  # it is in the journal, whatever the token
    return store.load_next_batch(_OWN)


def _name(text: str) -> bytes:
    return event_json(f"$name-{text}", "m.room.name", state_key="", content={"name": text})


def _timeline(next_batch: str, *events: bytes) -> bytes:
    return sync_json(next_batch, rooms={"join": {ROOM: {"timeline": {"events": list(events)}}}})


def _full_answer(next_batch: str) -> bytes:
    stripped: list[Any] = [{"type": "m.room.name", "state_key": "", "sender": "@a:b", "content": {"name": "x"}}]
    loose = {"events": [{"type": "m.anything", "content": {"a": 1}}]}
    joined = {
        "state": {"events": [_name("joined")]},
        "timeline": {"events": [event_json(f"${next_batch}")], "limited": True, "prev_batch": "t1"},
        "ephemeral": {"events": [{"type": "m.typing", "content": {"user_ids": []}}]},
        "account_data": loose,
        "summary": {"m.heroes": ["@a:b"]},
        "unread_notifications": {"notification_count": 1, "highlight_count": 0},
        "unread_thread_notifications": {"$thread": {"notification_count": 1}},
    }
    left = {"state": {"events": [_name("left")]}, "timeline": {"events": [event_json(f"$left-{next_batch}")]}}
    return sync_json(
        next_batch,
        rooms={
            "join": {ROOM: joined},
            "invite": {"!invited": {"invite_state": {"events": stripped}}},
            "knock": {"!knocked": {"knock_state": {"events": stripped}}},
            "leave": {"!left": left},
        },
        presence={"events": [{"type": "m.presence", "sender": "@a:b", "content": {"presence": "online"}}]},
        account_data=loose,
        to_device={"events": [{"type": "m.anything", "sender": "@a:b", "content": {}}]},
        device_lists={"changed": ["@a:b"], "left": []},
        device_one_time_keys_count={"signed_curve25519": 50},
        **{"org.example.unknown": [1, {"a": None}]},
    )
