"""What any `Storer` must do: gomatrix's six methods."""
# ruff: noqa: S101 - these are tests, though they stand in the package

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ...events import Event
from ...rooms import Room
from ...store import InMemoryStore, RoomDelta, Storer, SyncBatch
from .specimens import ALICE, BOB, ODD_TEXTS, POISONED_EVENTS, ROOM, event_json, in_threads, room_of, state_event

__all__ = ["StorerConformance"]

_Opened = Callable[[], Storer]


class StorerConformance:
    """Tests for any store with gomatrix's six methods; subclass it as ``class TestMyStore(...)``.

    Every test asks for the store anew between its steps, and each time it goes through `reopen`: what a
    store forgets when it is closed is found out.

    Attributes:
        folder: an empty folder for each test.
        keeps_identity: True where a room that somebody holds is the one `load_room` returns, so that all
            threads see the same; set it to False for a store that makes a new object each time.
    """

    folder: Path
    keeps_identity: bool = True

    def make_store(self) -> Storer:
        """Return a new, empty store; files belong into `self.folder`."""
        raise NotImplementedError("a conformance suite needs make_store()")

    def reopen(self, store: Any) -> Storer:
        """Return the store as a process that starts later finds it; as it is, where it keeps nothing on disk."""
        opened: Storer = store
        return opened

    def discard(self, store: Any) -> None:
        """Give free what a store holds; it is not used again."""
        close = getattr(store, "close", None)
        if close is not None:
            close()

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Iterator[Callable[[], Any]]:
        """Return a function that returns the store: new at first, reopened at each later call."""
        with self.opened_in(tmp_path) as opened:
            yield opened

    @contextmanager
    def opened_in(self, folder: Path) -> Iterator[Callable[[], Any]]:
        """Provide `opened` for one test, and discard the store afterwards."""
        self.folder = folder
        store: Any = None

        def open_again() -> Any:
            nonlocal store
            store = self.make_store() if store is None else self.reopen(store)
            return store

        try:
            yield open_again
        finally:
            if store is not None:
                self.discard(store)

    # ------------------------------------------------------------ the protocol

    def test_it_is_a_storer(self, opened: _Opened) -> None:
        assert isinstance(opened(), Storer)

    def test_what_is_missing_is_an_empty_text_or_none(self, opened: _Opened) -> None:
        store = opened()
        assert store.load_filter_id(ALICE) == ""
        assert store.load_next_batch(ALICE) == ""
        assert store.load_room(ROOM) is None

    # ------------------------------------------------------------ filter id and sync token

    def test_the_filter_id_is_kept(self, opened: _Opened) -> None:
        opened().save_filter_id(ALICE, "66696p746572")
        assert opened().load_filter_id(ALICE) == "66696p746572"

    def test_the_sync_token_is_kept(self, opened: _Opened) -> None:
        opened().save_next_batch(ALICE, "s72594_4483_1934")
        assert opened().load_next_batch(ALICE) == "s72594_4483_1934"

    def test_the_last_text_counts(self, opened: _Opened) -> None:
        for text in ("first", "second", "", "third"):
            opened().save_filter_id(ALICE, text)
            opened().save_next_batch(ALICE, text)
            assert (opened().load_filter_id(ALICE), opened().load_next_batch(ALICE)) == (text, text)

    def test_users_have_texts_of_their_own(self, opened: _Opened) -> None:
        opened().save_filter_id(ALICE, "a")
        opened().save_next_batch(BOB, "b")
        store = opened()
        assert (store.load_filter_id(ALICE), store.load_next_batch(ALICE)) == ("a", "")
        assert (store.load_filter_id(BOB), store.load_next_batch(BOB)) == ("", "b")

    def test_texts_are_kept_as_they_are(self, opened: _Opened) -> None:
        texts = (*ODD_TEXTS, "x" * 100_000)
        store = opened()
        for number, text in enumerate(texts):
            store.save_filter_id(f"@{number}", text)
            store.save_next_batch(text, f"s{number}")
        store = opened()
        for number, text in enumerate(texts):
            assert store.load_filter_id(f"@{number}") == text
            assert store.load_next_batch(text) == f"s{number}"

    # ------------------------------------------------------------ rooms

    def test_a_room_is_kept(self, opened: _Opened) -> None:
        room = Room(ROOM)
        room.membership, room.prev_batch = "join", "t1"
        room.notification_count, room.highlight_count = 7, 2
        room.summary = {"m.joined_member_count": 2}
        room.update_state(state_event("m.room.name", "", {"name": "A room of one's own"}))
        opened().save_room(room)
        loaded = room_of(opened(), ROOM)
        assert (loaded.id, loaded.membership, loaded.prev_batch) == (ROOM, "join", "t1")
        assert (loaded.notification_count, loaded.highlight_count) == (7, 2)
        assert loaded.summary == {"m.joined_member_count": 2}
        assert loaded.name == "A room of one's own"

    def test_a_room_without_state_is_kept(self, opened: _Opened) -> None:
        opened().save_room(Room(ROOM))
        assert list(room_of(opened(), ROOM).state) == []

    def test_state_is_kept_by_type_and_key(self, opened: _Opened) -> None:
        room = Room(ROOM)
        for user_id, membership in ((ALICE, "join"), (BOB, "ban")):
            room.update_state(state_event("m.room.member", user_id, {"membership": membership}, f"$of{user_id}"))
        room.update_state(state_event("m.room.topic", "", {"topic": "stores"}))
        room.update_state(state_event("m.room.topic", "x", {"topic": "not the topic"}))
        opened().save_room(room)
        loaded = room_of(opened(), ROOM)
        assert set(loaded.state) == {"m.room.member", "m.room.topic"}
        assert set(loaded.state["m.room.member"]) == {ALICE, BOB}
        assert loaded.get_membership_state(BOB) == "ban"
        assert loaded.topic == "stores"
        assert loaded.get_state_event("m.room.topic", "nobody") is None

    def test_state_set_later_is_added(self, opened: _Opened) -> None:
        room = Room(ROOM)
        room.update_state(state_event("m.room.name", "", {"name": "old"}))
        room.update_state(state_event("m.room.topic", "", {"topic": "kept"}))
        opened().save_room(room)
        store = opened()
        again = room_of(store, ROOM)
        again.update_state(state_event("m.room.name", "", {"name": "new"}))
        store.save_room(again)
        loaded = room_of(opened(), ROOM)
        assert (loaded.name, loaded.topic) == ("new", "kept")

    def test_state_is_kept_byte_by_byte(self, opened: _Opened) -> None:
        room = Room(ROOM)
        events = {}
        for key, data in POISONED_EVENTS.items():
            sound = event_json("$x", "org.example.poison", state_key=key, content={})
            events[key] = Event.from_json(sound[:-1] + b',"poison":' + data + b"}", ROOM)
            room.update_state(events[key])
        opened().save_room(room)
        loaded = room_of(opened(), ROOM).state["org.example.poison"]
        assert {key: event.json for key, event in loaded.items()} == {key: one.json for key, one in events.items()}

    def test_ids_types_and_keys_are_opaque(self, opened: _Opened) -> None:
        store = opened()
        for text in ODD_TEXTS:
            room = Room(text)
            room.update_state(state_event(text, text, {"is": text}))
            room.update_state(state_event("m.room.name", "", {"name": text}))
            store.save_room(room)
        store = opened()
        for text in ODD_TEXTS:
            loaded = room_of(store, text)
            assert (loaded.id, loaded.name) == (text, text)
            assert set(loaded.state) == {"m.room.name", text}
            found = loaded.get_state_event(text, text)
            assert found is not None
            assert found.content == {"is": text}

    def test_a_room_saved_anew_takes_the_place_of_the_old_one(self, opened: _Opened) -> None:
        for name, other in (("first", "m.room.topic"), ("second", "m.room.avatar")):
            room = Room(ROOM)
            room.update_state(state_event("m.room.name", "", {"name": name}))
            room.update_state(state_event(other, "", {}))
            opened().save_room(room)
        loaded = room_of(opened(), ROOM)
        assert loaded.name == "second"
        assert set(loaded.state) == {"m.room.name", "m.room.avatar"}

    def test_a_room_from_another_store_is_saved_whole(self, opened: _Opened) -> None:
        other = InMemoryStore()
        name = event_json("$1", "m.room.name", state_key="", content={"name": "moved"})
        topic = event_json("$2", "m.room.topic", state_key="", content={"topic": "boxes"})
        state = [("m.room.name", "", name)]
        other.commit_sync(
            SyncBatch(ALICE, "s1", [RoomDelta(ROOM, "join", base_state=b"[" + topic + b"]", state=state)])
        )
        opened().save_room(room_of(other, ROOM))
        loaded = room_of(opened(), ROOM)
        assert (loaded.membership, loaded.name, loaded.topic) == ("join", "moved", "boxes")

    def test_a_held_room_is_the_one_that_is_loaded(self, opened: _Opened) -> None:
        store = opened()
        saved = Room(ROOM)
        store.save_room(saved)
        loaded = room_of(store, ROOM)
        is_same = loaded is saved and store.load_room(ROOM) is loaded
        assert is_same or not self.keeps_identity

    # ------------------------------------------------------------ threads

    def test_threads_may_share_it(self, opened: _Opened) -> None:
        store = opened()

        def work(number: int) -> None:
            user_id, room_id = f"@{number}", f"!{number}"
            for turn in range(20):
                room = store.load_room(room_id) or Room(room_id)
                room.update_state(state_event("m.room.name", "", {"name": f"{number}/{turn}"}))
                store.save_room(room)
                store.save_next_batch(user_id, f"s{turn}")
                assert room_of(store, room_id).name == f"{number}/{turn}"
                assert store.load_next_batch(user_id) == f"s{turn}"

        in_threads(work, 8)
        store = opened()
        assert [room_of(store, f"!{number}").name for number in range(8)] == [f"{number}/19" for number in range(8)]
