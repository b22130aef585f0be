"""T23: a wall clock that is wrong or stands still, a machine that slept: nothing spins, hangs, or is sent twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from gomatrix_py import Client, DefaultSyncer, Event, Limits, RetryPolicy, SQLiteStore
from gomatrix_py.api.login import WhoAmI
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import LimitExceeded, MatrixError, RequestCancelled, RequestTimeout
from gomatrix_py.http import retry
from gomatrix_py.send import row_sender
from gomatrix_py.send.outbox import Outbox
from gomatrix_py.store.outbox import MemoryOutbox, OutboxRow, OutboxState
from tests.kit.forgetful_server import ForgetfulServer
from tests.kit.raw_server import RawServer, always, answer, in_turn
from tests.kit.scripted_homeserver import ROOM, Reply, ScriptedHomeserver, joined, message, sync_answer
from tests.kit.waiting import wait_until

YEAR_S = 365 * 24 * 3600.0
HOUR_S = 3600.0
OWN = "@alice:scripted"
POLICY = RetryPolicy(attempts=6, base_s=0.02, cap_s=0.1, randomness=lambda: 1.0)
REAL = time.time, time.time_ns, time.monotonic


@attrs.define
class Clocks:
    """The clocks of this machine, as wrong as a test wants them.

    Attributes:
        wall_off_s: how far the wall clock is off.
        frozen_at_s: where it stands still, None where it goes.
        slept_s: what the monotonic clock went on by while we were not running.
        waits: how long anybody wanted to wait.
    """

    wall_off_s: float = 0.0
    frozen_at_s: float | None = None
    slept_s: float = 0.0
    waits: list[float] = attrs.field(factory=list)

    def wall(self) -> float:
        return self.frozen_at_s if self.frozen_at_s is not None else REAL[0]() + self.wall_off_s

    def now_ms(self) -> int:
        return int(self.wall() * 1000)

    def monotonic(self) -> float:
        return REAL[2]() + self.slept_s


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clocks]:
    """Clocks that the whole package sees; nobody may want to wait for less than no time."""
    made = Clocks()
    wait = CancelToken.wait

    class WrongDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(made.wall(), tz)

    def watched(self: CancelToken, seconds: float) -> bool:
        made.waits.append(seconds)
        return wait(self, seconds)

    monkeypatch.setattr(time, "time", made.wall)
    monkeypatch.setattr(time, "time_ns", lambda: int(made.wall() * 1e9))
    monkeypatch.setattr(retry, "datetime", WrongDatetime)
    monkeypatch.setattr(CancelToken, "wait", watched)
    yield made
    assert [one for one in made.waits if one < 0] == []


WRONG = {
    "a year behind": Clocks(wall_off_s=-YEAR_S),
    "ten years ahead": Clocks(wall_off_s=10 * YEAR_S),
    "at the epoch": Clocks(frozen_at_s=0.0),
    "standing still": Clocks(frozen_at_s=REAL[0]()),
}


@pytest.fixture(params=WRONG)
def wrong(request: pytest.FixtureRequest, clocks: Clocks) -> Clocks:
    """Each wrong clock."""
    chosen = WRONG[request.param]
    clocks.wall_off_s, clocks.frozen_at_s = chosen.wall_off_s, chosen.frozen_at_s
    return clocks


def limited(after_s: float, *, tells_time: bool) -> bytes:
    """Return a 429 that says by a date how long to wait; the server's own clock is right."""
    now = datetime.fromtimestamp(REAL[0](), timezone.utc)
    headers = [f"Retry-After: {format_datetime(now + timedelta(seconds=after_s), usegmt=True)}"]
    if tells_time:
        headers.append(f"Date: {format_datetime(now, usegmt=True)}")
    return answer(b'{"errcode": "M_LIMIT_EXCEEDED", "error": "slowly"}', 429, *headers)


def made_client(server: ScriptedHomeserver | RawServer, clocks: Clocks, **options: Any) -> Client:
    options.setdefault("retry", POLICY)
    return Client(server.url, OWN, "token", device_id="D", clock=clocks, **options)


