"""The admin API's declarations against a table of operations, against the groups' methods, and no path elsewhere.

`synapse_operations.json` holds the 100 operations of Synapse 1.163: verb, path, names of query and body ("!" where
Synapse requires one), whether a token is needed, and whether the operation is gone under an authentication service.
The `raw` of a room's messages is left out on purpose: it counts as given even where it says false.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import pytest

import gomatrix_py.synapse
from gomatrix_py.codec import fields_of
from gomatrix_py.http.endpoint import Call
from gomatrix_py.http.urls import path_fields
from gomatrix_py.synapse import SynapseAdmin
from gomatrix_py.synapse.accounts import DeactivateUser, GetUser, PutUser
from gomatrix_py.synapse.endpoint import AdminEndpoint
from gomatrix_py.synapse.group import AdminGroup
from tests.meta.tree import docstrings, package_sources

GROUPS = ("users", "rooms", "media", "registration_tokens", "reports", "federation", "server", "tasks")


class Fact(NamedTuple):
    """One operation of Synapse's admin API; placeholders of the path are ``{}``."""

    method: str
    path: str
    query: list[str]
    body: list[str]
    auth: bool
    without_mas: bool

    @property
    def place(self) -> tuple[str, str]:
        """What no two operations share."""
        return self.method, self.path


FACTS = [Fact(**row) for row in json.loads(Path(__file__).with_name("synapse_operations.json").read_text("utf-8"))]
BY_PLACE = {fact.place: fact for fact in FACTS}

# What is declared beside the table.
BEYOND = {
    "DeleteGroup": "Synapse dropped it; it is there to say so",
    "GetFederationAddress": "no part of the admin API: where other servers reach this one",
}
# What we want to be told although Synapse has a default.
ASKED_FOR = {
    ("DeleteRoom", "purge"): "whether a room leaves the database is nobody's default",
    ("DeleteRoomNow", "purge"): "as above",
    ("SetBackgroundUpdatesEnabled", "enabled"): "a switch that is set without saying how",
}
# What Synapse requires and we send by ourselves where the caller does not say.
SENT_ANYWAY = {("RedactUser", "rooms"), ("SuspendUser", "suspend"), ("BlockRoom", "block")}


def modules() -> list[Any]:
    names = [f"gomatrix_py.synapse.{one.name}" for one in pkgutil.iter_modules(gomatrix_py.synapse.__path__)]
    return [importlib.import_module(name) for name in names]


def declared() -> list[type[AdminEndpoint[Any]]]:
    """Return every operation of the package that the admin API has or had."""
    found = {
        one
        for module in modules()
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, AdminEndpoint) and one is not AdminEndpoint
    }
    return sorted((one for one in found if one.__name__ not in BEYOND), key=lambda one: one.__name__)


OPERATIONS = declared()


def place_of(endpoint: type[AdminEndpoint[Any]]) -> tuple[str, str]:
    return endpoint.METHOD, re.sub(r"\{[^}]*\}", "{}", endpoint.PATH)


def parameters(endpoint: type[AdminEndpoint[Any]], place: str) -> list[str]:
    """Return the names of a query or body as the table has them."""
    required = {one.name for one in fields_of(endpoint) if one.default is attrs.NOTHING}
    found = []
    for attribute, where, name in endpoint._places():
        if where == place:
            is_required = attribute in required or (endpoint.__name__, name) in SENT_ANYWAY
            is_required = is_required and (endpoint.__name__, name) not in ASKED_FOR
            found.append(f"{name}!" if is_required else name)
    return sorted(found)


def differences(endpoint: type[AdminEndpoint[Any]]) -> dict[str, tuple[Any, Any]]:
    """Return what a declaration says differently from the table: (ours, the table's)."""
    fact = BY_PLACE.get(place_of(endpoint))
    if fact is None:
        return {"operation": (endpoint.route(), None)}
    pairs = {
        "query": (parameters(endpoint, "query"), sorted(fact.query)),
        "body": (parameters(endpoint, "member") + parameters(endpoint, "body"), sorted(fact.body)),
        "auth": (endpoint.NEEDS_AUTH, fact.auth),
        "token": (endpoint.SENDS_TOKEN, fact.auth),
        "without_mas": (endpoint.WITHOUT_MAS, fact.without_mas),
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


# ------------------------------------------------------------------ the table


def test_the_table_is_whole() -> None:
    assert len(FACTS) == len(BY_PLACE) == 100


@pytest.mark.parametrize("endpoint", OPERATIONS, ids=lambda one: one.__name__)
def test_a_declaration_says_what_the_table_says(endpoint: type[AdminEndpoint[Any]]) -> None:
    assert differences(endpoint) == {}


def test_every_operation_is_declared_once() -> None:
    assert Counter(place_of(endpoint) for endpoint in OPERATIONS) == Counter(fact.place for fact in FACTS)


@pytest.mark.parametrize("endpoint", OPERATIONS, ids=lambda one: one.__name__)
def test_a_declaration_is_whole(endpoint: type[AdminEndpoint[Any]]) -> None:
    fields = {one.name for one in fields_of(endpoint)}
    assert set(path_fields(endpoint.PATH)) <= fields
    assert {*endpoint.PAST, *endpoint.SINCE, *endpoint.FUTURE} <= fields
    assert re.search(r"Source: |Undocumented by Synapse", endpoint.__doc__ or ""), "the docstring names no source"


@pytest.mark.parametrize("endpoint", OPERATIONS, ids=lambda one: one.__name__)
def test_every_moment_is_checked(endpoint: type[AdminEndpoint[Any]]) -> None:
    checked = {*endpoint.PAST, *endpoint.SINCE, *endpoint.FUTURE}
    in_milliseconds = re.compile(r"ts|.*_ts|.*_time|max_timestamp|valid_until_ms")
    moments = {attribute for attribute, _, name in endpoint._places() if in_milliseconds.fullmatch(name)}
    assert moments == checked


def test_the_exceptions_still_are_some() -> None:
    by_name = {endpoint.__name__: endpoint for endpoint in OPERATIONS}
    for name, parameter in {*ASKED_FOR, *SENT_ANYWAY}:
        assert parameter in {one for _, _, one in by_name[name]._places()}


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"METHOD": "POST"}, "operation"),
        ({"PATH": "/_synapse/admin/v1/users/{user_id}"}, "operation"),
        ({"NEEDS_AUTH": False}, "auth"),
        ({"SENDS_TOKEN": False}, "token"),
        ({"WITHOUT_MAS": True}, "without_mas"),
        ({"__annotations__": {"user_id": "str", "more": "int"}}, "query"),
    ],
)
def test_a_wrong_declaration_is_noticed(change: dict[str, Any], fact: str) -> None:
    names = {"METHOD": GetUser.METHOD, "PATH": GetUser.PATH, "__annotations__": {"user_id": "str"}, **change}
    wrong = type("Wrong", (AdminEndpoint,), {"__module__": __name__, **names})
    assert list(differences(wrong)) == [fact]


