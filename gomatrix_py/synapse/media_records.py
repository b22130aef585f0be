"""Media of users and rooms, and what can be done with it. Source: media_admin_api."""

from __future__ import annotations

from ..codec import field
from ..http.endpoint import query
from .endpoint import LONG, AdminEndpoint
from .moments import When
from .wire import Done, Flag, Milliseconds, PageNumber, Record

__all__ = [
    "DeleteLocalMedia",
    "DeleteMediaBefore",
    "DeleteUserMedia",
    "DeletedMedia",
    "GetMedia",
    "ListQuarantineChanges",
    "ListRoomMedia",
    "ListUserMedia",
    "Media",
    "MediaInfo",
    "ProtectMedia",
    "PurgeRemoteMedia",
    "PurgedMedia",
    "QuarantineChange",
    "QuarantineChanges",
    "QuarantineMedia",
    "QuarantineRoomMedia",
    "QuarantineUserMedia",
    "Quarantined",
    "RoomMedia",
    "UnprotectMedia",
    "UnquarantineMedia",
    "UserMediaPage",
]


class Media(Record):
    """One file."""

    media_id: str
    media_type: str | None = None
    media_length: int | None = None
    upload_name: str | None = None
    created_at: Milliseconds | None = field(default=None, name="created_ts")
    last_access_at: Milliseconds | None = field(default=None, name="last_access_ts")
    quarantined_by: str | None = None
    is_safe_from_quarantine: Flag = field(default=False, name="safe_from_quarantine")
    is_authenticated: Flag | None = field(default=None, name="authenticated")
    user_id: str | None = None
    url_cache: str | None = None
    sha256: str | None = None
    media_origin: str | None = None


class UserMediaPage(Record):
    """A page of a user's media."""

    media: list[Media]
    total: int = 0
    next_token: PageNumber | None = None


class ListUserMedia(AdminEndpoint[UserMediaPage]):
    """List a page of what a user uploaded, the newest first. Source: "List media uploaded by a user"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/users/{user_id}/media"
    user_id: str
    from_: int | str | None = query(default=None, name="from")
    limit: int | None = query(default=None, kw_only=True)
    order_by: str | None = query(default=None, kw_only=True)
    dir: str | None = query(default=None, kw_only=True)


class DeletedMedia(Record):
    """The media that was deleted, by id."""

    deleted_media: list[str] = field(factory=list)
    total: int = 0


class DeleteUserMedia(AdminEndpoint[DeletedMedia]):
    """Delete a page of what a user uploaded. Source: user_admin_api, "Delete media uploaded by a user"."""

    METHOD, PATH = "DELETE", "/_synapse/admin/v1/users/{user_id}/media"
    IS_REPEATABLE, LIMITS = False, LONG
    user_id: str
    from_: int | str | None = query(default=None, name="from")
    limit: int | None = query(default=None, kw_only=True)
    order_by: str | None = query(default=None, kw_only=True)
    dir: str | None = query(default=None, kw_only=True)


class RoomMedia(Record):
    """The addresses of the media of a room, as far as its events are not encrypted."""

    local: list[str] = field(factory=list)
    remote: list[str] = field(factory=list)


class ListRoomMedia(AdminEndpoint[RoomMedia]):
    """List the media of a room; a room nobody knows has none. Source: media_admin_api, "List all media in a room"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/room/{room_id}/media"
    room_id: str


class MediaInfo(Record):
    """All that Synapse says of one file."""

    media_info: Media


class GetMedia(AdminEndpoint[MediaInfo]):
    """Read what Synapse knows of a file, a remote one where it is cached. Source: "Query a piece of media by ID"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/media/{server_name}/{media_id}"
    server_name: str
    media_id: str


class DeleteLocalMedia(AdminEndpoint[DeletedMedia]):
    """Delete one file of this server. Source: media_admin_api, "Delete a specific local media"."""

    METHOD, PATH, IS_REPEATABLE = "DELETE", "/_synapse/admin/v1/media/{server_name}/{media_id}", False
    server_name: str
    media_id: str


class DeleteMediaBefore(AdminEndpoint[DeletedMedia]):
    """Delete files of this server that nobody looked at since a moment, and that are larger than `size_gt` bytes.

    Quarantined and protected ones stay, and profile pictures unless `keep_profiles` is False.
    Source: media_admin_api, "Delete local media by date or size".
    """

    METHOD, PATH, LIMITS, PAST = "POST", "/_synapse/admin/v1/media/delete", LONG, ("before",)
    before: When = query(name="before_ts")
    size_gt: int | None = query(default=None)
    keep_profiles: bool | None = query(default=None, kw_only=True)


class PurgedMedia(Record):
    """How many files were removed."""

    deleted: int


class PurgeRemoteMedia(AdminEndpoint[PurgedMedia]):
    """Remove copies of other servers' files that nobody looked at since a moment. Source: "Purge Remote Media"."""

    METHOD, PATH, LIMITS, PAST = "POST", "/_synapse/admin/v1/purge_media_cache", LONG, ("before",)
    before: When = query(name="before_ts")


class QuarantineMedia(AdminEndpoint[Done]):
    """Keep everybody from seeing a file and all equal ones; an unknown one is no error.

    Source: media_admin_api, "Quarantining media by ID".
    """

    METHOD, PATH = "POST", "/_synapse/admin/v1/media/quarantine/{server_name}/{media_id}"
    server_name: str
    media_id: str


class UnquarantineMedia(AdminEndpoint[Done]):
    """Let everybody see a file again. Source: media_admin_api, "Remove media from quarantine by ID"."""

    METHOD, PATH = "POST", "/_synapse/admin/v1/media/unquarantine/{server_name}/{media_id}"
    server_name: str
    media_id: str


class Quarantined(Record):
    """How many files were quarantined."""

    num_quarantined: int


class QuarantineRoomMedia(AdminEndpoint[Quarantined]):
    """Quarantine the media of a room, protected files left out. Source: "Quarantining media in a room"."""

    METHOD, PATH, LIMITS = "POST", "/_synapse/admin/v1/room/{room_id}/media/quarantine", LONG
    room_id: str


class QuarantineUserMedia(AdminEndpoint[Quarantined]):
    """Quarantine what a user of this server uploaded. Source: "Quarantining all media of a user"."""

    METHOD, PATH, LIMITS = "POST", "/_synapse/admin/v1/user/{user_id}/media/quarantine", LONG
    user_id: str


class ProtectMedia(AdminEndpoint[Done]):
    """Keep a file of this server from being quarantined. Source: "Protecting media from being quarantined"."""

    METHOD, PATH = "POST", "/_synapse/admin/v1/media/protect/{media_id}"
    media_id: str


class UnprotectMedia(AdminEndpoint[Done]):
    """Let a file of this server be quarantined again. Source: "Unprotecting media from being quarantined"."""

    METHOD, PATH = "POST", "/_synapse/admin/v1/media/unprotect/{media_id}"
    media_id: str


class QuarantineChange(Record):
    """A file that was quarantined, or no longer is."""

    media_id: str
    is_quarantined: Flag = field(name="quarantined")
    origin: str | None = None


class QuarantineChanges(Record):
    """A page of changes, the oldest first; `next_batch` is where the next one begins, at the end too."""

    changes: list[QuarantineChange]
    next_batch: PageNumber | None = None


class ListQuarantineChanges(AdminEndpoint[QuarantineChanges]):
    """List a page of what was quarantined and unquarantined. Source: media_admin_api, "Listing quarantined media"."""

    METHOD, PATH = "GET", "/_synapse/admin/v1/media/quarantine_changes"
    from_: int | str | None = query(default=None, name="from")
