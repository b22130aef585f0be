"""Rows: what a call costs the client over loopback, against bare requests.

The yardstick for /sync is written as one writes it at first, with a session that keeps the connection;
`requests.get`, which connects anew each time, is shown beside it.
"""

from __future__ import annotations

from typing import Any

from .corpora import OWN_USER, small_syncs
from .loopback import LoopbackServer
from .measure import Contender, Meter, measure
from .report import Section, Target, row
from .scale import Scale

__all__ = ["sections"]

Facts = dict[str, Any]

ROOM = "!lo9nU7LkHqvWmzXcRt:example.org"
AUTHORIZED = {"Authorization": "Bearer token"}
WARM_UP = 50
SEND, SYNC = "client.send_text", "client.sync"
TARGETS = {SEND: Target(1.0), SYNC: Target(0.5)}
BARE_PUT, NAIVE_SYNC = "session.put", "session.get(…).json()"


def sections(scale: Scale) -> list[Section]:
    """Measure sending a message and polling /sync."""
    calls = {"calls": scale.http_calls}
    polls = {**calls, "bodies": str(small_syncs(scale.small_syncs))}
    sends = [
        Contender(BARE_PUT, "benchmarks.http_calls:bare_put", calls),
        Contender(SEND, "benchmarks.http_calls:send_text", calls),
    ]
    syncs = [
        Contender(NAIVE_SYNC, "benchmarks.http_calls:naive_sync", polls),
        Contender("requests.get(…).json()", "benchmarks.http_calls:naive_sync", {**polls, "keeps_session": False}),
        Contender(SYNC, "benchmarks.http_calls:client_sync", polls),
        Contender("client.sync_once", "benchmarks.http_calls:client_sync_once", polls),
    ]
    return [
        _section("Sending a message, CPU of the client for each", sends, scale),
        _section("A small sync over HTTP, CPU of the client for each", syncs, scale),
    ]


def _section(title: str, contenders: list[Contender], scale: Scale) -> Section:
    """The first contender is the yardstick."""
    readings = measure(contenders, scale.rounds)
    yardstick = contenders[0].name
    base = readings[yardstick].cpu_s / scale.http_calls * 1e6
    rows = []
    for name, one in readings.items():
        each_us = one.cpu_s / scale.http_calls * 1e6
        target = TARGETS.get(name)
        rows.append(row(name, one, each_us, f"{each_us:.0f} µs", base=base, yardstick=yardstick, target=target))
    return Section(title, rows)


# ------------------------------------------------------------------ sending


def bare_put(meter: Meter, calls: int) -> Facts:
    """Put messages with nothing but a session: no error is looked for, and the answer is not decoded."""
    import requests

    with LoopbackServer() as server, requests.Session() as session:
        url = f"{server.url}/_matrix/client/v3/rooms/{ROOM}/send/m.room.message/"

        def put(number: int) -> None:
            content = {"msgtype": "m.text", "body": f"message {number}"}
            session.put(f"{url}{number}", json=content, headers=AUTHORIZED)

        for number in range(WARM_UP):
            put(number)
        with meter.timed():
            for number in range(calls):
                put(number)
    return {}


def send_text(meter: Meter, calls: int) -> Facts:
    """Send messages as users do."""
    from gomatrix_py import Client

    with LoopbackServer() as server, Client(server.url, OWN_USER, "token") as client:
        for number in range(WARM_UP):
            assert client.send_text(ROOM, f"message {number}").event_id
        with meter.timed():
            for number in range(calls):
                client.send_text(ROOM, f"message {number}")
    return {}


# ------------------------------------------------------------------ syncing


def naive_sync(meter: Meter, calls: int, bodies: str, keeps_session: bool = True) -> Facts:
    """Poll as one writes it at first: get, decode, look for messages."""
    import requests

    heard = 0

    with LoopbackServer(bodies) as server, requests.Session() as session:
        get = session.get if keeps_session else requests.get

        def poll(since: str) -> str:
            nonlocal heard
            query = {"timeout": "0", "since": since, "filter": "0"}
            answer = get(f"{server.url}/_matrix/client/v3/sync", params=query, headers=AUTHORIZED).json()
            for room in answer["rooms"]["join"].values():
                for event in room["timeline"]["events"]:
                    if event["type"] == "m.room.message":
                        heard += len(event["content"]["body"])
            return str(answer["next_batch"])

        since = "s0"
        for _ in range(WARM_UP):
            since = poll(since)
        with meter.timed():
            for _ in range(calls):
                since = poll(since)
    return {"heard": heard}


def client_sync(meter: Meter, calls: int, bodies: str) -> Facts:
    """Run the client's own loop for a number of answers."""
    from gomatrix_py import Client, DefaultSyncer

    from .ours import Listener

    syncer, listener = DefaultSyncer(), Listener()
    syncer.on_event_type("m.room.message", listener)
    answered = 0
    with LoopbackServer(bodies) as server, Client(server.url, OWN_USER, "token", syncer=syncer) as client:

        def stop_after_all(*_: object) -> None:
            nonlocal answered
            answered += 1
            if answered == calls:
                client.stop_sync()

        for _ in range(WARM_UP):
            client.sync_once()
        syncer.on_response(stop_after_all)
        with meter.timed():
            client.sync(poll_ms=0)
    assert answered == calls
    return {"heard": listener.characters}


def client_sync_once(meter: Meter, calls: int, bodies: str) -> Facts:
    """Ask for one answer at a time."""
    from gomatrix_py import Client, DefaultSyncer

    from .ours import Listener

    syncer, listener = DefaultSyncer(), Listener()
    syncer.on_event_type("m.room.message", listener)
    with LoopbackServer(bodies) as server, Client(server.url, OWN_USER, "token", syncer=syncer) as client:
        for _ in range(WARM_UP):
            client.sync_once()
        with meter.timed():
            for _ in range(calls):
                client.sync_once()
    return {"heard": listener.characters}
