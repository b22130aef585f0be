"""Rows: reading and writing encrypted events, giving a room key to many devices, opening a store full of keys."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .corpora import FOLDER
from .measure import Contender, Readings, measure
from .report import Row, Section, Target, row
from .scale import FULL, Scale

__all__ = ["sections"]

BARE, OURS, BARE_SEND = "vodozemac alone", "gomatrix_py", "vodozemac and session.put"
PER_EVENT, PER_DEVICE, OPENING, SENDING = Target(2.0), Target(1.5), Target(1.5), Target(1.5)
_OURS, _THEIRS = "benchmarks.encryption_ours", "benchmarks.encryption_rivals"
_SENDING = "benchmarks.encryption_sending"


def sections(scale: Scale) -> list[Section]:
    """Measure encryption."""
    many = scale is FULL
    events, devices, keys = (5_000, 1_000, 100_000) if many else (500, 100, 5_000)
    return [
        _per_one(scale, "Reading an encrypted event of 1 kB", "read", events, PER_EVENT),
        _per_one(scale, "Writing an encrypted event of 1 kB", "write", events, PER_EVENT, devices),
        _sending(scale, devices),
        _per_one(scale, f"A room key for each of {devices:,} new devices", "share", devices, PER_DEVICE),
        _openings(scale, keys),
    ]


def _per_one(scale: Scale, title: str, work: str, count: int, target: Target, devices: int = 0) -> Section:
    settings = {"count": count}
    contenders = [
        Contender(BARE, f"{_OURS}:bare_{work}", settings),
        Contender(OURS, f"{_OURS}:{work}", {**settings, "library": "vodozemac"}),
        Contender("gomatrix_py on libolm", f"{_OURS}:{work}", {**settings, "library": "olm"}),
        Contender("matrix-nio", f"{_THEIRS}:nio_{work}", settings),
        Contender("mautrix-python", f"{_THEIRS}:mautrix_{work}", settings),
    ]
    if work == "write":
        to_many, durable = {**settings, "devices": devices}, {**settings, "library": "vodozemac"}
        contenders.append(Contender(f"gomatrix_py, checking {devices:,} devices", f"{_OURS}:write_to_many", to_many))
        contenders.append(Contender("gomatrix_py, with a store on the disk", f"{_OURS}:write_committed", durable))
    readings = measure(contenders, scale.rounds)
    base = readings[BARE].cpu_s
    return Section(title, [_line(name, one, base, count, target) for name, one in readings.items()])


def _line(name: str, readings: Readings, base: float, count: int, target: Target, yardstick: str = BARE) -> Row:
    figure = f"{readings.cpu_s / count * 1e6:.1f} µs, +{readings.growth / 2**20:.1f} MB"
    aim = target if name == OURS else None
    return row(name, readings, readings.cpu_s, figure, base=base, yardstick=yardstick, target=aim)


def _sending(scale: Scale, devices: int) -> Section:
    """What a message takes from the call to the answer, where every device has the key."""
    calls = {"count": scale.http_calls}
    ours = {**calls, "devices": devices, "is_stored": False}
    contenders = [
        Contender(BARE_SEND, f"{_SENDING}:bare_send", calls),
        Contender(OURS, f"{_SENDING}:send", ours),
        Contender("gomatrix_py, 1 device", f"{_SENDING}:send", {**ours, "devices": 1}),
        Contender("gomatrix_py, SQLiteStore", f"{_SENDING}:send", {**ours, "is_stored": True}),
        Contender("matrix-nio, over aiohttp", f"{_SENDING}:nio_send", {**calls, "devices": devices}),
        Contender("mautrix-python, over aiohttp", f"{_SENDING}:mautrix_send", {**calls, "devices": devices}),
    ]
    readings = measure(contenders, scale.rounds)
    base, count = readings[BARE_SEND].cpu_s, scale.http_calls
    rows = [_line(name, one, base, count, SENDING, BARE_SEND) for name, one in readings.items()]
    return Section(f"Sending to a room whose {devices:,} devices have the key, over loopback", rows)


def _openings(scale: Scale, keys: int) -> Section:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        full, empty = ({"path": str(Path(folder) / name)} for name in ("full.sqlite3", "empty.sqlite3"))
        measure([Contender("filling", f"{_OURS}:fill", {**full, "keys": keys})], 1)
        measure([Contender("filling", f"{_OURS}:fill", {**empty, "keys": 1})], 1)
        contenders = [
            Contender("an empty store", f"{_OURS}:open_full", empty),
            Contender(f"{keys:,} room keys", f"{_OURS}:open_full", full),
        ]
        theirs = {"path": str(Path(folder) / "nio")}
        measure([Contender("filling", f"{_THEIRS}:nio_fill", {**theirs, "keys": keys})], 1)
        contenders.append(Contender(f"{keys:,} room keys, matrix-nio", f"{_THEIRS}:nio_open", theirs, rounds=1))
        readings = measure(contenders, scale.rounds)
    base = readings["an empty store"].cpu_s
    rows = [
        row(
            name,
            one,
            one.cpu_s,
            f"{one.cpu_s * 1000:.1f} ms, +{one.growth / 2**20:.1f} MB",
            base=base,
            yardstick="an empty one",
            target=OPENING if name.endswith("keys") else None,
        )
        for name, one in readings.items()
    ]
    return Section(f"Opening a store with {keys:,} room keys, and encryption on it", rows)
