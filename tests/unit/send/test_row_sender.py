"""What becomes of one row: patience, age, what it needs, echoes that come first, and what may be changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gomatrix_py import InMemoryStore, RetryPolicy
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import (
    ConnectError,
    Forbidden,
    RequestCancelled,
    RequestTimeout,
    SendBlocked,
    SendError,
    ServerError,
    StoreError,
    UsageError,
)
from gomatrix_py.send.outbox import FORGETTING_EVERY_MS, SENT_IS_KEPT_MS, Outbox
from gomatrix_py.send.row_sender import SERVER_REMEMBERS_MS, WEDGED_AFTER, RowSender, pending_uri
from gomatrix_py.store import SQLiteStore
from gomatrix_py.store.outbox import MemoryOutbox, OutboxKind, OutboxRow, OutboxState, OutboxStorer
from tests.kit.forgetful_server import ForgetfulServer, FrozenClock

ROOM = "!a:hs"


def at_once(attempts: int = 5) -> RetryPolicy:
    return RetryPolicy(attempts, randomness=lambda: 0.0)


@pytest.fixture(params=["memory", "sqlite"])
def rows(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OutboxStorer]:
    if request.param == "memory":
        yield InMemoryStore().outbox
        return
    with SQLiteStore(tmp_path / "store.db") as store:
        yield store.outbox


def outbox_on(
    rows: OutboxStorer, server: ForgetfulServer, clock: FrozenClock | None = None, attempts: int = 5
) -> Outbox:
    return Outbox(rows, server.transmit, policy=at_once(attempts), clock=clock)


def row(number: int, **fields: object) -> OutboxRow:
    return OutboxRow(ROOM, "m.room.message", b'{"body": "%d"}' % number, f"t{number}", **fields)  # type: ignore[arg-type]


def states(outbox: Outbox) -> dict[str, OutboxState]:
    return {one.txn_id: one.state for one in outbox.pending()}


# ------------------------------------------------------------------ what may have been sent


def test_a_refusal_after_a_lost_answer_leaves_it_in_the_outbox(rows: OutboxStorer) -> None:
    """The first try arrived, and we were banned before the second: it must not be forgotten as never sent."""
    server = ForgetfulServer(["lost", "refused"])
    outbox = outbox_on(rows, server)
    with pytest.raises(Forbidden):
        outbox.send(row(1))
    assert (states(outbox), server.rooms) == ({"t1": OutboxState.WEDGED}, {ROOM: ["t1"]})
    (wedged,) = outbox.pending()
    assert not outbox.cancel(wedged.id)
    assert outbox.retry(wedged.id)
    assert outbox.flush()
    assert server.rooms == {ROOM: ["t1"]}


def test_equal_failures_do_not_make_it_unsent(rows: OutboxStorer) -> None:
    server = ForgetfulServer(["lost"] + ["broken"] * WEDGED_AFTER)
    outbox = outbox_on(rows, server, attempts=WEDGED_AFTER + 5)
    with pytest.raises(ServerError):
        outbox.send(row(1))
    assert (server.calls, states(outbox)) == (WEDGED_AFTER + 1, {"t1": OutboxState.WEDGED})
    assert outbox.send(row(1)).event_id == "$!a:hs-0"


def test_a_server_that_is_down_behind_a_gateway_wedges_nothing(rows: OutboxStorer) -> None:
    """A 502 says nothing about what was to be sent, however often it comes; a 500 does (see above)."""
    server = ForgetfulServer(["failed"] * 5 * WEDGED_AFTER)
    outbox = outbox_on(rows, server)
    outbox.queue(row(1))
    outbox.queue(row(2))
    assert outbox.flush()
    assert (server.calls, server.rooms) == (5 * WEDGED_AFTER + 2, {ROOM: ["t1", "t2"]})


def test_different_failures_do_not_wedge(rows: OutboxStorer) -> None:
    server = ForgetfulServer(["failed", "broken"] * WEDGED_AFTER)
    assert outbox_on(rows, server, attempts=100).send(row(1)).is_sent
    assert server.calls > WEDGED_AFTER


def test_an_echo_that_comes_first_ends_the_tries(rows: OutboxStorer) -> None:
    def transmit(one: OutboxRow, cancel: CancelToken | None) -> str:
        outbox.settle(ROOM, "", "t1", "$echo")  # as a sync on another thread does
        calls.append(one.txn_id)
        raise RequestTimeout("no answer")

    calls: list[str] = []
    outbox = Outbox(rows, transmit, policy=at_once())
    sent = outbox.send(row(1))
    assert (sent.event_id, sent.content, calls, outbox.pending()) == ("$echo", b"", ["t1"], [])


def test_a_flush_does_not_undo_an_echo(rows: OutboxStorer) -> None:
    def transmit(one: OutboxRow, cancel: CancelToken | None) -> str:
        for txn_id in ("t1", "t2"):
            outbox.settle(ROOM, "", txn_id, f"$echo-{txn_id}")
        raise RequestTimeout("no answer")

    outbox = Outbox(rows, transmit, policy=at_once())
    outbox.queue(row(1))
    outbox.queue(row(2))
    report = outbox.flush(timeout_s=1.0)
    assert {one.event_id for one in report.sent} == {"$echo-t1", "$echo-t2"}
    assert report


def test_a_store_that_fails_is_said(rows: OutboxStorer, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("full")

    server = ForgetfulServer()
    outbox = outbox_on(rows, server)
    outbox.queue(row(1))
    monkeypatch.setattr(rows, "update", full)
    with pytest.raises(StoreError, match="full"):
        outbox.flush()
    assert server.calls == 0
    monkeypatch.undo()
    assert outbox.flush()


# ------------------------------------------------------------------ age


def test_what_was_tried_but_not_sent_grows_too_old(rows: OutboxStorer) -> None:
    clock, server = FrozenClock(), ForgetfulServer(["unreached"])
    outbox = Outbox(rows, server.transmit, policy=RetryPolicy(randomness=lambda: 1.0), clock=clock)
    kept = outbox.queue(row(1, expires_ts=clock.now_ms() + 60_000))
    clock.at_s += 59
    assert not outbox.flush(timeout_s=0.1)  # no time for a second try
    assert (server.calls, states(outbox)) == (1, {"t1": OutboxState.QUEUED})
    clock.at_s += 2
    assert not outbox.flush()
    (wedged,) = outbox.pending()
    assert (wedged.state, wedged.last_error) == (OutboxState.WEDGED, "it is too old to be worth sending")
    assert (server.rooms, server.calls) == ({}, 1)
    assert outbox.cancel(kept.id)


def test_what_may_be_there_is_never_too_old(rows: OutboxStorer) -> None:
    clock, server = FrozenClock(), ForgetfulServer(["lost"] * 5)
    outbox = outbox_on(rows, server, clock)
    with pytest.raises(RequestTimeout):
        outbox.send(row(1, expires_ts=clock.now_ms() + 60_000))
    clock.at_s += 3600
    assert outbox.flush()
    assert server.rooms == {ROOM: ["t1"]}


def test_what_grew_too_old_can_be_sent_all_the_same(rows: OutboxStorer) -> None:
    clock, server = FrozenClock(), ForgetfulServer()
    outbox = outbox_on(rows, server, clock)
    kept = outbox.queue(row(1, expires_ts=clock.now_ms() + 1))
    clock.at_s += 1
    assert not outbox.flush()
    assert outbox.retry(kept.id)
    assert outbox.flush()
    assert server.rooms == {ROOM: ["t1"]}


@pytest.mark.parametrize("hours", [21, -1])
def test_it_is_looked_for_where_the_server_may_have_forgotten(rows: OutboxStorer, hours: int) -> None:
    """Also where the clock was set back since: nobody knows then how long ago it was."""
    clock, server = FrozenClock(), ForgetfulServer(["lost"])
    looked: list[str] = []

    def find(one: OutboxRow) -> str | None:
        looked.append(one.txn_id)
        return "$found"

    outbox = Outbox(rows, server.transmit, find, policy=at_once(1), clock=clock)
    with pytest.raises(RequestTimeout):
        outbox.send(row(1))
    clock.at_s += hours * 3600
    assert abs(hours) * 3_600_000 > SERVER_REMEMBERS_MS or hours < 0
    assert [one.event_id for one in outbox.flush().sent] == ["$found"]
    assert (looked, server.calls) == (["t1"], 1)


def test_what_nobody_can_find_is_given_up_and_not_sent_again(rows: OutboxStorer) -> None:
    clock, server = FrozenClock(), ForgetfulServer(["lost"])

    def cannot_tell(one: OutboxRow) -> str | None:
        raise SendError("too long a history")

    outbox = Outbox(rows, server.transmit, cannot_tell, policy=at_once(1), clock=clock)
    with pytest.raises(RequestTimeout):
        outbox.send(row(1))
    outbox.queue(row(2))
    clock.at_s += 21 * 3600
    report = outbox.flush()
    assert [(one.txn_id, one.last_error) for one in report.waiting] == [("t1", "too long a history")]
    assert server.rooms == {ROOM: ["t1", "t2"]}


def test_rows_of_long_ago_are_forgotten_while_it_runs(rows: OutboxStorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gomatrix_py.send.outbox.SENT_KEPT", 1)
    clock = FrozenClock()
    outbox = outbox_on(rows, ForgetfulServer(), clock)
    outbox.send(row(1))
    clock.at_s += SENT_IS_KEPT_MS / 1000 - 60
    outbox.send(row(2))
    assert rows.find(ROOM, "", "t1") is not None
    clock.at_s += FORGETTING_EVERY_MS / 1000 + 1
    outbox.send(row(3))
    assert rows.find(ROOM, "", "t1") is None
    assert rows.find(ROOM, "", "t2") is not None


@pytest.mark.parametrize("years", [10, -10])
def test_a_clock_that_jumps_makes_nothing_be_sent_again(rows: OutboxStorer, years: int) -> None:
    clock, server = FrozenClock(), ForgetfulServer()
    for number in range(5):
        outbox_on(rows, server, clock).send(row(number))
    clock.at_s += years * 365 * 24 * 3600
    for number in range(5):
        outbox_on(rows, server, clock).send(row(number))
    assert server.rooms == {ROOM: [f"t{number}" for number in range(5)]}


def test_the_control_without_a_bound_a_clock_that_jumps_does(
    rows: OutboxStorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gomatrix_py.send.outbox.SENT_KEPT", 0)
    clock, server = FrozenClock(), ForgetfulServer()
    outbox_on(rows, server, clock).send(row(1))
    clock.at_s += 10 * 365 * 24 * 3600
    outbox_on(rows, server, clock).send(row(1))
    assert server.calls == 2


# ------------------------------------------------------------------ rows that need others


def needing(upload: OutboxRow, number: int = 2) -> OutboxRow:
    made = row(number, depends_on=upload.id)
    made.content = b'{"url": "%s"}' % pending_uri(upload.txn_id).encode()
    return made


def test_the_address_is_filled_in_where_the_upload_was_sent_before(rows: OutboxStorer) -> None:
    """As where a flush on another thread comes between the two rows of a file."""
    server = ForgetfulServer()
    outbox = outbox_on(rows, server)
    upload = outbox.queue(row(1, kind=OutboxKind.UPLOAD))
    assert outbox.flush()
    outbox.send(needing(upload))
    outbox.queue(needing(upload, 3))
    outbox.flush()
    assert server.contents["t2"] == server.contents["t3"] == b'{"url": "$!a:hs-0"}'


def test_what_a_server_calls_an_address_stays_one_text(rows: OutboxStorer) -> None:
    contents: list[bytes] = []

    def transmit(one: OutboxRow, cancel: CancelToken | None) -> str:
        contents.append(one.content)
        return 'mxc://x/","msgtype":"m.evil'

    outbox = Outbox(rows, transmit, policy=at_once())
    outbox.queue(needing(outbox.queue(row(1, kind=OutboxKind.UPLOAD))))
    outbox.flush()
    assert contents[1] == rb'{"url": "mxc://x/\",\"msgtype\":\"m.evil"}'


def test_the_same_bytes_are_sent_again(rows: OutboxStorer) -> None:
    """Also where the upload's row is gone by then: what was to be sent is kept before it leaves."""
    contents: list[bytes] = []

    def transmit(one: OutboxRow, cancel: CancelToken | None) -> str:
        if one.kind is OutboxKind.UPLOAD:
            return "mxc://x/y"
        contents.append(one.content)
        if len(contents) == 1:
            raise RequestTimeout("no answer")
        return "$event"

    outbox = Outbox(rows, transmit, policy=at_once(1))
    upload = outbox.queue(row(1, kind=OutboxKind.UPLOAD))
    outbox.flush()
    with pytest.raises(RequestTimeout):
        outbox.send(needing(upload))
    outbox.forget(upload.id)
    assert Outbox(rows, transmit, policy=at_once(1)).flush()
    assert contents == [b'{"url": "mxc://x/y"}'] * 2


