"""What Synapse does in the background, and handles of what we asked it to do there. Source: scheduled_tasks."""

from __future__ import annotations

from typing import Any

from ..codec import field
from ..http.endpoint import Call, query
from .endpoint import AdminEndpoint
from .group import AdminGroup
from .moments import When
from .wire import Milliseconds, Record

__all__ = ["ListTasks", "ScheduledTask", "ScheduledTasks", "TasksGroup"]


class ScheduledTask(Record):
    """One piece of work: "scheduled", "active", "complete", "failed" or "cancelled"."""

    id: str
    action: str
    status: str
    changed_at: Milliseconds | None = field(default=None, name="timestamp_ms")
    resource_id: str | None = None
    result: dict[str, Any] | None = None
    error: str | None = None


class ScheduledTasks(Record):
    """Pieces of work."""

    scheduled_tasks: list[ScheduledTask]


class ListTasks(AdminEndpoint[ScheduledTasks]):
    """List what is, was and will be done in the background; it is kept for a week. Source: scheduled_tasks.

    Actions are "shutdown_and_purge_room", "purge_history", "redact_all_events" and others; `resource_id` is the room
    or user that it is about.
    """

    METHOD, PATH, SINCE = "GET", "/_synapse/admin/v1/scheduled_tasks", ("until",)
    action_name: list[str] | None = query(default=None)
    status: list[str] | None = query(default=None)
    resource_id: str | None = query(default=None, kw_only=True)
    until: When | None = query(default=None, name="max_timestamp", kw_only=True)


class TasksGroup(AdminGroup):
    """`admin.tasks`."""

    list_tasks = Call(ListTasks)
