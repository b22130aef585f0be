"""Named points of a child at which it ends itself with SIGKILL; the package knows nothing of them.

``GMPY_KILL_AT=commit.before:3`` kills the third time that point is reached. The points are ``commit.before`` and
``commit.after`` of each transaction of the SQLite store, ``request.before`` and ``request.after`` of each try of a
request.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gomatrix_py.http.transport import RequestsTransport
from gomatrix_py.store.sqlite.file import StoreFile

__all__ = ["POINTS", "VARIABLE", "set_failpoint"]

VARIABLE = "GMPY_KILL_AT"
POINTS = ("commit.before", "commit.after", "request.before", "request.after")


def set_failpoint() -> None:
    """Let this process end at the point that the environment names, if it names one."""
    name, _, number = os.environ.get(VARIABLE, "").partition(":")
    if name:
        assert name in POINTS
        _patch(_Failpoint(name, int(number)).reach)


class _Failpoint:
    def __init__(self, name: str, number: int) -> None:
        self._name = name
        self._left = number
        self._lock = threading.Lock()

    def reach(self, name: str) -> None:
        with self._lock:
            self._left -= name == self._name
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


def _patch(reach: Callable[[str], None]) -> None:
    transaction, send = StoreFile.transaction, RequestsTransport.send

    @contextmanager
    def watched_transaction(self: StoreFile, *args: Any, **options: Any) -> Iterator[Any]:
        with transaction(self, *args, **options) as db:
            yield db
            reach("commit.before")
        reach("commit.after")

    def watched_send(self: RequestsTransport, *args: Any, **options: Any) -> Any:
        reach("request.before")
        answered = send(self, *args, **options)
        reach("request.after")
        return answered

    StoreFile.transaction = watched_transaction  # type: ignore[method-assign]
    RequestsTransport.send = watched_send  # type: ignore[method-assign]
