"""What any `SyncStorer` must do besides: whole /sync answers, and a journal of undelivered events."""
# ruff: noqa: S101 - these are tests, though they stand in the package

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from ...events import Event, EventSource
from ...store import AccountDataRow, Gap, InboxRow, RoomDelta, SyncBatch, SyncStorer
from .room_news import RoomNewsConformance
from .specimens import (
    ALICE,
    BOB,
    NOT_EVENTS,
    ODD_TEXTS,
    OTHER,
    POISONED_EVENTS,
    ROOM,
    event_json,
    in_threads,
    room_of,
)

__all__ = ["SyncStorerConformance"]

_Opened = Callable[[], SyncStorer]


class SyncStorerConformance(RoomNewsConformance):
    """Tests for any store that takes /sync answers whole; see `StorerConformance` for how to use it."""

    def make_store(self) -> SyncStorer:
        """Return a new, empty store; files belong into `self.folder`."""
        raise NotImplementedError("a conformance suite needs make_store()")

    def test_it_is_a_sync_storer(self, opened: _Opened) -> None:
        assert isinstance(opened(), SyncStorer)

    # ------------------------------------------------------------ what a batch changes

    def test_a_batch_is_stored_whole(self, opened: _Opened) -> None:
        name = event_json("$n", "m.room.name", state_key="", content={"name": "whole"})
        delta = RoomDelta(
            ROOM,
            "join",
            state=[("m.room.name", "", name)],
            seen=["$seen"],
            summary=b'{"m.heroes":["@bob:example.org"]}',
            notification_count=3,
            highlight_count=1,
            prev_batch="t0",
        )
        batch = SyncBatch(ALICE, "s1", [delta], [_row("$1")], [AccountDataRow("", "m.direct", b'{"a":1}')])
        batch.gaps.append(Gap(ROOM, "s0", "t0"))
        new = opened().commit_sync(batch)
        store = opened()
        room = room_of(store, ROOM)
        assert store.load_next_batch(ALICE) == "s1"
        assert (room.membership, room.name, room.prev_batch) == ("join", "whole", "t0")
        assert (room.notification_count, room.highlight_count) == (3, 1)
        assert room.summary == {"m.heroes": [BOB]}
        assert _ids(new) == _ids(store.undelivered()) == ["$1"]
        assert store.has_event(ROOM, "$seen")
        assert store.load_account_data("m.direct") == b'{"a":1}'
        assert [(gap.room_id, gap.since, gap.prev_batch) for gap in store.gaps()] == [(ROOM, "s0", "t0")]
        assert list(store.room_ids()) == [ROOM]

    def test_an_empty_batch_moves_the_token_only(self, opened: _Opened) -> None:
        assert list(opened().commit_sync(SyncBatch(ALICE, "s1"))) == []
        store = opened()
        assert store.load_next_batch(ALICE) == "s1"
        assert (list(store.room_ids()), list(store.undelivered()), list(store.gaps())) == ([], [], [])

    def test_none_means_as_before(self, opened: _Opened) -> None:
        full = RoomDelta(ROOM, "join", summary=b'{"a":1}', notification_count=5, highlight_count=4, prev_batch="t1")
        opened().commit_sync(SyncBatch(ALICE, "s1", [full]))
        opened().commit_sync(SyncBatch(ALICE, "s2", [RoomDelta(ROOM, "leave")]))
        room = room_of(opened(), ROOM)
        assert (room.notification_count, room.highlight_count, room.prev_batch) == (5, 4, "t1")
        assert (room.membership, room.summary) == ("leave", {"a": 1})

    def test_zero_is_not_as_before(self, opened: _Opened) -> None:
        for count, token in ((5, "t1"), (0, "")):
            delta = RoomDelta(ROOM, "join", notification_count=count, highlight_count=count, prev_batch=token)
            opened().commit_sync(SyncBatch(ALICE, f"s{count}", [delta]))
        room = room_of(opened(), ROOM)
        assert (room.notification_count, room.highlight_count, room.prev_batch) == (0, 0, "")

    def test_a_summary_is_brought_up_to_date(self, opened: _Opened) -> None:
        for summary in (
            b'{"m.joined_member_count":2,"m.heroes":["@b"]}',
            b'{"m.joined_member_count":3}',
            b"not JSON",
        ):
            opened().commit_sync(SyncBatch(ALICE, "s", [RoomDelta(ROOM, "join", summary=summary)]))
        assert room_of(opened(), ROOM).summary == {"m.joined_member_count": 3, "m.heroes": ["@b"]}

    def test_of_two_states_the_later_one_counts(self, opened: _Opened) -> None:
        base = b"[" + b",".join(_name(text) for text in ("base", "base again")) + b"]"
        first = RoomDelta(ROOM, "join", base_state=base)
        opened().commit_sync(SyncBatch(ALICE, "s1", [first]))
        assert room_of(opened(), ROOM).name == "base again"
        pieces = [("m.room.name", "", _name(text)) for text in ("one", "two")]
        opened().commit_sync(SyncBatch(ALICE, "s2", [RoomDelta(ROOM, "join", base_state=base, state=pieces)]))
        assert room_of(opened(), ROOM).name == "two"

    def test_rooms_do_not_mix(self, opened: _Opened) -> None:
        rooms = [
            RoomDelta(ROOM, "join", state=[("m.room.name", "", _name("here"))]),
            RoomDelta(OTHER, "invite", state=[("m.room.topic", "", _name("there"))]),
        ]
        opened().commit_sync(SyncBatch(ALICE, "s1", rooms))
        store = opened()
        assert set(store.room_ids()) == {ROOM, OTHER}
        assert [room_of(store, one).membership for one in (ROOM, OTHER)] == ["join", "invite"]
        assert set(room_of(store, ROOM).state) == {"m.room.name"}
        assert set(room_of(store, OTHER).state) == {"m.room.topic"}

    def test_users_have_tokens_of_their_own(self, opened: _Opened) -> None:
        opened().commit_sync(SyncBatch(ALICE, "a"))
        opened().commit_sync(SyncBatch(BOB, "b"))
        assert (opened().load_next_batch(ALICE), opened().load_next_batch(BOB)) == ("a", "b")

    def test_a_held_room_learns_what_is_committed(self, opened: _Opened) -> None:
        store = opened()
        store.commit_sync(
            SyncBatch(ALICE, "s1", [RoomDelta(ROOM, "invite", state=[("m.room.name", "", _name("a"))])])
        )
        held = room_of(store, ROOM)
        assert (held.membership, held.name) == ("invite", "a")
        news = RoomDelta(ROOM, "join", state=[("m.room.name", "", _name("b"))], notification_count=9)
        store.commit_sync(SyncBatch(ALICE, "s2", [news]))
        seen = held if self.keeps_identity else room_of(store, ROOM)
        assert (seen.membership, seen.name, seen.notification_count) == ("join", "b", 9)

    def test_state_set_by_hand_outlives_a_batch(self, opened: _Opened) -> None:
        store = opened()
        store.commit_sync(SyncBatch(ALICE, "s1", [RoomDelta(ROOM, "join", state=[("m.room.name", "", _name("a"))])]))
        room = room_of(store, ROOM)
        room.update_state(
            Event.from_json(event_json("$t", "m.room.topic", state_key="", content={"topic": "by hand"}))
        )
        store.save_room(room)
        store.commit_sync(SyncBatch(ALICE, "s2", [RoomDelta(ROOM, "join", state=[("m.room.name", "", _name("b"))])]))
        room = room_of(opened(), ROOM)
        assert (room.name, room.topic) == ("b", "by hand")

    # ------------------------------------------------------------ what came with an invitation

    def test_state_that_counts_no_more_is_forgotten(self, opened: _Opened) -> None:
        """Whoever invites says what they like of a room: once we are in, only what the room says counts."""
        topic = ("m.room.topic", "", event_json("$t", "m.room.topic", state_key="", content={"topic": "said"}))
        said = [("m.room.name", "", _name("said")), topic]
        rooms = [RoomDelta(one, "invite", state=said, prev_batch="t0") for one in (ROOM, OTHER)]
        opened().commit_sync(SyncBatch(ALICE, "s1", rooms))
        base = b"[" + _name("true") + b"]"
        joined = RoomDelta(ROOM, "join", base_state=base, seen=["$n"], forgets_state=True)
        opened().commit_sync(SyncBatch(ALICE, "s2", [joined, RoomDelta(OTHER, "join")]))
        store = opened()
        room, other = room_of(store, ROOM), room_of(store, OTHER)
        assert (room.membership, room.name, set(room.state)) == ("join", "true", {"m.room.name"})
        assert (other.name, other.topic) == ("said", "said"), "state of another room was forgotten, too"
        assert (room.prev_batch, store.has_event(ROOM, "$n")) == ("t0", True), "only state was to be forgotten"

    def test_a_held_room_forgets_with_its_store(self, opened: _Opened) -> None:
        store = opened()
        invited = RoomDelta(ROOM, "invite", state=[("m.room.name", "", _name("said"))])
        store.commit_sync(SyncBatch(ALICE, "s1", [invited]))
        held = room_of(store, ROOM)
        held.update_state(Event.from_json(event_json("$t", "m.room.topic", state_key="", content={"topic": "said"})))
        joined = RoomDelta(ROOM, "join", state=[("m.room.avatar", "", _name("new"))], forgets_state=True)
        store.commit_sync(SyncBatch(ALICE, "s2", [joined]))
        seen = held if self.keeps_identity else room_of(store, ROOM)
        assert set(seen.state) == {"m.room.avatar"}
        store.save_room(seen)
        assert set(room_of(opened(), ROOM).state) == {"m.room.avatar"}, "what was forgotten came back"

    def test_committed_state_is_kept_byte_by_byte(self, opened: _Opened) -> None:
        state = []
        for key, poison in POISONED_EVENTS.items():
            sound = event_json("$x", "org.example.poison", state_key=key, content={})
            state.append(("org.example.poison", key, sound[:-1] + b',"poison":' + poison + b"}"))
        opened().commit_sync(SyncBatch(ALICE, "s1", [RoomDelta(ROOM, "join", state=state)]))
        loaded = room_of(opened(), ROOM).state["org.example.poison"]
        expected = {key: Event.from_json(data, ROOM) for _, key, data in state}
        assert {key: event.json for key, event in loaded.items()} == {key: one.json for key, one in expected.items()}

    def test_odd_texts_are_kept_apart(self, opened: _Opened) -> None:
        rooms = [
            RoomDelta(text, "join", state=[(text, text, event_json("$1", text, state_key=text))], prev_batch=text)
            for text in ODD_TEXTS
        ]
        inbox = [_row(text, room_id=text) for text in ODD_TEXTS]
        data = [AccountDataRow(text, text, event_json(text, text)) for text in ODD_TEXTS]
        gaps = [Gap(text, text, text) for text in ODD_TEXTS]
        opened().commit_sync(SyncBatch(ALICE, "s1", rooms, inbox, data, gaps))
        store = opened()
        assert set(store.room_ids()) == set(ODD_TEXTS)
        assert [(row.room_id, row.event_id) for row in store.undelivered()] == [(one, one) for one in ODD_TEXTS]
        for text in ODD_TEXTS:
            room = room_of(store, text)
            assert room.prev_batch == text
            assert [(kind, *events) for kind, events in room.state.items()] == [(text, text)]
            assert store.has_event(text, text)
            assert store.load_account_data(text, text) == event_json(text, text)
            assert [(gap.since, gap.prev_batch) for gap in store.gaps(text)] == [(text, text)]

    # ------------------------------------------------------------ account data

    def test_account_data_is_kept_by_room_and_type(self, opened: _Opened) -> None:
        rows = [
            AccountDataRow("", "m.tag", b'{"of":"the account"}'),
            AccountDataRow(ROOM, "m.tag", b'{"of":"the room"}'),
            AccountDataRow("", "m.direct", b"1"),
            AccountDataRow("", "m.direct", b"2"),
        ]
        opened().commit_sync(SyncBatch(ALICE, "s1", account_data=rows))
        opened().commit_sync(SyncBatch(ALICE, "s2", account_data=[AccountDataRow(ROOM, "m.tag", NOT_EVENTS["NaN"])]))
        store = opened()
        assert store.load_account_data("m.tag") == b'{"of":"the account"}'
        assert store.load_account_data("m.tag", ROOM) == NOT_EVENTS["NaN"]
        assert store.load_account_data("m.direct") == b"2"
        assert store.load_account_data("m.direct", ROOM) is None

    # ------------------------------------------------------------ the journal

    def test_undelivered_rows_come_in_order(self, opened: _Opened) -> None:
        expected = []
        for number, source in enumerate(EventSource):
            event_id = f"${99 - number}" if number % 3 < 2 else ""
            row = InboxRow((ROOM, OTHER, "")[number % 3], event_id, source, event_json(f"${number}"))
            expected.append((row.room_id, row.event_id, row.source, row.json, 0))
            opened().commit_sync(SyncBatch(ALICE, f"s{number}", inbox=[row]))
        rows = opened().undelivered()
        assert [(row.room_id, row.event_id, row.source, row.json, row.tries) for row in rows] == expected
        assert [row.seq for row in rows] == sorted({row.seq for row in rows})

    def test_new_rows_are_returned_with_their_place(self, opened: _Opened) -> None:
        store = opened()
        new = store.commit_sync(SyncBatch(ALICE, "s1", inbox=[_row("$1"), _row("$2"), _row("$3", OTHER)]))
        assert [(row.seq, row.event_id) for row in new] == [(row.seq, row.event_id) for row in store.undelivered()]

    def test_an_event_counts_once_per_room(self, opened: _Opened) -> None:
        first = opened().commit_sync(SyncBatch(ALICE, "s1", inbox=[_row("$1"), _row("$1"), _row("$1", OTHER)]))
        again = opened().commit_sync(SyncBatch(ALICE, "s2", inbox=[_row("$1"), _row("$2"), _row("$1", OTHER)]))
        assert [(row.room_id, row.event_id) for row in first] == [(ROOM, "$1"), (OTHER, "$1")]
        assert _ids(again) == ["$2"]
        assert _ids(opened().undelivered()) == ["$1", "$1", "$2"]

    def test_a_delivered_event_is_not_new(self, opened: _Opened) -> None:
        opened().commit_sync(SyncBatch(ALICE, "s1", inbox=[_row("$1")]))
        store = opened()
        store.mark_delivered(store.undelivered())
        assert list(opened().commit_sync(SyncBatch(ALICE, "s2", inbox=[_row("$1")]))) == []
        assert list(opened().undelivered()) == []

    def test_an_event_nobody_waited_for_is_not_new(self, opened: _Opened) -> None:
        opened().commit_sync(SyncBatch(ALICE, "s1", [RoomDelta(ROOM, "join", seen=["$1", "$2", "$1"])]))
        new = opened().commit_sync(SyncBatch(ALICE, "s2", inbox=[_row("$1"), _row("$1", OTHER), _row("$3")]))
        assert [(row.room_id, row.event_id) for row in new] == [(OTHER, "$1"), (ROOM, "$3")]

    def test_events_without_id_all_count(self, opened: _Opened) -> None:
        rows = [_row("", ""), _row("", ""), _row("", ROOM)]
        assert len(opened().commit_sync(SyncBatch(ALICE, "s1", inbox=rows))) == 3
        store = opened()
        assert len(store.undelivered()) == 3
        assert not store.has_event(ROOM, "")
        store.mark_delivered(store.undelivered())
        assert len(opened().commit_sync(SyncBatch(ALICE, "s2", inbox=[_row("", "")]))) == 1

    def test_known_events_are_known_by_room(self, opened: _Opened) -> None:
        opened().commit_sync(SyncBatch(ALICE, "s1", [RoomDelta(ROOM, "join", seen=["$2"])], [_row("$1")]))
        store = opened()
        known = [store.has_event(room_id, one) for room_id in (ROOM, OTHER) for one in ("$1", "$2", "$3")]
        assert known == [True, True, False, False, False, False]

    def test_a_journal_keeps_any_bytes(self, opened: _Opened) -> None:
        bodies = [*POISONED_EVENTS.values(), *NOT_EVENTS.values(), bytes(range(256))]
        rows = [InboxRow(ROOM, f"${number}", EventSource.TIMELINE, body) for number, body in enumerate(bodies)]
        opened().commit_sync(SyncBatch(ALICE, "s1", inbox=rows))
        assert [row.json for row in opened().undelivered()] == bodies

    def test_marked_rows_are_gone_and_the_others_stay(self, opened: _Opened) -> None:
        opened().commit_sync(SyncBatch(ALICE, "s1", inbox=[_row(f"${number}") for number in range(5)]))
        store = opened()
        store.mark_delivered(row for row in store.undelivered() if row.event_id in ("$1", "$3"))
        assert _ids(opened().undelivered()) == ["$0", "$2", "$4"]

    def test_marking_twice_does_no_harm(self, opened: _Opened) -> None:
        store = opened()
        old = store.commit_sync(SyncBatch(ALICE, "s1", inbox=[_row("$1"), _row("", "")]))
        store.mark_delivered(old)
        store.mark_delivered([])
        store.commit_sync(SyncBatch(ALICE, "s2", inbox=[_row("$2"), _row("", "")]))
        store.mark_delivered(old)
        assert _ids(opened().undelivered()) == ["$2", ""], "a row handed out earlier stands for a newer one"

    def test_tries_are_counted(self, opened: _Opened) -> None:
        opened().commit_sync(SyncBatch(ALICE, "s1", inbox=[_row("$1"), _row("$2")]))
        for expected in (1, 2, 3):
            store = opened()
            assert store.begin_try(store.undelivered()[0]) == expected
        assert [row.tries for row in opened().undelivered()] == [3, 0]

    def test_tries_are_counted_whoever_holds_the_row(self, opened: _Opened) -> None:
        store = opened()
        store.commit_sync(SyncBatch(ALICE, "s1", inbox=[_row("$1")]))
        copies = [attrs.evolve(store.undelivered()[0]) for _ in range(2)]
        assert [store.begin_try(copy) for copy in copies] == [1, 2]
        assert [row.tries for row in opened().undelivered()] == [2]

    def test_a_row_set_aside_is_kept_but_not_delivered(self, opened: _Opened) -> None:
        opened().commit_sync(SyncBatch(ALICE, "s1", inbox=[_row("$1"), _row("$2"), _row("$3")]))
        store = opened()
        store.set_aside(store.undelivered()[1], "it is \N{SKULL} poison \ud800" + "!" * 10_000)
        assert _ids(opened().undelivered()) == ["$1", "$3"]
        store = opened()
        assert [(row.event_id, row.json) for row in store.quarantined()] == [("$2", event_json("$2"))]
        assert list(store.commit_sync(SyncBatch(ALICE, "s2", inbox=[_row("$2")]))) == []

    def test_a_row_set_aside_can_be_marked_after_all(self, opened: _Opened) -> None:
        store = opened()
        store.commit_sync(SyncBatch(ALICE, "s1", inbox=[_row("$1")]))
        store.set_aside(store.undelivered()[0], "a bug that was fixed since")
        store = opened()
        store.mark_delivered(store.quarantined())
        store = opened()
        assert (list(store.undelivered()), list(store.quarantined())) == ([], [])
        assert store.has_event(ROOM, "$1")

    def test_a_row_set_aside_can_be_put_back_in_its_place(self, opened: _Opened) -> None:
        store = opened()
        store.commit_sync(SyncBatch(ALICE, "s1", inbox=[_row("$1"), _row("$2"), _row("$3")]))
        for row in store.undelivered()[:2]:
            store.begin_try(row)
            store.set_aside(row, f"{row.event_id} was too much")
        store = opened()
        assert [row.reason for row in store.quarantined()] == ["$1 was too much", "$2 was too much"]
        store.put_back(store.quarantined()[1:])
        store.put_back(store.undelivered())
        store = opened()
        assert _ids(store.quarantined()) == ["$1"]
        assert [(row.event_id, row.tries) for row in store.undelivered()] == [("$2", 0), ("$3", 0)]
        assert {row.reason for row in store.undelivered()} == {""}

    def test_a_delivered_row_cannot_be_set_aside(self, opened: _Opened) -> None:
        store = opened()
        rows = store.commit_sync(SyncBatch(ALICE, "s1", inbox=[_row("$1")]))
        store.mark_delivered(rows)
        store.set_aside(rows[0], "too late")
        store = opened()
        assert (list(store.undelivered()), list(store.quarantined())) == ([], [])

    def test_many_rows_at_once(self, opened: _Opened) -> None:
        rows = [_row(f"${number}", f"!{number % 7}") for number in range(2_000)]
        opened().commit_sync(SyncBatch(ALICE, "s1", inbox=rows))
        store = opened()
        assert _ids(store.undelivered()) == [f"${number}" for number in range(2_000)]
        store.mark_delivered(store.undelivered()[:1_999])
        assert _ids(opened().undelivered()) == ["$1999"]

    # ------------------------------------------------------------ gaps

    def test_gaps_are_kept_by_room(self, opened: _Opened) -> None:
        for number, room_id in enumerate((ROOM, OTHER, ROOM)):
            opened().commit_sync(SyncBatch(ALICE, f"s{number}", gaps=[Gap(room_id, f"s{number}", f"t{number}")]))
        store = opened()
        assert [gap.prev_batch for gap in store.gaps()] == ["t0", "t1", "t2"]
        assert [gap.prev_batch for gap in store.gaps(ROOM)] == ["t0", "t2"]
        assert list(store.gaps("!unknown")) == []
        assert len({gap.id for gap in store.gaps()}) == 3

    def test_a_filled_gap_is_gone_and_its_events_are_journalled(self, opened: _Opened) -> None:
        store = opened()
        store.commit_sync(
            SyncBatch(ALICE, "s1", inbox=[_row("$9")], gaps=[Gap(ROOM, "s0", "t1"), Gap(OTHER, "s0", "t")])
        )
        new = store.commit_gap(store.gaps(ROOM)[0], [_row("$7"), _row("$8"), _row("$9")], None)
        assert _ids(new) == ["$7", "$8"]
        store = opened()
        assert [gap.room_id for gap in store.gaps()] == [OTHER]
        assert _ids(store.undelivered()) == ["$9", "$7", "$8"]
        assert store.load_next_batch(ALICE) == "s1"

    def test_the_rest_of_a_gap_takes_its_place(self, opened: _Opened) -> None:
        store = opened()
        store.commit_sync(SyncBatch(ALICE, "s1", gaps=[Gap(ROOM, "s0", "t2")]))
        (gap,) = store.gaps()
        store.commit_gap(gap, [_row("$5")], Gap(ROOM, "s0", "t1"))
        assert [(one.since, one.prev_batch) for one in opened().gaps()] == [("s0", "t1")]

    def test_a_gap_filled_twice_takes_no_other_with_it(self, opened: _Opened) -> None:
        store = opened()
        store.commit_sync(SyncBatch(ALICE, "s1", gaps=[Gap(ROOM, "s0", "t2")]))
        (gap,) = store.gaps()
        store.commit_gap(gap, [_row("$5")], Gap(ROOM, "s0", "t1"))
        store.commit_gap(gap, [], None)
        assert [one.prev_batch for one in opened().gaps()] == ["t1"], "the id of a gap was given to another one"

    # ------------------------------------------------------------ threads

    def test_threads_may_commit_and_read_at_once(self, opened: _Opened) -> None:
        store = opened()

        def work(number: int) -> None:
            room_id = f"!{number % 4}"
            for turn in range(10):
                event_id = f"${number}/{turn}"
                delta = RoomDelta(room_id, "join", state=[("m.room.name", "", _name(event_id))])
                new = store.commit_sync(SyncBatch(f"@{number}", f"s{turn}", [delta], [_row(event_id, room_id)]))
                assert _ids(new) == [event_id]
                assert event_id in _ids(store.undelivered())
                assert room_of(store, room_id).name is not None
                store.mark_delivered(new)
                assert store.has_event(room_id, event_id)

        in_threads(work, 8)
        store = opened()
        assert list(store.undelivered()) == []
        assert [store.load_next_batch(f"@{number}") for number in range(8)] == ["s9"] * 8


def _row(event_id: str, room_id: str = ROOM) -> InboxRow:
    return InboxRow(room_id, event_id, EventSource.TIMELINE, event_json(event_id))


def _ids(rows: Iterable[InboxRow]) -> list[str]:
    return [row.event_id for row in rows]


def _name(text: str) -> bytes:
    return event_json("$name", "m.room.name", state_key="", content={"name": text})
