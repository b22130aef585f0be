"""V28: texts go into SQL as parameters only: a store in a file takes any id as one in memory does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from gomatrix_py.errors import StoreError
from gomatrix_py.events import EventSource
from gomatrix_py.store import (
    AccountDataRow,
    Gap,
    InboxRow,
    InMemoryStore,
    RoomDelta,
    SQLiteStore,
    SyncBatch,
    SyncStorer,
)
from gomatrix_py.store.key_values import Change, key_values_of
from gomatrix_py.store.outbox import OutboxRow, OutboxState, outbox_of
from gomatrix_py.testing.conformance.specimens import event_json
from tests.kit.crash import ROOT

INJECTIONS = [
    "'",
    '"',
    "''",
    "`",
    "\\",
    "\\'",
    ";--",
    "--",
    "/*",
    "*/",
    "'; DROP TABLE state; --",
    '"; DROP TABLE outbox; --',
    "' OR '1'='1",
    "' OR 1=1 --",
    "') OR ('1'='1",
    "' UNION SELECT name, sql, 1 FROM sqlite_master --",
    "x'); DELETE FROM inbox; --",
    "1; ATTACH DATABASE '/tmp/x' AS x; --",
    "%",
    "_",
    "%' ESCAPE '",
    "[a-z]*",
    "?",
    "?1",
    ":name",
    "@name",
    "$name",
    "{0}",
    "%s",
    "NULL",
    "null",
    "\0",
    "a\0b",
    "\0'; DROP TABLE room; --",
    "\n'; DROP TABLE seen; --",
    "é'",
    "\u2019; --",
    "\uff07 OR 1=1",
    "rowid",
    "sqlite_master",
    "0x27",
    "char(39)",
    "1e309",
    " ",
    "x" * 10_000 + "'",
]
STORE = ROOT / "gomatrix_py" / "store" / "sqlite"


def every_call(store: SyncStorer, text: str) -> Iterator[Any]:
    """Use all there is of a store with ids that hold a text, and yield what it says."""
    user_id, room_id, event_id = f"@{text}", f"!{text}", f"${text}"
    store.save_filter_id(user_id, text)
    store.save_next_batch(user_id, text)
    event = event_json(event_id, text, state_key=text)
    delta = RoomDelta(room_id, "join", base_state=b"[" + event + b"]", state=[(text, text, event)], seen=[text])
    delta.prev_batch = text
    rows = [
        InboxRow(room_id, event_id, EventSource.TIMELINE, event),
        InboxRow(text, text, EventSource.TIMELINE, event),
    ]
    account = [AccountDataRow("", text, event), AccountDataRow(room_id, text, event)]
    fresh = store.commit_sync(SyncBatch(user_id, text, [delta], rows, account, [Gap(room_id, text, text)]))
    yield len(fresh)
    yield store.load_filter_id(user_id), store.load_next_batch(user_id), store.load_next_batch(text)
    yield sorted(store.room_ids()), sorted(store.room_ids(text)), store.load_account_data(text, room_id)
    yield store.load_account_data(text), store.load_account_data(text, text)
    yield [(gap.room_id, gap.since, gap.prev_batch) for gap in store.gaps(room_id)], list(store.gaps(text))
    yield store.has_event(room_id, event_id), store.has_event(room_id, text), store.has_event(text, room_id)
    room = store.load_room(room_id)
    assert room is not None
    yield (
        room.prev_batch,
        [one.json for one in room.state.of_type(text).values()],
        room.state.event(text, text) is not None,
    )
    store.begin_try(fresh[0])
    store.set_aside(fresh[0], text)
    yield [(row.room_id, row.event_id, row.json) for row in (*store.quarantined(), *store.undelivered())]
    store.put_back(store.quarantined())
    store.mark_delivered(fresh[1:])
    yield [row.event_id for row in store.undelivered()]
    store.commit_gap(store.gaps(room_id)[0], [InboxRow(room_id, f"{event_id}2", EventSource.TIMELINE, event)], None)
    yield len(store.undelivered()), len(store.gaps())
    yield from _outbox_calls(store, text)


def _outbox_calls(store: SyncStorer, text: str) -> Iterator[Any]:
    outbox, values = outbox_of(store), key_values_of(store)
    assert outbox is not None
    assert values is not None
    row, is_new = outbox.add(OutboxRow(f"!{text}", text, text.encode(), text, text))
    yield is_new, outbox.add(OutboxRow(f"!{text}", text, text.encode(), text, text))[1]
    found = outbox.find(f"!{text}", text, text)
    yield found is not None and (found.room_id, found.event_type, found.content, found.txn_id, found.device_id)
    outbox.update([attrs.evolve(row, last_error=text)], changes=[Change(text, text, text.encode())])
    yield [one.last_error for one in outbox.waiting(f"!{text}")], len(outbox.waiting(text)), outbox.count_waiting()
    yield [room_id for _, room_id in outbox.due_ids(f"!{text}")], list(values.scan(text)), values.get(text, text)
    outbox.update([attrs.evolve(row, state=OutboxState.SENT, event_id=text)])
    outbox.forget_sent(0)
    yield outbox.find(f"!{text}", text, text) is not None


def test_a_store_in_a_file_takes_any_text_as_one_in_memory_does(tmp_path: Path) -> None:
    memory = InMemoryStore()
    with SQLiteStore(tmp_path / "store") as file:
        before = schema_of(file)
        for text in INJECTIONS:
            assert list(every_call(file, text)) == list(every_call(memory, text)), text
        assert schema_of(file) == before
        assert file.verify() == []
        assert {f"!{text}" for text in INJECTIONS} <= set(file.room_ids())


def schema_of(store: SQLiteStore) -> list[Any]:
    return list(store._open_file.rows("SELECT type, name, sql FROM sqlite_master ORDER BY name"))


# ------------------------------------------------------------------ how the SQL is made

RUNS_SQL = {"execute", "executemany", "executescript", "rows", "_first", "_text"}


def put_together(source: str) -> list[str]:
    """Return the SQL that is made of more than constants, where it is run."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    run = [node for node in calls if isinstance(node.func, ast.Attribute) and node.func.attr in RUNS_SQL]
    return [ast.unparse(one) for node in run for one in node.args[:1] if not _is_constant(one)]


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.IfExp):
        return _is_constant(node.body) and _is_constant(node.orelse)
    if isinstance(node, ast.JoinedStr):  # of constants of the module
        return all(_is_constant(one.value) for one in node.values if isinstance(one, ast.FormattedValue))
    if isinstance(node, ast.Name):
        return re.fullmatch(r"_?[A-Z][A-Z_]*", node.id) is not None
    if isinstance(node, ast.Attribute):
        return re.fullmatch(r"_?[A-Z][A-Z_]*", node.attr) is not None
    return isinstance(node, ast.Constant)


