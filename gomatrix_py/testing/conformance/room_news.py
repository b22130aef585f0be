"""What any `SyncStorer` must keep of a room besides its state: receipts, counts, account data."""
# ruff: noqa: S101 - these are tests, though they stand in the package

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...codec import dumps
from ...rooms import Receipt, UnreadCounts
from ...store import AccountDataRow, RoomDelta, SyncBatch, SyncStorer
from .specimens import ALICE, BOB, NOT_EVENTS, ODD_TEXTS, OTHER, ROOM, event_json, room_of
from .storer import StorerConformance

__all__ = ["RoomNewsConformance", "receipts_json", "typing_json"]

_Opened = Callable[[], SyncStorer]
_BIG = 2**63


class RoomNewsConformance(StorerConformance):
    """The part of `SyncStorerConformance` that is about a room's receipts, counts and account data."""

    # ------------------------------------------------------------ receipts and typing

    def test_receipts_are_kept(self, opened: _Opened) -> None:
        """The last one of each user, thread and kind."""
        for event_id in ("$1", "$2"):
            kinds = {"m.read": {BOB: {"ts": 7, "thread_id": "main"}, ALICE: {"ts": 5}}}
            array = receipts_json({event_id: kinds}, {event_id: {"m.read.private": {ALICE: {"ts": 6}}}})
            opened().commit_sync(_batch(RoomDelta(ROOM, "join", ephemeral=array)))
        assert _receipts(opened()) == {
            Receipt(BOB, "$2", 7, "main"),
            Receipt(ALICE, "$2", 5),
            Receipt(ALICE, "$2", 6, is_private=True),
        }

    def test_a_receipt_replaces_only_its_own_kind(self, opened: _Opened) -> None:
        steps = [
            {"$1": {"m.read": {BOB: {"ts": 1}}}},
            {"$2": {"m.read": {BOB: {"ts": 2, "thread_id": "$root"}}}},
            {"$3": {"m.read.private": {BOB: {"ts": 3, "thread_id": "$root"}}}},
            {"$4": {"m.read": {BOB: {"ts": 4, "thread_id": "$root"}}}},
        ]
        for step in steps:
            opened().commit_sync(_batch(RoomDelta(ROOM, "join", ephemeral=receipts_json(step))))
        assert {(one.event_id, one.thread_id, one.is_private) for one in _receipts(opened())} == {
            ("$1", "", False),
            ("$3", "$root", True),
            ("$4", "$root", False),
        }

    def test_receipts_are_kept_by_room(self, opened: _Opened) -> None:
        deltas = [
            RoomDelta(room_id, "join", ephemeral=receipts_json({event_id: {"m.read": {BOB: {"ts": 1}}}}))
            for room_id, event_id in ((ROOM, "$here"), (OTHER, "$there"))
        ]
        opened().commit_sync(SyncBatch(ALICE, "s1", deltas))
        store = opened()
        assert {one.event_id for one in _receipts(store, ROOM)} == {"$here"}
        assert {one.event_id for one in _receipts(store, OTHER)} == {"$there"}

    def test_odd_receipts_are_kept_apart(self, opened: _Opened) -> None:
        content = {text: {"m.read": {text: {"ts": 1, "thread_id": text}}} for text in ODD_TEXTS}
        opened().commit_sync(_batch(RoomDelta(ROOM, "join", ephemeral=receipts_json(content))))
        found = {(one.user_id, one.event_id, one.thread_id) for one in _receipts(opened())}
        assert found == {(text, text, text) for text in ODD_TEXTS}

    def test_poisoned_receipts_keep_nothing_out(self, opened: _Opened) -> None:
        sound = {"$1": {"m.read": {BOB: {"ts": 1}}}}
        for number, poison in enumerate(_POISONED_CONTENTS):
            delta = RoomDelta(ROOM, "join", ephemeral=receipts_json(poison, sound), notification_count=number)
            opened().commit_sync(SyncBatch(ALICE, f"s{number}", [delta]))
            store = opened()
            assert store.load_next_batch(ALICE) == f"s{number}"
            assert room_of(store, ROOM).notification_count == number
            assert Receipt(BOB, "$1", 1) in _receipts(store), poison
        for array in (*NOT_EVENTS.values(), b"{}", b"[1,null,[]]", b'[{"type":5,"content":7}]'):
            opened().commit_sync(_batch(RoomDelta(ROOM, "join", ephemeral=array)))
        assert Receipt(BOB, "$1", 1) in _receipts(opened())

    def test_a_held_room_learns_of_receipts_and_typing(self, opened: _Opened) -> None:
        store = opened()
        store.commit_sync(_batch(RoomDelta(ROOM, "join")))
        held = room_of(store, ROOM)
        assert (held.receipts.all(), list(held.typing)) == ([], [])
        array = b"[" + typing_json(BOB) + b"," + receipts_json({"$1": {"m.read": {BOB: {"ts": 1}}}})[1:]
        store.commit_sync(_batch(RoomDelta(ROOM, "join", ephemeral=array)))
        seen = held if self.keeps_identity else room_of(store, ROOM)
        assert (seen.receipts.all(), list(seen.typing)) == ([Receipt(BOB, "$1", 1)], [BOB])

    def test_who_types_is_known_until_they_stop(self, opened: _Opened) -> None:
        store = opened()
        for users in ((BOB, ALICE), (ALICE,), ()):
            store.commit_sync(_batch(RoomDelta(ROOM, "join", ephemeral=b"[" + typing_json(*users) + b"]")))
            assert tuple(room_of(store, ROOM).typing) == users
            store.commit_sync(_batch(RoomDelta(ROOM, "join")))
            assert tuple(room_of(store, ROOM).typing) == users

    def test_nobody_types_in_a_room_we_left(self, opened: _Opened) -> None:
        store = opened()
        store.commit_sync(_batch(RoomDelta(ROOM, "join", ephemeral=b"[" + typing_json(BOB) + b"]")))
        store.commit_sync(_batch(RoomDelta(ROOM, "leave")))
        assert list(room_of(store, ROOM).typing) == []

    # ------------------------------------------------------------ counts and members

    def test_counts_of_threads_are_kept(self, opened: _Opened) -> None:
        counts = b'{"$root":{"notification_count":3,"highlight_count":1},"$other":{"notification_count":2},"$bad":7}'
        opened().commit_sync(_batch(RoomDelta(ROOM, "join", thread_counts=counts)))
        opened().commit_sync(_batch(RoomDelta(ROOM, "join")))
        expected = {"$root": UnreadCounts(3, 1), "$other": UnreadCounts(2, 0)}
        assert room_of(opened(), ROOM).thread_counts == expected
        opened().commit_sync(_batch(RoomDelta(ROOM, "join", thread_counts=b"{}")))
        assert room_of(opened(), ROOM).thread_counts == {}

    def test_whether_all_members_are_known_is_kept(self, opened: _Opened) -> None:
        said: list[bool | None] = [None, True, None, False, None]
        seen = []
        for one in said:
            opened().commit_sync(_batch(RoomDelta(ROOM, "join", has_all_members=one)))
            seen.append(room_of(opened(), ROOM).has_all_members)
        assert seen == [False, True, True, False, False]

    def test_members_loaded_later_are_kept(self, opened: _Opened) -> None:
        store = opened()
        store.commit_sync(_batch(RoomDelta(ROOM, "join")))
        room = room_of(store, ROOM)
        room.has_all_members = True
        store.save_room(room)
        assert room_of(opened(), ROOM).has_all_members

    # ------------------------------------------------------------ rooms and account data

    def test_rooms_are_listed_by_membership(self, opened: _Opened) -> None:
        rooms = [RoomDelta(ROOM, "join"), RoomDelta(OTHER, "invite"), RoomDelta("!left", "leave")]
        opened().commit_sync(SyncBatch(ALICE, "s1", rooms))
        opened().commit_sync(_batch(RoomDelta("!left", "knock")))
        store = opened()
        listed = {one: list(store.room_ids(one)) for one in ("join", "invite", "knock", "leave")}
        assert listed == {"join": [ROOM], "invite": [OTHER], "knock": ["!left"], "leave": []}
        assert set(store.room_ids()) == {ROOM, OTHER, "!left"}

    def test_a_room_shows_our_own_data(self, opened: _Opened) -> None:
        rows = [
            AccountDataRow(ROOM, "m.tag", event_json("$1", "m.tag", content={"tags": {"m.favourite": {}}})),
            AccountDataRow("", "m.direct", event_json("$2", "m.direct", content={BOB: [ROOM]})),
            AccountDataRow("", "m.push_rules", NOT_EVENTS["NaN"]),
        ]
        opened().commit_sync(SyncBatch(ALICE, "s1", [RoomDelta(ROOM, "join"), RoomDelta(OTHER, "join")], [], rows))
        store = opened()
        room = room_of(store, ROOM)
        assert room.account_data("m.tag") == {"tags": {"m.favourite": {}}}
        assert (room.account_data("m.direct"), room.user_account_data("m.tag")) == ({}, {})
        assert room.user_account_data("m.direct") == {BOB: [ROOM]}
        assert isinstance(room.user_account_data("m.push_rules"), dict)
        assert room_of(store, OTHER).account_data("m.tag") == {}
        news = AccountDataRow("", "m.direct", event_json("$3", "m.direct", content={}))
        store.commit_sync(SyncBatch(ALICE, "s2", account_data=[news]))
        seen = room if self.keeps_identity else room_of(store, ROOM)
        assert seen.user_account_data("m.direct") == {}

    def test_a_room_knows_whose_it_is(self, opened: _Opened) -> None:
        store = opened()
        store.commit_sync(_batch(RoomDelta(ROOM, "join")))
        assert room_of(store, ROOM).own_user_id == ALICE


