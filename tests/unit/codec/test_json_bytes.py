"""Bytes to JSON values and back: strictly, tolerantly, and into shapes."""

from __future__ import annotations

import json
import math
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py.codec import (
    DECODE_FAILURES,
    BadJSON,
    RawJSON,
    Shape,
    as_bytes,
    decode_shape,
    dumps,
    dumps_own,
    fast_decoder,
    loads,
    loads_tolerant,
    shape_decoder,
)
from gomatrix_py.codec.json_bytes import MAX_DEPTH
from gomatrix_py.errors import DecodeError, UsageError
from tests.kit.poison import BROKEN_DOCUMENTS, NOT_JSON, POISON, SOUND_BUT_STRANGE, nested

BAD = "<not JSON>"
CORPUS = Path(__file__).parents[2] / "corpus" / "codec"

# What the tolerant road makes of each; those that the strict road takes too are named below.
TOLERANT: dict[str, Any] = {
    "NaN": BAD,
    "infinity": BAD,
    "minus infinity": BAD,
    "1e400": BAD,
    "-1e400": BAD,
    "a 5,000-digit integer": BAD,
    "a lone high surrogate": "\ud800",
    "a lone low surrogate": "x\udfffy",
    "surrogates the wrong way round": "\udd8a\ud83e",
    "a lone surrogate in a key": {"\ud800": 1},
    "bytes that are not UTF-8": "\ufffd\ufffd",
    "a surrogate as UTF-8": "\ufffd\ufffd\ufffd",
    "an overlong slash": "\ufffd\ufffd",
    "UTF-8 cut short": "\ufffd",
    "a key that is not UTF-8": {"\ufffd": 1},
    "a NUL": "\x00",
    "a line feed": "a\nb",
}
TAKEN_STRICTLY = {"lists nested 300 deep", "lists nested 900 deep", "objects nested 900 deep"}


def shown(value: Any) -> Any:
    """Return a decoded value in which what is not JSON is a string that says so."""
    if isinstance(value, dict):
        return {key: shown(member) for key, member in value.items()}
    if isinstance(value, list):
        return [shown(member) for member in value]
    return repr(value) if isinstance(value, BadJSON) else value


def depth_of(value: Any) -> tuple[int, Any]:
    """Return how many containers deep a value is that has one member each, and what is innermost."""
    depth = 0
    while isinstance(value, (list, dict)):
        (value,) = value.values() if isinstance(value, dict) else value
        depth += 1
    return depth, value


# ------------------------------------------------------------------ strictly


@pytest.mark.parametrize("data", SOUND_BUT_STRANGE.values(), ids=SOUND_BUT_STRANGE)
@pytest.mark.parametrize("decode", [loads, loads_tolerant])
def test_both_roads_take_what_is_json(decode: Any, data: bytes) -> None:
    assert decode(data) == json.loads(data)


@pytest.mark.parametrize("name", [name for name in POISON if name not in TAKEN_STRICTLY])
def test_the_strict_road_refuses_poison(name: str) -> None:
    with pytest.raises(DecodeError):
        loads(POISON[name])


@pytest.mark.parametrize("name", [name for name in POISON if name not in TAKEN_STRICTLY])
def test_the_strict_road_refuses_poison_wherever_it_stands(name: str) -> None:
    with pytest.raises(DecodeError):
        loads(b'{"a":[{"b":' + POISON[name] + b"}]}")


