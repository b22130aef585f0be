"""docs/synapse.rst lists every operation of the admin API with its method."""

from __future__ import annotations

import pytest

from tests.meta.rst import literals, tables
from tests.meta.test_synadm_table import find
from tests.meta.test_synapse_operations import METHODS, OPERATIONS

DOCUMENT = "docs/synapse.rst"
NO_NAME = {"raw", "extra", "/_synapse/admin", "docs/synadm.rst"}


def listed() -> list[tuple[str, str, bool]]:
    """Return operation, method, and whether it needs accounts of the server's own."""
    rows = max(tables(DOCUMENT), key=len)[1:]
    return [(row[0].astext(), row[1].astext(), row[2].astext() == "own accounts") for row in rows]


def test_the_table_is_what_is_declared() -> None:
    prefix = "/_synapse/admin/"
    declared = {
        (f"{one.METHOD} {one.PATH.removeprefix(prefix)}", f"admin.{METHODS[one][0]}", one.WITHOUT_MAS)
        for one in OPERATIONS
    }
    assert len(listed()) == len(declared) == 100
    assert set(listed()) == declared


def test_the_page_names_what_exists() -> None:
    found = [literal for literal in literals(DOCUMENT, ours="no such column") if literal not in NO_NAME]
    assert len(found) > 100
    for literal in found:
        find(literal)


def test_a_name_that_leads_nowhere_is_noticed() -> None:
    with pytest.raises(LookupError):
        find("admin.users.teleport_user")
