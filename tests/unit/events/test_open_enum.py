"""Enumerations that take what they do not know."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from gomatrix_py.codec import Document, structure, unstructure
from gomatrix_py.errors import DecodeError
from gomatrix_py.events.contents.members import Membership
from gomatrix_py.events.open_enum import OpenEnum

NEW = Membership("org.example.dance")


class Colour(OpenEnum):
    RED = "red"
    GOLD = "gold"


class Palette(Document):
    first: Colour
    others: list[Colour] | None = None
    by_name: dict[str, Colour] | None = None


def test_a_known_value_is_its_constant() -> None:
    assert Membership("join") is Membership.JOIN
    assert len(list(Membership)) == 5


@pytest.mark.parametrize("value", [Membership.JOIN, NEW])
def test_a_value_is_the_string_it_is(value: Membership) -> None:
    text = value.value
    assert isinstance(value, Membership)
    assert (value == text, text == value) == (True, True)
    assert hash(value) == hash(text)
    assert {text: 1}[value] == 1
    assert str(value) == f"{value}" == text
    assert f"{value:>30}" == text.rjust(30)
    assert repr(value) == f"<Membership {text!r}>"
    assert json.loads(json.dumps({value: value})) == {text: text}


@pytest.mark.parametrize("value", [Membership.JOIN, NEW])
def test_a_value_can_be_copied(value: Membership) -> None:
    for made in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):  # noqa: S301 - our own bytes
        assert made == value
        assert type(made) is Membership


def test_an_unknown_value_is_no_constant_for_others() -> None:
    assert NEW not in list(Membership)
    assert Membership("org.example.dance") == NEW
    assert Membership("a") != Membership("b")


@pytest.mark.parametrize("value", [5, None, True, ["join"], {"join": 1}])
def test_only_strings_are_taken(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        Membership(value)
    with pytest.raises(DecodeError, match="first"):
        structure({"first": value}, Palette)


def test_documents_hold_them() -> None:
    plain = {"first": "red", "others": ["blue", "red"], "by_name": {"x": "green"}}
    made = structure(plain, Palette)
    assert made.first is Colour.RED
    assert made.others == [Colour("blue"), Colour.RED]
    assert all(type(one) is Colour for one in [made.first, *(made.others or [])])
    assert unstructure(made) == plain
    assert structure({"first": "red", "others": [5, "red"]}, Palette).problems != ()


@pytest.mark.parametrize("text", ["", "{0.__init__}", "__class__", "%s", "RED", "\ud800"])
def test_a_name_of_a_constant_or_of_python_is_only_a_value(text: str) -> None:
    made = Colour(text)
    assert made == text
    assert made is not Colour.RED
    assert made.value == text
