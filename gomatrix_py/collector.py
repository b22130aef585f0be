"""Keeping the garbage collector out of the way of large decodes."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

__all__ = ["quiet_collector"]

_LARGE = 256 * 1024
_NOTHING: AbstractContextManager[None] = nullcontext()


def quiet_collector(size: int) -> AbstractContextManager[None]:
    """Pause the garbage collector while a document of this many bytes is decoded, if it is large.

    A decode makes many objects and no garbage; the collector would walk them all again and again.
    """
    return _paused() if size >= _LARGE else _NOTHING


@contextmanager
def _paused() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
