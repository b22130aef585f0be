"""Canonical JSON: the one byte form of a value that signatures are made over."""

from __future__ import annotations

import json
from typing import Any

from .errors import UsageError

__all__ = ["canonical_json"]

_MAX_INT = 2**53 - 1


def canonical_json(value: Any) -> bytes:
    """Return the canonical JSON of `value`.

    Args:
        value: dicts with str keys, lists, str, int, bool and None, at any depth.

    Returns:
        UTF-8 bytes: shortest form, keys sorted by code point, integers in ±(2**53 - 1).

    Raises:
        UsageError: a float, a larger integer, a lone surrogate, a key that is not a string, or
            anything JSON does not have.

    Source: specification, appendices, "Canonical JSON".
    """
    try:
        _check(value)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError("canonical JSON cannot hold a lone surrogate") from None
    except RecursionError:
        raise UsageError("the value is nested too deeply, or contains itself") from None


def _check(value: Any) -> None:
    if value is None or isinstance(value, (str, bool)):
        return
    if isinstance(value, int):
        if not -_MAX_INT <= value <= _MAX_INT:
            raise UsageError("canonical JSON holds integers up to 2**53 - 1 only")
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise UsageError(f"a key of canonical JSON is a string, not {type(key).__name__}")
            _check(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _check(inner)
    else:
        raise UsageError(f"canonical JSON cannot hold a value of type {type(value).__name__}")
