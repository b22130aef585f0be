"""The server itself: version, background updates, statistics, notices to users."""

from __future__ import annotations

from typing import Any

from ..api.paging import Paged
from ..codec import field
from ..http.endpoint import Call, query
from .endpoint import AdminEndpoint
from .group import AdminGroup
from .moments import When
from .paging import check_page_size, listing
from .wire import Done, Flag, PageNumber, Record

__all__ = [
    "BackgroundUpdate",
    "BackgroundUpdates",
    "DeleteGroup",
    "GetBackgroundUpdates",
    "GetBackgroundUpdatesEnabled",
    "GetServerVersion",
    "LargestRooms",
    "ListLargestRooms",
    "ListUserMediaStatistics",
    "PutServerNotice",
    "RoomSize",
    "SendServerNotice",
    "SentNotice",
    "ServerGroup",
    "ServerVersion",
    "SetBackgroundUpdatesEnabled",
    "StartBackgroundJob",
    "Switch",
    "UserMediaStatistics",
    "UserMediaStatisticsPage",
]


class ServerVersion(Record):
    """Which Synapse it is."""

    server_version: str


class GetServerVersion(AdminEndpoint[ServerVersion]):
    """Ask which Synapse it is; anybody may. Source: version_api."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/server_version"
    NEEDS_AUTH, SENDS_TOKEN = False, False


class BackgroundUpdate(Record):
    """A change of the database that is under way."""

    name: str
    total_item_count: int = 0
    total_duration_ms: float = 0.0
    average_items_per_ms: float | None = None


class BackgroundUpdates(Record):
    """Whether the database is being changed in the background, and how, by database."""

    is_enabled: Flag = field(name="enabled")
    current_updates: dict[str, BackgroundUpdate] = field(factory=dict)


class GetBackgroundUpdates(AdminEndpoint[BackgroundUpdates]):
    """Ask how the database is being changed in the background. Source: background_updates, "Status"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/background_updates/status"


class Switch(Record):
    """Whether something is switched on."""

    is_enabled: Flag = field(name="enabled")


class GetBackgroundUpdatesEnabled(AdminEndpoint[Switch]):
    """Ask whether background updates are switched on. Source: background_updates, "Enabled"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/background_updates/enabled"


class SetBackgroundUpdatesEnabled(AdminEndpoint[Switch]):
    """Switch background updates on or off, until the server is started again. Source: "Enabled"."""

    METHOD, PATH = "POST", "/_synapse/admin/v1/background_updates/enabled"
    enabled: bool


class StartBackgroundJob(AdminEndpoint[Done]):
    """Start a background update: "populate_stats_process_rooms" or "regenerate_directory". Source: "Run"."""

    METHOD, PATH, PAST = "POST", "/_synapse/admin/v1/background_updates/start_job", ("before",)
    job_name: str
    old_key: str | None = field(default=None, kw_only=True)
    before: When | None = field(default=None, name="before_ts", kw_only=True)


class UserMediaStatistics(Record):
    """How much a user uploaded."""

    user_id: str
    displayname: str | None = None
    media_count: int = 0
    media_length: int = 0


class UserMediaStatisticsPage(Record):
    """A page of statistics."""

    users: list[UserMediaStatistics]
    total: int = 0
    next_token: PageNumber | None = None


class ListUserMediaStatistics(AdminEndpoint[UserMediaStatisticsPage]):
    """List a page of how much each user uploaded. Source: statistics, "Users' media usage statistics"."""

    METHOD, PATH, SINCE = "GET", "/_synapse/admin/v1/statistics/users/media", ("since", "until")
    from_: int | str | None = query(default=None, name="from")
    limit: int | None = query(default=None)
    since: When | None = query(default=None, name="from_ts", kw_only=True)
    until: When | None = query(default=None, name="until_ts", kw_only=True)
    search_term: str | None = query(default=None, kw_only=True)
    order_by: str | None = query(default=None, kw_only=True)
    dir: str | None = query(default=None, kw_only=True)


class RoomSize(Record):
    """About how many bytes of the database a room takes."""

    room_id: str
    estimated_size: int


class LargestRooms(Record):
    """The ten largest rooms."""

    rooms: list[RoomSize]


class ListLargestRooms(AdminEndpoint[LargestRooms]):
    """List the ten rooms that take most of a PostgreSQL database. Source: statistics, "Get largest rooms by size"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/statistics/database/rooms"


class SentNotice(Record):
    """The notice that was sent."""

    event_id: str


class SendServerNotice(AdminEndpoint[SentNotice]):
    """Send a user a notice from the server; `send_notice` is safe to repeat, this is not. Source: server_notices."""

    METHOD, PATH = "POST", "/_synapse/admin/v1/send_server_notice"
    user_id: str
    content: dict[str, Any]
    type: str | None = field(default=None, kw_only=True)
    state_key: str | None = field(default=None, kw_only=True)


class PutServerNotice(AdminEndpoint[SentNotice]):
    """Send a user a notice from the server, once for each transaction id. Source: server_notices."""

    METHOD, PATH = "PUT", "/_synapse/admin/v1/send_server_notice/{txn_id}"
    txn_id: str
    user_id: str
    content: dict[str, Any]
    type: str | None = field(default=None, kw_only=True)
    state_key: str | None = field(default=None, kw_only=True)


class DeleteGroup(AdminEndpoint[Done]):
    """Delete a group (community); Synapse dropped groups in 1.61, and answers `UnsupportedByServer` since."""

    METHOD, PATH = "POST", "/_synapse/admin/v1/delete_group/{group_id}"
    group_id: str


class ServerGroup(AdminGroup):
    """`admin.server`."""

    get_version = Call(GetServerVersion)
    get_background_updates = Call(GetBackgroundUpdates)
    get_background_updates_enabled = Call(GetBackgroundUpdatesEnabled)
    set_background_updates_enabled = Call(SetBackgroundUpdatesEnabled)
    start_background_job = Call(StartBackgroundJob)
    list_user_media_statistics = Call(ListUserMediaStatistics)
    list_largest_rooms = Call(ListLargestRooms)
    post_notice = Call(SendServerNotice)
    put_notice = Call(PutServerNotice)
    delete_group = Call(DeleteGroup)

    def send_notice(self, user_id: str, text: str) -> SentNotice:
        """Send a user a text from the server; it arrives once, however often the call has to be tried.

        Args:
            user_id: of this server.
            text: plain.

        Raises:
            HTTPError: notices are switched off on this server (400), or the user is not its own.
        """
        return self.put_notice(self._admin.new_transaction_id(), user_id, {"msgtype": "m.text", "body": text})

    def iter_user_media_statistics(
        self, *, page_size: int | None = None, **filters: Any
    ) -> Paged[UserMediaStatisticsPage, UserMediaStatistics]:
        """Yield how much each user uploaded.

        Args:
            page_size: how many to read at once.
            filters: as for `list_user_media_statistics`.

        Raises:
            UsageError: no page size.
            PagingError: the server's pages would never end.
        """
        limit = check_page_size(page_size)
        return listing(
            lambda token: self.list_user_media_statistics(token, limit, **filters),
            lambda page: page.users,
            lambda page: page.next_token,
            key=lambda user: user.user_id,
        )
