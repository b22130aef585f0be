"""The yardstick for stores: what the disk takes for one durable transaction, whatever is done with it."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from .corpora import FOLDER
from .measure import Meter

__all__ = ["store_small"]


def store_small(meter: Meter, body_path: str, **_: Any) -> dict[str, Any]:
    """Put each body into a table as it is, and commit with synchronous=FULL; nothing is decoded."""
    bodies = Path(body_path).read_bytes().splitlines()
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        db = sqlite3.connect(Path(folder) / "bare.sqlite3", isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE body (seq INTEGER PRIMARY KEY, json BLOB)")
        with meter.timed():
            for body in bodies:
                db.execute("BEGIN IMMEDIATE")
                db.execute("INSERT INTO body (json) VALUES (?)", (body,))
                db.execute("COMMIT")
        db.close()
    return {"syncs": len(bodies)}