# ------------------------------------------------------------------ what may be repeated

MAY_BE_REPEATED = {"GET", "PUT", "DELETE"}
# PUT and DELETE that are not repeated by themselves: doing it twice is not doing it once.
NOT_REPEATED = {
    "PutUser": "ends sessions and deactivates",
    "DeleteRoom": "the second one is refused, and the first one's id is lost",
    "DeleteRoomNow": "takes hours; where the connection breaks it goes on",
    "DeleteForwardExtremities": "each time others are left to delete",
    "DeleteUserMedia": "each time the next page is deleted",
    "DeleteLocalMedia": "the second one finds nothing",
    "DeleteRegistrationToken": "as above",
    "DeleteEventReport": "as above",
    "DeleteUserReport": "as above",
}


@pytest.mark.parametrize("endpoint", OPERATIONS, ids=lambda one: one.__name__)
def test_nothing_destructive_is_repeated(endpoint: type[AdminEndpoint[Any]]) -> None:
    if endpoint.METHOD == "POST":
        assert not endpoint.IS_REPEATABLE
    elif endpoint.__name__ in NOT_REPEATED:
        assert endpoint.IS_REPEATABLE is False
    else:
        assert endpoint.METHOD in MAY_BE_REPEATED
        assert endpoint.IS_REPEATABLE is None


# ------------------------------------------------------------------ the methods


def groups() -> dict[str, type[AdminGroup]]:
    """Return the class of each group of an admin."""
    admin = SynapseAdmin("https://matrix.example.org")
    return {name: type(getattr(admin, name)) for name in GROUPS}


def methods_for(owners: dict[str, Any]) -> dict[type[Any], list[str]]:
    """Return the methods that carry out each operation."""
    found: dict[type[Any], list[str]] = {}
    for group, cls in owners.items():
        for name in dir(cls):
            member = inspect.getattr_static(cls, name)
            endpoint = member.endpoint if isinstance(member, Call) else getattr(member, "__endpoint__", None)
            if endpoint is not None:
                found.setdefault(endpoint, []).append(f"{group}.{name}")
    return found


METHODS = methods_for(groups())


@pytest.mark.parametrize("endpoint", OPERATIONS, ids=lambda one: one.__name__)
def test_an_operation_is_one_method(endpoint: type[AdminEndpoint[Any]]) -> None:
    assert len(METHODS.get(endpoint, [])) == 1, METHODS.get(endpoint)


def test_no_method_carries_out_what_is_not_declared() -> None:
    assert {endpoint.__name__ for endpoint in METHODS} - {one.__name__ for one in OPERATIONS} == {"DeleteGroup"}


def test_a_marked_method_really_calls_its_operation() -> None:
    marked = 0
    for cls in groups().values():
        for name in dir(cls):
            member = inspect.getattr_static(cls, name)
            endpoint = getattr(member, "__endpoint__", None)
            if endpoint is not None:
                marked += 1
                assert endpoint.__name__ in inspect.getsource(member).split('"""')[-1], name
    assert marked == 4


def test_none_and_two_methods_are_told_from_one() -> None:
    class Several(AdminGroup):
        one = Call(GetUser)
        two = Call(GetUser)

    found = methods_for({"several": Several})
    assert found[GetUser] == ["several.one", "several.two"]
    assert PutUser not in found
    assert DeactivateUser not in found


# ------------------------------------------------------------------ paths


def stray_paths(sources: dict[str, str]) -> list[str]:
    """Return the strings that spell a path of the admin API outside of `synapse/`, docstrings left out."""
    found = []
    for name, source in sources.items():
        if name.startswith("gomatrix_py.synapse."):
            continue
        tree = ast.parse(source)
        prose = docstrings(tree)
        for node in ast.walk(tree):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose
            if is_text and "_synapse/" in node.value:  # type: ignore[attr-defined]
                found.append(f"{name}: {node.value}")  # type: ignore[attr-defined]
    return found


def test_paths_of_the_admin_api_are_spelt_in_its_package_only() -> None:
    assert stray_paths(package_sources()) == []


def test_a_stray_path_of_the_admin_api_is_noticed() -> None:
    sources = {
        "gomatrix_py.client.x": '"""About /_synapse/admin."""\nurl = base + f"/_synapse/admin/v1/{x}"',
        "gomatrix_py.synapse.x": 'PATH = "/_synapse/admin/v1/x"',
    }
    assert stray_paths(sources) == ["gomatrix_py.client.x: /_synapse/admin/v1/"]
