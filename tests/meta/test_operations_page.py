"""docs/operations.rst is what the declarations say, and every method in it exists."""

from __future__ import annotations

import pytest

from gomatrix_py.api.room_membership import BanUser
from tests.meta import make_operations_table
from tests.meta.make_operations_table import DOCUMENT, document, methods_by_endpoint
from tests.meta.names import resolve
from tests.meta.operations import declared, proposed
from tests.meta.rst import literals, read, tables


def test_the_page_is_up_to_date() -> None:
    assert read(DOCUMENT) == document(), "run: make docs"


def test_a_page_that_is_behind_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BanUser, "ADDED", "9.9")
    assert read(DOCUMENT) != make_operations_table.document()


def test_the_page_has_every_operation_once() -> None:
    rows = [row for table in tables(DOCUMENT) for row in table[1:]]
    assert len(rows) == len(declared()) + len(proposed())
    methods = [row[1].astext() for row in rows]
    assert sorted(methods) == sorted(f"Client.{name}" for name in methods_by_endpoint().values())
    assert sum(row[3].astext().startswith("deprecated: Client.") for row in rows) == 9


def test_every_name_on_the_page_exists() -> None:
    names = [name for name in literals(DOCUMENT) if "." in name]
    assert len(names) > 166
    for name in names:
        resolve(name if name.startswith("gomatrix_py.") else f"gomatrix_py.{name}")
