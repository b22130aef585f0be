"""A file past 450 lines, or a function past 60, usually hides two."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.meta.tree import ROOT, source_files

FILE_LINES = 450
FUNCTION_LINES = 60
EXAMPLE_LINES = 80

# What may be larger, with the reason.
MAY_BE_LARGE: dict[str, str] = {}

FILES = [path.relative_to(ROOT).as_posix() for path in source_files(".py")]


def oversized(name: str, source: str) -> list[str]:
    """Return what is too large in one file."""
    found = []
    lines = source.count("\n")
    cap = EXAMPLE_LINES - 1 if name.startswith("examples/") else FILE_LINES
    if lines > cap:
        found.append(f"{name}: {lines} lines")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                found.append(f"{name}: {node.name} has {length} lines")
    return found


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_too_large(name: str) -> None:
    found = oversized(name, Path(ROOT, name).read_text(encoding="utf-8"))
    assert [one for one in found if one not in MAY_BE_LARGE] == []


def test_what_is_too_large_is_noticed() -> None:
    long_function = "def f():\n" + "    x = 1\n" * FUNCTION_LINES
    assert oversized("gomatrix_py/x.py", long_function) == ["gomatrix_py/x.py: f has 61 lines"]
    assert oversized("gomatrix_py/x.py", "x = 1\n" * 451) == ["gomatrix_py/x.py: 451 lines"]
    assert oversized("gomatrix_py/x.py", "x = 1\n" * 450) == []
    assert oversized("examples/x.py", "x = 1\n" * 80) == ["examples/x.py: 80 lines"]
    assert oversized("examples/x.py", "x = 1\n" * 79) == []
