"""Who imports whom, read from source alone: nothing is run, and imports for type checkers count as any other."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

INIT = ".__init__"


class Arrow(NamedTuple):
    """One import: both ends are dotted module names; `is_typing` tells that it exists for type checkers only."""

    importer: str
    imported: str
    line: int
    is_typing: bool = False

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def arrows(sources: Mapping[str, str]) -> list[Arrow]:
    """Return every import of a set of modules.

    Args:
        sources: by dotted name; the name of a package ends in ``.__init__``.
    """
    known = {name.removesuffix(INIT) for name in sources}
    found: list[Arrow] = []
    for name, source in sources.items():
        module = name.removesuffix(INIT)
        package = module if name.endswith(INIT) else module.rpartition(".")[0]
        tree = ast.parse(source)
        for_typing = _type_checking_nodes(tree)
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for imported in _imported(node, package, known):
                    found.append(Arrow(module, imported, node.lineno, node in for_typing))
    return found


def _imported(node: ast.Import | ast.ImportFrom, package: str, known: set[str]) -> Iterable[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level:
        base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1])
        source = f"{base}.{node.module}" if node.module else base
    else:
        source = node.module or ""
    # `from .x import y`: y is a module of its own, or a name of x
    return {f"{source}.{alias.name}" if f"{source}.{alias.name}" in known else source for alias in node.names}


def _type_checking_nodes(tree: ast.AST) -> set[ast.AST]:
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }


def third_party(arrow: Arrow) -> str:
    """Return the distribution-level name of what is imported, "" where it is ours or the standard library's."""
    top = arrow.imported.partition(".")[0]
    return "" if top == arrow.importer.partition(".")[0] or top in sys.stdlib_module_names else top


def circles(edges: Iterable[tuple[str, str]]) -> list[set[str]]:
    """Return the sets of nodes that reach each other."""
    reach: dict[str, set[str]] = {}
    for start, end in edges:
        if start != end:
            reach.setdefault(start, set()).add(end)
    for middle in list(reach):
        for start in list(reach):
            if middle in reach[start]:
                reach[start] |= reach[middle]
    rings = {frozenset({end for end in ends if node in reach.get(end, ())}) for node, ends in reach.items()}
    return [set(ring) for ring in rings if ring]
