"""Models: attrs classes that are declared at once and built at first use.

Defining an attrs class costs about a quarter of a millisecond, and there are hundreds of operations and
answers of which a script touches ten. So a `Model` subclass is written like any attrs class, and attrs
does its work when the first instance is made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

import attrs

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: Any) -> Callable[[Any], Any]:
        """Tell type checkers only; at run time the class stays as it is."""
        return lambda cls: cls


__all__ = [
    "Document",
    "DocumentList",
    "DocumentMap",
    "Model",
    "Problem",
    "build",
    "field",
    "fields_of",
    "secret",
    "shown",
    "wire_name",
]

_WIRE_NAME = "gomatrix_py.wire_name"
_build_lock = threading.RLock()
M = TypeVar("M", bound="Model")
T = TypeVar("T")


def shown(key: object) -> str:
    """Return a key as a path may show it: nothing in it can break a log line or its encoding."""
    text = str(key)
    return text if text.isprintable() else ascii(text)[1:-1]


class Problem(NamedTuple):
    """Something in a document that was not as specified and was replaced by its default."""

    path: str
    message: str


def field(
    *,
    default: Any = attrs.NOTHING,
    factory: Callable[[], Any] | None = None,
    name: str | None = None,
    kw_only: bool = False,
    repr: bool | Callable[[Any], str] = True,
    eq: bool = True,
    init: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> Any:
    """Declare a field whose name on the wire may differ.

    Args:
        default: the value where none is given.
        factory: makes the default where it is mutable.
        name: the name in JSON; the attribute's own where it is left out.
        kw_only: True where the field may not be given by position.
        repr: False where the value must not be shown.
        eq: False where the value does not count in comparisons.
        init: False where the constructor does not take it.
        metadata: for the layers above.
    """
    notes = dict(metadata or {})
    if name is not None:
        notes[_WIRE_NAME] = name
    if factory is not None:
        return attrs.field(factory=factory, kw_only=kw_only, repr=repr, eq=eq, init=init, metadata=notes)
    return attrs.field(default=default, kw_only=kw_only, repr=repr, eq=eq, init=init, metadata=notes)


def secret(*, default: Any = attrs.NOTHING, name: str | None = None, kw_only: bool = False) -> Any:
    """Declare a field that never shows in a repr: a token, a password, a key."""
    return field(default=default, name=name, kw_only=kw_only, repr=lambda _: "…")


def wire_name(attribute: attrs.Attribute[Any]) -> str:
    """Return the name a field has in JSON."""
    name: str = attribute.metadata.get(_WIRE_NAME, attribute.name)
    return name


def fields_of(cls: type[Model]) -> tuple[attrs.Attribute[Any], ...]:
    """Return the fields of a model, in order."""
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(build(cls))  # type: ignore[arg-type]
    return fields


def build(cls: type[M]) -> type[M]:
    """Let attrs build the class now, if it did not before; return the class."""
    if "_is_built" not in cls.__dict__:
        with _build_lock:
            if "_is_built" not in cls.__dict__:
                for base in reversed(cls.__mro__[1:]):
                    if issubclass(base, Model) and base is not Model:
                        build(base)
                attrs.define(cls, slots=False, frozen=cls.IS_FROZEN, eq=True)
                attrs.resolve_types(cls)  # type: ignore[type-var]
                cls._is_built = True
    return cls


class Model:
    """Base of everything declared by its fields."""

    IS_FROZEN: ClassVar[bool] = False
    _is_built: ClassVar[bool]

    if not TYPE_CHECKING:  # it would tell type checkers that any arguments do

        def __new__(cls: type[M], *args: Any, **kwargs: Any) -> M:
            """Build the class at the first instance."""
            if "_is_built" not in cls.__dict__:
                build(cls)
            return object.__new__(cls)


@dataclass_transform(field_specifiers=(field, secret))
class _Declared(Model):
    pass


class Document(_Declared):
    """A JSON object of the specification.

    Members that the class does not declare are kept in `extra` and written back; what was not as
    specified, and so was replaced by its default, is listed in `problems`.
    """

    extra: dict[str, Any] = field(factory=dict, kw_only=True, repr=False)
    problems: tuple[Problem, ...] = field(default=(), kw_only=True, repr=False, eq=False)


class DocumentList(list[T]):
    """A list that is a whole document; what was left out of it is listed in `problems`."""

    problems: tuple[Problem, ...] = ()


class DocumentMap(dict[str, T]):
    """A mapping that is a whole document; what was left out of it is listed in `problems`."""

    problems: tuple[Problem, ...] = ()
