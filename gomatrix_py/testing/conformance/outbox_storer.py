"""What a store must do that keeps what waits to be sent."""
# ruff: noqa: S101 - these are tests, though they stand in the package

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import attrs

from ...store import SyncStorer
from ...store.key_values import Change, key_values_of
from ...store.outbox import OutboxKind, OutboxRow, OutboxState, OutboxStorer, outbox_of
from .specimens import ODD_TEXTS, OTHER, POISONED_EVENTS, ROOM, in_threads
from .storer import StorerConformance

__all__ = ["OutboxStorerConformance"]

_Opened = Callable[[], SyncStorer]
_OPEN_STATES = [state for state in OutboxState if state is not OutboxState.SENT]


class OutboxStorerConformance(StorerConformance):
    """Tests for any store with an attribute `outbox`; see `StorerConformance` for how to use it."""

    def test_it_has_an_outbox(self, opened: _Opened) -> None:
        assert outbox_of(opened()) is not None
        assert list(_outbox(opened).waiting()) == []

    # ------------------------------------------------------------ keeping

    def test_a_row_is_kept_whole(self, opened: _Opened) -> None:
        full = OutboxRow(
            ROOM,
            "m.room.message",
            b'{"body":"hello"}',
            "t1",
            device_id="DEVICE",
            kind=OutboxKind.REDACTION,
            target="$target",
            sender="@ghost:example.org",
            ts=1_600_000_000_000,
            depends_on=7,
            created_ts=1_700_000_000_000,
            expires_ts=1_800_000_000_000,
            state=OutboxState.PARKED,
            first_tried_ts=1_700_000_000_001,
            tries=3,
            refusals=2,
            last_error="why",
            event_id="$event",
        )
        kept, is_new = _outbox(opened).add(full)
        assert is_new
        assert kept.id > 0
        found = _outbox(opened).get(kept.id)
        assert found == kept == attrs.evolve(full, id=kept.id)
        assert found is not None
        assert (type(found.kind), type(found.state)) == (OutboxKind, OutboxState)
        none_set, _ = _outbox(opened).add(_row("t2"))
        assert _outbox(opened).get(none_set.id) == attrs.evolve(_row("t2"), id=none_set.id)

    def test_what_is_missing_is_none(self, opened: _Opened) -> None:
        outbox = _outbox(opened)
        assert outbox.get(0) is outbox.get(99) is outbox.find(ROOM, "", "t1") is None

    def test_contents_are_bytes(self, opened: _Opened) -> None:
        ids = [_outbox(opened).add(_row(key, content=data))[0].id for key, data in POISONED_EVENTS.items()]
        found = [_outbox(opened).get(row_id) for row_id in ids]
        assert [row.content for row in found if row is not None] == list(POISONED_EVENTS.values())

    def test_texts_are_opaque(self, opened: _Opened) -> None:
        for text in ODD_TEXTS:
            made = attrs.evolve(_row(text, text), device_id=text, event_type=text, target=text, last_error=text)
            kept, is_new = _outbox(opened).add(made)
            assert is_new
            assert _outbox(opened).find(text, text, text) == kept
            assert [row.id for row in _outbox(opened).waiting(text)] == [kept.id]

    # ------------------------------------------------------------ transaction ids

    def test_a_transaction_id_is_kept_once(self, opened: _Opened) -> None:
        kept, _ = _outbox(opened).add(_row("t1"))
        again, is_new = _outbox(opened).add(_row("t1", content=b'{"another":1}'))
        assert not is_new
        assert again == kept
        assert _ids(_outbox(opened)) == [kept.id]

    def test_what_was_sent_is_known_by_its_transaction_id(self, opened: _Opened) -> None:
        sent = _sent(opened, _row("t1"))
        again, is_new = _outbox(opened).add(_row("t1"))
        assert (is_new, again.id, again.event_id, again.is_sent) == (False, sent.id, "$of-t1", True)
        assert _outbox(opened).find(ROOM, "", "t1") == sent

    def test_rooms_and_devices_have_transaction_ids_of_their_own(self, opened: _Opened) -> None:
        rows = [_row("t1"), _row("t1", OTHER), attrs.evolve(_row("t1"), device_id="D")]
        kept = [_outbox(opened).add(row) for row in rows]
        assert [is_new for _, is_new in kept] == [True] * 3
        found = [_outbox(opened).find(row.room_id, row.device_id, "t1") for row in rows]
        assert found == [row for row, _ in kept]

    # ------------------------------------------------------------ order

    def test_what_waits_comes_in_order(self, opened: _Opened) -> None:
        kept = [_outbox(opened).add(_row(f"t{n}", OTHER if n % 3 else ROOM))[0] for n in (3, 1, 2, 9, 8)]
        assert _ids(_outbox(opened)) == sorted(row.id for row in kept)
        assert [row.txn_id for row in _outbox(opened).waiting()] == ["t3", "t1", "t2", "t9", "t8"]
        assert [row.txn_id for row in _outbox(opened).waiting(ROOM)] == ["t3", "t9"]
        assert _outbox(opened).count_waiting() == 5
        _outbox(opened).update([attrs.evolve(kept[0], tries=1)])  # written last, and still the first
        assert [row.txn_id for row in _outbox(opened).waiting()] == ["t3", "t1", "t2", "t9", "t8"]

    def test_all_that_is_not_sent_waits(self, opened: _Opened) -> None:
        for state in _OPEN_STATES:
            _outbox(opened).add(attrs.evolve(_row(state.value), state=state))
        _sent(opened, _row("t1"))
        outbox = _outbox(opened)
        assert [row.state for row in outbox.waiting()] == _OPEN_STATES
        assert outbox.count_waiting() == len(_OPEN_STATES)
        due = [row.id for row in outbox.waiting() if row.state is not OutboxState.WEDGED]
        assert outbox.due_ids() == outbox.due_ids(ROOM) == [(row_id, ROOM) for row_id in due]
        assert list(outbox.due_ids(OTHER)) == []

    def test_an_id_is_never_given_twice(self, opened: _Opened) -> None:
        kept, _ = _outbox(opened).add(_row("t1"))
        _outbox(opened).remove([kept.id])
        again, is_new = _outbox(opened).add(_row("t1"))
        assert is_new
        assert again.id > kept.id

    # ------------------------------------------------------------ changing

    def test_a_row_is_written_back(self, opened: _Opened) -> None:
        kept, _ = _outbox(opened).add(_row("t1"))
        changed = attrs.evolve(
            kept,
            event_type="m.room.encrypted",
            content=b'{"ciphertext":"x"}',
            depends_on=0,
            state=OutboxState.SENDING,
            first_tried_ts=5,
            tries=1,
            refusals=1,
            last_error="no answer",
        )
        for is_durable in (True, False):
            _outbox(opened).update([changed], is_durable=is_durable)
            assert _outbox(opened).get(kept.id) == changed

    def test_rows_are_copies(self, opened: _Opened) -> None:
        outbox = _outbox(opened)
        given = _row("t1")
        kept, _ = outbox.add(given)
        for row in (given, kept, outbox.waiting()[0], outbox.get(kept.id), outbox.find(ROOM, "", "t1")):
            assert row is not None
            row.state = OutboxState.SENT
        assert [row.state for row in outbox.waiting()] == [OutboxState.QUEUED]

    def test_what_was_sent_stays_sent(self, opened: _Opened) -> None:
        """Its echo may come while whoever sends it still holds the row of before."""
        kept, _ = _outbox(opened).add(_row("t1"))
        _outbox(opened).update([attrs.evolve(kept, state=OutboxState.SENT, event_id="$1")])
        _outbox(opened).update([attrs.evolve(kept, state=OutboxState.PARKED, last_error="late")])
        found = _outbox(opened).get(kept.id)
        assert found is not None
        assert (found.state, found.event_id, found.last_error) == (OutboxState.SENT, "$1", "")
        assert _ids(_outbox(opened)) == []

    def test_what_was_removed_stays_removed(self, opened: _Opened) -> None:
        first, _ = _outbox(opened).add(_row("t1"))
        second, _ = _outbox(opened).add(_row("t2"))
        _outbox(opened).remove([first.id, 99])
        _outbox(opened).update([attrs.evolve(first, tries=1), attrs.evolve(second, tries=1)])
        assert [(row.txn_id, row.tries) for row in _outbox(opened).waiting()] == [("t2", 1)]
        assert _outbox(opened).find(ROOM, "", "t1") is None

    def test_values_are_written_with_rows(self, opened: _Opened) -> None:
        kept, _ = _outbox(opened).add(_row("t1"))
        changes = [Change("space", "kept", b"1"), Change("space", "gone", b"2"), Change("space", "gone", None)]
        _outbox(opened).update([attrs.evolve(kept, tries=1)], changes=changes)
        values = key_values_of(opened())
        assert values is not None, "a store with an outbox has `key_values`, too"
        assert list(values.scan("space")) == [("kept", b"1")]

    def test_only_what_was_sent_long_ago_is_forgotten(self, opened: _Opened) -> None:
        old, new = attrs.evolve(_row("old"), created_ts=1_000), attrs.evolve(_row("new"), created_ts=2_000)
        _sent(opened, old)
        _sent(opened, new)
        waiting, _ = _outbox(opened).add(attrs.evolve(_row("waits"), created_ts=1_000))
        _outbox(opened).forget_sent(2_000)
        outbox = _outbox(opened)
        assert outbox.find(ROOM, "", "old") is None
        assert outbox.find(ROOM, "", "new") is not None
        assert _ids(outbox) == [waiting.id]

    def test_the_last_ones_that_were_sent_stay_whatever_the_clock_says(self, opened: _Opened) -> None:
        for number in range(5):
            _sent(opened, attrs.evolve(_row(f"t{number}"), created_ts=1_000))
        for keep, kept in ((9, "01234"), (2, "34"), (0, "")):
            _outbox(opened).forget_sent(1 << 60, keep)
            found = [str(number) for number in range(5) if _outbox(opened).find(ROOM, "", f"t{number}")]
            assert "".join(found) == kept

    # ------------------------------------------------------------ threads

    def test_threads_may_share_the_outbox(self, opened: _Opened) -> None:
        outbox = _outbox(opened)
        lock, new = threading.Lock(), [0]

        def work(number: int) -> None:
            for turn in range(20):
                kept, is_new = outbox.add(_row(f"t{turn}"))  # all threads the same ones
                with lock:
                    new[0] += is_new
                outbox.update([attrs.evolve(kept, tries=turn)], is_durable=False)
                own, _ = outbox.add(_row(f"{number}-{turn}", OTHER))
                outbox.update([attrs.evolve(own, state=OutboxState.SENT, event_id="$1")], is_durable=False)

        in_threads(work, 8)
        assert new == [20]
        assert _outbox(opened).count_waiting() == 20
        assert len({row.id for row in _outbox(opened).waiting(ROOM)}) == 20
        assert list(_outbox(opened).waiting(OTHER)) == []


def _outbox(opened: Callable[[], Any]) -> OutboxStorer:
    found = outbox_of(opened())
    assert found is not None, "the store has no attribute `outbox`"
    return found


def _row(txn_id: str, room_id: str = ROOM, content: bytes = b"{}") -> OutboxRow:
    return OutboxRow(room_id, "m.room.message", content, txn_id)


def _sent(opened: _Opened, row: OutboxRow) -> OutboxRow:
    kept, _ = _outbox(opened).add(row)
    sent = attrs.evolve(kept, state=OutboxState.SENT, event_id=f"$of-{row.txn_id}")
    _outbox(opened).update([sent])
    return sent


def _ids(outbox: OutboxStorer) -> list[int]:
    return [row.id for row in outbox.waiting()]
