"""Rows: what the outbox and the journal cost, against bare requests and a store in memory, within one run.

Sends are measured by wall time, as somebody waits for each; the server is another process on loopback that
does next to nothing, so that on a real network the ratios are far smaller.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from .corpora import FOLDER, OWN_USER
from .loopback import LoopbackServer
from .measure import Contender, Meter, Readings, measure
from .report import Section, Target, row
from .scale import Scale

__all__ = ["sections"]

Facts = dict[str, Any]

THREADS = (1, 16)
BATCH = 20
EVENTS_EACH = 50
MOST_COMMITS = Target(3, "commits")
STORES = {"memory": "InMemoryStore", "sqlite": "SQLiteStore"}


def sections(scale: Scale) -> list[Section]:
    """Measure sending on one and on many threads, flushing, and the journal."""
    return [*(_sending(scale, threads) for threads in THREADS), _flushing(scale), _journal(scale)]


def _sending(scale: Scale, threads: int) -> Section:
    settings = {"calls": scale.http_calls, "threads": threads}
    contenders = [Contender("session.put", "benchmarks.outbox:bare_put", settings)]
    contenders += [
        Contender(f"send_text, {name}", "benchmarks.outbox:send_text", {**settings, "store": kind})
        for kind, name in STORES.items()
    ]
    title = f"Sending on {threads} thread{'s' if threads > 1 else ''}, wall time for each"
    return _section(title, measure(contenders, scale.rounds), scale.http_calls)


def _flushing(scale: Scale) -> Section:
    contenders = [Contender("session.put", "benchmarks.outbox:bare_put", {"calls": scale.http_calls, "threads": 1})]
    contenders += [
        Contender(f"queue and flush, {name}", "benchmarks.outbox:flush", {"calls": scale.http_calls, "store": kind})
        for kind, name in STORES.items()
    ]
    readings = measure(contenders, scale.rounds)
    section = _section("Flushing one room, wall time for each", readings, scale.http_calls)
    stored = readings[f"queue and flush, {STORES['sqlite']}"]
    commits = stored.facts.get("commits", 0) / scale.http_calls * BATCH
    counted = row(f"commits for each {BATCH} rows", stored, commits, f"{commits:.1f} commits", target=MOST_COMMITS)
    return Section(section.title, [*section.rows, counted])


def _journal(scale: Scale) -> Section:
    answers = max(1, scale.small_syncs // 10)
    contenders = [
        Contender(f"sync, {name}", "benchmarks.outbox:journal", {"answers": answers, "store": kind})
        for kind, name in STORES.items()
    ]
    return _section(
        "Events journalled and delivered, wall time for each",
        measure(contenders, scale.rounds),
        answers * EVENTS_EACH,
    )


def _section(title: str, readings: dict[str, Readings], count: int) -> Section:
    """The first contender is the yardstick."""
    yardstick = next(iter(readings))
    base = readings[yardstick].wall_s / count * 1e6
    rows = []
    for name, one in readings.items():
        each_us = one.wall_s / count * 1e6
        rate = 1e6 / each_us if each_us else 0.0
        rows.append(row(name, one, each_us, f"{each_us:.0f} µs, {rate:,.0f}/s", base=base, yardstick=yardstick))
    return Section(title, rows)


# ------------------------------------------------------------------ contenders


def _room(number: int) -> str:
    return f"!room{number}:example.org"


@contextmanager
def _store(kind: str) -> Iterator[Any]:
    from gomatrix_py import InMemoryStore, SQLiteStore

    if kind == "memory":
        yield InMemoryStore()
        return
    # not in a temporary folder, which may be a RAM disk
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder, SQLiteStore(Path(folder) / "store.sqlite3") as store:
        yield store


def _on_threads(meter: Meter, work: Callable[[int], None], threads: int) -> None:
    """Run `work` once on each thread beforehand, then let all of them go at once and measure that."""
    warm, start = threading.Barrier(threads + 1), threading.Barrier(threads + 1)

    def run(number: int) -> None:
        work(number)
        warm.wait()
        start.wait()
        work(number)

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    warm.wait()
    with meter.timed():
        start.wait()
        for thread in running:
            thread.join()


def bare_put(meter: Meter, calls: int, threads: int) -> Facts:
    """Put messages with a session for each thread: no error is looked for, and the answer is not decoded."""
    import requests

    with LoopbackServer() as server, ExitStack() as stack:
        sessions = [stack.enter_context(requests.Session()) for _ in range(threads)]

        def work(thread: int) -> None:
            url = f"{server.url}/_matrix/client/v3/rooms/{_room(thread)}/send/m.room.message/"
            for number in range(calls // threads):
                content = {"msgtype": "m.text", "body": f"message {number}"}
                sessions[thread].put(f"{url}{number}", json=content, headers={"Authorization": "Bearer token"})

        _on_threads(meter, work, threads)
    return {}


def send_text(meter: Meter, calls: int, threads: int, store: str) -> Facts:
    """Send messages as users do, each thread to a room of its own."""
    from gomatrix_py import Client

    with (
        LoopbackServer() as server,
        _store(store) as keeper,
        Client(server.url, OWN_USER, "token", store=keeper) as client,
    ):

        def work(thread: int) -> None:
            for number in range(calls // threads):
                client.send_text(_room(thread), f"message {number}")

        _on_threads(meter, work, threads)
    return {}


def flush(meter: Meter, calls: int, store: str) -> Facts:
    """Send what was queued for one room; commits are counted in a run of its own."""
    from gomatrix_py import Client

    with (
        LoopbackServer() as server,
        _store(store) as keeper,
        Client(server.url, OWN_USER, "token", store=keeper) as client,
    ):
        for number in range(calls):
            client.queue_text(_room(0), f"message {number}")
        with meter.timed():
            assert client.outbox.flush(timeout_s=300)
        if store == "memory":
            return {}
        for number in range(calls):
            client.queue_text(_room(0), f"message {number}")
        statements: list[str] = []
        with keeper.outbox._open_file().unlocked_connection() as db:
            db.set_trace_callback(statements.append)
        assert client.outbox.flush(timeout_s=300)
        return {"commits": sum(statement == "COMMIT" for statement in statements)}


def journal(meter: Meter, answers: int, store: str) -> Facts:
    """Take in answers with many messages each, all of which a listener hears."""
    from gomatrix_py import DefaultSyncer, SyncResponse

    bodies = [_answer(number) for number in range(answers)]
    heard: list[str] = []
    with _store(store) as keeper:
        syncer = DefaultSyncer(OWN_USER, keeper)
        syncer.on_event_type("m.room.message", lambda event: heard.append(event.event_id))
        syncer.process_response(SyncResponse.from_json(b'{"next_batch":"s0"}'), "")
        with meter.timed():
            for number, body in enumerate(bodies):
                syncer.process_response(SyncResponse.from_json(body), f"s{number}")
    assert len(heard) == answers * EVENTS_EACH
    return {}


def _answer(number: int) -> bytes:
    events = [
        {
            "type": "m.room.message",
            "event_id": f"${number}-{place}",
            "sender": "@bob:example.org",
            "origin_server_ts": 1_700_000_000_000,
            "content": {"msgtype": "m.text", "body": f"message {place} of answer {number}"},
        }
        for place in range(EVENTS_EACH)
    ]
    room = {"timeline": {"events": events, "limited": False, "prev_batch": f"t{number}"}}
    return json.dumps({"next_batch": f"s{number + 1}", "rooms": {"join": {_room(0): room}}}).encode()