def test_what_is_tried_again_takes_what_goes_with_it(rows: OutboxStorer) -> None:
    server = ForgetfulServer(by_row=lambda one: "refused" if one.txn_id == "t1" else "ok")
    outbox = outbox_on(rows, server)
    upload = outbox.queue(row(1, kind=OutboxKind.UPLOAD))
    message = outbox.queue(needing(upload))
    for again in (upload, message):
        assert not outbox.flush()
        assert states(outbox) == {"t1": OutboxState.WEDGED, "t2": OutboxState.WEDGED}
        assert outbox.retry(again.id)
        assert states(outbox) == {"t1": OutboxState.QUEUED, "t2": OutboxState.QUEUED}
    server.by_row = None
    assert outbox.flush()
    assert not outbox.retry(upload.id)
    assert not outbox.retry(99)


def test_a_long_queue_goes_on_after_what_needed_another(rows: OutboxStorer) -> None:
    server = ForgetfulServer()
    outbox = outbox_on(rows, server)
    for number in range(0, 60, 3):
        upload = outbox.queue(row(number, kind=OutboxKind.UPLOAD))
        outbox.queue(needing(upload, number + 1))
        outbox.queue(row(number + 2))
    assert outbox.flush()
    assert server.rooms == {ROOM: [f"t{number}" for number in range(60)]}


