"""Matching of push rules: paths into events, globs, numbers.

Patterns are the user's and texts are anybody's, so nothing here may take long on any pair of them: a glob is
split into what stands between its stars, and those pieces are looked for one after the other.

Spec: module "Push Notifications", "Conditions"; appendices, "Glob-style matching", "Dot-separated property paths".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

__all__ = [
    "MAX_PATTERN",
    "MISSING",
    "glob_matches",
    "glob_matches_words",
    "is_count",
    "property_at",
    "same_value",
    "word_matches",
]

MAX_PATTERN: Final = 1024
"""Longer patterns, in characters, match nothing: ids have 255 bytes at most, and words are shorter."""

MISSING: Final = object()
"""What `property_at` returns where there is nothing."""

_MAX_INT = 2**53 - 1
_COUNT = re.compile(r"(==|<=|>=|<|>)?([0-9]{1,15})\Z")
_ESCAPED = re.compile(r"\\([.\\])")
_PATH_PART = re.compile(r"(?:\\[.\\]|[^.])*")
_WORD = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")


# ------------------------------------------------------------------ properties


@lru_cache(maxsize=512)
def _parts(path: str) -> tuple[str, ...]:
    parts: list[str] = []
    at = 0
    while at <= len(path):
        match = _PATH_PART.match(path, at)
        if match is None:  # the pattern matches nothing too, so it always matches
            break
        parts.append(_ESCAPED.sub(r"\1", match[0]))
        at = match.end() + 1
    return tuple(parts)


def property_at(event: Mapping[str, Any], path: str) -> Any:
    """Return what stands at a dot-separated path, `MISSING` where there is nothing."""
    value: Any = event
    for part in _parts(path):
        if not isinstance(value, Mapping) or part not in value:
            return MISSING
        value = value[part]
    return value


def same_value(value: Any, wanted: Any) -> bool:
    """Tell whether two are the same string, integer, boolean or null; no other values are compared."""
    return _is_plain(value) and type(value) is type(wanted) and bool(value == wanted)


def _is_plain(value: Any) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return -_MAX_INT <= value <= _MAX_INT
    return value is None or isinstance(value, (str, bool))


# ------------------------------------------------------------------ globs


def glob_matches(pattern: str, text: str) -> bool:
    """Tell whether a glob matches the whole of a text, upper and lower case being the same."""
    if len(pattern) > MAX_PATTERN:
        return False
    pieces, folded = pattern.lower().split("*"), text.lower()
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return len(first) == len(folded) and _fits(first, folded, 0)
    end = len(folded) - len(last)
    if end < len(first) or not _fits(first, folded, 0) or not _fits(last, folded, end):
        return False
    return _all_between(pieces[1:-1], folded, len(first), end)


def glob_matches_words(pattern: str, text: str) -> bool:
    """Tell whether a glob matches a part of a text that starts and ends at word boundaries."""
    if len(pattern) > MAX_PATTERN:
        return False
    pieces, folded = pattern.lower().split("*"), text.lower()
    first, last = pieces[0], pieces[-1]
    starts = (at for at in _places(first, folded, 0) if _is_boundary(folded, at))
    if len(pieces) == 1:
        return any(_is_boundary(folded, at + len(first)) for at in starts)
    # the leftmost start leaves the most for what follows, so no other needs to be tried
    start = next(starts, None)
    if start is None:
        return False
    at = _after(pieces[1:-1], folded, start + len(first))
    if at is None:
        return False
    return any(_is_boundary(folded, one + len(last)) for one in _places(last, folded, at))


def word_matches(word: str, text: str) -> bool:
    """Tell whether a text holds a word, or several, as they are and between word boundaries."""
    found, folded = word.lower(), text.lower()
    if not found or len(found) > MAX_PATTERN:
        return False
    ends = ((at, at + len(found)) for at in _places_of_text(found, folded, 0))
    return any(_is_boundary(folded, at) and _is_boundary(folded, end) for at, end in ends)


def _is_boundary(text: str, at: int) -> bool:
    return at in (0, len(text)) or text[at - 1] not in _WORD or text[at] not in _WORD


def _fits(piece: str, text: str, at: int) -> bool:
    if "?" not in piece:
        return text.startswith(piece, at)
    return _regex(piece).match(text, at) is not None


def _all_between(pieces: list[str], text: str, start: int, end: int) -> bool:
    return _after(pieces, text[:end], start) is not None


def _after(pieces: list[str], text: str, start: int) -> int | None:
    """Return where the pieces end, each found as far left as can be; None where one is not found."""
    at = start
    for piece in pieces:
        found = next(_places(piece, text, at), None)
        if found is None:
            return None
        at = found + len(piece)
    return at


def _places(piece: str, text: str, start: int) -> Iterator[int]:
    if not piece:
        return iter(range(start, len(text) + 1))
    if "?" not in piece:
        return _places_of_text(piece, text, start)
    return _places_of_regex(_regex(piece), text, start)


def _places_of_text(piece: str, text: str, start: int) -> Iterator[int]:
    at = text.find(piece, start)
    while at >= 0:
        yield at
        at = text.find(piece, at + 1)


def _places_of_regex(regex: re.Pattern[str], text: str, start: int) -> Iterator[int]:
    match = regex.search(text, start)
    while match is not None:
        yield match.start()
        match = regex.search(text, match.start() + 1)


@lru_cache(maxsize=512)
def _regex(piece: str) -> re.Pattern[str]:
    # no repetition in it: it is tried once at each place
    return re.compile("".join("." if char == "?" else re.escape(char) for char in piece), re.DOTALL)


# ------------------------------------------------------------------ counts


def is_count(condition: str, count: int) -> bool:
    """Tell whether a count is as a condition says, such as "2", "==2", "<10"; False where that is none."""
    match = _COUNT.match(condition)
    if match is None:
        return False
    wanted = int(match[2])
    answers = {"<": count < wanted, ">": count > wanted, "<=": count <= wanted, ">=": count >= wanted}
    return answers.get(match[1] or "==", count == wanted)
