"""Rows: thousands of small incremental /sync answers, with one to three events each."""

from __future__ import annotations

from .corpora import large_sync, small_syncs
from .measure import Contender, measure
from .report import Section, Target, row
from .scale import Scale
from .sync_large import RIVALS, YARDSTICK, disagreements

__all__ = ["sections"]

MEMORY, SQLITE = "gomatrix_py, memory", "gomatrix_py, SQLite, synchronous=FULL"
TARGETS = {MEMORY: Target(1.5), SQLITE: Target(150, "µs")}
SYNCS_OF_TARGET, ALL = 5000, Target(0.03, "s")


def sections(scale: Scale) -> list[Section]:
    """Measure the small answers."""
    path = small_syncs(scale.small_syncs)
    both = {"body_path": str(path), "first_path": str(large_sync(20))}
    bare = "benchmarks.parsers:decode_small"
    contenders = [
        Contender(YARDSTICK, bare, {"parser": "orjson", **both}),
        Contender("json.loads", bare, {"parser": "json", **both}),
        Contender("msgspec.json.decode", bare, {"parser": "msgspec", **both}),
        Contender("bare sqlite3, synchronous=FULL", "benchmarks.bare_sqlite:store_small", both),
        Contender(MEMORY, "benchmarks.ours:sync_small", {"store": "memory", **both}),
        Contender(SQLITE, "benchmarks.ours:sync_small", {"store": "sqlite", **both}),
    ]
    for name, function in RIVALS.items():
        contenders.append(Contender(name, f"benchmarks.rivals:{function}", both, rounds=scale.slow_rounds))
    readings = measure(contenders, scale.rounds)
    base = readings[YARDSTICK].cpu_s / scale.small_syncs * 1e6
    rows = []
    for name, one in readings.items():
        each_us = one.cpu_s / scale.small_syncs * 1e6
        target = TARGETS.get(name)
        rows.append(row(name, one, each_us, f"{each_us:.2f} µs", base=base, yardstick=YARDSTICK, target=target))
    if scale.small_syncs == SYNCS_OF_TARGET:
        memory = readings[MEMORY]
        rows.append(row(f"{MEMORY}, all of them", memory, memory.cpu_s, f"{memory.cpu_s:.3f} s", target=ALL))
    rows += disagreements(readings)
    size = path.stat().st_size / scale.small_syncs
    return [Section(f"{scale.small_syncs:,} small syncs of {size:,.0f} bytes, CPU for each", rows)]
