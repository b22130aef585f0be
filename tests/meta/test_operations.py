"""Declarations against the specification's table, against the client's methods, and no path anywhere else."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections import Counter
from typing import Any

import pytest

from gomatrix_py import Client
from gomatrix_py.api.base import Api, carries_out
from gomatrix_py.api.room_membership import BanUser, KickUser
from gomatrix_py.api.server import GetVersions
from gomatrix_py.codec import fields_of
from gomatrix_py.http.endpoint import Call, Empty, Endpoint
from gomatrix_py.http.urls import path_fields
from tests.meta.operations import (
    declared,
    differences,
    differences_of_proposal,
    fact_for,
    facts,
    known_proposals,
    proposed,
)
from tests.meta.tree import docstrings, package_sources

OPERATIONS = declared()
PROPOSALS = proposed()
ALL = [*OPERATIONS, *PROPOSALS]

# Where a declaration differs from the table on purpose.
DIFFERS = {
    ("GetVersions", "auth"): "the token is optional: it only adds features that the user may try",
    ("GetRelations", "added"): "the table names no version; relations came with 1.3",
    ("GetRelationsByType", "added"): "the table names no version; relations came with 1.3",
    ("GetRelationsByTypeAndEventType", "added"): "the table names no version; relations came with 1.3",
}


# ------------------------------------------------------------------ the specification


def test_the_table_is_whole() -> None:
    assert len({fact.operation for fact in facts()}) == len(facts()) == 166


@pytest.mark.parametrize("endpoint", OPERATIONS, ids=lambda endpoint: endpoint.__name__)
def test_a_declaration_says_what_the_specification_says(endpoint: type[Endpoint[Any]]) -> None:
    on_purpose = {fact for name, fact in DIFFERS if name == endpoint.__name__}
    found = differences(endpoint)
    assert {name: values for name, values in found.items() if name not in on_purpose} == {}


def test_every_stated_difference_still_is_one() -> None:
    by_name = {endpoint.__name__: endpoint for endpoint in OPERATIONS}
    for name, fact in DIFFERS:
        assert fact in differences(by_name[name]), (name, fact)


def test_every_operation_of_the_specification_is_declared_once() -> None:
    declared_facts = Counter(fact.operation for endpoint in OPERATIONS if (fact := fact_for(endpoint)) is not None)
    assert declared_facts == Counter(fact.operation for fact in facts())


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"METHOD": "PUT"}, "operation"),
        ({"PATH": "/_matrix/client/v3/rooms/{room_id}/bann"}, "operation"),
        ({"NEEDS_AUTH": False}, "auth"),
        ({"RATE_LIMITED": True}, "rate_limited"),
        ({"DEPRECATED": "KickUser"}, "deprecated"),
        ({"ADDED": "1.2"}, "added"),
    ],
)
def test_a_wrong_declaration_is_noticed(change: dict[str, Any], fact: str) -> None:
    wrong = type("Wrong", (Endpoint,), {"METHOD": BanUser.METHOD, "PATH": BanUser.PATH, **change})
    assert list(differences(wrong)) == [fact]


@pytest.mark.parametrize("endpoint", OPERATIONS, ids=lambda endpoint: endpoint.__name__)
def test_a_declaration_is_whole(endpoint: type[Endpoint[Any]]) -> None:
    fields = {field.name for field in fields_of(endpoint)}
    assert set(path_fields(endpoint.PATH)) <= fields
    assert re.search(rf"Spec: {endpoint.METHOD} ", endpoint.__doc__ or ""), "the docstring names no operation"


# ------------------------------------------------------------------ proposals


@pytest.mark.parametrize("endpoint", PROPOSALS, ids=lambda endpoint: endpoint.__name__)
def test_a_declaration_says_what_the_proposal_says(endpoint: type[Endpoint[Any]]) -> None:
    assert differences_of_proposal(endpoint) == {}
    assert endpoint.ADDED == endpoint.DEPRECATED == ""
    assert f"MSC{endpoint.MSC}: {endpoint.METHOD} " in (endpoint.__doc__ or "")
    assert set(path_fields(endpoint.PATH)) <= {field.name for field in fields_of(endpoint)}


def test_every_proposal_of_the_table_is_declared() -> None:
    assert {endpoint.__name__ for endpoint in PROPOSALS} == set(known_proposals())


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"MSC": 4141}, "msc"),
        ({"METHOD": "POST"}, "method"),
        ({"PATH": "/_matrix/client/unstable/other"}, "path"),
        ({"NEEDS_AUTH": False}, "auth"),
        ({"UNSTABLE_FEATURE": "org.matrix.msc4141"}, "feature"),
    ],
)
def test_a_wrong_declaration_of_a_proposal_is_noticed(change: dict[str, Any], fact: str) -> None:
    row = known_proposals()["GetDelayedEvents"]
    said = {"METHOD": row.method, "PATH": row.path, "MSC": row.msc, "UNSTABLE_FEATURE": row.feature, **change}
    assert list(differences_of_proposal(type("GetDelayedEvents", (Endpoint,), said))) == [fact]
    assert list(differences_of_proposal(type("Unknown", (Endpoint,), said))) == ["name"]


# ------------------------------------------------------------------ the methods


def methods_for(client: type) -> Counter[type[Endpoint[Any]]]:
    """Return how many methods of a client carry out each operation."""
    found: Counter[type[Endpoint[Any]]] = Counter()
    for name in dir(client):
        member = inspect.getattr_static(client, name)
        endpoint = member.endpoint if isinstance(member, Call) else getattr(member, "__endpoint__", None)
        if endpoint is not None:
            found[endpoint] += 1
    return found


@pytest.mark.parametrize("endpoint", ALL, ids=lambda endpoint: endpoint.__name__)
def test_an_operation_is_one_method_of_the_client(endpoint: type[Endpoint[Any]]) -> None:
    assert methods_for(Client)[endpoint] == 1


def test_no_method_carries_out_what_is_not_declared() -> None:
    assert set(methods_for(Client)) == set(ALL)


def test_none_and_two_methods_are_told_from_one() -> None:
    class Several(Api):
        ban_user = Call(BanUser)

        @carries_out(BanUser)
        def ban(self) -> Empty:
            return self.call(BanUser("!room:example.org", "@user:example.org"))

    assert methods_for(Several) == {BanUser: 2}
    assert methods_for(Several)[KickUser] == 0


# Kept before they are sent: the call is made from what was kept, in the same module.
BY_THE_OUTBOX = {"send_message_event", "redact_event"}


@pytest.mark.parametrize("endpoint", ALL, ids=lambda endpoint: endpoint.__name__)
def test_a_marked_method_really_calls_its_operation(endpoint: type[Endpoint[Any]]) -> None:
    """A method that is written out names its endpoint in its own code, so that the mark cannot lie."""
    for name in dir(Client):
        member = inspect.getattr_static(Client, name)
        if getattr(member, "__endpoint__", None) is endpoint:
            if name in BY_THE_OUTBOX:  # what is said of each method's request in tests/unit/api holds for these too
                assert f"{endpoint.__name__}(" in inspect.getsource(sys.modules[member.__module__]), name
            else:
                assert endpoint.__name__ in inspect.unwrap(member).__code__.co_names, name


# ------------------------------------------------------------------ paths


def stray_paths(sources: dict[str, str]) -> list[str]:
    """Return the strings that spell a path of the API outside of `api/`, docstrings left out."""
    found = []
    for name, source in sources.items():
        if name.startswith("gomatrix_py.api."):
            continue
        tree = ast.parse(source)
        prose = docstrings(tree)
        for node in ast.walk(tree):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose
            if is_text and "_matrix/" in node.value:  # type: ignore[attr-defined]
                found.append(f"{name}: {node.value}")  # type: ignore[attr-defined]
    return found


def test_paths_are_spelt_in_the_api_only() -> None:
    assert stray_paths(package_sources()) == ["gomatrix_py.client.base: /_matrix/client/v3"]


def test_a_stray_path_is_noticed() -> None:
    sources = {"gomatrix_py.client.x": '"""About /_matrix/."""\nurl = base + f"/_matrix/client/v3/{x}"'}
    assert stray_paths(sources) == ["gomatrix_py.client.x: /_matrix/client/v3/"]


def test_declarations_stand_in_the_api_only() -> None:
    """What Synapse alone has is declared where all that is Synapse's stands."""
    assert GetVersions in OPERATIONS
    elsewhere = [name for name, source in package_sources().items() if "(Endpoint[" in source]
    assert [name for name in elsewhere if not name.startswith(("gomatrix_py.api.", "gomatrix_py.synapse."))] == []
