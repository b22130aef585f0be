"""docs/synadm.rst names every documented name of synadm's module, what it names exists, and a test shows each row."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py.synapse import SynapseAdmin
from tests.meta.names import resolve
from tests.meta.rst import literals, tables
from tests.meta.tree import ROOT

DOCUMENT = "docs/synadm.rst"
NAMES = Path(__file__).with_name("synadm_names.txt").read_text(encoding="utf-8").split()
ROWS_ARE_SHOWN_IN = "tests/integration/test_synapse_synadm.py"

# What the page calls by names of other software or of the caller.
NO_NAME = re.compile(
    r"synadm\.api|no_logout|name|before|purge|wait|raw|extra|SystemExit|up_to_event_id|valid_until|size_gt|idle_for"
    r"|search_term|user_type|prune_unseen|delete_room_now|logout_devices=False|idle_for=timedelta\(0\)|/_synapse/admin"
)


def table() -> dict[str, str]:
    """Return the counterpart of each name."""
    return {row[0].astext(): row[1].astext() for row in max(tables(DOCUMENT), key=len)[1:]}


TABLE = table()


def find(name: str) -> Any:
    """Return what a name of the page stands for.

    Raises:
        LookupError: for nothing.
    """
    if not name.startswith("admin."):
        return resolve(name if name.startswith("gomatrix_py.") else f"gomatrix_py.errors.{name}")
    found: Any = SynapseAdmin("https://matrix.example.org")
    for part in name.split(".")[1:]:
        try:
            found = getattr(found, part)
        except AttributeError:
            raise LookupError(name) from None
    return found


def test_the_names_are_all_there() -> None:
    assert len(NAMES) == len(set(NAMES)) == 50


def test_the_table_has_every_name_once() -> None:
    rows = max(tables(DOCUMENT), key=len)[1:]
    assert [row[0].astext() for row in rows] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_counterpart_can_be_called(name: str) -> None:
    assert TABLE[name].startswith(("admin.", "gomatrix_py."))
    assert callable(find(TABLE[name]))


def test_the_rest_of_the_page_names_what_exists() -> None:
    for literal in set(literals(DOCUMENT, ours="no such column")):
        if not NO_NAME.fullmatch(literal) and literal != "admin":
            find(literal)


@pytest.mark.parametrize("name", ["admin.users.teleport", "gomatrix_py.synapse.nothing", "NoSuchError"])
def test_a_counterpart_that_does_not_exist_is_noticed(name: str) -> None:
    with pytest.raises(LookupError):
        find(name)


def shown(source: str) -> list[str]:
    """Return the rows that the tests of a file are marked with."""
    marks = re.findall(r"^@row\(([^)]*)\)", source, re.MULTILINE)
    return [name for mark in marks for name in re.findall(r'"([\w.]+)"', mark)]


def test_every_row_is_shown_once() -> None:
    assert sorted(shown((ROOT / ROWS_ARE_SHOWN_IN).read_text(encoding="utf-8"))) == sorted(NAMES)


def test_a_row_nobody_shows_would_be_noticed() -> None:
    assert shown('@row("Matrix.user_login",\n    "ApiRequest.query")\ndef test') == [
        "Matrix.user_login",
        "ApiRequest.query",
    ]
