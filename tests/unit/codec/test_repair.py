"""The tolerant road into a shape: what is sound is kept, what is not is left out and named."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.codec import BadJSON, RawJSON, Shape, as_bytes, loads_tolerant, repair
from gomatrix_py.errors import DecodeError
from tests.kit.poison import POISON


class Leaf(Shape):
    number: int = 7
    text: str = "default"


class Strict(Shape):
    name: str
    note: str = ""


class Tree(Shape, rename={"leaf_list": "leaves"}):
    token: str
    switch: bool = False
    maybe: str | None = None
    leaf: Leaf | None = None
    leaf_list: list[Leaf] = []  # noqa: RUF012 - msgspec copies the defaults of its structs
    by_name: dict[str, Leaf] = {}  # noqa: RUF012
    counts: dict[str, int] = {}  # noqa: RUF012
    texts: list[str] = []  # noqa: RUF012
    raw: RawJSON = RawJSON(b"{}")
    raws: list[RawJSON] = []  # noqa: RUF012
    stricts: list[Strict] = []  # noqa: RUF012
    strict: Strict | None = None


def repaired(**members: Any) -> tuple[Any, list[tuple[str, str]]]:
    made, problems = repair({"token": "t", **members}, Tree)
    return made, [(problem.path, problem.message) for problem in problems]


def paths(problems: list[tuple[str, str]]) -> list[str]:
    return [path for path, _ in problems]


def test_a_sound_document_comes_through_without_a_problem() -> None:
    made, problems = repaired(
        switch=True,
        maybe=None,
        leaf={"number": 1},
        leaves=[{"text": "a"}],
        by_name={"x": {}},
        counts={"a": 1},
        texts=["b"],
        raw=[1, {"k": None}],
        raws=[1, "x"],
        strict={"name": "n"},
        unknown=5,
    )
    assert problems == []
    assert made.leaf == Leaf(number=1)
    assert made.leaf_list == [Leaf(text="a")]
    assert made.by_name == {"x": Leaf()}
    assert (made.token, made.switch, made.maybe, made.counts, made.texts) == ("t", True, None, {"a": 1}, ["b"])
    assert as_bytes(made.raw) == b'[1,{"k":null}]'
    assert [as_bytes(raw) for raw in made.raws] == [b"1", b'"x"']
    assert made.strict == Strict("n")


@pytest.mark.parametrize("value", [None, [], "x", 5, True, BadJSON()], ids=repr)
def test_a_shape_is_an_object(value: Any) -> None:
    with pytest.raises(DecodeError) as caught:
        repair(value, Tree)
    assert caught.value.path == ""


@pytest.mark.parametrize("token", [..., None, 5, True, [], {}, "a\ud800", BadJSON()], ids=repr)
def test_a_required_member_that_is_missing_or_wrong_raises(token: Any) -> None:
    with pytest.raises(DecodeError) as caught:
        repair({"token": token} if token is not ... else {}, Tree)
    assert caught.value.path == "token"


WRONG: list[Any] = [5, 1.5, True, None, "x", [], {}, [[]], {"x": []}, BadJSON()]
RIGHT: dict[str, list[type]] = {
    "switch": [bool],
    "maybe": [str, type(None)],
    "leaf": [dict, type(None)],
    "leaves": [list],
    "by_name": [dict],
    "counts": [dict],
    "texts": [list],
    "raws": [list],
    "stricts": [list],
    "strict": [type(None)],
}


@pytest.mark.parametrize("value", WRONG, ids=repr)
@pytest.mark.parametrize("name", RIGHT)
def test_a_member_of_the_wrong_type_takes_its_default_and_is_named(name: str, value: Any) -> None:
    made, problems = repaired(**{name: value})
    if type(value) not in RIGHT[name]:
        attribute = "leaf_list" if name == "leaves" else name
        assert getattr(made, attribute) == getattr(Tree(token="t"), attribute)
        assert len(problems) == 1
        assert problems[0][0].startswith(name)
    assert made.token == "t"


def test_true_is_no_integer_and_one_no_boolean() -> None:
    made, problems = repaired(counts={"a": True, "b": 2, "c": 2.0}, switch=1)
    assert made.counts == {"b": 2}
    assert made.switch is False
    assert paths(problems) == ["switch", "counts.a", "counts.c"]


def test_a_bad_element_does_not_hurt_its_neighbours() -> None:
    made, problems = repaired(
        leaves=[{"number": 1}, 5, {"number": "2", "text": "kept"}, None],
        by_name={"a": [], "b": {"number": 3}},
        texts=["x", None, "y", "\ud800"],
    )
    assert made.leaf_list == [Leaf(1), Leaf(text="kept")]
    assert made.by_name == {"b": Leaf(3)}
    assert made.texts == ["x", "y"]
    assert paths(problems) == ["leaves[1]", "leaves[2].number", "leaves[3]", "by_name.a", "texts[1]", "texts[3]"]


def test_a_required_member_deeper_down_costs_only_what_needs_it() -> None:
    made, problems = repaired(stricts=[{"name": "a"}, {}, {"name": 5}, {"name": "b", "note": 5}], strict={})
    assert made.stricts == [Strict("a"), Strict("b")]
    assert made.strict is None
    assert paths(problems) == ["stricts[1].name", "stricts[2].name", "stricts[3].note", "strict.name"]


def test_a_key_with_a_lone_surrogate_costs_its_member_only() -> None:
    made, problems = repaired(counts={"a\ud800": 1, "b": 2})
    assert made.counts == {"b": 2}
    assert len(problems) == 1


def test_a_raw_slice_keeps_a_lone_surrogate_as_an_escape() -> None:
    made, problems = repaired(raw={"a": "\ud800é"})
    assert as_bytes(made.raw) == b'{"a":"\\ud800\\u00e9"}'
    assert problems == []


def test_a_raw_slice_that_is_not_json_is_left_out_with_its_place() -> None:
    made, problems = repaired(raws=[{"a": 1}, {"a": [BadJSON()]}, {"a": 2}], raw={"deep": {"in": BadJSON()}})
    assert [as_bytes(raw) for raw in made.raws] == [b'{"a":1}', b'{"a":2}']
    assert as_bytes(made.raw) == b"{}"
    assert paths(problems) == ["raw", "raws[1]"]


def test_a_raw_list_loses_only_what_is_not_json() -> None:
    made, problems = repaired(raw=[1, BadJSON(), {"a": BadJSON()}, "x"])
    assert as_bytes(made.raw) == b'[1,"x"]'
    assert paths(problems) == ["raw[1]", "raw[2]"]


PLACES = ["switch", "maybe", "leaf", "leaves", "by_name", "counts", "texts", "raw", "raws", "unknown"]


@pytest.mark.parametrize("name", POISON)
def test_poison_in_one_place_leaves_the_others_alone(name: str) -> None:
    poison = POISON[name]
    for place in PLACES if len(poison) < 20_000 else ["raw"]:
        document = b'{"token":"t","strict":{"name":"kept"},"' + place.encode() + b'":' + poison + b"}"
        made, _ = repair(loads_tolerant(document), Tree)
        assert (made.token, made.strict) == ("t", Strict("kept")), place
    texts = repair(loads_tolerant(b'{"token":"t","texts":["a",' + poison + b',"b"]}'), Tree)[0].texts
    assert (texts[0], texts[-1]) == ("a", "b")


def test_the_defaults_of_a_shape_are_not_shared() -> None:
    one, _ = repaired()
    one.texts.append("x")
    assert repaired()[0].texts == []
