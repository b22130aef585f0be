"""A process that opens a store and holds it until it is killed: ``python -m tests.kit.store_owner PATH``."""

from __future__ import annotations

import signal
import sys

from gomatrix_py import SQLiteStore

__all__: list[str] = []


def main(path: str) -> None:
    """Hold the store."""
    with SQLiteStore(path) as store:
        store.save_next_batch("@owner", "mine")
        print("open", flush=True)
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
