"""The rows of encryption as one table, as it stands in docs/encryption.rst."""

from __future__ import annotations

from collections.abc import Sequence

from .report import Row, Section

__all__ = ["compared"]

_HEADS = ("CPU time", "gomatrix_py", "the bare work", "matrix-nio", "mautrix-python", "target")
_NOTHING = "\N{EN DASH}"


def compared(sections: Sequence[Section]) -> str:
    """Return a fragment of reStructuredText: a row for each section, which begins with the bare work and then us."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for cells in (_HEADS, *(_cells(section) for section in sections)):
        lines += [f"   {' ' if number else '*'} - {cell}" for number, cell in enumerate(cells)]
    return "\n".join([*lines, ""])


def _cells(section: Section) -> tuple[str, ...]:
    bare, ours = section.rows[:2]
    ratio = " ".join(ours.ratio.split(" ")[:2])
    others = [_time(_named(section, name)) for name in ("matrix-nio", "mautrix-python")]
    return section.title, f"{_time(ours)} ({ratio})", _time(bare), *others, ours.target


def _named(section: Section, name: str) -> Row | None:
    return next((row for row in section.rows if name in row.name), None)


def _time(row: Row | None) -> str:
    return _NOTHING if row is None else row.figure.partition(",")[0]