# ------------------------------------------------------------------ a wrong wall clock


def test_all_goes_on_by_a_wrong_clock(wrong: Clocks, tmp_path: Path) -> None:
    answers = [
        sync_answer("s1", joined()),
        Reply(503, b"<html>"),
        sync_answer("s2", joined(message("$1", "one"))),
        sync_answer("s3", joined(message("$2", "two"))),
    ]
    heard: list[Any] = []
    syncer = DefaultSyncer(retry_wait_s=0.05)

    @syncer.on_event_type("m.room.message")
    def listen(event: Event) -> None:
        heard.append(event.body)

    with ScriptedHomeserver(*answers) as server, SQLiteStore(tmp_path / "store.db") as store:
        client = made_client(server, wrong, store=store, syncer=syncer)
        with client, client.start_sync(poll_ms=2_000) as sync:
            wait_until(lambda: len(heard) == 2, "both were heard")
            client.send_text(ROOM, "hello")
            client.queue_text(ROOM, "later")
            assert client.outbox.flush(timeout_s=20)
            assert sync.error is None
        assert heard == ["one", "two"]
        assert len(server.asked("/sync")) <= 6
        assert len(server.asked("/send/")) == 2
    with SQLiteStore(tmp_path / "store.db") as again:  # what stamps are in it keeps nobody from opening it
        assert again.load_next_batch(OWN) == "s3"
        assert [list(again.undelivered()), list(again.quarantined()), list(again.outbox.waiting())] == [[], [], []]


def test_a_date_to_come_again_at_is_read_by_the_clock_of_the_server(wrong: Clocks) -> None:
    with RawServer(always(limited(2, tells_time=True))) as server:
        client = made_client(server, wrong, limits=Limits(total_s=1.0))
        with client, pytest.raises(LimitExceeded) as caught:
            client.whoami()
    assert caught.value.retry_after_s is not None
    assert 1 <= caught.value.retry_after_s <= 2


def requests_in_a_second(clocks: Clocks) -> int:
    """Return how often a server is asked in a second that names a moment long gone by our clock to come again."""
    clocks.wall_off_s = 10 * YEAR_S
    with RawServer(always(limited(1, tells_time=False))) as server:
        with made_client(server, clocks, limits=Limits(total_s=1.0)) as client, pytest.raises(MatrixError):
            client.whoami()
        return len(server.requests)


def test_a_date_long_gone_by_our_clock_makes_nothing_spin(clocks: Clocks) -> None:
    assert requests_in_a_second(clocks) <= 20


def test_the_control_who_takes_the_date_at_its_word_spins(clocks: Clocks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RetryPolicy, "backoff_s", lambda self, attempt: 0.0)
    assert requests_in_a_second(clocks) > 40


def test_a_date_far_ahead_by_our_clock_makes_nothing_hang(clocks: Clocks) -> None:
    clocks.wall_off_s = -YEAR_S
    with RawServer(always(limited(1, tells_time=False))) as server:
        with made_client(server, clocks) as client, pytest.raises(LimitExceeded):
            client.whoami()  # asked to wait a year: the caller is told, at once
        assert len(server.requests) == 1
    assert sum(clocks.waits) < 1


# ------------------------------------------------------------------ how old a message is


def outbox_of(server: ForgetfulServer, clocks: Clocks, rows: MemoryOutbox) -> Outbox:
    def find(row: OutboxRow) -> str | None:
        return "$found" if row.txn_id in server.rooms.get(row.room_id, []) else None

    return Outbox(rows, server.transmit, find, policy=attrs.evolve(POLICY, attempts=2), clock=clocks)


def texts_after(clocks: Clocks, first_s: float, then_s: float) -> list[str]:
    """Return what the server has of a text whose answer was lost, sent again when the server had forgotten it.

    Args:
        clocks: ours.
        first_s: how far the wall clock is off when it is first sent.
        then_s: how far it is off the next day.
    """
    server, rows = ForgetfulServer(["lost", "lost"]), MemoryOutbox()
    clocks.wall_off_s = first_s
    with pytest.raises(RequestTimeout):
        outbox_of(server, clocks, rows).send(OutboxRow(ROOM, "m.room.message", b"{}", "t1"))
    server.forget_transactions()
    clocks.wall_off_s = then_s
    assert outbox_of(server, clocks, rows).flush()
    return server.rooms[ROOM]


