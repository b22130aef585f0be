"""The source tree as the meta tests read it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "gomatrix_py"

_NOT_SOURCE = {
    ".git",
    ".hypothesis",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "__pycache__",
    "build",
    "corpora",
    "dist",
}


def source_files(suffix: str = "", under: Path = ROOT) -> Iterator[Path]:
    """Yield the files of the tree, caches and environments left out, in a fixed order."""
    for path in sorted(under.iterdir()):
        if path.name in _NOT_SOURCE or path.name.endswith(".egg-info"):
            continue
        if path.is_dir():
            yield from source_files(suffix, path)
        elif path.name.endswith(suffix):
            yield path


def module_name(path: Path) -> str:
    """Return the dotted name of a file of the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_sources() -> dict[str, str]:
    """Return the source of every module of the package, by dotted name; packages end in ``.__init__``."""
    sources = {}
    for path in source_files(".py", PACKAGE):
        suffix = ".__init__" if path.name == "__init__.py" else ""
        sources[module_name(path) + suffix] = path.read_text(encoding="utf-8")
    return sources


def docstrings(tree: ast.AST) -> set[ast.AST]:
    """Return the constants of a syntax tree that are docstrings."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            found.add(body[0].value)
    return found
