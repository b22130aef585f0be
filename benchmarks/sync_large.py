"""Rows: one large first /sync answer, from its bytes into a store, and the memory that takes.

A first sync sets the scene and delivers no old messages, so gomatrix_py runs twice: as that (since ""),
and as if it were an answer to an earlier position (since "s0"), where every message reaches the listener
as it does with the others.
"""

from __future__ import annotations

from pathlib import Path

from .corpora import large_sync
from .measure import Contender, Readings, measure
from .report import Row, Section, Target, row
from .scale import Scale

__all__ = ["RIVALS", "YARDSTICK", "disagreements", "sections"]

YARDSTICK = "orjson.loads"
NIO = "matrix-nio"
OURS = {
    "gomatrix_py, memory, first sync": ("memory", ""),
    "gomatrix_py, memory, all delivered": ("memory", "s0"),
    "gomatrix_py, SQLite, first sync": ("sqlite", ""),
    "gomatrix_py, SQLite, all delivered": ("sqlite", "s0"),
}
AT_MOST = {"memory": Target(0.35), "sqlite": Target(1.5)}
AHEAD_OF_NIO = Target(40, is_floor=True)
PEAK = Target(3.5)
ROOMS_OF_TARGETS = 1000  # the targets are stated for this size: what the collector takes grows with it
RIVALS = {NIO: "matrix_nio", "mautrix-python": "mautrix_python", "matrix-client": "matrix_client"}


def sections(scale: Scale) -> list[Section]:
    """Measure the corpus of 20 rooms and the large one."""
    few = _measured(large_sync(20), scale.rounds * 2, scale.rounds)
    path = large_sync(scale.rooms)
    size = path.stat().st_size
    many = _measured(path, scale.rounds, scale.slow_rounds)
    is_large = scale.rooms >= ROOMS_OF_TARGETS
    return [
        Section("Sync of 20 rooms, CPU", _time_rows(few, has_targets=False)),
        Section(f"Sync of {scale.rooms:,} rooms, {_mb(size)}, CPU", _time_rows(many, has_targets=is_large)),
        Section(
            f"Sync of {scale.rooms:,} rooms, peak memory, body included",
            _memory_rows(many, size, has_targets=is_large),
        ),
    ]


def _measured(path: Path, rounds: int, slow_rounds: int) -> dict[str, Readings]:
    body = {"body_path": str(path)}
    bare = "benchmarks.parsers:decode_large"
    contenders = [
        Contender(YARDSTICK, bare, {"parser": "orjson", **body}),
        Contender("orjson.loads, collector paused", bare, {"parser": "orjson", "pause_collector": True, **body}),
        Contender("json.loads", bare, {"parser": "json", **body}),
        Contender("msgspec.json.decode", bare, {"parser": "msgspec", **body}),
    ]
    for name, (store, since) in OURS.items():
        contenders.append(Contender(name, "benchmarks.ours:sync_large", {"store": store, "since": since, **body}))
    looked_at = {"store": "memory", "since": "", "looks_at_rooms": True, **body}
    contenders.append(Contender("gomatrix_py, memory, every room then read", "benchmarks.ours:sync_large", looked_at))
    for name, function in RIVALS.items():
        contenders.append(Contender(name, f"benchmarks.rivals:{function}", body, rounds=slow_rounds))
    return measure(contenders, rounds)


def _time_rows(readings: dict[str, Readings], *, has_targets: bool) -> list[Row]:
    base = readings[YARDSTICK].cpu_s
    rows = []
    for name, one in readings.items():
        target = AT_MOST[OURS[name][0]] if has_targets and name in OURS else None
        rows.append(row(name, one, one.cpu_s, _s(one.cpu_s), base=base, yardstick=YARDSTICK, target=target))
    for name in list(OURS)[:2]:
        label = f"{NIO} against {name.removeprefix('gomatrix_py, ')}"
        nio, target = readings[NIO], AHEAD_OF_NIO if has_targets else None
        base = readings[name].cpu_s
        rows.append(row(label, nio, nio.cpu_s, _s(nio.cpu_s), base=base, yardstick="gomatrix_py", target=target))
    return rows + disagreements(readings)


def disagreements(readings: dict[str, Readings]) -> list[Row]:
    """Say so where those who deliver messages did not deliver the same ones."""
    heard = {name: one.facts["messages"] for name, one in readings.items() if one.facts.get("messages")}
    if len(set(heard.values())) <= 1:
        return []
    return [Row(f"{name} heard", f"{count} messages", "", "all the same", False) for name, count in heard.items()]


def _memory_rows(readings: dict[str, Readings], size: int, *, has_targets: bool) -> list[Row]:
    return [
        row(
            name,
            one,
            one.growth,
            _mb(one.growth),
            base=size,
            yardstick="body",
            target=PEAK if has_targets and name in OURS else None,
        )
        for name, one in readings.items()
    ]


def _s(seconds: float) -> str:
    return f"{seconds:.3f} s" if seconds >= 0.1 else f"{seconds * 1000:.2f} ms"


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
