"""Files as each version of the store's schema left them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from gomatrix_py.store.sqlite import schema

__all__ = ["OLD_VERSIONS", "store_of_version"]

_FOLDER = Path(__file__).parents[1] / "corpus" / "store_versions"
OLD_VERSIONS = sorted(int(path.stem) for path in _FOLDER.glob("*.sql") if int(path.stem) < schema.VERSION)
"""Those that a store of today brings up to date."""


def store_of_version(number: int, path: Path) -> Path:
    """Make a file as this version of the schema left it, with ``full_batch(1)`` in it and one row of what is new."""
    path.touch(mode=0o600)
    db = sqlite3.connect(path)
    db.executescript((_FOLDER / f"{number:03d}.sql").read_text(encoding="utf-8"))
    db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID:d}")
    db.execute(f"PRAGMA user_version = {number:d}")
    db.commit()
    db.close()
    return path
