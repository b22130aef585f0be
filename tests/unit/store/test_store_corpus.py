"""Answers that once broke a store, or looked as if they would: each is taken, and both stores show the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gomatrix_py.api.sync import SyncResponse
from gomatrix_py.store import InMemoryStore, SQLiteStore, SyncStorer
from gomatrix_py.sync import DefaultSyncer
from tests.kit.faultdb import faulty_sqlite
from tests.kit.stores import OWN, snapshot

CORPUS = Path(__file__).parents[2] / "corpus" / "store"
ANSWERS = sorted(path.name for path in CORPUS.iterdir())


def _taken(store: SyncStorer, body: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Let a store take an answer with listeners that want everything; return what it shows and what they heard."""
    heard: list[bytes] = []
    syncer = DefaultSyncer(OWN, store)
    syncer.on_event(lambda event: heard.append(event.json))
    syncer.process_response(SyncResponse.from_json(body), "s0")
    return snapshot(store), heard


@pytest.mark.parametrize("name", ANSWERS)
def test_each_answer_is_taken_alike(name: str, tmp_path: Path) -> None:
    body = (CORPUS / name).read_bytes()
    in_memory = _taken(InMemoryStore(), body)
    with faulty_sqlite(), SQLiteStore(tmp_path / "store") as store:
        in_file = _taken(store, body)
    with SQLiteStore(tmp_path / "store") as store:
        reopened = snapshot(store)
    assert in_memory[0]["next_batch"] == "s1"
    assert in_memory[0]["rooms"]
    assert in_file == in_memory
    assert reopened == in_file[0]


def test_there_are_answers() -> None:
    assert len(ANSWERS) >= 10