DAY_S = 25 * HOUR_S


@pytest.mark.parametrize(
    ("first_s", "then_s"),
    [(0.0, DAY_S), (-YEAR_S, DAY_S), (-YEAR_S, -YEAR_S + DAY_S), (10 * YEAR_S, DAY_S), (0.0, -YEAR_S)],
)
def test_what_the_server_forgot_is_looked_for_whatever_the_clock_says(
    clocks: Clocks, first_s: float, then_s: float
) -> None:
    assert texts_after(clocks, first_s, then_s) == ["t1"]


@pytest.mark.parametrize(("first_s", "then_s"), [(0.0, DAY_S), (10 * YEAR_S, DAY_S)])
def test_the_control_without_looking_it_is_sent_twice(
    clocks: Clocks, monkeypatch: pytest.MonkeyPatch, first_s: float, then_s: float
) -> None:
    monkeypatch.setattr(row_sender.RowSender, "_is_old", lambda self, row: False)
    assert texts_after(clocks, first_s, then_s) == ["t1", "t1"]


# ------------------------------------------------------------------ a machine that slept


def test_a_call_that_was_slept_over_ends_and_the_next_one_works(clocks: Clocks) -> None:
    def sleep(_: object) -> Reply:
        clocks.slept_s += HOUR_S
        return Reply(503, b"<html>")

    with ScriptedHomeserver() as server:
        server.route("GET", "/whoami", sleep)
        with made_client(server, clocks) as client:
            with pytest.raises(Exception, match="503"):
                client.whoami()
            assert len(server.asked("/whoami")) == 1
            server.route("GET", "/whoami", {"user_id": OWN})
            assert client.whoami().user_id == OWN


def test_a_flush_that_was_slept_over_keeps_what_it_did_not_send(clocks: Clocks) -> None:
    server = ForgetfulServer()

    def sleep(row: OutboxRow, cancel: CancelToken | None) -> str:
        clocks.slept_s += HOUR_S
        return server.transmit(row)

    outbox = Outbox(MemoryOutbox(), sleep, clock=clocks)
    for number in range(3):
        outbox.queue(OutboxRow(ROOM, "m.room.message", b"{}", f"t{number}"))
    report = outbox.flush(timeout_s=60)
    assert [row.txn_id for row in report.sent] == ["t0"]
    assert [row.state for row in report.waiting] == [OutboxState.QUEUED] * 2
    assert not outbox.flush(timeout_s=60)
    assert outbox.flush(timeout_s=60)
    assert server.rooms == {ROOM: ["t0", "t1", "t2"]}


def test_a_pause_that_was_slept_over_is_over(clocks: Clocks) -> None:
    asks_for_a_minute = limited(60, tells_time=True)
    with RawServer(in_turn(asks_for_a_minute, answer(b'{"user_id": "@alice:scripted"}'))) as server:
        patient = attrs.evolve(POLICY, cap_s=60.0)
        with made_client(server, clocks, limits=Limits(total_s=90.0), retry=patient) as client:
            token = CancelToken()
            first = threading.Thread(target=lambda: _cancelled(client, token), daemon=True)
            first.start()
            wait_until(lambda: any(one > 50 for one in clocks.waits), "the pause began")
            token.cancel()
            first.join(20)
            assert not first.is_alive()
            client.limits = Limits(total_s=5.0)
            with pytest.raises(RequestTimeout, match="asked to wait"):
                client.whoami()
            assert len(server.requests) == 1
            clocks.slept_s += HOUR_S
            assert client.whoami().user_id == OWN


def _cancelled(client: Client, token: CancelToken) -> None:
    with pytest.raises(RequestCancelled):
        client.call(WhoAmI(), cancel=token)
