"""The 64 emoji of short authentication strings. Spec: "SAS method: emoji"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .emoji_names import EMOJI, ENGLISH, TRANSLATED

__all__ = ["LANGUAGES", "Symbol", "symbols"]

_EMOJI = tuple(EMOJI.split(","))
LANGUAGES = ("en", *TRANSLATED)
"""The languages that names are there for; where one lacks a name, it is English."""


class Symbol(NamedTuple):
    """One emoji, its name, and its number in the specification."""

    emoji: str
    name: str
    number: int


def _names(language: str) -> tuple[str, ...]:
    wanted = language.replace("-", "_")
    found = TRANSLATED.get(wanted) or TRANSLATED.get(wanted.partition("_")[0])
    english = ENGLISH.split(",")
    translated = found.split(",") if found is not None else english
    return tuple(name or fallback for name, fallback in zip(translated, english, strict=True))


def symbols(numbers: Iterable[int], language: str = "en") -> tuple[Symbol, ...]:
    """Return the emoji with these numbers.

    Args:
        numbers: from 0 to 63.
        language: of the names, such as "de" or "pt-BR"; English where there is no such language.
    """
    names = _names(language)
    return tuple(Symbol(_EMOJI[number], names[number], number) for number in numbers)
