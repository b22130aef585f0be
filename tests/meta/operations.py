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


class Fact(NamedTuple):
    """One operation of the client-server API (specification v1.19); placeholders of the path are ``{}``."""

    operation: str
    method: str
    path: str
    auth: bool
    rate_limited: bool
    deprecated: bool
    added: str


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
    """Return every operation that a chapter of the API declares; a private class is a base of some."""
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
