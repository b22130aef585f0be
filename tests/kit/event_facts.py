"""Contents of every event type, generated from what the specification says of their members."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["ENCRYPTED_FILE", "EventType", "Member", "event_types", "listed_types", "wrong_for"]

_FOLDER = Path(__file__).resolve().parents[1] / "unit" / "events"

ENCRYPTED_FILE = {
    "url": "mxc://s/m",
    "key": {"kty": "oct", "key_ops": ["encrypt", "decrypt"], "alg": "A256CTR", "k": "a key", "ext": True},
    "iv": "iv",
    "hashes": {"sha256": "hash"},
    "v": "v2",
}
"""What the facts call an object without saying more."""

_FILES = frozenset({"file", "thumbnail_file"})
_SAMPLES: dict[str, Any] = {"string": "s", "integer": 7, "number": 7, "boolean": True}

# a value of each kind of JSON, and the kinds it fits
_ONE_OF_EACH: tuple[tuple[Any, frozenset[str]], ...] = (
    ("no number", frozenset({"string"})),
    (11, frozenset({"integer", "number"})),
    (1.5, frozenset({"number"})),
    (True, frozenset({"boolean"})),
    ([], frozenset({"array"})),
    ([None], frozenset({"array"})),
    ({}, frozenset({"object"})),
)


class Member(NamedTuple):
    """One member of a content: the path to it, its kinds of JSON, and whether it has to be there."""

    path: tuple[str | int, ...]
    kinds: frozenset[str]
    is_required: bool

    def __str__(self) -> str:
        return ".".join(map(str, self.path))


class EventType(NamedTuple):
    """One line of the facts: an event type, or a variant of one (a msgtype, a verification method)."""

    line: str
    kind: str
    content: dict[str, Any]

    @property
    def name(self) -> str:
        """The event type."""
        return self.line.partition("$")[0]

    @property
    def variant(self) -> str:
        """The msgtype or method, "" for the type itself."""
        return self.line.partition("$")[2]

    @property
    def is_state(self) -> bool:
        """True for state."""
        return self.kind == "state"

    def minimal(self) -> dict[str, Any]:
        """Return a content that has the required members only."""
        return _object({"fields": self.content}, is_full=False)

    def full(self) -> dict[str, Any]:
        """Return a content that has all members the specification knows."""
        return _object({"fields": self.content}, is_full=True)

    def members(self) -> Iterator[Member]:
        """Yield every member of the full content, the inner ones too."""
        return _members({"fields": self.content}, ())


@cache
def event_types() -> tuple[EventType, ...]:
    """Return the facts; ``m.key.verification.m.relates_to`` is no type but a part of some, and left out."""
    facts = json.loads((_FOLDER / "event_contents.json").read_text(encoding="utf-8"))
    return tuple(
        EventType(line, fact["kind"], fact["content"])
        for line, fact in facts.items()
        if not line.endswith(".m.relates_to")
    )


def listed_types() -> list[tuple[str, str]]:
    """Return the lines of event_types.txt, each as kind and type."""
    lines = (_FOLDER / "event_types.txt").read_text(encoding="utf-8").splitlines()
    return [(kind, line) for kind, line in map(str.split, lines)]


def wrong_for(member: Member) -> list[Any]:
    """Return values of the kinds of JSON that a member is not."""
    return [value for value, kinds in _ONE_OF_EACH if kinds.isdisjoint(member.kinds)]


# ------------------------------------------------------------------ samples


def _kinds(spec: dict[str, Any]) -> list[str]:
    kinds = spec["type"]
    return kinds if isinstance(kinds, list) else str(kinds).split("|")


def _sample(name: str, spec: dict[str, Any], *, is_full: bool) -> Any:
    if name in _FILES:
        return ENCRYPTED_FILE
    kind = next(kind for kind in reversed(_kinds(spec)) if kind != "null")
    if kind == "object":
        return _object(spec, is_full=is_full)
    if kind == "array":
        return [_sample("", spec["items"], is_full=is_full)]
    return spec["enum"][0] if "enum" in spec else _SAMPLES[kind]


def _object(spec: dict[str, Any], *, is_full: bool) -> dict[str, Any]:
    made = {
        name: _sample(name, member, is_full=is_full)
        for name, member in spec.get("fields", {}).items()
        if is_full or member.get("required")
    }
    if is_full and "values" in spec:
        made["a key"] = _sample("", spec["values"], is_full=is_full)
    return made


def _members(spec: dict[str, Any], path: tuple[str | int, ...]) -> Iterator[Member]:
    inner: dict[str | int, dict[str, Any]] = dict(spec.get("fields", {}))
    if "values" in spec:
        inner["a key"] = spec["values"]
    if "items" in spec:
        inner[0] = spec["items"]
    for name, member in inner.items():
        yield Member((*path, name), frozenset(_kinds(member)), bool(member.get("required")))
        yield from _members(member, (*path, name))
