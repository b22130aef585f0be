"""Canonical JSON: the examples of the specification, the order of keys, and what it cannot hold."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from enum import IntEnum
from typing import Any

import pytest

from gomatrix_py.canonical_json import canonical_json
from gomatrix_py.errors import UsageError

# Specification, appendices, "Canonical JSON", "Examples"; `-0` and `1e10` are written as the integers they are.
SPECIFIED: list[tuple[str, str]] = [
    ("{}", "{}"),
    ('{"one": 1, "two": "Two"}', '{"one":1,"two":"Two"}'),
    ('{"b": "2", "a": "1"}', '{"a":"1","b":"2"}'),
    ('{"b":"2","a":"1"}', '{"a":"1","b":"2"}'),
    (
        """{
            "auth": {
                "success": true,
                "mxid": "@john.doe:example.com",
                "profile": {
                    "display_name": "John Doe",
                    "three_pids": [
                        {"medium": "email", "address": "john.doe@example.org"},
                        {"medium": "msisdn", "address": "123456789"}
                    ]
                }
            }
        }""",
        '{"auth":{"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":'
        '[{"address":"john.doe@example.org","medium":"email"},{"address":"123456789","medium":"msisdn"}]},'
        '"success":true}}',
    ),
    ('{"a": "日本語"}', '{"a":"日本語"}'),
    ('{"本": 2, "日": 1}', '{"日":1,"本":2}'),
    ('{"a": "\\u65E5"}', '{"a":"日"}'),
    ('{"a": null}', '{"a":null}'),
    ('{"a": -0, "b": 10000000000}', '{"a":0,"b":10000000000}'),
]


class Colour(IntEnum):
    RED = 7


@pytest.mark.parametrize(("source", "canonical"), SPECIFIED)
def test_the_examples_of_the_specification(source: str, canonical: str) -> None:
    assert canonical_json(json.loads(source)) == canonical.encode()


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        ("", '""'),
        ('"\\', '"\\"\\\\"'),
        ("\b\t\n\f\r", '"\\b\\t\\n\\f\\r"'),
        ("\x00\x1f", '"\\u0000\\u001f"'),
        ("\x7f\u2028/<>&'", '"\x7f\u2028/<>&\'"'),
        ("🦊", '"🦊"'),
        (True, "true"),
        (False, "false"),
        (2**53 - 1, "9007199254740991"),
        (-(2**53) + 1, "-9007199254740991"),
        ([], "[]"),
        ((1, 2), "[1,2]"),
        ([[], {}, None], "[[],{},null]"),
        (Colour.RED, "7"),
    ],
)
def test_each_kind_of_value_has_one_form(value: Any, canonical: str) -> None:
    assert canonical_json(value) == canonical.encode()


def test_keys_are_sorted_by_code_point_and_not_by_utf_16() -> None:
    keys = ["😀", "\uffee", "\ue000", "a", "B", "aa", ""]
    expected = ["", "B", "a", "aa", "\ue000", "\uffee", "😀"]
    assert list(json.loads(canonical_json(dict.fromkeys(keys)))) == expected
    assert sorted(keys, key=lambda key: key.encode("utf-16-be")) != expected  # the order of RFC 8785 is another


def test_keys_are_sorted_at_every_depth() -> None:
    assert canonical_json([{"b": {"d": 1, "c": 2}, "a": 3}]) == b'[{"a":3,"b":{"c":2,"d":1}}]'


REFUSED: dict[str, Any] = {
    "2**53": 2**53,
    "-(2**53)": -(2**53),
    "a 5,000-digit integer": 10**5000,
    "a whole float": 1.0,
    "a large whole float": 1e10,
    "minus zero": -0.0,
    "NaN": math.nan,
    "infinity": math.inf,
    "a lone surrogate": "\ud800",
    "a lone surrogate in a key": {"\udfff": 1},
    "an integer key": {1: 2},
    "a null key": {None: 2},
    "a boolean key": {True: 2},
    "bytes": b"x",
    "a set": {1, 2},
    "an object": object(),
    "a decimal": Decimal(1),
    "a float far inside": {"a": [{"b": 0.5}]},
}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_what_canonical_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(UsageError):
        canonical_json(value)


def test_a_value_that_contains_itself_is_refused() -> None:
    ring: list[Any] = []
    ring.append(ring)
    loop: dict[str, Any] = {}
    loop["self"] = loop
    for value in (ring, loop):
        with pytest.raises(UsageError):
            canonical_json(value)


def test_a_value_nested_too_deeply_is_refused() -> None:
    deep: Any = None
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(UsageError):
        canonical_json(deep)


def test_the_value_is_left_as_it_was() -> None:
    value = {"b": 1, "a": [2]}
    canonical_json(value)
    assert list(value) == ["b", "a"]
