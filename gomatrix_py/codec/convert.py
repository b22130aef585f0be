"""Between plain JSON values and documents.

Nothing is coerced: a string is a string, True is no number. A declared member that is missing or null
takes its default; one of the wrong type does too and is reported; an element of the wrong type is left
out of its list or mapping and reported; a required member that is missing or wrong raises.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin

import attrs

from ..errors import DecodeError
from .model import Document, DocumentList, DocumentMap, Model, Problem, fields_of, shown, wire_name

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["register_type", "structure", "unstructure"]

T = TypeVar("T")
_Hook = Callable[[Any, Any], Any]

_from_plain: dict[type, Callable[[Any], Any]] = {}
_to_plain: dict[type, Callable[[Any], Any]] = {}
_RESERVED = ("extra", "problems", "raw")


def register_type(cls: type[T], *, load: Callable[[Any], T], dump: Callable[[T], Any]) -> None:
    """Teach the codec a type that is not a `Document`; `load` raises `DecodeError` for what it refuses."""
    with _converter_lock:
        _from_plain[cls] = load
        _to_plain[cls] = dump
        for converter in _converter_made:
            _teach(converter, cls)


def structure(value: Any, cls: type[T]) -> T:
    """Make an object of type `cls` from a plain JSON value.

    Args:
        value: what `loads` returned.
        cls: a `Document`, a registered type, or a typing form made of them.

    Raises:
        DecodeError: the value as a whole, or a required member of it, is not of the declared type;
            `path` names the place.
    """
    # made at first use: importing cattrs costs as much as the rest of the package
    with _work.reading() as problems:
        made = _converter().get_structure_hook(cls)(value, cls)
    if problems and isinstance(made, (Document, DocumentList, DocumentMap)):
        object.__setattr__(made, "problems", tuple(problems))
    result: T = made
    return result


def unstructure(value: Any) -> Any:
    """Make a plain JSON value from documents, registered types and plain values.

    A member of a document that is None is left out; None elsewhere is null.
    """
    if isinstance(value, Model):
        plain: dict[str, Any] = {}
        for attribute in fields_of(type(value)):
            if attribute.name not in _RESERVED:
                member = getattr(value, attribute.name)
                if member is not None:
                    plain[wire_name(attribute)] = unstructure(member)
        if isinstance(value, Document):
            for key, member in value.extra.items():
                plain.setdefault(key, unstructure(member))
        return plain
    if isinstance(value, Mapping):
        return {key: unstructure(member) for key, member in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [unstructure(member) for member in value]
    if isinstance(value, Enum):
        return value.value
    dump = _to_plain.get(type(value))
    return dump(value) if dump else value


# ------------------------------------------------------------------ where we are in a document


class _Work(threading.local):
    def __init__(self) -> None:
        self.path: list[str] = []
        self.problems: list[Problem] = []

    @contextmanager
    def reading(self) -> Iterator[list[Problem]]:
        outer = self.path, self.problems
        self.path, self.problems = [], []
        try:
            yield self.problems
        finally:
            self.path, self.problems = outer

    def wrong(self, message: str) -> DecodeError:
        return DecodeError(message, path="".join(self.path).lstrip("."))

    def report(self, error: DecodeError) -> None:
        path = error.path or "".join(self.path).lstrip(".")
        self.problems.append(Problem(path, str(error).removeprefix(f"{error.path}: ")))


_work = _Work()


def _named(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else type(value).__name__)


# ------------------------------------------------------------------ the converter, built once


_converter_lock = threading.Lock()
_converter_made: list[Converter] = []


def _converter() -> Converter:
    if not _converter_made:
        with _converter_lock:
            if not _converter_made:
                _converter_made.append(_make_converter())
    return _converter_made[0]


def _make_converter() -> Converter:
    from cattrs import Converter

    converter = Converter()
    converter.register_structure_hook_func(lambda cls: cls is Any or cls is object, lambda value, _: value)
    for primitive in _PRIMITIVES:
        converter.register_structure_hook(primitive, _primitive)
    converter.register_structure_hook_factory(_is_list, lambda cls: _list_hook(cls, converter))
    converter.register_structure_hook_factory(_is_mapping, lambda cls: _mapping_hook(cls, converter))
    converter.register_structure_hook_factory(_is_union, lambda cls: _union_hook(cls, converter))
    converter.register_structure_hook_func(lambda cls: cls in _from_plain, _registered)
    for cls in _from_plain:
        _teach(converter, cls)
    converter.register_structure_hook_factory(_is_model, lambda cls: _document_hook(cls, converter))
    return converter


def _teach(converter: Converter, cls: Any) -> None:
    if isinstance(cls, type):  # by its name: a subclass of str would be read as a str
        converter.register_structure_hook(cls, _registered)


def _is_model(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Model)


def _is_list(cls: Any) -> bool:
    return cls is list or get_origin(cls) in (list, Sequence, DocumentList)


def _is_mapping(cls: Any) -> bool:
    return cls is dict or get_origin(cls) in (dict, Mapping, DocumentMap)


def _is_union(cls: Any) -> bool:
    return get_origin(cls) is Union or type(cls).__name__ == "UnionType"


_PRIMITIVES: dict[type, tuple[str, tuple[type, ...]]] = {
    str: ("a string", (str,)),
    int: ("an integer", (int,)),
    float: ("a number", (int, float)),
    bool: ("a boolean", (bool,)),
}


def _primitive(value: Any, cls: Any) -> Any:
    name, accepted = _PRIMITIVES[cls]
    if isinstance(value, accepted) and (cls is bool or not isinstance(value, bool)):
        return value
    if cls is int and isinstance(value, float) and value.is_integer():
        return int(value)  # some servers write whole numbers as 1.0
    raise _work.wrong(f"expected {name}, got {_named(value)}")


def _registered(value: Any, cls: Any) -> Any:
    try:
        return _from_plain[cls](value)
    except DecodeError as error:
        raise _work.wrong(str(error)) from None


def _list_hook(cls: Any, converter: Converter) -> _Hook:
    (inner,) = get_args(cls) or (Any,)
    hook = converter.get_structure_hook(inner)

    def read_list(value: Any, _: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _work.wrong(f"expected a list, got {_named(value)}")
        sound = (member for _, member in _sound_members(enumerate(value), "[{}]", hook, inner))
        return DocumentList(sound) if get_origin(cls) is DocumentList else list(sound)

    return read_list


def _mapping_hook(cls: Any, converter: Converter) -> _Hook:
    inner = (get_args(cls) or (Any,))[-1]
    hook = converter.get_structure_hook(inner)

    def read_mapping(value: Any, _: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _work.wrong(f"expected an object, got {_named(value)}")
        sound = _sound_members(value.items(), ".{}", hook, inner)
        return DocumentMap(sound) if get_origin(cls) is DocumentMap else dict(sound)

    return read_mapping


def _sound_members(members: Any, place: str, hook: _Hook, inner: Any) -> Iterator[tuple[Any, Any]]:
    for key, member in members:
        _work.path.append(place.format(shown(key)))
        try:
            yield key, hook(member, inner)
        except DecodeError as error:
            _work.report(error)
        finally:
            _work.path.pop()


def _union_hook(cls: Any, converter: Converter) -> _Hook:
    kinds = [kind for kind in get_args(cls) if kind is not type(None)]
    hooks = [(converter.get_structure_hook(kind), kind) for kind in kinds]
    takes_none = len(kinds) < len(get_args(cls))

    def read_union(value: Any, _: Any) -> Any:
        if value is None and takes_none:
            return None
        known = len(_work.problems)
        for hook, kind in hooks:
            try:
                return hook(value, kind)
            except DecodeError:
                if len(hooks) == 1:
                    raise
                del _work.problems[known:]  # problems of a form it does not have
        raise _work.wrong(f"fits none of the {len(hooks)} forms it may have")

    return read_union


def _document_hook(cls: Any, converter: Converter) -> _Hook:
    members = [
        (
            one.alias or one.name,
            wire_name(one),
            converter.get_structure_hook(one.type),
            one.type,
            one.default is attrs.NOTHING,
        )
        for one in fields_of(cls)
        if one.name not in _RESERVED
    ]
    known = frozenset(name for _, name, *_ in members)
    keeps_extra = issubclass(cls, Document)

    def read_document(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise _work.wrong(f"expected an object, got {_named(value)}")
        given: dict[str, Any] = {}
        for argument, name, hook, kind, is_required in members:
            member = value.get(name)
            if member is None:
                if is_required:
                    _work.path.append(f".{name}")
                    error = _work.wrong("required, but missing" if name not in value else "required, but null")
                    _work.path.pop()
                    raise error
                continue
            _work.path.append(f".{name}")
            try:
                given[argument] = hook(member, kind)
            except DecodeError as error:
                if is_required:
                    raise
                _work.report(error)
            finally:
                _work.path.pop()
        if keeps_extra and not known.issuperset(value):
            given["extra"] = {key: member for key, member in value.items() if key not in known}
        return cls(**given)

    return read_document
