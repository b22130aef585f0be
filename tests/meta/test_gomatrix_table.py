"""docs/gomatrix.rst names every exported name of gomatrix, and what it names here exists."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py.http.endpoint import Call
from tests.meta.names import check_expression, resolve
from tests.meta.rst import literals, tables

DOCUMENT = "docs/gomatrix.rst"
NAMES = Path(__file__).with_name("gomatrix_names.txt").read_text(encoding="utf-8").split()

# Types whose methods keep their names here, in snake_case.
KEEPS_METHOD_NAMES = {"Client", "DefaultSyncer", "Filter", "InMemoryStore", "Room"}


def table() -> dict[str, str]:
    """Return the counterpart of each name."""
    rows = max(tables(DOCUMENT), key=len)[1:]
    return {row[0].astext(): row[1].astext() for row in rows}


TABLE = table()


def snake_case(name: str) -> str:
    """Return ``BuildURLWithQuery`` as ``build_url_with_query``."""
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def test_the_names_are_all_there() -> None:
    assert len(NAMES) == len(set(NAMES)) == 157


def test_the_table_has_every_name_once() -> None:
    rows = max(tables(DOCUMENT), key=len)[1:]
    assert [row[0].astext() for row in rows] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_counterpart_exists(name: str) -> None:
    assert TABLE[name].startswith("gomatrix_py.")
    resolve(TABLE[name])


@pytest.mark.parametrize("name", [name for name in NAMES if "." in name])
def test_a_method_has_the_name_it_had(name: str) -> None:
    owner, method = name.split(".")
    if owner in KEEPS_METHOD_NAMES:
        assert TABLE[name] == f"gomatrix_py.{owner}.{snake_case(method)}"
        assert is_method(resolve(TABLE[name]))


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name.startswith(("New", "Req", "Resp")) and "." not in name]
)
def test_what_is_made_is_a_class(name: str) -> None:
    assert isinstance(resolve(TABLE[name]), type)


def is_method(found: Any) -> bool:
    return isinstance(found, Call) or inspect.isroutine(found)


def test_the_rest_of_the_page_names_what_exists() -> None:
    for literal in literals(DOCUMENT, ours="no such column"):
        if re.fullmatch(r"(client|gomatrix_py|[A-Z]\w*)\.[\w.]+(\(.*\))?", literal):
            check_expression(literal)


@pytest.mark.parametrize(
    "dotted",
    [
        "gomatrix_py.Client.banUser",
        "gomatrix_py.Nothing",
        "gomatrix_py.nothing.Client",
        "gomatrix_py.PhoneIdentifier.kind",
        "nothing.at.all",
    ],
)
def test_a_counterpart_that_does_not_exist_is_noticed(dotted: str) -> None:
    with pytest.raises(LookupError):
        resolve(dotted)


def test_a_field_counts_as_found() -> None:
    assert resolve("gomatrix_py.PhoneIdentifier.type") is not None
    assert resolve("gomatrix_py.Event.event_id") is not None


@pytest.mark.parametrize(
    ("go", "python"),
    [
        ("BuildURLWithQuery", "build_url_with_query"),
        ("GetFilterJSON", "get_filter_json"),
        ("LoadFilterID", "load_filter_id"),
        ("Sync", "sync"),
    ],
)
def test_snake_case(go: str, python: str) -> None:
    assert snake_case(go) == python
