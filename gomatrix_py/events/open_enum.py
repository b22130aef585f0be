"""Strings with names for the values the specification knows."""

from __future__ import annotations

from enum import Enum
from typing import Any

from ..codec import register_type
from ..errors import DecodeError

__all__ = ["OpenEnum"]


class OpenEnum(str, Enum):
    """Base of enumerations that take any other string as it is.

    What the specification or a server adds later is a member without a constant: it compares, prints and is
    written as the string it is.
    """

    @classmethod
    def _missing_(cls, value: object) -> OpenEnum | None:
        if not isinstance(value, str):
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = value
        unknown._value_ = value
        return unknown

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register_type(cls, load=cls._load, dump=str)

    @classmethod
    def _load(cls, value: Any) -> OpenEnum:
        if not isinstance(value, str):
            raise DecodeError("expected a string")
        return cls(value)

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, format_spec: str) -> str:
        return format(str(self.value), format_spec)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.value!r}>"
