"""The worked example of CONTRIBUTING.rst, done as it says: one file is edited, and the client has a new method."""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import responses

from gomatrix_py import Client
from tests.meta.operations import declared, differences
from tests.meta.rst import snippet
from tests.meta.test_public_names import disagreement
from tests.meta.tree import ROOT

CHAPTER = "gomatrix_py/api/directory.py"
MODULE = "gomatrix_py.api._as_contributing_says"


def step(name: str) -> str:
    return snippet("CONTRIBUTING.rst", name).code


class _Without(ast.NodeTransformer):
    """Takes classes out of a chapter, with the methods that call them and their places in `__all__`."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        return None if node.name in self.names else self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> Any:
        is_call = ast.unparse(node.value) in {f"Call({name})" for name in self.names}
        return None if is_call else self.generic_visit(node)

    def visit_List(self, node: ast.List) -> Any:
        node.elts = [one for one in node.elts if not (isinstance(one, ast.Constant) and one.value in self.names)]
        return node


def exports() -> list[str]:
    names: list[str] = ast.literal_eval(step("exports").strip())
    return names


def without_example(source: str) -> str:
    """Return a chapter's source without what the example adds: it may be there for real by now."""
    return ast.unparse(_Without(exports()).visit(ast.parse(source)))


def edited_chapter() -> str:
    """Return the chapter's source after the three steps."""
    source = without_example((ROOT / CHAPTER).read_text(encoding="utf-8"))
    mixin = "class DirectoryApi(Api):"
    assert source.count(mixin) == 1
    source = source.replace(mixin, f"{step('declaration')}\n\n{mixin}")
    source = source.rstrip("\n") + "\n" + textwrap.indent(step("method"), "    ")
    return source.replace("__all__ = [", f"__all__ = [{str(exports())[1:-1]}, ", 1)


@pytest.fixture
def chapter() -> Iterator[Any]:
    module = ModuleType(MODULE)
    module.__package__ = "gomatrix_py.api"
    sys.modules[MODULE] = module
    try:
        exec(compile(edited_chapter(), CHAPTER, "exec"), module.__dict__)  # noqa: S102 - to run the document is the test
        yield module
    finally:
        del sys.modules[MODULE]


@responses.activate
def test_the_example_makes_a_method_of_the_client(chapter: Any, capsys: pytest.CaptureFixture[str]) -> None:
    url = "https://matrix.example.org/_matrix/client/v3/rooms/%21room%3Aexample.org/aliases"
    answer = {"aliases": ["#a:example.org"], "org.example.more": 1}
    responses.get(url, json=answer)

    class Extended(chapter.DirectoryApi, Client):  # type: ignore[misc]
        """The client with the chapter as it is after the edit."""

    with Extended("https://matrix.example.org", "@me:example.org", "secret") as client:
        exec(compile(step("use"), "CONTRIBUTING.rst", "exec"), {"client": client})  # noqa: S102 - as above
    assert capsys.readouterr().out.strip() == f"{answer['aliases']} {{'org.example.more': 1}} {answer}"
    assert responses.calls[0].request.headers["Authorization"] == "Bearer secret"


def test_the_example_agrees_with_the_specification(chapter: Any) -> None:
    assert differences(chapter.GetRoomAliases) == {}


def test_the_example_keeps_all_in_order() -> None:
    assert disagreement(edited_chapter(), is_package=False) == ""


def test_the_example_leaves_no_trace(chapter: Any) -> None:
    assert chapter.GetRoomAliases not in declared()


def test_the_example_works_on_a_chapter_that_has_it_already() -> None:
    assert "GetRoomAliases" not in without_example(edited_chapter())
    assert without_example(edited_chapter()) == without_example((ROOT / CHAPTER).read_text(encoding="utf-8"))
