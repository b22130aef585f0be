"""SQLite connections that fail on command: before or after the n-th statement, once or until told to stop."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

__all__ = ["FAULTS", "FaultPlan", "faulty_sqlite"]

FAULTS: dict[str, Callable[[], BaseException]] = {
    "I/O error": lambda: sqlite3.OperationalError("disk I/O error"),
    "full disk": lambda: sqlite3.OperationalError("database or disk is full"),
    "Ctrl-C": KeyboardInterrupt,
}


class FaultPlan:
    """What fails, and a record of every statement.

    Attributes:
        statements: the statements since `arm` or the start, those that failed included.
        has_struck: whether anything failed since `arm`.
    """

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.has_struck = False
        self._make_error: Callable[[], BaseException] | None = None
        self._at = 0
        self._is_lasting = False
        self._is_after = False

    def arm(
        self, make_error: Callable[[], BaseException], at: int, *, is_lasting: bool = False, is_after: bool = False
    ) -> None:
        """Let the statement number `at`, from 0, fail: only this one or all from it on, before or after it ran."""
        self.statements = []
        self.has_struck = False
        self._make_error, self._at, self._is_lasting, self._is_after = make_error, at, is_lasting, is_after

    def disarm(self) -> None:
        """Let nothing fail any more."""
        self._make_error = None

    @contextmanager
    def around(self, sql: str) -> Iterator[None]:
        """Record a statement, and fail where the plan says so."""
        number = len(self.statements)
        self.statements.append(sql)
        is_due = number == self._at or (self._is_lasting and number > self._at)
        error = self._make_error() if self._make_error is not None and is_due else None
        if error is not None and not self._is_after:
            self.has_struck = True
            raise error
        yield
        if error is not None:
            self.has_struck = True
            raise error


@contextmanager
def faulty_sqlite(*, is_durable: bool = False) -> Iterator[FaultPlan]:
    """Make every connection that is opened in the block follow the plan that is returned.

    Args:
        is_durable: False to spare the waits for the disk; no power cut is in the plan.
    """
    plan = FaultPlan()
    connect = sqlite3.connect

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            with plan.around(sql):
                is_wait = sql.startswith("PRAGMA synchronous") and not is_durable
                return super().execute("PRAGMA synchronous = OFF" if is_wait else sql, *values)

        def executemany(self, sql: str, *values: Any) -> sqlite3.Cursor:
            with plan.around(sql):
                return super().executemany(sql, *values)

    def faulty_connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        return connect(*arguments, factory=Connection, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", faulty_connect)
        yield plan
