"""The table: what was measured, against which yardstick, and whether the target is reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .measure import Readings

__all__ = ["TIMES", "Row", "Section", "Target", "as_rst", "as_text", "row"]

TIMES = "\N{MULTIPLICATION SIGN}"

_HEADS = ("", "figure", "ratio", "target", "reached")


@dataclass(frozen=True)
class Target:
    """A bound for a figure, or for its ratio to the yardstick where the unit is `TIMES`."""

    bound: float
    unit: str = TIMES
    is_floor: bool = False

    def __str__(self) -> str:
        return f"{'≥' if self.is_floor else '≤'} {self.bound:g} {self.unit}"

    def holds(self, value: float) -> bool:
        """Tell whether a value keeps within the bound."""
        return value >= self.bound if self.is_floor else value <= self.bound


@dataclass(frozen=True)
class Row:
    """One line: what, how much, against the yardstick, the target, and whether it is reached (None: unknown)."""

    name: str
    figure: str
    ratio: str = ""
    target: str = ""
    is_reached: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """Return the texts of its cells."""
        reached = {None: "?" if self.target else "", True: "yes", False: "NO"}[self.is_reached]
        return self.name, self.figure, self.ratio, self.target, reached


@dataclass(frozen=True)
class Section:
    """A titled part of the table."""

    title: str
    rows: Sequence[Row]


def row(
    name: str,
    readings: Readings,
    value: float,
    figure: str,
    *,
    base: float = 0.0,
    yardstick: str = "",
    target: Target | None = None,
) -> Row:
    """Return a line; of what did not run, it says why.

    Args:
        name: of the line.
        readings: what was measured.
        value: the figure, in the unit of `base`, or of the target where that is an absolute one.
        figure: the same as text.
        base: what the yardstick measured, 0 where there is none.
        yardstick: its name.
        target: of the ratio, or of the value.
    """
    aim = str(target or "")
    if readings.problem:
        return Row(name, readings.problem, "", aim)
    ratio = value / base if 0 < base < float("inf") else None
    text = "" if ratio is None else f"{ratio:.{2 if ratio < 10 else 1}f} {TIMES} {yardstick}"
    measured = ratio if target is not None and target.unit == TIMES else value
    is_reached = None if target is None or measured is None else target.holds(measured)
    return Row(name, figure, text, aim, is_reached)


def as_text(section: Section) -> str:
    """Return a section for a terminal."""
    lines = [_HEADS, *(one.cells() for one in section.rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    texts = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    return "\n".join([section.title, "-" * len(section.title), *texts, ""])


def as_rst(sections: Sequence[Section], introduction: str) -> str:
    """Return all sections as a fragment of reStructuredText."""
    parts = [introduction, ""]
    for section in sections:
        parts += [f".. list-table:: {section.title}", "   :header-rows: 1", ""]
        for cells in (_HEADS, *(one.cells() for one in section.rows)):
            parts += [f"   {' ' if number else '*'} - {cell}".rstrip() for number, cell in enumerate(cells)]
        parts.append("")
    return "\n".join(parts)
