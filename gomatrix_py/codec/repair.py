"""The tolerant road into a `Shape`: keep whatever is sound of a document that the strict road refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from ..errors import DecodeError, UsageError
from .json_bytes import RawJSON, Shape, dumps
from .model import Problem, shown

__all__ = ["repair"]


def repair(value: Any, shape: Any) -> tuple[Any, tuple[Problem, ...]]:
    """Return the shape made of what is sound in a decoded document, and what was left out.

    Args:
        value: what `loads_tolerant` returned.
        shape: a `Shape` class.

    Raises:
        DecodeError: the document is no object, or a required member is missing or wrong.
    """
    work = _Repair()
    made = work.read(value, shape, "")
    return made, tuple(work.problems)


class _Wrong(Exception):
    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class _Repair:
    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def read(self, value: Any, kind: Any, path: str) -> Any:
        try:
            return self._read(value, kind, path)
        except _Wrong as wrong:
            raise DecodeError(str(wrong), path=wrong.path or path) from None

    def _read(self, value: Any, kind: Any, path: str) -> Any:
        if kind is RawJSON:
            if isinstance(value, list):  # keep its sound elements
                value = [member for _, member in self._members(enumerate(value), Any, path)]
            return RawJSON(_encoded(value))
        if kind is Any:
            _encoded(value)
            return value
        if kind in (str, int, bool):
            if type(value) is not kind or (kind is str and not _is_text(value)):
                raise _Wrong(f"expected {kind.__name__}")
            return value
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is dict:
            return dict(self._members(_items(value, dict), arguments[1], path))
        if origin is list:
            return [member for _, member in self._members(_items(value, list), arguments[0], path)]
        if type(None) in arguments:
            return None if value is None else self._read(value, arguments[0], path)
        return self._shape(value, kind, path)

    def _members(self, items: Iterator[tuple[Any, Any]], kind: Any, path: str) -> Iterator[tuple[Any, Any]]:
        for key, member in items:
            place = f"{path}[{key}]" if isinstance(key, int) else f"{path}.{shown(key)}"
            try:
                if isinstance(key, str) and not _is_text(key):
                    raise _Wrong("the key holds a lone surrogate")
                yield key, self._read(member, kind, place)
            except _Wrong as wrong:
                self.problems.append(Problem(wrong.path or place, str(wrong)))

    def _shape(self, value: Any, shape: type[Shape], path: str) -> Any:
        if not isinstance(value, dict):
            raise _Wrong("expected an object")
        given: dict[str, Any] = {}
        for name, wire, kind, is_required in _fields(shape):
            place = f"{path}.{wire}" if path else wire
            if wire not in value:
                if is_required:
                    raise _Wrong("required, but missing", place)
                continue
            try:
                given[name] = self._read(value[wire], kind, place)
            except _Wrong as wrong:
                if is_required:
                    raise _Wrong(str(wrong), wrong.path or place) from None
                self.problems.append(Problem(wrong.path or place, str(wrong)))
        return shape(**given)


@lru_cache(maxsize=64)
def _fields(shape: type[Shape]) -> list[tuple[str, str, Any, bool]]:
    kinds = get_type_hints(shape)
    return [(one.name, one.encode_name, kinds[one.name], one.required) for one in msgspec.structs.fields(shape)]


def _items(value: Any, kind: type[Any]) -> Iterator[tuple[Any, Any]]:
    if not isinstance(value, kind):
        raise _Wrong("expected an object" if kind is dict else "expected a list")
    items: Any = value.items() if kind is dict else enumerate(value)
    return iter(items)


def _encoded(value: Any) -> bytes:
    try:
        return dumps(value, ascii_only=True)
    except UsageError:
        raise _Wrong("holds something that is not JSON") from None


def _is_text(value: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in value)
