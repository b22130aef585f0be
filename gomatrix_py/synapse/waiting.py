"""Handles of work that Synapse does in the background: ask how far it is, and wait for its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from ..cancellation import CancelToken
from ..errors import (
    LimitExceeded,
    MatrixError,
    RequestCancelled,
    ServerError,
    TaskFailed,
    TaskTimeout,
    TransportError,
    Unrecognized,
    UsageError,
)
from ..http.endpoint import Endpoint
from ..http.retry import RetryPolicy
from .activity import GetUserRedaction, RedactionStatus
from .group import AdminCaller
from .removals import GetPurgeStatus, GetRoomDeletion, PurgeStatus, RoomDeletionStatus
from .tasks import ListTasks

__all__ = ["BackgroundTask", "HistoryPurge", "RoomDeletion", "TaskStatus", "UserRedaction"]

PATIENCE_S = 300.0
"""How long a server may be away while nobody said how long to wait: it may be starting again."""

_ONCE = RetryPolicy.never()  # the next question is the next try
_DONE = "complete"
_GIVEN_UP = ("failed", "cancelled")


class TaskStatus(Protocol):
    """How far a piece of work is."""

    @property
    def status(self) -> str:
        """Such as "scheduled", "active", "complete" or "failed"."""

    @property
    def error(self) -> str | None:
        """Why it failed, where the answer says so."""


S = TypeVar("S", bound=TaskStatus)


class BackgroundTask(Generic[S]):
    """Work that goes on whether or not anybody waits; a handle can be made again from its id.

    Args:
        admin: the `SynapseAdmin`.
        task_id: as Synapse named it.
        resource_id: the room or user it is about, "" if unknown.

    Attributes:
        error: why it failed, once `status` or `wait` has seen that.
    """

    WHAT: ClassVar[str]

    def __init__(self, admin: AdminCaller, task_id: str, resource_id: str = "") -> None:
        self._admin = admin
        self.task_id = task_id
        self.resource_id = resource_id
        self.error: str | None = None

    def _question(self) -> Endpoint[S]:
        raise NotImplementedError

    def status(self) -> S:
        """Ask how far it is.

        Raises:
            NotFound: Synapse does not, or no longer, know of it.
            TransportError, HTTPError, DecodeError: see `gomatrix_py.errors`.
        """
        return self._ask()

    def _ask(self, **options: Any) -> S:
        answer = self._admin.call(self._question(), **options)
        if answer.status in _GIVEN_UP:
            self.error = answer.error or self._error_of_the_scheduler()
        return answer

    def wait(
        self,
        timeout_s: float | None = None,
        *,
        poll_s: float = 1.0,
        on_progress: Callable[[S], None] | None = None,
        cancel: CancelToken | None = None,
    ) -> S:
        """Wait until it is complete.

        A server that is away for a while, because it is started again, does not end the wait.

        Args:
            timeout_s: how long at most, in seconds; None for as long as it takes. A question that hangs is ended by
                the client's own limits.
            poll_s: how long to wait between two questions, in seconds.
            on_progress: called with each answer.
            cancel: lets another thread end the wait; the work goes on.

        Raises:
            TaskFailed: Synapse gave it up; the message says why.
            TaskTimeout: the time is up; Synapse goes on with it.
            RequestCancelled: another thread ended the wait.
            UsageError: `poll_s` is not above zero.
            NotFound, TransportError, HTTPError, DecodeError: see `status`.
        """
        if not poll_s > 0:
            raise UsageError("poll_s must be above zero")
        started = answered = self._admin.clock.monotonic()
        token = cancel or CancelToken()
        while True:
            try:
                answer = self._ask(cancel=token, retry=_ONCE)
            except (TransportError, ServerError, LimitExceeded) as error:
                away_s = self._admin.clock.monotonic() - answered
                if isinstance(error, RequestCancelled) or (timeout_s is None and away_s > PATIENCE_S):
                    raise
            else:
                answered = self._admin.clock.monotonic()
                if on_progress is not None:
                    on_progress(answer)
                if answer.status == _DONE:
                    return answer
                if answer.status in _GIVEN_UP:
                    raise TaskFailed(
                        f"{self} failed: {self.error or 'Synapse does not say why'}", task_id=self.task_id
                    )
            left_s = poll_s if timeout_s is None else timeout_s - (self._admin.clock.monotonic() - started)
            if left_s <= 0:
                raise TaskTimeout(f"{self} had not ended after {timeout_s:g} s; it goes on", task_id=self.task_id)
            if token.wait(min(poll_s, left_s)):
                raise RequestCancelled(f"waiting for {self} was cancelled; it goes on")

    def _error_of_the_scheduler(self) -> str | None:
        """Return why it failed as the list of tasks says: the answers about a room's deletion leave it out."""
        try:
            found = self._admin.call(ListTasks(status=list(_GIVEN_UP), resource_id=self.resource_id or None))
        except Unrecognized:  # an older Synapse
            return None
        except MatrixError as error:
            return f"unknown, as the list of tasks cannot be read: {error}"
        return next((task.error for task in found.scheduled_tasks if task.id == self.task_id), None)

    def __str__(self) -> str:
        about = f" of {self.resource_id}" if self.resource_id else ""
        return f"{self.WHAT}{about} ({self.task_id})"

    def __repr__(self) -> str:
        return f"<{self}>"


class RoomDeletion(BackgroundTask[RoomDeletionStatus]):
    """The deletion of a room."""

    WHAT = "the deletion"

    def _question(self) -> GetRoomDeletion:
        return GetRoomDeletion(self.task_id)


class HistoryPurge(BackgroundTask[PurgeStatus]):
    """The purge of a room's history."""

    WHAT = "the purge of the history"

    def _question(self) -> GetPurgeStatus:
        return GetPurgeStatus(self.task_id)


class UserRedaction(BackgroundTask[RedactionStatus]):
    """The redaction of what a user sent."""

    WHAT = "the redaction"

    def _question(self) -> GetUserRedaction:
        return GetUserRedaction(self.task_id)
