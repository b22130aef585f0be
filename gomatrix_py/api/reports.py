"""Reporting content to those who run the server. Spec: "Reporting Content"."""

from __future__ import annotations

from ..http.endpoint import Call, Empty, Endpoint
from .base import Api

__all__ = ["ReportEvent", "ReportRoom", "ReportUser", "ReportsApi"]


class ReportRoom(Endpoint[Empty]):
    """Report a room. Spec: POST /rooms/{roomId}/report."""

    METHOD, PATH, RATE_LIMITED, ADDED = "POST", "/_matrix/client/v3/rooms/{room_id}/report", True, "1.13"
    room_id: str
    reason: str


class ReportEvent(Endpoint[Empty]):
    """Report an event. Spec: POST /rooms/{roomId}/report/{eventId}."""

    METHOD, PATH = "POST", "/_matrix/client/v3/rooms/{room_id}/report/{event_id}"
    room_id: str
    event_id: str
    reason: str | None = None


class ReportUser(Endpoint[Empty]):
    """Report a user. Spec: POST /users/{userId}/report."""

    METHOD, PATH, RATE_LIMITED, ADDED = "POST", "/_matrix/client/v3/users/{user_id}/report", True, "1.14"
    user_id: str
    reason: str


class ReportsApi(Api):
    """Reports."""

    report_room = Call(ReportRoom)
    report_event = Call(ReportEvent)
    report_user = Call(ReportUser)