# ------------------------------------------------------------------ changing what waits


def test_a_ciphertext_is_never_replaced_by_plain_text(rows: OutboxStorer) -> None:
    server = ForgetfulServer(["unreached"])
    outbox = outbox_on(rows, server, attempts=1)
    kept = outbox.queue(row(1))

    def sealing(one: OutboxRow, cancel: CancelToken | None) -> str:
        one.event_type, one.content = "m.room.encrypted", b'{"ciphertext": "xyz"}'
        rows.update([one])
        return server.transmit(one)

    outbox._sender.transmit = sealing
    with pytest.raises(SendBlocked):
        outbox.send(row(2))
    (waiting,) = outbox.pending()
    assert (waiting.state, waiting.event_type) == (OutboxState.QUEUED, "m.room.encrypted")
    assert not outbox.edit(kept.id, b'{"body": "plain"}')
    assert outbox.pending()[0].content == b'{"ciphertext": "xyz"}'


@pytest.mark.parametrize("content", [b"", b"no JSON", b"[]", b'"text"', b'{"a": NaN}', b'{"a":'])
def test_only_an_object_takes_the_place_of_a_content(rows: OutboxStorer, content: bytes) -> None:
    outbox = outbox_on(rows, ForgetfulServer())
    kept = outbox.queue(row(1))
    with pytest.raises(UsageError, match="a JSON object"):
        outbox.edit(kept.id, content)
    assert outbox.pending()[0].content == b'{"body": "1"}'


