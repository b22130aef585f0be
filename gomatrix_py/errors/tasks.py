"""Work that a server does in the background."""

from __future__ import annotations

from .base import MatrixError

__all__ = [
    "TaskError",
    "TaskFailed",
    "TaskTimeout",
]


class TaskError(MatrixError):
    """Work that a server does in the background did not end as it should; `task_id` names it."""

    def __init__(self, message: str, *, task_id: str = "") -> None:
        super().__init__(message)
        self.task_id = task_id


class TaskFailed(TaskError):
    """The server gave the work up."""


class TaskTimeout(TaskError):
    """The work had not ended when the time to wait was up; the server goes on with it."""
