"""Rows: what stands before the first call: importing the package, opening a store."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from .corpora import FOLDER, OWN_USER, large_sync
from .measure import ROOT, Contender, Meter, Readings, child_environment, measure
from .report import Row, Section, Target, row
from .scale import Scale

__all__ = ["sections"]

Facts = dict[str, Any]

PARTS = "requests, attrs, msgspec"
OPEN = "SQLiteStore(path)"
IMPORT, OPENING = Target(2.0), Target(5, "ms")
_TIMED_IMPORT = "import time; t = time.process_time(); import {}; print(time.process_time() - t)"


def sections(scale: Scale) -> list[Section]:
    """Measure imports and openings."""
    return [Section("Import, CPU", _import_rows(scale)), _openings(scale)]


def _import_rows(scale: Scale) -> list[Row]:
    names = (PARTS, "gomatrix_py", "nio", "mautrix.client", "matrix_client.client")
    readings = {name: Readings() for name in names}
    for _ in range(scale.rounds * 3):
        for name, one in readings.items():
            if not one.problem:
                _import_once(name, one)
    base = readings[PARTS].cpu_s
    return [
        row(
            f"import {name}",
            one,
            one.cpu_s,
            f"{one.cpu_s * 1000:.1f} ms",
            base=base,
            yardstick="its parts",
            target=IMPORT if name == "gomatrix_py" else None,
        )
        for name, one in readings.items()
    ]


def _import_once(name: str, readings: Readings) -> None:
    command = [sys.executable, "-c", _TIMED_IMPORT.format(name)]
    done = subprocess.run(command, cwd=ROOT, env=child_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        readings.problem = f"not installed: {name}" if "ModuleNotFoundError" in done.stderr else "failed"
    else:
        readings.cpu_s = min(readings.cpu_s, float(done.stdout))


# ------------------------------------------------------------------ opening a store


def _openings(scale: Scale) -> Section:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        path = {"path": str(Path(folder) / "store.sqlite3")}
        filled = {**path, "body": str(large_sync(scale.rooms))}
        measure([Contender("filling a store", "benchmarks.startup:make_store", filled)], 1)
        contenders = [
            Contender(OPEN, "benchmarks.startup:open_store", path),
            Contender("… and the name of one room", "benchmarks.startup:open_store", {**path, "reads_room": True}),
            Contender("… after a crash", "benchmarks.startup:open_after_crash", path, rounds=scale.slow_rounds),
        ]
        readings = measure(contenders, scale.rounds * 2)
    rows = []
    for name, one in readings.items():
        cpu_ms, wall_ms = one.cpu_s * 1000, one.wall_s * 1000
        target = OPENING if name == OPEN else None
        rows.append(row(name, one, cpu_ms, f"{cpu_ms:.2f} ms CPU, {wall_ms:.2f} ms in all", target=target))
    return Section(f"Opening a store of {scale.rooms:,} rooms", rows)


def make_store(meter: Meter, path: str, body: str) -> Facts:
    """Fill a store with the large sync."""
    from gomatrix_py import DefaultSyncer, SQLiteStore, SyncResponse

    del meter
    with SQLiteStore(path) as store:
        DefaultSyncer(OWN_USER, store).process_response(SyncResponse.from_json(Path(body).read_bytes()), "")
        return {"rooms": len(store.room_ids())}


def open_store(meter: Meter, path: str, reads_room: bool = False) -> Facts:
    """Open it, and ask where the next sync starts."""
    from gomatrix_py import SQLiteStore

    with meter.timed():
        store = SQLiteStore(path)
        assert store.load_next_batch(OWN_USER)
        if reads_room:
            room = store.load_room(store.room_ids()[0])
            assert room is not None
            assert room.name is None or room.name
    store.close()
    return {}


def open_after_crash(meter: Meter, path: str) -> Facts:
    """Open a copy that was never closed: every page is looked at first."""
    from gomatrix_py import SQLiteStore

    crashed = Path(path).with_name("crashed.sqlite3")
    with SQLiteStore(path):
        for suffix in ("", "-wal"):
            if Path(path + suffix).exists():
                shutil.copy(path + suffix, str(crashed) + suffix)
    crashed.chmod(0o600)
    with meter.timed():
        store = SQLiteStore(crashed)
    store.close()
    return {}
