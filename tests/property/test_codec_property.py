"""Whatever the bytes, the codec gives a value or its documented error, and what it gives is right."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gomatrix_py.api.filters import Filter
from gomatrix_py.api.login import RespLogin
from gomatrix_py.api.room_events import RespSendEvent
from gomatrix_py.codec import (
    Document,
    RawJSON,
    Shape,
    dumps,
    field,
    loads,
    loads_tolerant,
    repair,
    shape_decoder,
    structure,
    unstructure,
)
from gomatrix_py.errors import DecodeError, UsageError
from gomatrix_py.events import Event, FileMessage, ImageMessage, TagContent, TextMessage
from tests.kit.poison import BROKEN_DOCUMENTS, POISON
from tests.kit.strategies import any_text, damaged, json_values, mutants, poisoned_json, texts

json_bytes = json_values().map(lambda value: json.dumps(value, ensure_ascii=False).encode())
broken = st.binary(max_size=40) | damaged(json_bytes) | poisoned_json() | damaged(poisoned_json())


# ------------------------------------------------------------------ bytes


@settings(max_examples=300, deadline=None)
@given(broken)
@example(b"9" * 401)
@example(b"9" * 4300)
@example(b"9" * 4301)
@example(b"-" + b"9" * 4300)
@example(b"-" + b"9" * 4301)
@example(POISON["lists nested 100,000 deep"])
@example(BROKEN_DOCUMENTS["a deep list with a string that never ends"])
def test_both_roads_end_in_a_value_or_a_decode_error(data: bytes) -> None:
    strict, tolerant = [_outcome(decode, data) for decode in (loads, loads_tolerant)]
    if not isinstance(strict, DecodeError):
        assert tolerant == strict  # the tolerant road takes all that the strict one takes, for the same value
        assert type(tolerant) is type(strict)


def _outcome(decode: Any, data: bytes) -> Any:
    try:
        return decode(data)
    except DecodeError as error:
        return error


@settings(max_examples=150, deadline=None)
@given(json_bytes)
def test_sound_json_is_read_as_the_standard_library_reads_it(data: bytes) -> None:
    assert loads(data) == loads_tolerant(data) == json.loads(data)


@settings(max_examples=150, deadline=None)
@given(json_values(), st.booleans())
def test_values_survive_the_round_trip(value: Any, ascii_only: bool) -> None:
    data = dumps(value, ascii_only=ascii_only)
    assert loads(data) == value
    assert data.isascii() or not ascii_only


@settings(max_examples=150, deadline=None)
@given(json_values(keys=any_text) | any_text | st.floats() | st.binary(max_size=3))
def test_what_cannot_be_sent_is_a_usage_error(value: Any) -> None:
    for ascii_only in (False, True):
        try:
            data = dumps(value, ascii_only=ascii_only)
        except UsageError:
            continue
        assert loads_tolerant(data) == value


# ------------------------------------------------------------------ documents


class Inner(Document):
    number: int
    text: str = ""


class Outer(Document):
    text: str = ""
    real: float = 0.5
    switch: bool = False
    inner: Inner | None = None
    inners: list[Inner] = field(factory=list)
    by_name: dict[str, list[int]] = field(factory=dict)
    either: Inner | str | bool | None = None
    events: list[Event] = field(factory=list)


DOCUMENTS = [Outer, Inner, TextMessage, ImageMessage, FileMessage, TagContent, Filter, RespLogin, RespSendEvent]

sound_outer = st.fixed_dictionaries(
    {},
    optional={
        "text": texts,
        "real": st.floats(allow_nan=False, allow_infinity=False),
        "switch": st.booleans(),
        "inner": st.fixed_dictionaries({"number": st.integers()}),
        "inners": st.lists(st.fixed_dictionaries({"number": st.integers()}, optional={"text": texts}), max_size=3),
        "by_name": st.dictionaries(texts, st.lists(st.integers(), max_size=2), max_size=2),
        "either": texts | st.booleans() | st.fixed_dictionaries({"number": st.integers()}),
        "events": st.lists(st.fixed_dictionaries({"type": texts}), max_size=2),
        "unknown": json_values(),
    },
)


@pytest.mark.parametrize("cls", DOCUMENTS, ids=lambda cls: cls.__name__)
def test_any_json_value_makes_a_document_or_a_decode_error(cls: type[Document]) -> None:
    @settings(max_examples=40, deadline=None)
    @given(json_values() | mutants(sound_outer))
    def check(value: Any) -> None:
        before = copy.deepcopy(value)
        made = _outcome(lambda one: structure(one, cls), value)
        assert value == before
        if isinstance(made, DecodeError):
            assert made.path or not isinstance(value, dict)
            return
        assert type(made) is cls
        assert all(problem.path and problem.message for problem in made.problems)
        again = structure(unstructure(made), cls)
        assert again == made
        assert again.problems == ()

    check()


@settings(max_examples=150, deadline=None)
@given(sound_outer)
def test_a_sound_document_is_kept_whole(value: dict[str, Any]) -> None:
    made = structure(value, Outer)
    assert made.problems == ()
    plain = unstructure(made)
    assert {
        key: plain[key] for key in value if value[key] is not None and key not in ("inner", "inners", "either")
    } == {
        key: member
        for key, member in value.items()
        if member is not None and key not in ("inner", "inners", "either")
    }
    assert [inner.number for inner in made.inners] == [inner["number"] for inner in value.get("inners", [])]


# ------------------------------------------------------------------ shapes


class Leaf(Shape):
    number: int = 0


class Tree(Shape):
    token: str
    switch: bool = False
    leaf: Leaf | None = None
    leaves: list[Leaf] = []  # noqa: RUF012 - msgspec copies the defaults of its structs
    counts: dict[str, int] = {}  # noqa: RUF012
    raw: RawJSON = RawJSON(b"{}")


strict_tree = shape_decoder(Tree)
_leaf = st.fixed_dictionaries(
    {}, optional={"number": st.integers(-(2**63), 2**63), "unknown": json_values(max_leaves=2)}
)
sound_tree = st.fixed_dictionaries(
    {"token": texts},
    optional={
        "switch": st.booleans(),
        "leaf": _leaf,
        "leaves": st.lists(_leaf, max_size=3),
        "counts": st.dictionaries(texts, st.integers(), max_size=3),
        "raw": json_values(),
    },
)


def _plain_tree(tree: Tree) -> Any:
    return tree.token, tree.switch, tree.leaf, tree.leaves, tree.counts, loads_tolerant(bytes(tree.raw))


@settings(max_examples=200, deadline=None)
@given(mutants(sound_tree) | sound_tree)
def test_the_tolerant_road_into_a_shape_takes_what_the_strict_one_takes(value: Any) -> None:
    data = json.dumps(value).encode()
    try:
        strict = strict_tree(data)
    except DecodeError:
        strict = None
    try:
        tolerant, problems = repair(loads_tolerant(data), Tree)
    except DecodeError:
        assert strict is None
        assert not isinstance(value.get("token"), str)
        return
    assert tolerant.token == value["token"]
    if strict is not None:
        assert problems == ()
        assert _plain_tree(tolerant) == _plain_tree(strict)
    else:
        assert problems != ()