@pytest.mark.parametrize("decode", [loads, loads_tolerant])
@pytest.mark.parametrize("data", BROKEN_DOCUMENTS.values(), ids=BROKEN_DOCUMENTS)
def test_neither_road_makes_anything_of_a_broken_document(decode: Any, data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(data)


def test_the_last_of_duplicate_keys_wins_on_both_roads() -> None:
    data = b'{"a":1,"b":{"c":1,"c":2},"a":3}'
    assert loads(data) == loads_tolerant(data) == {"a": 3, "b": {"c": 2}}


@pytest.mark.parametrize("decode", [loads, loads_tolerant])
def test_an_error_neither_shows_the_document_nor_chains_to_what_does(decode: Any) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(b'{"access_token":"syt_hidden" "x"}')
    assert "syt_hidden" not in str(caught.value)
    assert caught.value.__suppress_context__ is True


# ------------------------------------------------------------------ tolerantly


@pytest.mark.parametrize("name", TOLERANT)
def test_the_tolerant_road_steps_over_poison(name: str) -> None:
    assert shown(loads_tolerant(POISON[name])) == TOLERANT[name]
    whole = b'{"before":1,"poison":' + POISON[name] + b',"after":[true]}'
    assert shown(loads_tolerant(whole)) == {"before": 1, "poison": TOLERANT[name], "after": [True]}


def test_only_what_no_float_holds_is_bad() -> None:
    assert loads_tolerant(b"[1.7976931348623157e308,-1e308,1e-400]") == [1.7976931348623157e308, -1e308, 0.0]


@pytest.fixture
def few_digits() -> Iterator[int]:
    """An interpreter that was told to take integers of few digits only."""
    before, few = sys.get_int_max_str_digits(), 640
    sys.set_int_max_str_digits(few)
    yield few
    sys.set_int_max_str_digits(before)


def test_an_interpreter_that_takes_few_digits_makes_no_other_error(few_digits: int) -> None:
    just, more = b"9" * few_digits, b"9" * (few_digits + 1)
    assert loads(just) == loads_tolerant(just) == 10**few_digits - 1
    with pytest.raises(DecodeError):
        loads(more)
    assert shown(loads_tolerant(b"[1," + more + b",2]")) == [1, BAD, 2]


@pytest.mark.parametrize(
    ("opening", "closing"),
    [(b"[", b"]"), (b'{"a":', b"}"), (b'[ \n {"a" : ', b" }\t]")],
    ids=["lists", "objects", "both"],
)
@pytest.mark.parametrize("depth", [1001, 100_000])
def test_what_is_nested_without_end_is_pruned(opening: bytes, closing: bytes, depth: int) -> None:
    document = b'{"before":1,"deep":' + nested(depth, b"0", opening, closing) + b',"after":2}'
    value = loads_tolerant(document)
    assert (value["before"], value["after"]) == (1, 2)
    reached, innermost = depth_of(value["deep"])
    assert reached == MAX_DEPTH - 1  # the document itself is one level
    assert isinstance(innermost, BadJSON)


def test_a_million_levels_are_pruned_like_a_thousand() -> None:
    reached, innermost = depth_of(loads_tolerant(nested(1_000_000)))
    assert reached == MAX_DEPTH
    assert isinstance(innermost, BadJSON)


def test_brackets_inside_strings_are_no_nesting() -> None:
    tricky = '"]}[{\\"]]]\\\\"'
    document = f'{{"deep":{"[" * 5000}{tricky}{"]" * 5000},"kept":{tricky},"list":[{tricky},[{tricky}]]}}'
    value = loads_tolerant(document.encode())
    text = json.loads(tricky)
    assert value["kept"] == text
    assert value["list"] == [text, [text]]


def test_every_deep_value_is_pruned_and_every_flat_one_kept() -> None:
    deep = nested(3000)
    value = loads_tolerant(b"[1," + deep + b',{"a":2},' + deep + b",[3]," + deep + b"]")
    assert [value[0], value[2], value[4]] == [1, {"a": 2}, [3]]
    assert [depth_of(value[place])[0] for place in (1, 3, 5)] == [MAX_DEPTH - 1] * 3


@pytest.mark.parametrize("frames_left", [60, 100, 150, 250])
@pytest.mark.parametrize("decode", [loads, loads_tolerant])
def test_no_recursion_error_escapes_where_the_stack_is_nearly_full(decode: Any, frames_left: int) -> None:
    """A bot may call from far inside its own recursion."""

    def far_inside(levels: int) -> bool:
        if levels:
            return far_inside(levels - 1)
        try:
            return depth_of(decode(nested(190)))[0] == 190
        except DecodeError as error:
            return str(error) == "nested too deeply"

    in_use = sum(1 for _ in traceback.walk_stack(None))
    assert far_inside(sys.getrecursionlimit() - in_use - frames_left)


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*")), ids=lambda path: path.name)
def test_inputs_that_once_hurt_end_in_a_value_or_a_decode_error(path: Path) -> None:
    data = path.read_bytes()
    ended = []
    for decode in (loads, loads_tolerant):
        try:
            decode(data)
            ended.append("value")
        except DecodeError:
            ended.append("refused")
    assert len(ended) == 2


def test_there_are_inputs_that_once_hurt() -> None:
    assert list(CORPUS.glob("*"))


# ------------------------------------------------------------------ to bytes


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ({"b": 1, "a": [None, True, 1.5]}, b'{"b":1,"a":[null,true,1.5]}'),
        ("é🦊", '"é🦊"'.encode()),
        ("\x00\u2028", '"\\u0000\u2028"'.encode()),
        (2**70, b"1180591620717411303424"),
        ({}, b"{}"),
    ],
)
def test_values_become_the_shortest_bytes(value: Any, data: bytes) -> None:
    assert dumps(value) == dumps_own(value) == data
    assert loads(data) == value