_POISONED_CONTENTS: tuple[Any, ...] = (
    7,
    None,
    [],
    {"$p": 7},
    {"$p": {"m.read": 7, "m.read.private": [BOB]}},
    {"$p": {"m.read": {ALICE: 7}, "org.example.read": 5}},
    {"$p": {"m.read": {ALICE: {"ts": "soon", "thread_id": 9}}}},
    *({"$p": {"m.read": {ALICE: {"ts": ts, "thread_id": None}}}} for ts in (_BIG, -_BIG, 1.5, 1e300, True, 10**30)),
    {"\ud800": {"m.read": {ALICE: {"ts": 1}}}},
    {"$p": {"m.read": {"\udfff": {"ts": 1}}}},
    {"$p": {"m.read": {ALICE: {"ts": 1, "thread_id": "\ud800"}}}},
    {"\0": {"m.read": {"\0": {"ts": 1, "thread_id": "\0"}}}},
)


def receipts_json(*contents: Any) -> bytes:
    """Return a JSON array of ``m.receipt`` events."""
    return dumps([{"type": "m.receipt", "content": content} for content in contents], ascii_only=True)


def typing_json(*user_ids: str) -> bytes:
    """Return an ``m.typing`` event as JSON."""
    return dumps({"type": "m.typing", "content": {"user_ids": list(user_ids)}}, ascii_only=True)


def _batch(delta: RoomDelta) -> SyncBatch:
    return SyncBatch(ALICE, "s", [delta])


def _receipts(store: SyncStorer, room_id: str = ROOM) -> set[Receipt]:
    return set(room_of(store, room_id).receipts.all())