# whose callers are looked at in turn, or which come from a list of constants
PASSED_ON = {"sql", "pragma", "statement", "f'PRAGMA user_version = {number:d}'"}


def test_no_statement_is_put_together_of_texts() -> None:
    sources = list(STORE.glob("*.py"))
    assert len(sources) >= 10
    found = {one for path in sources for one in put_together(path.read_text(encoding="utf-8"))}
    assert found == PASSED_ON


@pytest.mark.parametrize(
    "line",
    [
        'db.execute(f"SELECT 1 FROM room WHERE room_id = {room_id!r}")',
        'db.execute("SELECT 1 FROM room WHERE room_id = \'" + room_id + "\'")',
        "db.execute(\"SELECT 1 FROM room WHERE room_id = '%s'\" % room_id)",
        'db.executemany("DELETE FROM {}".format(table), [])',
        "db.rows(' AND '.join(wanted), ())",
    ],
)
def test_the_control_sql_of_texts_is_noticed(line: str) -> None:
    assert set(put_together(line)) - PASSED_ON


def test_the_control_an_id_within_a_statement_is_one_too_many(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store") as store:
        careless = "SELECT 1 FROM seen WHERE room_id = '{}'".format("' OR '1'='1")  # noqa: S608
        store.commit_sync(SyncBatch("@a", "s1", [RoomDelta("!r", "join", seen=["$e"])]))
        assert store._open_file.rows(careless, ()) == [(1,)]
        with pytest.raises(StoreError):
            store._open_file.rows("SELECT 1 FROM seen WHERE room_id = ''' ", ())
