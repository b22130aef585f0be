"""Globs, paths and counts of push rules, on any pair of pattern and text in little time."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.rooms.push_matching import (
    MAX_PATTERN,
    MISSING,
    glob_matches,
    glob_matches_words,
    is_count,
    property_at,
    same_value,
    word_matches,
)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("lunc?*", "Lunch plans", True),
        ("lunc?*", "LUNCH", True),
        ("lunc?*", " lunch", False),
        ("lunc?*", "lunc", False),
        ("", "", True),
        ("", "x", False),
        ("*", "", True),
        ("*", "anything\nat all", True),
        ("?", "\n", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*a*b*", "xaxbx", True),
        ("*b*a*", "xaxbx", False),
        ("a?c*d", "abcd", True),
        ("a*?c", "ac", False),
        ("a*?c", "abc", True),
        ("[a-z]", "b", False),
        ("[a-z]", "[A-Z]", True),
        (".*", "abc", False),
        ("m.notice", "m-notice", False),
        ("\\*", "\\abc", True),
        ("a**b", "ab", True),
    ],
)
def test_globs_match_the_whole(pattern: str, text: str, matches: bool) -> None:
    assert glob_matches(pattern, text) is matches


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("ex*ple", "An example event.", True),
        ("ex*ple", "exple", True),
        ("ex*ple", "An exciting triple-whammy", True),
        ("ex*ple", "An examples", False),
        ("cake", "a piece of cake!", True),
        ("cake", "CAKE", True),
        ("cake", "cakes", False),
        ("cake", "pancake", False),
        ("cake", "pan_cake", False),
        ("cake", "päncakeä cake", True),
        ("cake", "ä" + "cake" + "ä", True),
        ("cake", "pancakes cakes cake", True),
        ("c?ke", "a coke", True),
        ("c?ke", "cokes", False),
        ("@room", "hi @room!", True),
        ("@room", "hi @rooms", False),
        ("*ake", "pancakes lake", True),
        ("cak*", "pancake cakes", True),
        ("cake*lie", "the cake is a lie", True),
        ("cake*lie", "the cake is a lied", False),
        ("cake*lie", "lie cake", False),
        ("a*b*c", "a b bc c", True),
        ("*", "", True),
        ("x", "", False),
    ],
)
def test_globs_match_words_of_a_body(pattern: str, text: str, matches: bool) -> None:
    assert glob_matches_words(pattern, text) is matches


def test_words_are_taken_as_they_are() -> None:
    assert word_matches("A*e", "hello a*E!")
    assert not word_matches("A*e", "hello alice")
    assert not word_matches("Al", "Alice")
    assert word_matches("Al", "Alice, al")
    assert not word_matches("", "hello")
    assert not word_matches("x" * (MAX_PATTERN + 1), "x" * (MAX_PATTERN + 1))


@pytest.mark.parametrize(
    "pattern",
    [
        "a*" * 400 + "b",
        "*a" * 400 + "*b",
        "?*" * 400 + "b",
        "a?" * 400 + "b",
        "*?a" * 300 + "b",
        "*" * MAX_PATTERN + "b",
        "b" + "*" * 1000,
        "*a" * 5_000_000 + "b",
    ],
)
def test_hostile_patterns_end(pattern: str) -> None:
    assert not glob_matches(pattern, "a" * 60_000)
    assert not glob_matches_words(pattern, "a" * 60_000)


def steps_of_backtracking(pattern: str, text: str, most: int) -> int:
    """Return how many steps the plain way takes to find that a glob of letters and stars does not match."""
    todo, steps = [(0, 0)], 0
    while todo and steps < most:
        steps += 1
        at, here = todo.pop()
        if at == len(pattern):
            assert here < len(text)
        elif pattern[at] == "*":
            todo += [(at + 1, after) for after in range(here, len(text) + 1)]
        elif text[here : here + 1] == pattern[at]:
            todo.append((at + 1, here + 1))
    return steps


def test_a_backtracking_matcher_would_not_end() -> None:
    assert steps_of_backtracking("*a*a*b", "a" * 20, 500_000) < 5_000
    assert steps_of_backtracking("*a" * 8 + "b", "a" * 60, 500_000) == 500_000


# ------------------------------------------------------------------ paths

EVENT: dict[str, Any] = {
    "type": "m.x",
    "content": {"m.relates_to": {"rel_type": "m.replace"}, "m\\foo": 1, "": {"": 2}, "\\x": 3, "list": [{"a": 1}]},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("type", "m.x"),
        ("content.m\\.relates_to.rel_type", "m.replace"),
        ("content.m.relates_to.rel_type", MISSING),
        ("content.m\\\\foo", 1),
        ("content.m\\foo", 1),
        ("content..", 2),
        ("content.\\x", 3),
        ("content.list.0.a", MISSING),
        ("content.list.a", MISSING),
        ("type.x", MISSING),
        ("", MISSING),
        (".", MISSING),
        ("nothing", MISSING),
        ("content.__class__", MISSING),
    ],
)
def test_paths(path: str, value: Any) -> None:
    assert property_at(EVENT, path) == value


@pytest.mark.parametrize(
    ("value", "wanted", "is_same"),
    [
        ("a", "a", True),
        ("a", "A", False),
        (1, 1, True),
        (True, True, True),
        (None, None, True),
        (True, 1, False),
        (1, True, False),
        (0, False, False),
        (1.0, 1, False),
        (1.0, 1.0, False),
        ("1", 1, False),
        (2**53, 2**53, False),
        ([1], [1], False),
        ({}, {}, False),
        (MISSING, None, False),
    ],
)
def test_values_are_compared_exactly(value: Any, wanted: Any, is_same: bool) -> None:
    assert same_value(value, wanted) is is_same


@pytest.mark.parametrize(
    ("condition", "counts"),
    [
        ("2", [2]),
        ("==2", [2]),
        ("<2", [0, 1]),
        ("<=2", [0, 1, 2]),
        (">2", [3]),
        (">=2", [2, 3]),
        ("!=2", []),
        ("2 ", []),
        ("", []),
        ("<", []),
        ("-1", []),
        ("\u0662", []),
        ("2\n", []),
        ("<" + "9" * 5000, []),
    ],
)
def test_counts(condition: str, counts: list[int]) -> None:
    assert [count for count in range(4) if is_count(condition, count)] == counts
