"""What the documents of the tree hold: code, tables and names."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import docutils.core  # type: ignore[import-untyped]
from docutils import nodes

from tests.meta.tree import ROOT, source_files

DOCUMENTS = [path.relative_to(ROOT).as_posix() for path in source_files(".rst")]


class Snippet(NamedTuple):
    """One block of code; `name` is its ``:name:``, "" where it has none."""

    document: str
    line: int
    name: str
    code: str


def parse(text: str) -> tuple[Any, str]:
    """Return the tree of a document, and what docutils complained about."""
    complaints = io.StringIO()
    settings = {"report_level": 1, "halt_level": 5, "warning_stream": complaints, "raw_enabled": False}
    return docutils.core.publish_doctree(text, settings_overrides=settings), complaints.getvalue()


def read(document: str) -> str:
    """Return the text of a document, named by its path in the tree."""
    return Path(ROOT, document).read_text(encoding="utf-8")


def snippets(document: str, language: str = "python") -> list[Snippet]:
    """Return the blocks of code of one language, in order."""
    tree, _ = parse(read(document))
    return [
        Snippet(document, block.line or 0, " ".join(block.get("names", ())), block.astext() + "\n")
        for block in tree.findall(nodes.literal_block)
        if language in block.get("classes", ())
    ]


def snippet(document: str, name: str) -> Snippet:
    """Return the block of code of this name."""
    (found,) = (one for one in snippets(document) if one.name == name)
    return found


def tables(document: str) -> list[list[list[Any]]]:
    """Return the tables of a document, as rows of cells."""
    tree, _ = parse(read(document))
    return [
        [list(row.findall(nodes.entry)) for row in table.findall(nodes.row)] for table in tree.findall(nodes.table)
    ]


def literals(document: str, ours: str = "gomatrix_py") -> Iterator[str]:
    """Yield what a document sets in ``double backticks``.

    In a table with a column headed `ours` that compares us with others, only that column counts.
    """
    tree, _ = parse(read(document))
    foreign: set[Any] = set()
    for table in tree.findall(nodes.table):
        rows = [list(row.findall(nodes.entry)) for row in table.findall(nodes.row)]
        heads = [cell.astext() for cell in rows[0]]
        if heads.count(ours) == 1:
            column = heads.index(ours)
            foreign |= {cell for row in rows for number, cell in enumerate(row) if number != column}
    for literal in tree.findall(nodes.literal):
        if foreign.isdisjoint(_ancestors(literal)):
            yield literal.astext()


def _ancestors(node: Any) -> Iterator[Any]:
    while node.parent is not None:
        node = node.parent
        yield node