def test_a_flush_does_not_wait_for_those_who_send_beyond_its_time(rows: OutboxStorer) -> None:
    is_sending, may_end = threading.Event(), threading.Event()

    def slow(one: OutboxRow, cancel: CancelToken | None) -> str:
        is_sending.set()
        assert may_end.wait(20)
        return "$slow"

    outbox = Outbox(rows, slow, policy=at_once())
    outbox.queue(row(1))
    sending = threading.Thread(target=outbox.send, args=(row(2),))
    sending.start()
    try:
        assert is_sending.wait(20)
        report = outbox.flush(timeout_s=0.05)  # returns while the other one still sends
        assert not report
        assert sending.is_alive()
    finally:
        may_end.set()
        sending.join()
    assert outbox.pending() == []


# ------------------------------------------------------------------ the sender alone


def test_a_row_is_marked_durably_before_it_is_tried() -> None:
    written: list[tuple[OutboxState, bool]] = []

    class Rows(MemoryOutbox):
        def update(self, rows: object, *, is_durable: bool = True, changes: object = ()) -> None:
            listed = list(rows)  # type: ignore[call-overload]
            written.extend((one.state, is_durable) for one in listed)
            super().update(listed, is_durable=is_durable)

    rows = Rows()
    kept, _ = rows.add(row(1))

    def transmit(one: OutboxRow, cancel: CancelToken | None) -> str:
        assert written == [(OutboxState.SENDING, True)]
        return "$event"

    RowSender(rows, transmit, None, at_once(), FrozenClock()).send(kept, None)
    assert written == [(OutboxState.SENDING, True), (OutboxState.SENT, False)]


def test_waiting_between_tries_can_be_cancelled() -> None:
    rows, token = MemoryOutbox(), CancelToken()
    server = ForgetfulServer(["unreached"] * 3)
    kept, _ = rows.add(row(1))
    token.cancel()
    sender = RowSender(rows, server.transmit, None, RetryPolicy(base_s=1000.0, randomness=lambda: 1.0), FrozenClock())
    with pytest.raises(RequestCancelled) as caught:
        sender.send(kept, token)
    assert (caught.value.was_sent, isinstance(caught.value.__cause__, ConnectError), server.calls) == (False, True, 1)
    assert [one.state for one in rows.waiting()] == [OutboxState.QUEUED]
