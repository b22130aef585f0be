"""The table of docs/reliability.rst: its commands run tests that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from docutils import nodes  # type: ignore[import-untyped]

from tests.meta.rst import snippets, tables
from tests.meta.tree import ROOT

DOCUMENT = "docs/reliability.rst"


def rows() -> dict[str, list[Any]]:
    """Return the cells of each row, by its name."""
    (table,) = tables(DOCUMENT)
    return {cells[0].astext(): cells for cells in table[1:]}


def commands(cell: Any) -> list[str]:
    return [one.astext() for one in cell.findall(nodes.literal)]


def complaint_about(row: str, command: str) -> str:
    """Return what is wrong with the command of a row, "" for nothing."""
    found = re.fullmatch(r"pytest (tests/\S+\.py)", command)
    if found is None:
        return f"{command} runs no file of tests"
    path = Path(ROOT, found[1])
    if not path.exists():
        return f"there is no {found[1]}"
    if path.parent.name == "faults" and not path.name.startswith(f"test_t{int(row[1:]):02}_"):
        return f"{found[1]} belongs to another row"
    return ""


@pytest.mark.parametrize("row", rows())
def test_each_row_names_tests_that_are_there(row: str) -> None:
    named = commands(rows()[row][3])
    assert named
    assert [complaint for command in named if (complaint := complaint_about(row, command))] == []


@pytest.mark.parametrize("row", rows())
def test_each_row_says_what_was_reached(row: str) -> None:
    said = rows()[row][3].astext().partition("pytest ")[0]
    assert re.search(r"\d", said)
    assert "@" not in said


@pytest.mark.parametrize(
    ("row", "command"),
    [
        ("T2", "pytest tests/faults/test_t99_nothing.py"),
        ("T2", "pytest tests/faults/test_t03_kills_while_sending.py"),
        ("T2", "make tea"),
    ],
)
def test_a_command_that_leads_nowhere_is_noticed(row: str, command: str) -> None:
    assert complaint_about(row, command) != ""


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = snippets(DOCUMENT)
    exec(compile(example.code, DOCUMENT, "exec"), {})  # noqa: S102 - to run the document is the test
    faults, count = capsys.readouterr().out.splitlines()
    assert "'answer': 2" in faults
    assert count == "20"
