"""The outbox against a server that fails by a script: once, in order, and nothing forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gomatrix_py import InMemoryStore, RetryPolicy
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import (
    ConnectError,
    Forbidden,
    OutboxFull,
    RequestCancelled,
    RequestTimeout,
    SendBlocked,
    ServerError,
    UnknownToken,
    UsageError,
)
from gomatrix_py.send.outbox import Outbox
from gomatrix_py.send.row_sender import SERVER_REMEMBERS_MS, WEDGED_AFTER, pending_uri
from gomatrix_py.store import SQLiteStore
from gomatrix_py.store.outbox import MemoryOutbox, OutboxKind, OutboxRow, OutboxState, OutboxStorer
from tests.kit.forgetful_server import ForgetfulServer, FrozenClock

ROOM, OTHER = "!a:hs", "!b:hs"
AT_ONCE = RetryPolicy(randomness=lambda: 0.0)


@pytest.fixture(params=["memory", "sqlite"])
def rows(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OutboxStorer]:
    if request.param == "memory":
        yield InMemoryStore().outbox
        return
    with SQLiteStore(tmp_path / "store.db") as store:
        yield store.outbox


Make = Callable[..., Outbox]


@pytest.fixture
def make(rows: OutboxStorer) -> Make:
    def build(server: ForgetfulServer, **options: object) -> Outbox:
        options.setdefault("policy", AT_ONCE)
        return Outbox(rows, server.transmit, **options)  # type: ignore[arg-type]

    return build


def row(number: int, room_id: str = ROOM, **fields: object) -> OutboxRow:
    return OutboxRow(room_id, "m.room.message", b'{"body": "%d"}' % number, f"t{number}", **fields)  # type: ignore[arg-type]


def states(outbox: Outbox) -> dict[str, OutboxState]:
    return {one.txn_id: one.state for one in outbox.pending()}


# ------------------------------------------------------------------ blocking


def test_what_is_sent_is_known_by_its_transaction_id(make: Make) -> None:
    server = ForgetfulServer()
    outbox = make(server)
    first = outbox.send(row(1))
    assert (first.event_id, first.is_sent, first.content) == ("$!a:hs-0", True, b"")
    assert outbox.send(row(1)).event_id == first.event_id
    assert (server.calls, outbox.pending()) == (1, [])


@pytest.mark.parametrize("fault", ["unreached", "lost", "failed", "busy", "broken"])
def test_what_passes_is_tried_again(make: Make, fault: str) -> None:
    server = ForgetfulServer([fault, fault])
    assert make(server).send(row(1)).is_sent
    assert server.rooms == {ROOM: ["t1"]}
    assert server.calls == 3


def test_what_is_refused_is_forgotten_and_said(make: Make) -> None:
    server = ForgetfulServer(["refused"])
    outbox = make(server)
    with pytest.raises(Forbidden):
        outbox.send(row(1))
    assert (outbox.pending(), server.calls) == ([], 1)


def test_what_certainly_was_not_sent_is_forgotten(make: Make) -> None:
    outbox = make(ForgetfulServer(["unreached"] * 5))
    with pytest.raises(ConnectError):
        outbox.send(row(1))
    assert outbox.pending() == []


def test_what_may_have_been_sent_is_parked_and_settled_by_a_flush(make: Make) -> None:
    server = ForgetfulServer(["lost"] * 5)
    outbox = make(server)
    with pytest.raises(RequestTimeout):
        outbox.send(row(1))
    assert states(outbox) == {"t1": OutboxState.PARKED}
    report = outbox.flush()
    assert (bool(report), [one.event_id for one in report.sent]) == (True, ["$!a:hs-0"])
    assert server.rooms == {ROOM: ["t1"]}


def test_one_sure_failure_among_unsure_ones_does_not_make_it_sure(make: Make) -> None:
    outbox = make(ForgetfulServer(["lost", "unreached", "unreached", "unreached", "unreached"]))
    with pytest.raises(ConnectError):
        outbox.send(row(1))
    assert states(outbox) == {"t1": OutboxState.PARKED}


def test_what_is_parked_keeps_nobody_waiting(make: Make) -> None:
    server = ForgetfulServer(["broken"] * 5)
    outbox = make(server)
    with pytest.raises(ServerError):
        outbox.send(row(1))
    assert outbox.send(row(2)).is_sent
    assert server.rooms == {ROOM: ["t2"]}


def test_the_same_transaction_id_settles_what_is_parked(make: Make) -> None:
    server = ForgetfulServer(["lost"] * 5)
    outbox = make(server)
    with pytest.raises(RequestTimeout):
        outbox.send(row(1))
    assert outbox.send(row(1)).event_id == "$!a:hs-0"
    assert (outbox.pending(), server.rooms) == ([], {ROOM: ["t1"]})


def test_an_echo_settles_what_is_parked(make: Make) -> None:
    outbox = make(ForgetfulServer(["lost"] * 5))
    with pytest.raises(RequestTimeout):
        outbox.send(row(1))
    before = outbox.may_have_unsettled
    outbox.settle(ROOM, "", "t1", "$echo")
    assert outbox.pending() == []
    assert (before, outbox.may_have_unsettled) == (True, False)
    assert outbox.send(row(1)).event_id == "$echo"


def test_an_interrupt_parks_what_may_have_been_sent(rows: OutboxStorer) -> None:
    def interrupted(one: OutboxRow, cancel: CancelToken | None) -> str:
        raise KeyboardInterrupt

    outbox = Outbox(rows, interrupted)
    with pytest.raises(KeyboardInterrupt):
        outbox.send(row(1))
    assert states(outbox) == {"t1": OutboxState.PARKED}


def test_the_row_is_kept_before_anything_is_sent(rows: OutboxStorer) -> None:
    seen: list[OutboxState] = []

    def transmit(one: OutboxRow, cancel: CancelToken | None) -> str:
        seen.extend(kept.state for kept in rows.waiting())
        return "$event"

    outbox = Outbox(rows, transmit)
    outbox.send(row(1))
    outbox.queue(row(2))
    outbox.flush()
    assert seen == [OutboxState.SENDING, OutboxState.SENDING]


# ------------------------------------------------------------------ order


def test_what_was_queued_goes_first(make: Make) -> None:
    server = ForgetfulServer()
    outbox = make(server)
    outbox.queue(row(1))
    outbox.queue(row(2))
    outbox.send(row(3))
    assert server.rooms == {ROOM: ["t1", "t2", "t3"]}


def test_nothing_overtakes_what_cannot_be_sent_now(make: Make) -> None:
    server = ForgetfulServer(by_row=lambda one: "unreached" if one.txn_id == "t1" else "ok")
    outbox = make(server)
    outbox.queue(row(1))
    with pytest.raises(SendBlocked, match="an earlier message"):
        outbox.send(row(2))
    assert server.rooms == {}
    assert states(outbox) == {"t1": OutboxState.QUEUED}  # the second one's caller was told


def test_what_is_refused_for_good_lets_others_pass(make: Make) -> None:
    server = ForgetfulServer(by_row=lambda one: "refused" if one.txn_id == "t1" else "ok")
    outbox = make(server)
    outbox.queue(row(1))
    assert outbox.send(row(2)).is_sent
    assert states(outbox) == {"t1": OutboxState.WEDGED}
    assert outbox.pending()[0].last_error == "no: HTTP 403, the answer is not a Matrix error"


def test_equal_failures_wedge_a_row_and_the_queue_goes_on(make: Make) -> None:
    server = ForgetfulServer(by_row=lambda one: "broken" if one.txn_id == "t1" else "ok")
    outbox = make(server)
    for one in (row(1), row(2), row(3, OTHER)):
        outbox.queue(one)
    report = outbox.flush()
    assert not report
    assert {one.txn_id for one in report.sent} == {"t2", "t3"}
    (wedged,) = report.waiting
    assert (wedged.state, wedged.tries) == (OutboxState.WEDGED, WEDGED_AFTER)
    server.by_row = None
    assert outbox.retry(wedged.id)
    assert outbox.flush()
    assert server.rooms[ROOM] == ["t2", "t1"]


# ------------------------------------------------------------------ flushing


def test_a_flush_sends_rooms_side_by_side(make: Make) -> None:
    both = threading.Barrier(2, timeout=10)

    def meet(one: OutboxRow) -> str:
        return "ok"

    server = ForgetfulServer(by_row=meet)

    def transmit(one: OutboxRow, cancel: CancelToken | None) -> str:
        both.wait()  # breaks where one room waits for the other
        return server.transmit(one)

    outbox = make(server)
    outbox._sender.transmit = transmit
    outbox.queue(row(1))
    outbox.queue(row(2, OTHER))
    assert outbox.flush()


def test_a_flush_ends_with_its_time_and_leaves_the_rest(make: Make) -> None:
    clock = FrozenClock()

    def late(one: OutboxRow) -> str:
        clock.at_s += 100
        return "unreached"

    server = ForgetfulServer(by_row=late)
    outbox = make(server, clock=clock)
    outbox.queue(row(1))
    outbox.queue(row(2))
    report = outbox.flush(timeout_s=60)
    assert (report.sent, [one.state for one in report.waiting]) == ([], [OutboxState.QUEUED] * 2)
    assert server.calls == 1


def test_a_flush_ends_with_its_time_though_the_server_hangs(make: Make) -> None:
    def hang(one: OutboxRow, cancel: CancelToken | None) -> str:
        assert cancel is not None
        assert cancel.wait(60), "nobody ended what hung"
        raise RequestCancelled("ended", was_sent=True)

    outbox = make(ForgetfulServer())
    outbox._sender.transmit = hang
    outbox.queue(row(1))
    outbox.queue(row(2))
    assert not outbox.flush(timeout_s=0.05)
    assert states(outbox) == {"t1": OutboxState.SENDING, "t2": OutboxState.QUEUED}


def test_a_flush_stops_where_we_are_shut_out_and_keeps_all(make: Make) -> None:
    outbox = make(ForgetfulServer(["shut out"]))
    outbox.queue(row(1))
    outbox.queue(row(2))
    with pytest.raises(UnknownToken):
        outbox.flush()
    assert states(outbox) == {"t1": OutboxState.QUEUED, "t2": OutboxState.QUEUED}
    assert outbox.flush()


def test_a_cancelled_flush_ends(make: Make) -> None:
    token = CancelToken()

    def cancelling(one: OutboxRow) -> str:
        token.cancel()
        return "lost"

    server = ForgetfulServer(by_row=cancelling)
    outbox = make(server)
    outbox.queue(row(1))
    outbox.queue(row(2))
    assert not outbox.flush(cancel=token)
    assert server.calls == 1
    assert states(outbox) == {"t1": OutboxState.SENDING, "t2": OutboxState.QUEUED}


def test_a_flush_of_one_room_leaves_the_others(make: Make) -> None:
    server = ForgetfulServer()
    outbox = make(server)
    outbox.queue(row(1))
    outbox.queue(row(2, OTHER))
    assert outbox.flush(room_id=OTHER)
    assert server.rooms == {OTHER: ["t2"]}


# ------------------------------------------------------------------ cancel, edit, limits, age


def test_what_waits_can_be_cancelled_and_edited(make: Make) -> None:
    server = ForgetfulServer()
    outbox = make(server)
    first, second = outbox.queue(row(1)), outbox.queue(row(2))
    assert outbox.cancel(first.id)
    assert outbox.edit(second.id, b'{"body": "better"}')
    outbox.flush()
    assert server.contents == {"t2": b'{"body": "better"}'}
    assert not outbox.cancel(second.id)
    assert not outbox.edit(second.id, b"{}")
    assert not outbox.retry(second.id)
    assert not outbox.cancel(99)


def test_what_may_be_sent_already_cannot_be_cancelled(make: Make) -> None:
    outbox = make(ForgetfulServer(["lost"] * 5))
    with pytest.raises(RequestTimeout):
        outbox.send(row(1))
    (parked,) = outbox.pending()
    assert not outbox.cancel(parked.id)
    outbox.forget(parked.id)
    assert outbox.pending() == []


def test_no_more_is_queued_than_may_wait(make: Make) -> None:
    outbox = make(ForgetfulServer(), max_waiting=2)
    outbox.queue(row(1))
    outbox.queue(row(2))
    with pytest.raises(OutboxFull):
        outbox.queue(row(3))
    outbox.flush()
    outbox.queue(row(3))
    assert states(outbox) == {"t3": OutboxState.QUEUED}


def test_what_is_too_old_is_not_sent(make: Make) -> None:
    clock, server = FrozenClock(), ForgetfulServer()
    outbox = make(server, clock=clock)
    outbox.queue(row(1, expires_ts=clock.now_ms() + 1000))
    outbox.queue(row(2))
    clock.at_s += 2
    assert not outbox.flush()
    assert (server.rooms, states(outbox)) == ({ROOM: ["t2"]}, {"t1": OutboxState.WEDGED})


def test_what_the_server_forgot_is_looked_for_before_it_is_sent_again(rows: OutboxStorer) -> None:
    clock, server = FrozenClock(), ForgetfulServer(["lost"] * 5)
    looked: list[str] = []

    def find(one: OutboxRow) -> str | None:
        looked.append(one.txn_id)
        return "$found" if one.txn_id in server.rooms[one.room_id] else None

    outbox = Outbox(rows, server.transmit, find, policy=AT_ONCE, clock=clock)
    with pytest.raises(RequestTimeout):
        outbox.send(row(1))
    server.forget_transactions()
    clock.at_s += SERVER_REMEMBERS_MS / 1000 + 1
    (settled,) = outbox.flush().sent
    assert (settled.event_id, looked) == ("$found", ["t1"])
    assert server.rooms == {ROOM: ["t1"]}


def test_without_looking_it_would_be_sent_twice(rows: OutboxStorer) -> None:
    clock, server = FrozenClock(), ForgetfulServer(["lost"] * 5)
    outbox = Outbox(rows, server.transmit, None, policy=AT_ONCE, clock=clock)
    with pytest.raises(RequestTimeout):
        outbox.send(row(1))
    server.forget_transactions()
    clock.at_s += SERVER_REMEMBERS_MS / 1000 + 1
    outbox.flush()
    assert server.rooms == {ROOM: ["t1", "t1"]}


# ------------------------------------------------------------------ rows that need others


def test_an_event_gets_the_address_of_the_upload_it_needs(make: Make) -> None:
    server = ForgetfulServer()
    outbox = make(server)
    upload = outbox.queue(row(1, kind=OutboxKind.UPLOAD))
    needing = row(2, depends_on=upload.id)
    needing.content = b'{"url": "%s"}' % pending_uri("t1").encode()
    outbox.queue(needing)
    assert outbox.flush()
    assert server.contents["t2"] == b'{"url": "$!a:hs-0"}'


def test_an_event_whose_upload_is_refused_is_not_sent(make: Make) -> None:
    server = ForgetfulServer(by_row=lambda one: "refused" if one.txn_id == "t1" else "ok")
    outbox = make(server)
    upload = outbox.queue(row(1, kind=OutboxKind.UPLOAD))
    outbox.queue(row(2, depends_on=upload.id))
    outbox.queue(row(3))
    assert not outbox.flush()
    assert server.rooms == {ROOM: ["t3"]}
    assert states(outbox) == {"t1": OutboxState.WEDGED, "t2": OutboxState.WEDGED}


# ------------------------------------------------------------------ watching


def test_watchers_hear_of_rows_and_cannot_break_them(make: Make) -> None:
    outbox = make(ForgetfulServer())
    heard: list[tuple[str, OutboxState]] = []

    @outbox.on_change
    def watch(one: OutboxRow) -> None:
        heard.append((one.txn_id, one.state))
        raise ValueError("a watcher's own mistake")

    outbox.send(row(1))
    assert heard == [("t1", OutboxState.SENDING), ("t1", OutboxState.SENT)]


def test_a_hook_that_sends_to_the_same_room_is_told(rows: OutboxStorer) -> None:
    def transmit(one: OutboxRow, cancel: CancelToken | None) -> str:
        outbox.send(row(2))
        return "$never"

    outbox = Outbox(rows, transmit, policy=AT_ONCE)
    with pytest.raises(UsageError, match="a hook"):
        outbox.send(row(1))


def test_old_rows_that_were_sent_are_forgotten(rows: OutboxStorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gomatrix_py.send.outbox.SENT_KEPT", 0)
    clock, server = FrozenClock(), ForgetfulServer()
    Outbox(rows, server.transmit, clock=clock).send(row(1))
    clock.at_s += 8 * 24 * 3600
    assert rows.find(ROOM, "", "t1") is not None
    Outbox(rows, server.transmit, clock=clock)
    assert rows.find(ROOM, "", "t1") is None


def test_memory_hands_out_copies() -> None:
    rows = MemoryOutbox()
    kept, _ = rows.add(row(1))
    kept.state = OutboxState.SENT
    assert [one.state for one in rows.waiting()] == [OutboxState.QUEUED]
