"""The documents: sound reStructuredText, code that compiles, names that exist."""

from __future__ import annotations

import functools
import inspect
import re
from pathlib import Path

import pytest

from gomatrix_py import Client, DefaultSyncer
from gomatrix_py.client.attachments import AttachmentOptions
from gomatrix_py.client.room_handle import RoomHandle
from gomatrix_py.http.endpoint import Call, Caller
from tests.meta.names import check_expression
from tests.meta.rst import DOCUMENTS, literals, parse, read, snippet, snippets
from tests.meta.tree import ROOT

# What shows how to use the package, and calls methods and arguments by their bare names.
GUIDES = {
    "docs/encryption.rst",
    "docs/media.rst",
    "docs/rooms.rst",
    "docs/sending.rst",
    "docs/signing_in.rst",
    "docs/syncing.rst",
}

EXPECTED = {
    *GUIDES,
    "ARCHITECTURE.rst",
    "CHANGELOG.rst",
    "CONTRIBUTING.rst",
    "README.rst",
    "SECURITY.rst",
    "docs/gomatrix.rst",
    "docs/nio.rst",
    "docs/operations.rst",
    "docs/synadm.rst",
    "docs/synapse.rst",
}

# Pages whose tables and words have a test of their own: the names of arguments, or of other software, stand in them.
HAVE_THEIR_OWN_TEST = {"docs/gomatrix.rst", "docs/nio.rst", "docs/synadm.rst", "docs/synapse.rst"}


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


@functools.cache
def bare_names() -> set[str]:
    """Return the methods of a client, a room and a syncer, and the names of their arguments."""
    names = {"room=True", *AttachmentOptions.__annotations__, *inspect.signature(DefaultSyncer).parameters}
    for owner in (Client, RoomHandle, DefaultSyncer):
        for name in [name for name in dir(owner) if not name.startswith("_")]:
            value = inspect.getattr_static(owner, name)
            called = value.__get__(Caller(), Caller) if isinstance(value, Call) else value
            names.add(name)
            names |= set(inspect.signature(called).parameters) if callable(called) else set()
    return names


def complaint_in_guide(literal: str) -> str:
    """Return what is wrong with a name of a guide, "" for nothing."""
    return "" if literal in bare_names() or re.fullmatch(r"keyring|media", literal) else complaint_about(literal)


@pytest.mark.parametrize("document", sorted(EXPECTED - HAVE_THEIR_OWN_TEST - GUIDES))
def test_every_name_in_a_document_exists(document: str) -> None:
    found = list(literals(document))
    assert [complaint for literal in found if (complaint := complaint_about(literal))] == []


@pytest.mark.parametrize("document", sorted(GUIDES))
def test_every_name_in_a_guide_exists(document: str) -> None:
    found = list(literals(document))
    assert len(found) > 5
    assert [complaint for literal in found if (complaint := complaint_in_guide(literal))] == []


def test_a_bare_name_that_leads_nowhere_is_noticed() -> None:
    assert {"send_text", "max_bytes", "deliver_initial", "display_name", "caption"} <= bare_names()
    assert complaint_in_guide("teleport") != ""


def test_the_readme_names_what_it_is_about() -> None:
    assert {"Client", "client.sync()", "SQLiteStore", "make demo", "make test"} <= set(literals("README.rst"))


@pytest.mark.parametrize(
    "literal",
    [
        "Client.teleport",
        "client.send_text(room, text, colour)",
        "client.send_text(room, text, colour=red)",
        "Teleporter",
        "gomatrix_py.teleport",
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
