"""Canonical JSON a second time, written from the grammar of the specification: appendices, "Canonical JSON"."""

from __future__ import annotations

from typing import Any

__all__ = ["LARGEST", "is_canonical", "reference"]

SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
LARGEST = 9007199254740991


def reference(value: Any) -> str:
    """Return canonical JSON, rule by rule."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + "".join(map(_char, value)) + '"'
    if isinstance(value, list):
        return "[" + ",".join(reference(member) for member in value) + "]"
    keys = sorted(value, key=lambda key: [ord(char) for char in key])
    return "{" + ",".join(f"{reference(key)}:{reference(value[key])}" for key in keys) + "}"


def _char(char: str) -> str:
    if char in SHORT_ESCAPES:
        return SHORT_ESCAPES[char]
    return "\\u00" + format(ord(char), "02x") if ord(char) < 0x20 else char


def is_canonical(value: Any) -> bool:
    """Tell whether canonical JSON can hold a value at all."""
    if isinstance(value, dict):
        return all(is_canonical(key) and is_canonical(member) for key, member in value.items())
    if isinstance(value, list):
        return all(is_canonical(member) for member in value)
    if isinstance(value, str):
        return not any(0xD800 <= ord(char) <= 0xDFFF for char in value)
    return not isinstance(value, float) and (not isinstance(value, int) or abs(value) <= LARGEST)
