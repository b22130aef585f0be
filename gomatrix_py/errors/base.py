"""The root of all errors, and the caller's own mistakes."""

from __future__ import annotations

from typing import Any

__all__ = [
    "MatrixError",
    "UsageError",
]


class MatrixError(Exception):
    """The root of every error this package raises; each can be copied and pickled."""

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[MatrixError], args: tuple[Any, ...], attributes: dict[str, Any]) -> MatrixError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class UsageError(MatrixError, ValueError):
    """The call makes no sense as written; nothing was sent."""