def test_ascii_only_has_bytes_even_for_a_lone_surrogate() -> None:
    assert dumps({"\ud800": "é"}, ascii_only=True) == b'{"\\ud800":"\\u00e9"}'


UNSENDABLE: dict[str, Any] = {
    "NaN": math.nan,
    "infinity": math.inf,
    "minus infinity": [-math.inf],
    "a NaN key": {math.nan: 1},
    "a lone surrogate": "\ud800",
    "a lone surrogate in a key": {"\udfff": 1},
    "bytes": b"x",
    "a set": {1},
    "an object": object(),
    "a tuple as a key": {(1, 2): 3},
    "a 5,000-digit integer": 10**5000,
    "bad JSON": BadJSON(),
}


@pytest.mark.parametrize("value", UNSENDABLE.values(), ids=UNSENDABLE)
def test_what_is_not_json_is_not_sent(value: Any) -> None:
    with pytest.raises(UsageError):
        dumps(value)
    with pytest.raises(UsageError):
        dumps({"far": [{"inside": value}]})


@pytest.mark.parametrize("name", ["a lone surrogate", "a lone surrogate in a key", "an object", "bad JSON"])
def test_what_is_not_json_is_not_kept(name: str) -> None:
    with pytest.raises(UsageError):
        dumps_own({"far": [{"inside": UNSENDABLE[name]}]})


def test_a_value_that_contains_itself_or_is_too_deep_is_not_sent() -> None:
    ring: list[Any] = []
    ring.append(ring)
    deep: Any = 0
    for _ in range(100_000):
        deep = {"a": deep}
    for value in (ring, deep):
        for ascii_only in (False, True):
            with pytest.raises(UsageError):
                dumps(value, ascii_only=ascii_only)
        with pytest.raises(UsageError):
            dumps_own(value)


# ------------------------------------------------------------------ shapes


class Inner(Shape):
    number: int = 0


class Outer(Shape):
    name: str
    inner: Inner | None = None
    raw: RawJSON = RawJSON(b"{}")


@pytest.mark.parametrize("decode", [shape_decoder(Outer), lambda data: decode_shape(data, Outer)])
def test_a_shape_is_decoded_in_one_pass(decode: Any) -> None:
    made = decode(b' {"unknown":[1],"raw": {"x": 1e400} ,"inner":{"number":5},"name":"n"}')
    assert (made.name, made.inner.number) == ("n", 5)
    assert as_bytes(made.raw) == b'{"x": 1e400}'


def test_a_shape_can_be_decoded_from_a_slice_of_another() -> None:
    outer: Outer = shape_decoder(Outer)(b'{"name":"n","raw":{"number":7}}')
    assert shape_decoder(Inner)(outer.raw).number == 7


@pytest.mark.parametrize(
    "data",
    [
        b'{"name":5}',
        b'{"name":null}',
        b"{}",
        b"[]",
        b'{"name":"n","inner":{"number":"5"}}',
        b'{"name":"n","inner":{"number":true}}',
        b'{"name":"n","inner":{"number":1.5}}',
        b'{"name":"\xff"}',
        b'{"name":"\\ud800"}',
        b'{"name":"n","raw":' + POISON["lists nested 100,000 deep"] + b"}",
        *(b'{"name":"n","raw":' + data + b"}" for data in NOT_JSON.values()),
        *BROKEN_DOCUMENTS.values(),
    ],
    ids=lambda data: repr(data[:40]),
)
def test_a_document_of_another_shape_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        shape_decoder(Outer)(data)
    with pytest.raises(DECODE_FAILURES):
        fast_decoder(Outer)(data)


def test_as_bytes_makes_a_copy() -> None:
    outer: Outer = shape_decoder(Outer)(b'{"name":"n","raw":[1,2]}')
    kept = as_bytes(outer.raw)
    assert isinstance(kept, bytes)
    assert kept == b"[1,2]"


def test_bad_json_says_what_it_is() -> None:
    assert repr(BadJSON()) == BAD
