"""Plain values to documents and back: nothing coerced, what is wrong replaced and reported, the rest kept."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import pytest

from gomatrix_py.codec import Document, Model, field, register_type, structure, unstructure
from gomatrix_py.errors import DecodeError
from gomatrix_py.events import Event


class Point(Document):
    x: int
    y: int = 0


class Everything(Document):
    text: str = "default"
    whole: int = -1
    real: float = -1.0
    switch: bool | None = None
    anything: Any = None
    renamed: str = field(default="default", name="on.the.wire")
    names: list[str] = field(factory=list)
    sequence: Sequence[int] = ()
    bare_list: list = field(factory=list)  # type: ignore[type-arg]
    counts: dict[str, int] = field(factory=dict)
    mapping: Mapping[str, bool] = field(factory=dict)
    bare_dict: dict = field(factory=dict)  # type: ignore[type-arg]
    point: Point | None = None
    points: list[Point] = field(factory=list)
    by_name: dict[str, list[Point]] = field(factory=dict)
    either: int | str | None = None
    event: Event | None = None


class Needy(Document):
    text: str
    point: Point
    names: list[str]


class Circle(Document):
    note: int | None = None
    radius: float = field(kw_only=True)


class Square(Document):
    note: str | None = None
    side: float = field(kw_only=True)


class Drawing(Document):
    shape: Circle | Square | None = None
    shapes: list[Circle | Square | int] = field(factory=list)


class Colour(Enum):
    RED = "red"


class Shade:
    """A type that is no document."""

    def __init__(self, value: int) -> None:
        self.value = value


def load_shade(value: Any) -> Shade:
    if not isinstance(value, int):
        raise DecodeError("expected a shade", path="inside")
    return Shade(value)


register_type(Shade, load=load_shade, dump=lambda shade: shade.value)


class Painted(Document):
    shade: Shade | None = None
    shades: list[Shade] = field(factory=list)


SAMPLES: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "one": 1,
    "a fraction": 1.5,
    "a whole float": 2.0,
    "a huge float": 1e300,
    "a number as text": "5",
    "an empty text": "",
    "the text no": "no",
    "a list": [],
    "a list of one": ["x"],
    "an object": {},
    "an object of one": {"x": 1},
}

# By field: which of the samples fit, and what they become where that is not what they are.
FITS: dict[str, tuple[set[str], dict[str, Any]]] = {
    "text": ({"a number as text", "an empty text", "the text no"}, {}),
    "whole": ({"zero", "one"}, {"a whole float": 2, "a huge float": int(1e300)}),
    "real": ({"zero", "one", "a fraction", "a whole float", "a huge float"}, {}),
    "switch": ({"true", "false"}, {}),
    "anything": (set(SAMPLES) - {"null"}, {}),
    "bare_list": ({"a list", "a list of one"}, {}),
    "bare_dict": ({"an object", "an object of one"}, {}),
    "names": ({"a list", "a list of one"}, {}),
    "either": (
        {"zero", "one", "a number as text", "an empty text", "the text no"},
        {"a whole float": 2, "a huge float": int(1e300)},
    ),
}


# ------------------------------------------------------------------ single members


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("name", FITS)
def test_nothing_is_coerced(name: str, sample: str) -> None:
    fits, becomes = FITS[name]
    made = structure({name: SAMPLES[sample]}, Everything)
    default = getattr(Everything(), name)
    if sample in fits or sample in becomes:
        expected = becomes.get(sample, SAMPLES[sample])
        assert (getattr(made, name), type(getattr(made, name))) == (expected, type(expected))
        assert made.problems == ()
    else:
        assert getattr(made, name) == default
        assert [problem.path for problem in made.problems] == ([] if sample == "null" else [name])


def test_what_is_missing_takes_its_default() -> None:
    assert structure({}, Everything) == Everything()
    assert structure({}, Everything).problems == ()


def test_null_takes_the_default_and_is_no_problem() -> None:
    assert structure(dict.fromkeys(["text", "whole", "names", "point", "on.the.wire"]), Everything) == Everything()


def test_a_member_has_its_name_on_the_wire() -> None:
    made = structure({"on.the.wire": "a", "renamed": "b"}, Everything)
    assert made.renamed == "a"
    assert made.extra == {"renamed": "b"}


def test_the_problem_says_what_came_but_not_its_value() -> None:
    made = structure({"text": ["hidden"], "whole": "hidden", "counts": 5, "names": {}, "switch": 0}, Everything)
    assert [tuple(problem) for problem in made.problems] == [
        ("text", "expected a string, got a list"),
        ("whole", "expected an integer, got a string"),
        ("switch", "expected a boolean, got a number"),
        ("names", "expected a list, got an object"),
        ("counts", "expected an object, got a number"),
    ]


@pytest.mark.parametrize("value", [None, [], "x", 5, True], ids=repr)
def test_a_document_is_an_object(value: Any) -> None:
    with pytest.raises(DecodeError) as caught:
        structure(value, Everything)
    assert caught.value.path == ""


# ------------------------------------------------------------------ required members

SOUND = {"text": "t", "point": {"x": 1}, "names": ["n"]}


def test_required_members_that_are_there() -> None:
    assert structure(SOUND, Needy) == Needy("t", Point(1), ["n"])


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"text": ...}, "text", "missing"),
        ({"text": None}, "text", "null"),
        ({"text": 5}, "text", "expected a string"),
        ({"point": []}, "point", "expected an object"),
        ({"point": {}}, "point.x", "missing"),
        ({"point": {"x": "1"}}, "point.x", "expected an integer"),
        ({"names": "n"}, "names", "expected a list"),
    ],
)
def test_a_required_member_that_is_missing_or_wrong_raises_with_its_path(
    change: dict[str, Any], path: str, message: str
) -> None:
    document = {key: value for key, value in {**SOUND, **change}.items() if value is not ...}
    with pytest.raises(DecodeError, match=message) as caught:
        structure(document, Needy)
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: ")


def test_a_required_list_may_lose_elements() -> None:
    made = structure({**SOUND, "names": ["a", 5, "b"]}, Needy)
    assert made.names == ["a", "b"]
    assert [problem.path for problem in made.problems] == ["names[1]"]


def test_a_path_does_not_leak_into_the_next_document() -> None:
    for _ in range(3):
        with pytest.raises(DecodeError) as caught:
            structure({**SOUND, "point": {"x": "1"}}, Needy)
        assert caught.value.path == "point.x"


# ------------------------------------------------------------------ lists and mappings


def test_a_bad_element_of_a_list_is_left_out_and_reported() -> None:
    made = structure(
        {"points": [{"x": 1}, {"x": "2"}, 5, {"x": 3, "y": "4"}, None], "sequence": [1, True, 2]}, Everything
    )
    assert made.points == [Point(1), Point(3)]
    assert made.sequence == [1, 2]
    assert [problem.path for problem in made.problems] == [
        "sequence[1]",
        "points[1].x",
        "points[2]",
        "points[3].y",
        "points[4]",
    ]


def test_a_bad_member_of_a_mapping_is_left_out_and_reported() -> None:
    made = structure({"counts": {"a": 1, "b": "2", "c": None}, "mapping": {"x": True, "y": 1}}, Everything)
    assert made.counts == {"a": 1}
    assert made.mapping == {"x": True}
    assert [problem.path for problem in made.problems] == ["counts.b", "counts.c", "mapping.y"]


def test_paths_lead_through_everything() -> None:
    made = structure({"by_name": {"a b": [{"x": 1}, {"x": 2, "y": []}], "c": [{}], "d": 5}}, Everything)
    assert made.by_name == {"a b": [Point(1), Point(2)], "c": []}
    assert [problem.path for problem in made.problems] == ["by_name.a b[1].y", "by_name.c[0].x", "by_name.d"]


@pytest.mark.parametrize("key", ["{}", "{0.__class__}", "%s", "__class__", "", ".", "[0]", "é"])
def test_keys_of_a_server_are_never_formatted(key: str) -> None:
    made = structure({"counts": {key: "bad", f"{key}{key}x": 1}}, Everything)
    assert made.counts == {f"{key}{key}x": 1}
    assert made.problems[0].path == f"counts.{key}"


def test_problems_of_nested_documents_stand_in_the_outermost() -> None:
    made = structure({"point": {"x": 1, "y": "2"}}, Everything)
    assert made.point == Point(1)
    assert [problem.path for problem in made.problems] == ["point.y"]


def test_typing_forms_can_be_read_without_a_document() -> None:
    assert structure([{"x": 1}, 5], list[Point]) == [Point(1)]
    assert structure({"a": [1, "2"]}, dict[str, list[int]]) == {"a": [1]}
    assert structure(5, int) == 5
    anything: Any = Any
    assert structure({"x": [1]}, anything) == {"x": [1]}
    with pytest.raises(DecodeError):
        structure("5", int)


# ------------------------------------------------------------------ unions


def test_a_union_takes_the_first_form_that_fits() -> None:
    made = structure({"shape": {"side": 2}, "shapes": [{"radius": 1.5}, {"side": 3}, 4, "x", {}]}, Drawing)
    assert made.shape == Square(side=2)
    assert made.shapes == [Circle(radius=1.5), Square(side=3), 4]
    assert [tuple(problem) for problem in made.problems] == [
        ("shapes[3]", "fits none of the 3 forms it may have"),
        ("shapes[4]", "fits none of the 3 forms it may have"),
    ]


def test_problems_of_a_form_that_does_not_fit_are_not_reported() -> None:
    made = structure({"shape": {"note": "a text, as squares have it", "side": 2}}, Drawing)
    assert made.shape == Square("a text, as squares have it", side=2)
    assert made.problems == ()


def test_problems_of_the_form_that_fits_are_reported() -> None:
    made = structure({"shape": {"note": 5.5, "side": 2}, "shapes": [{"note": "x", "radius": 1}]}, Drawing)
    assert made.shape == Square(side=2)
    assert made.shapes == [Circle(radius=1)]
    assert [problem.path for problem in made.problems] == ["shape.note", "shapes[0].note"]


def test_an_optional_member_names_the_place_inside() -> None:
    made = structure({"point": {"x": "1"}}, Everything)
    assert made.point is None
    assert [tuple(problem) for problem in made.problems] == [("point.x", "expected an integer, got a string")]


# ------------------------------------------------------------------ registered types


def test_a_registered_type_is_loaded_and_dumped() -> None:
    made = structure({"shade": 3, "shades": [1, "x", 2]}, Painted)
    assert made.shade is not None
    assert made.shade.value == 3
    assert [shade.value for shade in made.shades] == [1, 2]
    assert [problem.path for problem in made.problems] == ["shades[1]"]
    assert unstructure(made) == {"shade": 3, "shades": [1, 2]}


class Word(str):
    """A registered type that is a string as well."""

    __slots__ = ()


class Spoken(Document):
    word: Word
    text: str = ""


def test_a_registered_type_may_be_registered_late_and_be_a_string() -> None:
    assert structure({"x": 1}, Point) == Point(1)  # the converter has been made
    register_type(Word, load=lambda value: Word(value.upper()), dump=lambda word: word.lower())
    made = structure({"word": "hello", "text": "hello"}, Spoken)
    assert (made.word, type(made.word), made.text, type(made.text)) == ("HELLO", Word, "hello", str)
    assert unstructure(made) == {"word": "hello", "text": "hello"}


def test_events_are_registered() -> None:
    made = structure({"event": {"type": "m.x", "content": {"a": 1}, "new": 2}}, Everything)
    assert made.event is not None
    assert made.event.type == "m.x"
    assert unstructure(made)["event"] == {"type": "m.x", "content": {"a": 1}, "new": 2}
    assert structure({"event": {"content": {}}}, Everything).problems[0].path == "event"


# ------------------------------------------------------------------ extra


def test_unknown_members_are_kept_and_written_back() -> None:
    document = {"x": 1, "org.example": {"deep": [1, {"a": None}]}, "extra": 5, "problems": 6, "raw": 7}
    made = structure(document, Point)
    assert made.extra == {key: value for key, value in document.items() if key != "x"}
    assert unstructure(made) == {**document, "y": 0}
    assert made.problems == ()


@pytest.mark.parametrize("key", ["__class__", "__init__", "__dict__", "_is_built", "IS_FROZEN", "unstructure"])
def test_a_servers_keys_never_become_attributes(key: str) -> None:
    made = structure({"x": 1, key: {"a": 1}}, Point)
    assert made.extra == {key: {"a": 1}}
    assert type(made) is Point
    assert getattr(Point, key, None) != {"a": 1}


def test_the_document_given_is_left_as_it_was() -> None:
    document = {"points": [{"x": 1, "z": 2}, 5], "text": 5, "unknown": {}}
    before = copy.deepcopy(document)
    structure(document, Everything)
    assert document == before


# ------------------------------------------------------------------ back to plain values


def test_none_is_left_out_of_documents_and_kept_elsewhere() -> None:
    made = Everything("t", anything=[None, {"a": None}], extra={"kept": None})
    plain = unstructure(made)
    assert [name for name in ("switch", "point", "either", "event") if name in plain] == []
    assert plain["anything"] == [None, {"a": None}]
    assert plain["kept"] is None


def test_a_declared_member_wins_over_extra() -> None:
    assert unstructure(Point(1, extra={"x": 2, "z": 3})) == {"x": 1, "y": 0, "z": 3}


def test_names_and_nesting_go_back_to_the_wire() -> None:
    document = {
        "text": "t",
        "on.the.wire": "r",
        "points": [{"x": 1, "y": 2, "more": True}],
        "by_name": {"a": [{"x": 3, "y": 0}]},
        "either": "e",
    }
    plain = unstructure(structure(document, Everything))
    assert {key: plain[key] for key in document} == document


def test_other_containers_become_lists_and_enums_their_values() -> None:
    assert unstructure((1, {2}, frozenset({3}), Colour.RED, {"a": Colour.RED})) == [1, [2], [3], "red", {"a": "red"}]


def test_a_model_that_is_no_document_is_written_by_its_fields() -> None:
    class Bare(Model):
        first: int = field(default=1, name="one")
        second: str | None = field(default=None)

    assert unstructure(Bare()) == {"one": 1}
