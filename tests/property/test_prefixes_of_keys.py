"""Keys are found by how they start, in memory and in SQLite alike, whatever they are made of."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py import SQLiteStore
from gomatrix_py.store.key_values import Change, MemoryKeyValues

LETTERS = st.sampled_from(["a", "b", " ", "\0", "\ud7ff", "\ue000", "\U0010ffff", "\U0010fffe", "ä"])
KEYS = st.text(LETTERS, max_size=4)


@settings(max_examples=100, deadline=None)
@given(st.sets(KEYS, max_size=12), st.sets(KEYS, max_size=4), KEYS)
def test_those_that_start_with_it_are_found(keys: set[str], removed: set[str], prefix: str) -> None:
    expected = sorted(key for key in keys - removed if key.startswith(prefix))
    changes = [Change("space", key, b"x") for key in sorted(keys)]
    changes += [Change("other", key, b"y") for key in sorted(keys)]
    changes += [Change("space", key, None) for key in sorted(removed)]
    with tempfile.TemporaryDirectory() as folder, SQLiteStore(Path(folder) / "store.db") as store:
        for values in (MemoryKeyValues(), store.key_values):
            values.write(changes)
            assert [key for key, _ in values.scan("space", prefix)] == expected
            assert values.count("space") == len(keys - removed)
