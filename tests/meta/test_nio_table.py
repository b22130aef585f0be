"""docs/nio.rst names every documented name of matrix-nio: its counterpart, which exists, or why it needs none."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from docutils import nodes  # type: ignore[import-untyped]

from gomatrix_py.errors import MatrixError
from tests.meta.names import check_expression, resolve
from tests.meta.rst import literals, parse, read

DOCUMENT = "docs/nio.rst"
NAMES = Path(__file__).with_name("nio_names.txt").read_text(encoding="utf-8").split()

# What the notes and the words around the tables call by names of nio's, of arguments, or of other software.
NO_NAME = re.compile(
    r"AsyncClient|HttpClient|isinstance|http\.client|key_name|to|errcode|extra|raw|why|problems|sender_key|session_id"
    r"|unsigned\[.+\]|lifetime|auth(=.+)?|file|body|level|is_active|curve25519|algorithm|action|cancel_code|flow_id"
    r"|is_ours|state|request_verification|start_verification|verifications|client\.crypto|was_sent|caption|display_filename|is_encrypted|inviter|reason|is_direct|accept|reject|member|joined"
    r"|joined_count|invited_count|load_members|room_avatar_url|prev_content|content_as|to_request|ValueError"
)


class Row(NamedTuple):
    """What the page says of one name or of several that have the same counterpart."""

    names: list[str]
    counterpart: str
    note: str


def rows_of(text: str) -> list[Row]:
    """Return the rows of the tables of a page; a table's title is the module whose names it has."""
    tree, _ = parse(text)
    found = []
    for table in tree.findall(nodes.table):
        module = next(table.findall(nodes.title)).astext()
        for row in list(table.findall(nodes.row))[1:]:
            names, counterpart, note = (" ".join(cell.astext().split()) for cell in row.findall(nodes.entry))
            found.append(Row([f"{module}.{name}" for name in names.split(", ")], counterpart, note))
    return found


def complaints_about(rows: list[Row], names: list[str]) -> list[str]:
    """Return what is wrong with rows that are to name these names."""
    said = Counter(name for row in rows for name in row.names)
    wrong = [f"{name} is missing" for name in names if name not in said]
    wrong += [f"{name} is no name of matrix-nio" for name in said if name not in names]
    wrong += [f"{name} stands there {count} times" for name, count in said.items() if count > 1]
    for row in rows:
        if not row.counterpart:
            wrong += [] if len(row.note) > 20 else [f"{row.names[0]} has neither counterpart nor reason"]
        elif not is_found(row.counterpart):
            wrong.append(f"{row.counterpart} does not exist")
    return wrong


def is_found(dotted: str) -> bool:
    try:
        resolve(dotted)  # what it leads to may be None: the default of a field
    except LookupError:
        return False
    return dotted.startswith("gomatrix_py.")


ROWS = rows_of(read(DOCUMENT))


def test_the_names_are_all_there() -> None:
    assert len(NAMES) == len(set(NAMES)) == 174 + 518
    assert all(name.startswith("nio.") for name in NAMES)


def test_the_tables_have_every_name_once_with_its_counterpart_or_a_reason() -> None:
    assert complaints_about(ROWS, NAMES) == []


def test_errors_of_nio_are_errors_here() -> None:
    for row in ROWS:
        for name in row.names:
            if name.endswith("Error") and not name.endswith("MembersSyncError"):
                found: Any = resolve(row.counterpart)
                assert issubclass(found, MatrixError), name


@pytest.mark.parametrize(
    "helper", ["mxc_to_http", "encrypted_mxc_to_plumb", "mimetype_to_msgtype", "to_canonical_json", "to_json"]
)
def test_a_helper_is_a_function_here(helper: str) -> None:
    (row,) = (row for row in ROWS if f"nio.Api.{helper}" in row.names)
    assert callable(resolve(row.counterpart))


def test_what_needs_nothing_is_the_exception() -> None:
    assert sum(len(row.names) for row in ROWS if not row.counterpart) <= 10


def name_complaint(literal: str) -> str:
    """Return what is wrong with a name of the notes or the words around them, "" for nothing."""
    if NO_NAME.fullmatch(literal) or literal.startswith("examples/"):
        return ""
    complaint = ""
    for name in (literal, f"Client.{literal}", f"gomatrix_py.{literal}"):
        try:
            check_expression(name)
        except LookupError as error:
            complaint = complaint or str(error)
        else:
            return ""
    return complaint


def test_the_notes_name_what_exists() -> None:
    found = set(literals(DOCUMENT, ours="no such column"))
    assert [complaint for literal in sorted(found) if (complaint := name_complaint(literal))] == []


# ------------------------------------------------------------------ controls

_PAGE = """
.. list-table:: nio.rooms
   :header-rows: 1

   * - matrix-nio
     - gomatrix_py
     - Note
   * - MatrixRoom, MatrixRoom.name
     - ``{counterpart}``
     -
   * - MatrixUser
     -
     - {reason}
"""
_GOOD = {"counterpart": "gomatrix_py.Room", "reason": "Nobody needs one of these any more."}
_THREE = ["nio.rooms.MatrixRoom", "nio.rooms.MatrixRoom.name", "nio.rooms.MatrixUser"]


def test_a_sound_page_passes() -> None:
    assert complaints_about(rows_of(_PAGE.format(**_GOOD)), _THREE) == []


@pytest.mark.parametrize(
    ("changed", "names", "complaint"),
    [
        ({"counterpart": "gomatrix_py.Room.teleport"}, _THREE, "gomatrix_py.Room.teleport does not exist"),
        ({"counterpart": "os.path.join"}, _THREE, "os.path.join does not exist"),
        ({"reason": ""}, _THREE, "nio.rooms.MatrixUser has neither counterpart nor reason"),
        ({"reason": "None."}, _THREE, "nio.rooms.MatrixUser has neither counterpart nor reason"),
        ({}, [*_THREE, "nio.rooms.Lost"], "nio.rooms.Lost is missing"),
        ({}, _THREE[1:], "nio.rooms.MatrixRoom is no name of matrix-nio"),
    ],
)
def test_an_unsound_page_is_noticed(changed: dict[str, str], names: list[str], complaint: str) -> None:
    assert complaints_about(rows_of(_PAGE.format(**_GOOD | changed)), names) == [complaint]


def test_a_name_that_stands_there_twice_is_noticed() -> None:
    rows = rows_of(_PAGE.format(**_GOOD)) * 2
    assert "nio.rooms.MatrixUser stands there 2 times" in complaints_about(rows, _THREE)


def test_a_name_in_a_note_that_leads_nowhere_is_noticed() -> None:
    assert name_complaint("Client.teleport") != ""
    assert name_complaint("teleport") != ""
