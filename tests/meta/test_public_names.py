"""What is public is said in `__all__`, and a method of the client comes from one place."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterable

import pytest

import gomatrix_py
from gomatrix_py import Client
from gomatrix_py.api import ClientServerApi
from gomatrix_py.api.base import Api
from gomatrix_py.client.base import BaseClient
from gomatrix_py.http.endpoint import Caller
from tests.meta.tree import package_sources

SOURCES = package_sources()


# ------------------------------------------------------------------ __all__


def public_names(source: str, *, is_package: bool) -> set[str]:
    """Return what a module offers: classes, functions and aliases of its own; what a package gathers.

    Constants in capitals, type variables and loggers are a module's own business, unless `__all__` names
    them; what a package imports and uses itself is not gathered.
    """
    tree = ast.parse(source)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            names |= _assigned(node)
        elif isinstance(node, ast.ImportFrom) and is_package and node.level:
            names |= {alias.asname or alias.name for alias in node.names} - used
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and is_package:
            names |= _imported_late(node) if "__getattr__" in _functions(tree) else set()
    return {name for name in names if not name.startswith("_") and not name.startswith("pytest_")}


def _imported_late(node: ast.If) -> set[str]:
    """Return what a package's `__getattr__` imports when it is asked for; type checkers see it here."""
    imports = [one for one in node.body if isinstance(one, ast.ImportFrom) and one.level]
    return {alias.asname or alias.name for one in imports for alias in one.names}


def _functions(tree: ast.Module) -> set[str]:
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def _assigned(node: ast.Assign | ast.AnnAssign) -> set[str]:
    made_by = ast.unparse(node.value.func) if isinstance(node.value, ast.Call) else ""
    if made_by in ("TypeVar", "ParamSpec", "logging.getLogger"):
        return set()
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {target.id for target in targets if isinstance(target, ast.Name) and not target.id.isupper()}


def stated_names(source: str) -> list[str] | None:
    """Return `__all__`, None where there is none."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            stated: list[str] = ast.literal_eval(node.value)
            return stated
    return None


def disagreement(source: str, *, is_package: bool) -> str:
    """Return how `__all__` and what is public differ, "" where they agree."""
    public, stated = public_names(source, is_package=is_package), stated_names(source)
    if stated is None:
        return f"no __all__ for {sorted(public)}" if public else ""
    if len(stated) != len(set(stated)):
        return "a name stands twice in __all__"
    missing = public - set(stated)
    surplus = {name for name in set(stated) - public if not name.isupper() and not name.startswith("__")}
    return f"not in __all__: {sorted(missing)}; only in __all__: {sorted(surplus)}" if missing or surplus else ""


@pytest.mark.parametrize("module", SOURCES)
def test_all_is_what_is_public(module: str) -> None:
    assert disagreement(SOURCES[module], is_package=module.endswith(".__init__")) == ""


@pytest.mark.parametrize("module", SOURCES)
def test_all_names_what_exists(module: str) -> None:
    if module.endswith(".__main__"):
        pytest.skip("importing a __main__ module runs it")
    loaded = importlib.import_module(module.removesuffix(".__init__"))
    assert [name for name in getattr(loaded, "__all__", ()) if not hasattr(loaded, name)] == []


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("def f(): ...", "no __all__"),
        ("__all__ = ['f']\ndef f(): ...\nclass G: ...", "'G'"),
        ("__all__ = ['f', 'g']\ndef f(): ...", "only in __all__: ['g']"),
        ("__all__ = ['f', 'f']\ndef f(): ...", "twice"),
        ("__all__ = []\nAlias = dict[str, int]", "'Alias'"),
    ],
)
def test_a_wrong_all_is_noticed(source: str, complaint: str) -> None:
    assert complaint in disagreement(source, is_package=False)


def test_a_package_that_hides_what_it_gathers_is_noticed() -> None:
    source = "from .a import A, B\n__all__ = ['A']"
    assert "'B'" in disagreement(source, is_package=True)
    assert disagreement("from .a import A\n__all__ = ['A']", is_package=True) == ""


# ------------------------------------------------------------------ methods of the client


def mixins_of(client: type) -> list[type]:
    """Return the classes that give a client its methods, the ground they stand on left out."""
    ground = {object, Api, BaseClient, Caller, ClientServerApi}
    return [cls for cls in client.__mro__ if cls not in ground and cls.__module__.startswith("gomatrix_py.")]


def names_in_two(classes: Iterable[type]) -> dict[str, list[str]]:
    """Return the public names that more than one class defines, and where."""
    owners: dict[str, list[str]] = {}
    for cls in classes:
        for name in vars(cls):
            if not name.startswith("_"):
                owners.setdefault(name, []).append(cls.__qualname__)
    return {name: where for name, where in owners.items() if len(where) > 1}


# What a mixin takes over from the ground on purpose.
OVERRIDES = {
    "close": "the sync ends before connections and store are closed",
    "new_transaction_id": "a listener that is run again must ask for the same ids",
}


def test_no_method_comes_from_two_mixins() -> None:
    mixins = mixins_of(Client)
    assert len(mixins) > 12  # the chapters are among them
    assert names_in_two(mixins) == {}


def test_no_mixin_hides_what_the_client_stands_on() -> None:
    assert set(names_in_two([*mixins_of(Client), BaseClient])) == set(OVERRIDES)


def test_a_name_in_two_mixins_is_noticed() -> None:
    class Left:
        def ban_user(self) -> None: ...

    class Right:
        def ban_user(self) -> None: ...

    assert list(names_in_two([Left, Right])) == ["ban_user"]


# ------------------------------------------------------------------ what an import brings along

LATE = (
    "PIL",
    "cattrs",
    "hypothesis",
    "keyring",
    "markdown_it",
    "mutagen",
    "nh3",
    "pytest",
    "responses",
    "synapse",
    "twisted",
)


def modules_after(statement: str) -> set[str]:
    """Return the top-level modules that are loaded after a statement in a fresh interpreter."""
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in ran.stdout.split()}


def test_importing_the_package_leaves_the_heavy_parts_alone() -> None:
    loaded = modules_after("import gomatrix_py")
    assert "gomatrix_py" in loaded
    assert loaded.isdisjoint(LATE)


def test_a_heavy_import_is_noticed() -> None:
    assert not modules_after("import gomatrix_py, cattrs").isdisjoint(LATE)


def test_the_version_is_a_version() -> None:
    major, minor, patch = gomatrix_py.__version__.split(".")
    assert (major + minor + patch).isdigit()
