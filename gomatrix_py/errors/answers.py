"""An answer that is not what the specification says."""

from __future__ import annotations

from .base import MatrixError

__all__ = [
    "DecodeError",
    "DiscoveryError",
    "PagingError",
]


class DecodeError(MatrixError):
    """Bytes that should have been a document of the specification are not.

    `path` names the place inside the document (`rooms.join[!x].timeline`), "" for the whole.
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path


class PagingError(MatrixError):
    """The server gave a page token again, or page after page without anything in it: it would never end.

    `operation` is what was paged through. What the pages held before was handed out.
    """

    def __init__(self, message: str, *, operation: str = "") -> None:
        super().__init__(f"{operation}: {message}" if operation else message)
        self.operation = operation


class DiscoveryError(MatrixError):
    """Server discovery failed.

    `action` is the specification's word for what a client should do next: ``FAIL_PROMPT`` (ask the
    user for the address) or ``FAIL_ERROR`` (the published address is broken).
    """

    def __init__(self, message: str, *, action: str) -> None:
        super().__init__(f"{message} ({action})")
        self.action = action
