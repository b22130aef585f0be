"""The documents: sound reStructuredText, code that compiles, names that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.meta.names import check_expression
from tests.meta.rst import DOCUMENTS, literals, parse, read, snippet, snippets
from tests.meta.tree import ROOT

EXPECTED = {
    "ARCHITECTURE.rst",
    "CHANGELOG.rst",
    "CONTRIBUTING.rst",
    "README.rst",
    "SECURITY.rst",
    "docs/gomatrix.rst",
    "docs/operations.rst",
}


def test_every_document_is_there() -> None:
    assert set(DOCUMENTS) >= EXPECTED


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_is_sound(document: str) -> None:
    _, complaints = parse(read(document))
    assert complaints == ""


def test_an_unsound_document_is_noticed() -> None:
    _, complaints = parse("Title\n==\n\n.. list-table::\n\n   * - one\n     - two\n   * - one\n")
    assert complaints != ""


# ------------------------------------------------------------------ code


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_python_snippet_compiles(document: str) -> None:
    for one in snippets(document):
        compile(one.code, f"{document}:{one.line}", "exec")


def test_the_readme_shows_the_bot_as_it_is() -> None:
    shown = snippet("README.rst", "echo_bot.py").code
    assert shown == Path(ROOT, "examples", "echo_bot.py").read_text(encoding="utf-8")


def test_the_bot_has_the_lines_it_claims() -> None:
    code = snippet("README.rst", "echo_bot.py").code
    lines = [line for line in code.splitlines()[1:] if line.strip() and not re.match(r"(import|from) ", line)]
    assert "A bot in 15 lines" in read("README.rst")
    assert len(lines) == 15


# ------------------------------------------------------------------ names

# What stands in double backticks and is no name of ours: protocol words, headers, commands, other software.
NO_NAME = re.compile(
    r"""m\.[\w.]+ | M_[A-Z_]+ | [A-Z]\w+-[A-Z]\w+ | \.well-known | \.venv | \.netrc | kill\ -9 | pip\ install\ .*
    | requests\.Session | cattrs | synchronous=FULL | import\ gomatrix_py | __all__ | next_batch | mxc://
    | \.{1,2}""",
    re.VERBOSE,
)


def complaint_about(literal: str) -> str:
    """Return what is wrong with a name of a document, "" for nothing."""
    if NO_NAME.fullmatch(literal):
        return ""
    if literal.startswith("make "):
        is_target = re.search(rf"^{literal[5:]}:", read_tree("Makefile"), re.MULTILINE)
        return "" if is_target else f"the Makefile has no target {literal[5:]}"
    if "/" in literal or literal.endswith((".rst", ".py", ".json", ".toml")):
        return "" if Path(ROOT, literal).exists() else f"there is no file {literal}"
    if f'"{literal}": ' in read_tree("setup.py"):
        return ""
    complaint = ""
    for name in (literal, f"gomatrix_py.{literal}"):
        try:
            check_expression(name)
        except LookupError as error:
            complaint = complaint or str(error)
        else:
            return ""
    return complaint


def read_tree(name: str) -> str:
    return Path(ROOT, name).read_text(encoding="utf-8")


# In docs/gomatrix.rst the names of arguments stand for themselves; its table has a test of its own.
@pytest.mark.parametrize("document", sorted(EXPECTED - {"docs/gomatrix.rst"}))
def test_every_name_in_a_document_exists(document: str) -> None:
    found = list(literals(document))
    assert [complaint for literal in found if (complaint := complaint_about(literal))] == []


def test_the_readme_names_what_it_is_about() -> None:
    assert {"Client", "client.sync()", "SQLiteStore", "make demo", "make test"} <= set(literals("README.rst"))


@pytest.mark.parametrize(
    "literal",
    [
        "Client.teleport",
        "client.send_text(room, text, colour)",
        "client.send_text(room, text, colour=red)",
        "Teleporter",
        "gomatrix_py.crypto",
        "gomatrix_py.errors.Nonsense",
        "make tea",
        "examples/teleport_bot.py",
        "event.colour",
        "two words",
    ],
)
def test_a_name_that_leads_nowhere_is_noticed(literal: str) -> None:
    assert complaint_about(literal) != ""


@pytest.mark.parametrize(
    "literal",
    [
        "Client",
        "Client.send_text",
        "client.send_text(room, text)",
        "client.ban_user(room_id, user_id, reason=why)",
        "gomatrix_py.api.login",
        "DefaultSyncer.fill_gaps",
        "HTTPError.code",
        "Forbidden",
        "event.content",
    ],
)
def test_a_name_that_exists_passes(literal: str) -> None:
    assert complaint_about(literal) == ""
