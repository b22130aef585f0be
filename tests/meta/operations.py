"""Every operation the package declares, and what the specification says of it."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gomatrix_py.api
from gomatrix_py.http.endpoint import Endpoint

FACTS = Path(__file__).with_name("operations.json")
PROPOSALS = Path(__file__).with_name("proposals.json")


class Fact(NamedTuple):
    """One operation of the client-server API (specification v1.19); placeholders of the path are ``{}``."""

    operation: str
    method: str
    path: str
    auth: bool
    rate_limited: bool
    deprecated: bool
    added: str


class Proposal(NamedTuple):
    """One operation of a proposal, as Synapse 1.163 serves it; placeholders of the path are ``{}``."""

    name: str
    msc: int
    method: str
    path: str
    auth: bool
    feature: str


# Two operations may have the same verb and path: they are told apart by their body or query alone.
SAME_PLACE = {
    "GetEvents": "getEvents",
    "InviteUser": "inviteUser",
    "InviteUserByThirdParty": "inviteBy3PID",
    "PeekEvents": "peekEvents",
}


def facts() -> list[Fact]:
    """Return the operations of the specification."""
    return [Fact(**row) for row in json.loads(FACTS.read_text(encoding="utf-8"))]


def known_proposals() -> dict[str, Proposal]:
    """Return the operations of proposals that there should be, by the name of their class."""
    rows = [Proposal(**row) for row in json.loads(PROPOSALS.read_text(encoding="utf-8"))]
    assert len({row.name for row in rows}) == len(rows)
    return {row.name: row for row in rows}


_BY_PLACE: dict[tuple[str, str], list[Fact]] = {}
for _fact in facts():
    _BY_PLACE.setdefault((_fact.method, _fact.path), []).append(_fact)


def fact_for(endpoint: type[Endpoint[Any]]) -> Fact | None:
    """Return what the specification says of a declared operation, None where it does not know it."""
    place = (endpoint.METHOD, re.sub(r"\{[^}]*\}", "{}", endpoint.PATH))
    candidates = _BY_PLACE.get(place, [])
    if len(candidates) > 1:
        candidates = [fact for fact in candidates if fact.operation == SAME_PLACE.get(endpoint.__name__)]
    return candidates[0] if candidates else None


def declared() -> list[type[Endpoint[Any]]]:
    """Return every operation of the specification that a chapter of the API declares."""
    return [endpoint for endpoint in _endpoints() if not endpoint.MSC]


def proposed() -> list[type[Endpoint[Any]]]:
    """Return every operation of a proposal that a chapter of the API declares."""
    return [endpoint for endpoint in _endpoints() if endpoint.MSC]


def _endpoints() -> list[type[Endpoint[Any]]]:
    """Return what the chapters declare; a private class is a base of some."""
    chapters = {f"gomatrix_py.api.{module.name}" for module in pkgutil.iter_modules(gomatrix_py.api.__path__)}
    for chapter in chapters:
        importlib.import_module(chapter)
    found = {
        endpoint
        for endpoint in _descendants(Endpoint)
        if endpoint.__module__ in chapters and not endpoint.__name__.startswith("_")
    }
    return sorted(found, key=lambda endpoint: endpoint.__name__)


def _descendants(cls: type[Any]) -> Iterator[type[Any]]:
    for child in cls.__subclasses__():
        yield child
        yield from _descendants(child)


def differences(endpoint: type[Endpoint[Any]]) -> dict[str, tuple[Any, Any]]:
    """Return what a declaration says differently from the specification: (ours, the specification's)."""
    fact = fact_for(endpoint)
    if fact is None:
        return {"operation": (endpoint.route(), None)}
    said = {
        "auth": endpoint.NEEDS_AUTH,
        "rate_limited": endpoint.RATE_LIMITED,
        "deprecated": bool(endpoint.DEPRECATED),
        "added": endpoint.ADDED,
    }
    return {name: (ours, getattr(fact, name)) for name, ours in said.items() if ours != getattr(fact, name)}


def differences_of_proposal(endpoint: type[Endpoint[Any]]) -> dict[str, tuple[Any, Any]]:
    """Return what a declaration says differently from the table of proposals: (ours, the table's)."""
    row = known_proposals().get(endpoint.__name__)
    if row is None:
        return {"name": (endpoint.__name__, None)}
    said = Proposal(
        endpoint.__name__,
        endpoint.MSC,
        endpoint.METHOD,
        re.sub(r"\{[^}]*\}", "{}", endpoint.PATH),
        endpoint.NEEDS_AUTH,
        endpoint.UNSTABLE_FEATURE,
    )
    pairs = zip(said._asdict().items(), row, strict=True)
    return {name: (ours, table) for (name, ours), table in pairs if ours != table}
