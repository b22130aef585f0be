"""What users reported: events and users. Source: event_reports; reports of users are undocumented."""

from __future__ import annotations

from typing import Any

from ..api.paging import Paged
from ..codec import field
from ..http.endpoint import Call, query
from .endpoint import AdminEndpoint
from .group import AdminGroup
from .paging import check_page_size, listing
from .wire import Done, Milliseconds, PageNumber, Record

__all__ = [
    "DeleteEventReport",
    "DeleteUserReport",
    "EventReport",
    "EventReportPage",
    "GetEventReport",
    "GetUserReport",
    "ListEventReports",
    "ListUserReports",
    "ReportedEvent",
    "ReportsGroup",
    "UserReport",
    "UserReportPage",
]


class EventReport(Record):
    """An event that a user reported; `sender` sent it."""

    id: int
    received_at: Milliseconds | None = field(default=None, name="received_ts")
    room_id: str = ""
    event_id: str = ""
    user_id: str = ""
    sender: str | None = None
    reason: str | None = None
    score: int | None = None
    name: str | None = None
    canonical_alias: str | None = None


class ReportedEvent(EventReport):
    """A report with its event, as servers exchange it."""

    event_json: dict[str, Any] = field(factory=dict)


class EventReportPage(Record):
    """A page of reports of events."""

    event_reports: list[EventReport]
    total: int = 0
    next_token: PageNumber | None = None


class ListEventReports(AdminEndpoint[EventReportPage]):
    """List a page of reported events, the newest first unless `dir` is "f". Source: "Show reported events"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/event_reports"
    from_: int | str | None = query(default=None, name="from")
    limit: int | None = query(default=None)
    dir: str | None = query(default=None, kw_only=True)
    user_id: str | None = query(default=None, kw_only=True)
    room_id: str | None = query(default=None, kw_only=True)
    event_sender_user_id: str | None = query(default=None, kw_only=True)


class GetEventReport(AdminEndpoint[ReportedEvent]):
    """Read a report and its event. Source: event_reports, "Show details of a specific event report"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/event_reports/{report_id}"
    report_id: int | str


class DeleteEventReport(AdminEndpoint[Done]):
    """Delete a report; the event stays. Source: event_reports, "Delete a specific event report"."""

    METHOD, PATH, IS_REPEATABLE = "DELETE", "/_synapse/admin/v1/event_reports/{report_id}", False
    report_id: int | str


class UserReport(Record):
    """A user whom another user reported."""

    id: int
    received_at: Milliseconds | None = field(default=None, name="received_ts")
    target_user_id: str = ""
    user_id: str = ""
    reason: str | None = None


class UserReportPage(Record):
    """A page of reports of users."""

    user_reports: list[UserReport]
    total: int = 0
    next_token: PageNumber | None = None


class ListUserReports(AdminEndpoint[UserReportPage]):
    """List a page of reported users, the newest first unless `dir` is "f". Undocumented by Synapse."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/user_reports"
    from_: int | str | None = query(default=None, name="from")
    limit: int | None = query(default=None)
    dir: str | None = query(default=None, kw_only=True)
    user_id: str | None = query(default=None, kw_only=True)
    target_user_id: str | None = query(default=None, kw_only=True)


class GetUserReport(AdminEndpoint[UserReport]):
    """Read a report of a user. Undocumented by Synapse."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/user_reports/{report_id}"
    report_id: int | str


class DeleteUserReport(AdminEndpoint[Done]):
    """Delete a report of a user. Undocumented by Synapse."""

    METHOD, PATH, IS_REPEATABLE = "DELETE", "/_synapse/admin/v1/user_reports/{report_id}", False
    report_id: int | str


class ReportsGroup(AdminGroup):
    """`admin.reports`."""

    list_event_reports = Call(ListEventReports)
    get_event_report = Call(GetEventReport)
    delete_event_report = Call(DeleteEventReport)
    list_user_reports = Call(ListUserReports)
    get_user_report = Call(GetUserReport)
    delete_user_report = Call(DeleteUserReport)

    def iter_event_reports(
        self, *, page_size: int | None = None, **filters: Any
    ) -> Paged[EventReportPage, EventReport]:
        """Yield every reported event.

        Args:
            page_size: how many to read at once.
            filters: as for `list_event_reports`.

        Raises:
            UsageError: no page size.
            PagingError: the server's pages would never end.
        """
        limit = check_page_size(page_size)
        return listing(
            lambda token: self.list_event_reports(token, limit, **filters),
            lambda page: page.event_reports,
            lambda page: page.next_token,
            key=lambda report: report.id,
        )

    def iter_user_reports(self, *, page_size: int | None = None, **filters: Any) -> Paged[UserReportPage, UserReport]:
        """Yield every reported user; see `iter_event_reports`."""
        limit = check_page_size(page_size)
        return listing(
            lambda token: self.list_user_reports(token, limit, **filters),
            lambda page: page.user_reports,
            lambda page: page.next_token,
            key=lambda report: report.id,
        )
