"""Short authentication strings for people to compare: as text for a terminal, as HTML for a notebook."""

from __future__ import annotations

import html
from collections.abc import Sequence

from .emoji import Symbol

__all__ = ["as_html", "as_text"]


def as_text(emoji: Sequence[Symbol], decimals: Sequence[int]) -> str:
    """Return what to print: an emoji with its name on each line, or the numbers where there are no emoji.

    Args:
        emoji: of the verification, in the language of the reader.
        decimals: of the verification.
    """
    if not emoji:
        return "  ".join(str(number) for number in decimals)
    return "\n".join(f"{one.emoji}  {one.name}" for one in emoji)


def as_html(emoji: Sequence[Symbol], decimals: Sequence[int]) -> str:
    """Return what a notebook shows; see `as_text`."""
    if not emoji:
        return f"<p>{'&ensp;'.join(f'<code>{number}</code>' for number in decimals)}</p>"
    cells = "".join(
        '<td style="text-align:center">'
        f'<span style="font-size:2em">{one.emoji}</span><br>{html.escape(one.name)}</td>'
        for one in emoji
    )
    return f"<table><tr>{cells}</tr></table>"
